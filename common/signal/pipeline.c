#include "common/signal/pipeline.h"

#include <math.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/signal/biquad.h"
#include "common/signal/derive.h"
#include "common/signal/features.h"
#include "common/signal/fill.h"
#include "common/signal/hampel.h"
#include "common/signal/resample.h"
#include "common/signal/window.h"

struct trib_pipeline {
    trib_pipeline_spec spec;
    trib_shape shape;
    uint32_t frame_rows;
    uint64_t max_gap_us;
    uint32_t sources_of[TRIB_MAX_CHANNELS]; /* of use[c]: bit s, it depends on source s */

    bool started; /* a row of this recording has come */
    int64_t last_us;
    uint64_t next_row;
    trib_pipeline_counts counts;

    trib_resample resample;
    trib_fill fill;
    trib_hampel hampel;
    trib_biquads biquads;
    trib_derive derive;
    trib_history history;
    trib_features features;
    bool example_whole; /* `example` holds the frames of the window before */
    float *example;     /* [steps][channels][features] */
};

static const int64_t LARGEST_TIME_US = INT64_C(1) << 61;

static uint32_t frame_rows_of(const trib_pipeline_spec *spec) {
    return (spec->window_rows + spec->context_rows) / trib_pipeline_shape(spec).steps;
}

size_t trib_pipeline_bytes(const trib_pipeline_spec *spec) {
    if (!trib_ok(trib_pipeline_check(spec))) {
        return 0;
    }
    size_t bytes = trib_arena_room(1, sizeof(trib_pipeline));
    if (spec->hampel_half_window > 0) {
        bytes += trib_hampel_bytes(spec->source_count, spec->hampel_half_window);
    }
    if (spec->output == TRIB_EXAMPLE_FEATURES) {
        bytes += trib_features_bytes(spec, frame_rows_of(spec));
    }
    return bytes + trib_biquads_bytes(spec) + trib_derive_bytes(spec) + trib_history_bytes(spec) +
           trib_arena_room(trib_pipeline_example_size(spec), sizeof(float));
}

/* Which sources each used channel depends on, through however many derived ones. */
static void find_sources(trib_pipeline *pipeline) {
    const trib_pipeline_spec *spec = &pipeline->spec;
    uint32_t sources[TRIB_MAX_CHANNELS] = {0};
    for (uint32_t s = 0; s < spec->source_count; s++) {
        sources[s] = UINT32_C(1) << s;
    }
    for (uint32_t d = 0; d < spec->derive_count; d++) {
        const trib_derive_spec *derive = &spec->derives[d];
        uint32_t all = 0;
        for (uint32_t i = 0; i < derive->of_count; i++) {
            all |= derive->kind == TRIB_DERIVE_DIRECTION ? 0 : sources[derive->of[i]];
            all |= trib_derive_has_reference(derive->kind) ? sources[derive->reference[i]] : 0;
        }
        sources[spec->source_count + d] = all;
    }
    for (uint32_t u = 0; u < spec->use_count; u++) {
        pipeline->sources_of[u] = sources[spec->use[u]];
    }
}

static uint64_t max_gap_of(const trib_pipeline_spec *spec) {
    if (spec->max_gap_s > 0.0f) {
        return (uint64_t)((double)spec->max_gap_s * 1e6 + 0.5);
    }
    return spec->resample ? (uint64_t)((double)TRIB_MAX_GAP_ROWS * 1e6 / (double)spec->rate_hz)
                          : UINT64_MAX;
}

static trib_status place_stages(trib_pipeline *pipeline, trib_arena *arena) {
    const trib_pipeline_spec *spec = &pipeline->spec;
    trib_resample_init(&pipeline->resample, spec->rate_hz, spec->source_count);
    trib_fill_init(&pipeline->fill, spec->source_count, spec->fill_rows);
    if (spec->hampel_half_window > 0) {
        TRIB_TRY(trib_hampel_init(&pipeline->hampel, spec->source_count, spec->hampel_half_window,
                                  spec->hampel_threshold, arena));
    }
    TRIB_TRY(trib_biquads_init(&pipeline->biquads, spec, arena));
    TRIB_TRY(trib_derive_init(&pipeline->derive, spec, arena));
    TRIB_TRY(trib_history_init(&pipeline->history, spec, arena));
    if (spec->output == TRIB_EXAMPLE_FEATURES) {
        TRIB_TRY(trib_features_init(&pipeline->features, spec, pipeline->frame_rows, arena));
    }
    pipeline->example = trib_arena_take(arena, trib_pipeline_example_size(spec), sizeof(float));
    if (!pipeline->example) {
        return TRIB_FAIL(TRIB_E_LIMIT, "no room for an example of %zu values",
                         trib_pipeline_example_size(spec));
    }
    return TRIB_SUCCESS;
}

trib_status trib_pipeline_init(trib_pipeline **ret_pipeline, const trib_pipeline_spec *spec,
                               void *block, size_t block_bytes) {
    TRIB_TRY(trib_pipeline_check(spec));
    size_t needed = trib_pipeline_bytes(spec);
    if (block_bytes < needed) {
        return TRIB_FAIL(TRIB_E_LIMIT, "this pipeline needs a block of %zu bytes, not %zu", needed,
                         block_bytes);
    }
    trib_arena arena;
    trib_arena_init(&arena, block, block_bytes);
    trib_pipeline *pipeline = trib_arena_take(&arena, 1, sizeof *pipeline);
    TRIB_ASSERT(pipeline);
    memset(pipeline, 0, sizeof *pipeline);
    pipeline->spec = *spec;
    pipeline->shape = trib_pipeline_shape(spec);
    pipeline->frame_rows = frame_rows_of(spec);
    pipeline->max_gap_us = max_gap_of(spec);
    find_sources(pipeline);
    TRIB_TRY(place_stages(pipeline, &arena));
    trib_pipeline_reset(pipeline);
    *ret_pipeline = pipeline;
    return TRIB_SUCCESS;
}

/* As at a recording's start, but rows go on being counted. */
static void start_anew(trib_pipeline *pipeline) {
    pipeline->started = false;
    pipeline->example_whole = false;
    trib_resample_reset(&pipeline->resample);
    trib_fill_reset(&pipeline->fill);
    trib_hampel_reset(&pipeline->hampel);
    trib_biquads_reset(&pipeline->biquads);
    trib_derive_reset(&pipeline->derive);
    trib_history_reset(&pipeline->history);
}

void trib_pipeline_reset(trib_pipeline *pipeline) {
    start_anew(pipeline);
    pipeline->next_row = 0;
}

static void write_rows(trib_pipeline *pipeline) {
    const trib_history *history = &pipeline->history;
    float *to = pipeline->example;
    for (uint32_t r = 0; r < pipeline->shape.steps; r++) {
        for (uint32_t c = 0; c < history->channels; c++) {
            *to++ = history->values[(size_t)c * history->stride + r];
        }
    }
}

/* Where a hop is whole frames, the frames that two windows share are not worked out twice. */
static void write_features(trib_pipeline *pipeline) {
    const trib_history *history = &pipeline->history;
    trib_shape shape = pipeline->shape;
    size_t frame_values = (size_t)shape.channels * shape.features;
    uint32_t hop_frames = pipeline->spec.hop_rows / pipeline->frame_rows;
    uint32_t kept = 0;
    if (pipeline->example_whole && pipeline->spec.hop_rows % pipeline->frame_rows == 0 &&
        hop_frames < shape.steps) {
        kept = shape.steps - hop_frames;
        memmove(pipeline->example, pipeline->example + hop_frames * frame_values,
                kept * frame_values * sizeof(float));
    }
    float *to = pipeline->example + kept * frame_values;
    for (uint32_t f = kept; f < shape.steps; f++) {
        for (uint32_t c = 0; c < shape.channels; c++) {
            const float *channel = history->values + (size_t)c * history->stride;
            trib_features_of(&pipeline->features, channel + (size_t)f * pipeline->frame_rows, to);
            to += shape.features;
        }
    }
    pipeline->example_whole = true;
}

static bool all_finite(const float *values, size_t count) {
    float sum = 0.0f; /* infinity and NaN times 0 are NaN, which stays */
    for (size_t i = 0; i < count; i++) {
        sum += 0.0f * values[i];
    }
    return sum >= 0.0f;
}

static trib_status emit(trib_pipeline *pipeline, const trib_window_sink *sink) {
    const trib_history *history = &pipeline->history;
    trib_window window = {
        .start_us = history->tags[0].time_us,
        .end_us = history->tags[history->window_rows - 1].time_us,
        .first_row = history->tags[0].index,
        .last_row = history->tags[history->window_rows - 1].index,
        .values = pipeline->example,
        .count = trib_pipeline_example_size(&pipeline->spec),
        .label = trib_history_label(history),
        .valid = trib_history_valid(history),
    };
    if (window.valid < pipeline->spec.min_valid) {
        pipeline->counts.sparse++;
        pipeline->example_whole = false;
        return TRIB_SUCCESS;
    }
    if (pipeline->spec.output == TRIB_EXAMPLE_FEATURES) {
        write_features(pipeline);
    } else {
        write_rows(pipeline);
    }
    if (!all_finite(window.values, window.count)) {
        pipeline->counts.wild++;
        return TRIB_SUCCESS;
    }
    pipeline->counts.windows++;
    return sink->emit(sink->context, &window);
}

static uint32_t valid_values(const trib_pipeline *pipeline, uint32_t missing) {
    uint32_t valid = pipeline->spec.use_count;
    for (uint32_t u = 0; missing != 0 && u < pipeline->spec.use_count; u++) {
        valid -= (pipeline->sources_of[u] & missing) != 0;
    }
    return valid;
}

/* From the filters on. */
static trib_status take_clean(trib_pipeline *pipeline, const trib_row *row,
                              const trib_window_sink *sink) {
    float channels[TRIB_MAX_CHANNELS];
    memcpy(channels, row->values, sizeof row->values);
    trib_biquads_apply(&pipeline->biquads, channels);
    trib_derive_apply(&pipeline->derive, channels);
    if (!trib_history_push(&pipeline->history, &row->tag, channels, pipeline->spec.use,
                           valid_values(pipeline, row->tag.missing))) {
        return TRIB_SUCCESS;
    }
    trib_status status = emit(pipeline, sink);
    trib_history_advance(&pipeline->history);
    return status;
}

/* From gap filling on. */
static trib_status take_even(trib_pipeline *pipeline, trib_row *row, const trib_window_sink *sink) {
    trib_fill_apply(&pipeline->fill, row);
    if (pipeline->spec.hampel_half_window > 0 && !trib_hampel_push(&pipeline->hampel, row, row)) {
        return TRIB_SUCCESS;
    }
    return take_clean(pipeline, row, sink);
}

static void keep_first(trib_status *first, trib_status next) {
    *first = trib_ok(*first) ? next : *first;
}

/* Rows that the delay holds. */
static trib_status drain(trib_pipeline *pipeline, const trib_window_sink *sink) {
    trib_status status = TRIB_SUCCESS;
    trib_row row;
    while (pipeline->spec.hampel_half_window > 0 && trib_hampel_flush(&pipeline->hampel, &row)) {
        keep_first(&status, take_clean(pipeline, &row, sink));
    }
    return status;
}

static bool after_gap(const trib_pipeline *pipeline, int64_t time_us) {
    return pipeline->started && time_us > pipeline->last_us &&
           (uint64_t)(time_us - pipeline->last_us) > pipeline->max_gap_us;
}

trib_status trib_pipeline_push(trib_pipeline *pipeline, int64_t time_us, const float *values,
                               int32_t label, const trib_window_sink *sink) {
    if (time_us > LARGEST_TIME_US || time_us < -LARGEST_TIME_US) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "time %lld us is beyond 2^61; look at the source's clock",
                         (long long)time_us);
    }
    if (label < -1 || label > TRIB_MAX_LABEL) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "label %d is not within -1 .. %d", (int)label,
                         TRIB_MAX_LABEL);
    }
    trib_row row = {.tag = {.time_us = time_us, .index = pipeline->next_row++, .label = label}};
    memcpy(row.values, values, pipeline->spec.source_count * sizeof *values);
    pipeline->counts.rows++;
    trib_status status = TRIB_SUCCESS;
    if (after_gap(pipeline, time_us)) {
        pipeline->counts.gaps++;
        status = drain(pipeline, sink);
        start_anew(pipeline);
    }
    if (pipeline->spec.resample && !trib_resample_push(&pipeline->resample, &row)) {
        pipeline->counts.late++;
        return status;
    }
    pipeline->started = true;
    pipeline->last_us = time_us;
    if (!pipeline->spec.resample) {
        keep_first(&status, take_even(pipeline, &row, sink));
        return status;
    }
    while (trib_resample_next(&pipeline->resample, &row)) {
        keep_first(&status, take_even(pipeline, &row, sink));
    }
    return status;
}

trib_status trib_pipeline_finish(trib_pipeline *pipeline, const trib_window_sink *sink) {
    trib_status status = drain(pipeline, sink);
    trib_pipeline_reset(pipeline);
    return status;
}

trib_pipeline_counts trib_pipeline_counted(const trib_pipeline *pipeline) {
    return pipeline->counts;
}
