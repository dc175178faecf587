#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#include "common/signal/fill.h"

static trib_row apply(trib_fill *fill, float first, float second) {
    trib_row row = {.values = {first, second}};
    trib_fill_apply(fill, &row);
    return row;
}

static void a_missing_value_holds_the_last_one_and_is_invalid_after_hold_rows(void **state) {
    (void)state;
    trib_fill fill;
    trib_fill_init(&fill, 2, 2);
    assert_int_equal(apply(&fill, 5.0f, 1.0f).tag.missing, 0);
    for (int i = 0; i < 4; i++) {
        trib_row row = apply(&fill, NAN, 2.0f);
        assert_float_equal(row.values[0], 5.0f, 0.0f);
        assert_int_equal(row.tag.missing, i < 2 ? 0 : 1);
    }
    assert_int_equal(apply(&fill, 6.0f, NAN).tag.missing, 0);
    assert_int_equal(apply(&fill, NAN, 0.0f).tag.missing, 0);
}

static void before_the_first_value_there_is_an_invalid_zero(void **state) {
    (void)state;
    trib_fill fill;
    trib_fill_init(&fill, 2, 10);
    trib_row row = apply(&fill, 1.0f, NAN);
    assert_int_equal(row.tag.missing, 2);
    assert_float_equal(row.values[1], 0.0f, 0.0f);
}

static void infinity_and_absurd_values_are_missing_too(void **state) {
    (void)state;
    trib_fill fill;
    trib_fill_init(&fill, 2, 0);
    (void)apply(&fill, 1.0f, -TRIB_FILL_LARGEST);
    trib_row row = apply(&fill, -INFINITY, 2e12f);
    assert_int_equal(row.tag.missing, 3);
    assert_float_equal(row.values[0], 1.0f, 0.0f);
    assert_float_equal(row.values[1], -TRIB_FILL_LARGEST, 0.0f);
}

static void a_reset_forgets_the_last_value(void **state) {
    (void)state;
    trib_fill fill;
    trib_fill_init(&fill, 2, 5);
    (void)apply(&fill, 3.0f, 4.0f);
    trib_fill_reset(&fill);
    trib_row row = apply(&fill, NAN, NAN);
    assert_int_equal(row.tag.missing, 3);
    assert_float_equal(row.values[0], 0.0f, 0.0f);
}

static void all_32_sources_have_their_own_bit(void **state) {
    (void)state;
    trib_fill fill;
    trib_fill_init(&fill, TRIB_MAX_SOURCES, 0);
    trib_row row = {.tag = {.missing = 0}};
    for (uint32_t c = 0; c < TRIB_MAX_SOURCES; c++) {
        row.values[c] = NAN;
    }
    trib_fill_apply(&fill, &row);
    assert_true(row.tag.missing == UINT32_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_value_holds_the_last_one_and_is_invalid_after_hold_rows),
        cmocka_unit_test(before_the_first_value_there_is_an_invalid_zero),
        cmocka_unit_test(infinity_and_absurd_values_are_missing_too),
        cmocka_unit_test(a_reset_forgets_the_last_value),
        cmocka_unit_test(all_32_sources_have_their_own_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
