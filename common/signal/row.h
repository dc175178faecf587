/* One row on its way through the stages, and how stages lay channels side by side.
 *
 * Stages keep their state as [..][lanes]: the channels of one row next to each other, padded to
 * whole groups of TRIB_LANES, so that a compiler turns the innermost loop into vector operations.
 * Padding lanes hold zeros and are computed along.
 *
 * threads  plain data
 */
#ifndef TRIB_SIGNAL_ROW_H
#define TRIB_SIGNAL_ROW_H

#include <stdint.h>

#include "common/signal/spec.h"

enum { TRIB_LANES = 4 };

static inline uint32_t trib_lanes(uint32_t channels) {
    return (channels + TRIB_LANES - 1) / TRIB_LANES * TRIB_LANES;
}

/* Where a row comes from. */
typedef struct trib_row_tag {
    int64_t time_us;
    uint64_t index; /* of the pushed row, from 0 at reset; for a resampled row, of the nearer one */
    int32_t label;  /* -1 is none */
    uint32_t missing; /* bit c: source c is invalid here */
} trib_row_tag;

typedef struct trib_row {
    trib_row_tag tag;
    float values[TRIB_MAX_SOURCES]; /* lanes past the sources are zero */
} trib_row;

#endif
