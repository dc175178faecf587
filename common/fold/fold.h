/* Exact sums of weighted updates.
 *
 * Every contribution w * x is exact in double (weight 20 bits, value 24 or 8 + 24 bits), is rounded
 * once to a multiple of the round's power-of-two grid, and from there on all is integer. Integer
 * sums do not depend on order, so the same updates give the same bits whatever the order of
 * arrival, the number of threads, the shards or the crashes; and an update can be subtracted.
 *
 * limits   with N updates of at most weight W and norm at most C:
 *          N * W * C / grid <= 2^62 and W * C / grid <= 2^50 (trib_fold_grid chooses so)
 * threads  one; sums of several threads are merged
 */
#ifndef TRIB_FOLD_FOLD_H
#define TRIB_FOLD_FOLD_H

#include "common/update/update.h"

/* What a round announces about its sum. */
typedef struct trib_fold_bounds {
    uint32_t max_updates;  /* N, 1 .. 2^24 */
    uint32_t max_weight;   /* W, 1 .. TRIB_UPDATE_MAX_WEIGHT */
    float clip_norm;       /* C > 0 */
    int32_t grid_exponent; /* grid = 2^grid_exponent */
} trib_fold_bounds;

typedef struct trib_fold {
    trib_fold_bounds bounds;
    uint32_t count; /* parameters */
    uint64_t
        *sum; /* [count] int64 in two's complement: what is refused may wrap, and comes out again */
    uint64_t updates; /* folded, less subtracted */
    uint64_t weight;
} trib_fold;

/* The grid for these N, W and C (the field grid_exponent is not read): fine enough that rounding is
 * far below float32's own. */
int32_t trib_fold_grid(const trib_fold_bounds *bounds);

/* TRIB_E_ARGUMENT when the bounds break the limits above: a round that says so is refused. */
TRIB_MUST_CHECK trib_status trib_fold_bounds_check(const trib_fold_bounds *bounds);

TRIB_MUST_CHECK trib_status trib_fold_create(const trib_fold_bounds *bounds, uint32_t count,
                                             trib_fold **ret_fold);
void trib_fold_destroy(trib_fold *fold);
void trib_fold_destroy_scoped(trib_fold **fold);
void trib_fold_clear(trib_fold *fold); /* back to no updates, under the same bounds */

/* Checks (count, weight, finite, norm as trib_update_check) and adds, in one pass over the bytes.
 * A refused update leaves the sum as it was: what was added before the flaw is subtracted again,
 * exactly. TRIB_E_ARGUMENT for shape or weight, TRIB_E_CORRUPT for NaN or infinity, TRIB_E_LIMIT
 * for the norm or for more than max_updates. */
TRIB_MUST_CHECK trib_status trib_fold_add(trib_fold *fold, const trib_update_view *update);
/* Takes an update that was added out again, for good. */
void trib_fold_subtract(trib_fold *fold, const trib_update_view *update);
/* Adds another partial sum of the same bounds and count. TRIB_E_LIMIT past max_updates. */
TRIB_MUST_CHECK trib_status trib_fold_merge(trib_fold *fold, trib_fold *other);

/* The integer sums; [count], valid until the fold changes. */
const int64_t *trib_fold_sums(const trib_fold *fold);
/* sum * grid / weight, in double, one rounding in each step. TRIB_E_STATE without any weight. */
TRIB_MUST_CHECK trib_status trib_fold_mean(const trib_fold *fold, double *ret_mean);

/* The inner loops: sum +- round(value * factor), in integers that wrap, so that whatever went in
 * comes out again bit for bit, NaN included. */
typedef struct trib_fold_run {
    const uint8_t *values;
    uint32_t count; /* as trib_norm_add_* has it */
    double scale;   /* int8 only */
    double factor;  /* weight / grid */
} trib_fold_run;
void trib_fold_run_add(uint64_t *sum, trib_codec codec, const trib_fold_run *run, trib_norm *norm);
void trib_fold_run_take(uint64_t *sum, trib_codec codec, const trib_fold_run *run);

#endif
