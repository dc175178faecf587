#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "cloud/ledger/ledger.h"
#include "common/base/random.h"
#include "common/port/posix/system.h"
#include "tests/sim/disk/disk.h"
#include "tests/support/memory.h"
#include "tests/support/power.h"

static char folder[64];

static int fresh_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/ledger-test-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int drop_folder(void **state) {
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static cloud_ledger *open_ledger(void) {
    cloud_ledger *ledger = NULL;
    assert_true(trib_ok(cloud_ledger_open(trib_posix_disk(), folder, 42, &ledger)));
    return ledger;
}

/* Record n has n % 50 + 1 bytes of the value n. */
static void append(cloud_ledger *ledger, int count) {
    for (int i = 0; i < count; i++) {
        uint64_t n = cloud_ledger_end(ledger) + 1, position = 0;
        uint8_t payload[64];
        memset(payload, (int)n, sizeof payload);
        trib_bytes parts[2] = {trib_bytes_of(payload, 1), trib_bytes_of(payload, n % 50)};
        assert_true(trib_ok(cloud_ledger_append(ledger, 7, parts, 2, &position)));
        assert_int_equal(position, n);
    }
    assert_true(trib_ok(cloud_ledger_sync(ledger)));
}

typedef struct tally {
    uint64_t good, gaps, lost, next;
} tally;

static trib_status count_record(void *context, const cloud_record *record) {
    tally *t = context;
    assert_int_equal(record->position, t->next);
    if (record->type == 0) {
        t->gaps++;
        t->lost += record->gap_end - record->position + 1;
        t->next = record->gap_end + 1;
        return TRIB_SUCCESS;
    }
    assert_int_equal(record->payload.size, record->position % 50 + 1);
    assert_int_equal(record->payload.data[0], (uint8_t)record->position);
    t->good++;
    t->next++;
    return TRIB_SUCCESS;
}

static tally read_from(cloud_ledger *ledger, uint64_t from) {
    tally t = {.next = from};
    assert_true(trib_ok(cloud_ledger_read(ledger, from, count_record, &t)));
    return t;
}

static void path_of_first(char *path, size_t size) {
    (void)snprintf(path, size, "%s/%020d.ledger", folder, 1);
}

static long file_size(const char *path) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    (void)fseek(file, 0, SEEK_END);
    long size = ftell(file);
    (void)fclose(file);
    return size;
}

static void records_come_back_in_order_from_any_position(void **state) {
    (void)state;
    cloud_ledger *ledger = open_ledger();
    append(ledger, 200);
    cloud_ledger_close(ledger);
    ledger = open_ledger();
    assert_int_equal(cloud_ledger_end(ledger), 200);
    append(ledger, 5);
    assert_int_equal(read_from(ledger, 1).good, 205);
    assert_int_equal(read_from(ledger, 150).good, 56);
    assert_int_equal(read_from(ledger, 206).good, 0);
    cloud_ledger_close(ledger);
}

static void a_tail_torn_at_any_byte_is_cut_and_nothing_else(void **state) {
    (void)state;
    cloud_ledger *ledger = open_ledger();
    append(ledger, 20);
    cloud_ledger_close(ledger);
    char path[128];
    path_of_first(path, sizeof path);
    long whole = file_size(path);
    for (long cut = 1; cut <= 32 + 20; cut++) { /* the last record has 32 + 21 bytes */
        assert_int_equal(truncate(path, whole - cut), 0);
        ledger = open_ledger();
        assert_int_equal(cloud_ledger_end(ledger), 19);
        assert_true(cloud_ledger_torn_bytes(ledger) > 0);
        append(ledger, 1);
        assert_int_equal(read_from(ledger, 1).good, 20);
        cloud_ledger_close(ledger);
        assert_int_equal(file_size(path), whole);
    }
}

static void garbage_behind_the_last_record_is_cut(void **state) {
    (void)state;
    cloud_ledger *ledger = open_ledger();
    append(ledger, 3);
    cloud_ledger_close(ledger);
    char path[128];
    path_of_first(path, sizeof path);
    FILE *file = fopen(path, "ab");
    for (int i = 0; i < 1000; i++) {
        (void)fputs("TRBL", file); /* looks like the start of records */
    }
    (void)fclose(file);
    ledger = open_ledger();
    assert_int_equal(cloud_ledger_end(ledger), 3);
    assert_int_equal(cloud_ledger_torn_bytes(ledger), 4000);
    cloud_ledger_close(ledger);
}

static void damage_with_good_records_behind_it_is_a_gap_and_is_not_cut(void **state) {
    (void)state;
    cloud_ledger *ledger = open_ledger();
    append(ledger, 60);
    cloud_ledger_close(ledger);
    char path[128];
    path_of_first(path, sizeof path);
    long size = file_size(path);
    trib_random random;
    trib_random_init(&random, 5, "", 0, TRIB_PURPOSE_TEST);
    for (int i = 0; i < 200; i++) {
        long at = (long)trib_random_below(&random, (uint32_t)size - 200);
        FILE *file = fopen(path, "rb+");
        (void)fseek(file, at, SEEK_SET);
        int kept = fgetc(file);
        (void)fseek(file, at, SEEK_SET);
        (void)fputc(kept ^ 0x10, file);
        (void)fclose(file);
        ledger = open_ledger();
        assert_int_equal(cloud_ledger_end(ledger), 60);
        assert_int_equal(cloud_ledger_torn_bytes(ledger), 0);
        tally t = read_from(ledger, 1);
        assert_int_equal(t.good, 59);
        assert_int_equal(t.lost, 1);
        cloud_ledger_close(ledger);
        file = fopen(path, "rb+");
        (void)fseek(file, at, SEEK_SET);
        (void)fputc(kept, file);
        (void)fclose(file);
    }
}

/* What kill -9 leaves in the page cache is counted after a restart, and receipted without another
 * append: then it must be there when the power goes. */
static void what_was_never_synced_is_durable_once_it_was_opened(void **state) {
    (void)state;
    cloud_ledger *ledger = NULL;
    power_watch(folder);
    assert_true(trib_ok(cloud_ledger_open(power_disk(), folder, 42, &ledger)));
    for (uint64_t n = 1; n <= 3; n++) {
        uint8_t payload[64];
        uint64_t position = 0;
        memset(payload, (int)n, sizeof payload);
        trib_bytes part = trib_bytes_of(payload, n + 1);
        assert_true(trib_ok(cloud_ledger_append(ledger, 7, &part, 1, &position)));
    }
    cloud_ledger_close(ledger); /* as kill -9 does: without a sync */
    assert_true(trib_ok(cloud_ledger_open(power_disk(), folder, 42, &ledger)));
    assert_int_equal(cloud_ledger_end(ledger), 3);
    assert_true(trib_ok(cloud_ledger_sync(ledger))); /* before a receipt; nothing was appended */
    power_goes();
    cloud_ledger_close(ledger);
    power_is_back(POWER_LEAVES_SYNCED);
    assert_true(trib_ok(cloud_ledger_open(power_disk(), folder, 42, &ledger)));
    assert_int_equal(cloud_ledger_end(ledger), 3);
    assert_int_equal(read_from(ledger, 1).good, 3);
    cloud_ledger_close(ledger);
}

static trib_status count_good(void *context, const cloud_record *record) {
    assert_int_not_equal(record->type, 0); /* a gap */
    (*(uint64_t *)context)++;
    return TRIB_SUCCESS;
}

/* A sync that failed once says from then on that all is well. */
static void after_a_failed_sync_the_segment_is_written_anew(void **state) {
    (void)state;
    cloud_ledger *ledger = NULL;
    sim_disk *disk = sim_disk_create("cloud", 1);
    trib_disk *port = sim_disk_port(disk);
    const trib_bytes part = trib_bytes_text("a record");
    uint64_t position = 0;
    assert_true(trib_ok(cloud_ledger_open(port, "/cloud/ledger", 42, &ledger)));
    assert_true(trib_ok(port->sync_folder(port, "/cloud")));
    assert_true(trib_ok(cloud_ledger_append(ledger, 7, &part, 1, &position)));
    assert_true(trib_ok(cloud_ledger_sync(ledger)));
    assert_true(trib_ok(cloud_ledger_append(ledger, 7, &part, 1, &position)));
    sim_disk_set_rates(disk, &(sim_disk_rates){.sync_failed = 1000000});
    assert_int_equal(cloud_ledger_sync(ledger).code, TRIB_E_IO);
    sim_disk_set_rates(disk, &(sim_disk_rates){.kept = 0});
    assert_int_equal(cloud_ledger_sync(ledger).code, TRIB_E_STATE);
    cloud_ledger_close(ledger);
    for (int start = 0; start < 2; start++) { /* at once, and after the power went */
        assert_true(trib_ok(cloud_ledger_open(port, "/cloud/ledger", 42, &ledger)));
        assert_int_equal(cloud_ledger_end(ledger), position);
        uint64_t good = 0;
        assert_true(trib_ok(cloud_ledger_read(ledger, 1, count_good, &good)));
        assert_int_equal(good, position);
        assert_true(trib_ok(cloud_ledger_append(ledger, 7, &part, 1, &position)));
        assert_true(trib_ok(cloud_ledger_sync(ledger)));
        sim_disk_power_cycle(disk);
        cloud_ledger_close(ledger);
    }
    sim_disk_destroy(disk);
}

static void append_one(cloud_ledger *ledger) {
    uint64_t n = cloud_ledger_end(ledger) + 1, position = 0;
    uint8_t payload[64];
    memset(payload, (int)n, sizeof payload);
    trib_bytes part = trib_bytes_of(payload, n % 50 + 1);
    assert_true(trib_ok(cloud_ledger_append(ledger, 7, &part, 1, &position)));
}

static void what_was_synced_is_there_when_the_power_is_back(void **state) {
    (void)state;
    cloud_ledger *ledger = NULL;
    power_watch(folder);
    assert_true(trib_ok(cloud_ledger_open(power_disk(), folder, 42, &ledger)));
    for (uint64_t group = 1; group <= 3; group++) {
        append_one(ledger);
        append_one(ledger);
        assert_true(trib_ok(cloud_ledger_sync(ledger)));
        assert_true(trib_ok(cloud_ledger_sync(ledger))); /* nothing waits */
        assert_int_equal(cloud_ledger_syncs(ledger), group);
    }
    append_one(ledger);
    power_goes();
    cloud_ledger_close(ledger);
    power_is_back(POWER_LEAVES_SYNCED);
    assert_true(trib_ok(cloud_ledger_open(power_disk(), folder, 42, &ledger)));
    assert_int_equal(cloud_ledger_end(ledger), 6);
    assert_int_equal(read_from(ledger, 1).good, 6);
    cloud_ledger_close(ledger);
}

/* The kernel may have dropped what it could not write, and say so once. */
static void a_sync_that_failed_is_not_tried_again(void **state) {
    (void)state;
    cloud_ledger *ledger = NULL;
    uint64_t position = 0;
    trib_bytes part = trib_bytes_text("a record");
    power_watch(folder);
    assert_true(trib_ok(cloud_ledger_open(power_disk(), folder, 42, &ledger)));
    append_one(ledger);
    power_flickers_after(0);
    assert_int_equal(cloud_ledger_sync(ledger).code, TRIB_E_IO);
    assert_int_equal(cloud_ledger_sync(ledger).code, TRIB_E_STATE);
    assert_int_equal(cloud_ledger_append(ledger, 7, &part, 1, &position).code, TRIB_E_STATE);
    cloud_ledger_close(ledger);
}

/* Until everything has gone well: opening a ledger with a torn tail, appending, syncing, reading.
 */
static void a_disk_that_fails_at_any_moment_loses_nothing_that_was_synced(void **state) {
    (void)state;
    bool went_well = false;
    char path[128];
    path_of_first(path, sizeof path);
    for (size_t at = 0; !went_well; at++) {
        cloud_ledger *ledger = NULL;
        assert_int_equal(drop_folder(NULL), 0);
        assert_int_equal(mkdir(folder, 0700), 0);
        ledger = open_ledger();
        append(ledger, 4);
        cloud_ledger_close(ledger);
        assert_int_equal(truncate(path, file_size(path) - 1), 0);
        ledger = NULL;
        power_watch(folder);
        power_fails_after(at);
        uint64_t kept = 3;
        trib_status status = cloud_ledger_open(power_disk(), folder, 42, &ledger);
        for (int i = 0; trib_ok(status) && i < 2; i++) {
            uint64_t n = cloud_ledger_end(ledger) + 1, position = 0;
            uint8_t payload[64];
            memset(payload, (int)n, sizeof payload);
            trib_bytes part = trib_bytes_of(payload, n % 50 + 1);
            status = cloud_ledger_append(ledger, 7, &part, 1, &position);
            status = trib_ok(status) ? cloud_ledger_sync(ledger) : status;
            kept = trib_ok(status) ? position : kept;
        }
        went_well = trib_ok(status);
        cloud_ledger_close(ledger);
        power_goes();
        power_is_back(POWER_LEAVES_SYNCED);
        ledger = open_ledger();
        assert_true(cloud_ledger_end(ledger) >= kept);
        assert_int_equal(read_from(ledger, 1).good, cloud_ledger_end(ledger));
        cloud_ledger_close(ledger);
        assert_true(at < 50);
    }
}

static void other_files_in_its_folder_are_none_of_its_business(void **state) {
    (void)state;
    static const char *const names[] = {"notes", "00000000000000000009.ledgers",
                                        "0000000000000000000x.ledger",
                                        "00000000000000000009.backup"};
    char path[160];
    cloud_ledger *ledger = open_ledger();
    append(ledger, 3);
    cloud_ledger_close(ledger);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        (void)fclose(file);
    }
    ledger = open_ledger();
    append(ledger, 2);
    assert_int_equal(read_from(ledger, 1).good, 5);
    cloud_ledger_close(ledger);
    static char longest[300];
    memset(longest, 'x', sizeof longest - 1);
    assert_false(trib_ok(cloud_ledger_open(trib_posix_disk(), longest, 42, &ledger)));
}

static void without_memory_it_says_so_and_goes_on(void **state) {
    (void)state;
    cloud_ledger *ledger = open_ledger();
    append(ledger, 30);
    cloud_ledger_close(ledger);
    int failures = 0;
    MEMORY_FAILS_EACH_TIME {
        tally t = {.next = 1};
        ledger = NULL;
        trib_status status = cloud_ledger_open(trib_posix_disk(), folder, 42, &ledger);
        status = trib_ok(status) ? cloud_ledger_read(ledger, 1, count_record, &t) : status;
        assert_true(trib_ok(status) ? t.good == 30 : status.code == TRIB_E_IO);
        failures += !trib_ok(status);
        cloud_ledger_close(ledger);
    }
    assert_true(failures > 3);
}

static void a_last_record_with_a_flipped_bit_is_a_torn_tail(void **state) {
    (void)state;
    cloud_ledger *ledger = open_ledger();
    append(ledger, 3);
    cloud_ledger_close(ledger);
    char path[128];
    path_of_first(path, sizeof path);
    FILE *file = fopen(path, "rb+");
    (void)fseek(file, -1, SEEK_END);
    (void)fputc(3 ^ 0x10, file);
    (void)fclose(file);
    ledger = open_ledger();
    assert_int_equal(cloud_ledger_end(ledger), 2);
    assert_int_equal(cloud_ledger_torn_bytes(ledger), 32 + 4);
    assert_int_equal(read_from(ledger, 1).good, 2);
    cloud_ledger_close(ledger);
}

static void a_ledger_that_cannot_be_synced_is_not_opened(void **state) {
    (void)state;
    cloud_ledger *ledger = open_ledger();
    append(ledger, 3);
    cloud_ledger_close(ledger);
    power_watch(folder);
    for (size_t i = 0; i < 2; i++) { /* the segment, its folder */
        power_flickers_after(i);
        assert_int_equal(cloud_ledger_open(power_disk(), folder, 42, &ledger).code, TRIB_E_IO);
        assert_true(power_failed());
    }
    ledger = open_ledger();
    assert_int_equal(cloud_ledger_end(ledger), 3);
    cloud_ledger_close(ledger);
}

static void smash_stack(uint8_t value) {
    volatile uint8_t frame[4096];
    for (size_t i = 0; i < sizeof frame; i++) {
        frame[i] = (uint8_t)(value + i);
    }
}

static trib_status take_any(void *context, const cloud_record *record) {
    assert_int_equal(record->type, 9);
    assert_int_equal(record->payload.data[record->payload.size - 1], (uint8_t)record->position);
    (*(uint64_t *)context)++;
    return TRIB_SUCCESS;
}

static void checksums_do_not_depend_on_what_lies_on_the_stack(void **state) {
    (void)state;
    cloud_ledger *ledger = open_ledger();
    for (int i = 1; i <= 200; i++) { /* longer than the short way of the hash */
        uint8_t payload[900];
        uint64_t position = 0;
        memset(payload, i, sizeof payload);
        smash_stack((uint8_t)(i * 37));
        trib_bytes part = trib_bytes_of(payload, (size_t)(300 + 3 * i));
        assert_true(trib_ok(cloud_ledger_append(ledger, 9, &part, 1, &position)));
    }
    assert_true(trib_ok(cloud_ledger_sync(ledger)));
    cloud_ledger_close(ledger);
    ledger = open_ledger();
    assert_int_equal(cloud_ledger_torn_bytes(ledger), 0);
    uint64_t count = 0;
    assert_true(trib_ok(cloud_ledger_read(ledger, 1, take_any, &count)));
    assert_int_equal(count, 200);
    cloud_ledger_close(ledger);
}

static void large_records_start_new_segments_that_are_read_across(void **state) {
    (void)state;
    cloud_ledger *ledger = open_ledger();
    static uint8_t large[40 << 20];
    uint64_t position = 0;
    trib_bytes part = trib_bytes_of(large, sizeof large);
    for (int i = 0; i < 3; i++) {
        assert_true(trib_ok(cloud_ledger_append(ledger, 1, &part, 1, &position)));
    }
    assert_true(trib_ok(cloud_ledger_sync(ledger)));
    cloud_ledger_close(ledger);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%020d.ledger", folder, 3);
    assert_true(file_size(path) > (40 << 20));
    ledger = open_ledger();
    assert_int_equal(cloud_ledger_end(ledger), 3);
    trib_bytes none = {large, (size_t)CLOUD_LEDGER_MAX_RECORD + 1};
    assert_int_equal(cloud_ledger_append(ledger, 1, &none, 1, &position).code, TRIB_E_LIMIT);
    cloud_ledger_close(ledger);
}

static trib_status note_gap(void *context, const cloud_record *record) {
    uint64_t *gap = context;
    if (record->type == 0) {
        gap[0] = record->position;
        gap[1] = record->gap_end;
    } else {
        gap[2]++;
    }
    return TRIB_SUCCESS;
}

/* It was synced before the next began, so it cannot be a torn tail. */
static void the_lost_end_of_a_full_segment_is_a_gap(void **state) {
    (void)state;
    static uint8_t large[40 << 20];
    trib_bytes whole = trib_bytes_of(large, sizeof large), small = trib_bytes_of(large, 10);
    const trib_bytes all[] = {whole, small, small, whole, small};
    cloud_ledger *ledger = open_ledger();
    uint64_t position = 0, gap[3] = {0};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_true(trib_ok(cloud_ledger_append(ledger, 1, &all[i], 1, &position)));
    }
    assert_true(trib_ok(cloud_ledger_sync(ledger)));
    cloud_ledger_close(ledger);
    char path[128];
    path_of_first(path, sizeof path);
    assert_int_equal(truncate(path, file_size(path) - 50), 0); /* of records 2 and 3 */
    ledger = open_ledger();
    assert_int_equal(cloud_ledger_end(ledger), 5);
    assert_int_equal(cloud_ledger_torn_bytes(ledger), 0);
    assert_true(trib_ok(cloud_ledger_read(ledger, 1, note_gap, gap)));
    assert_int_equal(gap[0], 2);
    assert_int_equal(gap[1], 3);
    assert_int_equal(gap[2], 3);
    cloud_ledger_close(ledger);
}

/* A segment whose file is there, and whose name may not be durable, is where records go on after a
 * restart: whatever is appended elsewhere before that would be in nobody's order. */
static void a_segment_that_could_not_be_begun_ends_the_appending(void **state) {
    (void)state;
    static uint8_t large[40 << 20];
    trib_bytes whole = trib_bytes_of(large, sizeof large), small = trib_bytes_of(large, 10);
    for (size_t i = 0; i < 4; i++) {
        cloud_ledger *ledger = NULL;
        uint64_t kept = 0, position = 0;
        power_watch(folder);
        assert_true(trib_ok(cloud_ledger_open(power_disk(), folder, 42, &ledger)));
        kept = cloud_ledger_end(ledger);
        if (i == 0) {
            assert_true(trib_ok(cloud_ledger_append(ledger, 1, &whole, 1, &kept)));
        }
        power_flickers_after(i);
        trib_status status = cloud_ledger_append(ledger, 1, &whole, 1, &position);
        kept = trib_ok(status) ? position : kept;
        status = cloud_ledger_append(ledger, 1, &small, 1, &position);
        status = trib_ok(status) ? cloud_ledger_sync(ledger) : status;
        kept = trib_ok(status) ? position : kept;
        cloud_ledger_close(ledger);
        assert_true(trib_ok(cloud_ledger_open(power_disk(), folder, 42, &ledger)));
        assert_int_equal(cloud_ledger_end(ledger), kept);
        uint64_t read = 0;
        assert_true(trib_ok(cloud_ledger_read(ledger, 1, count_good, &read)));
        assert_int_equal(read, kept);
        cloud_ledger_close(ledger);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_segment_that_could_not_be_begun_ends_the_appending,
                                        fresh_folder, drop_folder),
        cmocka_unit_test_setup_teardown(records_come_back_in_order_from_any_position, fresh_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(a_tail_torn_at_any_byte_is_cut_and_nothing_else,
                                        fresh_folder, drop_folder),
        cmocka_unit_test_setup_teardown(garbage_behind_the_last_record_is_cut, fresh_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(damage_with_good_records_behind_it_is_a_gap_and_is_not_cut,
                                        fresh_folder, drop_folder),
        cmocka_unit_test_setup_teardown(what_was_never_synced_is_durable_once_it_was_opened,
                                        fresh_folder, drop_folder),
        cmocka_unit_test(after_a_failed_sync_the_segment_is_written_anew),
        cmocka_unit_test_setup_teardown(what_was_synced_is_there_when_the_power_is_back,
                                        fresh_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_sync_that_failed_is_not_tried_again, fresh_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(
            a_disk_that_fails_at_any_moment_loses_nothing_that_was_synced, fresh_folder,
            drop_folder),
        cmocka_unit_test_setup_teardown(other_files_in_its_folder_are_none_of_its_business,
                                        fresh_folder, drop_folder),
        cmocka_unit_test_setup_teardown(without_memory_it_says_so_and_goes_on, fresh_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(a_last_record_with_a_flipped_bit_is_a_torn_tail,
                                        fresh_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_ledger_that_cannot_be_synced_is_not_opened, fresh_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(the_lost_end_of_a_full_segment_is_a_gap, fresh_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(checksums_do_not_depend_on_what_lies_on_the_stack,
                                        fresh_folder, drop_folder),
        cmocka_unit_test_setup_teardown(large_records_start_new_segments_that_are_read_across,
                                        fresh_folder, drop_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
