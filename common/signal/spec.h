/* What a signal pipeline does, as plain data: the same on microcontroller, gateway and cloud.
 *
 * Order, always: resample -> gap fill -> Hampel -> filters -> derived channels -> window (with
 * causal context, cut into frames) -> features -> z-score. A stage that is off passes through.
 * Channels are numbered: sources first (0 .. source_count-1), then derived ones in their order.
 *
 * threads  plain data
 */
#ifndef TRIB_SIGNAL_SPEC_H
#define TRIB_SIGNAL_SPEC_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

enum {
    TRIB_MAX_SOURCES = 32,
    TRIB_MAX_DERIVED = 32,
    TRIB_MAX_CHANNELS = TRIB_MAX_SOURCES + TRIB_MAX_DERIVED,
    TRIB_MAX_FILTERS = 16,
    TRIB_MAX_BANDS = 32,
    TRIB_MAX_WINDOW = 8192, /* rows of window and context together */
    TRIB_MAX_FRAMES = 64,
    TRIB_MAX_FEATURES = 65536, /* values of one example */
    TRIB_MAX_HAMPEL = 25,      /* half window, rows */
    TRIB_MAX_GAP_ROWS = 65536, /* rows that resampling may put between two rows */
    TRIB_MAX_LABEL = 255       /* the largest label number; -1 is none */
};

typedef enum trib_filter_kind {
    TRIB_FILTER_LOWPASS,
    TRIB_FILTER_HIGHPASS,
    TRIB_FILTER_BANDPASS,
    TRIB_FILTER_NOTCH
} trib_filter_kind;

/* One biquad; coefficients as in R. Bristow-Johnson, "Audio EQ Cookbook" (bandpass: 0 dB peak).
 * A recording starts in the steady state of its first row, so there is no step from zero. */
typedef struct trib_filter_spec {
    trib_filter_kind kind;
    float frequency_hz; /* at least rate / 1000 (f32 runs out of digits) and below half the rate */
    float q;            /* 0.01 .. 100; 0.7071 is Butterworth */
    uint32_t channel;   /* a source */
} trib_filter_spec;

typedef enum trib_derive_kind {
    TRIB_DERIVE_MAGNITUDE,  /* |v| */
    TRIB_DERIVE_ALONG,      /* v . g^, g^ the unit vector of the slow mean of `reference` */
    TRIB_DERIVE_ACROSS,     /* |v - (v . g^) g^| */
    TRIB_DERIVE_DIRECTION,  /* component `component` of g^ itself */
    TRIB_DERIVE_DIFFERENCE, /* x[t] - x[t-1]; 0 for a recording's first row */
    TRIB_DERIVE_ABSOLUTE    /* |x| */
} trib_derive_kind;

typedef struct trib_derive_spec {
    trib_derive_kind kind;
    uint32_t of[3];    /* channels of v: of_count of them, all below this channel's own number;
                        * not read for direction */
    uint32_t of_count; /* 2 or 3 for vectors, 1 for difference and absolute */
    uint32_t
        reference[3];   /* channels of g, as many as of_count, also below this channel's number */
    float rate;         /* g += rate (x - g), from the recording's first row; (0, 1] */
    uint32_t component; /* of direction */
} trib_derive_spec;

/* Bits of trib_pipeline_spec.features; values stand in an example in this order. */
typedef enum trib_feature {
    TRIB_FEATURE_MEAN = 1u << 0,
    TRIB_FEATURE_STD = 1u << 1, /* of the population */
    TRIB_FEATURE_MIN = 1u << 2,
    TRIB_FEATURE_MAX = 1u << 3,
    TRIB_FEATURE_MEDIAN = 1u << 4,
    TRIB_FEATURE_RMS = 1u << 5,
    TRIB_FEATURE_RANGE = 1u << 6,
    TRIB_FEATURE_KURTOSIS = 1u << 7,       /* m4 / m2^2, 3 for a normal; 0 where m2 is 0 */
    TRIB_FEATURE_CREST = 1u << 8,          /* max |x| / rms; 0 where rms is 0 */
    TRIB_FEATURE_ZERO_CROSSINGS = 1u << 9, /* sign changes of x - mean, a fraction of n - 1 */
    TRIB_FEATURE_MEAN_ABS_DIFFERENCE = 1u << 10,
    TRIB_FEATURE_LAST = 1u << 11,
    TRIB_FEATURE_BANDS = 1u << 12, /* one value a band: see trib_band_spec */
    TRIB_FEATURE_ALL = (1u << 13) - 1
} trib_feature;

/* The mean over the band's bins of the one-sided power spectrum of a frame, less its mean, under a
 * periodic Hann window: what scipy.signal.periodogram(x, rate, "hann", scaling="spectrum") gives.
 * A sine of amplitude A in the middle of a bin has A^2 / 2 there and a quarter of it on each side.
 * Frames must be even, at least 4 rows, and half of them a product of 2, 3 and 5. */
typedef struct trib_band_spec {
    float low_hz;  /* included */
    float high_hz; /* left out */
} trib_band_spec;

typedef enum trib_example_kind {
    TRIB_EXAMPLE_FEATURES, /* [frame][channel][feature] */
    TRIB_EXAMPLE_ROWS      /* [row][channel]: the window itself (and its context), for conv1d */
} trib_example_kind;

typedef struct trib_pipeline_spec {
    uint32_t source_count;
    float rate_hz; /* of rows after resampling; nominal where resampling is off */

    bool resample; /* linear interpolation onto the grid of rate_hz */
    /* A longer gap starts anew, as a new recording does, with resampling or without. 0: never, but
     * resampling starts anew at TRIB_MAX_GAP_ROWS, or one bad stamp would make rows without end. */
    float max_gap_s;
    /* Missing values (NaN, infinite, or beyond 1e12) hold the last one this long, then are invalid:
     * still held (0 before the first) so that filters go on, but not counted by min_valid. */
    uint32_t fill_rows;

    uint32_t hampel_half_window; /* 0: off. Delays rows by as many */
    float hampel_threshold;      /* in scaled median absolute deviations, usually 3 */

    uint32_t filter_count;
    trib_filter_spec filters[TRIB_MAX_FILTERS]; /* those of one channel run in this order */

    uint32_t derive_count;
    trib_derive_spec derives[TRIB_MAX_DERIVED];

    uint32_t use_count; /* channels that reach the example, in this order */
    uint32_t use[TRIB_MAX_CHANNELS];

    uint32_t window_rows;
    uint32_t hop_rows;
    uint32_t context_rows; /* rows before the window; a recording's first row is repeated */
    uint32_t frames;       /* divides window_rows + context_rows; not read for rows */
    float min_valid; /* least fraction of valid values among those used in the window's own rows;
                      * below it, no example. A derived value is valid if its sources are */

    trib_example_kind output;
    uint32_t features; /* bits of trib_feature */
    uint32_t band_count;
    trib_band_spec bands[TRIB_MAX_BANDS];
    bool band_log; /* ln(power + 1e-12) */

    bool normalise;       /* z-score with the model's mean and standard deviation */
    float normalise_clip; /* |z| is cut here; 0: not at all */
} trib_pipeline_spec;

#endif
