#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/random.h"
#include "common/signal/pipeline.h"

enum { MOST_VALUES = 256, MOST_WINDOWS = 512 };

typedef struct collection {
    uint32_t count;
    trib_window windows[MOST_WINDOWS];
    float values[MOST_WINDOWS][MOST_VALUES];
    trib_code answer;
} collection;

static uint8_t block[1 << 16];

static trib_status collect(void *context, const trib_window *window) {
    collection *all = context;
    assert_true(all->count < MOST_WINDOWS && window->count <= MOST_VALUES);
    all->windows[all->count] = *window;
    memcpy(all->values[all->count], window->values, window->count * sizeof(float));
    all->count++;
    return (trib_status){all->answer};
}

static trib_pipeline_spec rows_of(uint32_t window, uint32_t hop) {
    return (trib_pipeline_spec){.source_count = 1,
                                .rate_hz = 100.0f,
                                .use_count = 1,
                                .window_rows = window,
                                .hop_rows = hop,
                                .output = TRIB_EXAMPLE_ROWS};
}

static trib_pipeline *made(const trib_pipeline_spec *spec) {
    trib_pipeline *pipeline = NULL;
    assert_true(trib_ok(trib_pipeline_init(&pipeline, spec, block, sizeof block)));
    return pipeline;
}

static void push(trib_pipeline *pipeline, int64_t time_us, float value, collection *all) {
    trib_window_sink sink = {collect, all};
    assert_true(trib_ok(trib_pipeline_push(pipeline, time_us, &value, -1, &sink)));
}

static void a_block_of_exactly_the_bytes_it_asks_for_is_enough_at_any_address(void **state) {
    (void)state;
    trib_pipeline_spec spec = rows_of(50, 25);
    spec.output = TRIB_EXAMPLE_FEATURES;
    spec.frames = 1;
    spec.features = TRIB_FEATURE_ALL;
    spec.band_count = 1;
    spec.bands[0].high_hz = 20.0f;
    spec.hampel_half_window = 5;
    spec.hampel_threshold = 3.0f;
    size_t bytes = trib_pipeline_bytes(&spec);
    for (size_t shift = 0; shift < 65; shift++) {
        uint8_t *memory = malloc(shift + bytes); /* so that a sanitizer sees a step past it */
        assert_non_null(memory);
        trib_pipeline *pipeline = NULL;
        assert_int_equal(trib_pipeline_init(&pipeline, &spec, memory + shift, bytes - 1).code,
                         TRIB_E_LIMIT);
        assert_null(pipeline);
        assert_true(trib_ok(trib_pipeline_init(&pipeline, &spec, memory + shift, bytes)));
        static collection all;
        all.count = 0;
        for (int i = 0; i < 100; i++) {
            push(pipeline, i * 10000, (float)i, &all);
        }
        assert_int_equal(all.count, 2);
        free(memory);
    }
}

static void a_spec_that_is_refused_needs_no_bytes(void **state) {
    (void)state;
    trib_pipeline_spec spec = rows_of(0, 1);
    assert_int_equal(trib_pipeline_bytes(&spec), 0);
    trib_pipeline *pipeline = NULL;
    assert_int_equal(trib_pipeline_init(&pipeline, &spec, block, sizeof block).code, TRIB_E_LIMIT);
    assert_null(pipeline);
}

static void times_and_labels_out_of_range_are_refused_and_not_taken(void **state) {
    (void)state;
    trib_pipeline_spec spec = rows_of(1, 1);
    trib_pipeline *pipeline = made(&spec);
    static collection all;
    all.count = 0;
    trib_window_sink sink = {collect, &all};
    const float value = 1.0f;
    const int64_t far = (INT64_C(1) << 61) + 1;
    assert_int_equal(trib_pipeline_push(pipeline, far, &value, 0, &sink).code, TRIB_E_ARGUMENT);
    assert_int_equal(trib_pipeline_push(pipeline, INT64_MIN, &value, 0, &sink).code,
                     TRIB_E_ARGUMENT);
    assert_int_equal(trib_pipeline_push(pipeline, 0, &value, -2, &sink).code, TRIB_E_ARGUMENT);
    assert_int_equal(trib_pipeline_push(pipeline, 0, &value, TRIB_MAX_LABEL + 1, &sink).code,
                     TRIB_E_ARGUMENT);
    assert_int_equal(trib_pipeline_counted(pipeline).rows, 0);
    assert_int_equal(all.count, 0);
}

static void one_row_after_a_pause_yields_several_windows(void **state) {
    (void)state;
    trib_pipeline_spec spec = rows_of(2, 1);
    spec.resample = true;
    spec.max_gap_s = 1.0f;
    trib_pipeline *pipeline = made(&spec);
    static collection all;
    all.count = 0;
    push(pipeline, 500, 0.0f, &all);
    push(pipeline, 50500, 5.0f, &all);
    assert_int_equal(all.count, 5);
    for (uint32_t w = 0; w < 5; w++) {
        assert_int_equal(all.windows[w].start_us, 500 + 10000 * (int64_t)w);
        assert_int_equal(all.windows[w].end_us, 10500 + 10000 * (int64_t)w);
        assert_float_equal(all.values[w][1], (float)w + 1.0f, 1e-6f);
    }
}

static void a_failing_sink_is_reported_and_loses_nothing_else(void **state) {
    (void)state;
    trib_pipeline_spec spec = rows_of(1, 1);
    spec.resample = true;
    trib_pipeline *pipeline = made(&spec);
    static collection all;
    all = (collection){.answer = TRIB_E_IO};
    trib_window_sink sink = {collect, &all};
    float value = 1.0f;
    assert_int_equal(trib_pipeline_push(pipeline, 0, &value, 0, &sink).code, TRIB_E_IO);
    assert_int_equal(trib_pipeline_push(pipeline, 30000, &value, 0, &sink).code, TRIB_E_IO);
    assert_int_equal(all.count, 4);
}

static void a_bad_stamp_far_ahead_starts_anew_instead_of_making_rows(void **state) {
    (void)state;
    trib_pipeline_spec spec = rows_of(1, 1);
    spec.resample = true; /* and no max_gap_s */
    trib_pipeline *pipeline = made(&spec);
    static collection all;
    all.count = 0;
    push(pipeline, 0, 1.0f, &all);
    push(pipeline, INT64_C(1) << 60, 2.0f, &all);
    assert_int_equal(all.count, 2);
    assert_int_equal(trib_pipeline_counted(pipeline).gaps, 1);
    assert_int_equal(all.windows[1].first_row, 1);
}

static void a_gap_brings_out_what_the_delay_holds_and_starts_anew(void **state) {
    (void)state;
    trib_pipeline_spec spec = rows_of(2, 2);
    spec.max_gap_s = 0.1f;
    spec.hampel_half_window = 3;
    spec.hampel_threshold = 3.0f;
    trib_pipeline *pipeline = made(&spec);
    static collection all;
    all.count = 0;
    for (int i = 0; i < 5; i++) { /* the fifth is no whole window and must not join the next */
        push(pipeline, i * 10000, (float)i, &all);
    }
    assert_int_equal(all.count, 1);
    push(pipeline, 1000000, 70.0f, &all);
    assert_int_equal(all.count, 2);
    push(pipeline, 1010000, 80.0f, &all);
    trib_window_sink sink = {collect, &all};
    assert_true(trib_ok(trib_pipeline_finish(pipeline, &sink)));
    assert_int_equal(all.count, 3);
    assert_float_equal(all.values[2][0], 70.0f, 0.0f);
    assert_int_equal(all.windows[2].first_row, 5);
    assert_int_equal(all.windows[2].start_us, 1000000);
}

static void labels_and_times_follow_delayed_rows(void **state) {
    (void)state;
    trib_pipeline_spec spec = rows_of(1, 1);
    spec.hampel_half_window = 2;
    spec.hampel_threshold = 3.0f;
    trib_pipeline *pipeline = made(&spec);
    static collection all;
    all = (collection){.count = 0};
    trib_window_sink sink = {collect, &all};
    for (int32_t i = 0; i < 6; i++) {
        float value = (float)i;
        assert_true(trib_ok(trib_pipeline_push(pipeline, 100 * i, &value, i, &sink)));
        assert_int_equal(all.count, i < 2 ? 0 : i - 1);
    }
    assert_true(trib_ok(trib_pipeline_finish(pipeline, &sink)));
    assert_int_equal(all.count, 6);
    for (int32_t i = 0; i < 6; i++) {
        assert_int_equal(all.windows[i].label, i);
        assert_int_equal(all.windows[i].start_us, 100 * i);
        assert_int_equal(all.windows[i].first_row, i);
    }
}

static void nothing_but_missing_values_gives_zeros_of_no_validity(void **state) {
    (void)state;
    trib_pipeline_spec spec = rows_of(4, 4);
    spec.output = TRIB_EXAMPLE_FEATURES;
    spec.frames = 1;
    spec.features = TRIB_FEATURE_BANDS - 1;
    spec.fill_rows = 100;
    spec.hampel_half_window = 2;
    spec.hampel_threshold = 3.0f;
    for (int strict = 0; strict < 2; strict++) {
        spec.min_valid = strict ? 0.01f : 0.0f;
        trib_pipeline *pipeline = made(&spec);
        static collection all;
        all.count = 0;
        for (int i = 0; i < 10; i++) {
            push(pipeline, i, NAN, &all);
        }
        assert_int_equal(all.count, strict ? 0 : 2);
        assert_int_equal(trib_pipeline_counted(pipeline).sparse, strict ? 2 : 0);
        for (uint32_t i = 0; !strict && i < all.windows[0].count; i++) {
            assert_float_equal(all.values[0][i], 0.0f, 0.0f);
        }
        if (!strict) {
            assert_float_equal(all.windows[0].valid, 0.0f, 0.0f);
        }
    }
}

static void a_recording_of_one_row_is_a_window_of_its_context(void **state) {
    (void)state;
    trib_pipeline_spec spec = rows_of(1, 1);
    spec.context_rows = 3;
    trib_pipeline *pipeline = made(&spec);
    static collection all;
    all.count = 0;
    push(pipeline, 5, 2.5f, &all);
    assert_int_equal(all.count, 1);
    assert_int_equal(all.windows[0].count, 4);
    for (int i = 0; i < 4; i++) {
        assert_float_equal(all.values[0][i], 2.5f, 0.0f);
    }
}

static void a_derived_value_is_valid_only_if_its_sources_are(void **state) {
    (void)state;
    trib_pipeline_spec spec = rows_of(2, 2);
    spec.source_count = 3;
    spec.derive_count = 2;
    spec.derives[0] =
        (trib_derive_spec){.kind = TRIB_DERIVE_MAGNITUDE, .of = {0, 1}, .of_count = 2};
    spec.derives[1] = (trib_derive_spec){.kind = TRIB_DERIVE_ABSOLUTE, .of = {3}, .of_count = 1};
    spec.use_count = 2;
    spec.use[0] = 4;
    spec.use[1] = 0;
    trib_pipeline *pipeline = made(&spec);
    static collection all;
    all = (collection){.count = 0};
    trib_window_sink sink = {collect, &all};
    const float first[] = {1.0f, NAN, 1.0f};
    const float second[] = {1.0f, 1.0f, NAN}; /* source 2 is not used by anything */
    assert_true(trib_ok(trib_pipeline_push(pipeline, 0, first, 0, &sink)));
    assert_true(trib_ok(trib_pipeline_push(pipeline, 1, second, 0, &sink)));
    assert_int_equal(all.count, 1);
    assert_float_equal(all.windows[0].valid, 0.75f, 0.0f);
}

static void values_past_f32_are_never_emitted_and_the_pipeline_recovers(void **state) {
    (void)state;
    trib_pipeline_spec spec = rows_of(2, 2);
    spec.output = TRIB_EXAMPLE_FEATURES;
    spec.frames = 1;
    spec.features = TRIB_FEATURE_RMS;
    spec.filter_count = 3;
    for (int f = 0; f < 3; f++) {
        spec.filters[f] = (trib_filter_spec){TRIB_FILTER_LOWPASS, 25.0f, 100.0f, 0};
    }
    trib_pipeline *pipeline = made(&spec);
    static collection all;
    all.count = 0;
    for (int i = 0; i < 20000; i++) { /* a square wave on the resonance, at the largest value */
        push(pipeline, i, i % 4 < 2 ? 1e12f : -1e12f, &all);
        all.count = 0;
    }
    assert_true(trib_pipeline_counted(pipeline).windows + trib_pipeline_counted(pipeline).wild ==
                10000);
    for (int i = 0; i < 200000; i++) {
        push(pipeline, 20000 + i, 0.0f, &all);
        assert_true(all.count == 0 || isfinite(all.values[0][0]));
        all.count = i < 199998 ? 0 : all.count;
    }
    assert_int_equal(all.count, 1);
    assert_float_equal(all.values[0][0], 0.0f, 1e-6f);
}

static trib_pipeline_spec framed_spec(uint32_t hop) {
    return (trib_pipeline_spec){.source_count = 2,
                                .rate_hz = 50.0f,
                                .use_count = 2,
                                .use = {1, 0},
                                .window_rows = 10,
                                .hop_rows = hop,
                                .context_rows = 20,
                                .frames = 6,
                                .min_valid = 0.7f,
                                .features = TRIB_FEATURE_BANDS - 1};
}

/* A hop of one row works every frame out anew; one of whole frames takes over what it can. */
static void frames_taken_over_have_the_bits_of_frames_worked_out(void **state) {
    (void)state;
    static uint8_t other[1 << 16];
    static collection fast;
    static collection slow;
    fast = (collection){.count = 0};
    slow = (collection){.count = 0};
    trib_pipeline_spec by_frame = framed_spec(5);
    trib_pipeline_spec by_row = framed_spec(1);
    trib_pipeline *left = made(&by_frame);
    trib_pipeline *right = NULL;
    assert_true(trib_ok(trib_pipeline_init(&right, &by_row, other, sizeof other)));
    trib_window_sink left_sink = {collect, &fast};
    trib_window_sink right_sink = {collect, &slow};
    trib_random random;
    trib_random_init(&random, 5, "", 0, TRIB_PURPOSE_TEST);
    for (int i = 0; i < 120; i++) {
        float values[2] = {trib_random_normal(&random), trib_random_normal(&random)};
        values[0] = i >= 40 && i < 52 ? NAN : values[0]; /* some windows are left out */
        values[1] = i >= 40 && i < 50 ? NAN : values[1];
        assert_true(trib_ok(trib_pipeline_push(left, i, values, 0, &left_sink)));
        assert_true(trib_ok(trib_pipeline_push(right, i, values, 0, &right_sink)));
    }
    assert_true(trib_pipeline_counted(left).sparse > 0 && fast.count > 15);
    uint32_t s = 0;
    for (uint32_t f = 0; f < fast.count; f++) {
        while (s < slow.count && slow.windows[s].first_row != fast.windows[f].first_row) {
            s++;
        }
        assert_true(s < slow.count);
        assert_memory_equal(fast.values[f], slow.values[s], fast.windows[f].count * sizeof(float));
    }
}

static trib_pipeline_spec random_spec(trib_random *random) {
    uint32_t sources = 1 + trib_random_below(random, 5);
    trib_pipeline_spec spec = {.source_count = sources,
                               .rate_hz = 100.0f,
                               .resample = trib_random_below(random, 2) == 0,
                               .max_gap_s = 0.2f,
                               .fill_rows = trib_random_below(random, 4),
                               .hampel_half_window = trib_random_below(random, 6),
                               .hampel_threshold = 2.0f,
                               .filter_count = trib_random_below(random, 4),
                               .derive_count = sources > 1 ? 2 : 0,
                               .use_count = sources,
                               .window_rows = 20,
                               .hop_rows = 1 + trib_random_below(random, 30),
                               .context_rows = 10 * trib_random_below(random, 3),
                               .frames = 1,
                               .features = TRIB_FEATURE_ALL,
                               .band_count = 2,
                               .bands = {{0.0f, 20.0f}, {20.0f, 60.0f}}};
    for (uint32_t f = 0; f < spec.filter_count; f++) {
        spec.filters[f] = (trib_filter_spec){(trib_filter_kind)trib_random_below(random, 4), 9.0f,
                                             1.0f, trib_random_below(random, sources)};
    }
    for (uint32_t d = 0; d < spec.derive_count; d++) {
        spec.derives[d] = (trib_derive_spec){.kind = d ? TRIB_DERIVE_ACROSS : TRIB_DERIVE_DIRECTION,
                                             .of = {0, 1},
                                             .of_count = 2,
                                             .reference = {1, 0},
                                             .rate = 0.1f};
    }
    for (uint32_t u = 0; u < sources; u++) {
        spec.use[u] = sources + spec.derive_count - 1 - u;
    }
    return spec;
}

static void record(trib_pipeline *pipeline, uint64_t seed, collection *all) {
    trib_random random;
    trib_random_init(&random, seed, "", 0, TRIB_PURPOSE_TEST);
    trib_window_sink sink = {collect, all};
    all->count = 0;
    int64_t time_us = -5;
    for (int i = 0; i < 300; i++) {
        float values[TRIB_MAX_SOURCES];
        for (uint32_t c = 0; c < TRIB_MAX_SOURCES; c++) {
            bool missing = trib_random_below(&random, 20) == 0;
            values[c] = missing ? NAN : trib_random_normal(&random);
        }
        time_us += (int64_t)trib_random_below(&random, 24000) - 2000;
        time_us += trib_random_below(&random, 100) == 0 ? 500000 : 0;
        int32_t label = (int32_t)trib_random_below(&random, 4) - 1;
        assert_true(trib_ok(trib_pipeline_push(pipeline, time_us, values, label, &sink)));
    }
}

static void the_same_rows_after_a_reset_give_the_same_bits(void **state) {
    (void)state;
    static collection first;
    static collection again;
    first = (collection){.count = 0};
    again = (collection){.count = 0};
    trib_random random;
    trib_random_init(&random, 4, "", 0, TRIB_PURPOSE_TEST);
    uint32_t windows = 0;
    for (uint64_t trial = 0; trial < 100; trial++) {
        trib_pipeline_spec spec = random_spec(&random);
        trib_pipeline *pipeline = made(&spec);
        record(pipeline, trial, &first);
        record(pipeline, trial + 1000, &again); /* leaves traces, if anything does */
        trib_pipeline_reset(pipeline);
        record(pipeline, trial, &again);
        assert_int_equal(first.count, again.count);
        windows += first.count;
        for (uint32_t w = 0; w < first.count; w++) {
            trib_window left = first.windows[w];
            trib_window right = again.windows[w];
            assert_true(left.start_us == right.start_us && left.end_us == right.end_us &&
                        left.first_row == right.first_row && left.last_row == right.last_row &&
                        left.label == right.label && left.count == right.count);
            assert_memory_equal(first.values[w], again.values[w], left.count * sizeof(float));
        }
    }
    assert_true(windows > 500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_of_exactly_the_bytes_it_asks_for_is_enough_at_any_address),
        cmocka_unit_test(a_spec_that_is_refused_needs_no_bytes),
        cmocka_unit_test(times_and_labels_out_of_range_are_refused_and_not_taken),
        cmocka_unit_test(one_row_after_a_pause_yields_several_windows),
        cmocka_unit_test(a_failing_sink_is_reported_and_loses_nothing_else),
        cmocka_unit_test(a_bad_stamp_far_ahead_starts_anew_instead_of_making_rows),
        cmocka_unit_test(a_gap_brings_out_what_the_delay_holds_and_starts_anew),
        cmocka_unit_test(labels_and_times_follow_delayed_rows),
        cmocka_unit_test(nothing_but_missing_values_gives_zeros_of_no_validity),
        cmocka_unit_test(a_recording_of_one_row_is_a_window_of_its_context),
        cmocka_unit_test(a_derived_value_is_valid_only_if_its_sources_are),
        cmocka_unit_test(values_past_f32_are_never_emitted_and_the_pipeline_recovers),
        cmocka_unit_test(frames_taken_over_have_the_bits_of_frames_worked_out),
        cmocka_unit_test(the_same_rows_after_a_reset_give_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
