#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/nn/optimiser.h"

enum { WEIGHTS = 6, BIASES = 2, COUNT = WEIGHTS + BIASES, STATE = 3 * COUNT };

static trib_model_plan one_layer(void) {
    trib_model_spec spec = {.input_rows = 1,
                            .input_channels = 3,
                            .layer_count = 1,
                            .layers = {{.kind = TRIB_LAYER_DENSE, .units = 2}},
                            .loss = TRIB_LOSS_SQUARED,
                            .output = TRIB_OUTPUT_VALUES};
    trib_model_plan plan;
    assert_true(trib_ok(trib_model_plan_make(&spec, &plan)));
    return plan;
}

static double gradient_of(size_t i, int step) {
    return ((double)i - 3.5) * (step % 2 == 0 ? 1.0 : -0.25);
}

/* The update rules as the header states them, in double. */
static void oracle_step(const trib_optimiser_spec *spec, double rate, int step, double *w,
                        double *state) {
    for (size_t i = 0; i < COUNT; i++) {
        double g = gradient_of(i, step) + (i < WEIGHTS ? (double)spec->l2 * w[i] : 0.0);
        if (spec->kind == TRIB_OPTIMISER_SGD) {
            w[i] -= rate * g;
        } else if (spec->kind == TRIB_OPTIMISER_MOMENTUM) {
            state[i] = (double)spec->momentum * state[i] + g;
            w[i] -= rate * state[i];
        } else {
            double b1 = (double)spec->beta1;
            double b2 = (double)spec->beta2;
            state[i] = b1 * state[i] + (1 - b1) * g;
            state[COUNT + i] = b2 * state[COUNT + i] + (1 - b2) * g * g;
            double mean = state[i] / (1 - pow(b1, step + 1));
            double square = state[COUNT + i] / (1 - pow(b2, step + 1));
            w[i] -= rate * mean / (sqrt(square) + (double)spec->epsilon);
        }
    }
}

static void check(const trib_optimiser_spec *spec) {
    trib_model_plan plan = one_layer();
    trib_kernels kernels = trib_kernels_reference();
    float state[STATE];
    float w[COUNT];
    double oracle_w[COUNT];
    double oracle_state[STATE] = {0};
    for (size_t i = 0; i < COUNT; i++) {
        w[i] = 0.5f - 0.1f * (float)i;
        oracle_w[i] = (double)w[i];
    }
    assert_true(trib_ok(trib_optimiser_check(spec)));
    assert_true(trib_optimiser_state_count(spec, &plan) <= STATE);
    trib_optimiser optimiser;
    trib_optimiser_init(&optimiser, spec, &kernels, &plan, state);
    for (int step = 0; step < 7; step++) {
        float rate = 0.05f / (float)(step + 1);
        trib_gradient_sink sink = trib_optimiser_sink(&optimiser, w, rate);
        for (size_t i = 0; i < COUNT; i++) {
            float keep = i < WEIGHTS ? sink.keep_weights : sink.keep_biases;
            sink.values[i] = sink.scale * (float)gradient_of(i, step) + keep * sink.values[i];
        }
        trib_optimiser_step(&optimiser, w, rate);
        oracle_step(spec, (double)rate, step, oracle_w, oracle_state);
        for (size_t i = 0; i < COUNT; i++) {
            assert_float_equal((double)w[i], oracle_w[i], 2e-6);
        }
    }
}

static void sgd_follows_its_rule(void **state) {
    (void)state;
    check(&(trib_optimiser_spec){.kind = TRIB_OPTIMISER_SGD});
    check(&(trib_optimiser_spec){.kind = TRIB_OPTIMISER_SGD, .l2 = 0.1f});
}

static void momentum_follows_its_rule(void **state) {
    (void)state;
    check(&(trib_optimiser_spec){.kind = TRIB_OPTIMISER_MOMENTUM, .momentum = 0.9f});
    check(&(trib_optimiser_spec){.kind = TRIB_OPTIMISER_MOMENTUM, .momentum = 0.5f, .l2 = 0.1f});
}

static void adam_follows_its_rule(void **state) {
    (void)state;
    trib_optimiser_spec adam = {
        .kind = TRIB_OPTIMISER_ADAM, .beta1 = 0.9f, .beta2 = 0.99f, .epsilon = 1e-3f};
    check(&adam);
    adam.l2 = 0.1f;
    check(&adam);
}

static void wrong_settings_are_refused(void **state) {
    (void)state;
    const trib_optimiser_spec wrong[] = {
        {.kind = TRIB_OPTIMISER_SGD, .l2 = -0.1f},
        {.kind = TRIB_OPTIMISER_SGD, .l2 = NAN},
        {.kind = TRIB_OPTIMISER_MOMENTUM, .momentum = 1.0f},
        {.kind = TRIB_OPTIMISER_ADAM, .beta1 = 0.9f, .beta2 = 1.0f, .epsilon = 1e-8f},
        {.kind = TRIB_OPTIMISER_ADAM, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 0.0f},
        {.l2 = 0.0f},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(trib_optimiser_check(&wrong[i]).code, TRIB_E_ARGUMENT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgd_follows_its_rule),
        cmocka_unit_test(momentum_follows_its_rule),
        cmocka_unit_test(adam_follows_its_rule),
        cmocka_unit_test(wrong_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
