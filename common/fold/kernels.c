/* The inner loops of the fold; compiled with -O3. Clones are static: clang gives them other symbols. */
#include "common/fold/fold.h"

#include <string.h>

#include "common/base/vectorise.h"

/* Adding and subtracting 1.5 * 2^52 rounds a double below 2^51 to an integer, ties to even. */
#define ROUNDER 0x1.8p52

TRIB_CLONES
static void fold_f32(double *restrict pending, const uint8_t *restrict values, uint32_t count,
                          double factor) {
    for (uint32_t i = 0; i < count; i++) {
        float value;
        memcpy(&value, values + 4 * (size_t)i, sizeof value);
        pending[i] += ((double)value * factor + ROUNDER) - ROUNDER;
    }
}

TRIB_CLONES
static void fold_i8(double *restrict pending, const uint8_t *restrict values, uint32_t count,
                         double scale, double factor) {
    for (uint32_t i = 0; i < count; i++) {
        pending[i] += ((double)(int8_t)values[i] * scale * factor + ROUNDER) - ROUNDER;
    }
}

void trib_fold_kernel_f32(double *pending, const uint8_t *values, uint32_t count, double factor) {
    fold_f32(pending, values, count, factor);
}

void trib_fold_kernel_i8(double *pending, const uint8_t *values, uint32_t count, double scale,
                         double factor) {
    fold_i8(pending, values, count, scale, factor);
}
