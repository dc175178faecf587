/* Each layer forward against numbers worked out by hand. Gradients are in network_test.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/nn/activation.h"
#include "common/nn/conv1d.h"
#include "common/nn/dense.h"
#include "common/nn/dropout.h"
#include "common/nn/pool.h"

static void assert_floats(const float *found, const float *expected, size_t count,
                          float tolerance) {
    for (size_t i = 0; i < count; i++) {
        assert_float_equal(found[i], expected[i], tolerance);
    }
}

static void dense_multiplies_and_adds_its_bias(void **state) {
    (void)state;
    trib_kernels kernels = trib_kernels_reference();
    trib_dense dense = {&kernels, 2, 3, 2};
    const float parameters[8] = {1, 2, 3, 0, -1, 1, 10, 20};
    const float x[6] = {1, 1, 1, 2, 0, -1};
    float y[4];
    trib_dense_forward(&dense, parameters, x, y);
    assert_floats(y, (float[]){16, 20, 9, 19}, 4, 1e-6f);
}

static void conv1d_slides_its_filters_over_the_rows(void **state) {
    (void)state;
    trib_kernels kernels = trib_kernels_reference();
    trib_layer_plan layer = {.spec = {.kind = TRIB_LAYER_CONV1D, .kernel = 2, .stride = 2},
                             .rows_in = 5,
                             .channels_in = 2,
                             .rows_out = 2,
                             .channels_out = 1,
                             .fan_in = 4};
    const float x[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    const float parameters[5] = {1, 0, 0, -1, 0.5f}; /* first row's first minus second's second */
    float patches[8];
    float y[2];
    trib_conv1d_patches(&layer, 1, x, patches);
    assert_floats(patches, (float[]){1, 2, 3, 4, 5, 6, 7, 8}, 8, 0.0f);
    trib_dense dense = trib_conv1d_dense(&kernels, &layer, 1);
    trib_dense_forward(&dense, parameters, patches, y);
    assert_floats(y, (float[]){-2.5f, -2.5f}, 2, 1e-6f);
}

static void conv1d_adds_the_gradients_of_overlapping_windows(void **state) {
    (void)state;
    trib_layer_plan layer = {.spec = {.kind = TRIB_LAYER_CONV1D, .kernel = 2, .stride = 1},
                             .rows_in = 3,
                             .channels_in = 1,
                             .rows_out = 2,
                             .channels_out = 1,
                             .fan_in = 2};
    const float d_patches[4] = {1, 2, 10, 20};
    float dx[3];
    trib_conv1d_gather(&layer, 1, d_patches, dx);
    assert_floats(dx, (float[]){1, 12, 20}, 3, 0.0f);
}

static void max_pool_drops_the_rows_left_over_and_sends_gradients_to_winners(void **state) {
    (void)state;
    trib_layer_plan layer = {.spec = {.kind = TRIB_LAYER_MAX_POOL, .size = 2},
                             .rows_in = 3,
                             .channels_in = 2,
                             .rows_out = 1,
                             .channels_out = 2};
    const float x[12] = {1, 9, 2, 3, 99, 99, -1, -2, -3, -1, 99, 99};
    float y[4];
    uint32_t winners[4];
    trib_pool_forward(&layer, 2, x, y, winners);
    assert_floats(y, (float[]){2, 9, -1, -1}, 4, 0.0f);
    float dx[12];
    trib_pool_backward(&layer, 2, winners, (float[]){1, 2, 3, 4}, dx);
    assert_floats(dx, (float[]){0, 2, 1, 0, 0, 0, 3, 0, 0, 4, 0, 0}, 12, 0.0f);
}

static void activations_give_known_values_even_at_extremes(void **state) {
    (void)state;
    const float x[4] = {0.0f, 1.0f, -200.0f, 200.0f};
    float y[4];
    trib_activation_forward(TRIB_LAYER_TANH, 4, x, y);
    assert_floats(y, (float[]){0.0f, 0.76159416f, -1.0f, 1.0f}, 4, 1e-6f);
    trib_activation_forward(TRIB_LAYER_SIGMOID, 4, x, y);
    assert_floats(y, (float[]){0.5f, 0.73105858f, 0.0f, 1.0f}, 4, 1e-6f);
    trib_activation_forward(TRIB_LAYER_RELU, 4, x, y);
    assert_floats(y, (float[]){0.0f, 1.0f, 0.0f, 200.0f}, 4, 0.0f);
}

static void dropout_zeroes_its_share_and_keeps_the_mean(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    static float factors[COUNT];
    trib_random random;
    trib_random_init(&random, 3, "g", 1, TRIB_PURPOSE_DROPOUT);
    trib_dropout_draw(&random, 0.25f, COUNT, factors);
    size_t zeros = 0;
    for (size_t i = 0; i < COUNT; i++) {
        zeros += factors[i] == 0.0f;
        assert_true(factors[i] == 0.0f || fabsf(factors[i] - 4.0f / 3.0f) < 1e-6f);
    }
    assert_in_range(zeros, COUNT / 4 - 300, COUNT / 4 + 300);
    float y[2];
    trib_dropout_apply(2, (float[]){2, 5}, (float[]){0, 1.5f}, y);
    assert_floats(y, (float[]){0, 7.5f}, 2, 0.0f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_multiplies_and_adds_its_bias),
        cmocka_unit_test(conv1d_slides_its_filters_over_the_rows),
        cmocka_unit_test(conv1d_adds_the_gradients_of_overlapping_windows),
        cmocka_unit_test(max_pool_drops_the_rows_left_over_and_sends_gradients_to_winners),
        cmocka_unit_test(activations_give_known_values_even_at_extremes),
        cmocka_unit_test(dropout_zeroes_its_share_and_keeps_the_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
