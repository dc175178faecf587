/* Forward and backward of whole networks against an oracle in double.
 *
 * The oracle is another program: loops over doubles without any of the layers' code, so central
 * differences of its loss are good to eight digits and judge the float32 gradients.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/heap.h"
#include "common/nn/initialise.h"
#include "common/nn/loss.h"
#include "common/nn/network.h"

enum { BATCH = 3, MOST = 4096 };

typedef struct oracle {
    const trib_network *network; /* for the dropout factors alone */
    const trib_model_plan *plan;
    double parameters[MOST];
    float inputs[MOST];
    int32_t labels[BATCH];
    float targets[MOST];
} oracle;

static void weigh(const trib_layer_plan *layer, const double *parameters, const double *x,
                  double *y) {
    for (size_t row = 0; row < layer->rows_out; row++) {
        for (size_t o = 0; o < layer->channels_out; o++) {
            double sum = parameters[layer->bias_offset + o];
            for (size_t k = 0; k < layer->fan_in; k++) {
                sum += parameters[layer->parameters_offset + o * layer->fan_in + k] *
                       x[row * layer->spec.stride * layer->channels_in + k];
            }
            y[row * layer->channels_out + o] = sum;
        }
    }
}

static void pool(const trib_layer_plan *layer, const double *x, double *y) {
    for (size_t i = 0; i < trib_layer_outputs(layer); i++) {
        size_t group = i / layer->channels_in;
        y[i] = -1e300;
        for (size_t row = 0; row < layer->spec.size; row++) {
            size_t from = (group * layer->spec.size + row) * layer->channels_in;
            y[i] = fmax(y[i], x[from + i % layer->channels_in]);
        }
    }
}

static double element(trib_layer_kind kind, double x) {
    return kind == TRIB_LAYER_RELU      ? fmax(x, 0.0)
           : kind == TRIB_LAYER_TANH    ? tanh(x)
           : kind == TRIB_LAYER_SIGMOID ? 1.0 / (1.0 + exp(-x))
                                        : x;
}

static void oracle_forward(const oracle *o, size_t example, double *values) {
    double next[MOST];
    for (size_t i = 0; i < o->plan->input_count; i++) {
        values[i] = (double)o->inputs[example * o->plan->input_count + i];
    }
    for (uint32_t i = 0; i < o->plan->layer_count; i++) {
        const trib_layer_plan *layer = &o->plan->layers[i];
        size_t count = trib_layer_outputs(layer);
        const float *factors = o->network->layers[i].factors;
        if (layer->fan_in > 0) {
            weigh(layer, o->parameters, values, next);
            memcpy(values, next, count * sizeof *values);
        } else if (layer->spec.kind == TRIB_LAYER_MAX_POOL) {
            pool(layer, values, next);
            memcpy(values, next, count * sizeof *values);
        } else {
            for (size_t k = 0; k < count; k++) {
                bool dropped = factors != NULL && o->network->dropping;
                values[k] = element(layer->spec.kind, values[k]) *
                            (dropped ? (double)factors[example * count + k] : 1.0);
            }
        }
    }
}

static double oracle_loss(const oracle *o) {
    double loss = 0.0;
    size_t outputs = o->plan->output_count;
    for (size_t b = 0; b < BATCH; b++) {
        double y[MOST];
        oracle_forward(o, b, y);
        if (o->plan->loss == TRIB_LOSS_CROSS_ENTROPY) {
            double sum = 0.0;
            for (size_t i = 0; i < outputs; i++) {
                sum += exp(y[i]);
            }
            loss += (log(sum) - y[o->labels[b]]) / BATCH;
        } else {
            for (size_t i = 0; i < outputs; i++) {
                double difference = y[i] - (double)o->targets[b * outputs + i];
                loss += difference * difference / (double)(BATCH * outputs);
            }
        }
    }
    return loss;
}

static void fill(oracle *o, float *parameters) {
    trib_random random;
    trib_random_init(&random, 5, "test", 0, TRIB_PURPOSE_TEST);
    trib_model_initialise(o->plan, 11, parameters);
    for (size_t i = 0; i < o->plan->parameter_count; i++) {
        parameters[i] += 0.1f * trib_random_normal(&random); /* biases too */
        o->parameters[i] = (double)parameters[i];
    }
    for (size_t i = 0; i < BATCH * o->plan->input_count; i++) {
        o->inputs[i] = trib_random_normal(&random);
    }
    for (size_t i = 0; i < BATCH * o->plan->output_count; i++) {
        o->targets[i] = trib_random_normal(&random);
    }
    for (size_t i = 0; i < BATCH; i++) {
        o->labels[i] = (int32_t)trib_random_below(&random, o->plan->output_count);
    }
}

static double float_loss(trib_network *network, const oracle *o, const float *parameters,
                         trib_random *dropout) {
    const float *y = trib_network_forward(network, parameters, BATCH, dropout);
    if (o->plan->loss == TRIB_LOSS_CROSS_ENTROPY) {
        return (double)trib_loss_cross_entropy(BATCH, o->plan->output_count, y, o->labels,
                                               network->gradient);
    }
    return (double)trib_loss_squared(BATCH, o->plan->output_count, y, o->targets,
                                     network->gradient);
}

static void compare_gradients(oracle *o, const float *gradient) {
    static const double STEP = 1e-5;
    for (size_t i = 0; i < o->plan->parameter_count; i++) {
        double before = o->parameters[i];
        o->parameters[i] = before + STEP;
        double above = oracle_loss(o);
        o->parameters[i] = before - STEP;
        double below = oracle_loss(o);
        o->parameters[i] = before;
        double expected = (above - below) / (2.0 * STEP);
        if (!(fabs((double)gradient[i] - expected) <= 2e-6 + 2e-5 * fabs(expected))) {
            fail_msg("gradient %zu of %u is %.8g, the oracle says %.8g", i,
                     o->plan->parameter_count, (double)gradient[i], expected);
        }
    }
}

static void check(const trib_model_spec *spec, const trib_kernels *kernels, bool drops) {
    static oracle o;
    trib_model_plan plan;
    assert_true(trib_ok(trib_model_plan_make(spec, &plan)));
    size_t room = trib_network_room(&plan, BATCH);
    TRIB_SCOPED(trib_free_scoped) void *block = trib_allocate(room, 1);
    TRIB_SCOPED(trib_free_scoped) float *parameters = trib_allocate(plan.parameter_count, 4);
    TRIB_SCOPED(trib_free_scoped) float *gradient = trib_allocate(plan.parameter_count, 4);
    trib_arena arena;
    trib_arena_init(&arena, block, room);
    trib_network network;
    assert_true(trib_ok(trib_network_init(&network, kernels, &plan, BATCH, &arena)));
    o = (oracle){.network = &network, .plan = &plan};
    assert_true(plan.parameter_count <= MOST && BATCH * plan.largest_count <= MOST);
    fill(&o, parameters);
    memcpy(network.input, o.inputs, BATCH * plan.input_count * sizeof(float));
    trib_random random;
    trib_random_init(&random, 9, "test", 0, TRIB_PURPOSE_DROPOUT);
    double loss = float_loss(&network, &o, parameters, drops ? &random : NULL);
    assert_float_equal(loss, oracle_loss(&o), 1e-5);
    for (size_t i = 0; i < plan.parameter_count; i++) {
        gradient[i] = NAN; /* keep 0 must not read it */
    }
    trib_gradient_sink sink = {gradient, 1.0f, 0.0f, 0.0f};
    trib_network_backward(&network, parameters, BATCH, &sink);
    compare_gradients(&o, gradient);
}

static void check_both(const trib_model_spec *spec, bool drops) {
    trib_kernels reference = trib_kernels_reference();
    trib_kernels openblas = trib_kernels_openblas();
    check(spec, &reference, drops);
    check(spec, &openblas, drops);
}

static trib_model_spec chain(uint32_t rows, uint32_t channels, uint32_t count,
                             const trib_layer_spec *layers) {
    trib_model_spec spec = {.input_rows = rows,
                            .input_channels = channels,
                            .layer_count = count,
                            .loss = TRIB_LOSS_CROSS_ENTROPY,
                            .output = TRIB_OUTPUT_CLASSES};
    memcpy(spec.layers, layers, count * sizeof *layers);
    return spec;
}

#define DENSE(units_)                                                                              \
    { .kind = TRIB_LAYER_DENSE, .units = units_ }
#define CONV1D(filters_, kernel_, stride_)                                                         \
    { .kind = TRIB_LAYER_CONV1D, .filters = filters_, .kernel = kernel_, .stride = stride_ }
#define POOL(size_)                                                                                \
    { .kind = TRIB_LAYER_MAX_POOL, .size = size_ }
#define DROPOUT(rate_)                                                                             \
    { .kind = TRIB_LAYER_DROPOUT, .rate = rate_ }
#define RELU                                                                                       \
    { .kind = TRIB_LAYER_RELU }
#define TANH                                                                                       \
    { .kind = TRIB_LAYER_TANH }
#define SIGMOID                                                                                    \
    { .kind = TRIB_LAYER_SIGMOID }
#define FLATTEN                                                                                    \
    { .kind = TRIB_LAYER_FLATTEN }
#define CHAIN(rows_, channels_, ...)                                                               \
    chain(rows_, channels_, sizeof((trib_layer_spec[]){__VA_ARGS__}) / sizeof(trib_layer_spec),    \
          (trib_layer_spec[]){__VA_ARGS__})

static void a_dense_layer_has_the_gradient_of_its_differences(void **state) {
    (void)state;
    trib_model_spec spec = CHAIN(1, 7, DENSE(4));
    check_both(&spec, false);
}

static void each_activation_has_the_gradient_of_its_differences(void **state) {
    (void)state;
    trib_model_spec relu = CHAIN(1, 7, DENSE(9), RELU, DENSE(4));
    trib_model_spec tanh_ = CHAIN(1, 7, DENSE(9), TANH, DENSE(4));
    trib_model_spec sigmoid = CHAIN(1, 7, DENSE(9), SIGMOID, DENSE(4));
    check_both(&relu, false);
    check_both(&tanh_, false);
    check_both(&sigmoid, false);
}

static void activations_in_a_row_do_not_overwrite_one_another(void **state) {
    (void)state;
    trib_model_spec spec = CHAIN(1, 7, TANH, SIGMOID, DENSE(9), SIGMOID, FLATTEN, TANH, DENSE(4));
    check_both(&spec, false);
}

static void convolution_and_pooling_have_the_gradient_of_their_differences(void **state) {
    (void)state;
    trib_model_spec overlapping =
        CHAIN(20, 2, CONV1D(5, 4, 1), RELU, POOL(2), CONV1D(6, 3, 2), TANH, FLATTEN, DENSE(3));
    trib_model_spec gaps = CHAIN(20, 3, RELU, CONV1D(4, 2, 3), CONV1D(3, 3, 1), FLATTEN, DENSE(3));
    trib_model_spec pooled_first = CHAIN(21, 2, POOL(4), FLATTEN, DENSE(5));
    check_both(&overlapping, false);
    check_both(&gaps, false);
    check_both(&pooled_first, false);
}

static void dropout_passes_gradients_of_what_it_kept(void **state) {
    (void)state;
    trib_model_spec spec =
        CHAIN(1, 7, DROPOUT(0.3f), DENSE(12), DROPOUT(0.2f), TANH, DROPOUT(0.5f), DENSE(4));
    check_both(&spec, true);
    check_both(&spec, false);
}

static void squared_loss_trains_a_model_that_ends_with_any_layer(void **state) {
    (void)state;
    trib_model_spec spec = CHAIN(10, 2, CONV1D(4, 3, 1), TANH, FLATTEN, DENSE(6), SIGMOID);
    spec.loss = TRIB_LOSS_SQUARED;
    spec.output = TRIB_OUTPUT_VALUES;
    check_both(&spec, false);
    trib_model_spec convolved = CHAIN(10, 2, CONV1D(2, 1, 1));
    convolved.loss = TRIB_LOSS_SQUARED;
    convolved.output = TRIB_OUTPUT_RECONSTRUCTION;
    check_both(&convolved, false);
}

static void an_arena_too_small_is_refused(void **state) {
    (void)state;
    trib_model_spec spec = CHAIN(1, 7, DENSE(9), RELU, DENSE(4));
    trib_model_plan plan;
    assert_true(trib_ok(trib_model_plan_make(&spec, &plan)));
    static uint8_t block[1024];
    trib_arena arena;
    trib_arena_init(&arena, block, sizeof block);
    trib_kernels kernels = trib_kernels_reference();
    trib_network network;
    assert_true(trib_network_room(&plan, 100) > sizeof block);
    assert_int_equal(trib_network_init(&network, &kernels, &plan, 100, &arena).code, TRIB_E_LIMIT);
    assert_int_equal(trib_network_init(&network, &kernels, &plan, 0, &arena).code, TRIB_E_LIMIT);
    assert_true(trib_network_room(&plan, SIZE_MAX / 2) == SIZE_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dense_layer_has_the_gradient_of_its_differences),
        cmocka_unit_test(each_activation_has_the_gradient_of_its_differences),
        cmocka_unit_test(activations_in_a_row_do_not_overwrite_one_another),
        cmocka_unit_test(convolution_and_pooling_have_the_gradient_of_their_differences),
        cmocka_unit_test(dropout_passes_gradients_of_what_it_kept),
        cmocka_unit_test(squared_loss_trains_a_model_that_ends_with_any_layer),
        cmocka_unit_test(an_arena_too_small_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
