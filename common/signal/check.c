#include "common/signal/check.h"

#include <math.h>

#include "common/signal/derive.h"
#include "common/signal/features.h"
#include "common/signal/spectrum.h"

#define REFUSE(...) return TRIB_FAIL(TRIB_E_ARGUMENT, __VA_ARGS__)
#define TOO_MANY(...) return TRIB_FAIL(TRIB_E_LIMIT, __VA_ARGS__)

/* False for NaN. */
static bool within(float value, float low, float high) {
    return value >= low && value <= high;
}

static trib_status check_rows(const trib_pipeline_spec *spec) {
    if (spec->source_count < 1 || spec->source_count > TRIB_MAX_SOURCES) {
        TOO_MANY("pipeline: %u sources; 1 .. %d are possible", (unsigned)spec->source_count,
                 TRIB_MAX_SOURCES);
    }
    if (!within(spec->rate_hz, 0.001f, 1e6f)) {
        REFUSE("pipeline: rate_hz %g; give 0.001 .. 1000000", (double)spec->rate_hz);
    }
    if (!within(spec->max_gap_s, 0.0f, 1e9f)) {
        REFUSE("pipeline: max_gap_s %g; give 0 (never) .. 1e9", (double)spec->max_gap_s);
    }
    double gap_rows = (double)spec->max_gap_s * (double)spec->rate_hz;
    if (spec->max_gap_s > 0.0f && gap_rows < 1.0) {
        REFUSE("pipeline: max_gap_s %g is shorter than a row at %g Hz; every row would start anew",
               (double)spec->max_gap_s, (double)spec->rate_hz);
    }
    if (spec->resample && gap_rows > (double)TRIB_MAX_GAP_ROWS) {
        TOO_MANY("pipeline: max_gap_s %g is %.0f rows at %g Hz; resampling fills %d at most",
                 (double)spec->max_gap_s, gap_rows, (double)spec->rate_hz, TRIB_MAX_GAP_ROWS);
    }
    if (spec->hampel_half_window > TRIB_MAX_HAMPEL) {
        TOO_MANY("pipeline: hampel half window of %u rows; at most %d",
                 (unsigned)spec->hampel_half_window, TRIB_MAX_HAMPEL);
    }
    if (spec->hampel_half_window > 0 && !within(spec->hampel_threshold, 1e-6f, 1e6f)) {
        REFUSE("pipeline: hampel threshold %g; give a positive number, usually 3",
               (double)spec->hampel_threshold);
    }
    return TRIB_SUCCESS;
}

static trib_status check_filter(const trib_pipeline_spec *spec, uint32_t f) {
    const trib_filter_spec *filter = &spec->filters[f];
    if ((unsigned)filter->kind > TRIB_FILTER_NOTCH) {
        REFUSE("filter %u: kind %u is not known", (unsigned)f, (unsigned)filter->kind);
    }
    if (filter->channel >= spec->source_count) {
        REFUSE("filter %u: channel %u is not one of the %u sources", (unsigned)f,
               (unsigned)filter->channel, (unsigned)spec->source_count);
    }
    if (!within(filter->frequency_hz, spec->rate_hz / 1000.0f, spec->rate_hz / 2.0f) ||
        filter->frequency_hz >= spec->rate_hz / 2.0f) {
        REFUSE("filter %u: frequency_hz %g; at %g Hz give at least %g and less than %g",
               (unsigned)f, (double)filter->frequency_hz, (double)spec->rate_hz,
               (double)(spec->rate_hz / 1000.0f), (double)(spec->rate_hz / 2.0f));
    }
    if (!within(filter->q, 0.01f, 100.0f)) {
        REFUSE("filter %u: q %g; give 0.01 .. 100, 0.7071 for Butterworth", (unsigned)f,
               (double)filter->q);
    }
    return TRIB_SUCCESS;
}

/* Filters of one channel in a row may not lift a value out of f32: a filter that has met infinity
 * would never recover. */
static trib_status check_gain(const trib_pipeline_spec *spec, uint32_t channel) {
    double gain = 1.0;
    for (uint32_t f = 0; f < spec->filter_count; f++) {
        const trib_filter_spec *filter = &spec->filters[f];
        if (filter->channel == channel &&
            (filter->kind == TRIB_FILTER_LOWPASS || filter->kind == TRIB_FILTER_HIGHPASS)) {
            gain *= fmax((double)filter->q, 1.0);
        }
    }
    if (gain > 1e6) {
        REFUSE("filters of channel %u: their q multiply to %g; at most 1e6", (unsigned)channel,
               gain);
    }
    return TRIB_SUCCESS;
}

static trib_status check_filters(const trib_pipeline_spec *spec) {
    if (spec->filter_count > TRIB_MAX_FILTERS) {
        TOO_MANY("pipeline: %u filters; at most %d", (unsigned)spec->filter_count,
                 TRIB_MAX_FILTERS);
    }
    for (uint32_t f = 0; f < spec->filter_count; f++) {
        TRIB_TRY(check_filter(spec, f));
    }
    for (uint32_t c = 0; c < spec->source_count; c++) {
        TRIB_TRY(check_gain(spec, c));
    }
    return TRIB_SUCCESS;
}

static trib_status check_reference(const trib_derive_spec *derive, uint32_t d, uint32_t own) {
    for (uint32_t i = 0; i < derive->of_count; i++) {
        if (derive->reference[i] >= own) {
            REFUSE("derived channel %u: reference %u is not below its own number %u", (unsigned)d,
                   (unsigned)derive->reference[i], (unsigned)own);
        }
    }
    if (!(derive->rate > 0.0f && derive->rate <= 1.0f)) {
        REFUSE("derived channel %u: rate %g; give more than 0 and at most 1", (unsigned)d,
               (double)derive->rate);
    }
    if (derive->kind == TRIB_DERIVE_DIRECTION && derive->component >= derive->of_count) {
        REFUSE("derived channel %u: component %u of a vector of %u", (unsigned)d,
               (unsigned)derive->component, (unsigned)derive->of_count);
    }
    return TRIB_SUCCESS;
}

static trib_status check_derive(const trib_pipeline_spec *spec, uint32_t d) {
    const trib_derive_spec *derive = &spec->derives[d];
    uint32_t own = spec->source_count + d;
    if ((unsigned)derive->kind > TRIB_DERIVE_ABSOLUTE) {
        REFUSE("derived channel %u: kind %u is not known", (unsigned)d, (unsigned)derive->kind);
    }
    bool single = derive->kind == TRIB_DERIVE_DIFFERENCE || derive->kind == TRIB_DERIVE_ABSOLUTE;
    if (derive->of_count < (single ? 1u : 2u) || derive->of_count > (single ? 1u : 3u)) {
        REFUSE("derived channel %u: of %u channels; this kind takes %s", (unsigned)d,
               (unsigned)derive->of_count, single ? "1" : "2 or 3");
    }
    for (uint32_t i = 0; i < derive->of_count && derive->kind != TRIB_DERIVE_DIRECTION; i++) {
        if (derive->of[i] >= own) {
            REFUSE("derived channel %u: channel %u is not below its own number %u", (unsigned)d,
                   (unsigned)derive->of[i], (unsigned)own);
        }
    }
    return trib_derive_has_reference(derive->kind) ? check_reference(derive, d, own) : TRIB_SUCCESS;
}

static trib_status check_channels(const trib_pipeline_spec *spec) {
    if (spec->derive_count > TRIB_MAX_DERIVED) {
        TOO_MANY("pipeline: %u derived channels; at most %d", (unsigned)spec->derive_count,
                 TRIB_MAX_DERIVED);
    }
    for (uint32_t d = 0; d < spec->derive_count; d++) {
        TRIB_TRY(check_derive(spec, d));
    }
    uint32_t channels = spec->source_count + spec->derive_count;
    if (spec->use_count < 1 || spec->use_count > channels) {
        REFUSE("pipeline: use names %u channels; 1 .. %u are possible", (unsigned)spec->use_count,
               (unsigned)channels);
    }
    uint64_t used = 0;
    for (uint32_t u = 0; u < spec->use_count; u++) {
        if (spec->use[u] >= channels) {
            REFUSE("pipeline: use names channel %u of %u", (unsigned)spec->use[u],
                   (unsigned)channels);
        }
        if (used >> spec->use[u] & 1) {
            REFUSE("pipeline: use names channel %u twice", (unsigned)spec->use[u]);
        }
        used |= UINT64_C(1) << spec->use[u];
    }
    return TRIB_SUCCESS;
}

static trib_status check_window(const trib_pipeline_spec *spec) {
    if (spec->window_rows < 1 || spec->window_rows > TRIB_MAX_WINDOW ||
        spec->context_rows > TRIB_MAX_WINDOW - spec->window_rows) {
        TOO_MANY("pipeline: window of %u rows and context of %u; a row, and %d together, are the "
                 "limits",
                 (unsigned)spec->window_rows, (unsigned)spec->context_rows, TRIB_MAX_WINDOW);
    }
    if (spec->hop_rows < 1 || spec->hop_rows > TRIB_MAX_WINDOW) {
        TOO_MANY("pipeline: hop of %u rows; 1 .. %d are possible", (unsigned)spec->hop_rows,
                 TRIB_MAX_WINDOW);
    }
    if (!within(spec->min_valid, 0.0f, 1.0f)) {
        REFUSE("pipeline: min_valid %g; give 0 .. 1", (double)spec->min_valid);
    }
    if (!within(spec->normalise_clip, 0.0f, 1e30f)) {
        REFUSE("pipeline: normalise clip %g; give 0 (none) or a positive number",
               (double)spec->normalise_clip);
    }
    return TRIB_SUCCESS;
}

static trib_status check_bands(const trib_pipeline_spec *spec, uint32_t frame_rows) {
    if (spec->band_count < 1 || spec->band_count > TRIB_MAX_BANDS) {
        TOO_MANY("pipeline: %u bands; the bands feature takes 1 .. %d", (unsigned)spec->band_count,
                 TRIB_MAX_BANDS);
    }
    if (!trib_spectrum_can(frame_rows)) {
        REFUSE("pipeline: bands of a frame of %u rows; give an even number from 4 whose factors "
               "are 2, 3 and 5",
               (unsigned)frame_rows);
    }
    for (uint32_t b = 0; b < spec->band_count; b++) {
        const trib_band_spec *band = &spec->bands[b];
        if (!within(band->low_hz, 0.0f, 1e6f) || !within(band->high_hz, band->low_hz, 1e7f)) {
            REFUSE("band %u: %g to %g Hz; give 0 <= low < high", (unsigned)b, (double)band->low_hz,
                   (double)band->high_hz);
        }
        trib_band bins = trib_spectrum_band(band, spec->rate_hz, frame_rows);
        if (bins.first_bin == bins.end_bin) {
            REFUSE("band %u: %g to %g Hz holds no bin; they are %g Hz apart, up to %g Hz",
                   (unsigned)b, (double)band->low_hz, (double)band->high_hz,
                   (double)spec->rate_hz / (double)frame_rows, (double)spec->rate_hz / 2.0);
        }
    }
    return TRIB_SUCCESS;
}

static trib_status check_features(const trib_pipeline_spec *spec) {
    uint32_t rows = spec->window_rows + spec->context_rows;
    if (spec->frames < 1 || spec->frames > TRIB_MAX_FRAMES || rows % spec->frames != 0) {
        REFUSE("pipeline: %u frames of %u rows; give 1 .. %d that divide them",
               (unsigned)spec->frames, (unsigned)rows, TRIB_MAX_FRAMES);
    }
    if (spec->features == 0 || (spec->features & ~(uint32_t)TRIB_FEATURE_ALL)) {
        REFUSE("pipeline: features %#x; name at least one, and only known ones",
               (unsigned)spec->features);
    }
    if (spec->features & TRIB_FEATURE_BANDS) {
        return check_bands(spec, rows / spec->frames);
    }
    if (spec->band_count > 0) {
        REFUSE("pipeline: %u bands, but features does not name bands", (unsigned)spec->band_count);
    }
    return TRIB_SUCCESS;
}

trib_status trib_pipeline_check(const trib_pipeline_spec *spec) {
    TRIB_TRY(check_rows(spec));
    TRIB_TRY(check_filters(spec));
    TRIB_TRY(check_channels(spec));
    TRIB_TRY(check_window(spec));
    if ((unsigned)spec->output > TRIB_EXAMPLE_ROWS) {
        REFUSE("pipeline: output %u is not known", (unsigned)spec->output);
    }
    if (spec->output == TRIB_EXAMPLE_FEATURES) {
        TRIB_TRY(check_features(spec));
    }
    if (trib_pipeline_example_size(spec) > TRIB_MAX_FEATURES) {
        TOO_MANY("pipeline: an example of %zu values; at most %d", trib_pipeline_example_size(spec),
                 TRIB_MAX_FEATURES);
    }
    return TRIB_SUCCESS;
}

trib_shape trib_pipeline_shape(const trib_pipeline_spec *spec) {
    if (spec->output == TRIB_EXAMPLE_ROWS) {
        return (trib_shape){spec->window_rows + spec->context_rows, spec->use_count, 1};
    }
    return (trib_shape){spec->frames, spec->use_count, trib_features_count(spec)};
}

size_t trib_pipeline_columns(const trib_pipeline_spec *spec) {
    trib_shape shape = trib_pipeline_shape(spec);
    return (size_t)shape.channels * shape.features;
}

size_t trib_pipeline_example_size(const trib_pipeline_spec *spec) {
    return trib_pipeline_shape(spec).steps * trib_pipeline_columns(spec);
}
