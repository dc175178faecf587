#include "common/nn/dense.h"

#include "common/tensor/elementwise.h"

void trib_dense_forward(const trib_dense *dense, const float *parameters, const float *x,
                        float *ret_y) {
    trib_product product = {dense->batch, dense->out, dense->in, 1.0f, 0.0f};
    dense->kernels->product_nt(&product, x, parameters, ret_y);
    trib_rows_add(ret_y, dense->batch, dense->out, parameters + dense->out * dense->in);
}

void trib_dense_backward_input(const trib_dense *dense, const float *parameters, const float *dy,
                               float *ret_dx) {
    trib_product product = {dense->batch, dense->in, dense->out, 1.0f, 0.0f};
    dense->kernels->product_nn(&product, dy, parameters, ret_dx);
}

void trib_dense_backward_parameters(const trib_dense *dense, const float *x, const float *dy,
                                    const trib_gradient_sink *sink) {
    trib_product product = {dense->out, dense->in, dense->batch, sink->scale, sink->keep_weights};
    dense->kernels->product_tn(&product, dy, x, sink->values);
    trib_rows_sum(dy, dense->batch, dense->out, sink->scale, sink->keep_biases,
                  sink->values + dense->out * dense->in);
}
