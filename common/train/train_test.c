#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/heap.h"
#include "common/nn/initialise.h"
#include "common/train/trainer.h"

static const trib_model_spec MOONS = {
    .input_rows = 1,
    .input_channels = 2,
    .layer_count = 4,
    .layers = {{.kind = TRIB_LAYER_DENSE, .units = 24},
               {.kind = TRIB_LAYER_RELU},
               {.kind = TRIB_LAYER_DROPOUT, .rate = 0.05f},
               {.kind = TRIB_LAYER_DENSE, .units = 2}},
    .loss = TRIB_LOSS_CROSS_ENTROPY,
    .output = TRIB_OUTPUT_CLASSES,
};

static const trib_train_plan ADAM = {
    .epochs = 30,
    .batch_size = 16,
    .optimiser = {.kind = TRIB_OPTIMISER_ADAM, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-8f},
    .schedule = {.kind = TRIB_SCHEDULE_CONSTANT, .rate = 0.01f},
};

static const trib_train_plan SGD = {
    .epochs = 20,
    .batch_size = 16,
    .optimiser = {.kind = TRIB_OPTIMISER_SGD, .l2 = 1e-4f},
    .schedule = {.kind = TRIB_SCHEDULE_CONSTANT, .rate = 0.1f},
};

static const trib_train_plan MOMENTUM = {
    .epochs = 20,
    .batch_size = 16,
    .optimiser = {.kind = TRIB_OPTIMISER_MOMENTUM, .momentum = 0.9f, .l2 = 1e-4f},
    .schedule = {.kind = TRIB_SCHEDULE_CONSTANT, .rate = 0.03f},
};

static trib_model_plan plan_of(const trib_model_spec *spec) {
    trib_model_plan plan;
    assert_true(trib_ok(trib_model_plan_make(spec, &plan)));
    return plan;
}

/* Two half circles that no line parts. 203 examples: the last batch is short. */
static void make_moons(const trib_model_plan *plan, uint64_t seed, trib_examples *examples) {
    trib_examples_init(examples, plan, 1000);
    trib_random random;
    trib_random_init(&random, seed, "moons", 0, TRIB_PURPOSE_TEST);
    for (int i = 0; i < 203; i++) {
        float angle = 3.14159265f * trib_random_uniform(&random);
        float noise[2] = {0.1f * trib_random_normal(&random), 0.1f * trib_random_normal(&random)};
        float upper[2] = {cosf(angle) + noise[0], sinf(angle) + noise[1]};
        float lower[2] = {1.0f - cosf(angle) + noise[0], 0.5f - sinf(angle) + noise[1]};
        assert_true(
            trib_ok(trib_examples_append(examples, i % 2 == 0 ? upper : lower, i % 2, NULL)));
    }
}

/* Trains from seed 1 and scores on fresh examples; the caller frees the parameters. */
static float *train_moons(const trib_train_plan *plan, const trib_kernels *kernels, uint64_t round,
                          trib_score *ret_score) {
    trib_model_plan model = plan_of(&MOONS);
    TRIB_SCOPED(trib_trainer_destroy_scoped) trib_trainer *trainer = NULL;
    assert_true(trib_ok(trib_trainer_create(&model, plan, kernels, &trainer)));
    float *parameters = trib_allocate(model.parameter_count, sizeof(float));
    trib_model_initialise(&model, 1, parameters);
    trib_examples examples;
    make_moons(&model, 1, &examples);
    trib_train_task task = {.seed = 1, .gateway = "press-7", .round = round};
    trib_train_result result;
    assert_true(trib_ok(trib_train_local(trainer, parameters, &examples, &task, &result)));
    assert_int_equal(result.examples, 203);
    assert_int_equal(result.steps, 13 * plan->epochs); /* 12 whole batches and one of 11 */
    trib_examples_deinit(&examples);
    make_moons(&model, 2, &examples);
    assert_true(trib_ok(trib_train_score(trainer, parameters, &examples, NULL, ret_score)));
    trib_examples_deinit(&examples);
    return parameters;
}

static void every_optimiser_parts_the_moons(void **state) {
    (void)state;
    const trib_train_plan *const plans[] = {&SGD, &MOMENTUM, &ADAM};
    trib_kernels kernels = trib_kernels_choose(NULL, 0);
    for (size_t i = 0; i < 3; i++) {
        trib_train_plan longer = *plans[i];
        longer.epochs = 60;
        trib_score score;
        TRIB_SCOPED(trib_free_scoped) float *parameters = train_moons(&longer, &kernels, 0, &score);
        assert_non_null(parameters);
        if (!(score.accuracy > 0.95)) {
            fail_msg("plan %zu: accuracy %g", i, score.accuracy);
        }
        assert_true(score.loss < 0.2);
    }
}

static void the_same_task_gives_the_same_bits_and_another_round_gives_others(void **state) {
    (void)state;
    size_t size = plan_of(&MOONS).parameter_count * sizeof(float);
    trib_kernels kernels = trib_kernels_choose(NULL, 0);
    trib_score score;
    TRIB_SCOPED(trib_free_scoped) float *first = train_moons(&ADAM, &kernels, 4, &score);
    TRIB_SCOPED(trib_free_scoped) float *second = train_moons(&ADAM, &kernels, 4, &score);
    TRIB_SCOPED(trib_free_scoped) float *other = train_moons(&ADAM, &kernels, 5, &score);
    assert_memory_equal(first, second, size);
    assert_memory_not_equal(first, other, size);
}

static void a_trainer_used_before_trains_as_a_new_one(void **state) {
    (void)state;
    trib_model_plan model = plan_of(&MOONS);
    trib_kernels kernels = trib_kernels_choose(NULL, 0);
    TRIB_SCOPED(trib_trainer_destroy_scoped) trib_trainer *trainer = NULL;
    assert_true(trib_ok(trib_trainer_create(&model, &MOMENTUM, &kernels, &trainer)));
    TRIB_SCOPED(trib_free_scoped) float *first = trib_allocate(model.parameter_count, 4);
    TRIB_SCOPED(trib_free_scoped) float *second = trib_allocate(model.parameter_count, 4);
    trib_model_initialise(&model, 1, first);
    trib_model_initialise(&model, 1, second);
    trib_examples examples;
    make_moons(&model, 1, &examples);
    trib_train_task task = {.seed = 1, .gateway = "press-7", .round = 2};
    trib_train_result result;
    assert_true(trib_ok(trib_train_local(trainer, first, &examples, &task, &result)));
    assert_true(trib_ok(trib_train_local(trainer, second, &examples, &task, &result)));
    assert_memory_equal(first, second, model.parameter_count * sizeof(float));
    trib_examples_deinit(&examples);
}

static void reference_and_openblas_train_alike(void **state) {
    (void)state;
    trib_kernels reference = trib_kernels_reference();
    trib_kernels openblas = trib_kernels_openblas();
    size_t count = plan_of(&MOONS).parameter_count;
    trib_train_plan few = MOMENTUM;
    few.epochs = 3; /* rounding differences grow with each step */
    trib_score score;
    TRIB_SCOPED(trib_free_scoped) float *expected = train_moons(&few, &reference, 0, &score);
    TRIB_SCOPED(trib_free_scoped) float *found = train_moons(&few, &openblas, 0, &score);
    for (size_t i = 0; i < count; i++) {
        assert_float_equal(found[i], expected[i], 1e-4f);
    }
}

static void an_autoencoder_learns_to_reconstruct_and_scores_strangers_worse(void **state) {
    (void)state;
    trib_model_spec spec = {.input_rows = 1,
                            .input_channels = 8,
                            .layer_count = 3,
                            .layers = {{.kind = TRIB_LAYER_DENSE, .units = 2},
                                       {.kind = TRIB_LAYER_TANH},
                                       {.kind = TRIB_LAYER_DENSE, .units = 8}},
                            .loss = TRIB_LOSS_SQUARED,
                            .output = TRIB_OUTPUT_RECONSTRUCTION};
    trib_model_plan model = plan_of(&spec);
    trib_kernels kernels = trib_kernels_choose(NULL, 0);
    TRIB_SCOPED(trib_trainer_destroy_scoped) trib_trainer *trainer = NULL;
    assert_true(trib_ok(trib_trainer_create(&model, &ADAM, &kernels, &trainer)));
    trib_examples examples;
    trib_examples_init(&examples, &model, 1000);
    trib_random random;
    trib_random_init(&random, 1, "auto", 0, TRIB_PURPOSE_TEST);
    for (int i = 0; i < 300; i++) {
        float input[8];
        float level = trib_random_uniform(&random) - 0.5f;
        for (int k = 0; k < 8; k++) {
            input[k] = i == 299 ? (k % 2 == 0 ? 2.0f : -2.0f) : level * (float)(k - 3) / 4.0f;
        }
        assert_true(trib_ok(trib_examples_append(&examples, input, 0, NULL)));
    }
    TRIB_SCOPED(trib_free_scoped) float *parameters = trib_allocate(model.parameter_count, 4);
    trib_model_initialise(&model, 1, parameters);
    examples.count = 299; /* the last one is a stranger that it never sees */
    trib_score before, after;
    assert_true(trib_ok(trib_train_score(trainer, parameters, &examples, NULL, &before)));
    trib_train_task task = {.seed = 1, .gateway = "fan-1"};
    trib_train_result result;
    assert_true(trib_ok(trib_train_local(trainer, parameters, &examples, &task, &result)));
    examples.count = 300;
    float errors[300];
    trib_score_details details = {.errors = errors};
    assert_true(trib_ok(trib_train_score(trainer, parameters, &examples, &details, &after)));
    assert_true(result.loss < 0.02 * before.loss);
    for (size_t i = 0; i < 299; i++) {
        assert_true(errors[299] > 10.0f * errors[i]);
    }
    trib_examples_deinit(&examples);
}

/* A model whose output is its input: scores can be worked out by hand. */
static void scores_are_those_worked_out_by_hand(void **state) {
    (void)state;
    trib_model_spec spec = {.input_rows = 1,
                            .input_channels = 2,
                            .layer_count = 1,
                            .layers = {{.kind = TRIB_LAYER_DENSE, .units = 2}},
                            .loss = TRIB_LOSS_CROSS_ENTROPY,
                            .output = TRIB_OUTPUT_CLASSES};
    const float identity[6] = {1, 0, 0, 1, 0, 0};
    const float inputs[5][2] = {{1, 0}, {0, 1}, {0, 1}, {1, 0}, {0, 1}};
    const int32_t labels[5] = {0, 0, 1, 1, 1};
    trib_kernels kernels = trib_kernels_reference();
    trib_train_plan pairs = SGD;
    pairs.batch_size = 2;
    trib_model_plan model = plan_of(&spec);
    TRIB_SCOPED(trib_trainer_destroy_scoped) trib_trainer *trainer = NULL;
    assert_true(trib_ok(trib_trainer_create(&model, &pairs, &kernels, &trainer)));
    trib_examples examples;
    trib_examples_init(&examples, &model, 5);
    for (int i = 0; i < 5; i++) {
        assert_true(trib_ok(trib_examples_append(&examples, inputs[i], labels[i], NULL)));
    }
    int32_t predictions[5];
    uint32_t confusion[4] = {9, 9, 9, 9};
    trib_score_details details = {.predictions = predictions, .confusion = confusion};
    trib_score score;
    assert_true(trib_ok(trib_train_score(trainer, identity, &examples, &details, &score)));
    assert_memory_equal(predictions, ((int32_t[]){0, 1, 1, 0, 1}), sizeof predictions);
    assert_memory_equal(confusion, ((uint32_t[]){1, 1, 1, 2}), sizeof confusion);
    assert_float_equal(score.accuracy, 0.6, 1e-9);
    double right = log(1 + exp(-1.0));
    assert_float_equal(score.loss, (3 * right + 2 * (right + 1)) / 5, 1e-6);
    trib_examples_deinit(&examples);
}

static void regression_scores_are_those_worked_out_by_hand(void **state) {
    (void)state;
    trib_model_spec spec = {.input_rows = 1,
                            .input_channels = 1,
                            .layer_count = 1,
                            .layers = {{.kind = TRIB_LAYER_DENSE, .units = 1}},
                            .loss = TRIB_LOSS_SQUARED,
                            .output = TRIB_OUTPUT_VALUES};
    trib_kernels kernels = trib_kernels_reference();
    trib_model_plan model = plan_of(&spec);
    TRIB_SCOPED(trib_trainer_destroy_scoped) trib_trainer *trainer = NULL;
    assert_true(trib_ok(trib_trainer_create(&model, &SGD, &kernels, &trainer)));
    trib_examples examples;
    trib_examples_init(&examples, &model, 2);
    assert_true(trib_ok(trib_examples_append(&examples, (float[]){1}, 0, (float[]){2})));
    assert_true(trib_ok(trib_examples_append(&examples, (float[]){2}, 0, (float[]){7})));
    float errors[2];
    trib_score_details details = {.errors = errors};
    const float twice[2] = {2, 0};
    trib_score score;
    assert_true(trib_ok(trib_train_score(trainer, twice, &examples, &details, &score)));
    assert_float_equal(score.mae, 1.5, 1e-9);
    assert_float_equal(score.rmse, sqrt(4.5), 1e-9);
    assert_float_equal(score.loss, 4.5, 1e-9);
    assert_float_equal(errors[0], 0.0f, 0.0f);
    assert_float_equal(errors[1], 9.0f, 0.0f);
    float trained[2] = {0, 0};
    trib_train_task task = {.seed = 1, .gateway = "a"};
    trib_train_result result;
    assert_true(trib_ok(trib_train_local(trainer, trained, &examples, &task, &result)));
    assert_true(result.loss < 2.0);
    trib_examples_deinit(&examples);
}

static void training_that_is_stopped_or_diverges_says_so(void **state) {
    (void)state;
    trib_model_plan model = plan_of(&MOONS);
    trib_kernels kernels = trib_kernels_reference();
    trib_train_plan wild = SGD;
    wild.schedule.rate = 100.0f;
    wild.optimiser.l2 = 1.0f; /* each step then multiplies weights by -99 */
    TRIB_SCOPED(trib_trainer_destroy_scoped) trib_trainer *trainer = NULL;
    assert_true(trib_ok(trib_trainer_create(&model, &wild, &kernels, &trainer)));
    TRIB_SCOPED(trib_free_scoped) float *parameters = trib_allocate(model.parameter_count, 4);
    trib_model_initialise(&model, 1, parameters);
    trib_examples examples;
    make_moons(&model, 1, &examples);
    atomic_bool stop = true;
    trib_train_task task = {.seed = 1, .gateway = "a", .stop = &stop};
    trib_train_result result = {.steps = 77};
    assert_int_equal(trib_train_local(trainer, parameters, &examples, &task, &result).code,
                     TRIB_E_RETRY);
    task.stop = NULL;
    assert_int_equal(trib_train_local(trainer, parameters, &examples, &task, &result).code,
                     TRIB_E_STATE);
    assert_int_equal(result.steps, 77);
    trib_examples_clear(&examples);
    assert_int_equal(trib_train_local(trainer, parameters, &examples, &task, &result).code,
                     TRIB_E_ARGUMENT);
    trib_examples_deinit(&examples);
}

/* One step of plain SGD moves in proportion to the rate, so the rate shows in the parameters. */
static float distance_of_a_step(uint64_t round, uint64_t schedule_round) {
    trib_model_plan model = plan_of(&MOONS);
    trib_kernels kernels = trib_kernels_reference();
    trib_train_plan plan = SGD;
    plan.epochs = 1;
    plan.batch_size = 1000;
    plan.schedule = (trib_schedule){.kind = TRIB_SCHEDULE_EXPONENTIAL, .rate = 0.1f, .decay = 0.5f};
    TRIB_SCOPED(trib_trainer_destroy_scoped) trib_trainer *trainer = NULL;
    assert_true(trib_ok(trib_trainer_create(&model, &plan, &kernels, &trainer)));
    TRIB_SCOPED(trib_free_scoped) float *base = trib_allocate(model.parameter_count, 4);
    TRIB_SCOPED(trib_free_scoped) float *trained = trib_allocate(model.parameter_count, 4);
    trib_model_initialise(&model, 1, base);
    trib_model_initialise(&model, 1, trained);
    trib_examples examples;
    make_moons(&model, 1, &examples);
    trib_train_task task = {
        .seed = 1, .gateway = "a", .round = round, .schedule_round = schedule_round};
    trib_train_result result;
    assert_true(trib_ok(trib_train_local(trainer, trained, &examples, &task, &result)));
    trib_examples_deinit(&examples);
    float squares = 0.0f;
    for (size_t i = 0; i < model.parameter_count; i++) {
        squares += (trained[i] - base[i]) * (trained[i] - base[i]);
    }
    return sqrtf(squares);
}

static void the_learning_rate_follows_the_lineage_and_not_the_incarnation(void **state) {
    (void)state;
    uint64_t incarnation = (uint64_t)3 << 48;
    float first = distance_of_a_step(incarnation, 0);
    float second = distance_of_a_step(incarnation, 1);
    assert_true(first > 0.0f && fabsf(second / first - 0.5f) < 1e-3f);
}

static void wrong_plans_are_refused(void **state) {
    (void)state;
    trib_model_plan model = plan_of(&MOONS);
    trib_kernels kernels = trib_kernels_reference();
    trib_trainer *trainer = NULL;
    trib_train_plan plan = SGD;
    plan.epochs = 0;
    assert_int_equal(trib_trainer_create(&model, &plan, &kernels, &trainer).code, TRIB_E_ARGUMENT);
    plan = SGD;
    plan.batch_size = TRIB_TRAIN_MAX_BATCH + 1;
    assert_int_equal(trib_trainer_create(&model, &plan, &kernels, &trainer).code, TRIB_E_ARGUMENT);
    plan = SGD;
    plan.schedule.rate = -1.0f;
    assert_int_equal(trib_trainer_create(&model, &plan, &kernels, &trainer).code, TRIB_E_ARGUMENT);
    assert_null(trainer);
}

static void examples_grow_to_their_ceiling_and_refuse_what_is_wrong(void **state) {
    (void)state;
    trib_model_plan model = plan_of(&MOONS);
    trib_examples examples;
    trib_examples_init(&examples, &model, 70);
    const float input[2] = {1, 2};
    for (int i = 0; i < 70; i++) {
        assert_true(trib_ok(trib_examples_append(&examples, (float[]){(float)i, 2}, i % 2, NULL)));
    }
    assert_int_equal(trib_examples_append(&examples, input, 0, NULL).code, TRIB_E_LIMIT);
    for (int i = 0; i < 70; i++) { /* what was there has survived the growing */
        assert_float_equal(examples.inputs[2 * i], (float)i, 0.0f);
        assert_int_equal(examples.labels[i], i % 2);
    }
    trib_examples_clear(&examples);
    assert_int_equal(trib_examples_append(&examples, input, 2, NULL).code, TRIB_E_ARGUMENT);
    assert_int_equal(trib_examples_append(&examples, input, -1, NULL).code, TRIB_E_ARGUMENT);
    const float broken[2] = {1, NAN};
    assert_int_equal(trib_examples_append(&examples, broken, 0, NULL).code, TRIB_E_ARGUMENT);
    assert_int_equal(examples.count, 0);
    trib_examples_deinit(&examples);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_optimiser_parts_the_moons),
        cmocka_unit_test(the_same_task_gives_the_same_bits_and_another_round_gives_others),
        cmocka_unit_test(a_trainer_used_before_trains_as_a_new_one),
        cmocka_unit_test(reference_and_openblas_train_alike),
        cmocka_unit_test(an_autoencoder_learns_to_reconstruct_and_scores_strangers_worse),
        cmocka_unit_test(scores_are_those_worked_out_by_hand),
        cmocka_unit_test(regression_scores_are_those_worked_out_by_hand),
        cmocka_unit_test(training_that_is_stopped_or_diverges_says_so),
        cmocka_unit_test(the_learning_rate_follows_the_lineage_and_not_the_incarnation),
        cmocka_unit_test(wrong_plans_are_refused),
        cmocka_unit_test(examples_grow_to_their_ceiling_and_refuse_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
