/* One window, one model: what it is taken for, and from where on it is an anomaly. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/crypto/crypto.h"
#include "edge/sense/judge.h"
#include "tests/support/memory.h"

#define SOURCE                                                                                     \
    "federation: test\nsource: {rate_hz: 10, channels: [x, y], label: {column: l, classes: "       \
    "[low, high]}, targets: [load]}\n"                                                             \
    "pipeline: {window: {rows: 4, hop: 2}, features: [mean], normalise: false}\n"
static const char classify[] =
    SOURCE "model: {task: classify, layers: [{kind: dense, units: 2}]}\n";
static const char regress[] = SOURCE "model: {task: regress, layers: [{kind: dense, units: 1}]}\n";
static const char reconstruct[] =
    SOURCE "model: {task: reconstruct, layers: [{kind: dense, units: 2}]}\n";

static trib_federation federation;
static const float input[2] = {0.5f, -0.25f};
static const trib_window window = {.end_us = 77, .values = input, .count = 2};

/* Of y = 2 x, so that what it gives can be told at once. */
static trib_model *doubling(const char *document) {
    trib_model *model = NULL;
    if (!trib_ok(trib_federation_parse("f", trib_bytes_text(document), &federation))) {
        fail_msg("%s", trib_message());
    }
    assert_true(trib_ok(trib_model_create(trib_crypto_host(), &federation, &model)));
    model->parameters[0] = 2;
    if (federation.plan.output_count == 2) {
        model->parameters[3] = 2;
    }
    return model;
}

static edge_prediction judge_with(const char *document, double threshold) {
    TRIB_SCOPED(edge_judge_destroy_scoped) edge_judge *judge = NULL;
    edge_prediction prediction;
    const edge_detector detector = {.threshold = threshold};
    trib_model *model = doubling(document);
    assert_true(trib_ok(edge_judge_create(&federation, model, detector, 9, &judge)));
    assert_false(edge_judge_window(judge, &window, &prediction)); /* not prepared */
    assert_true(trib_ok(edge_judge_prepare(judge)));
    assert_true(edge_judge_window(judge, &window, &prediction));
    assert_int_equal(prediction.time_us, 77);
    assert_int_equal(prediction.release, 9);
    return prediction;
}

static void a_class_is_the_most_probable_one_and_says_how_probable(void **state) {
    (void)state;
    edge_prediction prediction = judge_with(classify, 0);
    assert_int_equal(prediction.label, 0);
    assert_string_equal(prediction.label_name, "low");
    assert_float_equal(prediction.confidence, 1 / (1 + expf(-1.5f)), 1e-5f); /* 1 and -0.5 */
    assert_false(prediction.anomaly);
}

static void a_regression_gives_its_values(void **state) {
    (void)state;
    edge_prediction prediction = judge_with(regress, 0);
    assert_int_equal(prediction.label, -1);
    assert_int_equal(prediction.value_count, 1);
    assert_float_equal(prediction.values[0], 1, 1e-6f);
}

static void an_anomaly_is_past_its_threshold_and_not_at_it(void **state) {
    (void)state;
    double error = judge_with(reconstruct, 0).error;
    assert_float_equal(error, (0.5 * 0.5 + 0.25 * 0.25) / 2, 1e-6);
    assert_false(judge_with(reconstruct, 0).anomaly); /* no threshold yet */
    assert_false(judge_with(reconstruct, error).anomaly);
    assert_false(judge_with(reconstruct, nextafter(error, 1)).anomaly);
    assert_true(judge_with(reconstruct, nextafter(error, 0)).anomaly);
}

static void a_model_of_another_federation_judges_nothing(void **state) {
    (void)state;
    TRIB_SCOPED(edge_judge_destroy_scoped) edge_judge *judge = NULL;
    trib_model *model = doubling(regress);
    assert_true(trib_ok(trib_federation_parse("f", trib_bytes_text(classify), &federation)));
    assert_int_equal(
        edge_judge_create(&federation, model, (edge_detector){.threshold = 0}, 9, &judge).code,
        TRIB_E_ARGUMENT);
}

static void without_a_model_it_says_nothing(void **state) {
    (void)state;
    TRIB_SCOPED(edge_judge_destroy_scoped) edge_judge *judge = NULL;
    edge_prediction prediction;
    trib_model_destroy(doubling(classify));
    assert_true(
        trib_ok(edge_judge_create(&federation, NULL, (edge_detector){.threshold = 0}, 9, &judge)));
    assert_true(trib_ok(edge_judge_prepare(judge)));
    assert_false(edge_judge_window(judge, &window, &prediction));
}

static void without_memory_it_says_so(void **state) {
    (void)state;
    int failures = 0;
    trib_model *model = doubling(reconstruct);
    MEMORY_FAILS_EACH_TIME {
        TRIB_SCOPED(edge_judge_destroy_scoped) edge_judge *judge = NULL;
        trib_status status = edge_judge_create(&federation, trib_model_share(model),
                                               (edge_detector){.threshold = 1}, 9, &judge);
        status = trib_ok(status) ? edge_judge_prepare(judge) : status;
        assert_true(trib_ok(status) || status.code == TRIB_E_IO);
        failures += !trib_ok(status);
    }
    assert_int_equal(failures, 6);
    trib_model_destroy(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_class_is_the_most_probable_one_and_says_how_probable),
        cmocka_unit_test(a_regression_gives_its_values),
        cmocka_unit_test(an_anomaly_is_past_its_threshold_and_not_at_it),
        cmocka_unit_test(a_model_of_another_federation_judges_nothing),
        cmocka_unit_test(without_a_model_it_says_nothing),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
