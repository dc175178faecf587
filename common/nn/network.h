/* A model at work on batches: forward and backward through all layers.
 *
 * owns     nothing: its memory is one arena of the caller's, taken once and reused for each batch
 * threads  one
 */
#ifndef TRIB_NN_NETWORK_H
#define TRIB_NN_NETWORK_H

#include "common/base/arena.h"
#include "common/base/random.h"
#include "common/nn/dense.h"
#include "common/nn/model_plan.h"

typedef struct trib_layer_memory {
    float *output;     /* [batch, outputs]; the layer's input where it works in place */
    float *patches;    /* conv1d: its input as a matrix, kept for the backward pass */
    uint32_t *winners; /* max_pool */
    float *factors;    /* dropout */
} trib_layer_memory;

typedef struct trib_network {
    trib_kernels kernels;
    const trib_model_plan *plan; /* outlives the network */
    size_t capacity;             /* examples in the largest batch */
    float *input;                /* [capacity, input_count]: fill before forward */
    float *gradient;             /* [capacity, output_count]: fill before backward */
    float *spare;                /* the gradient's other place */
    float *d_patches;            /* NULL if no conv1d needs it */
    bool dropping;               /* whether the last forward pass applied dropout */
    trib_layer_memory layers[TRIB_MODEL_MAX_LAYERS];
} trib_network;

/* Bytes of arena that trib_network_init takes; SIZE_MAX if no size is enough. */
size_t trib_network_room(const trib_model_plan *plan, size_t capacity);

/* errors   TRIB_E_LIMIT if the arena is too small */
TRIB_MUST_CHECK
trib_status trib_network_init(trib_network *network, const trib_kernels *kernels,
                              const trib_model_plan *plan, size_t capacity, trib_arena *arena);

/* Output [batch, output_count] of the examples in network->input: logits for classes. In the
 * network's memory, valid until the next call. `dropout` NULL leaves dropout out. */
const float *trib_network_forward(trib_network *network, const float *parameters, size_t batch,
                                  trib_random *dropout);

/* After forward, with dL/d output in network->gradient, which is used up. Writes the gradient of
 * every parameter to the sink; sink->values may be `parameters` itself. */
void trib_network_backward(trib_network *network, const float *parameters, size_t batch,
                           const trib_gradient_sink *sink);

#endif
