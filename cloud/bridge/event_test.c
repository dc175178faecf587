#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "cloud/bridge/event.h"
#include "cloud/types/records.pb.h"
#include "common/wire/wire.h"

enum { TOLD = 4 };

/* What was told, as "topic federation key id type body". */
static char told[TOLD][2048];
static size_t told_count;
static trib_buffer body = {.ceiling = 1 << 16};

static trib_status keep(void *context, const cloud_bridge_event *event) {
    (void)context;
    assert_true(told_count < TOLD);
    (void)snprintf(told[told_count++], sizeof told[0], "%s %s %s %s %s %llu %.*s",
                   cloud_bridge_topic_names[event->topic], event->federation, event->key, event->id,
                   event->type, (unsigned long long)event->time_ms, (int)event->body.size,
                   (const char *)event->body.data);
    return TRIB_SUCCESS;
}

static trib_status tell(cloud_bridge_log log, uint32_t type, const pb_msgdesc_t *fields,
                        const void *message) {
    static uint8_t room[1024];
    trib_writer writer = trib_writer_of(room, sizeof room);
    assert_true(trib_ok(trib_wire_encode(fields, message, &writer)));
    const cloud_record record = {.position = 7, .type = type, .payload = trib_written(&writer)};
    told_count = 0;
    return cloud_bridge_tell(log, &record, &body, keep, NULL);
}

static void the_close_of_a_round_tells_of_the_round_and_of_its_model(void **state) {
    (void)state;
    cloud_record_RoundClosed message = cloud_record_RoundClosed_init_zero;
    strcpy(message.federation, "plant");
    message.round = 4294967299;
    message.updates = 3;
    message.weight = 30;
    message.loss = 0.25;
    message.bytes_up = 999;
    message.time_ms = 5;
    TRIB_WIRE_SET_BYTES(message.served_digest, "\x01\x02", 2);
    assert_true(trib_ok(tell(CLOUD_LOG_LEDGER, (uint32_t)cloud_record_Type_TYPE_ROUND_CLOSED,
                             cloud_record_RoundClosed_fields, &message)));
    assert_int_equal(told_count, 2);
    assert_string_equal(told[0], "round plant plant ledger-7 tributary.round.closed 5 "
                                 "{\"federation\":\"plant\",\"round\":4294967299,\"updates\":3,"
                                 "\"weight\":30,\"loss\":0.25,\"bytes_up\":999,\"reason\":\"\"}");
    assert_string_equal(told[1], "model plant plant ledger-7 tributary.model.created 5 "
                                 "{\"federation\":\"plant\",\"round\":4294967299,\"updates\":3,"
                                 "\"loss\":0.25,\"model\":\"0102\"}");
}

static void an_abandoned_round_has_no_model(void **state) {
    (void)state;
    cloud_record_RoundClosed message = cloud_record_RoundClosed_init_zero;
    strcpy(message.federation, "plant");
    message.abandoned = true;
    message.loss = (double)NAN; /* of nobody */
    assert_true(trib_ok(tell(CLOUD_LOG_LEDGER, (uint32_t)cloud_record_Type_TYPE_ROUND_CLOSED,
                             cloud_record_RoundClosed_fields, &message)));
    assert_int_equal(told_count, 1);
    assert_non_null(strstr(told[0], "tributary.round.abandoned"));
    assert_null(strstr(told[0], "loss"));
}

static void a_revocation_concerns_every_federation(void **state) {
    (void)state;
    cloud_record_Revoked message = cloud_record_Revoked_init_zero;
    strcpy(message.gateway, "press-07");
    assert_true(trib_ok(tell(CLOUD_LOG_LEDGER, (uint32_t)cloud_record_Type_TYPE_REVOKED,
                             cloud_record_Revoked_fields, &message)));
    assert_string_equal(told[0],
                        "audit all press-07 ledger-7 tributary.audit.revoked 0 "
                        "{\"federation\":\"all\",\"gateway\":\"press-07\",\"discard\":false}");
}

static trib_status tell_prediction(cloud_bridge_log log, const trib_wire_Prediction *prediction) {
    static uint8_t room[512];
    cloud_record_Outgoing outgoing = cloud_record_Outgoing_init_zero;
    trib_writer writer = trib_writer_of(room, sizeof room);
    assert_true(trib_ok(TRIB_WIRE_ENCODE(Prediction, prediction, &writer)));
    trib_bytes view = trib_written(&writer);
    strcpy(outgoing.federation, "plant");
    strcpy(outgoing.gateway, "press-07");
    trib_wire_put(&outgoing.message, &view);
    return tell(log, 1, cloud_record_Outgoing_fields, &outgoing);
}

static void a_prediction_says_what_its_task_can(void **state) {
    (void)state;
    trib_wire_Prediction prediction = trib_wire_Prediction_init_zero;
    prediction.release = 2;
    prediction.time_us = -3;
    prediction.label = 1;
    strcpy(prediction.label_name, "wear\xff"); /* what a gateway may send */
    prediction.confidence = 0.5f;
    prediction.error = (float)NAN;
    assert_true(trib_ok(tell_prediction(CLOUD_LOG_PREDICTION, &prediction)));
    assert_string_equal(told[0],
                        "prediction plant press-07 prediction-7 tributary.prediction.made 0 "
                        "{\"federation\":\"plant\",\"gateway\":\"press-07\",\"release\":2,"
                        "\"time_us\":-3,\"clock_unsure\":false,\"anomaly\":false,\"label\":1,"
                        "\"label_name\":\"wear?\",\"confidence\":0.5}");
    prediction.label = -1;
    prediction.values_count = 2;
    prediction.values[0] = (float)INFINITY;
    prediction.values[1] = 1.5f;
    assert_true(trib_ok(tell_prediction(CLOUD_LOG_PREDICTION, &prediction)));
    assert_non_null(strstr(told[0], "\"values\":[null,1.5]"));
    prediction.values_count = 0;
    prediction.error = 4;
    prediction.anomaly = true;
    assert_true(trib_ok(tell_prediction(CLOUD_LOG_ALERT, &prediction)));
    assert_non_null(strstr(told[0], "alert plant press-07 alert-7 tributary.alert.anomaly"));
    assert_non_null(strstr(told[0], "\"error\":4"));
}

/* Two columns, of which `targets` are such. */
static trib_status tell_telemetry(bool raw, uint32_t targets, size_t records, const char *head) {
    static const float numbers[] = {1.5f, -2, NAN, 0.1f};
    static const uint8_t labels[] = {1, 0xff};
    uint8_t times[16], values[sizeof numbers];
    cloud_record_Telemetry message = cloud_record_Telemetry_init_zero;
    trib_writer writer = trib_writer_of(values, sizeof values);
    for (size_t i = 0; i < 4; i++) {
        trib_write_f32(&writer, numbers[i]);
    }
    trib_store_u64(times, (uint64_t)-5);
    trib_store_u64(times + 8, 7);
    strcpy(message.federation, "plant");
    strcpy(message.gateway, "press-07");
    message.raw = raw;
    message.columns = 2;
    message.targets = targets;
    trib_bytes names = trib_bytes_text(head), times_us = trib_bytes_of(times, 8 * records),
               all = trib_bytes_of(values, 8 * records), classes = trib_bytes_of(labels, records);
    trib_wire_put(&message.head, &names);
    trib_wire_put(&message.times_us, &times_us);
    trib_wire_put(&message.values, &all);
    if (raw) {
        trib_wire_put(&message.labels, &classes);
    }
    return tell(CLOUD_LOG_TELEMETRY, 1, cloud_record_Telemetry_fields, &message);
}

static void telemetry_says_what_its_columns_are(void **state) {
    (void)state;
    assert_true(trib_ok(tell_telemetry(false, 0, 1, "{\"names\":[\"x.mean\",\"x.std\"]}")));
    assert_int_equal(told_count, 1);
    assert_string_equal(told[0],
                        "telemetry plant press-07 telemetry-7 tributary.telemetry.features 0 "
                        "{\"names\":[\"x.mean\",\"x.std\"],\"federation\":\"plant\",\"gateway\":"
                        "\"press-07\",\"clock_unsure\":false,\"time_us\":-5,"
                        "\"values\":[1.5,-2.0]}");
    assert_true(trib_ok(tell_telemetry(
        true, 1, 2, "{\"channels\":[\"x\"],\"classes\":[\"a\",\"b\"],\"targets\":[\"load\"]}")));
    assert_string_equal(
        told[0], "telemetry plant press-07 telemetry-7 tributary.telemetry.raw 0 "
                 "{\"channels\":[\"x\"],\"classes\":[\"a\",\"b\"],\"targets\":[\"load\"],"
                 "\"federation\":\"plant\",\"gateway\":\"press-07\",\"clock_unsure\":false,"
                 "\"rows\":[{\"time_us\":-5,\"values\":[1.5],\"targets\":[-2.0],\"label\":1},"
                 "{\"time_us\":7,\"values\":[null],\"targets\":[0.100000001]}]}");
}

static void telemetry_that_is_no_table_is_an_error(void **state) {
    (void)state;
    const char head[] = "{\"channels\":[\"x\"]}";
    assert_int_equal(tell_telemetry(true, 3, 2, head).code, TRIB_E_CORRUPT);
    assert_int_equal(tell_telemetry(true, 0, 0, head).code, TRIB_E_CORRUPT);
    assert_int_equal(tell_telemetry(false, 0, 2, head).code,
                     TRIB_E_CORRUPT); /* windows: one each */
    assert_int_equal(tell_telemetry(true, 0, 2, "").code, TRIB_E_CORRUPT);
    assert_int_equal(tell_telemetry(true, 0, 2, "[1]").code, TRIB_E_CORRUPT);
    assert_int_equal(told_count, 0);
}

static void gaps_and_newer_records_tell_nothing_and_damage_is_an_error(void **state) {
    (void)state;
    const uint8_t garbage[] = {0xff, 0xff, 0xff};
    cloud_record record = {.position = 1, .gap_end = 9};
    told_count = 0;
    assert_true(trib_ok(cloud_bridge_tell(CLOUD_LOG_LEDGER, &record, &body, keep, NULL)));
    record = (cloud_record){
        .position = 1, .type = 999, .payload = trib_bytes_of(garbage, sizeof garbage)};
    assert_true(trib_ok(cloud_bridge_tell(CLOUD_LOG_LEDGER, &record, &body, keep, NULL)));
    assert_int_equal(told_count, 0);
    for (uint32_t type = 1; type <= 8; type++) {
        record.type = type;
        assert_int_equal(cloud_bridge_tell(CLOUD_LOG_LEDGER, &record, &body, keep, NULL).code,
                         TRIB_E_CORRUPT);
    }
    assert_int_equal(cloud_bridge_tell(CLOUD_LOG_ALERT, &record, &body, keep, NULL).code,
                     TRIB_E_CORRUPT);
    assert_int_equal(cloud_bridge_tell(CLOUD_LOG_TELEMETRY, &record, &body, keep, NULL).code,
                     TRIB_E_CORRUPT);
    assert_int_equal(told_count, 0);
}

static int drop_body(void **state) {
    (void)state;
    trib_buffer_deinit(&body);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_close_of_a_round_tells_of_the_round_and_of_its_model),
        cmocka_unit_test(an_abandoned_round_has_no_model),
        cmocka_unit_test(a_revocation_concerns_every_federation),
        cmocka_unit_test(a_prediction_says_what_its_task_can),
        cmocka_unit_test(telemetry_says_what_its_columns_are),
        cmocka_unit_test(telemetry_that_is_no_table_is_an_error),
        cmocka_unit_test(gaps_and_newer_records_tell_nothing_and_damage_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, drop_body);
}
