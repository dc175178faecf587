/* Who gives way to whom when more comes than the agent works off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/heap.h"
#include "edge/app/inbox.h"

static edge_inbox *inbox;

static int set_up(void **state) {
    (void)state;
    return trib_ok(edge_inbox_create(&inbox)) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    edge_inbox_destroy(inbox); /* with whatever is left in it */
    return 0;
}

static edge_agent_event *event_of(edge_agent_event_kind kind) {
    edge_agent_event *event = trib_allocate(1, sizeof *event);
    assert_non_null(event);
    event->kind = kind;
    return event;
}

static bool predict(bool anomaly) {
    edge_agent_event *event = event_of(EDGE_AGENT_PREDICTION);
    event->of.prediction.anomaly = anomaly;
    return edge_inbox_push(inbox, event);
}

static bool hear(trib_mqtt_event_kind kind) {
    edge_agent_event *event = event_of(EDGE_AGENT_MQTT);
    event->of.mqtt = trib_allocate(1, sizeof *event->of.mqtt);
    assert_non_null(event->of.mqtt);
    event->of.mqtt->kind = kind;
    return edge_inbox_push(inbox, event);
}

static bool finish(uint64_t round) {
    edge_agent_event *event = event_of(EDGE_AGENT_RESULT);
    event->of.result = trib_allocate(1, sizeof *event->of.result);
    assert_non_null(event->of.result);
    event->of.result->round = round;
    return edge_inbox_push(inbox, event);
}

static unsigned count_until_refused(bool (*push)(void)) {
    unsigned count = 0;
    while (push()) {
        assert_true(++count <= 2 * EDGE_INBOX);
    }
    return count;
}

static bool predict_normal(void) {
    return predict(false);
}

static bool predict_alarm(void) {
    return predict(true);
}

static bool hear_message(void) {
    return hear(TRIB_MQTT_MESSAGE);
}

static void a_result_is_not_lost_to_a_full_inbox(void **state) {
    (void)state;
    assert_int_equal(count_until_refused(hear_message), EDGE_INBOX);
    assert_true(finish(7));
    assert_true(hear(TRIB_MQTT_SENT) && hear(TRIB_MQTT_DISCONNECTED));
    assert_false(predict(true));
    edge_agent_event *event = NULL;
    unsigned others = 0;
    while ((event = edge_inbox_pop(inbox, 0)) != NULL && event->kind != EDGE_AGENT_RESULT) {
        edge_agent_event_destroy(event);
        others++;
    }
    assert_non_null(event);
    assert_int_equal(event->of.result->round, 7);
    assert_int_equal(others, EDGE_INBOX);
    edge_agent_event_destroy(event);
    assert_int_equal(edge_inbox_counted(inbox).others, 1);
    assert_int_equal(edge_inbox_counted(inbox).predictions, 1);
}

static void predictions_leave_room_for_the_others(void **state) {
    (void)state;
    assert_int_equal(count_until_refused(predict_normal), EDGE_INBOX_PREDICTIONS);
    assert_int_equal(count_until_refused(predict_alarm),
                     EDGE_INBOX_ALARMS - EDGE_INBOX_PREDICTIONS);
    assert_int_equal(count_until_refused(hear_message), EDGE_INBOX - EDGE_INBOX_ALARMS);
    assert_int_equal(edge_inbox_counted(inbox).predictions, 2);
}

static void predictions_have_their_share_again_once_some_are_worked_off(void **state) {
    (void)state;
    assert_int_equal(count_until_refused(predict_normal), EDGE_INBOX_PREDICTIONS);
    for (int i = 0; i < 3; i++) {
        edge_agent_event *event = edge_inbox_pop(inbox, 0);
        assert_non_null(event);
        edge_agent_event_destroy(event);
    }
    assert_int_equal(count_until_refused(predict_normal), 3);
    assert_int_equal(edge_inbox_counted(inbox).predictions, 2);
    assert_int_equal(edge_inbox_counted(inbox).others, 0);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        FRESH(a_result_is_not_lost_to_a_full_inbox),
        FRESH(predictions_leave_room_for_the_others),
        FRESH(predictions_have_their_share_again_once_some_are_worked_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
