/* Medians and quantiles of float values.
 *
 * threads  pure
 */
#ifndef TRIB_STATISTIC_ORDER_H
#define TRIB_STATISTIC_ORDER_H

#include <stddef.h>

/* values [count], count > 0; sorted on return. The mean of the middle two when count is even. */
double trib_median(float *values, size_t count);
/* 1.4826 times the median of |x - median|, which is the deviation of a normal distribution. */
double trib_median_deviation(float *values, size_t count);
/* The smallest value that at least this fraction of all do not exceed; values are sorted. */
double trib_quantile(float *values, size_t count, double fraction);

#endif
