#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/status.h"
#include "common/tensor/elementwise.h"

enum { ROWS = 7, COLUMNS = 37 };

static float pattern(size_t i) {
    return (float)((i * 37 + 11) % 101) - 50.0f;
}

static void rows_are_added_to_and_summed(void **state) {
    (void)state;
    float matrix[ROWS * COLUMNS];
    float row[COLUMNS];
    float sums[COLUMNS];
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        matrix[i] = pattern(i);
    }
    for (size_t i = 0; i < COLUMNS; i++) {
        row[i] = (float)i;
        sums[i] = 10.0f;
    }
    trib_rows_add(matrix, ROWS, COLUMNS, row);
    trib_rows_sum(matrix, ROWS, COLUMNS, 0.5f, 2.0f, sums);
    for (size_t i = 0; i < COLUMNS; i++) {
        float expected = 20.0f;
        for (size_t r = 0; r < ROWS; r++) {
            assert_float_equal(matrix[r * COLUMNS + i], pattern(r * COLUMNS + i) + (float)i, 0.0f);
            expected += 0.5f * matrix[r * COLUMNS + i];
        }
        assert_float_equal(sums[i], expected, 0.0f);
    }
    sums[0] = NAN;
    trib_rows_sum(matrix, 1, 1, 1.0f, 0.0f, sums);
    assert_true(sums[0] == matrix[0]); /* keep 0 has not read the NaN */
}

static void relu_passes_positives_and_nan(void **state) {
    (void)state;
    float x[5] = {-1.0f, 0.0f, 2.0f, NAN, -INFINITY};
    float gradient[5] = {1, 1, 1, 1, 1};
    trib_relu(5, x, x);
    assert_float_equal(x[0], 0.0f, 0.0f);
    assert_float_equal(x[2], 2.0f, 0.0f);
    assert_true(isnan(x[3]));
    assert_float_equal(x[4], 0.0f, 0.0f);
    trib_relu_backward(5, x, gradient);
    assert_float_equal(gradient[0], 0.0f, 0.0f);
    assert_float_equal(gradient[1], 0.0f, 0.0f);
    assert_float_equal(gradient[2], 1.0f, 0.0f);
}

static void the_maximum_of_each_channel_names_the_first_of_equals(void **state) {
    (void)state;
    const float x[12] = {1,  5,  3,  5,  2,  0, /* group 0: rows (1, 5) (3, 5) (2, 0) */
                         -1, -7, -2, -6, -1, -6};
    float y[4];
    float alone[4];
    uint32_t winners[4];
    trib_rows_maximum(x, 2, 3, 2, y, winners);
    trib_rows_maximum(x, 2, 3, 2, alone, NULL);
    const float expected[4] = {3, 5, -1, -6};
    const uint32_t expected_winners[4] = {1, 0, 0, 1};
    for (size_t i = 0; i < 4; i++) {
        assert_float_equal(y[i], expected[i], 0.0f);
        assert_float_equal(alone[i], expected[i], 0.0f);
        assert_int_equal(winners[i], expected_winners[i]);
    }
}

static void adam_moves_by_the_rate_at_its_first_step(void **state) {
    (void)state;
    /* With both bias corrections the first step is rate * g / |g|, whatever the gradient's size. */
    float correction = sqrtf(1.0f - 0.999f);
    trib_adam adam = {0.01f * correction / (1.0f - 0.9f), 0.9f, 0.999f, 1e-8f * correction, 0.0f};
    float gradient[2] = {3.0f, -0.002f};
    float mean[2] = {0};
    float square[2] = {0};
    float w[2] = {1.0f, 1.0f};
    trib_adam_step(&adam, 2, gradient, mean, square, w);
    assert_float_equal(w[0], 0.99f, 1e-5f);
    assert_float_equal(w[1], 1.01f, 1e-5f);
}

static void one_wild_value_among_many_is_seen(void **state) {
    (void)state;
    static const float wild[3] = {NAN, INFINITY, -INFINITY};
    float values[70] = {-3.4e38f, 1e-45f};
    assert_true(trib_all_finite(values, 70));
    assert_true(trib_all_finite(values, 0));
    for (size_t at = 0; at < 70; at++) {
        float before = values[at];
        values[at] = wild[at % 3];
        assert_false(trib_all_finite(values, 70));
        values[at] = before;
    }
}

static void a_difference_is_taken_value_by_value(void **state) {
    (void)state;
    float x[19], y[19];
    for (int i = 0; i < 19; i++) {
        x[i] = 0.1f * (float)i;
        y[i] = 7.3f - (float)i;
    }
    trib_subtract(19, x, y);
    for (int i = 0; i < 19; i++) {
        assert_true(y[i] == 7.3f - (float)i - 0.1f * (float)i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_added_to_and_summed),
        cmocka_unit_test(relu_passes_positives_and_nan),
        cmocka_unit_test(the_maximum_of_each_channel_names_the_first_of_equals),
        cmocka_unit_test(adam_moves_by_the_rate_at_its_first_step),
        cmocka_unit_test(one_wild_value_among_many_is_seen),
        cmocka_unit_test(a_difference_is_taken_value_by_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
