/* The median of a frame, in a fixed number of steps whatever the values: no sort, no recursion.
 *
 * Bisects the ordered bit patterns of f32 between minimum and maximum (at most 32 counts of the
 * frame), which vectorises and has no bad case. An even count gives the mean of the middle two.
 *
 * threads  pure but for the caller's scratch
 */
#ifndef TRIB_SIGNAL_MEDIAN_H
#define TRIB_SIGNAL_MEDIAN_H

#include <stddef.h>
#include <stdint.h>

/* values [count], finite, count > 0; keys [count] is scratch. */
float trib_median(const float *values, uint32_t count, int32_t *keys);

#endif
