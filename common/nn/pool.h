/* Maximum over groups of rows, for each channel; rows that do not fill a group are dropped.
 *
 * shapes   x [batch, rows, channels]  y and winners [batch, rows / size, channels]
 * threads  pure
 */
#ifndef TRIB_NN_POOL_H
#define TRIB_NN_POOL_H

#include "common/nn/model_plan.h"

/* ret_winners (may be NULL): the row within its group, the first of equals. */
void trib_pool_forward(const trib_layer_plan *layer, size_t batch, const float *x, float *ret_y,
                       uint32_t *ret_winners);

/* The gradient goes to the winner alone. */
void trib_pool_backward(const trib_layer_plan *layer, size_t batch, const uint32_t *winners,
                        const float *dy, float *ret_dx);

#endif
