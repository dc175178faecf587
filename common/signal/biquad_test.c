#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#include "common/signal/biquad.h"

static uint8_t block[1 << 14];

static trib_biquads made(const trib_pipeline_spec *spec) {
    trib_arena arena;
    trib_arena_init(&arena, block, trib_biquads_bytes(spec));
    trib_biquads biquads;
    assert_true(trib_ok(trib_biquads_init(&biquads, spec, &arena)));
    return biquads;
}

/* |H| at a frequency, from the coefficients. */
static double gain_at(const trib_biquad *k, double frequency, double rate) {
    double w = 6.283185307179586 * frequency / rate;
    double top_r = k->b0 + k->b1 * cos(w) + k->b2 * cos(2 * w);
    double top_i = -k->b1 * sin(w) - k->b2 * sin(2 * w);
    double low_r = 1 + k->a1 * cos(w) + k->a2 * cos(2 * w);
    double low_i = -k->a1 * sin(w) - k->a2 * sin(2 * w);
    return hypot(top_r, top_i) / hypot(low_r, low_i);
}

static void each_kind_passes_and_stops_what_its_name_says(void **state) {
    (void)state;
    const double root_half = 0.70710678;
    trib_filter_spec filter = {TRIB_FILTER_LOWPASS, 10.0f, (float)root_half, 0};
    trib_biquad low = trib_biquad_design(&filter, 100.0f);
    assert_true(fabs(gain_at(&low, 0, 100) - 1) < 1e-9 && gain_at(&low, 50, 100) < 1e-9);
    assert_true(fabs(gain_at(&low, 10, 100) - root_half) < 1e-6);
    filter.kind = TRIB_FILTER_HIGHPASS;
    trib_biquad high = trib_biquad_design(&filter, 100.0f);
    assert_true(gain_at(&high, 0, 100) < 1e-9 && fabs(gain_at(&high, 50, 100) - 1) < 1e-9);
    assert_true(fabs(gain_at(&high, 10, 100) - root_half) < 1e-6);
    filter.kind = TRIB_FILTER_BANDPASS;
    trib_biquad band = trib_biquad_design(&filter, 100.0f);
    assert_true(gain_at(&band, 0, 100) < 1e-9 && fabs(gain_at(&band, 10, 100) - 1) < 1e-9);
    filter.kind = TRIB_FILTER_NOTCH;
    trib_biquad notch = trib_biquad_design(&filter, 100.0f);
    assert_true(fabs(gain_at(&notch, 0, 100) - 1) < 1e-9 && gain_at(&notch, 10, 100) < 1e-7);
}

static void a_constant_signal_comes_out_constant_from_the_first_row(void **state) {
    (void)state;
    trib_pipeline_spec spec = {.source_count = 2,
                               .rate_hz = 100.0f,
                               .filter_count = 2,
                               .filters = {{TRIB_FILTER_LOWPASS, 5.0f, 0.7071f, 0},
                                           {TRIB_FILTER_HIGHPASS, 5.0f, 0.7071f, 1}}};
    trib_biquads biquads = made(&spec);
    for (int i = 0; i < 500; i++) {
        float row[4] = {9.81f, 9.81f, 0.0f, 0.0f};
        trib_biquads_apply(&biquads, row);
        assert_float_equal(row[0], 9.81f, 1e-4f);
        assert_float_equal(row[1], 0.0f, 1e-4f);
    }
}

static void channels_without_a_filter_are_untouched(void **state) {
    (void)state;
    trib_pipeline_spec spec = {
        .source_count = 6,
        .rate_hz = 100.0f,
        .filter_count = 2,
        .filters = {{TRIB_FILTER_LOWPASS, 5.0f, 0.7071f, 4}, {TRIB_FILTER_NOTCH, 25.0f, 2.0f, 4}}};
    trib_biquads biquads = made(&spec);
    assert_int_equal(biquads.stages, 2);
    for (int i = 0; i < 50; i++) {
        float row[8] = {0};
        for (int c = 0; c < 6; c++) {
            row[c] = sinf((float)(i * (c + 1)));
        }
        trib_biquads_apply(&biquads, row);
        for (int c = 0; c < 6; c++) {
            if (c != 4) {
                assert_float_equal(row[c], sinf((float)(i * (c + 1))), 0.0f);
            }
        }
    }
}

static void no_filters_take_no_steps(void **state) {
    (void)state;
    trib_pipeline_spec spec = {.source_count = 1, .rate_hz = 1.0f};
    trib_biquads biquads = made(&spec);
    float row[4] = {1.5f, 0.0f, 0.0f, 0.0f};
    trib_biquads_apply(&biquads, row);
    assert_float_equal(row[0], 1.5f, 0.0f);
}

static void the_lowest_frequency_keeps_its_gain_in_f32(void **state) {
    (void)state;
    trib_pipeline_spec spec = {.source_count = 1,
                               .rate_hz = 1000.0f,
                               .filter_count = 1,
                               .filters = {{TRIB_FILTER_LOWPASS, 1.0f, 0.7071f, 0}}};
    trib_biquads biquads = made(&spec);
    float row[4] = {0};
    trib_biquads_apply(&biquads, row);
    for (int i = 0; i < 5000; i++) {
        row[0] = 1.0f;
        trib_biquads_apply(&biquads, row);
    }
    assert_float_equal(row[0], 1.0f, 0.01f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_passes_and_stops_what_its_name_says),
        cmocka_unit_test(a_constant_signal_comes_out_constant_from_the_first_row),
        cmocka_unit_test(channels_without_a_filter_are_untouched),
        cmocka_unit_test(no_filters_take_no_steps),
        cmocka_unit_test(the_lowest_frequency_keeps_its_gain_in_f32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
