#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/heap.h"
#include "common/nn/initialise.h"

static trib_model_plan plan_of(float last_scale) {
    trib_model_spec spec = {
        .input_rows = 20,
        .input_channels = 4,
        .layer_count = 7,
        .layers = {{.kind = TRIB_LAYER_CONV1D, .filters = 64, .kernel = 5},
                   {.kind = TRIB_LAYER_MAX_POOL, .size = 2},
                   {.kind = TRIB_LAYER_RELU},
                   {.kind = TRIB_LAYER_FLATTEN},
                   {.kind = TRIB_LAYER_DENSE, .units = 50},
                   {.kind = TRIB_LAYER_TANH},
                   {.kind = TRIB_LAYER_DENSE, .units = 40, .initial_scale = last_scale}},
        .loss = TRIB_LOSS_SQUARED,
        .output = TRIB_OUTPUT_VALUES,
    };
    trib_model_plan plan;
    assert_true(trib_ok(trib_model_plan_make(&spec, &plan)));
    return plan;
}

static double deviation_of(const float *values, size_t count) {
    double squares = 0.0;
    for (size_t i = 0; i < count; i++) {
        squares += (double)values[i] * (double)values[i];
    }
    return sqrt(squares / (double)count);
}

static void weights_have_the_deviation_of_their_layer_and_biases_are_zero(void **state) {
    (void)state;
    trib_model_plan plan = plan_of(0.5f);
    TRIB_SCOPED(trib_free_scoped) float *w = trib_allocate(plan.parameter_count, sizeof *w);
    for (size_t i = 0; i < plan.parameter_count; i++) {
        w[i] = NAN;
    }
    trib_model_initialise(&plan, 7, w);
    const double expected[] = {
        [0] = sqrt(2.0 / 20), [4] = sqrt(1.0 / 512), [6] = 0.5 * sqrt(1.0 / 50)};
    const uint32_t trained[] = {0, 4, 6};
    for (size_t i = 0; i < 3; i++) {
        const trib_layer_plan *layer = &plan.layers[trained[i]];
        double found = deviation_of(w + layer->parameters_offset, trib_layer_weights(layer));
        assert_in_range((uintmax_t)(1000 * found / expected[trained[i]]), 940, 1060);
        for (size_t k = 0; k < layer->channels_out; k++) {
            assert_true(w[layer->bias_offset + k] == 0.0f);
        }
    }
}

static void the_seed_decides_every_bit(void **state) {
    (void)state;
    trib_model_plan plan = plan_of(0.0f);
    size_t count = plan.parameter_count;
    TRIB_SCOPED(trib_free_scoped) float *first = trib_allocate(count, sizeof *first);
    TRIB_SCOPED(trib_free_scoped) float *second = trib_allocate(count, sizeof *second);
    trib_model_initialise(&plan, 7, first);
    trib_model_initialise(&plan, 7, second);
    assert_memory_equal(first, second, count * sizeof *first);
    trib_model_initialise(&plan, 8, second);
    assert_memory_not_equal(first, second, 64 * sizeof *first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_have_the_deviation_of_their_layer_and_biases_are_zero),
        cmocka_unit_test(the_seed_decides_every_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
