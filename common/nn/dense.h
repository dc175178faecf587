/* y = x.w^T + b, over a batch.
 *
 * shapes   x [batch, in]  y [batch, out]  parameters: w [out, in], then b [out]; row-major f32
 * owns     nothing; outputs must not overlap inputs
 * threads  pure
 */
#ifndef TRIB_NN_DENSE_H
#define TRIB_NN_DENSE_H

#include "common/tensor/kernels.h"

typedef struct trib_dense {
    const trib_kernels *kernels;
    size_t batch;
    size_t in;
    size_t out;
} trib_dense;

/* Where a layer's gradient goes: values = scale * gradient + keep * values.
 *
 * One form for all optimisers, because the product that makes the gradient can write it anywhere:
 * plain SGD puts it into the parameters themselves (scale -rate, keep 1 - rate * l2), momentum
 * into the velocity (scale 1, keep momentum), Adam into a gradient (scale 1, keep 0). */
typedef struct trib_gradient_sink {
    float *values; /* a whole parameter block */
    float scale;
    float keep_weights;
    float keep_biases;
} trib_gradient_sink;

void trib_dense_forward(const trib_dense *dense, const float *parameters, const float *x,
                        float *ret_y);

/* ret_dx = dy.w, [batch, in]. Call before the weights are changed. */
void trib_dense_backward_input(const trib_dense *dense, const float *parameters, const float *dy,
                               float *ret_dx);

/* Adds dw = dy^T.x and db to the sink, which begins with this layer's weights. */
void trib_dense_backward_parameters(const trib_dense *dense, const float *x, const float *dy,
                                    const trib_gradient_sink *sink);

#endif
