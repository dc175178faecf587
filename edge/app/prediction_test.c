/* What of the predictions goes to the cloud. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/wire/wire.h"
#include "edge/app/prediction.h"
#include "edge/session/session.h"

static unsigned leaving(const edge_config *config, const edge_prediction *prediction) {
    unsigned count = 0;
    for (uint64_t number = 1; number <= 100; number++) {
        count += edge_prediction_leaves(config, number, prediction);
    }
    return count;
}

static void alarms_leave_also_where_predictions_are_off_or_thinned(void **state) {
    (void)state;
    const edge_prediction normal = {.error = 1, .threshold = 2};
    const edge_prediction alarm = {.error = 3, .threshold = 2, .anomaly = true};
    const edge_config off = {.predictions_every = 1};
    const edge_config all = {.predictions_every = 1, .predictions_publish = true};
    const edge_config tenth = {.predictions_every = 10, .predictions_publish = true};
    assert_int_equal(leaving(&off, &normal), 0);
    assert_int_equal(leaving(&off, &alarm), 100);
    assert_int_equal(leaving(&all, &normal), 100);
    assert_int_equal(leaving(&tenth, &normal), 10);
    assert_int_equal(leaving(&tenth, &alarm), 100);
}

/* The fewest waiting publications that leave no room for it. */
static size_t too_many(const edge_prediction *prediction, size_t room) {
    size_t backlog = 0;
    while (edge_prediction_fits(prediction, backlog, room)) {
        backlog++;
    }
    assert_false(edge_prediction_fits(prediction, backlog + 1, room));
    return backlog;
}

static void alarms_come_before_the_others_and_leave_room_for_an_updates_chunks(void **state) {
    (void)state;
    const edge_prediction normal = {.error = 1}, alarm = {.anomaly = true};
    assert_int_equal(too_many(&normal, 256), 128);
    assert_int_equal(too_many(&alarm, 256), 256 - 2 * EDGE_SEND_AT_ONCE);
    assert_int_equal(too_many(&normal, 2 * EDGE_SEND_AT_ONCE + 1), 1);
    assert_int_equal(too_many(&alarm, 2 * EDGE_SEND_AT_ONCE + 1), 1);
    assert_int_equal(too_many(&alarm, 2 * EDGE_SEND_AT_ONCE), 0);
    assert_int_equal(too_many(&alarm, 0), 0);
}

static trib_wire_Prediction as_heard(const edge_prediction *prediction) {
    static uint8_t storage[EDGE_PREDICTION_BYTES];
    trib_wire_Prediction heard = trib_wire_Prediction_init_zero;
    trib_writer writer = trib_writer_of(storage, sizeof storage);
    assert_true(trib_ok(edge_prediction_encode(prediction, true, &writer)));
    assert_true(trib_ok(TRIB_WIRE_DECODE(Prediction, trib_written(&writer), &heard)));
    return heard;
}

static void a_regression_says_its_values(void **state) {
    (void)state;
    const edge_prediction prediction = {
        .label = -1, .values = {1.5f, -2, 0}, .value_count = 3, .release = 9};
    trib_wire_Prediction heard = as_heard(&prediction);
    assert_int_equal(heard.values_count, 3);
    assert_memory_equal(heard.values, prediction.values, 3 * sizeof(float));
    assert_int_equal(heard.label, -1);
    assert_int_equal(heard.release, 9);
}

static void the_longest_prediction_fits(void **state) {
    (void)state;
    edge_prediction prediction = {.time_us = INT64_MIN,
                                  .label = INT32_MIN,
                                  .confidence = 1,
                                  .value_count = TRIB_MAX_TARGETS,
                                  .error = 1e30,
                                  .anomaly = true,
                                  .release = UINT64_MAX};
    memset(prediction.label_name, 'x', sizeof prediction.label_name - 1);
    trib_wire_Prediction heard = as_heard(&prediction);
    assert_int_equal(heard.values_count, TRIB_MAX_TARGETS);
    assert_string_equal(heard.label_name, prediction.label_name);
    assert_true(heard.anomaly && heard.clock_unsure);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alarms_leave_also_where_predictions_are_off_or_thinned),
        cmocka_unit_test(alarms_come_before_the_others_and_leave_room_for_an_updates_chunks),
        cmocka_unit_test(a_regression_says_its_values),
        cmocka_unit_test(the_longest_prediction_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
