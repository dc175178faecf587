/* A group of channels side by side, as one value.
 *
 * GCC's vector extensions (clang has them too): vector instructions where there are some, plain
 * code on a microcontroller, the same bits on both. A compiler left to itself would not vectorise
 * the sorted window of hampel.c, and the pipeline would be a third slower.
 *
 * threads  pure
 */
#ifndef TRIB_SIGNAL_LANES_H
#define TRIB_SIGNAL_LANES_H

#include <stdint.h>
#include <string.h>

#include "common/signal/row.h"

typedef float trib_lane_group __attribute__((vector_size(TRIB_LANES * sizeof(float))));
typedef int32_t trib_lane_mask __attribute__((vector_size(TRIB_LANES * sizeof(int32_t))));

static inline trib_lane_group trib_lane_load(const float *from) {
    trib_lane_group group;
    memcpy(&group, from, sizeof group);
    return group;
}

static inline void trib_lane_store(float *to, trib_lane_group group) {
    memcpy(to, &group, sizeof group);
}

static inline trib_lane_group trib_lane_all(float value) {
    return (trib_lane_group){value, value, value, value};
}

/* Where the mask of a comparison is set `yes`, else `no`. */
static inline trib_lane_group trib_lane_choose(trib_lane_mask mask, trib_lane_group yes,
                                               trib_lane_group no) {
    return (trib_lane_group)((mask & (trib_lane_mask)yes) | (~mask & (trib_lane_mask)no));
}

static inline trib_lane_group trib_lane_smaller(trib_lane_group left, trib_lane_group right) {
    return trib_lane_choose(left < right, left, right);
}

static inline trib_lane_group trib_lane_larger(trib_lane_group left, trib_lane_group right) {
    return trib_lane_choose(left > right, left, right);
}

#endif
