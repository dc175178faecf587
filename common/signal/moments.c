#include "common/signal/moments.h"

#include <math.h>

static const uint64_t LARGEST_COUNT = UINT64_C(1) << 53;

void trib_moments_init(trib_moments *moments, double *mean, double *m2, size_t columns) {
    for (size_t c = 0; c < columns; c++) {
        mean[c] = 0.0;
        m2[c] = 0.0;
    }
    *moments = (trib_moments){0, columns, mean, m2};
}

void trib_moments_add(trib_moments *moments, const float *values, size_t rows) {
    for (size_t r = 0; r < rows; r++) {
        const float *row = values + r * moments->columns;
        double count = (double)++moments->count;
        for (size_t c = 0; c < moments->columns; c++) {
            double x = (double)row[c];
            double before = x - moments->mean[c];
            moments->mean[c] += before / count;
            moments->m2[c] += before * (x - moments->mean[c]);
        }
    }
}

trib_status trib_moments_check(const trib_moments *moments) {
    if (moments->count > LARGEST_COUNT) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "moments count %llu rows; at most 2^53 can be",
                         (unsigned long long)moments->count);
    }
    for (size_t c = 0; c < moments->columns; c++) {
        if (!isfinite(moments->mean[c]) || !isfinite(moments->m2[c]) || moments->m2[c] < 0.0) {
            return TRIB_FAIL(TRIB_E_CORRUPT, "moments column %zu: mean %g, m2 %g are not possible",
                             c, moments->mean[c], moments->m2[c]);
        }
    }
    return TRIB_SUCCESS;
}

typedef struct merged {
    double mean, m2;
} merged;

static merged merge_column(const trib_moments *left, const trib_moments *right, size_t c) {
    double left_count = (double)left->count;
    double right_count = (double)right->count;
    double count = left_count + right_count;
    double apart = right->mean[c] - left->mean[c];
    return (merged){left->mean[c] + apart * (right_count / count),
                    left->m2[c] + right->m2[c] +
                        apart * apart * (left_count * (right_count / count))};
}

trib_status trib_moments_merge(trib_moments *into, const trib_moments *from) {
    if (into->columns != from->columns) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "moments of %zu columns cannot take %zu", into->columns,
                         from->columns);
    }
    TRIB_TRY(trib_moments_check(from));
    if (from->count == 0) {
        return TRIB_SUCCESS;
    }
    if (into->count > LARGEST_COUNT - from->count) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "moments of %llu rows more would pass 2^53",
                         (unsigned long long)from->count);
    }
    for (size_t c = 0; c < into->columns; c++) {
        merged both = merge_column(into, from, c);
        if (!isfinite(both.mean) || !isfinite(both.m2)) {
            return TRIB_FAIL(TRIB_E_CORRUPT, "moments column %zu: mean %g is out of range", c,
                             from->mean[c]);
        }
    }
    for (size_t c = 0; c < into->columns; c++) {
        merged both = merge_column(into, from, c);
        into->mean[c] = both.mean;
        into->m2[c] = both.m2;
    }
    into->count += from->count;
    return TRIB_SUCCESS;
}

trib_status trib_moments_finish(const trib_moments *moments, float *ret_mean,
                                float *ret_deviation) {
    if (moments->count == 0) {
        return TRIB_FAIL(TRIB_E_STATE, "moments of no rows have no mean; add examples first");
    }
    for (size_t c = 0; c < moments->columns; c++) {
        ret_mean[c] = (float)moments->mean[c];
        ret_deviation[c] = (float)sqrt(moments->m2[c] / (double)moments->count);
    }
    return TRIB_SUCCESS;
}
