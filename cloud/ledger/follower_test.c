#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cloud/ledger/follower.h"
#include "common/port/posix/system.h"
#include "tests/sim/disk/disk.h"
#include "tests/support/memory.h"

enum { SEGMENT = 400 }; /* bytes: a few records each */

static char folder[64];
static cloud_ledger *ledger;
static cloud_follower *follower;

static int begin(void **state) {
    (void)state;
    strcpy(folder, "/tmp/follower-test-XXXXXX");
    if (mkdtemp(folder) == NULL ||
        !trib_ok(cloud_ledger_open(trib_posix_disk(), folder, 42, &ledger)) ||
        !trib_ok(cloud_follower_create(trib_posix_disk(), folder, 42, 1, &follower))) {
        return 1;
    }
    cloud_ledger_limit_segments(ledger, SEGMENT);
    return 0;
}

static int end(void **state) {
    (void)state;
    char command[128];
    cloud_follower_destroy(follower);
    cloud_ledger_close(ledger);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void append(int count) {
    for (int i = 0; i < count; i++) {
        uint64_t position = 0;
        uint8_t payload[80];
        memset(payload, (int)(cloud_ledger_end(ledger) + 1), sizeof payload);
        trib_bytes part = trib_bytes_of(payload, sizeof payload);
        assert_true(trib_ok(cloud_ledger_append(ledger, 7, &part, 1, &position)));
    }
}

static void expect_records(uint64_t first, uint64_t last) {
    cloud_record record;
    for (uint64_t n = first; n <= last; n++) {
        assert_true(trib_ok(cloud_follower_next(follower, cloud_ledger_durable(ledger), &record)));
        assert_int_equal(record.position, n);
        assert_int_equal(record.type, 7);
        assert_int_equal(record.payload.data[79], (uint8_t)n);
    }
}

static void expect_gap(uint64_t first, uint64_t last) {
    cloud_record record;
    assert_true(trib_ok(cloud_follower_next(follower, cloud_ledger_durable(ledger), &record)));
    assert_int_equal(record.type, 0);
    assert_int_equal(record.position, first);
    assert_int_equal(record.gap_end, last);
}

static void expect_nothing(void) {
    cloud_record record;
    assert_int_equal(cloud_follower_next(follower, cloud_ledger_durable(ledger), &record).code,
                     TRIB_E_NOT_FOUND);
}

static void records_are_read_once_they_are_durable(void **state) {
    (void)state;
    expect_nothing();
    append(2);
    expect_nothing();
    assert_true(trib_ok(cloud_ledger_sync(ledger)));
    append(1); /* not durable yet */
    expect_records(1, 2);
    expect_nothing();
    assert_true(trib_ok(cloud_ledger_sync(ledger)));
    expect_records(3, 3);
    expect_nothing();
}

static void segments_are_followed_one_after_the_other(void **state) {
    (void)state;
    for (int i = 0; i < 10; i++) {
        append(7);
        assert_true(trib_ok(cloud_ledger_sync(ledger)));
        expect_records((uint64_t)i * 7 + 1, (uint64_t)i * 7 + 7);
    }
    cloud_follower_seek(follower, 33);
    expect_records(33, 70);
    expect_nothing();
}

static void what_was_removed_is_a_gap(void **state) {
    (void)state;
    append(30);
    assert_true(trib_ok(cloud_ledger_sync(ledger)));
    expect_records(1, 2);
    assert_true(trib_ok(cloud_ledger_trim(ledger, 14)));
    uint64_t first = cloud_ledger_first(ledger);
    assert_in_range(first, 10, 15);
    expect_records(3, 3); /* of the open file, though it has no name any more */
    cloud_follower_seek(follower, 4);
    expect_gap(4, first - 1);
    expect_records(first, 30);
    assert_true(trib_ok(cloud_ledger_trim(ledger, 30)));
    assert_int_equal(cloud_ledger_end(ledger), 30); /* the last one stays */
    append(1);
    assert_true(trib_ok(cloud_ledger_sync(ledger)));
    expect_records(31, 31);
}

static void damage_is_a_gap(void **state) {
    (void)state;
    char path[128];
    append(12);
    assert_true(trib_ok(cloud_ledger_sync(ledger)));
    (void)snprintf(path, sizeof path, "%s/%020d.ledger", folder, 1);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 112 + 60, SEEK_SET), 0); /* within the second */
    assert_int_equal(fputc(0xff, file), 0xff);
    assert_int_equal(fclose(file), 0);
    expect_records(1, 1);
    expect_gap(2, 2);
    expect_records(3, 12);
    expect_nothing();
}

static void a_lost_end_is_a_gap(void **state) {
    (void)state;
    append(2);
    assert_true(trib_ok(cloud_ledger_sync(ledger)));
    char command[160];
    (void)snprintf(command, sizeof command, "rm %s/*.ledger", folder);
    assert_int_equal(system(command), 0);
    expect_gap(1, 2);
    expect_nothing();
}

static void a_disk_that_fails_is_told_and_nothing_is_skipped(void **state) {
    (void)state;
    sim_disk *disk = sim_disk_create("cloud", 3);
    cloud_ledger *simulated = NULL;
    cloud_follower *reader = NULL;
    cloud_record record;
    uint64_t position = 0, next = 1, failures = 0;
    assert_true(trib_ok(cloud_ledger_open(sim_disk_port(disk), "/cloud/ledger", 42, &simulated)));
    cloud_ledger_limit_segments(simulated, SEGMENT);
    for (uint8_t n = 1; n <= 40; n++) {
        uint8_t bytes[80];
        memset(bytes, n, sizeof bytes);
        trib_bytes part = trib_bytes_of(bytes, sizeof bytes);
        assert_true(trib_ok(cloud_ledger_append(simulated, 7, &part, 1, &position)));
    }
    assert_true(trib_ok(cloud_ledger_sync(simulated)));
    assert_true(
        trib_ok(cloud_follower_create(sim_disk_port(disk), "/cloud/ledger", 42, 1, &reader)));
    sim_disk_set_rates(disk, &(sim_disk_rates){.read_error = 200000});
    while (next <= 40) {
        trib_status status = cloud_follower_next(reader, 40, &record);
        if (!trib_ok(status)) {
            assert_int_equal(status.code, TRIB_E_IO);
            cloud_follower_seek(reader, next);
            failures++;
            continue;
        }
        assert_int_equal(record.position, next);
        assert_int_equal(record.payload.data[0], next);
        next++;
    }
    assert_true(failures > 3);
    cloud_follower_destroy(reader);
    cloud_ledger_close(simulated);
    sim_disk_destroy(disk);
}

static void without_memory_nobody_follows(void **state) {
    (void)state;
    cloud_follower *reader = NULL;
    trib_status status = TRIB_SUCCESS;
    size_t failed = 0;
    MEMORY_FAILS_EACH_TIME {
        status = cloud_follower_create(trib_posix_disk(), folder, 42, 1, &reader);
        failed += !trib_ok(status);
        cloud_follower_destroy(trib_ok(status) ? reader : NULL);
    }
    assert_int_equal(failed, 2);
}

/* As a start does after a sync that failed: the same name, another file. */
static void a_segment_that_was_written_anew_is_followed(void **state) {
    (void)state;
    char command[256];
    append(2);
    assert_true(trib_ok(cloud_ledger_sync(ledger)));
    expect_records(1, 2);
    cloud_ledger_close(ledger);
    ledger = NULL;
    (void)snprintf(command, sizeof command, "cd '%s' && cp *1.ledger new && mv new *1.ledger",
                   folder);
    assert_int_equal(system(command), 0);
    assert_true(trib_ok(cloud_ledger_open(trib_posix_disk(), folder, 42, &ledger)));
    append(1);
    assert_true(trib_ok(cloud_ledger_sync(ledger)));
    expect_records(3, 3);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(records_are_read_once_they_are_durable),
        CASE(segments_are_followed_one_after_the_other),
        CASE(what_was_removed_is_a_gap),
        CASE(damage_is_a_gap),
        CASE(a_lost_end_is_a_gap),
        CASE(a_disk_that_fails_is_told_and_nothing_is_skipped),
        CASE(a_segment_that_was_written_anew_is_followed),
        CASE(without_memory_nobody_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
