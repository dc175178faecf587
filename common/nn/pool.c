#include "common/nn/pool.h"

#include <string.h>

#include "common/tensor/elementwise.h"

void trib_pool_forward(const trib_layer_plan *layer, size_t batch, const float *x, float *ret_y,
                       uint32_t *ret_winners) {
    for (size_t b = 0; b < batch; b++) {
        size_t at = b * trib_layer_outputs(layer);
        trib_rows_maximum(x + b * trib_layer_inputs(layer), layer->rows_out, layer->spec.size,
                          layer->channels_in, ret_y + at,
                          ret_winners == NULL ? NULL : ret_winners + at);
    }
}

void trib_pool_backward(const trib_layer_plan *layer, size_t batch, const uint32_t *winners,
                        const float *dy, float *ret_dx) {
    size_t channels = layer->channels_in;
    memset(ret_dx, 0, batch * trib_layer_inputs(layer) * sizeof *ret_dx);
    for (size_t b = 0; b < batch; b++) {
        float *example = ret_dx + b * trib_layer_inputs(layer);
        for (size_t group = 0; group < layer->rows_out; group++) {
            float *rows = example + group * layer->spec.size * channels;
            for (size_t i = 0; i < channels; i++) {
                rows[winners[i] * channels + i] = dy[i];
            }
            winners += channels;
            dy += channels;
        }
    }
}
