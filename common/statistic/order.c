#include "common/statistic/order.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/status.h"

static int by_value(const void *left, const void *right) {
    float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

double trib_median(float *values, size_t count) {
    TRIB_ASSERT(count > 0);
    qsort(values, count, sizeof *values, by_value);
    double high = (double)values[count / 2];
    return count % 2 == 1 ? high : ((double)values[count / 2 - 1] + high) / 2;
}

double trib_median_deviation(float *values, size_t count) {
    double median = trib_median(values, count);
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)fabs((double)values[i] - median);
    }
    return 1.4826 * trib_median(values, count);
}

double trib_quantile(float *values, size_t count, double fraction) {
    TRIB_ASSERT(count > 0);
    qsort(values, count, sizeof *values, by_value);
    double place = ceil(fraction * (double)count);
    size_t at = place < 1 ? 0 : (size_t)place - 1;
    return (double)values[at < count ? at : count - 1];
}
