#include "common/nn/activation.h"

#include <math.h>

#include "common/base/status.h"
#include "common/tensor/elementwise.h"

void trib_activation_forward(trib_layer_kind kind, size_t count, const float *x, float *ret_y) {
    if (kind == TRIB_LAYER_RELU) {
        trib_relu(count, x, ret_y);
    } else if (kind == TRIB_LAYER_TANH) {
        for (size_t i = 0; i < count; i++) {
            ret_y[i] = tanhf(x[i]);
        }
    } else {
        TRIB_ASSERT(kind == TRIB_LAYER_SIGMOID);
        for (size_t i = 0; i < count; i++) {
            ret_y[i] = 1.0f / (1.0f + expf(-x[i])); /* expf may be infinity: the result is 0 */
        }
    }
}

void trib_activation_backward(trib_layer_kind kind, size_t count, const float *y, float *gradient) {
    if (kind == TRIB_LAYER_RELU) {
        trib_relu_backward(count, y, gradient);
    } else if (kind == TRIB_LAYER_TANH) {
        for (size_t i = 0; i < count; i++) {
            gradient[i] *= 1.0f - y[i] * y[i];
        }
    } else {
        TRIB_ASSERT(kind == TRIB_LAYER_SIGMOID);
        for (size_t i = 0; i < count; i++) {
            gradient[i] *= y[i] * (1.0f - y[i]);
        }
    }
}
