/* Scoring a model on clients' data: shared by simulation and by `tributary score`.
 *
 * threads  one a scorer
 */
#ifndef TRIB_SIMULATE_SCORING_H
#define TRIB_SIMULATE_SCORING_H

#include "common/contribution/contribution.h"
#include "common/recording/example_maker.h"
#include "common/simulate/dataset.h"
#include "common/simulate/tally.h"

/* Which of a client's examples are scored. */
static inline const trib_examples *trib_scored_part(const trib_federation *federation,
                                                    const trib_client_data *client) {
    return federation->source.split == TRIB_SPLIT_NONE ? &client->train : &client->test;
}

typedef struct trib_scoring {
    const trib_federation *federation;
    trib_contributor *contributor; /* for its trainer */
    const trib_model *model;
    uint32_t *confusion;  /* [classes, classes], added to; may be NULL */
    int32_t *predictions; /* [scored examples]: class, or 1 for an anomaly; may be NULL */
    float *scores;        /* [scored examples]: error of reconstruction or T2; may be NULL */
} trib_scoring;

/* Anomalies are judged where the client's own training part sets a threshold.
 * TRIB_E_STATE for a client without anything to score, or too little to calibrate on. */
TRIB_MUST_CHECK trib_status trib_score_client(const trib_scoring *scoring,
                                              const trib_client_data *client,
                                              trib_tally *ret_tally);

/* All clients of a dataset. Those that cannot be scored (TRIB_E_STATE above) are left out, with a
 * tally of zero; ret_clients [data->count] may be NULL. TRIB_E_STATE if none can. */
TRIB_MUST_CHECK trib_status trib_score_dataset(const trib_scoring *scoring,
                                               const trib_dataset *data, trib_tally *ret_clients,
                                               trib_tally *ret_sum);

/* reconstruct: the detector's quantile of the client's training errors.
 * errors   TRIB_E_STATE without training examples */
TRIB_MUST_CHECK trib_status trib_client_threshold(const trib_scoring *scoring,
                                                  const trib_client_data *client,
                                                  double *ret_threshold);

/* A copy of examples, normalised with the model. The caller deinits it. */
TRIB_MUST_CHECK trib_status trib_examples_copy_normalised(const trib_examples *examples,
                                                          const trib_model *model,
                                                          trib_examples *ret_copy);

#endif
