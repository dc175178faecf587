/* A packed update as a gateway may send it, down to the sum: whatever is refused leaves no trace.
 */
#include <math.h>

#include "common/fold/fold.h"
#include "common/update/statistics.h"
#include "tests/fuzz/fuzz.h"

enum { MOST = 1 << 12, COLUMNS = 3 };

static void fold(const trib_update_view *view) {
    static const trib_fold_bounds loose = {.max_updates = 4, .max_weight = 1000, .clip_norm = 2};
    trib_fold_bounds bounds = loose;
    trib_fold *sum = NULL;
    double norm = 0;
    bounds.grid_exponent = trib_fold_grid(&bounds);
    FUZZ_MUST(trib_ok(trib_fold_create(&bounds, view->count, &sum)));
    bool good = trib_ok(trib_update_check(view, bounds.clip_norm, &norm));
    bool taken = trib_ok(trib_fold_add(sum, view));
    FUZZ_MUST(taken == (good && view->weight <= bounds.max_weight));
    FUZZ_MUST(!good || (isfinite(norm) && norm <= 2));
    if (taken) {
        trib_fold_subtract(sum, view);
    }
    const int64_t *sums = trib_fold_sums(sum);
    for (uint32_t i = 0; i < view->count; i++) {
        FUZZ_MUST(sums[i] == 0);
    }
    trib_fold_destroy(sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    trib_update_view view;
    trib_bytes packed = trib_bytes_of(data, size);
    if (trib_ok(trib_update_open(packed, &view)) && view.count <= MOST) {
        fold(&view);
    }
    double storage[2 * COLUMNS];
    trib_moments moments;
    trib_moments_init(&moments, storage, storage + COLUMNS, COLUMNS);
    if (trib_ok(trib_statistics_open(packed, &moments))) {
        FUZZ_MUST(moments.count > 0);
        for (int i = 0; i < COLUMNS; i++) {
            FUZZ_MUST(isfinite(storage[i]) && storage[COLUMNS + i] >= 0);
        }
    }
    return 0;
}
