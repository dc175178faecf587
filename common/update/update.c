#include "common/update/update.h"

#include <math.h>
#include <string.h>

#include "common/update/quantise.h"

enum { FORMAT_VERSION = 1, MAX_RESCALES = 64 };

static uint32_t block_count(uint32_t count, uint32_t block) {
    return count / block + (count % block != 0);
}

size_t trib_update_packed_size(trib_codec codec, uint32_t count) {
    switch (codec) {
    case TRIB_CODEC_FLOAT32:
        return TRIB_UPDATE_HEADER_BYTES + 4 * (size_t)count;
    case TRIB_CODEC_INT8:
        return TRIB_UPDATE_HEADER_BYTES + 4 * (size_t)block_count(count, TRIB_UPDATE_BLOCK) + count;
    }
    return 0;
}

static float scale_at(const trib_update_view *view, uint32_t block) {
    uint32_t bits = trib_load_u32(view->scales + 4 * (size_t)block);
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return scale;
}

/* The squared norm of a view; the one place that says in which order it is taken. */
static double squared_norm(const trib_update_view *view) {
    trib_norm norm = {{0}};
    if (view->codec == TRIB_CODEC_FLOAT32) {
        trib_norm_add_f32(&norm, view->values, view->count);
    } else {
        for (uint32_t first = 0; first < view->count; first += view->block) {
            uint32_t left = view->count - first;
            trib_norm_add_i8(&norm, view->values + first, left < view->block ? left : view->block,
                             (double)scale_at(view, first / view->block));
        }
    }
    return trib_norm_squared(&norm);
}

static bool within(double squared, float clip_norm) {
    return squared <= (double)clip_norm * (double)clip_norm; /* false for NaN; exact: 48 bits */
}

static void write_header(trib_writer *packed, trib_codec codec, uint32_t count, uint32_t weight) {
    trib_write_u8(packed, FORMAT_VERSION);
    trib_write_u8(packed, (uint8_t)codec);
    trib_write_u16(packed, codec == TRIB_CODEC_INT8 ? TRIB_UPDATE_BLOCK : 0);
    trib_write_u32(packed, count);
    trib_write_u32(packed, weight);
}

static void pack_int8(const float *delta, uint32_t count, trib_random *random, uint8_t *body) {
    uint8_t *steps = body + 4 * (size_t)block_count(count, TRIB_UPDATE_BLOCK);
    for (uint32_t first = 0; first < count; first += TRIB_UPDATE_BLOCK) {
        uint32_t left = count - first;
        float scale;
        trib_quantise_block(delta + first, left < TRIB_UPDATE_BLOCK ? left : TRIB_UPDATE_BLOCK,
                            random, &scale, steps + first);
        uint32_t bits;
        memcpy(&bits, &scale, sizeof bits);
        trib_store_u32(body + 4 * (size_t)(first / TRIB_UPDATE_BLOCK), bits);
    }
}

/* Multiplies the f32 numbers that carry the size of an update: values or scales. */
static void rescale(uint8_t *numbers, uint32_t count, double factor) {
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bits = trib_load_u32(numbers + 4 * (size_t)i);
        float value;
        memcpy(&value, &bits, sizeof value);
        value = (float)((double)value * factor);
        memcpy(&bits, &value, sizeof bits);
        trib_store_u32(numbers + 4 * (size_t)i, bits);
    }
}

/* Sums take turns in lanes first: what is well within the bound, as most is, needs no more. What
 * may be past it is summed in index order, from which the factor comes. */
static trib_status clip(float *delta, uint32_t count, float clip_norm) {
    double squared = trib_quantise_squared(delta, count);
    if (within(squared * (1 + 1e-6), clip_norm)) {
        return TRIB_SUCCESS;
    }
    squared = 0;
    for (uint32_t i = 0; i < count; i++) {
        squared += (double)delta[i] * (double)delta[i];
    }
    if (!isfinite(squared)) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "the update holds NaN or infinity: training diverged");
    }
    double norm = sqrt(squared);
    if (norm > (double)clip_norm) {
        double factor = (double)clip_norm / norm;
        for (uint32_t i = 0; i < count; i++) {
            delta[i] = (float)((double)delta[i] * factor);
        }
    }
    return TRIB_SUCCESS;
}

trib_status trib_update_pack(trib_codec codec, float *delta, uint32_t count, uint32_t weight,
                             float clip_norm, trib_random *random, trib_writer *ret_packed) {
    if (weight == 0 || weight > TRIB_UPDATE_MAX_WEIGHT || count == 0 ||
        count > TRIB_UPDATE_MAX_COUNT) {
        return TRIB_FAIL(TRIB_E_ARGUMENT,
                         "%u parameters of weight %u: at least 1, at most %d and %d", count, weight,
                         TRIB_UPDATE_MAX_COUNT, TRIB_UPDATE_MAX_WEIGHT);
    }
    size_t size = trib_update_packed_size(codec, count);
    if (ret_packed->overflow || size > ret_packed->capacity - ret_packed->size) {
        return TRIB_FAIL(TRIB_E_LIMIT, "a packed update needs %zu bytes", size);
    }
    TRIB_TRY(clip(delta, count, clip_norm));
    uint8_t *start = ret_packed->data + ret_packed->size;
    write_header(ret_packed, codec, count, weight);
    uint8_t *body = start + TRIB_UPDATE_HEADER_BYTES;
    uint32_t numbers = count;
    if (codec == TRIB_CODEC_INT8) {
        pack_int8(delta, count, random, body);
        numbers = block_count(count, TRIB_UPDATE_BLOCK);
    } else {
        for (uint32_t i = 0; i < count; i++) {
            trib_write_f32(ret_packed, delta[i]);
        }
    }
    ret_packed->size = (size_t)(start - ret_packed->data) + size;

    /* Stochastic rounding lengthens vectors, and so may rounding to float: shrink what carries the
     * size until the bound holds for what the cloud will decode. */
    double squared;
    trib_update_view view;
    TRIB_TRY(trib_update_open(trib_bytes_of(start, size), &view));
    for (int tries = 0; !within(squared = squared_norm(&view), clip_norm); tries++) {
        TRIB_ASSERT(tries < MAX_RESCALES);
        double margin = 1.0 - ldexp(1.0, -24 + tries);
        rescale(body, numbers, (double)clip_norm / sqrt(squared) * (margin > 0 ? margin : 0));
    }
    return TRIB_SUCCESS;
}

static trib_status check_int8(const trib_update_view *view) {
    for (uint32_t block = 0; block < block_count(view->count, view->block); block++) {
        float scale = scale_at(view, block);
        if (!(scale >= 0 && scale < INFINITY)) {
            return TRIB_FAIL(TRIB_E_CORRUPT, "block %u has the scale %g", block, (double)scale);
        }
    }
    if (memchr(view->values, 0x80, view->count) != NULL) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "-128 is not a step of this codec");
    }
    return TRIB_SUCCESS;
}

trib_status trib_update_open(trib_bytes packed, trib_update_view *ret_view) {
    trib_cursor cursor = trib_cursor_of(packed);
    uint8_t version, codec;
    uint16_t block;
    trib_update_view view = {.codec = TRIB_CODEC_FLOAT32};
    TRIB_TRY(trib_read_u8(&cursor, &version));
    TRIB_TRY(trib_read_u8(&cursor, &codec));
    TRIB_TRY(trib_read_u16(&cursor, &block));
    TRIB_TRY(trib_read_u32(&cursor, &view.count));
    TRIB_TRY(trib_read_u32(&cursor, &view.weight));
    if (version != FORMAT_VERSION || (codec != TRIB_CODEC_FLOAT32 && codec != TRIB_CODEC_INT8)) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "update of version %u with codec %u", version, codec);
    }
    if (view.count == 0 || view.count > TRIB_UPDATE_MAX_COUNT || view.weight == 0 ||
        view.weight > TRIB_UPDATE_MAX_WEIGHT) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "update of %u parameters with weight %u", view.count,
                         view.weight);
    }
    view.codec = (trib_codec)codec;
    view.block = block;
    trib_bytes part;
    if (codec == TRIB_CODEC_INT8) {
        if (block == 0 || block % TRIB_NORM_LANES != 0) {
            return TRIB_FAIL(TRIB_E_CORRUPT, "blocks of %u values", block);
        }
        TRIB_TRY(trib_read_bytes(&cursor, 4 * (size_t)block_count(view.count, block), &part));
        view.scales = part.data;
        TRIB_TRY(trib_read_bytes(&cursor, view.count, &part));
    } else {
        if (block != 0) {
            return TRIB_FAIL(TRIB_E_CORRUPT, "float32 with blocks of %u values", block);
        }
        TRIB_TRY(trib_read_bytes(&cursor, 4 * (size_t)view.count, &part));
    }
    view.values = part.data;
    if (cursor.left != 0) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "%zu bytes too many", cursor.left);
    }
    if (codec == TRIB_CODEC_INT8) {
        TRIB_TRY(check_int8(&view));
    }
    *ret_view = view;
    return TRIB_SUCCESS;
}

trib_status trib_update_check(const trib_update_view *view, float clip_norm, double *ret_norm) {
    double squared = squared_norm(view);
    if (!isfinite(squared)) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "the update holds NaN or infinity");
    }
    if (!within(squared, clip_norm)) {
        return TRIB_FAIL(TRIB_E_LIMIT, "the norm %.9g is past the bound %.9g", sqrt(squared),
                         (double)clip_norm);
    }
    *ret_norm = sqrt(squared);
    return TRIB_SUCCESS;
}

void trib_update_decode(const trib_update_view *view, uint32_t first, uint32_t count,
                        double *ret_values) {
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = first + i;
        if (view->codec == TRIB_CODEC_FLOAT32) {
            uint32_t bits = trib_load_u32(view->values + 4 * (size_t)at);
            float value;
            memcpy(&value, &bits, sizeof value);
            ret_values[i] = (double)value;
        } else {
            ret_values[i] =
                (double)(int8_t)view->values[at] * (double)scale_at(view, at / view->block);
        }
    }
}
