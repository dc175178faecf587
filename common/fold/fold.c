#include "common/fold/fold.h"

#include <math.h>
#include <string.h>

#include "common/base/heap.h"

enum {
    STRIPE = 1024,         /* values looked at, then added, while they are in the first cache */
    LOOSE_BITS = 46,       /* W * C / grid at most 2^46: 64 such contributions before a flush */
    MAX_CONTRIBUTION = 50, /* the design's two limits, as powers of two */
    MAX_SUM = 62,
    MAX_UPDATES = 1 << 24
};
#define MAX_PENDING 0x1p52

static int ceiling_log2(double value) {
    int exponent;
    double fraction = frexp(value, &exponent); /* value = fraction * 2^exponent, fraction in [.5, 1) */
    return fraction > 0.5 ? exponent : exponent - 1;
}

int32_t trib_fold_grid(const trib_fold_bounds *bounds) {
    int one = ceiling_log2((double)bounds->max_weight * (double)bounds->clip_norm);
    int all = ceiling_log2((double)bounds->max_weight * (double)bounds->clip_norm) +
              ceiling_log2((double)bounds->max_updates);
    int grid = one - LOOSE_BITS;
    return grid > all - MAX_SUM ? grid : all - MAX_SUM;
}

trib_status trib_fold_bounds_check(const trib_fold_bounds *bounds) {
    double clip = (double)bounds->clip_norm;
    if (bounds->max_updates == 0 || bounds->max_updates > MAX_UPDATES || bounds->max_weight == 0 ||
        bounds->max_weight > TRIB_UPDATE_MAX_WEIGHT || !(clip >= 0x1p-60 && clip <= 0x1p60)) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "no sum of %u updates of weight %u and norm %g",
                         bounds->max_updates, bounds->max_weight, clip);
    }
    if (bounds->grid_exponent < -200 || bounds->grid_exponent > 200) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "no grid of 2^%d", bounds->grid_exponent);
    }
    double one = ldexp((double)bounds->max_weight * clip, -bounds->grid_exponent);
    if (one > ldexp(1, MAX_CONTRIBUTION) || one * (double)bounds->max_updates > ldexp(1, MAX_SUM)) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "the grid 2^%d is too fine for %u updates of weight %u",
                         bounds->grid_exponent, bounds->max_updates, bounds->max_weight);
    }
    return TRIB_SUCCESS;
}

trib_status trib_fold_create(const trib_fold_bounds *bounds, uint32_t count, trib_fold **ret_fold) {
    TRIB_TRY(trib_fold_bounds_check(bounds));
    if (count == 0 || count > TRIB_UPDATE_MAX_COUNT) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "a sum of %u parameters", count);
    }
    TRIB_SCOPED(trib_fold_destroy_scoped) trib_fold *fold = trib_allocate(1, sizeof *fold);
    if (fold != NULL) {
        fold->pending = trib_allocate(count, sizeof *fold->pending);
        fold->sum = trib_allocate(count, sizeof *fold->sum);
    }
    if (fold == NULL || fold->pending == NULL || fold->sum == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a sum of %u parameters", count);
    }
    fold->bounds = *bounds;
    fold->count = count;
    *ret_fold = fold;
    fold = NULL;
    return TRIB_SUCCESS;
}

void trib_fold_destroy(trib_fold *fold) {
    if (fold != NULL) {
        trib_free(fold->pending);
        trib_free(fold->sum);
        trib_free(fold);
    }
}

void trib_fold_destroy_scoped(trib_fold **fold) {
    trib_fold_destroy(*fold);
}

void trib_fold_clear(trib_fold *fold) {
    memset(fold->pending, 0, fold->count * sizeof *fold->pending);
    memset(fold->sum, 0, fold->count * sizeof *fold->sum);
    fold->pending_bound = 0;
    fold->updates = 0;
    fold->weight = 0;
}

static void flush(trib_fold *fold) {
    if (fold->pending_bound > 0) {
        for (uint32_t i = 0; i < fold->count; i++) {
            fold->sum[i] += (int64_t)fold->pending[i];
            fold->pending[i] = 0;
        }
        fold->pending_bound = 0;
    }
}

static double largest_of(const trib_fold *fold, uint32_t weight) {
    return ldexp((double)weight * (double)fold->bounds.clip_norm, -fold->bounds.grid_exponent) + 1;
}

/* Makes sure that contributions of at most this size cannot carry a pending sum past 2^52. */
static void make_room(trib_fold *fold, double largest) {
    if (fold->pending_bound + largest > MAX_PENDING) {
        flush(fold);
    }
    fold->pending_bound += largest;
}

static double block_scale(const trib_update_view *update, uint32_t first) {
    uint32_t bits = trib_load_u32(update->scales + 4 * (size_t)(first / update->block));
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return (double)scale;
}

static uint32_t least(uint32_t left, uint32_t right) {
    return left < right ? left : right;
}

/* Adds values [first, first + count) and, with a norm, their squares first. int8 goes block by block,
 * since each has its own scale. */
static void add_range(double *pending, const trib_update_view *update, uint32_t first, uint32_t count,
                      double factor) {
    if (update->codec == TRIB_CODEC_FLOAT32) {
        trib_fold_kernel_f32(pending + first, update->values + 4 * (size_t)first, count, factor);
        return;
    }
    for (uint32_t end = first + count, size; first < end; first += size) {
        size = least(update->block - first % update->block, end - first);
        trib_fold_kernel_i8(pending + first, update->values + first, size,
                            block_scale(update, first), factor);
    }
}

static void add_norm(trib_norm *norm, const trib_update_view *update, uint32_t first,
                     uint32_t count) {
    if (update->codec == TRIB_CODEC_FLOAT32) {
        trib_norm_add_f32(norm, update->values + 4 * (size_t)first, count);
        return;
    }
    for (uint32_t end = first + count, size; first < end; first += size) {
        size = least(update->block - first % update->block, end - first);
        trib_norm_add_i8(norm, update->values + first, size, block_scale(update, first));
    }
}

static double factor_of(const trib_fold *fold, uint32_t weight) {
    return ldexp((double)weight, -fold->bounds.grid_exponent); /* exact: 20 bits and a power of 2 */
}

static trib_status check_outside(const trib_fold *fold, const trib_update_view *update) {
    if (update->count != fold->count) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "the update has %u parameters, the model %u", update->count,
                         fold->count);
    }
    if (update->weight == 0 || update->weight > fold->bounds.max_weight) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "the weight %u is not within 1 to %u", update->weight,
                         fold->bounds.max_weight);
    }
    if (fold->updates >= fold->bounds.max_updates) {
        return TRIB_FAIL(TRIB_E_LIMIT, "the round takes %u updates", fold->bounds.max_updates);
    }
    return TRIB_SUCCESS;
}

/* One update on its way through the stripes. */
typedef struct passage {
    const trib_update_view *update;
    double factor;
    trib_norm norm;
    double squared;
    uint32_t refused_at; /* the stripe where its norm went past the bound; count while it is fine */
    size_t index;
} passage;

/* Asks for an update's next stripe while this one is worked on: several streams that take turns defeat
 * the processor's own prefetcher. */
static void prefetch(const trib_update_view *update, uint32_t first) {
    size_t width = update->codec == TRIB_CODEC_FLOAT32 ? 4 : 1;
    size_t bytes = width * least(STRIPE, update->count - first);
    for (size_t at = 0; at < bytes; at += 64) {
        __builtin_prefetch(update->values + width * first + at);
    }
}

/* Within the first cache: the values are looked at, then added, before the next stripe. */
static void pass_stripe(trib_fold *fold, passage *one, uint32_t first, uint32_t size) {
    double bound = (double)fold->bounds.clip_norm * (double)fold->bounds.clip_norm;
    if (one->refused_at < fold->count) {
        return;
    }
    prefetch(one->update, first + size);
    add_norm(&one->norm, one->update, first, size);
    one->squared = trib_norm_squared(&one->norm);
    if (!(one->squared <= bound)) { /* squares only grow: it will not get better; NaN is caught too */
        one->refused_at = first;
        return;
    }
    add_range(fold->pending, one->update, first, size, one->factor);
}

static trib_status finish(trib_fold *fold, const passage *one) {
    if (one->refused_at == fold->count) {
        return TRIB_SUCCESS;
    }
    add_range(fold->pending, one->update, 0, one->refused_at, -one->factor);
    fold->updates--;
    fold->weight -= one->update->weight;
    return isfinite(one->squared) ? TRIB_FAIL(TRIB_E_LIMIT, "the norm is past the bound %g",
                                              (double)fold->bounds.clip_norm)
                                  : TRIB_FAIL(TRIB_E_CORRUPT, "the update holds NaN or infinity");
}

/* On a grid near its limit, a few of the largest contributions together would pass 2^52. */
static bool fits_at_once(const trib_fold *fold, const trib_update_view *updates, size_t count) {
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        largest += largest_of(fold, updates[i].weight);
    }
    return largest <= MAX_PENDING;
}

void trib_fold_add_several(trib_fold *fold, const trib_update_view *updates, size_t count,
                           trib_status *ret_statuses) {
    passage passages[TRIB_FOLD_SEVERAL];
    size_t passing = 0;
    double largest = 0;
    TRIB_ASSERT(count <= TRIB_FOLD_SEVERAL);
    if (count > 1 && !fits_at_once(fold, updates, count)) {
        for (size_t i = 0; i < count; i++) {
            trib_fold_add_several(fold, &updates[i], 1, &ret_statuses[i]);
        }
        return;
    }
    for (size_t i = 0; i < count; i++) {
        ret_statuses[i] = check_outside(fold, &updates[i]);
        if (trib_ok(ret_statuses[i])) {
            largest += largest_of(fold, updates[i].weight);
            passages[passing++] = (passage){.update = &updates[i],
                                            .factor = factor_of(fold, updates[i].weight),
                                            .refused_at = fold->count, .index = i};
            fold->updates++;
            fold->weight += updates[i].weight;
        }
    }
    make_room(fold, largest);
    for (uint32_t first = 0, size; first < fold->count; first += size) {
        size = least(STRIPE, fold->count - first);
        for (size_t i = 0; i < passing; i++) {
            pass_stripe(fold, &passages[i], first, size);
        }
    }
    for (size_t i = 0; i < passing; i++) {
        ret_statuses[passages[i].index] = finish(fold, &passages[i]);
    }
}

trib_status trib_fold_add(trib_fold *fold, const trib_update_view *update) {
    trib_status status;
    trib_fold_add_several(fold, update, 1, &status);
    return status;
}

void trib_fold_subtract(trib_fold *fold, const trib_update_view *update) {
    TRIB_ASSERT(update->count == fold->count && fold->updates > 0 && fold->weight >= update->weight);
    make_room(fold, largest_of(fold, update->weight));
    add_range(fold->pending, update, 0, update->count, -factor_of(fold, update->weight));
    fold->updates--;
    fold->weight -= update->weight;
}

trib_status trib_fold_merge(trib_fold *fold, trib_fold *other) {
    TRIB_ASSERT(fold->count == other->count &&
                fold->bounds.grid_exponent == other->bounds.grid_exponent);
    if (fold->updates + other->updates > fold->bounds.max_updates) {
        return TRIB_FAIL(TRIB_E_LIMIT, "the round takes %u updates", fold->bounds.max_updates);
    }
    flush(fold);
    flush(other);
    for (uint32_t i = 0; i < fold->count; i++) {
        fold->sum[i] += other->sum[i];
    }
    fold->updates += other->updates;
    fold->weight += other->weight;
    return TRIB_SUCCESS;
}

const int64_t *trib_fold_sums(trib_fold *fold) {
    flush(fold);
    return fold->sum;
}

trib_status trib_fold_mean(trib_fold *fold, double *ret_mean) {
    if (fold->weight == 0) {
        return TRIB_FAIL(TRIB_E_STATE, "no update was folded");
    }
    flush(fold);
    for (uint32_t i = 0; i < fold->count; i++) {
        ret_mean[i] = ldexp((double)fold->sum[i] / (double)fold->weight, fold->bounds.grid_exponent);
    }
    return TRIB_SUCCESS;
}
