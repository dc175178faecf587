/* A gateway's contribution to a round: a vector of parameter differences, made small and bounded.
 *
 *     delta -> clip -> quantise -> pack            (gateway)      trib_update_pack
 *     packed -> view -> check -> fold              (cloud)        trib_update_view, _check
 *
 * The bound holds for the update as it is decoded: its L2 norm in double, taken as trib_norm_*
 * says, is at most the round's clip norm. The packer rescales until it is; the checker refuses.
 *
 * Packed form, little-endian, byte for byte (docs/protocol.md):
 *     u8 version = 1, u8 codec, u16 block, u32 count, u32 weight, then
 *     float32: count x f32                         (block = 0)
 *     int8:    ceil(count / block) x f32 scale, then count x i8; value = i8 * scale of its block
 *
 * threads  pure; safe from any thread
 * firmware portable: no heap, no stdio
 */
#ifndef TRIB_UPDATE_UPDATE_H
#define TRIB_UPDATE_UPDATE_H

#include "common/base/random.h"
#include "common/base/span.h"

typedef enum trib_codec { TRIB_CODEC_FLOAT32 = 1, TRIB_CODEC_INT8 = 2 } trib_codec;

enum {
    TRIB_UPDATE_HEADER_BYTES = 12,
    TRIB_UPDATE_BLOCK = 256,          /* int8 values that share a scale, as we pack them */
    TRIB_UPDATE_MAX_COUNT = 1 << 24,  /* parameters */
    TRIB_UPDATE_MAX_WEIGHT = 1 << 20, /* examples: 20 bits keep weight * i8 * scale exact */
    TRIB_NORM_LANES = 16
};

/* A packed update, looked into. Owns nothing: the bytes must outlive it. */
typedef struct trib_update_view {
    trib_codec codec;
    uint32_t count;
    uint32_t weight;
    uint32_t block;        /* int8 only */
    const uint8_t *scales; /* int8 only: f32, little-endian, unaligned */
    const uint8_t *values; /* f32 or i8 */
} trib_update_view;

/* Exact size of `count` parameters packed with `codec`. count <= TRIB_UPDATE_MAX_COUNT. */
size_t trib_update_packed_size(trib_codec codec, uint32_t count);

/* Clips, quantises and packs.
 *
 * shapes   delta [count], changed in place (clipped)
 * random   draws for stochastic rounding; int8 only, may be NULL for float32
 * errors   TRIB_E_ARGUMENT when delta holds NaN or infinity, or weight is 0 or too large
 *          TRIB_E_LIMIT when ret_packed is smaller than trib_update_packed_size
 */
TRIB_MUST_CHECK
trib_status trib_update_pack(trib_codec codec, float *delta, uint32_t count, uint32_t weight,
                             float clip_norm, trib_random *random, trib_writer *ret_packed);

/* Reads the header and finds the parts. TRIB_E_CORRUPT when sizes, codec, weight or scales are
 * not what the format allows (-128, negative, infinite or NaN scales included). */
TRIB_MUST_CHECK trib_status trib_update_open(trib_bytes packed, trib_update_view *ret_view);

/* The norm of the decoded update; TRIB_E_CORRUPT when a value is not finite, TRIB_E_LIMIT when the
 * norm is past the bound. The very arithmetic that the fold repeats. */
TRIB_MUST_CHECK trib_status trib_update_check(const trib_update_view *view, float clip_norm,
                                              double *ret_norm);

/* Decodes values [first, first + count) into ret_values. The range is the caller's to check. */
void trib_update_decode(const trib_update_view *view, uint32_t first, uint32_t count,
                        double *ret_values);

/* Sum of squares in double, in sixteen interleaved lanes: value i goes to lane i mod 16 in index
 * order, and lanes are added in their order at the end. A fixed order gives the same bits on every
 * machine, and sixteen lanes let the processor add in parallel (docs/adr/0002). */
typedef struct trib_norm {
    double lanes[TRIB_NORM_LANES];
} trib_norm;
/* `count` must be a multiple of 16 in every call but the last. */
void trib_norm_add_f32(trib_norm *norm, const uint8_t *values, uint32_t count);
void trib_norm_add_i8(trib_norm *norm, const uint8_t *values, uint32_t count, double scale);
double trib_norm_squared(const trib_norm *norm); /* NaN or infinity when a value was */

#endif
