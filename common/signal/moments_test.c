#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#include "common/base/random.h"
#include "common/signal/moments.h"

enum { COLUMNS = 3, ROWS = 1000 };

typedef struct storage {
    trib_moments moments;
    double mean[COLUMNS];
    double m2[COLUMNS];
} storage;

static void clear(storage *into) {
    trib_moments_init(&into->moments, into->mean, into->m2, COLUMNS);
}

static void generate(float values[ROWS][COLUMNS]) {
    trib_random random;
    trib_random_init(&random, 3, "", 0, TRIB_PURPOSE_TEST);
    for (int r = 0; r < ROWS; r++) {
        for (int c = 0; c < COLUMNS; c++) {
            values[r][c] = 1000.0f * (float)c + trib_random_normal(&random);
        }
    }
}

static void adding_in_parts_and_merging_agrees_with_two_passes(void **state) {
    (void)state;
    static float values[ROWS][COLUMNS];
    generate(values);
    storage parts[3];
    const size_t ends[] = {0, 10, 11, ROWS};
    for (int p = 0; p < 3; p++) {
        clear(&parts[p]);
        trib_moments_add(&parts[p].moments, values[ends[p]], ends[p + 1] - ends[p]);
    }
    assert_true(trib_ok(trib_moments_merge(&parts[0].moments, &parts[1].moments)));
    assert_true(trib_ok(trib_moments_merge(&parts[0].moments, &parts[2].moments)));
    assert_int_equal(parts[0].moments.count, ROWS);
    for (int c = 0; c < COLUMNS; c++) {
        double sum = 0.0;
        double squares = 0.0;
        for (int r = 0; r < ROWS; r++) {
            sum += (double)values[r][c];
        }
        for (int r = 0; r < ROWS; r++) {
            squares += pow((double)values[r][c] - sum / ROWS, 2);
        }
        assert_true(fabs(parts[0].mean[c] - sum / ROWS) < 1e-9);
        assert_true(fabs(parts[0].m2[c] - squares) < 1e-7 * squares);
    }
}

static void finish_gives_the_population_deviation(void **state) {
    (void)state;
    storage all;
    clear(&all);
    const float values[2][COLUMNS] = {{1.0f, 5.0f, -2.0f}, {3.0f, 5.0f, 2.0f}};
    trib_moments_add(&all.moments, values[0], 2);
    float mean[COLUMNS];
    float deviation[COLUMNS];
    assert_true(trib_ok(trib_moments_finish(&all.moments, mean, deviation)));
    const float means[] = {2.0f, 5.0f, 0.0f};
    const float deviations[] = {1.0f, 0.0f, 2.0f};
    for (int c = 0; c < COLUMNS; c++) {
        assert_float_equal(mean[c], means[c], 1e-7f);
        assert_float_equal(deviation[c], deviations[c], 1e-7f);
    }
}

static void nothing_has_no_mean(void **state) {
    (void)state;
    storage all;
    clear(&all);
    float mean[COLUMNS] = {9.0f};
    float deviation[COLUMNS];
    assert_int_equal(trib_moments_finish(&all.moments, mean, deviation).code, TRIB_E_STATE);
    assert_float_equal(mean[0], 9.0f, 0.0f);
}

static void merging_nothing_changes_nothing_and_merging_into_nothing_copies(void **state) {
    (void)state;
    storage all;
    storage none;
    clear(&all);
    clear(&none);
    const float row[COLUMNS] = {1.0f, 2.0f, 3.0f};
    trib_moments_add(&all.moments, row, 1);
    assert_true(trib_ok(trib_moments_merge(&all.moments, &none.moments)));
    assert_int_equal(all.moments.count, 1);
    assert_true(trib_ok(trib_moments_merge(&none.moments, &all.moments)));
    assert_memory_equal(none.mean, all.mean, sizeof all.mean);
    assert_memory_equal(none.m2, all.m2, sizeof all.m2);
}

static void impossible_moments_are_refused_and_change_nothing(void **state) {
    (void)state;
    storage all;
    storage bad;
    const double wrong[] = {(double)NAN, (double)INFINITY, -1.0};
    clear(&all);
    const float row[COLUMNS] = {1.0f, 2.0f, 3.0f};
    trib_moments_add(&all.moments, row, 1);
    for (int w = 0; w < 3; w++) {
        clear(&bad);
        bad.moments.count = 5;
        bad.m2[2] = wrong[w];
        assert_int_equal(trib_moments_merge(&all.moments, &bad.moments).code, TRIB_E_CORRUPT);
    }
    clear(&bad);
    bad.moments.count = 5;
    bad.mean[1] = -1e300; /* finite, but its square is not */
    assert_int_equal(trib_moments_merge(&all.moments, &bad.moments).code, TRIB_E_CORRUPT);
    clear(&bad);
    bad.moments.count = UINT64_C(1) << 53;
    assert_int_equal(trib_moments_merge(&all.moments, &bad.moments).code, TRIB_E_CORRUPT);
    bad.moments.count++;
    assert_int_equal(trib_moments_check(&bad.moments).code, TRIB_E_CORRUPT);
    bad.moments.columns = COLUMNS - 1;
    assert_int_equal(trib_moments_merge(&all.moments, &bad.moments).code, TRIB_E_ARGUMENT);
    assert_int_equal(all.moments.count, 1);
    assert_true(fabs(all.mean[1] - 2.0) <= 0.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adding_in_parts_and_merging_agrees_with_two_passes),
        cmocka_unit_test(finish_gives_the_population_deviation),
        cmocka_unit_test(nothing_has_no_mean),
        cmocka_unit_test(merging_nothing_changes_nothing_and_merging_into_nothing_copies),
        cmocka_unit_test(impossible_moments_are_refused_and_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
