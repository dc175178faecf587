#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/signal/features.h"

enum { PLAIN = TRIB_FEATURE_BANDS - 1, PLAIN_COUNT = 12 };

static uint8_t block[1 << 16];

static void describe(const float *frame, uint32_t rows, float *ret_values) {
    trib_pipeline_spec spec = {.rate_hz = 100.0f, .features = PLAIN};
    trib_arena arena;
    trib_arena_init(&arena, block, trib_features_bytes(&spec, rows));
    trib_features features;
    assert_true(trib_ok(trib_features_init(&features, &spec, rows, &arena)));
    assert_int_equal(trib_features_count(&spec), PLAIN_COUNT);
    trib_features_of(&features, frame, ret_values);
}

static void a_small_frame_gives_what_a_hand_computes(void **state) {
    (void)state;
    const float frame[] = {1.0f, -1.0f, 4.0f, 0.0f};
    float values[PLAIN_COUNT];
    describe(frame, 4, values);
    /* mean 1; distances 0 -2 3 -1: m2 14/4, m4 98/4 */
    const float wanted[] = {1.0f, sqrtf(3.5f),        -1.0f, 4.0f,         0.5f, sqrtf(4.5f), 5.0f,
                            2.0f, 4.0f / sqrtf(4.5f), 1.0f,  11.0f / 3.0f, 0.0f};
    for (int i = 0; i < PLAIN_COUNT; i++) {
        assert_float_equal(values[i], wanted[i], 1e-5f);
    }
}

static void a_constant_has_no_spread_at_all(void **state) {
    (void)state;
    for (uint32_t rows = 1; rows < 40; rows++) {
        float frame[40];
        for (uint32_t i = 0; i < rows; i++) {
            frame[i] = -0.1f;
        }
        float values[PLAIN_COUNT];
        describe(frame, rows, values);
        const float wanted[] = {-0.1f, 0.0f, -0.1f, -0.1f, -0.1f, 0.1f,
                                0.0f,  0.0f, 1.0f,  0.0f,  0.0f,  -0.1f};
        for (int i = 0; i < PLAIN_COUNT; i++) {
            assert_float_equal(values[i], wanted[i], 1e-7f);
        }
        assert_float_equal(values[1], 0.0f, 0.0f);
    }
}

static void zeros_have_no_crest(void **state) {
    (void)state;
    const float frame[16] = {0};
    float values[PLAIN_COUNT];
    describe(frame, 16, values);
    for (int i = 0; i < PLAIN_COUNT; i++) {
        assert_float_equal(values[i], 0.0f, 0.0f);
    }
}

static void the_largest_values_stay_finite(void **state) {
    (void)state;
    static float frame[TRIB_MAX_WINDOW];
    for (int i = 0; i < TRIB_MAX_WINDOW; i++) {
        frame[i] = i % 2 ? 1e12f : -1e12f;
    }
    float values[PLAIN_COUNT];
    describe(frame, TRIB_MAX_WINDOW, values);
    for (int i = 0; i < PLAIN_COUNT; i++) {
        assert_true(isfinite(values[i]));
    }
    assert_float_equal(values[7], 1.0f, 1e-4f);
    assert_float_equal(values[9], 1.0f, 1e-6f);
}

static void a_large_offset_does_not_hide_a_small_spread(void **state) {
    (void)state;
    float frame[100];
    for (int i = 0; i < 100; i++) {
        frame[i] = 4096.0f + (i % 2 ? 0.5f : -0.5f);
    }
    float values[PLAIN_COUNT];
    describe(frame, 100, values);
    assert_float_equal(values[1], 0.5f, 1e-6f);
}

static void features_come_in_the_order_of_their_bits_and_bands_last(void **state) {
    (void)state;
    trib_pipeline_spec spec = {.rate_hz = 8.0f,
                               .features =
                                   TRIB_FEATURE_LAST | TRIB_FEATURE_MIN | TRIB_FEATURE_BANDS,
                               .band_count = 2,
                               .bands = {{0.0f, 1.0f}, {4.0f, 5.0f}}};
    trib_arena arena;
    trib_arena_init(&arena, block, trib_features_bytes(&spec, 8));
    trib_features features;
    assert_true(trib_ok(trib_features_init(&features, &spec, 8, &arena)));
    assert_int_equal(trib_features_count(&spec), 4);
    const float frame[8] = {1, -1, 1, -1, 1, -1, 1, -1};
    float values[4];
    trib_features_of(&features, frame, values);
    const float wanted[4] = {-1.0f, -1.0f, 0.0f, 1.0f};
    for (int i = 0; i < 4; i++) {
        assert_float_equal(values[i], wanted[i], 1e-6f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_frame_gives_what_a_hand_computes),
        cmocka_unit_test(a_constant_has_no_spread_at_all),
        cmocka_unit_test(zeros_have_no_crest),
        cmocka_unit_test(the_largest_values_stay_finite),
        cmocka_unit_test(a_large_offset_does_not_hide_a_small_spread),
        cmocka_unit_test(features_come_in_the_order_of_their_bits_and_bands_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
