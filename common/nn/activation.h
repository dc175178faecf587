/* relu, tanh and sigmoid, element by element.
 *
 * All three know their derivative from their result, so y may be x's own storage.
 * threads  pure
 */
#ifndef TRIB_NN_ACTIVATION_H
#define TRIB_NN_ACTIVATION_H

#include <stddef.h>

#include "common/nn/model_spec.h"

/* relu passes NaN on, so that a broken input stays seen. */
void trib_activation_forward(trib_layer_kind kind, size_t count, const float *x, float *ret_y);

/* gradient: dL/dy on entry, dL/dx on return. */
void trib_activation_backward(trib_layer_kind kind, size_t count, const float *y, float *gradient);

#endif
