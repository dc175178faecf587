#include "edge/sense/sense.h"

#include <setjmp.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/crypto/crypto.h"
#include "common/port/posix/system.h"

static trib_federation federation;
static char folder[64];
static trib_queue *batches;
static edge_prediction predictions[4096];
static atomic_uint predicted;
static sem_t heard;
static atomic_int said[32];

static void take_prediction(void *context, const edge_prediction *prediction) {
    (void)context;
    unsigned at = atomic_load(&predicted);
    if (at < sizeof predictions / sizeof predictions[0]) {
        predictions[at] = *prediction;
    }
    atomic_store(&predicted, at + 1);
    (void)sem_post(&heard);
}

static void take_event(void *context, const edge_event *event) {
    (void)context;
    (void)atomic_fetch_add(&said[event->kind], 1);
    (void)sem_post(&heard);
}

static void wait_for(edge_event_kind kind, int times) {
    while (atomic_load(&said[kind]) < times) {
        (void)sem_wait(&heard);
    }
}

#define SOURCE                                                                                     \
    "federation: test\nsource: {rate_hz: 100, channels: [x, y], label: {column: label, classes: "  \
    "[low, high]}, targets: [load]}\n"                                                             \
    "pipeline: {window: {rows: 10, hop: 5}, features: [mean, std]}\n"
#define REST                                                                                       \
    "training: {epochs: 1, batch: 8, optimiser: sgd, rate: 0.1}\n"                                 \
    "rounds: {maximum: 3, quorum: 1, gateways: 1, deadline_s: 10}\n"                               \
    "strategy: {kind: fedavg}\nupdate: {codec: float32, clip_norm: 10}\n"

static const char classify[] =
    SOURCE "model: {task: classify, layers: [{kind: dense, units: 2}]}\n" REST;
static const char regress[] =
    SOURCE "model: {task: regress, layers: [{kind: dense, units: 1}]}\n" REST;
static const char reconstruct[] =
    SOURCE "model: {task: reconstruct, layers: [{kind: dense, units: 4}]}\n" REST;

static void learn(const char *document) {
    trib_status status = trib_federation_parse("test", trib_bytes_text(document), &federation);
    if (!trib_ok(status)) {
        fail_msg("federation: %s", trib_message());
    }
}

static int set_up(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/edge-sense-XXXXXX");
    atomic_store(&predicted, 0);
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        atomic_store(&said[i], 0);
    }
    return mkdtemp(folder) != NULL && sem_init(&heard, 0, 0) == 0 &&
                   trib_ok(trib_queue_create(64, edge_batch_drop, &batches))
               ? 0
               : -1;
}

static int tear_down(void **state) {
    (void)state;
    static const char *const names[] = {"samples.db", "samples.db-wal", "samples.db-shm"};
    char path[128];
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    trib_queue_destroy(batches);
    (void)sem_destroy(&heard);
    return rmdir(folder);
}

static edge_sense *start(void) {
    edge_store *store = NULL;
    edge_sense *sense = NULL;
    const edge_store_options options = {
        folder, &federation.source, 1 << 20, trib_posix_clock(), {take_event, NULL}};
    const edge_sense_plan plan = {
        &federation, batches, {take_prediction, NULL}, {take_event, NULL}, NULL};
    assert_true(trib_ok(edge_store_open(&options, &store)));
    trib_status status = edge_sense_start(&plan, store, &sense);
    if (!trib_ok(status)) {
        fail_msg("start: %s", trib_message());
    }
    return sense;
}

static trib_model *make_model(void) {
    trib_model *model = NULL;
    if (!trib_ok(trib_model_create(trib_crypto_host(), &federation, &model))) {
        fail_msg("model: %s", trib_message());
    }
    return model;
}

/* x is 1 in the first half of the rows and -1 in the second; y is 0. */
static edge_batch *make_rows(uint32_t count, bool starts, bool ends) {
    edge_batch *batch = edge_batch_create();
    assert_non_null(batch);
    batch->starts = starts;
    batch->ends = ends;
    batch->count = count;
    for (uint32_t i = 0; i < count; i++) {
        batch->rows[i] = (edge_row){.row = {.time_us = (int64_t)i * 10000, .label = 0}};
        batch->rows[i].row.values[0] = i < count / 2 ? 1 : -1;
    }
    return batch;
}

static void push_rows(uint32_t count, bool starts, bool ends) {
    assert_true(trib_queue_push(batches, make_rows(count, starts, ends)));
}

static void without_a_model_rows_are_stored_and_nothing_is_predicted(void **state) {
    (void)state;
    learn(classify);
    edge_sense *sense = start();
    push_rows(100, true, false);
    push_rows(50, true, true);
    edge_sense_stop(sense, true);
    assert_int_equal(atomic_load(&predicted), 0);
    edge_store *store = NULL;
    const edge_store_options options = {
        folder, &federation.source, 1 << 20, trib_posix_clock(), {NULL, NULL}};
    assert_true(trib_ok(edge_store_open(&options, &store)));
    assert_int_equal(edge_store_holds(store).rows, 150);
    edge_store_close(store);
}

static void each_window_is_classified(void **state) {
    (void)state;
    learn(classify);
    edge_sense *sense = start();
    trib_model *model = make_model();
    model->parameters[0] = 5;                            /* class 0 for a mean above 0 */
    model->parameters[federation.plan.input_count] = -5; /* class 1 below */
    assert_true(trib_ok(edge_sense_offer_model(sense, model, (edge_detector){0}, 7)));
    wait_for(EDGE_EVENT_MODEL_SET, 1);
    push_rows(100, true, true);
    while (atomic_load(&predicted) < 19) { /* (100 - 10) / 5 + 1 */
        (void)sem_wait(&heard);
    }
    edge_sense_counts counts = edge_sense_counted(sense);
    assert_int_equal(counts.release, 7);
    assert_int_equal(counts.windows, 19);
    assert_int_equal(counts.predictions, 19);
    assert_int_equal(counts.anomalies, 0);
    edge_sense_stop(sense, true);
    assert_int_equal(atomic_load(&predicted), 19);
    assert_int_equal(predictions[0].label, 0);
    assert_string_equal(predictions[0].label_name, "low");
    assert_true(predictions[0].confidence > 0.99f);
    assert_true(predictions[0].time_us == 90000);
    assert_int_equal(predictions[0].release, 7);
    assert_false(predictions[0].anomaly);
    assert_int_equal(predictions[18].label, 1);
    assert_string_equal(predictions[18].label_name, "high");
}

static void a_recordings_start_starts_the_windows_anew(void **state) {
    (void)state;
    learn(classify);
    edge_sense *sense = start();
    assert_true(trib_ok(edge_sense_offer_model(sense, make_model(), (edge_detector){0}, 1)));
    wait_for(EDGE_EVENT_MODEL_SET, 1);
    for (int i = 0; i < 4; i++) {
        push_rows(9, true, true); /* never a whole window */
    }
    push_rows(9, true, false);
    push_rows(9, false, true); /* the same recording goes on, but time does not */
    edge_sense_stop(sense, true);
    assert_int_equal(atomic_load(&predicted), 2); /* rows 0..9 and 5..14 of 18 */
}

static void rows_that_pass_by_are_judged_but_not_stored(void **state) {
    (void)state;
    learn(classify);
    edge_sense *sense = start();
    assert_true(trib_ok(edge_sense_offer_model(sense, make_model(), (edge_detector){0}, 1)));
    wait_for(EDGE_EVENT_MODEL_SET, 1);
    push_rows(20, true, true);
    edge_batch *batch = make_rows(100, true, true);
    batch->passing = true;
    assert_true(trib_queue_push(batches, batch));
    while (atomic_load(&predicted) < 3 + 19) {
        (void)sem_wait(&heard);
    }
    edge_sense_stop(sense, true);
    edge_store *store = NULL;
    const edge_store_options options = {
        folder, &federation.source, 1 << 20, trib_posix_clock(), {NULL, NULL}};
    assert_true(trib_ok(edge_store_open(&options, &store)));
    assert_int_equal(edge_store_holds(store).rows, 20);
    assert_int_equal(edge_store_holds(store).last_row, 20);
    edge_store_close(store);
}

static void values_are_predicted_in_their_order(void **state) {
    (void)state;
    learn(regress);
    edge_sense *sense = start();
    trib_model *model = make_model();
    model->parameters[0] = 2; /* twice the mean of x, plus a bias of 3 */
    model->parameters[federation.plan.input_count] = 3;
    assert_true(trib_ok(edge_sense_offer_model(sense, model, (edge_detector){0}, 2)));
    wait_for(EDGE_EVENT_MODEL_SET, 1);
    push_rows(40, true, true);
    edge_sense_stop(sense, true);
    assert_int_equal(predictions[0].value_count, 1);
    assert_true(predictions[0].values[0] == 5.0f);
    assert_int_equal(predictions[0].label, -1);
}

static void an_error_past_the_threshold_is_an_anomaly(void **state) {
    (void)state;
    learn(reconstruct);
    edge_sense *sense = start();
    trib_model *model = make_model(); /* all zero: the error is the mean square of the input */
    assert_true(trib_ok(edge_sense_offer_model(sense, model, (edge_detector){0}, 3)));
    wait_for(EDGE_EVENT_MODEL_SET, 1);
    push_rows(10, true, true);
    edge_sense_stop(sense, true);
    /* five rows of 1 and five of -1: mean 0, std 1 of x; y is 0: one of four values is 1 */
    assert_int_equal(atomic_load(&predicted), 1);
    assert_true(predictions[0].error > 0.2499 && predictions[0].error < 0.2501);
    assert_false(predictions[0].anomaly); /* no threshold, no alarm */
    sense = start();
    assert_true(
        trib_ok(edge_sense_offer_model(sense, make_model(), (edge_detector){.threshold = 0.2}, 4)));
    wait_for(EDGE_EVENT_MODEL_SET, 2);
    push_rows(10, true, true);
    edge_sense_stop(sense, true);
    assert_true(predictions[1].anomaly);
    assert_true(predictions[1].threshold == 0.2);
}

static void a_withdrawn_model_judges_no_more(void **state) {
    (void)state;
    learn(classify);
    edge_sense *sense = start();
    assert_true(trib_ok(edge_sense_offer_model(sense, make_model(), (edge_detector){0}, 1)));
    wait_for(EDGE_EVENT_MODEL_SET, 1);
    assert_int_equal(edge_sense_counted(sense).release, 1);
    assert_true(trib_ok(edge_sense_drop_model(sense)));
    wait_for(EDGE_EVENT_MODEL_SET, 2);
    push_rows(100, true, true);
    edge_sense_stop(sense, true);
    assert_int_equal(atomic_load(&predicted), 0);
}

static void a_model_of_another_shape_is_refused(void **state) {
    (void)state;
    learn(reconstruct);
    trib_model *other = make_model();
    learn(classify);
    edge_sense *sense = start();
    assert_int_equal(edge_sense_offer_model(sense, other, (edge_detector){0}, 1).code,
                     TRIB_E_ARGUMENT);
    edge_sense_stop(sense, false);
    edge_sense_stop(NULL, false);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        FRESH(without_a_model_rows_are_stored_and_nothing_is_predicted),
        FRESH(each_window_is_classified),
        FRESH(a_recordings_start_starts_the_windows_anew),
        FRESH(rows_that_pass_by_are_judged_but_not_stored),
        FRESH(values_are_predicted_in_their_order),
        FRESH(an_error_past_the_threshold_is_an_anomaly),
        FRESH(a_withdrawn_model_judges_no_more),
        FRESH(a_model_of_another_shape_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
