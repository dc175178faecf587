#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "cloud/ledger/follower.h"
#include "cloud/outbox/outbox.h"
#include "tests/sim/disk/disk.h"

enum { ROOM = CLOUD_OUTBOX_LEAST_BYTES, EVENT = 1000 };

static sim_disk *disk;
static cloud_outbox *outbox;

static cloud_outbox *open_outbox(void) {
    cloud_outbox *opened = NULL;
    assert_true(trib_ok(cloud_outbox_open(sim_disk_port(disk), "/cloud/outbox", 7, ROOM, &opened)));
    return opened;
}

static int begin(void **state) {
    (void)state;
    disk = sim_disk_create("cloud", 1);
    outbox = open_outbox();
    return 0;
}

static int end(void **state) {
    (void)state;
    cloud_outbox_close(outbox);
    sim_disk_destroy(disk);
    return 0;
}

/* Event n has the value n in every byte. */
static trib_status append_of(cloud_outbox_class class, const char *gateway, uint64_t n) {
    uint8_t bytes[EVENT];
    memset(bytes, (int)(n & 0xff), sizeof bytes);
    return cloud_outbox_append(outbox, class, gateway, trib_bytes_of(bytes, sizeof bytes));
}

static trib_status append(cloud_outbox_class class, uint64_t n) {
    return append_of(class, "gw", n);
}

static void fill(cloud_outbox_class class, uint64_t count) {
    for (uint64_t n = 1; n <= count; n++) {
        assert_true(trib_ok(append(class, n)));
    }
    assert_true(trib_ok(cloud_outbox_sync(outbox)));
}

typedef struct tally {
    uint64_t events, lost, last;
} tally;

static tally read_all(cloud_outbox_class class) {
    static const char *const folders[] = {"/cloud/outbox/alert", "/cloud/outbox/prediction",
                                          "/cloud/outbox/telemetry"};
    cloud_follower *follower = NULL;
    cloud_record record;
    tally t = {0};
    assert_true(
        trib_ok(cloud_follower_create(sim_disk_port(disk), folders[class], 7, 1, &follower)));
    while (trib_ok(cloud_follower_next(follower, cloud_outbox_end(outbox, class), &record))) {
        assert_int_equal(record.position, t.last + 1);
        t.last = record.type == 0 ? record.gap_end : record.position;
        if (record.type == 0) {
            t.lost += record.gap_end - record.position + 1;
        } else {
            assert_int_equal(record.payload.size, EVENT);
            assert_int_equal(record.payload.data[0], record.position & 0xff);
            t.events++;
        }
    }
    cloud_follower_destroy(follower);
    return t;
}

static void events_are_seen_once_they_are_durable(void **state) {
    (void)state;
    assert_true(trib_ok(append(CLOUD_OUTBOX_ALERT, 1)));
    assert_int_equal(cloud_outbox_end(outbox, CLOUD_OUTBOX_ALERT), 0);
    assert_true(trib_ok(cloud_outbox_sync(outbox)));
    assert_int_equal(cloud_outbox_end(outbox, CLOUD_OUTBOX_ALERT), 1);
    assert_int_equal(read_all(CLOUD_OUTBOX_ALERT).events, 1);
    cloud_outbox_close(outbox);
    outbox = open_outbox();
    assert_int_equal(cloud_outbox_end(outbox, CLOUD_OUTBOX_ALERT), 1);
    assert_int_equal(cloud_outbox_end(outbox, CLOUD_OUTBOX_PREDICTION), 0);
}

static void what_was_acknowledged_makes_room_and_is_not_lost(void **state) {
    (void)state;
    for (uint64_t n = 1; n <= 5000; n++) { /* five times the room */
        assert_true(trib_ok(append(CLOUD_OUTBOX_PREDICTION, n)));
        if (n % 50 == 0) {
            cloud_outbox_acknowledge(outbox, CLOUD_OUTBOX_PREDICTION, n, 0);
            assert_true(trib_ok(cloud_outbox_sync(outbox)));
        }
    }
    cloud_outbox_counts counts = cloud_outbox_count(outbox, CLOUD_OUTBOX_PREDICTION);
    assert_int_equal(counts.stored, 5000);
    assert_int_equal(counts.dropped, 0);
    assert_true(counts.bytes < ROOM / 8);
}

static void what_was_read_before_it_was_removed_is_not_lost_in_the_end(void **state) {
    (void)state;
    fill(CLOUD_OUTBOX_PREDICTION, 3000); /* three times the room */
    uint64_t dropped = cloud_outbox_count(outbox, CLOUD_OUTBOX_PREDICTION).dropped;
    assert_true(dropped > 1900);
    /* Of those, somebody had read all but a thousand. */
    cloud_outbox_acknowledge(outbox, CLOUD_OUTBOX_PREDICTION, 3000, 1000);
    assert_int_equal(cloud_outbox_count(outbox, CLOUD_OUTBOX_PREDICTION).dropped, 1000);
    assert_true(trib_ok(cloud_outbox_sync(outbox)));
    assert_int_equal(cloud_outbox_count(outbox, CLOUD_OUTBOX_PREDICTION).dropped, 1000);
    cloud_outbox_close(outbox); /* the next run counts anew */
    outbox = open_outbox();
    assert_int_equal(cloud_outbox_count(outbox, CLOUD_OUTBOX_PREDICTION).dropped, 0);
}

static void the_oldest_of_the_least_class_goes_first(void **state) {
    (void)state;
    fill(CLOUD_OUTBOX_TELEMETRY, 500);
    fill(CLOUD_OUTBOX_PREDICTION, 300);
    fill(CLOUD_OUTBOX_ALERT, 700);
    tally alerts = read_all(CLOUD_OUTBOX_ALERT), telemetry = read_all(CLOUD_OUTBOX_TELEMETRY),
          predictions = read_all(CLOUD_OUTBOX_PREDICTION);
    assert_int_equal(alerts.events, 700);
    assert_true(telemetry.events < 20); /* its last segment */
    assert_in_range(predictions.events, 200, 299);
    assert_int_equal(telemetry.events + telemetry.lost, 500);
    assert_int_equal(cloud_outbox_count(outbox, CLOUD_OUTBOX_TELEMETRY).dropped, telemetry.lost);
    assert_int_equal(cloud_outbox_count(outbox, CLOUD_OUTBOX_PREDICTION).dropped, predictions.lost);
    assert_int_equal(cloud_outbox_count(outbox, CLOUD_OUTBOX_ALERT).dropped, 0);
    uint64_t bytes = 0;
    for (int i = 0; i < CLOUD_OUTBOX_CLASSES; i++) {
        bytes += cloud_outbox_count(outbox, (cloud_outbox_class)i).bytes;
    }
    assert_true(bytes <= ROOM);
}

static void what_goes_last_is_turned_away_when_the_rest_fills_all(void **state) {
    (void)state;
    fill(CLOUD_OUTBOX_ALERT, 1200);
    assert_int_equal(append(CLOUD_OUTBOX_TELEMETRY, 1).code, TRIB_E_LIMIT);
    assert_int_equal(cloud_outbox_count(outbox, CLOUD_OUTBOX_TELEMETRY).dropped, 1);
    assert_true(cloud_outbox_count(outbox, CLOUD_OUTBOX_ALERT).dropped > 0); /* its own oldest */
    assert_int_equal(read_all(CLOUD_OUTBOX_ALERT).last, 1200);
}

/* One gateway floods while another says a little: what the other says stays, as long as it would
 * if both were alike. */
static void who_floods_pushes_out_nobody_else(void **state) {
    (void)state;
    uint64_t n = 0, turned_away = 0;
    for (int i = 0; i < 5000; i++) {
        if (i % 50 == 0) {
            assert_true(trib_ok(append_of(CLOUD_OUTBOX_PREDICTION, "quiet", ++n)));
        }
        trib_status status = append_of(CLOUD_OUTBOX_PREDICTION, "loud", n + 1);
        assert_true(trib_ok(status) || status.code == TRIB_E_LIMIT);
        n += trib_ok(status);
        turned_away += !trib_ok(status);
    }
    assert_true(trib_ok(cloud_outbox_sync(outbox)));
    cloud_outbox_counts counts = cloud_outbox_count(outbox, CLOUD_OUTBOX_PREDICTION);
    assert_int_equal(counts.over_share, turned_away);
    assert_in_range(turned_away, 3800, 4200);
    /* The quiet one's took the place of as many of the loud one's oldest. */
    tally t = read_all(CLOUD_OUTBOX_PREDICTION);
    assert_true(t.lost < 120);
    assert_int_equal(counts.dropped, turned_away + t.lost);
    assert_false(trib_ok(append_of(CLOUD_OUTBOX_PREDICTION, "loud", n + 1)));
    assert_true(trib_ok(append_of(CLOUD_OUTBOX_ALERT, "loud", 1))); /* takes a prediction's place */
}

static void a_full_disk_drops_and_counts_and_ends(void **state) {
    (void)state;
    fill(CLOUD_OUTBOX_ALERT, 10);
    sim_disk_set_rates(disk, &(sim_disk_rates){.write_error = 1000000});
    for (int i = 0; i < 5; i++) {
        assert_false(trib_ok(append(CLOUD_OUTBOX_ALERT, 11)));
        trib_ignore(cloud_outbox_sync(outbox));
    }
    assert_int_equal(cloud_outbox_count(outbox, CLOUD_OUTBOX_ALERT).dropped, 5);
    sim_disk_set_rates(disk, &(sim_disk_rates){0});
    trib_ignore(cloud_outbox_sync(outbox));
    assert_true(trib_ok(append(CLOUD_OUTBOX_ALERT, 11)));
    assert_true(trib_ok(cloud_outbox_sync(outbox)));
    assert_int_equal(read_all(CLOUD_OUTBOX_ALERT).events, 11);
}

static void a_failed_sync_loses_nothing_that_was_seen(void **state) {
    (void)state;
    fill(CLOUD_OUTBOX_ALERT, 3);
    assert_true(trib_ok(append(CLOUD_OUTBOX_ALERT, 4)));
    sim_disk_set_rates(disk, &(sim_disk_rates){.sync_failed = 1000000});
    assert_false(trib_ok(cloud_outbox_sync(outbox)));
    assert_in_range(cloud_outbox_end(outbox, CLOUD_OUTBOX_ALERT), 3, 4);
    sim_disk_set_rates(disk, &(sim_disk_rates){0});
    for (int i = 0; i < 3; i++) {
        trib_ignore(cloud_outbox_sync(outbox));
    }
    assert_true(
        trib_ok(append(CLOUD_OUTBOX_ALERT, cloud_outbox_end(outbox, CLOUD_OUTBOX_ALERT) + 1)));
    assert_true(trib_ok(cloud_outbox_sync(outbox)));
    assert_int_equal(read_all(CLOUD_OUTBOX_ALERT).lost, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(events_are_seen_once_they_are_durable),
        CASE(what_was_acknowledged_makes_room_and_is_not_lost),
        CASE(what_was_read_before_it_was_removed_is_not_lost_in_the_end),
        CASE(the_oldest_of_the_least_class_goes_first),
        CASE(what_goes_last_is_turned_away_when_the_rest_fills_all),
        CASE(who_floods_pushes_out_nobody_else),
        CASE(a_full_disk_drops_and_counts_and_ends),
        CASE(a_failed_sync_loses_nothing_that_was_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
