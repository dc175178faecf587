/* Jittered rows onto an even grid, by linear interpolation.
 *
 * Grid point k of a recording is its first row's time + round(k * 1e6 / rate_hz) microseconds; the
 * first row is grid point 0. Points up to the latest row's time come out. A row whose time does not
 * pass the one before it is ignored. Between a number and NaN lies NaN, but a row that falls on a
 * grid point gives its own values. Label and index are the nearer row's, the earlier one's on a
 * tie.
 *
 * units    microseconds; times between -2^61 and 2^61
 * threads  one
 */
#ifndef TRIB_SIGNAL_RESAMPLE_H
#define TRIB_SIGNAL_RESAMPLE_H

#include "common/signal/row.h"

typedef struct trib_resample {
    double period_us;
    uint32_t count; /* sources */
    bool started;
    int64_t first_us;
    uint64_t grid_index;  /* of the next point */
    uint64_t grid_offset; /* its microseconds after first_us */
    trib_row before;
    trib_row after;
} trib_resample;

void trib_resample_init(trib_resample *resample, float rate_hz, uint32_t count);
void trib_resample_reset(trib_resample *resample);
/* Takes a row; false: its time does not advance, it was ignored. */
bool trib_resample_push(trib_resample *resample, const trib_row *row);
/* The next grid row, until there is none before or at the latest row. */
bool trib_resample_next(trib_resample *resample, trib_row *ret_row);

#endif
