/* What a gateway contributes to a round, made from its examples: the same code on a gateway and in
 * a simulation, so that both give the same bytes.
 *
 * threads  a contributor belongs to one thread
 */
#ifndef TRIB_CONTRIBUTION_CONTRIBUTION_H
#define TRIB_CONTRIBUTION_CONTRIBUTION_H

#include "common/model/model.h"
#include "common/train/trainer.h"

typedef struct trib_contributor trib_contributor;

/* For one federation; reused over rounds and (in simulation) over gateways. `federation` outlives
 * it. Kernels are copied. */
TRIB_MUST_CHECK trib_status trib_contributor_create(const trib_federation *federation,
                                                    const trib_kernels *kernels,
                                                    trib_contributor **ret_contributor);
void trib_contributor_destroy(trib_contributor *contributor);
void trib_contributor_destroy_scoped(trib_contributor **contributor);

/* The trainer behind it, for scoring; NULL for a statistic. */
trib_trainer *trib_contributor_trainer(trib_contributor *contributor);

typedef struct trib_contribution {
    trib_bytes payload; /* packed; the contributor's, until its next call */
    uint32_t weight;
    uint32_t examples;
    double loss;
    uint64_t steps;
} trib_contribution;

/* Round 0: statistics of raw examples (before normalisation). TRIB_E_STATE without any example. */
TRIB_MUST_CHECK trib_status trib_contribute_statistics(trib_contributor *contributor,
                                                       const trib_examples *raw,
                                                       trib_contribution *ret_contribution);

/* Who contributes to which round, for the keys of every random draw. */
typedef struct trib_contribution_task {
    const char *gateway;
    uint32_t ordinal;        /* of the round within the lineage: 1, 2, 3 ... */
    const atomic_bool *stop; /* may be NULL */
} trib_contribution_task;

/* A round of training: trains from `base` on examples normalised with it, and packs the clipped
 * difference. TRIB_E_STATE without any example, or when training diverged; TRIB_E_RETRY if stopped.
 */
TRIB_MUST_CHECK trib_status trib_contribute_training(trib_contributor *contributor,
                                                     const trib_model *base,
                                                     const trib_examples *normalised,
                                                     const trib_contribution_task *task,
                                                     trib_contribution *ret_contribution);

/* The shape that examples of this federation have, also for a statistic (which has no network). */
void trib_contribution_examples_init(const trib_federation *federation, size_t ceiling,
                                     trib_examples *ret_examples);

/* In place, with a model's normalisation; nothing for a federation that does not normalise. */
void trib_examples_normalise(trib_examples *examples, const trib_model *model);

#endif
