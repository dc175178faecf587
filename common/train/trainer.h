/* Local training: epochs of minibatches over a gateway's examples.
 *
 * A trainer is made once for a model, a training plan and a kernel table, and used for many rounds
 * and (in simulation) many gateways. All its memory is one allocation, plus one array that grows
 * with the number of examples; a step allocates nothing.
 *
 * Everything random is keyed, so the same call gives the same bits under the same kernel table:
 * the order of epoch e comes from (seed, gateway, round * epochs + e, TRIB_PURPOSE_SHUFFLE), and
 * dropout from the same with TRIB_PURPOSE_DROPOUT. The optimiser starts anew in each call. The
 * last batch of an epoch is used even if it is short.
 *
 * threads  a trainer belongs to one thread; several may train at once
 */
#ifndef TRIB_TRAIN_TRAINER_H
#define TRIB_TRAIN_TRAINER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/nn/network.h"
#include "common/nn/optimiser.h"
#include "common/nn/schedule.h"
#include "common/train/examples.h"

enum { TRIB_TRAIN_MAX_EPOCHS = 10000, TRIB_TRAIN_MAX_BATCH = 4096 };

typedef struct trib_train_plan {
    uint32_t epochs;     /* 1 .. TRIB_TRAIN_MAX_EPOCHS */
    uint32_t batch_size; /* 1 .. TRIB_TRAIN_MAX_BATCH */
    trib_optimiser_spec optimiser;
    trib_schedule schedule;
} trib_train_plan;

/* One piece of work: who trains, and for which round. */
typedef struct trib_train_task {
    uint64_t seed;
    const char *gateway;
    uint64_t round;          /* keys what is random */
    uint64_t schedule_round; /* since the lineage began, for the learning rate: round numbers carry
                                the cloud's incarnation in their high bits */
    const atomic_bool *stop; /* looked at before each step; NULL: never stops */
} trib_train_task;

typedef struct trib_train_result {
    double loss;     /* mean over the examples of the last epoch, each before its own step */
    size_t examples; /* in the set */
    uint64_t steps;
} trib_train_result;

typedef struct trib_trainer trib_trainer;

/* Copies what it is given.
 * errors   TRIB_E_ARGUMENT naming the field of the plan, TRIB_E_IO for memory */
TRIB_MUST_CHECK
trib_status trib_trainer_create(const trib_model_plan *model, const trib_train_plan *plan,
                                const trib_kernels *kernels, trib_trainer **ret_trainer);
void trib_trainer_destroy(trib_trainer *trainer);
void trib_trainer_destroy_scoped(trib_trainer **trainer); /* for TRIB_SCOPED */

/* parameters: the base on entry, trained on return; on failure they are neither.
 * errors   TRIB_E_ARGUMENT for no examples or examples of another model, TRIB_E_RETRY if stopped,
 *          TRIB_E_STATE if the loss or a parameter became NaN or infinite, TRIB_E_IO for memory */
TRIB_MUST_CHECK
trib_status trib_train_local(trib_trainer *trainer, float *parameters,
                             const trib_examples *examples, const trib_train_task *task,
                             trib_train_result *ret_result);

/* How well a model does. */
typedef struct trib_score {
    size_t count;
    double loss;     /* as the model's loss */
    double accuracy; /* classes; 0 otherwise */
    double rmse;     /* values and reconstruction, over all outputs; 0 for classes */
    double mae;
} trib_score;

/* What else scoring may fill in; each may be NULL. */
typedef struct trib_score_details {
    int32_t *predictions; /* [count] classes: the most probable, the first of equals */
    uint32_t *confusion; /* [classes, classes], row: label, column: prediction; is set, not added */
    float *errors;       /* [count] values and reconstruction: mean squared error of an example */
} trib_score_details;

/* Dropout is left out. `details` may be NULL.
 * errors   TRIB_E_ARGUMENT for no examples or examples of another model */
TRIB_MUST_CHECK
trib_status trib_train_score(trib_trainer *trainer, const float *parameters,
                             const trib_examples *examples, const trib_score_details *details,
                             trib_score *ret_score);

#endif
