/* The inner loops of the fold; compiled with -O3. Clones are static: clang gives them other
 * symbols.
 *
 * Adding passes over values and sum once: it is memory that it waits for. Sixteen values at a time,
 * in vectors that the compiler cuts into what the processor has, so that the norm's lanes stay in
 * registers; left to itself it keeps them in memory.
 */
#include "common/fold/fold.h"

#include <string.h>

#include "common/base/vectorise.h"

/* Adding 1.5 * 2^52 to a double below 2^51 rounds it to an integer, ties to even, and leaves that
 * integer in the low bits of the representation: their difference from ROUNDER's own is the
 * integer, in two's complement. What is not a number, or too large, gives other bits, but the same
 * each time. */
#define ROUNDER 0x1.8p52
#define ROUNDER_BITS UINT64_C(0x4338000000000000)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are read as they are packed");
_Static_assert(TRIB_NORM_LANES == 16, "two vectors of lanes");

enum { HALF = TRIB_NORM_LANES / 2, PIECE = 256 };
typedef float floats __attribute__((vector_size(HALF * 4), aligned(1), may_alias));
typedef double doubles __attribute__((vector_size(HALF * 8), aligned(8), may_alias));
typedef uint64_t words __attribute__((vector_size(HALF * 8), aligned(8), may_alias));

static inline uint64_t on_grid(double value, double factor) {
    double rounded = value * factor + ROUNDER;
    uint64_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    return bits - ROUNDER_BITS;
}

static inline double value_f32(const trib_fold_run *run, size_t at) {
    float value;
    memcpy(&value, run->values + 4 * at, sizeof value);
    return (double)value;
}

static inline double value_i8(const trib_fold_run *run, size_t at) {
    return (double)(int8_t)run->values[at] * run->scale;
}

/* Eight of sixteen: x goes into the norm's lanes and the sum. */
#define SQUARE_AND_ADD(half, x, to)                                                                \
    do {                                                                                           \
        (half) += (x) * (x);                                                                       \
        *(to) += (words)((x)*run->factor + ROUNDER) - ROUNDER_BITS;                                \
    } while (0)

TRIB_CLONES
static void fold_add_f32(uint64_t *restrict sum, const trib_fold_run *run, double *restrict norm) {
    doubles *lanes = (doubles *)(void *)norm, low = lanes[0], high = lanes[1];
    size_t i = 0;
    for (; i + TRIB_NORM_LANES <= run->count; i += TRIB_NORM_LANES) {
        const floats *from = (const floats *)(const void *)(run->values + 4 * i);
        words *to = (words *)(void *)(sum + i);
        doubles left = __builtin_convertvector(from[0], doubles);
        doubles right = __builtin_convertvector(from[1], doubles);
        SQUARE_AND_ADD(low, left, &to[0]);
        SQUARE_AND_ADD(high, right, &to[1]);
    }
    lanes[0] = low;
    lanes[1] = high;
    for (size_t lane = 0; i < run->count; i++, lane++) {
        double x = value_f32(run, i);
        norm[lane] += x * x;
        sum[i] += on_grid(x, run->factor);
    }
}

static inline void add_piece(uint64_t *restrict sum, const double *restrict wide, size_t count,
                             const trib_fold_run *run, double *restrict norm) {
    doubles *lanes = (doubles *)(void *)norm, low = lanes[0], high = lanes[1];
    size_t i = 0;
    for (; i + TRIB_NORM_LANES <= count; i += TRIB_NORM_LANES) {
        const doubles *from = (const doubles *)(const void *)(wide + i);
        words *to = (words *)(void *)(sum + i);
        SQUARE_AND_ADD(low, from[0], &to[0]);
        SQUARE_AND_ADD(high, from[1], &to[1]);
    }
    lanes[0] = low;
    lanes[1] = high;
    for (size_t lane = 0; i < count; i++, lane++) {
        norm[lane] += wide[i] * wide[i];
        sum[i] += on_grid(wide[i], run->factor);
    }
}

/* Widened into a buffer first, which compilers do well by themselves. */
TRIB_CLONES
static void fold_add_i8(uint64_t *restrict sum, const trib_fold_run *run, double *restrict norm) {
    double wide[PIECE];
    for (size_t first = 0, size; first < run->count; first += size) {
        size = run->count - first < PIECE ? run->count - first : PIECE;
        for (size_t i = 0; i < size; i++) {
            wide[i] = value_i8(run, first + i);
        }
        add_piece(sum + first, wide, size, run, norm);
    }
}

TRIB_CLONES
static void fold_take_f32(uint64_t *restrict sum, const trib_fold_run *run) {
    for (size_t i = 0; i < run->count; i++) {
        sum[i] -= on_grid(value_f32(run, i), run->factor);
    }
}

TRIB_CLONES
static void fold_take_i8(uint64_t *restrict sum, const trib_fold_run *run) {
    for (size_t i = 0; i < run->count; i++) {
        sum[i] -= on_grid(value_i8(run, i), run->factor);
    }
}

void trib_fold_run_add(uint64_t *sum, trib_codec codec, const trib_fold_run *run, trib_norm *norm) {
    if (codec == TRIB_CODEC_FLOAT32) {
        fold_add_f32(sum, run, norm->lanes);
    } else {
        fold_add_i8(sum, run, norm->lanes);
    }
}

void trib_fold_run_take(uint64_t *sum, trib_codec codec, const trib_fold_run *run) {
    if (codec == TRIB_CODEC_FLOAT32) {
        fold_take_f32(sum, run);
    } else {
        fold_take_i8(sum, run);
    }
}
