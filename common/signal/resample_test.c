#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#include "common/signal/resample.h"

static trib_row row_at(int64_t time_us, uint64_t index, float value) {
    return (trib_row){.tag = {.time_us = time_us, .index = index, .label = (int32_t)index},
                      .values = {value}};
}

static bool push(trib_resample *resample, int64_t time_us, uint64_t index, float value) {
    trib_row row = row_at(time_us, index, value);
    return trib_resample_push(resample, &row);
}

static void rows_on_the_grid_come_out_as_they_are(void **state) {
    (void)state;
    trib_resample resample;
    trib_resample_init(&resample, 100.0f, 1);
    trib_row row;
    for (uint64_t i = 0; i < 5; i++) {
        assert_true(push(&resample, 7 + (int64_t)i * 10000, i, (float)i * 0.3f));
        assert_true(trib_resample_next(&resample, &row));
        assert_int_equal(row.tag.time_us, 7 + (int64_t)i * 10000);
        assert_int_equal(row.tag.index, i);
        assert_float_equal(row.values[0], (float)i * 0.3f, 0.0f);
        assert_false(trib_resample_next(&resample, &row));
    }
}

static void one_row_gives_several_grid_rows_between(void **state) {
    (void)state;
    trib_resample resample;
    trib_resample_init(&resample, 100.0f, 1);
    trib_row row;
    assert_true(push(&resample, 0, 0, 1.0f));
    assert_true(trib_resample_next(&resample, &row));
    assert_true(push(&resample, 40000, 1, 5.0f));
    for (int i = 1; i <= 4; i++) {
        assert_true(trib_resample_next(&resample, &row));
        assert_int_equal(row.tag.time_us, 10000 * i);
        assert_float_equal(row.values[0], 1.0f + (float)i, 1e-6f);
        assert_int_equal(row.tag.index, i <= 2 ? 0 : 1); /* the nearer; the earlier on a tie */
    }
    assert_false(trib_resample_next(&resample, &row));
}

static void repeated_and_backward_stamps_are_ignored(void **state) {
    (void)state;
    trib_resample resample;
    trib_resample_init(&resample, 100.0f, 1);
    trib_row row;
    assert_true(push(&resample, 1000, 0, 1.0f));
    assert_true(trib_resample_next(&resample, &row));
    assert_false(push(&resample, 1000, 1, 100.0f));
    assert_false(push(&resample, -5, 2, 100.0f));
    assert_true(push(&resample, 21000, 3, 3.0f));
    assert_true(trib_resample_next(&resample, &row));
    assert_float_equal(row.values[0], 2.0f, 1e-6f);
}

static void a_missing_value_spoils_only_the_points_beside_it(void **state) {
    (void)state;
    trib_resample resample;
    trib_resample_init(&resample, 100.0f, 1);
    const float values[] = {1.0f, NAN, 2.0f, 3.0f};
    const bool missing[] = {false, true, false, false};
    trib_row row;
    for (uint64_t i = 0; i < 4; i++) {
        assert_true(push(&resample, (int64_t)i * 10000, i, values[i]));
        assert_true(trib_resample_next(&resample, &row));
        assert_int_equal(isnan(row.values[0]) != 0, missing[i]);
    }
}

static void the_grid_does_not_drift_over_a_year_at_an_odd_rate(void **state) {
    (void)state;
    trib_resample resample;
    trib_resample_init(&resample, 0.03f, 1);
    trib_row row;
    const double period_us = 1e6 / (double)0.03f;
    for (uint64_t i = 0; i < 950000; i++) {
        assert_true(push(&resample, (int64_t)((double)i * period_us + 0.5), i, 0.0f));
        assert_true(trib_resample_next(&resample, &row));
        assert_int_equal(row.tag.index, i);
    }
}

static void the_widest_times_do_not_overflow(void **state) {
    (void)state;
    trib_resample resample;
    trib_resample_init(&resample, 0.001f, 1);
    const int64_t edge = INT64_C(1) << 61;
    trib_row row;
    assert_true(push(&resample, -edge, 0, 1.0f));
    assert_true(trib_resample_next(&resample, &row));
    assert_true(push(&resample, edge, 1, 2.0f));
    assert_true(trib_resample_next(&resample, &row));
    assert_int_equal(row.tag.time_us, -edge + (int64_t)(1e6 / (double)0.001f + 0.5));
    assert_float_equal(row.values[0], 1.0f, 1e-6f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_on_the_grid_come_out_as_they_are),
        cmocka_unit_test(one_row_gives_several_grid_rows_between),
        cmocka_unit_test(repeated_and_backward_stamps_are_ignored),
        cmocka_unit_test(a_missing_value_spoils_only_the_points_beside_it),
        cmocka_unit_test(the_grid_does_not_drift_over_a_year_at_an_odd_rate),
        cmocka_unit_test(the_widest_times_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
