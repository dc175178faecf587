#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "cloud/bridge/cloudevents_fixture.h"
#include "cloud/bridge/parcel.h"
#include "cloud/outbox/outbox.h"
#include "cloud/types/records.pb.h"
#include "common/wire/wire.h"
#include "tests/sim/disk/disk.h"
#include "tests/support/memory.h"

enum { SEED = 7 };

static sim_disk *disk;
static cloud_outbox *outbox;
static cloud_packer packer;
static cloud_parcel parcel;
static cloud_bridge_settings settings;
static cloud_bridge_options options;
static unsigned refused;
static atomic_bool stopped;

static const uint64_t from_the_start[CLOUD_LOGS];

static uint64_t end_of(const void *context, cloud_bridge_log log) {
    (void)context;
    return log == CLOUD_LOG_LEDGER
               ? 0
               : cloud_outbox_end(outbox, (cloud_outbox_class)(log - CLOUD_LOG_ALERT));
}

static void count_refused(void *context) {
    (void)context;
    refused++;
}

static int begin(void **state) {
    static const char *const folders[] = {"/cloud/ledger", "/cloud/outbox/alert",
                                          "/cloud/outbox/prediction", "/cloud/outbox/telemetry"};
    (void)state;
    disk = sim_disk_create("cloud", 1);
    outbox = NULL;
    if (!trib_ok(cloud_outbox_open(sim_disk_port(disk), "/cloud/outbox", SEED,
                                   CLOUD_OUTBOX_LEAST_BYTES, &outbox))) {
        return -1;
    }
    settings = (cloud_bridge_settings){.structured = false};
    options =
        (cloud_bridge_options){.settings = &settings, .id = "test", .disk = sim_disk_port(disk)};
    for (int i = 0; i < CLOUD_LOGS; i++) {
        options.sources[i] =
            (cloud_bridge_source){.folder = folders[i], .seed = SEED, .end = end_of};
    }
    atomic_store(&stopped, false);
    packer = (cloud_packer){.refuse = count_refused, .stop = &stopped};
    refused = 0;
    cloud_parcel_init(&parcel);
    cloud_parcel_begin(&parcel, from_the_start);
    return trib_ok(cloud_packer_init(&packer, &options)) ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    cloud_packer_deinit(&packer);
    cloud_parcel_deinit(&parcel);
    cloud_outbox_close(outbox);
    sim_disk_destroy(disk);
    return 0;
}

static void append(cloud_outbox_class class, unsigned count) {
    for (unsigned i = 1; i <= count; i++) {
        uint8_t message_room[128], record_room[512];
        trib_writer message = trib_writer_of(message_room, sizeof message_room);
        trib_writer whole = trib_writer_of(record_room, sizeof record_room);
        trib_wire_Prediction prediction = trib_wire_Prediction_init_zero;
        cloud_record_Outgoing record = cloud_record_Outgoing_init_zero;
        prediction.time_us = i;
        prediction.label = -1;
        assert_true(trib_ok(TRIB_WIRE_ENCODE(Prediction, &prediction, &message)));
        trib_bytes view = trib_written(&message);
        (void)snprintf(record.federation, sizeof record.federation, "plant");
        (void)snprintf(record.gateway, sizeof record.gateway, "press-%u", i);
        trib_wire_put(&record.message, &view);
        assert_true(trib_ok(trib_wire_encode(cloud_record_Outgoing_fields, &record, &whole)));
        assert_true(
            trib_ok(cloud_outbox_append(outbox, class, record.gateway, trib_written(&whole))));
    }
    assert_true(trib_ok(cloud_outbox_sync(outbox)));
}

static void expect(size_t which, const char *id) {
    char body[64];
    const cloud_bridge_event event = cloud_parcel_event(&parcel, which);
    assert_string_equal(event.id, id);
    int length =
        snprintf(body, sizeof body, "{\"federation\":\"plant\",\"gateway\":\"%s\",", event.key);
    assert_memory_equal(event.body.data, body, (size_t)length);
    assert_int_equal(event.body.data[event.body.size - 1], '}');
}

static void what_matters_most_goes_first_and_nothing_twice(void **state) {
    (void)state;
    append(CLOUD_OUTBOX_PREDICTION, 5);
    append(CLOUD_OUTBOX_ALERT, 2);
    assert_true(trib_ok(cloud_packer_pack(&packer, &parcel, 4)));
    assert_int_equal(parcel.count, 4);
    expect(0, "alert-1");
    expect(1, "alert-2");
    expect(3, "prediction-2");
    assert_int_equal(parcel.positions[CLOUD_LOG_ALERT], 2);
    assert_int_equal(parcel.positions[CLOUD_LOG_PREDICTION], 2);
    assert_true(trib_ok(cloud_packer_pack(&packer, &parcel, 4))); /* it is full */
    assert_int_equal(parcel.count, 4);
    assert_true(cloud_parcel_opaque(&parcel, 0) != cloud_parcel_opaque(&parcel, 1));

    uint64_t positions[CLOUD_LOGS];
    memcpy(positions, parcel.positions, sizeof positions);
    cloud_parcel_begin(&parcel, positions);
    cloud_packer_start(&packer, &parcel, 100);
    cloud_packer_join(&packer);
    assert_int_equal(parcel.count, 3);
    expect(0, "prediction-3");
    expect(2, "prediction-5");
    append(CLOUD_OUTBOX_ALERT, 1); /* meanwhile */
    assert_true(trib_ok(cloud_packer_pack(&packer, &parcel, 100)));
    expect(3, "alert-3");

    cloud_parcel_begin(&parcel, from_the_start); /* after an abort */
    cloud_packer_seek(&packer, from_the_start);
    assert_true(trib_ok(cloud_packer_pack(&packer, &parcel, 100)));
    assert_int_equal(parcel.count, 8);
    expect(7, "prediction-5");
}

static void what_tells_nothing_is_said_and_passed(void **state) {
    (void)state;
    append(CLOUD_OUTBOX_ALERT, 1);
    assert_true(trib_ok(cloud_outbox_append(outbox, CLOUD_OUTBOX_ALERT, "press-1",
                                            trib_bytes_text("no record of this version"))));
    append(CLOUD_OUTBOX_ALERT, 1);
    assert_true(trib_ok(cloud_packer_pack(&packer, &parcel, 100)));
    assert_int_equal(refused, 1);
    assert_int_equal(parcel.refused, 1);
    assert_int_equal(parcel.count, 2);
    expect(1, "alert-3");
    assert_int_equal(parcel.positions[CLOUD_LOG_ALERT], 3);
}

static void headers_are_of_their_event_and_taken_once(void **state) {
    (void)state;
    append(CLOUD_OUTBOX_ALERT, 3);
    assert_true(trib_ok(cloud_packer_pack(&packer, &parcel, 100)));
    rd_kafka_headers_t *headers = cloud_parcel_take_headers(&parcel, 2);
    expect_header(headers, "ce_id", "alert-3");
    expect_header(headers, "ce_source", "/tributary/test");
    assert_null(cloud_parcel_take_headers(&parcel, 2));
    cloud_cloudevents_destroy(headers);
}

static void in_structured_mode_there_are_no_headers(void **state) {
    (void)state;
    settings.structured = true;
    append(CLOUD_OUTBOX_ALERT, 1);
    assert_true(trib_ok(cloud_packer_pack(&packer, &parcel, 100)));
    assert_null(cloud_parcel_take_headers(&parcel, 0));
    assert_true(trib_ok(cloud_parcel_claim(&parcel, 0, "claims/a")));
}

static void a_claim_is_what_was_said_last_and_a_stop_ends_packing(void **state) {
    (void)state;
    append(CLOUD_OUTBOX_ALERT, 3);
    atomic_store(&stopped, true);
    assert_true(trib_ok(cloud_packer_pack(&packer, &parcel, 100)));
    assert_int_equal(parcel.count, 0);
    atomic_store(&stopped, false);
    assert_true(trib_ok(cloud_packer_pack(&packer, &parcel, 100)));
    assert_true(trib_ok(cloud_parcel_claim(&parcel, 2, "claims/c")));
    assert_true(trib_ok(cloud_parcel_claim(&parcel, 0, "claims/a")));
    assert_string_equal(cloud_parcel_event(&parcel, 0).claim, "claims/a");
    assert_null(cloud_parcel_event(&parcel, 1).claim);
    assert_string_equal(cloud_parcel_event(&parcel, 2).claim, "claims/c");
    rd_kafka_headers_t *headers = cloud_parcel_take_headers(&parcel, 2);
    expect_header(headers, "ce_dataref", "claims/c");
    cloud_cloudevents_destroy(headers);
    cloud_parcel_begin(&parcel, from_the_start);
    cloud_packer_seek(&packer, from_the_start);
    assert_true(trib_ok(cloud_packer_pack(&packer, &parcel, 100)));
    assert_null(cloud_parcel_event(&parcel, 0).claim);
}

static void without_memory_nothing_is_half_packed(void **state) {
    (void)state;
    append(CLOUD_OUTBOX_ALERT, 3);
    bool failed = true;
    for (size_t at = 0; failed; at++) {
        cloud_parcel_begin(&parcel, from_the_start);
        cloud_packer_seek(&packer, from_the_start);
        assert_true(trib_ok(cloud_packer_pack(&packer, &parcel, 1))); /* opens the segment */
        uint64_t positions[CLOUD_LOGS];
        memcpy(positions, parcel.positions, sizeof positions);
        cloud_parcel_deinit(&parcel); /* so that it asks for memory again */
        cloud_parcel_init(&parcel);
        cloud_parcel_begin(&parcel, positions);
        memory_fails_after(at);
        trib_status status = cloud_packer_pack(&packer, &parcel, 100);
        failed = memory_failed();
        assert_true(trib_ok(status) || failed);
        assert_int_equal(parcel.count + 1, parcel.positions[CLOUD_LOG_ALERT]);
        assert_true(trib_ok(cloud_packer_pack(&packer, &parcel, 100)));
        assert_int_equal(parcel.count, 2);
        expect(0, "alert-2");
        expect(1, "alert-3");
        assert_true(failed || at > 1);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(what_matters_most_goes_first_and_nothing_twice),
        CASE(what_tells_nothing_is_said_and_passed),
        CASE(headers_are_of_their_event_and_taken_once),
        CASE(in_structured_mode_there_are_no_headers),
        CASE(a_claim_is_what_was_said_last_and_a_stop_ends_packing),
        CASE(without_memory_nothing_is_half_packed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
