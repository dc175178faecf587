/* Second-order IIR filters, several a channel, all channels of a row side by side.
 *
 * Stage s of a channel is its s-th filter in the spec's order, or a plain wire. Transposed direct
 * form II in f32; coefficients are worked out in f64. A recording starts in the steady state of its
 * first row: a constant signal comes out as constant from its first row on.
 *
 * source   R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients"
 * owns     nothing: its storage comes from the arena
 * errors   TRIB_E_LIMIT if the arena is too small
 * threads  one
 */
#ifndef TRIB_SIGNAL_BIQUAD_H
#define TRIB_SIGNAL_BIQUAD_H

#include "common/base/arena.h"
#include "common/signal/row.h"

/* y[t] = b0 x[t] + b1 x[t-1] + b2 x[t-2] - a1 y[t-1] - a2 y[t-2] */
typedef struct trib_biquad {
    double b0, b1, b2, a1, a2;
} trib_biquad;

trib_biquad trib_biquad_design(const trib_filter_spec *filter, float rate_hz);

typedef struct trib_biquads {
    uint32_t stages; /* the most filters that one channel has */
    uint32_t lanes;
    bool started;
    float *coefficients; /* [stage][b0 b1 b2 a1 a2][lanes] */
    float *state;        /* [stage][2][lanes] */
} trib_biquads;

size_t trib_biquads_bytes(const trib_pipeline_spec *spec);
TRIB_MUST_CHECK trib_status trib_biquads_init(trib_biquads *biquads, const trib_pipeline_spec *spec,
                                              trib_arena *arena);
void trib_biquads_reset(trib_biquads *biquads);
/* In place; values are [lanes]. */
void trib_biquads_apply(trib_biquads *biquads, float *values);

#endif
