/* Telemetry as gateways send it, to a core without broker or Kafka: what the outbox gets of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "cloud/app/core.h"
#include "cloud/ledger/follower.h"
#include "cloud/round/round_fixture.h"
#include "common/port/posix/system.h"

enum { SESSION = 7, ROOM = 4096 };

static char folder[64];
static cloud_core *core;
static trib_channel sender; /* the gateway's end */
static char topic[TRIB_TOPIC_SIZE];
static uint8_t last_bytes[ROOM]; /* the last frame */
static size_t last_size;

static void apply(const char *telemetry) {
    char document[2048];
    cloud_applied applied;
    (void)snprintf(document, sizeof document, "%s%s", document_plain, telemetry);
    if (!trib_ok(cloud_apply_document(core, "plant", trib_bytes_text(document), &applied))) {
        fail_msg("document: %s", trib_message());
    }
    assert_true(trib_ok(cloud_settle(core)));
}

static cloud_member *plant(void) {
    return cloud_find(core, "plant");
}

static cloud_gateway *press_1(void) {
    return cloud_gateway_find(&plant()->live->gateways, "press-1");
}

/* As a verified join is taken, with keys that both ends know. */
static void join(void) {
    uint8_t bytes[2048];
    trib_hpke context = {.key = {1}, .base_nonce = {2}, .exporter_secret = {3}};
    trib_writer storage = trib_writer_of(bytes, sizeof bytes);
    cloud_record_Join record;
    make_join("press-1", 1, SESSION, &record, &storage);
    assert_true(trib_ok(
        cloud_live_apply_join(plant()->live, core->crypto, &record, trib_written(&storage))));
    cloud_gateway *gateway = press_1();
    assert_true(trib_ok(trib_channel_init(core->crypto, &context, SESSION, TRIB_TOPIC_UP_TELEMETRY,
                                          core->boot, &gateway->telemetry)));
    sender = gateway->telemetry;
    gateway->keyed = true;
}

static int set_up(void **state) {
    (void)state;
    cloud_config config = {.broker_uri = "tcp://127.0.0.1:1"};
    const trib_topic where = {
        .kind = TRIB_TOPIC_UP_TELEMETRY, .federation = "plant", .gateway = "press-1"};
    trib_topic_format(&where, topic);
    (void)snprintf(folder, sizeof folder, "/tmp/telemetry-test-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(config.state, sizeof config.state, "%s/state", folder);
    (void)snprintf(config.authorities, sizeof config.authorities, "%s/ca.pem", folder);
    FILE *file = fopen(config.authorities, "wb");
    if (file == NULL || fputs("nobody's\n", file) < 0 || fclose(file) != 0) {
        return -1;
    }
    trib_log_setup("telemetry-test", TRIB_LOG_TEXT, TRIB_LOG_ERROR);
    if (!trib_ok(cloud_core_create(&config, false, &core))) {
        return -1;
    }
    char path[96];
    (void)snprintf(path, sizeof path, "%s/outbox", folder);
    return trib_ok(cloud_outbox_open(core->disk, path, 5, CLOUD_OUTBOX_LEAST_BYTES, &core->outbox))
               ? 0
               : -1;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    cloud_core_destroy(core);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* Of document_plain: channels x and y, target load; mean and std of each channel. */
typedef struct sent {
    trib_telemetry_level level;
    uint32_t records, columns;
    size_t values; /* bytes of them; 0: as records and columns have it */
    uint8_t labels;
    uint8_t meaning; /* is changed by so much */
} sent;

static void send(const sent *what) {
    static uint8_t plain[ROOM];
    uint8_t times[8 * 16] = {0}, labels[16] = {0};
    float numbers[16 * 8];
    trib_lineage lineage;
    trib_wire_Telemetry message = trib_wire_Telemetry_init_zero;
    for (uint32_t i = 0; i < what->records; i++) {
        trib_store_u64(times + (size_t)8 * i, 1000 + i);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        numbers[i] = (float)i;
    }
    assert_true(
        trib_ok(trib_federation_lineage(core->crypto, plant()->live->federation, &lineage)));
    lineage.meaning[0] ^= what->meaning;
    message.level = (trib_wire_TelemetryLevel)what->level;
    TRIB_WIRE_SET_BYTES(message.meaning, lineage.meaning, TRIB_HASH_BYTES);
    message.columns = what->columns;
    trib_bytes times_us = trib_bytes_of(times, (size_t)8 * what->records);
    trib_bytes values = trib_bytes_of(
        numbers, what->values > 0 ? what->values : what->records * what->columns * sizeof(float));
    trib_bytes classes = trib_bytes_of(labels, what->labels);
    trib_wire_put(&message.times_us, &times_us);
    trib_wire_put(&message.values, &values);
    trib_wire_put(&message.labels, &classes);
    trib_writer writer = trib_writer_of(plain, sizeof plain);
    trib_writer frame = trib_writer_of(last_bytes, sizeof last_bytes);
    assert_true(trib_ok(TRIB_WIRE_ENCODE(Telemetry, &message, &writer)));
    assert_true(
        trib_ok(trib_channel_seal(core->crypto, &sender, topic, trib_written(&writer), &frame)));
    last_size = frame.size;
    cloud_handle_telemetry(core, plant(), press_1(), topic, trib_written(&frame));
}

/* What the outbox has durable of telemetry; of the last record its text of names, too. */
static uint64_t stored(char *ret_head, size_t size) {
    char path[96];
    cloud_follower *follower = NULL;
    cloud_record record;
    uint64_t count = 0;
    assert_true(trib_ok(cloud_outbox_sync(core->outbox)));
    (void)snprintf(path, sizeof path, "%s/outbox/telemetry", folder);
    assert_true(trib_ok(cloud_follower_create(core->disk, path, 5, 1, &follower)));
    while (trib_ok(cloud_follower_next(
        follower, cloud_outbox_end(core->outbox, CLOUD_OUTBOX_TELEMETRY), &record))) {
        cloud_record_Telemetry message = cloud_record_Telemetry_init_zero;
        trib_bytes head, times_us, values, labels;
        trib_wire_catch(&message.head, &head);
        trib_wire_catch(&message.times_us, &times_us);
        trib_wire_catch(&message.values, &values);
        trib_wire_catch(&message.labels, &labels);
        assert_true(
            trib_ok(trib_wire_decode(cloud_record_Telemetry_fields, record.payload, &message)));
        assert_string_equal(message.gateway, "press-1");
        assert_int_equal(values.size, times_us.size / 8 * message.columns * sizeof(float));
        (void)snprintf(ret_head, size, "%.*s", (int)head.size, (const char *)head.data);
        count++;
    }
    cloud_follower_destroy(follower);
    return count;
}

static const sent features = {.level = TRIB_TELEMETRY_FEATURES, .records = 3, .columns = 4};
static const sent rows = {.level = TRIB_TELEMETRY_RAW, .records = 3, .columns = 3};

static void windows_become_an_event_each_and_rows_one_together(void **state) {
    (void)state;
    char head[256];
    apply("telemetry: raw\n");
    join();
    send(&features);
    assert_int_equal(stored(head, sizeof head), 3);
    assert_string_equal(head, "{\"names\":[\"x.mean\",\"x.std\",\"y.mean\",\"y.std\"]}");
    send(&rows);
    assert_int_equal(stored(head, sizeof head), 4);
    assert_string_equal(head, "{\"channels\":[\"x\",\"y\"],\"targets\":[\"load\"]}");
    assert_int_equal(core->counts.telemetry, 6);
    assert_int_equal(press_1()->telemetry_taken, 6);
    assert_int_equal(core->counts.telemetry_refused, 0);
}

/* [the document's][the message's] */
static void more_than_the_document_in_force_asks_for_is_refused(void **state) {
    (void)state;
    static const char *const documents[] = {"", "telemetry: none\n", "telemetry: features\n",
                                            "telemetry: raw\n"};
    static const bool taken[][2] = {{false, false}, {false, false}, {true, false}, {true, true}};
    char head[256];
    uint64_t refused = 0, records = 0;
    for (size_t i = 0; i < 4; i++) { /* the last three are new revisions of the same lineage */
        apply(documents[i]);
        if (i == 0) {
            join();
        }
        assert_int_equal(plant()->live->revision, i + 1);
        assert_int_equal(plant()->live->gateways.count, 1);
        send(&features);
        send(&rows);
        refused += (uint64_t)!taken[i][0] + (uint64_t)!taken[i][1];
        records += (taken[i][0] ? 3u : 0u) + (taken[i][1] ? 1u : 0u);
        assert_int_equal(core->counts.telemetry_refused, refused);
        assert_int_equal(press_1()->telemetry_refused, refused);
        assert_int_equal(stored(head, sizeof head), records);
    }
    assert_int_equal(core->counts.garbage, 0);
}

static void what_is_of_another_document_or_of_a_revoked_gateway_is_refused(void **state) {
    (void)state;
    char head[256];
    apply("telemetry: raw\n");
    join();
    const sent wrong[] = {
        {.level = TRIB_TELEMETRY_RAW, .records = 3, .columns = 3, .meaning = 1},
        {.level = TRIB_TELEMETRY_RAW, .records = 3, .columns = 2},
        {.level = TRIB_TELEMETRY_FEATURES, .records = 3, .columns = 3},
        {.level = TRIB_TELEMETRY_RAW, .records = 3, .columns = 3, .labels = 3}, /* no classes */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        send(&wrong[i]);
        assert_int_equal(core->counts.telemetry_refused, i + 1);
    }
    press_1()->revoked = true;
    send(&rows);
    assert_int_equal(core->counts.telemetry_refused, 5);
    assert_int_equal(stored(head, sizeof head), 0);
    assert_int_equal(core->counts.telemetry, 0);
}

static void what_is_no_table_is_garbage(void **state) {
    (void)state;
    char head[256];
    apply("telemetry: raw\n");
    join();
    const sent wrong[] = {
        {.level = TRIB_TELEMETRY_NONE, .records = 3, .columns = 3},
        {.level = (trib_telemetry_level)3, .records = 3, .columns = 3},
        {.level = TRIB_TELEMETRY_RAW, .records = 0, .columns = 3},
        {.level = TRIB_TELEMETRY_RAW, .records = 3, .columns = 0, .values = 4},
        {.level = TRIB_TELEMETRY_RAW, .records = 3, .columns = 3, .values = 40},
        {.level = TRIB_TELEMETRY_RAW, .records = 3, .columns = UINT32_MAX, .values = 36},
        {.level = TRIB_TELEMETRY_RAW, .records = 3, .columns = 3, .labels = 2},
        {.level = TRIB_TELEMETRY_FEATURES, .records = 3, .columns = 4, .labels = 3},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        send(&wrong[i]);
        assert_int_equal(core->counts.garbage, i + 1);
    }
    assert_int_equal(core->counts.telemetry_refused, 0);
    assert_int_equal(stored(head, sizeof head), 0);
}

static void a_frame_again_altered_or_under_another_topic_changes_nothing(void **state) {
    (void)state;
    char head[256];
    apply("telemetry: raw\n");
    join();
    send(&rows);
    cloud_handle_telemetry(core, plant(), press_1(), topic, trib_bytes_of(last_bytes, last_size));
    assert_int_equal(core->counts.replayed, 1);
    send(&rows);
    assert_int_equal(core->counts.telemetry, 6);
    press_1()->telemetry.next = 0; /* as if it had not come */
    last_bytes[last_size / 2] ^= 1;
    cloud_handle_telemetry(core, plant(), press_1(), topic, trib_bytes_of(last_bytes, last_size));
    assert_int_equal(core->counts.garbage, 1);
    last_bytes[last_size / 2] ^= 1;
    cloud_handle_telemetry(core, plant(), press_1(), "tributary/v1/plant/press-1/up/prediction",
                           trib_bytes_of(last_bytes, last_size));
    assert_int_equal(core->counts.garbage, 2);
    assert_int_equal(stored(head, sizeof head), 2);
}

/* What the link, which finds no broker, may say meanwhile. */
enum { LINK_EVENTS = 16 };

static bool push(trib_topic_kind kind) {
    cloud_event *event = trib_allocate(1, sizeof *event);
    trib_mqtt_event *mqtt = trib_allocate(1, sizeof *mqtt);
    assert_true(event != NULL && mqtt != NULL);
    const trib_topic where = {.kind = kind, .federation = "plant", .gateway = "press-1"};
    *event = (cloud_event){.kind = CLOUD_EVENT_MQTT, .mqtt = mqtt};
    mqtt->kind = TRIB_MQTT_MESSAGE;
    mqtt->epoch = UINT64_MAX; /* of no connection: nobody looks at it */
    trib_topic_format(&where, mqtt->topic);
    bool pushed = cloud_core_push(core, event);
    if (!pushed) {
        cloud_event_destroy(event);
    }
    return pushed;
}

static void a_flood_of_it_costs_nobody_else_a_place_in_the_queue(void **state) {
    (void)state;
    apply("telemetry: raw\n");
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < CLOUD_QUEUE_TELEMETRY + 10; i++) {
            assert_int_equal(push(TRIB_TOPIC_UP_TELEMETRY), i < CLOUD_QUEUE_TELEMETRY);
        }
        assert_int_equal(atomic_load(&core->telemetry_dropped), 10 * (turn + 1));
        for (int i = 0; i < CLOUD_QUEUE - CLOUD_QUEUE_TELEMETRY - LINK_EVENTS; i++) {
            assert_true(push(i % 2 == 0 ? TRIB_TOPIC_UP_UPDATE : TRIB_TOPIC_UP_PREDICTION));
        }
        for (int i = 0; i < CLOUD_QUEUE / CLOUD_BATCH; i++) { /* all are worked off */
            assert_true(trib_ok(cloud_core_step(core, 0)));
        }
        assert_int_equal(atomic_load(&core->telemetry_waiting), 0);
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(windows_become_an_event_each_and_rows_one_together),
        CASE(more_than_the_document_in_force_asks_for_is_refused),
        CASE(what_is_of_another_document_or_of_a_revoked_gateway_is_refused),
        CASE(what_is_no_table_is_garbage),
        CASE(a_flood_of_it_costs_nobody_else_a_place_in_the_queue),
        CASE(a_frame_again_altered_or_under_another_topic_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
