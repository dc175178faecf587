#include "common/nn/conv1d.h"

#include <string.h>

#include "common/tensor/elementwise.h"

void trib_conv1d_patches(const trib_layer_plan *layer, size_t batch, const float *x,
                         float *ret_patches) {
    size_t step = (size_t)layer->spec.stride * layer->channels_in;
    for (size_t b = 0; b < batch; b++) {
        const float *example = x + b * trib_layer_inputs(layer);
        for (size_t row = 0; row < layer->rows_out; row++) {
            memcpy(ret_patches, example + row * step, layer->fan_in * sizeof *x);
            ret_patches += layer->fan_in;
        }
    }
}

trib_dense trib_conv1d_dense(const trib_kernels *kernels, const trib_layer_plan *layer,
                             size_t batch) {
    return (trib_dense){kernels, batch * layer->rows_out, layer->fan_in, layer->channels_out};
}

void trib_conv1d_gather(const trib_layer_plan *layer, size_t batch, const float *d_patches,
                        float *ret_dx) {
    size_t step = (size_t)layer->spec.stride * layer->channels_in;
    memset(ret_dx, 0, batch * trib_layer_inputs(layer) * sizeof *ret_dx);
    for (size_t b = 0; b < batch; b++) {
        float *example = ret_dx + b * trib_layer_inputs(layer);
        for (size_t row = 0; row < layer->rows_out; row++) {
            trib_rows_add(example + row * step, 1, layer->fan_in, d_patches);
            d_patches += layer->fan_in;
        }
    }
}
