/* A model specification with every shape worked out and checked.
 *
 * All parameters are one block of float32. Layer by layer, in order, each dense and conv1d layer
 * has its weights and then its bias, without gaps:
 *     dense   weights [units, in]                  bias [units]
 *     conv1d  weights [filters, kernel, channels]  bias [filters]
 * This order is part of the model file and of updates.
 *
 * owns     nothing: plain data, copied freely
 * threads  a plan is read-only after trib_model_plan_make
 */
#ifndef TRIB_NN_MODEL_PLAN_H
#define TRIB_NN_MODEL_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/nn/model_spec.h"

typedef struct trib_layer_plan {
    trib_layer_spec spec; /* with the defaults filled in */
    uint32_t rows_in;
    uint32_t channels_in;
    uint32_t rows_out;
    uint32_t channels_out;
    uint32_t fan_in;            /* weights of one output; 0: the layer has no parameters */
    uint32_t parameters_offset; /* of the weights, in the block */
    uint32_t bias_offset;       /* of the bias, in the block */
} trib_layer_plan;

typedef struct trib_model_plan {
    trib_loss_kind loss;
    trib_output_kind output;
    uint32_t layer_count;
    uint32_t last_trained; /* index of the last layer with parameters */
    trib_layer_plan layers[TRIB_MODEL_MAX_LAYERS];
    uint32_t input_count;   /* values of an example */
    uint32_t output_count;  /* classes, or values */
    uint32_t largest_count; /* values of an example at its widest, input and output included */
    uint32_t parameter_count;
} trib_model_plan;

static inline size_t trib_layer_inputs(const trib_layer_plan *layer) {
    return (size_t)layer->rows_in * layer->channels_in;
}
static inline size_t trib_layer_outputs(const trib_layer_plan *layer) {
    return (size_t)layer->rows_out * layer->channels_out;
}
static inline size_t trib_layer_weights(const trib_layer_plan *layer) {
    return (size_t)layer->fan_in * layer->channels_out;
}

/* "dense", "conv1d", "max_pool", ... as federation files spell them. Static storage. */
const char *trib_layer_name(trib_layer_kind kind);

/* errors   TRIB_E_ARGUMENT naming the layer and what does not fit, TRIB_E_LIMIT past a ceiling */
TRIB_MUST_CHECK
trib_status trib_model_plan_make(const trib_model_spec *spec, trib_model_plan *ret_plan);

#endif
