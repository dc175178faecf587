/* Training for microcontrollers: SGD on the last dense layer alone, one example at a time.
 *
 * The layers before it act as a fixed feature extractor, so no activation has to be kept and no
 * gradient goes further down. The same step as a batch of one with plain SGD.
 *
 * threads  the owner of the parameters
 */
#ifndef TRIB_NN_LAST_LAYER_H
#define TRIB_NN_LAST_LAYER_H

#include "common/nn/model_plan.h"

/* What the example should have given: a label for classes, values [output_count] otherwise. */
typedef struct trib_last_layer_target {
    int32_t label;
    const float *values;
} trib_last_layer_target;

typedef struct trib_last_layer_rate {
    float rate;
    float l2; /* on weights */
} trib_last_layer_rate;

/* features: the last layer's input, from trib_model_infer_features. output: [output_count] floats
 * of the caller's to work in. Changes the last layer's part of `parameters`.
 * errors   TRIB_E_ARGUMENT if the model does not end with a dense layer or the label is no class;
 *          nothing is changed then */
TRIB_MUST_CHECK
trib_status trib_last_layer_step(const trib_model_plan *plan, float *parameters,
                                 const float *features, const trib_last_layer_target *target,
                                 const trib_last_layer_rate *rate, float *output, float *ret_loss);

#endif
