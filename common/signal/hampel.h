/* Hampel's outlier filter: a value further than threshold * 1.4826 * MAD from the median of the
 * 2 * half + 1 values around it becomes that median. MAD is the median of |x - median|.
 *
 * Looks `half` rows ahead, so rows come out that much later; at both ends of a recording the
 * window is cut to the rows there are, and the median of an even count is the mean of the middle
 * two. Where MAD is 0, whatever differs from the median is replaced.
 *
 * source   R. K. Pearson, "Outliers in process modeling and identification", IEEE TCST 10(1), 2002
 * owns     nothing: its storage comes from the arena
 * threads  one
 */
#ifndef TRIB_SIGNAL_HAMPEL_H
#define TRIB_SIGNAL_HAMPEL_H

#include "common/base/arena.h"
#include "common/signal/row.h"

typedef struct trib_hampel {
    uint32_t half;
    uint32_t width; /* 2 * half + 1 */
    uint32_t lanes;
    float scale;        /* threshold * 1.4826 */
    uint32_t count;     /* rows in the window */
    uint32_t oldest;    /* slot of the first of them */
    uint32_t held;      /* the newest rows, which have not come out yet */
    float *sorted;      /* [width][lanes], ascending in each lane; `count` ranks are in use */
    float *raw;         /* [width][lanes], a ring */
    trib_row_tag *tags; /* [width], a ring */
} trib_hampel;

size_t trib_hampel_bytes(uint32_t count, uint32_t half);
/* half > 0. TRIB_E_LIMIT if the arena has less than trib_hampel_bytes left. */
TRIB_MUST_CHECK trib_status trib_hampel_init(trib_hampel *hampel, uint32_t count, uint32_t half,
                                             float threshold, trib_arena *arena);
void trib_hampel_reset(trib_hampel *hampel);
/* Takes a row; true: an earlier one (`half` rows ago) is in *ret_row, which may be `row` itself. */
bool trib_hampel_push(trib_hampel *hampel, const trib_row *row, trib_row *ret_row);
/* At a recording's end: the rows still held, one a call, until false. Then reset. */
bool trib_hampel_flush(trib_hampel *hampel, trib_row *ret_row);

#endif
