#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/random.h"
#include "common/signal/hampel.h"

enum { MOST_ROWS = 300 };

static uint8_t block[1 << 16];

static int by_value(const void *left, const void *right) {
    float a = *(const float *)left;
    float b = *(const float *)right;
    return (a > b) - (a < b);
}

static float sorted_median(float *values, size_t count) {
    qsort(values, count, sizeof *values, by_value);
    return count % 2 ? values[count / 2] : 0.5f * (values[count / 2 - 1] + values[count / 2]);
}

/* By sorting each window anew. */
static float plain(const float *x, size_t count, size_t at, size_t half, float threshold) {
    size_t first = at > half ? at - half : 0;
    size_t end = at + half + 1 < count ? at + half + 1 : count;
    float window[2 * TRIB_MAX_HAMPEL + 1];
    memcpy(window, x + first, (end - first) * sizeof *x);
    float median = sorted_median(window, end - first);
    for (size_t i = 0; i < end - first; i++) {
        window[i] = fabsf(window[i] - median);
    }
    float mad = sorted_median(window, end - first);
    return fabsf(x[at] - median) > threshold * 1.4826f * mad ? median : x[at];
}

static size_t run(trib_hampel *hampel, const float *x, size_t count, uint32_t channel,
                  float *ret_values) {
    size_t out = 0;
    for (size_t i = 0; i < count; i++) {
        trib_row row = {.tag = {.index = i}};
        row.values[channel] = x[i];
        if (trib_hampel_push(hampel, &row, &row)) {
            assert_int_equal(row.tag.index, out);
            ret_values[out++] = row.values[channel];
        }
    }
    trib_row row;
    while (trib_hampel_flush(hampel, &row)) {
        assert_int_equal(row.tag.index, out);
        ret_values[out++] = row.values[channel];
    }
    trib_hampel_reset(hampel);
    return out;
}

static trib_hampel made(uint32_t channels, uint32_t half, float threshold) {
    trib_arena arena;
    trib_arena_init(&arena, block, trib_hampel_bytes(channels, half));
    trib_hampel hampel;
    assert_true(trib_ok(trib_hampel_init(&hampel, channels, half, threshold, &arena)));
    return hampel;
}

static void agrees_with_sorting_every_window_bit_for_bit(void **state) {
    (void)state;
    trib_random random;
    trib_random_init(&random, 1, "", 0, TRIB_PURPOSE_TEST);
    for (uint32_t trial = 0; trial < 200; trial++) {
        uint32_t half = 1 + trib_random_below(&random, TRIB_MAX_HAMPEL);
        uint32_t channels = 1 + trib_random_below(&random, TRIB_MAX_SOURCES);
        size_t count = 1 + trib_random_below(&random, MOST_ROWS);
        bool coarse = trial % 2 == 0; /* many equal values */
        float x[MOST_ROWS];
        for (size_t i = 0; i < count; i++) {
            float value = 3.0f * trib_random_normal(&random);
            x[i] = coarse ? roundf(value) : value;
        }
        trib_hampel hampel = made(channels, half, 1.0f);
        float out[MOST_ROWS];
        for (int again = 0; again < 2; again++) {
            assert_int_equal(run(&hampel, x, count, channels - 1, out), count);
            for (size_t i = 0; i < count; i++) {
                assert_true(fabsf(out[i] - plain(x, count, i, half, 1.0f)) <= 0.0f);
            }
        }
    }
}

static void a_spike_on_a_constant_is_replaced_and_a_step_is_kept(void **state) {
    (void)state;
    trib_hampel hampel = made(1, 3, 3.0f);
    float x[20] = {0};
    x[8] = 1e6f;
    float out[20];
    assert_int_equal(run(&hampel, x, 20, 0, out), 20);
    for (int i = 0; i < 20; i++) {
        assert_float_equal(out[i], 0.0f, 0.0f);
    }
    for (int i = 0; i < 20; i++) {
        x[i] = i < 10 ? 1.0f : 2.0f;
    }
    assert_int_equal(run(&hampel, x, 20, 0, out), 20);
    assert_memory_equal(x, out, sizeof x);
}

static void a_recording_of_one_row_comes_out_at_its_end(void **state) {
    (void)state;
    trib_hampel hampel = made(1, 5, 3.0f);
    float x = 4.5f;
    float out = 0.0f;
    assert_int_equal(run(&hampel, &x, 1, 0, &out), 1);
    assert_float_equal(out, 4.5f, 0.0f);
}

static void an_arena_that_is_too_small_is_refused(void **state) {
    (void)state;
    trib_arena arena;
    trib_arena_init(&arena, block, 64);
    trib_hampel hampel;
    assert_int_equal(trib_hampel_init(&hampel, 1, 5, 3.0f, &arena).code, TRIB_E_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_sorting_every_window_bit_for_bit),
        cmocka_unit_test(a_spike_on_a_constant_is_replaced_and_a_step_is_kept),
        cmocka_unit_test(a_recording_of_one_row_comes_out_at_its_end),
        cmocka_unit_test(an_arena_that_is_too_small_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
