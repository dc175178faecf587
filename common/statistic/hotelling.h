/* Federated Hotelling T2: an anomaly is a drift that is large beside the drifts of normal running.
 *
 * An example has, for each channel, `mean` (the smoothed row) and `last` (the raw row); windows hop
 * by a row or a few, in order of time. With n examples of a gateway's normal running and `lag`
 * windows until two share no row:
 *
 *     gateway  the first half gives centre (median of smoothed rows, the first lag left out) and
 *              scale (1.4826 MAD of raw rows, at least floor); the second half, lag windows later,
 *              is standardised with it: z. It sends (1/n) sum z z' about zero: how far each
 *              direction drifts when nothing is wrong.
 *     cloud    M is the mean of these, weighted by examples.
 *     alarm    with centre and scale from all its normal examples, when z' M^-1 z is above the
 *              chi-squared quantile of `significance`.
 *
 * floor = detector.scale_floor times the fleet's geometric mean of deviations (the model's spread
 * of `last`), for sensors that hardly move: their MAD is 0.
 *
 * threads  a detector is read-only once made
 */
#ifndef TRIB_STATISTIC_HOTELLING_H
#define TRIB_STATISTIC_HOTELLING_H

#include "common/model/model.h"
#include "common/train/examples.h"

/* Examples below which a gateway has nothing to say. */
size_t trib_hotelling_least_examples(const trib_federation *federation);

/* ret_moment: upper triangle by rows, [trib_federation_parameter_count]. spread: the model's.
 * errors   TRIB_E_STATE with fewer examples than the least */
TRIB_MUST_CHECK trib_status trib_hotelling_moment(const trib_federation *federation,
                                                  const float *spread,
                                                  const trib_examples *examples, float *ret_moment);

typedef struct trib_hotelling trib_hotelling;

/* Calibrates on a gateway's examples of normal running.
 * errors   TRIB_E_STATE with fewer examples than the least, or a model without a round behind it;
 *          TRIB_E_ARGUMENT for a model of another task or a moment that is none */
TRIB_MUST_CHECK trib_status trib_hotelling_create(const trib_model *model,
                                                  const trib_examples *examples,
                                                  trib_hotelling **ret_detector);
void trib_hotelling_destroy(trib_hotelling *detector);
void trib_hotelling_destroy_scoped(trib_hotelling **detector);

double trib_hotelling_threshold(const trib_hotelling *detector);
/* T2 of one example [input_count]. */
double trib_hotelling_score(const trib_hotelling *detector, const float *example);

#endif
