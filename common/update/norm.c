/* The kernels that touch every value; compiled with -O3 so that lanes become vectors.
 * Clones are static: clang gives them other symbols. */
#include "common/update/update.h"

#include <string.h>

#include "common/base/vectorise.h"

enum { PIECE = 256 }; /* a multiple of TRIB_NORM_LANES */

static inline float load_f32(const uint8_t *from) {
    float value;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(&value, from, sizeof value);
#else
    uint32_t bits = trib_load_u32(from);
    memcpy(&value, &bits, sizeof value);
#endif
    return value;
}

TRIB_CLONES
static void norm_add_f32(trib_norm *norm, const uint8_t *values, uint32_t count) {
    double lanes[TRIB_NORM_LANES];
    memcpy(lanes, norm->lanes, sizeof lanes);
    uint32_t i = 0;
    for (; i + TRIB_NORM_LANES <= count; i += TRIB_NORM_LANES) {
        for (uint32_t lane = 0; lane < TRIB_NORM_LANES; lane++) {
            double x = (double)load_f32(values + 4 * (size_t)(i + lane));
            lanes[lane] += x * x;
        }
    }
    for (uint32_t lane = 0; i < count; i++, lane++) {
        double x = (double)load_f32(values + 4 * (size_t)i);
        lanes[lane] += x * x;
    }
    memcpy(norm->lanes, lanes, sizeof lanes);
}

enum { HALF = TRIB_NORM_LANES / 2 };
typedef double doubles __attribute__((vector_size(HALF * 8), aligned(8), may_alias));

/* Widened into a buffer first, which compilers do well by themselves; lanes as vectors, or they
 * would stay in memory. */
TRIB_CLONES
static void norm_add_i8(trib_norm *norm, const uint8_t *values, uint32_t count, double scale) {
    doubles *lanes = (doubles *)(void *)norm->lanes, low = lanes[0], high = lanes[1];
    double wide[PIECE];
    for (uint32_t first = 0, size; first < count; first += size) {
        size = count - first < PIECE ? count - first : PIECE;
        for (uint32_t i = 0; i < size; i++) {
            wide[i] = (double)(int8_t)values[first + i] * scale;
        }
        uint32_t i = 0;
        for (; i + TRIB_NORM_LANES <= size; i += TRIB_NORM_LANES) {
            const doubles *from = (const doubles *)(const void *)(wide + i);
            low += from[0] * from[0];
            high += from[1] * from[1];
        }
        lanes[0] = low;
        lanes[1] = high;
        for (uint32_t lane = 0; i < size; i++, lane++) { /* only the last piece has such */
            norm->lanes[lane] += wide[i] * wide[i];
        }
    }
}

void trib_norm_add_f32(trib_norm *norm, const uint8_t *values, uint32_t count) {
    norm_add_f32(norm, values, count);
}

void trib_norm_add_i8(trib_norm *norm, const uint8_t *values, uint32_t count, double scale) {
    norm_add_i8(norm, values, count, scale);
}

double trib_norm_squared(const trib_norm *norm) {
    double sum = 0;
    for (int lane = 0; lane < TRIB_NORM_LANES; lane++) {
        sum += norm->lanes[lane];
    }
    return sum;
}
