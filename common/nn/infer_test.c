#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/heap.h"
#include "common/base/random.h"
#include "common/nn/infer.h"
#include "common/nn/initialise.h"
#include "common/nn/last_layer.h"
#include "common/nn/loss.h"
#include "common/nn/network.h"

static const trib_model_spec CNN = {
    .input_rows = 30,
    .input_channels = 3,
    .layer_count = 8,
    .layers = {{.kind = TRIB_LAYER_CONV1D, .filters = 20, .kernel = 4},
               {.kind = TRIB_LAYER_TANH},
               {.kind = TRIB_LAYER_MAX_POOL, .size = 2},
               {.kind = TRIB_LAYER_FLATTEN},
               {.kind = TRIB_LAYER_DROPOUT, .rate = 0.5f},
               {.kind = TRIB_LAYER_DENSE, .units = 150},
               {.kind = TRIB_LAYER_RELU},
               {.kind = TRIB_LAYER_DENSE, .units = 5}},
    .loss = TRIB_LOSS_CROSS_ENTROPY,
    .output = TRIB_OUTPUT_CLASSES,
};

typedef struct bench {
    trib_model_plan plan;
    trib_packed_model packed;
    float *parameters;
    float *input;
    float *scratch;
    void *block;
} bench;

static int prepare(void **state) {
    static bench b;
    trib_model_plan *plan = &b.plan;
    assert_true(trib_ok(trib_model_plan_make(&CNN, plan)));
    b.parameters = trib_allocate(plan->parameter_count, sizeof(float));
    b.input = trib_allocate(plan->input_count, sizeof(float));
    b.scratch = trib_allocate(trib_model_scratch_count(plan), sizeof(float));
    trib_model_initialise(plan, 3, b.parameters);
    trib_random random;
    trib_random_init(&random, 1, "test", 0, TRIB_PURPOSE_TEST);
    for (size_t i = 0; i < plan->input_count; i++) {
        b.input[i] = trib_random_normal(&random);
    }
    for (uint32_t i = 0; i < 5; i++) {
        b.parameters[plan->layers[7].bias_offset + i] = 0.1f * (float)i;
    }
    size_t room = trib_packed_model_room(plan);
    b.block = trib_allocate(room, 1);
    trib_arena arena;
    trib_arena_init(&arena, b.block, room);
    assert_true(trib_ok(trib_packed_model_init(&b.packed, plan, b.parameters, &arena)));
    *state = &b;
    return 0;
}

static int release(void **state) {
    bench *b = *state;
    trib_free(b->parameters);
    trib_free(b->input);
    trib_free(b->scratch);
    trib_free(b->block);
    return 0;
}

static void plain_and_packed_inference_give_the_same_bits(void **state) {
    bench *b = *state;
    float plain[5];
    float packed[5];
    trib_model_infer(&b->plan, b->parameters, b->input, plain, b->scratch);
    trib_packed_model_infer(&b->packed, b->input, packed, b->scratch);
    assert_memory_equal(plain, packed, sizeof plain);
    float sum = 0.0f;
    for (size_t i = 0; i < 5; i++) {
        sum += plain[i];
    }
    assert_float_equal(sum, 1.0f, 1e-6f);
}

static void inference_agrees_with_the_training_network(void **state) {
    bench *b = *state;
    size_t room = trib_network_room(&b->plan, 1);
    TRIB_SCOPED(trib_free_scoped) void *block = trib_allocate(room, 1);
    trib_arena arena;
    trib_arena_init(&arena, block, room);
    trib_kernels kernels = trib_kernels_reference();
    trib_network network;
    assert_true(trib_ok(trib_network_init(&network, &kernels, &b->plan, 1, &arena)));
    memcpy(network.input, b->input, b->plan.input_count * sizeof(float));
    float expected[5];
    trib_softmax(5, trib_network_forward(&network, b->parameters, 1, NULL), expected);
    float found[5];
    trib_packed_model_infer(&b->packed, b->input, found, b->scratch);
    for (size_t i = 0; i < 5; i++) {
        assert_float_equal(found[i], expected[i], 1e-5f);
    }
}

static void every_width_packs_without_spilling(void **state) {
    (void)state;
    for (uint32_t units = 1; units <= 131; units++) {
        trib_model_spec spec = {
            .input_rows = 1,
            .input_channels = 3,
            .layer_count = 2,
            .layers = {{.kind = TRIB_LAYER_DENSE, .units = units}, {.kind = TRIB_LAYER_RELU}},
            .loss = TRIB_LOSS_SQUARED,
            .output = TRIB_OUTPUT_VALUES};
        trib_model_plan plan;
        assert_true(trib_ok(trib_model_plan_make(&spec, &plan)));
        float parameters[4 * 131];
        trib_model_initialise(&plan, units, parameters);
        size_t room = trib_packed_model_room(&plan);
        TRIB_SCOPED(trib_free_scoped) void *block = trib_allocate(room, 1);
        TRIB_SCOPED(trib_free_scoped)
        float *scratch = trib_allocate(trib_model_scratch_count(&plan), sizeof(float));
        TRIB_SCOPED(trib_free_scoped) float *plain = trib_allocate(units, sizeof(float));
        TRIB_SCOPED(trib_free_scoped) float *packed = trib_allocate(units, sizeof(float));
        trib_arena arena;
        trib_arena_init(&arena, block, room);
        trib_packed_model model;
        assert_true(trib_ok(trib_packed_model_init(&model, &plan, parameters, &arena)));
        const float input[3] = {1.0f, -0.3f, 0.7f};
        trib_model_infer(&plan, parameters, input, plain, scratch);
        trib_packed_model_infer(&model, input, packed, scratch);
        assert_memory_equal(plain, packed, units * sizeof(float));
    }
}

static void a_packed_model_refuses_an_arena_too_small(void **state) {
    bench *b = *state;
    static uint8_t block[128];
    trib_arena arena;
    trib_arena_init(&arena, block, sizeof block);
    trib_packed_model packed;
    assert_int_equal(trib_packed_model_init(&packed, &b->plan, b->parameters, &arena).code,
                     TRIB_E_LIMIT);
}

static void a_last_layer_step_is_the_step_of_the_whole_model_on_that_layer(void **state) {
    bench *b = *state;
    const trib_layer_plan *last = &b->plan.layers[7];
    size_t count = b->plan.parameter_count;
    size_t room = trib_network_room(&b->plan, 1);
    TRIB_SCOPED(trib_free_scoped) void *block = trib_allocate(room, 1);
    TRIB_SCOPED(trib_free_scoped) float *stepped = trib_allocate(count, sizeof(float));
    TRIB_SCOPED(trib_free_scoped) float *gradient = trib_allocate(count, sizeof(float));
    trib_arena arena;
    trib_arena_init(&arena, block, room);
    trib_kernels kernels = trib_kernels_reference();
    trib_network network;
    assert_true(trib_ok(trib_network_init(&network, &kernels, &b->plan, 1, &arena)));
    memcpy(network.input, b->input, b->plan.input_count * sizeof(float));
    const int32_t label = 3;
    const float *y = trib_network_forward(&network, b->parameters, 1, NULL);
    float expected_loss = trib_loss_cross_entropy(1, 5, y, &label, network.gradient);
    trib_network_backward(&network, b->parameters, 1, &(trib_gradient_sink){gradient, 1, 0, 0});

    memcpy(stepped, b->parameters, count * sizeof(float));
    const float *features = trib_model_infer_features(&b->plan, stepped, b->input, b->scratch);
    float output[5];
    float loss = 0.0f;
    trib_last_layer_target target = {.label = label};
    trib_last_layer_rate rate = {.rate = 0.1f, .l2 = 0.01f};
    assert_true(
        trib_ok(trib_last_layer_step(&b->plan, stepped, features, &target, &rate, output, &loss)));
    assert_float_equal(loss, expected_loss, 1e-5f);
    for (size_t i = 0; i < count; i++) {
        float w = b->parameters[i];
        float l2 = i >= last->parameters_offset && i < last->bias_offset ? 0.01f : 0.0f;
        float expected = i < last->parameters_offset ? w : w - 0.1f * (gradient[i] + l2 * w);
        assert_float_equal(stepped[i], expected, 1e-6f);
    }
    assert_true(fabsf(stepped[last->bias_offset + 3] - b->parameters[last->bias_offset + 3]) >
                0.01f);
}

static void a_last_layer_step_refuses_what_it_cannot_train(void **state) {
    bench *b = *state;
    float output[5];
    float loss = 0.0f;
    trib_last_layer_rate rate = {.rate = 0.1f};
    trib_last_layer_target target = {.label = 5};
    assert_int_equal(
        trib_last_layer_step(&b->plan, b->parameters, b->scratch, &target, &rate, output, &loss)
            .code,
        TRIB_E_ARGUMENT);
    trib_model_spec spec = CNN;
    spec.layers[7] = (trib_layer_spec){.kind = TRIB_LAYER_SIGMOID};
    trib_model_plan plan;
    assert_true(trib_ok(trib_model_plan_make(&spec, &plan)));
    target.label = 0;
    assert_int_equal(
        trib_last_layer_step(&plan, b->parameters, b->scratch, &target, &rate, output, &loss).code,
        TRIB_E_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_and_packed_inference_give_the_same_bits),
        cmocka_unit_test(inference_agrees_with_the_training_network),
        cmocka_unit_test(every_width_packs_without_spilling),
        cmocka_unit_test(a_packed_model_refuses_an_arena_too_small),
        cmocka_unit_test(a_last_layer_step_is_the_step_of_the_whole_model_on_that_layer),
        cmocka_unit_test(a_last_layer_step_refuses_what_it_cannot_train),
    };
    return cmocka_run_group_tests(tests, prepare, release);
}
