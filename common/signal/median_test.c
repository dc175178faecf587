#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/random.h"
#include "common/signal/median.h"

enum { MOST = 400 };

static int by_value(const void *left, const void *right) {
    float a = *(const float *)left;
    float b = *(const float *)right;
    return (a > b) - (a < b);
}

static float sorted_median(const float *values, uint32_t count) {
    float copy[MOST];
    memcpy(copy, values, count * sizeof *values);
    qsort(copy, count, sizeof *copy, by_value);
    return count % 2 ? copy[count / 2] : 0.5f * copy[count / 2 - 1] + 0.5f * copy[count / 2];
}

static void agrees_with_sorting_for_every_count_and_many_ties(void **state) {
    (void)state;
    trib_random random;
    trib_random_init(&random, 2, "", 0, TRIB_PURPOSE_TEST);
    int32_t keys[MOST];
    for (uint32_t count = 1; count <= MOST; count++) {
        float values[MOST];
        for (uint32_t i = 0; i < count; i++) {
            float value = 100.0f * trib_random_normal(&random);
            values[i] = count % 3 == 0 ? (float)(int)(value / 50.0f) : value;
        }
        assert_float_equal(trib_median(values, count, keys), sorted_median(values, count), 0.0f);
    }
}

static void extremes_of_f32_do_not_overflow(void **state) {
    (void)state;
    const float values[] = {FLT_MAX, -FLT_MAX, FLT_MAX, -FLT_MAX, FLT_MIN, FLT_MAX};
    int32_t keys[6];
    assert_float_equal(trib_median(values, 5, keys), FLT_MIN, 0.0f);
    assert_float_equal(trib_median(values, 3, keys), FLT_MAX, 0.0f);
    assert_float_equal(trib_median(values, 2, keys), 0.0f, 0.0f);
    assert_float_equal(trib_median(values, 6, keys), FLT_MAX / 2.0f, 1e32f);
}

static void a_constant_is_its_own_median(void **state) {
    (void)state;
    float values[50];
    int32_t keys[50];
    for (int i = 0; i < 50; i++) {
        values[i] = -0.1f;
    }
    for (uint32_t count = 1; count <= 50; count++) {
        assert_float_equal(trib_median(values, count, keys), -0.1f, 0.0f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_sorting_for_every_count_and_many_ties),
        cmocka_unit_test(extremes_of_f32_do_not_overflow),
        cmocka_unit_test(a_constant_is_its_own_median),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
