#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/signal/check.h"

static trib_pipeline_spec good(void) {
    return (trib_pipeline_spec){
        .source_count = 3,
        .rate_hz = 100.0f,
        .resample = true,
        .max_gap_s = 1.0f,
        .hampel_half_window = 5,
        .hampel_threshold = 3.0f,
        .filter_count = 2,
        .filters = {{TRIB_FILTER_LOWPASS, 20.0f, 0.7071f, 0}, {TRIB_FILTER_NOTCH, 25.0f, 2.0f, 0}},
        .derive_count = 4,
        .derives = {{.kind = TRIB_DERIVE_MAGNITUDE, .of = {0, 1, 2}, .of_count = 3},
                    {.kind = TRIB_DERIVE_ALONG,
                     .of = {0, 1},
                     .of_count = 2,
                     .reference = {1, 2},
                     .rate = 0.1f},
                    {.kind = TRIB_DERIVE_DIRECTION,
                     .of_count = 3,
                     .reference = {0, 1, 2},
                     .rate = 1.0f,
                     .component = 2},
                    {.kind = TRIB_DERIVE_ABSOLUTE, .of = {5}, .of_count = 1}},
        .use_count = 3,
        .use = {6, 0, 3},
        .window_rows = 50,
        .hop_rows = 25,
        .context_rows = 50,
        .frames = 2,
        .min_valid = 0.5f,
        .features = TRIB_FEATURE_ALL,
        .band_count = 2,
        .bands = {{0.0f, 5.0f}, {5.0f, 51.0f}},
        .normalise = true,
        .normalise_clip = 8.0f,
    };
}

/* The spec is refused with a message that holds `part`. */
static void refused(const trib_pipeline_spec *spec, trib_code code, const char *part) {
    trib_status status = trib_pipeline_check(spec);
    if (status.code != code || !strstr(trib_message(), part)) {
        fail_msg("%s '%s', not %s '%s'", trib_code_name(status.code), trib_message(),
                 trib_code_name(code), part);
    }
}

#define REFUSED(code, part, ...)                                                                   \
    do {                                                                                           \
        trib_pipeline_spec spec = good();                                                          \
        __VA_ARGS__;                                                                               \
        refused(&spec, code, part);                                                                \
    } while (0)

static void a_good_spec_passes_and_has_its_shape(void **state) {
    (void)state;
    trib_pipeline_spec spec = good();
    assert_true(trib_ok(trib_pipeline_check(&spec)));
    trib_shape shape = trib_pipeline_shape(&spec);
    assert_int_equal(shape.steps, 2);
    assert_int_equal(shape.channels, 3);
    assert_int_equal(shape.features, 14);
    assert_int_equal(trib_pipeline_columns(&spec), 42);
    assert_int_equal(trib_pipeline_example_size(&spec), 84);
    spec.output = TRIB_EXAMPLE_ROWS;
    assert_true(trib_ok(trib_pipeline_check(&spec)));
    assert_int_equal(trib_pipeline_example_size(&spec), 300);
    assert_int_equal(trib_pipeline_columns(&spec), 3);
}

static void rates_gaps_and_outlier_settings_out_of_range_are_refused(void **state) {
    (void)state;
    REFUSED(TRIB_E_LIMIT, "0 sources", spec.source_count = 0);
    REFUSED(TRIB_E_LIMIT, "33 sources", spec.source_count = 33);
    REFUSED(TRIB_E_ARGUMENT, "rate_hz", spec.rate_hz = 0.0f);
    REFUSED(TRIB_E_ARGUMENT, "rate_hz", spec.rate_hz = 2e6f);
    REFUSED(TRIB_E_ARGUMENT, "rate_hz", spec.rate_hz = NAN);
    REFUSED(TRIB_E_ARGUMENT, "max_gap_s", spec.max_gap_s = -1.0f);
    REFUSED(TRIB_E_ARGUMENT, "max_gap_s", spec.max_gap_s = INFINITY);
    REFUSED(TRIB_E_ARGUMENT, "every row would start anew", spec.max_gap_s = 0.009f);
    REFUSED(TRIB_E_LIMIT, "70000 rows", spec.max_gap_s = 700.0f);
    REFUSED(TRIB_E_LIMIT, "half window of 26", spec.hampel_half_window = 26);
    REFUSED(TRIB_E_ARGUMENT, "threshold 0", spec.hampel_threshold = 0.0f);
    REFUSED(TRIB_E_ARGUMENT, "threshold", spec.hampel_threshold = NAN);
}

static void filters_out_of_range_are_refused(void **state) {
    (void)state;
    REFUSED(TRIB_E_LIMIT, "17 filters", spec.filter_count = 17);
    REFUSED(TRIB_E_ARGUMENT, "filter 1: kind 4", spec.filters[1].kind = (trib_filter_kind)4);
    REFUSED(TRIB_E_ARGUMENT, "channel 3", spec.filters[0].channel = 3);
    REFUSED(TRIB_E_ARGUMENT, "frequency_hz 50", spec.filters[0].frequency_hz = 50.0f);
    REFUSED(TRIB_E_ARGUMENT, "frequency_hz 0.05", spec.filters[0].frequency_hz = 0.05f);
    REFUSED(TRIB_E_ARGUMENT, "frequency_hz", spec.filters[0].frequency_hz = NAN);
    REFUSED(TRIB_E_ARGUMENT, "q 0;", spec.filters[1].q = 0.0f);
    REFUSED(TRIB_E_ARGUMENT, "q 101", spec.filters[1].q = 101.0f);
    REFUSED(
        TRIB_E_ARGUMENT, "multiply to 1e+08", spec.filter_count = 4; for (int f = 0; f < 4; f++) {
            spec.filters[f] = (trib_filter_spec){TRIB_FILTER_HIGHPASS, 9.0f, 100.0f, 2};
        });
}

static void derived_channels_that_cannot_be_are_refused(void **state) {
    (void)state;
    REFUSED(TRIB_E_LIMIT, "33 derived", spec.derive_count = 33);
    REFUSED(TRIB_E_ARGUMENT, "kind 6", spec.derives[0].kind = (trib_derive_kind)6);
    REFUSED(TRIB_E_ARGUMENT, "takes 2 or 3", spec.derives[0].of_count = 1);
    REFUSED(TRIB_E_ARGUMENT, "takes 2 or 3", spec.derives[1].of_count = 4);
    REFUSED(TRIB_E_ARGUMENT, "takes 1", spec.derives[3].of_count = 2);
    REFUSED(TRIB_E_ARGUMENT, "not below its own number 3", spec.derives[0].of[2] = 3);
    REFUSED(TRIB_E_ARGUMENT, "reference 4", spec.derives[1].reference[1] = 4);
    REFUSED(TRIB_E_ARGUMENT, "rate 0;", spec.derives[1].rate = 0.0f);
    REFUSED(TRIB_E_ARGUMENT, "rate 1.5", spec.derives[2].rate = 1.5f);
    REFUSED(TRIB_E_ARGUMENT, "rate", spec.derives[2].rate = NAN);
    REFUSED(TRIB_E_ARGUMENT, "component 3", spec.derives[2].component = 3);
}

static void channels_used_must_exist_once(void **state) {
    (void)state;
    REFUSED(TRIB_E_ARGUMENT, "names 0 channels", spec.use_count = 0);
    REFUSED(TRIB_E_ARGUMENT, "names 8 channels", spec.use_count = 8);
    REFUSED(TRIB_E_ARGUMENT, "channel 7 of 7", spec.use[1] = 7);
    REFUSED(TRIB_E_ARGUMENT, "channel 6 twice", spec.use[2] = 6);
}

static void windows_out_of_range_are_refused(void **state) {
    (void)state;
    REFUSED(TRIB_E_LIMIT, "window of 0", spec.window_rows = 0);
    REFUSED(TRIB_E_LIMIT, "window of 8193", spec.window_rows = 8193);
    REFUSED(TRIB_E_LIMIT, "context of 8143", spec.context_rows = 8143);
    REFUSED(TRIB_E_LIMIT, "context of 4294967295", spec.context_rows = UINT32_MAX);
    REFUSED(TRIB_E_LIMIT, "hop of 0", spec.hop_rows = 0);
    REFUSED(TRIB_E_LIMIT, "hop of 8193", spec.hop_rows = 8193);
    REFUSED(TRIB_E_ARGUMENT, "min_valid 1.5", spec.min_valid = 1.5f);
    REFUSED(TRIB_E_ARGUMENT, "min_valid", spec.min_valid = NAN);
    REFUSED(TRIB_E_ARGUMENT, "clip -1", spec.normalise_clip = -1.0f);
    REFUSED(TRIB_E_ARGUMENT, "0 frames", spec.frames = 0);
    REFUSED(TRIB_E_ARGUMENT, "3 frames of 100", spec.frames = 3);
    REFUSED(TRIB_E_ARGUMENT, "100 frames", spec.frames = 100);
    REFUSED(TRIB_E_ARGUMENT, "output 2", spec.output = (trib_example_kind)2);
}

static void features_and_bands_that_cannot_be_are_refused(void **state) {
    (void)state;
    REFUSED(TRIB_E_ARGUMENT, "features 0", spec.features = 0);
    REFUSED(TRIB_E_ARGUMENT, "features 0x2001", spec.features = 0x2001);
    REFUSED(TRIB_E_ARGUMENT, "2 bands, but", spec.features = TRIB_FEATURE_MEAN);
    REFUSED(TRIB_E_LIMIT, "0 bands", spec.band_count = 0);
    REFUSED(TRIB_E_LIMIT, "33 bands", spec.band_count = 33);
    REFUSED(TRIB_E_ARGUMENT, "25 rows", spec.frames = 4);
    REFUSED(TRIB_E_ARGUMENT, "14 rows", spec.context_rows = 0; spec.window_rows = 14;
            spec.frames = 1);
    REFUSED(TRIB_E_ARGUMENT, "band 1: 6 to 5", spec.bands[1] = (trib_band_spec){6.0f, 5.0f});
    REFUSED(TRIB_E_ARGUMENT, "band 0: -1", spec.bands[0].low_hz = -1.0f);
    REFUSED(TRIB_E_ARGUMENT, "band 0", spec.bands[0].high_hz = NAN);
    REFUSED(TRIB_E_ARGUMENT, "2 Hz apart", spec.bands[0] = (trib_band_spec){2.5f, 3.5f});
    REFUSED(TRIB_E_ARGUMENT, "holds no bin", spec.bands[0] = (trib_band_spec){51.0f, 60.0f});
    REFUSED(
        TRIB_E_LIMIT, "90000 values", spec.output = TRIB_EXAMPLE_ROWS; spec.use_count = 3;
        spec.derive_count = 32; for (uint32_t d = 4; d < 32; d++) {
            spec.derives[d] = spec.derives[3];
        } spec.use_count = 15;
        for (uint32_t u = 0; u < 15; u++) { spec.use[u] = u; } spec.window_rows = 5950);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_spec_passes_and_has_its_shape),
        cmocka_unit_test(rates_gaps_and_outlier_settings_out_of_range_are_refused),
        cmocka_unit_test(filters_out_of_range_are_refused),
        cmocka_unit_test(derived_channels_that_cannot_be_are_refused),
        cmocka_unit_test(channels_used_must_exist_once),
        cmocka_unit_test(windows_out_of_range_are_refused),
        cmocka_unit_test(features_and_bands_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
