/* What a gateway gives to a round: its weight, what the numbers are of, and from which draws. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/heap.h"
#include "common/contribution/contribution.h"
#include "common/update/statistics.h"
#include "common/update/update.h"
#include "tests/support/memory.h"

enum { EXAMPLES = 30, MAX_WEIGHT = 12, COLUMNS = 2 };

static const char document[] =
    "federation: plant\nseed: 11\n"
    "source: {rate_hz: 10, channels: [x, y], label: {column: l, classes: [a, b]}}\n"
    "pipeline: {window: {rows: 4, hop: 2}, features: [mean], normalise: {clip: 6}}\n"
    "model: {task: classify, layers: [{kind: dense, units: 2}]}\n"
    "training: {epochs: 2, batch: 7, optimiser: sgd, rate: 0.1}\n"
    "rounds: {max_weight: 12}\nupdate: {codec: int8, clip_norm: 4}\n";

typedef struct fixture {
    trib_federation *federation;
    trib_contributor *contributor;
    trib_model *base;
    trib_examples examples;
} fixture;

static int set_up(void **state) {
    fixture *it = trib_allocate(1, sizeof *it);
    trib_kernels kernels = trib_kernels_reference();
    trib_random random;
    it->federation = trib_allocate(1, sizeof *it->federation);
    if (!trib_ok(trib_federation_parse("f", trib_bytes_text(document), it->federation))) {
        fail_msg("%s", trib_message());
    }
    assert_true(trib_ok(trib_contributor_create(it->federation, &kernels, &it->contributor)));
    assert_true(trib_ok(trib_model_create(trib_crypto_host(), it->federation, &it->base)));
    trib_contribution_examples_init(it->federation, EXAMPLES, &it->examples);
    trib_random_init(&random, 1, "examples", 0, TRIB_PURPOSE_TEST);
    for (int i = 0; i < EXAMPLES; i++) {
        float input[COLUMNS] = {trib_random_normal(&random), trib_random_normal(&random)};
        assert_true(trib_ok(trib_examples_append(&it->examples, input, input[0] > 0, NULL)));
    }
    *state = it;
    return 0;
}

static int tear_down(void **state) {
    fixture *it = *state;
    trib_contributor_destroy(it->contributor);
    trib_model_destroy(it->base);
    trib_examples_deinit(&it->examples);
    trib_free(it->federation);
    trib_free(it);
    return 0;
}

static trib_contribution train(fixture *it, const char *gateway, uint32_t ordinal) {
    const trib_contribution_task task = {gateway, ordinal, NULL};
    trib_contribution contribution;
    if (!trib_ok(trib_contribute_training(it->contributor, it->base, &it->examples, &task,
                                          &contribution))) {
        fail_msg("%s", trib_message());
    }
    return contribution;
}

static void a_weight_is_the_number_of_examples_up_to_the_rounds_limit(void **state) {
    fixture *it = *state;
    const size_t counts[] = {1, MAX_WEIGHT - 1, MAX_WEIGHT, MAX_WEIGHT + 1, EXAMPLES};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        uint32_t expected = counts[i] < MAX_WEIGHT ? (uint32_t)counts[i] : MAX_WEIGHT;
        trib_update_view view;
        trib_contribution made;
        it->examples.count = counts[i];
        made = train(it, "press-1", 1);
        assert_true(trib_ok(trib_update_open(made.payload, &view)));
        assert_int_equal(view.weight, expected);
        assert_int_equal(made.weight, expected);
        assert_int_equal(made.examples, counts[i]);
        assert_int_equal(view.codec, TRIB_CODEC_INT8);
        assert_true(trib_ok(trib_contribute_statistics(it->contributor, &it->examples, &made)));
        assert_int_equal(made.weight, expected);
        assert_int_equal(made.examples, counts[i]);
    }
}

static void statistics_are_of_every_raw_example(void **state) {
    fixture *it = *state;
    trib_contribution made;
    double mean[COLUMNS], m2[COLUMNS], sum = 0;
    trib_moments moments;
    trib_moments_init(&moments, mean, m2, COLUMNS);
    assert_true(trib_ok(trib_contribute_statistics(it->contributor, &it->examples, &made)));
    assert_true(trib_ok(trib_statistics_open(made.payload, &moments)));
    assert_int_equal(moments.count, EXAMPLES);
    for (size_t i = 0; i < EXAMPLES; i++) {
        sum += (double)it->examples.inputs[i * COLUMNS];
    }
    assert_float_equal(mean[0], sum / EXAMPLES, 1e-6);
}

static void the_same_round_gives_the_same_bytes_and_nothing_else_does(void **state) {
    fixture *it = *state;
    uint8_t first[256];
    trib_contribution made = train(it, "press-1", 3);
    size_t size = made.payload.size;
    assert_true(size <= sizeof first);
    memcpy(first, made.payload.data, size);
    (void)train(it, "press-2", 3); /* a contributor is used for others in between */
    made = train(it, "press-1", 3);
    assert_memory_equal(made.payload.data, first, size);
    made = train(it, "press-2", 3);
    assert_memory_not_equal(made.payload.data, first, size);
    made = train(it, "press-1", 4);
    assert_memory_not_equal(made.payload.data, first, size);
}

static void without_examples_or_once_stopped_there_is_nothing_to_give(void **state) {
    fixture *it = *state;
    trib_contribution made;
    atomic_bool stop = true;
    const trib_contribution_task stopped = {"press-1", 1, &stop};
    assert_int_equal(
        trib_contribute_training(it->contributor, it->base, &it->examples, &stopped, &made).code,
        TRIB_E_RETRY);
    it->examples.count = 0;
    assert_int_equal(trib_contribute_statistics(it->contributor, &it->examples, &made).code,
                     TRIB_E_STATE);
    assert_int_equal(
        trib_contribute_training(it->contributor, it->base, &it->examples, &stopped, &made).code,
        TRIB_E_STATE);
}

static void without_memory_it_says_so(void **state) {
    fixture *it = *state;
    trib_kernels kernels = trib_kernels_reference();
    const trib_contribution_task task = {"press-1", 1, NULL};
    int failures = 0;
    MEMORY_FAILS_EACH_TIME {
        TRIB_SCOPED(trib_contributor_destroy_scoped) trib_contributor *contributor = NULL;
        trib_contribution made;
        trib_status status = trib_contributor_create(it->federation, &kernels, &contributor);
        status = trib_ok(status)
                     ? trib_contribute_training(contributor, it->base, &it->examples, &task, &made)
                     : status;
        assert_true(trib_ok(status) || status.code == TRIB_E_IO);
        failures += !trib_ok(status);
    }
    assert_true(failures >= 5);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_weight_is_the_number_of_examples_up_to_the_rounds_limit),
        CASE(statistics_are_of_every_raw_example),
        CASE(the_same_round_gives_the_same_bytes_and_nothing_else_does),
        CASE(without_examples_or_once_stopped_there_is_nothing_to_give),
        CASE(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
