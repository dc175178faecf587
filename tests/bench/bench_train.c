/* Training steps a second on one thread, beside the bare matrix products of the same step.
 *
 * A model's line has steps a second at the median of the repetitions, shuffling and copying of
 * examples included. Its reference is the step with everything but its products left out, measured
 * in turn with it: what no program over the same OpenBLAS can go above. `run` puts PyTorch in its
 * place where that is installed.
 */
#include "common/base/heap.h"
#include "common/base/random.h"
#include "common/nn/initialise.h"
#include "common/tensor/blas_core.h"
#include "common/train/trainer.h"
#include "tests/bench/bench_line.h"
#include "tests/bench/bench_models.h"

enum { REPETITIONS = 31, EXAMPLES = 1000 };

typedef struct bench_case {
    const char *name;
    trib_model_spec spec;
    trib_train_plan plan;
} bench_case;

static void make_examples(const trib_model_plan *model, trib_examples *examples) {
    TRIB_SCOPED(trib_free_scoped) float *input = trib_allocate(model->input_count, sizeof(float));
    TRIB_ASSERT(input != NULL);
    trib_examples_init(examples, model, EXAMPLES);
    trib_random random;
    trib_random_init(&random, 1, "bench", 0, TRIB_PURPOSE_GENERATE);
    for (int i = 0; i < EXAMPLES; i++) {
        int32_t label = (int32_t)trib_random_below(&random, model->output_count);
        for (uint32_t k = 0; k < model->input_count; k++) {
            float shift = k % model->output_count == (uint32_t)label ? 0.5f : 0.0f;
            input[k] = trib_random_normal(&random) + shift;
        }
        bench_need(trib_examples_append(examples, input, label, NULL));
    }
}

/* Buffers as large as the step's own, so that caches see the same traffic. */
typedef struct bare_step {
    const trib_model_plan *model;
    trib_kernels kernels;
    size_t batch;
    float *x; /* never written, so that the values stay what they are */
    float *y;
    float *dx;
    float *parameters;
} bare_step;

static void run_products(const bare_step *bare) {
    uint32_t first = bare->model->last_trained;
    for (uint32_t i = 0; i < bare->model->layer_count; i++) {
        const trib_layer_plan *layer = &bare->model->layers[i];
        if (layer->fan_in == 0) {
            continue;
        }
        first = i < first ? i : first;
        float *w = bare->parameters + layer->parameters_offset;
        size_t rows = bare->batch * layer->rows_out;
        size_t in = layer->fan_in;
        size_t out = layer->channels_out;
        bare->kernels.product_nt(&(trib_product){rows, out, in, 1.0f, 0.0f}, bare->x, w, bare->y);
        bare->kernels.product_tn(&(trib_product){out, in, rows, -1e-9f, 1.0f}, bare->y, bare->x, w);
        if (i > first) {
            bare->kernels.product_nn(&(trib_product){rows, in, out, 1.0f, 0.0f}, bare->y, w,
                                     bare->dx);
        }
    }
}

static float *allocate_filled(size_t count) {
    float *values = trib_allocate(count, sizeof *values);
    TRIB_ASSERT(values != NULL);
    for (size_t i = 0; i < count; i++) {
        values[i] = 0.01f;
    }
    return values;
}

static double products_us(bare_step *bare, int steps) {
    double start = bench_now_us();
    for (int i = 0; i < steps; i++) {
        run_products(bare);
    }
    return (bench_now_us() - start) / steps;
}

static size_t largest_matrix(const trib_model_plan *model) {
    size_t largest = model->largest_count;
    for (uint32_t i = 0; i < model->layer_count; i++) {
        const trib_layer_plan *layer = &model->layers[i];
        size_t count = (size_t)layer->rows_out * layer->fan_in;
        largest = count > largest ? count : largest;
    }
    return largest;
}

static void run_case(const bench_case *c, const trib_kernels *kernels) {
    trib_model_plan model;
    bench_need(trib_model_plan_make(&c->spec, &model));
    trib_examples examples;
    make_examples(&model, &examples);
    TRIB_SCOPED(trib_trainer_destroy_scoped) trib_trainer *trainer = NULL;
    bench_need(trib_trainer_create(&model, &c->plan, kernels, &trainer));
    TRIB_SCOPED(trib_free_scoped) float *parameters = allocate_filled(model.parameter_count);
    trib_model_initialise(&model, 1, parameters);
    size_t cells = c->plan.batch_size * largest_matrix(&model);
    TRIB_SCOPED(trib_free_scoped) float *x = allocate_filled(cells);
    TRIB_SCOPED(trib_free_scoped) float *y = allocate_filled(cells);
    TRIB_SCOPED(trib_free_scoped) float *dx = allocate_filled(cells);
    TRIB_SCOPED(trib_free_scoped) float *w = allocate_filled(model.parameter_count);
    bare_step bare = {&model, *kernels, c->plan.batch_size, x, y, dx, w};
    double rates[REPETITIONS];
    double bare_rates[REPETITIONS];
    double ratios[REPETITIONS];
    trib_train_result result;
    for (int i = 0; i < REPETITIONS; i++) {
        trib_train_task task = {.seed = 1, .gateway = "bench", .round = (uint64_t)i};
        double start = bench_now_us();
        bench_need(trib_train_local(trainer, parameters, &examples, &task, &result));
        rates[i] = (double)result.steps * 1e6 / (bench_now_us() - start);
        bare_rates[i] = 1e6 / products_us(&bare, (int)result.steps);
        ratios[i] = rates[i] / bare_rates[i];
    }
    bench_print_beside(c->name, bench_median(rates, REPETITIONS), "steps/s",
                       bench_median(bare_rates, REPETITIONS), bench_median(ratios, REPETITIONS));
    trib_examples_deinit(&examples);
}

int main(int argc, char **argv) {
    char said[256];
    (void)argc;
    trib_ignore(trib_blas_reexecute(argv, said, sizeof said)); /* slower, and the name says so */
    trib_kernels kernels = trib_kernels_choose(NULL, 0);
    (void)fprintf(stderr, "kernels: %s\n", kernels.name);
    trib_optimiser_spec momentum = {.kind = TRIB_OPTIMISER_MOMENTUM, .momentum = 0.9f};
    trib_optimiser_spec sgd = {.kind = TRIB_OPTIMISER_SGD};
    trib_schedule rate = {.kind = TRIB_SCHEDULE_CONSTANT, .rate = 0.001f};
    bench_case cases[] = {
        {"train.mlp", bench_mlp(), {4, 20, momentum, rate}},
        {"train.2nn", bench_2nn(), {1, 10, sgd, rate}},
        {"train.cnn", bench_cnn(), {1, 20, momentum, rate}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_case(&cases[i], &kernels);
    }
    return 0;
}
