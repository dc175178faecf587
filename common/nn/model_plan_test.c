#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/nn/model_plan.h"

static trib_model_spec cnn(void) {
    return (trib_model_spec){
        .input_rows = 50,
        .input_channels = 6,
        .layer_count = 6,
        .layers = {{.kind = TRIB_LAYER_CONV1D, .filters = 64, .kernel = 10},
                   {.kind = TRIB_LAYER_MAX_POOL, .size = 5},
                   {.kind = TRIB_LAYER_FLATTEN},
                   {.kind = TRIB_LAYER_DENSE, .units = 256},
                   {.kind = TRIB_LAYER_RELU},
                   {.kind = TRIB_LAYER_DENSE, .units = 5}},
        .loss = TRIB_LOSS_CROSS_ENTROPY,
        .output = TRIB_OUTPUT_CLASSES,
    };
}

static void shapes_and_offsets_follow_the_layers(void **state) {
    (void)state;
    trib_model_spec spec = cnn();
    trib_model_plan plan;
    assert_true(trib_ok(trib_model_plan_make(&spec, &plan)));
    assert_int_equal(plan.input_count, 300);
    assert_int_equal(plan.output_count, 5);
    assert_int_equal(plan.largest_count, 41 * 64);
    assert_int_equal(plan.parameter_count, 136517);
    assert_int_equal(plan.last_trained, 5);
    assert_int_equal(plan.layers[0].rows_out, 41);
    assert_int_equal(plan.layers[0].fan_in, 60);
    assert_int_equal(plan.layers[0].spec.stride, 1);
    assert_int_equal(plan.layers[0].bias_offset, 64 * 60);
    assert_int_equal(plan.layers[1].rows_out, 8); /* 41 rows in fives: one is left over */
    assert_int_equal(plan.layers[2].channels_out, 512);
    assert_int_equal(plan.layers[3].parameters_offset, 64 * 61);
    assert_int_equal(plan.layers[3].bias_offset, 64 * 61 + 256 * 512);
    assert_int_equal(plan.layers[5].parameters_offset, 64 * 61 + 256 * 513);
    assert_int_equal(plan.layers[5].bias_offset + 5, plan.parameter_count);
}

static void a_stride_shortens_the_output(void **state) {
    (void)state;
    trib_model_spec spec = cnn();
    spec.layers[0].stride = 3;
    trib_model_plan plan;
    assert_true(trib_ok(trib_model_plan_make(&spec, &plan)));
    assert_int_equal(plan.layers[0].rows_out, 14); /* starts at 0, 3, ... 39 */
}

static void expect(const trib_model_spec *spec, trib_code code, const char *said) {
    trib_model_plan plan;
    memset(&plan, 0x5a, sizeof plan);
    trib_model_plan before = plan;
    assert_int_equal(trib_model_plan_make(spec, &plan).code, code);
    assert_memory_equal(&plan, &before, sizeof plan);
    if (strstr(trib_message(), said) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", trib_message(), said);
    }
}

static void layers_that_do_not_fit_are_named(void **state) {
    (void)state;
    trib_model_spec spec = cnn();
    spec.layers[2].kind = TRIB_LAYER_RELU;
    expect(&spec, TRIB_E_ARGUMENT, "layer 4 (dense) gets 8 rows");
    spec = cnn();
    spec.layers[0].kernel = 51;
    expect(&spec, TRIB_E_ARGUMENT, "layer 1 (conv1d)");
    spec = cnn();
    spec.layers[0].filters = 0;
    expect(&spec, TRIB_E_ARGUMENT, "layer 1 (conv1d)");
    spec = cnn();
    spec.layers[1].size = 42;
    expect(&spec, TRIB_E_ARGUMENT, "layer 2 (max_pool) has size 42");
    spec = cnn();
    spec.layers[3].units = 0;
    expect(&spec, TRIB_E_ARGUMENT, "layer 4 (dense) needs units");
    spec = cnn();
    spec.layers[4] = (trib_layer_spec){.kind = TRIB_LAYER_DROPOUT, .rate = 1.0f};
    expect(&spec, TRIB_E_ARGUMENT, "layer 5 (dropout) has rate 1");
    spec = cnn();
    memset(&spec.layers[4].kind, 0x63, 1);
    expect(&spec, TRIB_E_ARGUMENT, "layer 5 has the unknown kind");
    spec = cnn();
    spec.layers[3].initial_scale = -1.0f;
    expect(&spec, TRIB_E_ARGUMENT, "initial_scale -1");
}

static void models_past_the_ceilings_are_refused(void **state) {
    (void)state;
    trib_model_spec spec = cnn();
    spec.layers[3].units = 40000;
    expect(&spec, TRIB_E_LIMIT, "passes 16777216 parameters");
    spec.layers[3].units = UINT32_MAX;
    expect(&spec, TRIB_E_LIMIT, "layer 4 (dense) gives more than");
    spec = cnn();
    spec.input_rows = UINT32_MAX;
    spec.input_channels = UINT32_MAX;
    expect(&spec, TRIB_E_LIMIT, "an input of");
    spec = cnn();
    spec.input_rows = 0;
    expect(&spec, TRIB_E_LIMIT, "an input of");
    spec = cnn();
    spec.input_rows = 100000;
    spec.layers[0].kernel = 50000;
    spec.layers[0].filters = 1;
    expect(&spec, TRIB_E_LIMIT, "windows");
    spec = cnn();
    spec.layer_count = 17;
    expect(&spec, TRIB_E_LIMIT, "17 layers");
    spec.layer_count = 0;
    expect(&spec, TRIB_E_LIMIT, "0 layers");
}

static void outputs_must_mean_what_the_loss_measures(void **state) {
    (void)state;
    trib_model_spec spec = cnn();
    spec.loss = TRIB_LOSS_SQUARED;
    expect(&spec, TRIB_E_ARGUMENT, "cross-entropy");
    spec = cnn();
    spec.layers[5].units = 1;
    expect(&spec, TRIB_E_ARGUMENT, "1 class");
    spec = cnn();
    spec.loss = TRIB_LOSS_SQUARED;
    spec.output = TRIB_OUTPUT_RECONSTRUCTION;
    expect(&spec, TRIB_E_ARGUMENT, "a reconstruction of 300 values ends with 5");
    spec = cnn();
    spec.layer_count = 3;
    spec.layers[0] = (trib_layer_spec){.kind = TRIB_LAYER_RELU};
    expect(&spec, TRIB_E_ARGUMENT, "nothing to train");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_and_offsets_follow_the_layers),
        cmocka_unit_test(a_stride_shortens_the_output),
        cmocka_unit_test(layers_that_do_not_fit_are_named),
        cmocka_unit_test(models_past_the_ceilings_are_refused),
        cmocka_unit_test(outputs_must_mean_what_the_loss_measures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
