/* The course of a lineage: stages, what closing a round makes of its sum, and going on from files.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/heap.h"
#include "common/course/course.h"
#include "common/update/statistics.h"
#include "tests/support/memory.h"

#define SOURCE                                                                                     \
    "federation: plant\nseed: 11\n"                                                                \
    "source: {rate_hz: 10, channels: [x, y], label: {column: l, classes: [a, b]}}\n"
#define REST(rounds_, strategy_)                                                                   \
    "model: {task: classify, layers: [{kind: dense, units: 2}]}\n"                                 \
    "rounds: {maximum: " rounds_ ", max_weight: 100}\nstrategy: " strategy_                        \
    "\nupdate: {codec: float32, clip_norm: 4}\n"
#define NORMALISES "pipeline: {window: {rows: 4, hop: 2}, features: [mean], normalise: {clip: 6}}\n"
#define PLAIN "pipeline: {window: {rows: 4, hop: 2}, features: [mean], normalise: false}\n"

static const char normalised[] = SOURCE NORMALISES REST("2", "{kind: fedavg}");
static const char plain[] = SOURCE PLAIN REST("2", "{kind: fedavg}");
static const char longer[] = SOURCE PLAIN REST("3", "{kind: fedavg, rate: 0.5}");
static const char momentum[] = SOURCE PLAIN REST("3", "{kind: fedavgm}");
static const char deeper[] =
    SOURCE PLAIN "model: {task: classify, layers: [{kind: tanh}, {kind: dense, units: 2}]}\n"
                 "rounds: {maximum: 2, max_weight: 100}\nstrategy: {kind: fedavg}\n"
                 "update: {codec: float32, clip_norm: 4}\n";
static const char averaged[] = SOURCE PLAIN REST("3", "{kind: fedavg, serve_average: 0.5}");
static const char statistic[] =
    "federation: drift\nseed: 11\nsource: {rate_hz: 10, channels: [x, y]}\n"
    "pipeline: {window: {rows: 4, hop: 2}, features: [mean, last], normalise: false}\n"
    "model: {task: hotelling_t2}\nrounds: {maximum: 1}\n"
    "update: {codec: float32, clip_norm: 100}\n";

static trib_federation *federation_of(const char *document) {
    trib_federation *federation = trib_allocate(1, sizeof *federation);
    if (!trib_ok(trib_federation_parse("f", trib_bytes_text(document), federation))) {
        fail_msg("%s", trib_message());
    }
    return federation;
}

static trib_course course_of(const char *document) {
    TRIB_SCOPED(trib_free_scoped) trib_federation *federation = federation_of(document);
    trib_course course;
    assert_true(trib_ok(trib_course_init(&course, trib_crypto_host(), federation)));
    return course;
}

static trib_code change(trib_course *course, const char *document) {
    TRIB_SCOPED(trib_free_scoped) trib_federation *federation = federation_of(document);
    return trib_course_change(course, federation).code;
}

/* A round whose one update adds `step` to every parameter. */
static void train(trib_course *course, float step) {
    trib_fold_bounds bounds = trib_course_bounds(course, 3);
    uint32_t count = course->model->parameter_count;
    uint8_t storage[256];
    float delta[16];
    trib_fold *sum = NULL;
    trib_update_view view;
    assert_true(count <= 16 && trib_ok(trib_fold_create(&bounds, count, &sum)));
    for (uint32_t i = 0; i < count; i++) {
        delta[i] = step;
    }
    trib_writer writer = trib_writer_of(storage, sizeof storage);
    assert_true(trib_ok(
        trib_update_pack(TRIB_CODEC_FLOAT32, delta, count, 8, bounds.clip_norm, NULL, &writer)));
    assert_true(trib_ok(trib_update_open(trib_written(&writer), &view)));
    assert_true(trib_ok(trib_fold_add(sum, &view)));
    if (!trib_ok(trib_course_close_training(course, sum))) {
        fail_msg("%s", trib_message());
    }
    trib_fold_destroy(sum);
}

/* One gateway's statistics of two columns. */
typedef struct gathered {
    uint64_t count;
    double mean[2], m2[2];
} gathered;

static trib_code close_statistics(trib_course *course, gathered *all, size_t count) {
    uint8_t storage[4][128];
    trib_bytes packed[4];
    assert_true(count <= 4 && course->model->column_count == 2);
    for (size_t i = 0; i < count; i++) {
        const trib_moments moments = {all[i].count, 2, all[i].mean, all[i].m2};
        trib_writer writer = trib_writer_of(storage[i], sizeof storage[i]);
        assert_true(trib_ok(trib_statistics_pack(&moments, &writer)));
        packed[i] = trib_written(&writer);
    }
    return trib_course_close_statistics(course, packed, count).code;
}

static void stages_follow_from_the_document_and_the_rounds_behind(void **state) {
    (void)state;
    trib_course course = course_of(plain);
    assert_int_equal(course.stage, TRIB_STAGE_TRAINING);
    train(&course, 0.1f);
    assert_int_equal(course.stage, TRIB_STAGE_TRAINING);
    train(&course, 0.1f);
    assert_int_equal(course.stage, TRIB_STAGE_DONE);
    assert_int_equal(course.model->round, 2);
    assert_int_equal(change(&course, longer), TRIB_OK); /* there is more to do */
    assert_int_equal(course.stage, TRIB_STAGE_TRAINING);
    assert_int_equal(change(&course, plain), TRIB_OK);
    assert_int_equal(course.stage, TRIB_STAGE_DONE);
    trib_course_deinit(&course);
    course = course_of(normalised);
    assert_int_equal(course.stage, TRIB_STAGE_STATISTICS);
    trib_course_deinit(&course);
    course = course_of(statistic);
    assert_int_equal(course.stage, TRIB_STAGE_STATISTICS);
    trib_course_deinit(&course);
}

static void a_first_model_follows_from_the_seed_alone(void **state) {
    (void)state;
    trib_course left = course_of(plain), right = course_of(momentum);
    size_t bytes = 4 * (size_t)left.model->parameter_count;
    assert_memory_equal(left.model->parameters, right.model->parameters, bytes);
    float none[16] = {0};
    assert_memory_not_equal(left.model->parameters, none, bytes);
    trib_course_deinit(&left);
    trib_course_deinit(&right);
}

static void closing_a_round_adds_the_mean_at_the_strategys_rate(void **state) {
    (void)state;
    trib_course course = course_of(longer);
    float before = course.model->parameters[0];
    train(&course, 0.25f);
    assert_float_equal(course.model->parameters[0], before + 0.125f, 1e-6f);
    trib_course_deinit(&course);
    course = course_of(statistic); /* its mean is the model */
    uint8_t storage[128];
    double mean[4] = {0}, m2[4] = {1, 1, 1, 1};
    const trib_moments moments = {10, course.model->column_count, mean, m2};
    trib_writer writer = trib_writer_of(storage, sizeof storage);
    assert_true(course.model->column_count <= 4);
    assert_true(trib_ok(trib_statistics_pack(&moments, &writer)));
    trib_bytes packed = trib_written(&writer);
    assert_true(trib_ok(trib_course_close_statistics(&course, &packed, 1)));
    train(&course, 2);
    assert_float_equal(course.model->parameters[0], 2.0f, 1e-6f);
    assert_int_equal(course.stage, TRIB_STAGE_DONE);
    trib_course_deinit(&course);
}

static void a_round_without_an_update_makes_no_model(void **state) {
    (void)state;
    trib_course course = course_of(plain);
    trib_fold_bounds bounds = trib_course_bounds(&course, 3);
    trib_fold *sum = NULL;
    assert_true(trib_ok(trib_fold_create(&bounds, course.model->parameter_count, &sum)));
    assert_int_equal(trib_course_close_training(&course, sum).code, TRIB_E_STATE);
    assert_int_equal(course.model->round, 0);
    trib_fold_destroy(sum);
    trib_course_deinit(&course);
}

static void statistics_are_the_fleets_and_spread_is_of_those_that_moved(void **state) {
    (void)state;
    trib_course course = course_of(normalised);
    gathered all[3] = {{10, {1, 5}, {10 * 4.0, 0}},  /* deviations 2, 0 */
                       {30, {5, 5}, {30 * 64.0, 0}}, /* 8, 0 */
                       {10, {3, 5}, {0, 0}}};        /* it stood still */
    assert_int_equal(close_statistics(&course, all, 3), TRIB_OK);
    double mean = (10 * 1.0 + 30 * 5.0 + 10 * 3.0) / 50;
    double m2 = 10 * 4.0 + 30 * 64.0 + 10 * (1 - mean) * (1 - mean) + 30 * (5 - mean) * (5 - mean) +
                10 * (3 - mean) * (3 - mean);
    assert_float_equal(course.model->mean[0], mean, 1e-5);
    assert_float_equal(course.model->deviation[0], sqrt(m2 / 50), 1e-5);
    assert_float_equal(course.model->spread[0], 4, 1e-5); /* the geometric mean of 2 and 8 */
    assert_float_equal(course.model->mean[1], 5, 0);
    assert_float_equal(course.model->deviation[1], 1, 0); /* nothing to divide by */
    assert_float_equal(course.model->spread[1], 1, 0);
    assert_int_equal(course.stage, TRIB_STAGE_TRAINING);
    trib_course_deinit(&course);
}

static void statistics_past_float32_or_of_nobody_are_refused(void **state) {
    (void)state;
    trib_course course = course_of(normalised);
    gathered wide = {10, {1e39, 5}, {1, 1}};
    assert_int_equal(close_statistics(&course, &wide, 1), TRIB_E_STATE);
    gathered spread = {10, {1, 5}, {1e80, 1}};
    assert_int_equal(close_statistics(&course, &spread, 1), TRIB_E_STATE);
    assert_int_equal(close_statistics(&course, NULL, 0), TRIB_E_STATE);
    trib_bytes garbage = trib_bytes_text("statistics");
    assert_int_equal(trib_course_close_statistics(&course, &garbage, 1).code, TRIB_E_CORRUPT);
    assert_int_equal(course.stage, TRIB_STAGE_STATISTICS);
    trib_course_deinit(&course);
}

static void write_both(const trib_course *course, trib_buffer *ret_model, trib_buffer *ret_state) {
    *ret_model = *ret_state = (trib_buffer){.ceiling = 1 << 20};
    assert_true(trib_ok(trib_model_write(course->model, ret_model)));
    assert_true(trib_ok(trib_strategy_write(&course->strategy, ret_state)));
}

static trib_code restore(const char *document, const trib_buffer *model, const trib_buffer *kept,
                         trib_course *ret_course) {
    TRIB_SCOPED(trib_free_scoped) trib_federation *federation = federation_of(document);
    return trib_course_restore(ret_course, trib_crypto_host(), federation, trib_buffer_view(model),
                               trib_buffer_view(kept))
        .code;
}

static void a_restored_course_goes_on_as_if_nothing_had_been(void **state) {
    (void)state;
    trib_course course = course_of(momentum), again;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer model, kept;
    train(&course, 0.1f);
    write_both(&course, &model, &kept);
    assert_int_equal(restore(momentum, &model, &kept, &again), TRIB_OK);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(course.stage, again.stage);
        train(&course, 0.2f);
        train(&again, 0.2f);
        assert_memory_equal(course.model->parameters, again.model->parameters,
                            4 * (size_t)course.model->parameter_count);
    }
    assert_int_equal(again.stage, TRIB_STAGE_DONE);
    trib_course_deinit(&course);
    trib_course_deinit(&again);
}

static void a_model_of_another_lineage_is_not_gone_on_from(void **state) {
    (void)state;
    trib_course course = course_of(plain), again;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer model, kept;
    write_both(&course, &model, &kept);
    assert_int_equal(restore(normalised, &model, &kept, &again), TRIB_E_STATE);
    assert_int_equal(restore(deeper, &model, &kept, &again), TRIB_E_STATE); /* one pipeline */
    assert_int_equal(restore(longer, &model, &kept, &again), TRIB_OK);      /* the same lineage */
    trib_course_deinit(&again);
    model.size--;
    assert_int_equal(restore(plain, &model, &kept, &again), TRIB_E_CORRUPT);
    trib_course_deinit(&course);
}

static void another_strategy_starts_afresh_from_the_model_as_it_is(void **state) {
    (void)state;
    trib_course course = course_of(momentum), again;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer model, kept;
    train(&course, 0.1f);
    write_both(&course, &model, &kept);
    assert_int_equal(restore(averaged, &model, &kept, &again), TRIB_OK); /* over a restart */
    assert_int_equal(change(&course, averaged), TRIB_OK);                /* and without one */
    const trib_course *const both[] = {&course, &again};
    for (int i = 0; i < 2; i++) {
        assert_null(both[i]->strategy.momentum);
        assert_int_equal(both[i]->strategy.rounds, 0);
        assert_int_equal(both[i]->model->round, 1);
        assert_memory_equal(trib_strategy_served(&both[i]->strategy, NULL),
                            course.model->parameters, 4 * (size_t)course.model->parameter_count);
    }
    assert_int_equal(change(&course, longer), TRIB_OK);
    assert_null(course.strategy.average);
    trib_course_deinit(&course);
    trib_course_deinit(&again);
}

static void what_is_served_is_the_average_where_there_is_one(void **state) {
    (void)state;
    const char *const documents[] = {longer, averaged};
    for (int i = 0; i < 2; i++) {
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = 1 << 20};
        TRIB_SCOPED(trib_model_destroy_scoped) trib_model *served = NULL;
        trib_course course = course_of(documents[i]);
        train(&course, 0.5f);
        assert_true(trib_ok(trib_course_write_served(&course, &file)));
        assert_true(trib_ok(trib_model_read(trib_crypto_host(), trib_buffer_view(&file), &served)));
        size_t bytes = 4 * (size_t)served->parameter_count;
        const float *expected = trib_strategy_served(&course.strategy, course.model->parameters);
        assert_int_equal(i == 0, expected == course.model->parameters);
        assert_memory_equal(served->parameters, expected, bytes);
        assert_int_equal(served->round, 1);
        trib_course_deinit(&course);
    }
}

static void without_memory_it_says_so(void **state) {
    (void)state;
    TRIB_SCOPED(trib_free_scoped) trib_federation *federation = federation_of(averaged);
    trib_course course = course_of(averaged);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer model, kept;
    int failures = 0;
    write_both(&course, &model, &kept);
    MEMORY_FAILS_EACH_TIME {
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = 1 << 20};
        trib_course one = {.model = NULL}, two = {.model = NULL};
        trib_status status = trib_course_init(&one, trib_crypto_host(), federation);
        status = trib_ok(status)
                     ? trib_course_restore(&two, trib_crypto_host(), federation,
                                           trib_buffer_view(&model), trib_buffer_view(&kept))
                     : status;
        status = trib_ok(status) ? trib_course_write_served(&one, &file) : status;
        assert_true(trib_ok(status) || status.code == TRIB_E_IO);
        failures += !trib_ok(status);
        trib_course_deinit(&one);
        trib_course_deinit(&two);
    }
    assert_true(failures > 15);
    trib_course_deinit(&course);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_follow_from_the_document_and_the_rounds_behind),
        cmocka_unit_test(a_first_model_follows_from_the_seed_alone),
        cmocka_unit_test(closing_a_round_adds_the_mean_at_the_strategys_rate),
        cmocka_unit_test(a_round_without_an_update_makes_no_model),
        cmocka_unit_test(statistics_are_the_fleets_and_spread_is_of_those_that_moved),
        cmocka_unit_test(statistics_past_float32_or_of_nobody_are_refused),
        cmocka_unit_test(a_restored_course_goes_on_as_if_nothing_had_been),
        cmocka_unit_test(a_model_of_another_lineage_is_not_gone_on_from),
        cmocka_unit_test(another_strategy_starts_afresh_from_the_model_as_it_is),
        cmocka_unit_test(what_is_served_is_the_average_where_there_is_one),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
