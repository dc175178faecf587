#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "common/signal/check.h"
#include "common/signal/normalise.h"

static trib_pipeline_spec two_frames_of_two(void) {
    return (trib_pipeline_spec){.source_count = 1,
                                .use_count = 1,
                                .frames = 2,
                                .features = TRIB_FEATURE_MEAN | TRIB_FEATURE_STD,
                                .normalise = true,
                                .normalise_clip = 2.0f};
}

static void frames_share_statistics_and_scores_are_cut(void **state) {
    (void)state;
    trib_pipeline_spec spec = two_frames_of_two();
    const float mean[] = {1.0f, 10.0f};
    const float deviation[] = {2.0f, 0.0f};
    float values[] = {3.0f, 11.0f, -99.0f, 99.0f};
    trib_pipeline_normalise(&spec, mean, deviation, values);
    const float wanted[] = {1.0f, 1.0f, -2.0f, 2.0f};
    assert_memory_equal(values, wanted, sizeof values);
}

static void a_clip_of_zero_cuts_nothing(void **state) {
    (void)state;
    trib_pipeline_spec spec = two_frames_of_two();
    spec.normalise_clip = 0.0f;
    const float mean[] = {0.0f, 0.0f};
    const float deviation[] = {1.0f, 1e-3f};
    float values[] = {1e20f, 1.0f, -1e20f, 0.0f};
    trib_pipeline_normalise(&spec, mean, deviation, values);
    assert_float_equal(values[0], 1e20f, 0.0f);
    assert_float_equal(values[1], 1000.0f, 1e-3f);
    assert_float_equal(values[2], -1e20f, 0.0f);
}

static void off_leaves_values_as_they_are(void **state) {
    (void)state;
    trib_pipeline_spec spec = two_frames_of_two();
    spec.normalise = false;
    float values[] = {1.0f, 2.0f, 3.0f, 4.0f};
    trib_pipeline_normalise(&spec, NULL, NULL, values);
    assert_float_equal(values[3], 4.0f, 0.0f);
}

static void rows_have_one_statistic_a_channel(void **state) {
    (void)state;
    trib_pipeline_spec spec = {
        .use_count = 2, .window_rows = 3, .output = TRIB_EXAMPLE_ROWS, .normalise = true};
    assert_int_equal(trib_pipeline_columns(&spec), 2);
    const float mean[] = {1.0f, 2.0f};
    const float deviation[] = {1.0f, 2.0f};
    float values[] = {1.0f, 2.0f, 2.0f, 4.0f, 3.0f, 6.0f};
    trib_pipeline_normalise(&spec, mean, deviation, values);
    const float wanted[] = {0.0f, 0.0f, 1.0f, 1.0f, 2.0f, 2.0f};
    assert_memory_equal(values, wanted, sizeof values);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_share_statistics_and_scores_are_cut),
        cmocka_unit_test(a_clip_of_zero_cuts_nothing),
        cmocka_unit_test(off_leaves_values_as_they_are),
        cmocka_unit_test(rows_have_one_statistic_a_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
