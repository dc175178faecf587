#include "common/tensor/elementwise.h"

#include <math.h>
#include <string.h>

#include "common/base/vectorise.h"

/* The clones are static and called from thin public functions: clang 14 gives a clone another
 * symbol, which other files would not find. */

TRIB_CLONES
static void rows_add(float *restrict matrix, size_t rows, size_t columns,
                     const float *restrict row) {
    for (size_t r = 0; r < rows; r++) {
        float *to = matrix + r * columns;
        for (size_t i = 0; i < columns; i++) {
            to[i] += row[i];
        }
    }
}

TRIB_CLONES
static void rows_sum(const float *restrict matrix, size_t rows, size_t columns, float scale,
                     float keep, float *restrict sums) {
    for (size_t i = 0; i < columns; i++) {
        sums[i] = keep == 0.0f ? 0.0f : keep * sums[i];
    }
    for (size_t r = 0; r < rows; r++) {
        const float *from = matrix + r * columns;
        for (size_t i = 0; i < columns; i++) {
            sums[i] += scale * from[i];
        }
    }
}

/* An exponent of all ones. No early way out, so that it is a vector's work. */
TRIB_CLONES
static uint32_t count_wild(const float *values, size_t count) {
    uint32_t wild = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        wild |= (bits & 0x7F800000u) == 0x7F800000u ? 1u : 0u;
    }
    return wild;
}

bool trib_all_finite(const float *values, size_t count) {
    return count_wild(values, count) == 0;
}

TRIB_CLONES
static void subtract(size_t count, const float *restrict x, float *restrict y) {
    for (size_t i = 0; i < count; i++) {
        y[i] -= x[i];
    }
}

void trib_subtract(size_t count, const float *x, float *y) {
    subtract(count, x, y);
}

TRIB_CLONES
static void relu(size_t count, const float *x, float *y) {
    for (size_t i = 0; i < count; i++) {
        y[i] = x[i] < 0.0f ? 0.0f : x[i];
    }
}

TRIB_CLONES
static void relu_backward(size_t count, const float *restrict y, float *restrict gradient) {
    for (size_t i = 0; i < count; i++) {
        gradient[i] = y[i] > 0.0f ? gradient[i] : 0.0f;
    }
}

static inline void maximum_rows(const float *restrict x, size_t size, size_t channels,
                                float *restrict y) {
    for (size_t i = 0; i < channels; i++) {
        y[i] = x[i];
    }
    for (size_t row = 1; row < size; row++) {
        const float *from = x + row * channels;
        for (size_t i = 0; i < channels; i++) {
            y[i] = from[i] > y[i] ? from[i] : y[i];
        }
    }
}

static inline void maximum_rows_named(const float *restrict x, size_t size, size_t channels,
                                      float *restrict y, uint32_t *restrict winners) {
    for (size_t i = 0; i < channels; i++) {
        y[i] = x[i];
        winners[i] = 0;
    }
    for (size_t row = 1; row < size; row++) {
        const float *from = x + row * channels;
        for (size_t i = 0; i < channels; i++) {
            winners[i] = from[i] > y[i] ? (uint32_t)row : winners[i];
            y[i] = from[i] > y[i] ? from[i] : y[i];
        }
    }
}

TRIB_CLONES
static void rows_maximum(const float *x, size_t groups, size_t size, size_t channels, float *y,
                         uint32_t *winners) {
    for (size_t group = 0; group < groups; group++) {
        const float *from = x + group * size * channels;
        float *to = y + group * channels;
        if (winners == NULL) {
            maximum_rows(from, size, channels, to);
        } else {
            maximum_rows_named(from, size, channels, to, winners + group * channels);
        }
    }
}

TRIB_CLONES
static void adam_step(const trib_adam *adam, size_t count, const float *restrict gradient,
                      float *restrict mean, float *restrict square, float *restrict w) {
    const trib_adam a = *adam;
    for (size_t i = 0; i < count; i++) {
        float g = gradient[i] + a.l2 * w[i];
        mean[i] = a.beta1 * mean[i] + (1.0f - a.beta1) * g;
        square[i] = a.beta2 * square[i] + (1.0f - a.beta2) * g * g;
        w[i] -= a.rate * mean[i] / (sqrtf(square[i]) + a.epsilon);
    }
}

void trib_rows_add(float *matrix, size_t rows, size_t columns, const float *row) {
    rows_add(matrix, rows, columns, row);
}

void trib_rows_sum(const float *matrix, size_t rows, size_t columns, float scale, float keep,
                   float *sums) {
    rows_sum(matrix, rows, columns, scale, keep, sums);
}

void trib_relu(size_t count, const float *x, float *y) {
    relu(count, x, y);
}

void trib_relu_backward(size_t count, const float *y, float *gradient) {
    relu_backward(count, y, gradient);
}

void trib_rows_maximum(const float *x, size_t groups, size_t size, size_t channels, float *y,
                       uint32_t *winners) {
    rows_maximum(x, groups, size, channels, y, winners);
}

void trib_adam_step(const trib_adam *adam, size_t count, const float *gradient, float *mean,
                    float *square, float *w) {
    adam_step(adam, count, gradient, mean, square, w);
}
