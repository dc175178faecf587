#include "common/fold/fold.h"

#include <math.h>
#include <string.h>

#include "common/base/heap.h"

enum {
    STRIPE = 2048,         /* values looked at, then added, while they are in the first cache */
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

/* Makes sure that one more contribution of this weight cannot carry a pending sum past 2^52. */
static void make_room(trib_fold *fold, uint32_t weight) {
    double largest =
        ldexp((double)weight * (double)fold->bounds.clip_norm, -fold->bounds.grid_exponent) + 1;
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

/* A stripe ends with its block, so that int8 has one scale. */
static uint32_t stripe_size(const trib_update_view *update, uint32_t first) {
    uint32_t left = update->count - first;
    uint32_t stripe = STRIPE;
    if (update->codec == TRIB_CODEC_INT8) {
        stripe = update->block - first % update->block;
        stripe = stripe < STRIPE ? stripe : STRIPE;
    }
    return left < stripe ? left : stripe;
}

static void add_range(trib_fold *fold, const trib_update_view *update, uint32_t first,
                      uint32_t count, double factor) {
    if (update->codec == TRIB_CODEC_FLOAT32) {
        trib_fold_kernel_f32(fold->pending + first, update->values + 4 * (size_t)first, count, factor);
    } else {
        trib_fold_kernel_i8(fold->pending + first, update->values + first, count,
                            block_scale(update, first), factor);
    }
}

static void add_all_before(trib_fold *fold, const trib_update_view *update, uint32_t end,
                           double factor) {
    for (uint32_t first = 0, size; first < end; first += size) {
        size = stripe_size(update, first);
        add_range(fold, update, first, size, factor);
    }
}

static double factor_of(const trib_fold *fold, uint32_t weight) {
    return ldexp((double)weight, -fold->bounds.grid_exponent); /* exact: 20 bits and a power of 2 */
}

trib_status trib_fold_add(trib_fold *fold, const trib_update_view *update) {
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
    make_room(fold, update->weight);
    double factor = factor_of(fold, update->weight);
    double bound = (double)fold->bounds.clip_norm * (double)fold->bounds.clip_norm;
    trib_norm norm = {{0}};
    double squared = 0;
    uint32_t first = 0;
    for (uint32_t size; first < update->count; first += size) {
        size = stripe_size(update, first);
        if (update->codec == TRIB_CODEC_FLOAT32) {
            trib_norm_add_f32(&norm, update->values + 4 * (size_t)first, size);
        } else {
            trib_norm_add_i8(&norm, update->values + first, size, block_scale(update, first));
        }
        squared = trib_norm_squared(&norm);
        if (!(squared <= bound)) { /* squares only grow: it will not get better; NaN is caught too */
            break;
        }
        add_range(fold, update, first, size, factor);
    }
    if (first < update->count) {
        add_all_before(fold, update, first, -factor);
        return isfinite(squared)
                   ? TRIB_FAIL(TRIB_E_LIMIT, "the norm is past the bound %g", sqrt(bound))
                   : TRIB_FAIL(TRIB_E_CORRUPT, "the update holds NaN or infinity");
    }
    fold->updates++;
    fold->weight += update->weight;
    return TRIB_SUCCESS;
}

void trib_fold_subtract(trib_fold *fold, const trib_update_view *update) {
    TRIB_ASSERT(update->count == fold->count && fold->updates > 0 && fold->weight >= update->weight);
    make_room(fold, update->weight);
    add_all_before(fold, update, update->count, -factor_of(fold, update->weight));
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
