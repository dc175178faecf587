/* How gradients change parameters: SGD, momentum and Adam, with L2 on weights (not on biases),
 * added to the gradient (not decoupled).
 *
 *   sgd        w -= rate * (g + l2 w)
 *   momentum   v = momentum * v + g + l2 w;  w -= rate * v
 *   adam       Kingma and Ba, ICLR 2015, algorithm 1, of g + l2 w
 *
 * owns     nothing: the state is the caller's
 * threads  one
 */
#ifndef TRIB_NN_OPTIMISER_H
#define TRIB_NN_OPTIMISER_H

#include "common/nn/dense.h"
#include "common/nn/model_plan.h"

typedef enum trib_optimiser_kind {
    TRIB_OPTIMISER_SGD = 1,
    TRIB_OPTIMISER_MOMENTUM = 2,
    TRIB_OPTIMISER_ADAM = 3
} trib_optimiser_kind;

typedef struct trib_optimiser_spec {
    trib_optimiser_kind kind;
    float momentum; /* [0, 1), usually 0.9 */
    float beta1;    /* adam: [0, 1), usually 0.9 */
    float beta2;    /* adam: [0, 1), usually 0.999 */
    float epsilon;  /* adam: > 0, usually 1e-8 */
    float l2;       /* [0, 1]; 0 is none */
} trib_optimiser_spec;

typedef struct trib_optimiser {
    trib_optimiser_spec spec;
    const trib_model_plan *plan;
    trib_kernels kernels;
    float *state;  /* trib_optimiser_state_count floats */
    uint64_t step; /* since the last reset */
} trib_optimiser;

/* errors   TRIB_E_ARGUMENT naming the field */
TRIB_MUST_CHECK trib_status trib_optimiser_check(const trib_optimiser_spec *spec);

/* Floats of state: 0 for sgd, one block for momentum, three for adam. */
size_t trib_optimiser_state_count(const trib_optimiser_spec *spec, const trib_model_plan *plan);

void trib_optimiser_init(trib_optimiser *optimiser, const trib_optimiser_spec *spec,
                         const trib_kernels *kernels, const trib_model_plan *plan, float *state);

/* As new: state and step are 0. */
void trib_optimiser_reset(trib_optimiser *optimiser);

/* Where backward writes the gradient of this step. */
trib_gradient_sink trib_optimiser_sink(const trib_optimiser *optimiser, float *parameters,
                                       float rate);

/* After backward, with the same rate: finishes the step. */
void trib_optimiser_step(trib_optimiser *optimiser, float *parameters, float rate);

#endif
