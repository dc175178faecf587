/* Convolution along the rows, channels last, without padding.
 *
 * A window of `kernel` rows is contiguous in memory, so laying the windows out as the rows of a
 * matrix ("im2col") is one memcpy per window, and the convolution is then a dense layer over them.
 *
 * shapes   x [batch, rows, channels]  y [batch, rows_out, filters]
 *          patches [batch * rows_out, kernel * channels]
 *          parameters: w [filters, kernel, channels], then b [filters]
 * owns     nothing; outputs must not overlap inputs
 * threads  pure
 */
#ifndef TRIB_NN_CONV1D_H
#define TRIB_NN_CONV1D_H

#include "common/nn/dense.h"
#include "common/nn/model_plan.h"

/* Fills ret_patches, which the backward pass reads again. */
void trib_conv1d_patches(const trib_layer_plan *layer, size_t batch, const float *x,
                         float *ret_patches);

/* The dense layer over the patches. */
trib_dense trib_conv1d_dense(const trib_kernels *kernels, const trib_layer_plan *layer,
                             size_t batch);

/* Adds up the gradients of overlapping windows: ret_dx [batch, rows, channels]. */
void trib_conv1d_gather(const trib_layer_plan *layer, size_t batch, const float *d_patches,
                        float *ret_dx);

#endif
