#include "common/nn/dropout.h"

void trib_dropout_draw(trib_random *random, float rate, size_t count, float *ret_factors) {
    float kept = 1.0f / (1.0f - rate);
    for (size_t i = 0; i < count; i++) {
        ret_factors[i] = trib_random_uniform(random) < rate ? 0.0f : kept;
    }
}

void trib_dropout_apply(size_t count, const float *x, const float *factors, float *ret_y) {
    for (size_t i = 0; i < count; i++) {
        ret_y[i] = x[i] * factors[i];
    }
}
