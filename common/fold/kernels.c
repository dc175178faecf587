/* The inner loops of the fold; compiled with -O3. Clones are static: clang gives them other
 * symbols. */
#include "common/fold/fold.h"

#include <string.h>

#include "common/base/vectorise.h"

/* Adding 1.5 * 2^52 to a double below 2^51 rounds it to an integer, ties to even, and leaves that
 * integer in the low bits of the representation: their difference from ROUNDER's own is the
 * integer, in two's complement. What is not a number, or too large, gives other bits, but the same
 * each time. */
#define ROUNDER 0x1.8p52
#define ROUNDER_BITS UINT64_C(0x4338000000000000)

enum { PIECE = 64, LINE_BYTES = 64 };

static inline uint64_t on_grid(double value, double factor) {
    double rounded = value * factor + ROUNDER;
    uint64_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    return bits - ROUNDER_BITS;
}

static inline double load_f32(const uint8_t *from) {
    float value;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(&value, from, sizeof value);
#else
    uint32_t bits = trib_load_u32(from);
    memcpy(&value, &bits, sizeof value);
#endif
    return (double)value;
}

/* A piece of the values, widened; compilers vectorise each of these loops, but not all in one. */
static inline void add_piece(uint64_t *restrict sum, const double *restrict wide, size_t size,
                             double factor, double *restrict lanes) {
    size_t i = 0;
    for (; i + TRIB_NORM_LANES <= size; i += TRIB_NORM_LANES) {
        for (size_t lane = 0; lane < TRIB_NORM_LANES; lane++) {
            lanes[lane] += wide[i + lane] * wide[i + lane];
        }
    }
    for (size_t lane = 0; i < size; i++, lane++) {
        lanes[lane] += wide[i] * wide[i];
    }
    for (i = 0; i < size; i++) {
        sum[i] += on_grid(wide[i], factor);
    }
}

static inline void ask_for(const uint8_t *next, size_t size) {
    for (size_t at = 0; at < size; at += LINE_BYTES) {
        __builtin_prefetch(next + at);
    }
}

TRIB_CLONES
static void fold_add_f32(uint64_t *restrict sum, const trib_fold_run *run, double *restrict norm) {
    double lanes[TRIB_NORM_LANES];
    memcpy(lanes, norm, sizeof lanes);
    for (size_t first = 0, size; first < run->count; first += size) {
        const uint8_t *values = run->values + 4 * first;
        uint64_t *to = sum + first;
        size = run->count - first < PIECE ? run->count - first : PIECE;
        ask_for(run->next + 4 * first, 4 * size);
        size_t i = 0;
        for (; i + TRIB_NORM_LANES <= size; i += TRIB_NORM_LANES) {
            for (size_t lane = 0; lane < TRIB_NORM_LANES; lane++) {
                double x = load_f32(values + 4 * (i + lane));
                lanes[lane] += x * x;
            }
        }
        for (size_t lane = 0; i < size; i++, lane++) {
            double x = load_f32(values + 4 * i);
            lanes[lane] += x * x;
        }
        for (i = 0; i < size; i++) {
            to[i] += on_grid(load_f32(values + 4 * i), run->factor);
        }
    }
    memcpy(norm, lanes, sizeof lanes);
}

TRIB_CLONES
static void fold_add_i8(uint64_t *restrict sum, const trib_fold_run *run, double *restrict norm) {
    double lanes[TRIB_NORM_LANES], wide[PIECE];
    memcpy(lanes, norm, sizeof lanes);
    for (size_t first = 0, size; first < run->count; first += size) {
        size = run->count - first < PIECE ? run->count - first : PIECE;
        ask_for(run->next + first, size);
        for (size_t i = 0; i < size; i++) {
            wide[i] = (double)(int8_t)run->values[first + i] * run->scale;
        }
        add_piece(sum + first, wide, size, run->factor, lanes);
    }
    memcpy(norm, lanes, sizeof lanes);
}

TRIB_CLONES
static void fold_take_f32(uint64_t *restrict sum, const trib_fold_run *run) {
    for (size_t i = 0; i < run->count; i++) {
        sum[i] -= on_grid(load_f32(run->values + 4 * i), run->factor);
    }
}

TRIB_CLONES
static void fold_take_i8(uint64_t *restrict sum, const trib_fold_run *run) {
    for (size_t i = 0; i < run->count; i++) {
        sum[i] -= on_grid((double)(int8_t)run->values[i] * run->scale, run->factor);
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
