#include "common/fold/fold.h"

#include <math.h>
#include <string.h>

#include "common/base/heap.h"

enum {
    STRIPE = 1 << 16,      /* values between two looks at the norm */
    LOOSE_BITS = 46,       /* W * C / grid at most 2^46: far below float32's own rounding */
    MAX_CONTRIBUTION = 50, /* the design's two limits, as powers of two */
    MAX_SUM = 62,
    MAX_UPDATES = 1 << 24
};

static int ceiling_log2(double value) {
    int exponent;
    double fraction =
        frexp(value, &exponent); /* value = fraction * 2^exponent, fraction in [.5, 1) */
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
        fold->sum = trib_allocate(count, sizeof *fold->sum);
    }
    if (fold == NULL || fold->sum == NULL) {
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
        trib_free(fold->sum);
        trib_free(fold);
    }
}

void trib_fold_destroy_scoped(trib_fold **fold) {
    trib_fold_destroy(*fold);
}

void trib_fold_clear(trib_fold *fold) {
    memset(fold->sum, 0, fold->count * sizeof *fold->sum);
    fold->updates = 0;
    fold->weight = 0;
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

static double factor_of(const trib_fold *fold, uint32_t weight) {
    return ldexp((double)weight, -fold->bounds.grid_exponent); /* exact: 20 bits and a power of 2 */
}

/* Values [first, first + count): into the sum and the norm, or out of the sum where there is no
 * norm. int8 goes block by block, since each has its own scale. */
static void run_range(trib_fold *fold, const trib_update_view *update, uint32_t first,
                      uint32_t count, trib_norm *norm) {
    uint32_t width = update->codec == TRIB_CODEC_FLOAT32 ? 4 : 1;
    for (uint32_t end = first + count, size; first < end; first += size) {
        size = end - first;
        trib_fold_run run = {.values = update->values + (size_t)width * first,
                             .factor = factor_of(fold, update->weight)};
        if (update->codec != TRIB_CODEC_FLOAT32) {
            size = least(update->block - first % update->block, size);
            run.scale = block_scale(update, first);
        }
        run.count = size;
        if (norm != NULL) {
            trib_fold_run_add(fold->sum + first, update->codec, &run, norm);
        } else {
            trib_fold_run_take(fold->sum + first, update->codec, &run);
        }
    }
}

static trib_status check_outside(const trib_fold *fold, const trib_update_view *update) {
    if (update->count != fold->count) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "the update has %u parameters, the model %u",
                         update->count, fold->count);
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

trib_status trib_fold_add(trib_fold *fold, const trib_update_view *update) {
    TRIB_TRY(check_outside(fold, update));
    double bound = (double)fold->bounds.clip_norm * (double)fold->bounds.clip_norm;
    double squared = 0;
    trib_norm norm = {{0}};
    uint32_t added = 0;
    /* Squares only grow: past the bound it will not get better. Of NaN nothing is true either. */
    for (uint32_t size; added < fold->count && squared <= bound; added += size) {
        size = least(STRIPE, fold->count - added);
        run_range(fold, update, added, size, &norm);
        squared = trib_norm_squared(&norm);
    }
    if (!(squared <= bound)) {
        run_range(fold, update, 0, added, NULL);
        return isfinite(squared) ? TRIB_FAIL(TRIB_E_LIMIT, "the norm is past the bound %g",
                                             (double)fold->bounds.clip_norm)
                                 : TRIB_FAIL(TRIB_E_CORRUPT, "the update holds NaN or infinity");
    }
    fold->updates++;
    fold->weight += update->weight;
    return TRIB_SUCCESS;
}

void trib_fold_subtract(trib_fold *fold, const trib_update_view *update) {
    TRIB_ASSERT(update->count == fold->count && fold->updates > 0 &&
                fold->weight >= update->weight);
    run_range(fold, update, 0, update->count, NULL);
    fold->updates--;
    fold->weight -= update->weight;
}

trib_status trib_fold_merge(trib_fold *fold, trib_fold *other) {
    TRIB_ASSERT(fold->count == other->count &&
                fold->bounds.grid_exponent == other->bounds.grid_exponent);
    if (fold->updates + other->updates > fold->bounds.max_updates) {
        return TRIB_FAIL(TRIB_E_LIMIT, "the round takes %u updates", fold->bounds.max_updates);
    }
    for (uint32_t i = 0; i < fold->count; i++) {
        fold->sum[i] += other->sum[i];
    }
    fold->updates += other->updates;
    fold->weight += other->weight;
    return TRIB_SUCCESS;
}

const int64_t *trib_fold_sums(const trib_fold *fold) {
    return (const int64_t *)fold->sum; /* the corresponding signed type */
}

trib_status trib_fold_mean(const trib_fold *fold, double *ret_mean) {
    if (fold->weight == 0) {
        return TRIB_FAIL(TRIB_E_STATE, "no update was folded");
    }
    const int64_t *sums = trib_fold_sums(fold);
    for (uint32_t i = 0; i < fold->count; i++) {
        ret_mean[i] = ldexp((double)sums[i] / (double)fold->weight, fold->bounds.grid_exponent);
    }
    return TRIB_SUCCESS;
}
