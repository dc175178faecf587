#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/heap.h"
#include "common/wire/wire.h"
#include "edge/telemetry/telemetry.h"

static const char of_features[] = "federation: plant\n"
                                  "source: {rate_hz: 10, channels: [x, y], targets: [load], label: "
                                  "{column: s, classes: [a, b]}}\n"
                                  "pipeline: {window: {rows: 4, hop: 2}, features: [mean, std]}\n"
                                  "model: {task: classify, layers: [{kind: dense, units: 2}]}\n";
static const char of_rows[] =
    "federation: plant\n"
    "source: {rate_hz: 10, channels: [x, y], label: {column: s, classes: [a, b]}}\n"
    "pipeline: {window: {rows: 4, hop: 2}, output: rows}\n"
    "model: {task: classify, layers: [{kind: flatten}, {kind: dense, units: 2}]}\n";

static trib_federation federation;
static uint64_t now_ms;
static const uint8_t meaning[TRIB_HASH_BYTES] = {1, 2, 3};

static uint64_t now(void *context) {
    (void)context;
    return now_ms;
}
static const trib_clock test_clock = {now, now, NULL};

static edge_telemetry *create(const char *document) {
    edge_telemetry *telemetry = NULL;
    now_ms = 1000;
    if (!trib_ok(trib_federation_parse("f.yaml", trib_bytes_text(document), &federation))) {
        fail_msg("%s", trib_message());
    }
    assert_true(trib_ok(edge_telemetry_create(&federation, meaning, &test_clock, &telemetry)));
    return telemetry;
}

/* Row and window number n. */
static void take_row(edge_telemetry *telemetry, int n) {
    const trib_source_row row = {.time_us = 100 * n,
                                 .values = {(float)n, n % 2 == 0 ? NAN : -(float)n},
                                 .targets = {(float)n / 2},
                                 .label = n % 3 - 1};
    edge_telemetry_row(telemetry, &row);
}

static void take_window(edge_telemetry *telemetry, int n) {
    const float values[4] = {(float)n, 1, 2, 3.5f};
    const trib_window window = {.end_us = 1000 * n, .values = values, .count = 4};
    edge_telemetry_window(telemetry, &window);
}

static void wait_until_due(edge_telemetry *telemetry) {
    now_ms += EDGE_TELEMETRY_MS;
    edge_telemetry_due(telemetry);
}

/* A message as the cloud reads it. */
typedef struct heard {
    trib_wire_Telemetry message;
    trib_bytes times_us, values, labels;
    uint8_t bytes[TRIB_TELEMETRY_MAX_BYTES];
} heard;

static bool hear(edge_telemetry *telemetry, heard *ret) {
    TRIB_SCOPED(edge_telemetry_message_destroy_scoped)
    edge_telemetry_message *message = edge_telemetry_pop(telemetry);
    if (message == NULL) {
        return false;
    }
    trib_writer writer = trib_writer_of(ret->bytes, sizeof ret->bytes);
    assert_true(trib_ok(edge_telemetry_encode(message, true, &writer)));
    ret->message = (trib_wire_Telemetry)trib_wire_Telemetry_init_zero;
    trib_wire_catch(&ret->message.times_us, &ret->times_us);
    trib_wire_catch(&ret->message.values, &ret->values);
    trib_wire_catch(&ret->message.labels, &ret->labels);
    assert_true(trib_ok(TRIB_WIRE_DECODE(Telemetry, trib_written(&writer), &ret->message)));
    assert_int_equal(ret->times_us.size, 8 * edge_telemetry_records(message));
    assert_int_equal(ret->values.size,
                     ret->times_us.size / 8 * ret->message.columns * sizeof(float));
    assert_int_equal(ret->message.meaning.size, sizeof meaning);
    assert_memory_equal(ret->message.meaning.bytes, meaning, sizeof meaning);
    assert_true(ret->message.clock_unsure);
    return true;
}

static float value(const heard *message, size_t record, size_t column) {
    trib_cursor cursor = trib_cursor_of(message->values);
    float read = 0;
    cursor.at += (record * message->message.columns + column) * sizeof(float);
    cursor.left -= (record * message->message.columns + column) * sizeof(float);
    assert_true(trib_ok(trib_read_f32(&cursor, &read)));
    return read;
}

static int64_t time_us(const heard *message, size_t record) {
    return (int64_t)trib_load_u64(message->times_us.data + 8 * record);
}

static heard told;

/* The nine pairs, once more as messages: what is fed is rows and windows, whatever may leave. */
static void only_what_was_decided_is_gathered(void **state) {
    (void)state;
    for (int asked = TRIB_TELEMETRY_NONE; asked <= TRIB_TELEMETRY_RAW; asked++) {
        for (int allowed = TRIB_TELEMETRY_NONE; allowed <= TRIB_TELEMETRY_RAW; allowed++) {
            edge_telemetry *telemetry = create(of_features);
            trib_telemetry_level level = edge_telemetry_decide(
                telemetry, (trib_telemetry_level)asked, (trib_telemetry_level)allowed);
            assert_int_equal(level, asked < allowed ? asked : allowed);
            for (int n = 1; n <= 10; n++) {
                take_row(telemetry, n);
                take_window(telemetry, n);
            }
            wait_until_due(telemetry);
            assert_int_equal(hear(telemetry, &told), level != TRIB_TELEMETRY_NONE);
            if (level != TRIB_TELEMETRY_NONE) {
                assert_int_equal(told.message.level, level);
                assert_int_equal(told.times_us.size, 8 * 10);
            }
            assert_false(hear(telemetry, &told));
            assert_int_equal(edge_telemetry_left_out(telemetry), 0);
            edge_telemetry_destroy(telemetry);
        }
    }
}

static void before_anything_is_decided_nothing_is_gathered(void **state) {
    (void)state;
    edge_telemetry *telemetry = create(of_features);
    take_row(telemetry, 1);
    take_window(telemetry, 1);
    wait_until_due(telemetry);
    assert_false(hear(telemetry, &told));
    edge_telemetry_destroy(telemetry);
    edge_telemetry_row(NULL, NULL); /* without telemetry the stream goes on all the same */
    edge_telemetry_window(NULL, NULL);
    edge_telemetry_due(NULL);
    edge_telemetry_destroy(NULL);
    assert_int_equal(edge_telemetry_level_of(NULL), TRIB_TELEMETRY_NONE);
}

static void rows_leave_once_each_as_they_came(void **state) {
    (void)state;
    edge_telemetry *telemetry = create(of_features);
    (void)edge_telemetry_decide(telemetry, TRIB_TELEMETRY_RAW, TRIB_TELEMETRY_RAW);
    for (int n = 1; n <= 2 * TRIB_TELEMETRY_MAX_RECORDS + 5; n++) {
        take_row(telemetry, n);
    }
    wait_until_due(telemetry);
    int n = 1;
    while (hear(telemetry, &told)) {
        assert_int_equal(told.message.columns, 3); /* two channels, one target */
        assert_int_equal(told.labels.size, told.times_us.size / 8);
        for (size_t i = 0; i < told.labels.size; i++, n++) {
            assert_int_equal(time_us(&told, i), 100 * n);
            assert_true(value(&told, i, 0) == (float)n);
            assert_true(n % 2 == 0 ? isnan(value(&told, i, 1)) : value(&told, i, 1) == -(float)n);
            assert_true(value(&told, i, 2) == (float)n / 2);
            assert_int_equal((int8_t)told.labels.data[i], n % 3 - 1);
        }
    }
    assert_int_equal(n, 2 * TRIB_TELEMETRY_MAX_RECORDS + 6);
    edge_telemetry_destroy(telemetry);
}

static void windows_leave_with_their_time_and_features_and_no_label(void **state) {
    (void)state;
    edge_telemetry *telemetry = create(of_features);
    (void)edge_telemetry_decide(telemetry, TRIB_TELEMETRY_RAW, TRIB_TELEMETRY_FEATURES);
    take_window(telemetry, 7);
    take_window(telemetry, -8);
    edge_telemetry_due(telemetry);
    assert_false(hear(telemetry, &told)); /* not due yet: small windows go together */
    wait_until_due(telemetry);
    assert_true(hear(telemetry, &told));
    assert_int_equal(told.message.columns, 4);
    assert_int_equal(told.labels.size, 0);
    assert_int_equal(time_us(&told, 0), 7000);
    assert_int_equal(time_us(&told, 1), -8000);
    assert_true(value(&told, 0, 0) == 7.0f && value(&told, 1, 3) == 3.5f);
    edge_telemetry_destroy(telemetry);
}

/* Under a level of features, rows in a window's clothes would be raw samples. */
static void a_pipeline_of_rows_has_no_features_to_let_leave(void **state) {
    (void)state;
    edge_telemetry *telemetry = create(of_rows);
    assert_int_equal(edge_telemetry_decide(telemetry, TRIB_TELEMETRY_RAW, TRIB_TELEMETRY_FEATURES),
                     TRIB_TELEMETRY_NONE);
    take_row(telemetry, 1);
    wait_until_due(telemetry);
    assert_false(hear(telemetry, &told));
    assert_int_equal(edge_telemetry_decide(telemetry, TRIB_TELEMETRY_RAW, TRIB_TELEMETRY_RAW),
                     TRIB_TELEMETRY_RAW);
    edge_telemetry_destroy(telemetry);
}

static void what_waits_when_the_level_falls_does_not_leave(void **state) {
    (void)state;
    edge_telemetry *telemetry = create(of_features);
    (void)edge_telemetry_decide(telemetry, TRIB_TELEMETRY_RAW, TRIB_TELEMETRY_RAW);
    take_row(telemetry, 1);
    wait_until_due(telemetry); /* waits to be sent */
    take_row(telemetry, 2);    /* is being gathered */
    (void)edge_telemetry_decide(telemetry, TRIB_TELEMETRY_FEATURES, TRIB_TELEMETRY_RAW);
    assert_false(hear(telemetry, &told));
    take_window(telemetry, 3);
    wait_until_due(telemetry);
    assert_true(hear(telemetry, &told));
    assert_int_equal(told.message.level, TRIB_TELEMETRY_FEATURES);
    assert_int_equal(time_us(&told, 0), 3000);
    assert_int_equal(edge_telemetry_left_out(telemetry), 2);
    take_window(telemetry, 4);
    (void)edge_telemetry_decide(telemetry, TRIB_TELEMETRY_NONE, TRIB_TELEMETRY_RAW);
    wait_until_due(telemetry);
    assert_false(hear(telemetry, &told));
    assert_int_equal(edge_telemetry_left_out(telemetry), 3);
    edge_telemetry_destroy(telemetry);
}

static void past_what_may_wait_it_is_left_out_and_counted(void **state) {
    (void)state;
    edge_telemetry *telemetry = create(of_features);
    (void)edge_telemetry_decide(telemetry, TRIB_TELEMETRY_RAW, TRIB_TELEMETRY_RAW);
    for (int n = 0; n < EDGE_TELEMETRY_WAITING + 3; n++) {
        take_row(telemetry, n);
        take_row(telemetry, n);
        wait_until_due(telemetry);
    }
    assert_int_equal(edge_telemetry_left_out(telemetry), 2 * 3);
    for (int n = 0; n < EDGE_TELEMETRY_WAITING; n++) {
        assert_true(hear(telemetry, &told));
        assert_int_equal(time_us(&told, 0), 100 * n);
    }
    assert_false(hear(telemetry, &told));
    take_row(telemetry, 5); /* and goes on once there is room */
    wait_until_due(telemetry);
    assert_true(hear(telemetry, &told));
    edge_telemetry_destroy(telemetry);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_was_decided_is_gathered),
        cmocka_unit_test(before_anything_is_decided_nothing_is_gathered),
        cmocka_unit_test(rows_leave_once_each_as_they_came),
        cmocka_unit_test(windows_leave_with_their_time_and_features_and_no_label),
        cmocka_unit_test(a_pipeline_of_rows_has_no_features_to_let_leave),
        cmocka_unit_test(what_waits_when_the_level_falls_does_not_leave),
        cmocka_unit_test(past_what_may_wait_it_is_left_out_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
