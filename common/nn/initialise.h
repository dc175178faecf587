/* The first parameters of a lineage.
 *
 * Weights of a layer are normal with variance 2 / fan_in if a relu follows (also behind pooling,
 * flattening or dropout), 1 / fan_in otherwise and for the last layer with parameters, times
 * initial_scale; biases are 0. Draws come from (seed, "", layer index, TRIB_PURPOSE_WEIGHTS) in
 * the order of the block, so a layer's weights do not depend on the layers before it.
 *
 * source   He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015, eq. 10
 * threads  pure
 */
#ifndef TRIB_NN_INITIALISE_H
#define TRIB_NN_INITIALISE_H

#include "common/nn/model_plan.h"

/* shapes   ret_parameters [plan->parameter_count] */
void trib_model_initialise(const trib_model_plan *plan, uint64_t seed, float *ret_parameters);

#endif
