#include "common/signal/fill.h"

#include <math.h>

void trib_fill_init(trib_fill *fill, uint32_t count, uint32_t hold_rows) {
    *fill = (trib_fill){.count = count, .hold_rows = hold_rows};
}

void trib_fill_reset(trib_fill *fill) {
    trib_fill_init(fill, fill->count, fill->hold_rows);
}

void trib_fill_apply(trib_fill *fill, trib_row *row) {
    uint32_t missing = 0;
    for (uint32_t c = 0; c < fill->count; c++) {
        float value = row->values[c];
        uint32_t bit = UINT32_C(1) << c;
        if (fabsf(value) <= TRIB_FILL_LARGEST) { /* false for NaN */
            fill->last[c] = value;
            fill->held[c] = 0;
            fill->seen |= bit;
            continue;
        }
        row->values[c] = fill->last[c];
        if (!(fill->seen & bit) || fill->held[c] >= fill->hold_rows) {
            missing |= bit;
        } else {
            fill->held[c]++;
        }
    }
    row->tag.missing = missing;
}
