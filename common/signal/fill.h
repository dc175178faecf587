/* Missing values hold the last one, so that no later stage ever meets NaN or infinity.
 *
 * For `hold_rows` rows the held value counts as valid; after that it is still there but marked in
 * the row's `missing`. Before a recording's first value there is 0, marked. Values beyond
 * TRIB_FILL_LARGEST are missing too: their squares and sums must stay within a float.
 *
 * threads  one
 */
#ifndef TRIB_SIGNAL_FILL_H
#define TRIB_SIGNAL_FILL_H

#include "common/signal/row.h"

#define TRIB_FILL_LARGEST 1e12f

typedef struct trib_fill {
    uint32_t count; /* sources */
    uint32_t hold_rows;
    uint32_t seen; /* bit c: source c has had a value */
    uint32_t held[TRIB_MAX_SOURCES];
    float last[TRIB_MAX_SOURCES];
} trib_fill;

void trib_fill_init(trib_fill *fill, uint32_t count, uint32_t hold_rows);
void trib_fill_reset(trib_fill *fill);
/* Replaces missing values of the row and sets its tag's `missing`. */
void trib_fill_apply(trib_fill *fill, trib_row *row);

#endif
