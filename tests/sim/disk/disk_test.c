#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/sim/disk/disk.h"

enum { MILLION = 1000000, SECTOR = 512 };

static sim_disk *disk;
static trib_disk *port;

static int begin(void **state) {
    (void)state;
    disk = sim_disk_create("d", 1);
    port = sim_disk_port(disk);
    return 0;
}

static int end(void **state) {
    (void)state;
    sim_disk_destroy(disk);
    disk = NULL;
    return 0;
}

static void again(uint64_t seed) {
    sim_disk_destroy(disk);
    disk = sim_disk_create("d", seed);
    port = sim_disk_port(disk);
}

static void rates(sim_disk_rates of) {
    sim_disk_set_rates(disk, &of);
}

static int opened(const char *path, trib_open_mode mode) {
    int handle = -1;
    assert_true(trib_ok(port->open(port, path, mode, &handle)));
    return handle;
}

static void put(int handle, uint64_t offset, const char *text) {
    assert_true(trib_ok(port->write_at(port, handle, offset, trib_bytes_text(text))));
}

/* A new file, durable with its name. */
static int durable(const char *path, const char *text) {
    int handle = opened(path, TRIB_OPEN_WRITE);
    put(handle, 0, text);
    assert_true(trib_ok(port->sync(port, handle)));
    assert_true(trib_ok(port->sync_folder(port, "/d")));
    return handle;
}

static bool holds(const char *path, const char *text) {
    trib_buffer bytes = {.ceiling = 1 << 24};
    bool there = sim_disk_look(disk, path, &bytes);
    bool same =
        there && text != NULL && trib_bytes_equal(trib_buffer_view(&bytes), trib_bytes_text(text));
    trib_buffer_deinit(&bytes);
    return text != NULL ? same : !there;
}

static bool is_code(trib_status status, trib_code code) {
    return status.code == code;
}

/* ---- bytes --------------------------------------------------------------------------------- */

static void what_was_synced_survives_and_what_was_not_is_lost(void **state) {
    (void)state;
    int handle = durable("/d/a", "synced");
    put(handle, 6, " and not");
    assert_true(holds("/d/a", "synced and not"));
    assert_int_equal(sim_disk_injected(disk, SIM_DISK_LOST_WRITE), 0);
    sim_disk_power_cycle(disk);
    assert_true(holds("/d/a", "synced"));
    assert_int_equal(sim_disk_injected(disk, SIM_DISK_LOST_WRITE), 1);
    sim_disk_power_cycle(disk);
    assert_int_equal(sim_disk_injected(disk, SIM_DISK_LOST_WRITE), 1);
}

static void all_is_there_if_all_is_kept(void **state) {
    (void)state;
    rates((sim_disk_rates){.kept = MILLION});
    int handle = opened("/d/a", TRIB_OPEN_WRITE);
    put(handle, 0, "one two three");
    put(handle, 4, "TWO");
    assert_true(trib_ok(port->truncate(port, handle, 7)));
    put(handle, 9, "x");
    sim_disk_power_cycle(disk);
    trib_buffer bytes = {.ceiling = 64};
    assert_true(sim_disk_look(disk, "/d/a", &bytes));
    assert_int_equal(bytes.size, 10);
    assert_memory_equal(bytes.data, "one TWO\0\0x", 10);
    trib_buffer_deinit(&bytes);
    assert_int_equal(sim_disk_injected(disk, SIM_DISK_LOST_WRITE), 0);
}

static void a_truncation_is_lost_like_a_write(void **state) {
    (void)state;
    int handle = durable("/d/a", "synced");
    assert_true(trib_ok(port->truncate(port, handle, 2)));
    assert_true(holds("/d/a", "sy"));
    assert_int_equal(sim_disk_bytes(disk), 2);
    sim_disk_power_cycle(disk);
    assert_true(holds("/d/a", "synced"));
    assert_int_equal(sim_disk_bytes(disk), 6);
}

static void appends_go_to_the_end_and_reads_stop_there(void **state) {
    (void)state;
    uint8_t bytes[8];
    size_t got = 99;
    uint64_t size = 0;
    int handle = opened("/d/a", TRIB_OPEN_APPEND);
    assert_true(trib_ok(port->append(port, handle, trib_bytes_text("abc"))));
    assert_true(trib_ok(port->append(port, handle, trib_bytes_text("def"))));
    assert_true(trib_ok(port->read_at(port, handle, 2, bytes, sizeof bytes, &got)));
    assert_int_equal(got, 4);
    assert_memory_equal(bytes, "cdef", 4);
    assert_true(trib_ok(port->read_at(port, handle, 6, bytes, sizeof bytes, &got)));
    assert_int_equal(got, 0);
    assert_true(trib_ok(port->size(port, handle, &size)));
    assert_int_equal(size, 6);
}

/* Which of the eight sectors of a write are there: a bit each. */
static uint32_t sectors_left(bool in_order, uint64_t seed) {
    uint8_t block[8 * SECTOR];
    again(seed);
    int handle = durable("/d/a", "");
    memset(block, 0, sizeof block);
    assert_true(trib_ok(port->write_at(port, handle, 0, trib_bytes_of(block, sizeof block))));
    assert_true(trib_ok(port->sync(port, handle)));
    memset(block, 1, sizeof block);
    assert_true(trib_ok(port->write_at(port, handle, 0, trib_bytes_of(block, sizeof block))));
    rates((sim_disk_rates){.kept = MILLION, .torn = MILLION, .in_order = in_order});
    sim_disk_power_cycle(disk);
    trib_buffer bytes = {.ceiling = sizeof block};
    assert_true(sim_disk_look(disk, "/d/a", &bytes));
    uint32_t left = 0;
    for (size_t i = 0; i < sizeof block; i++) {
        assert_int_equal(bytes.data[i], bytes.data[i / SECTOR * SECTOR]);
        left |= (uint32_t)bytes.data[i] << i / SECTOR;
    }
    trib_buffer_deinit(&bytes);
    assert_int_equal(sim_disk_injected(disk, SIM_DISK_TORN_WRITE), 1);
    return left;
}

static void a_torn_write_leaves_some_of_its_sectors(void **state) {
    (void)state;
    bool hole = false;
    for (uint64_t seed = 0; seed < 50; seed++) {
        uint32_t left = sectors_left(false, seed);
        assert_true(left != 0 && left != 0xFF);
        hole = hole || (left & (left + 1)) != 0;
    }
    assert_true(hole);
}

static void a_torn_write_in_order_leaves_its_first_sectors(void **state) {
    (void)state;
    uint32_t lengths = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        uint32_t left = sectors_left(true, seed);
        assert_true(left != 0 && left != 0xFF && (left & (left + 1)) == 0);
        lengths |= left;
    }
    assert_int_equal(lengths, 0x7F);
}

static void nothing_comes_after_a_torn_write_in_order(void **state) {
    (void)state;
    uint8_t block[2 * SECTOR];
    memset(block, 1, sizeof block);
    int handle = durable("/d/a", "old");
    assert_true(trib_ok(port->write_at(port, handle, 0, trib_bytes_of(block, sizeof block))));
    put(handle, 3 * SECTOR, "later");
    rates((sim_disk_rates){.kept = MILLION, .torn = MILLION, .in_order = true});
    sim_disk_power_cycle(disk);
    assert_int_equal(sim_disk_bytes(disk), SECTOR);
    assert_int_equal(sim_disk_injected(disk, SIM_DISK_LOST_WRITE), 1);
}

static void a_write_within_a_sector_is_never_torn(void **state) {
    (void)state;
    int handle = durable("/d/a", "old");
    put(handle, 0, "new");
    rates((sim_disk_rates){.kept = MILLION, .torn = MILLION});
    sim_disk_power_cycle(disk);
    assert_true(holds("/d/a", "new"));
    assert_int_equal(sim_disk_injected(disk, SIM_DISK_TORN_WRITE), 0);
}

/* Twenty writes, one byte each; which are there. */
static uint32_t writes_left(bool in_order, uint64_t seed) {
    again(seed);
    int handle = durable("/d/a", "....................");
    for (uint64_t i = 0; i < 20; i++) {
        put(handle, i, "x");
    }
    rates((sim_disk_rates){.kept = 800000, .in_order = in_order});
    sim_disk_power_cycle(disk);
    trib_buffer bytes = {.ceiling = 64};
    assert_true(sim_disk_look(disk, "/d/a", &bytes));
    uint32_t left = 0, lost = 0;
    for (uint32_t i = 0; i < 20; i++) {
        left |= (uint32_t)(bytes.data[i] == 'x') << i;
        lost += bytes.data[i] != 'x';
    }
    trib_buffer_deinit(&bytes);
    assert_int_equal(sim_disk_injected(disk, SIM_DISK_LOST_WRITE), lost);
    assert_int_equal(sim_disk_injected(disk, SIM_DISK_REORDERED_WRITE), (left & (left + 1)) != 0);
    return left;
}

static void order_is_kept_only_if_asked_for(void **state) {
    (void)state;
    uint32_t reordered = 0, prefixes = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        uint32_t left = writes_left(true, seed);
        assert_int_equal(left & (left + 1), 0);
        prefixes |= left;
        left = writes_left(false, seed);
        reordered += (left & (left + 1)) != 0;
    }
    assert_true(reordered > 20);
    assert_true(prefixes > 0xFF);
}

/* ---- names --------------------------------------------------------------------------------- */

static void a_new_file_is_gone_unless_its_folder_was_synced(void **state) {
    (void)state;
    int handle = opened("/d/a", TRIB_OPEN_WRITE);
    put(handle, 0, "bytes");
    assert_true(trib_ok(port->sync(port, handle)));
    sim_disk_power_cycle(disk);
    assert_true(holds("/d/a", NULL));
    assert_int_equal(sim_disk_injected(disk, SIM_DISK_LOST_WRITE), 1);
    (void)durable("/d/a", "bytes");
    sim_disk_power_cycle(disk);
    assert_true(holds("/d/a", "bytes"));
}

static void a_rename_is_undone_unless_its_folder_was_synced(void **state) {
    (void)state;
    (void)durable("/d/a", "first");
    (void)durable("/d/b", "second");
    assert_true(trib_ok(port->rename(port, "/d/b", "/d/a")));
    assert_true(holds("/d/a", "second") && holds("/d/b", NULL));
    assert_int_equal(sim_disk_bytes(disk), 11); /* a handle still has the first one */
    sim_disk_power_cycle(disk);
    assert_true(holds("/d/a", "first") && holds("/d/b", "second"));
    assert_true(trib_ok(port->rename(port, "/d/b", "/d/a")));
    assert_true(trib_ok(port->sync_folder(port, "/d")));
    sim_disk_power_cycle(disk);
    assert_true(holds("/d/a", "second") && holds("/d/b", NULL));
    assert_int_equal(sim_disk_bytes(disk), 6);
}

static void a_removed_file_is_back_unless_its_folder_was_synced(void **state) {
    (void)state;
    (void)durable("/d/a", "bytes");
    assert_true(trib_ok(port->remove(port, "/d/a")));
    assert_true(trib_ok(port->remove(port, "/d/a")));
    sim_disk_power_cycle(disk);
    assert_true(holds("/d/a", "bytes"));
    assert_true(trib_ok(port->remove(port, "/d/a")));
    assert_true(trib_ok(port->sync_folder(port, "/d")));
    sim_disk_power_cycle(disk);
    assert_true(holds("/d/a", NULL));
    assert_int_equal(sim_disk_bytes(disk), 0);
}

static void a_folder_that_is_lost_takes_along_what_is_in_it(void **state) {
    (void)state;
    rates((sim_disk_rates){.kept = 0});
    for (int synced = 0; synced < 2; synced++) {
        assert_true(trib_ok(port->make_folder(port, "/d/f")));
        assert_true(trib_ok(port->make_folder(port, "/d/f")));
        int handle = opened("/d/f/a", TRIB_OPEN_WRITE);
        put(handle, 0, "bytes");
        assert_true(trib_ok(port->sync(port, handle)));
        assert_true(trib_ok(port->sync_folder(port, "/d/f")));
        if (synced == 1) {
            assert_true(trib_ok(port->sync_folder(port, "/d")));
        }
        sim_disk_power_cycle(disk);
        assert_true(holds("/d/f/a", synced == 1 ? "bytes" : NULL));
    }
}

static trib_status note(void *context, const char *name) {
    char *all = context;
    (void)snprintf(all + strlen(all), 64 - strlen(all), "%s ", name);
    return port->remove(port, "/d/f/b"); /* whoever lists may change names */
}

static void a_list_has_the_plain_names_of_one_folder(void **state) {
    (void)state;
    static const char *const files[] = {"/d/f/a",   "/d/f/b", "/d/f/.c",
                                        "/d/f/g/x", "/d/f-a", "/d/z"};
    char all[64] = "";
    assert_true(trib_ok(port->make_folder(port, "/d/f")));
    assert_true(trib_ok(port->make_folder(port, "/d/f/g")));
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        port->close(port, opened(files[i], TRIB_OPEN_APPEND));
    }
    assert_true(trib_ok(port->list(port, "//d/f/", note, all)));
    assert_int_equal(strlen(all), 6);
    assert_true(strstr(all, "a ") != NULL && strstr(all, "b ") != NULL &&
                strstr(all, "g ") != NULL);
    assert_true(is_code(port->list(port, "/d/h", note, all), TRIB_E_NOT_FOUND));
}

static void what_is_not_there_is_not_found(void **state) {
    (void)state;
    int handle;
    assert_true(is_code(port->open(port, "/d/a", TRIB_OPEN_READ, &handle), TRIB_E_NOT_FOUND));
    assert_true(is_code(port->open(port, "/d/f/a", TRIB_OPEN_WRITE, &handle), TRIB_E_NOT_FOUND));
    assert_true(is_code(port->open(port, "/e/a", TRIB_OPEN_WRITE, &handle), TRIB_E_NOT_FOUND));
    assert_true(is_code(port->open(port, "/d/../a", TRIB_OPEN_WRITE, &handle), TRIB_E_NOT_FOUND));
    assert_true(is_code(port->rename(port, "/d/a", "/d/b"), TRIB_E_NOT_FOUND));
    assert_true(is_code(port->sync_folder(port, "/d/f"), TRIB_E_NOT_FOUND));
    assert_true(is_code(port->make_folder(port, "/d/f/g"), TRIB_E_NOT_FOUND));
    assert_int_equal(sim_disk_operations(disk), 0);
}

static void paths_lead_to_their_disk(void **state) {
    (void)state;
    sim_disk *other = sim_disk_create("dd", 1);
    assert_ptr_equal(sim_disk_of_path("/d/a/b"), disk);
    assert_ptr_equal(sim_disk_of_path("//dd"), other);
    assert_null(sim_disk_of_path("/ddd/a"));
    assert_null(sim_disk_of_path("d/a"));
    sim_disk_destroy(other);
    assert_null(sim_disk_of_path("/dd"));
}

/* ---- loss of power ------------------------------------------------------------------------- */

static void a_dead_disk_does_nothing(void **state) {
    (void)state;
    uint8_t byte;
    size_t got;
    uint64_t size, operations;
    int handle = durable("/d/a", "bytes"), other;
    sim_disk_die(disk);
    operations = sim_disk_operations(disk);
    assert_true(sim_disk_dead(disk));
    assert_true(is_code(port->open(port, "/d/a", TRIB_OPEN_READ, &other), TRIB_E_IO));
    assert_true(is_code(port->write_at(port, handle, 0, trib_bytes_text("B")), TRIB_E_IO));
    assert_true(is_code(port->read_at(port, handle, 0, &byte, 1, &got), TRIB_E_IO));
    assert_true(is_code(port->size(port, handle, &size), TRIB_E_IO));
    assert_true(is_code(port->truncate(port, handle, 0), TRIB_E_IO));
    assert_true(is_code(port->sync(port, handle), TRIB_E_IO));
    assert_true(is_code(port->sync_folder(port, "/d"), TRIB_E_IO));
    assert_true(is_code(port->make_folder(port, "/d/f"), TRIB_E_IO));
    assert_true(is_code(port->rename(port, "/d/a", "/d/b"), TRIB_E_IO));
    assert_true(is_code(port->remove(port, "/d/a"), TRIB_E_IO));
    assert_true(is_code(port->list(port, "/d", note, NULL), TRIB_E_IO));
    port->close(port, handle);
    assert_int_equal(sim_disk_operations(disk), operations);
    assert_true(holds("/d/a", "bytes"));
    sim_disk_power_cycle(disk);
    assert_false(sim_disk_dead(disk));
    assert_true(holds("/d/a", "bytes"));
}

static void handles_from_before_a_power_cut_are_stale(void **state) {
    (void)state;
    int handle = durable("/d/a", "bytes");
    sim_disk_power_cycle(disk);
    int fresh = opened("/d/a", TRIB_OPEN_WRITE);
    assert_int_not_equal(handle, fresh);
    assert_true(is_code(port->write_at(port, handle, 0, trib_bytes_text("B")), TRIB_E_IO));
    port->close(port, handle);
    put(fresh, 0, "B");
    assert_true(holds("/d/a", "Bytes"));
}

static void a_killed_process_leaves_its_writes_but_they_are_not_durable(void **state) {
    (void)state;
    int handle = durable("/d/a", "bytes");
    put(handle, 0, "B");
    sim_disk_die(disk);
    sim_disk_process_killed(disk);
    assert_false(sim_disk_dead(disk));
    assert_true(is_code(port->sync(port, handle), TRIB_E_IO));
    assert_true(holds("/d/a", "Bytes"));
    sim_disk_power_cycle(disk);
    assert_true(holds("/d/a", "bytes"));

    handle = opened("/d/a", TRIB_OPEN_WRITE);
    put(handle, 0, "B");
    sim_disk_process_killed(disk);
    assert_true(trib_ok(port->sync(port, opened("/d/a", TRIB_OPEN_WRITE))));
    sim_disk_power_cycle(disk);
    assert_true(holds("/d/a", "Bytes"));
}

static void the_power_goes_instead_of_the_operation_that_was_named(void **state) {
    (void)state;
    int handle = durable("/d/a", "bytes");
    uint64_t before = sim_disk_operations(disk);
    sim_disk_die_after(disk, 2);
    put(handle, 0, "x");
    put(handle, 1, "y");
    assert_false(sim_disk_dead(disk));
    assert_true(is_code(port->sync(port, handle), TRIB_E_IO));
    assert_true(sim_disk_dead(disk));
    assert_int_equal(sim_disk_operations(disk), before + 2);
    assert_true(holds("/d/a", "xytes"));
    sim_disk_power_cycle(disk);
    put(opened("/d/a", TRIB_OPEN_WRITE), 0, "B");
    assert_true(holds("/d/a", "Bytes"));
}

static void fill(uint8_t *bytes, size_t size, int value) {
    memset(bytes, value, size);
}

/* The power goes at operation `k` of a replacement; whether it was over before. */
static bool replace_and_cut(uint64_t k, uint64_t seed, bool in_order) {
    uint8_t old[3000], fresh[5000];
    again(seed);
    fill(old, sizeof old, 'o');
    fill(fresh, sizeof fresh, 'n');
    assert_true(trib_ok(trib_disk_replace(port, "/d", "a", trib_bytes_of(old, sizeof old))));
    rates((sim_disk_rates){.kept = 500000, .torn = 500000, .in_order = in_order});
    sim_disk_die_after(disk, k);
    bool done = trib_ok(trib_disk_replace(port, "/d", "a", trib_bytes_of(fresh, sizeof fresh)));
    sim_disk_power_cycle(disk);
    trib_buffer bytes = {.ceiling = 1 << 16};
    assert_true(sim_disk_look(disk, "/d/a", &bytes));
    bool is_old = trib_bytes_equal(trib_buffer_view(&bytes), trib_bytes_of(old, sizeof old));
    bool is_new = trib_bytes_equal(trib_buffer_view(&bytes), trib_bytes_of(fresh, sizeof fresh));
    assert_true(is_new || (is_old && !done));
    trib_buffer_deinit(&bytes);
    return done;
}

static void a_replacement_is_old_or_new_wherever_the_power_goes(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        uint64_t k = 0;
        while (!replace_and_cut(k, seed, seed % 2 == 1)) {
            k++;
        }
        assert_int_equal(k, 5); /* new file, write, sync, rename, sync of the folder */
    }
}

static void a_rename_without_a_sync_can_leave_a_torn_file(void **state) {
    (void)state;
    uint8_t bytes[4096];
    int broken = 0;
    fill(bytes, sizeof bytes, 'n');
    for (uint64_t seed = 0; seed < 50; seed++) {
        again(seed);
        (void)durable("/d/a", "old");
        rates((sim_disk_rates){.kept = 500000, .torn = 500000});
        int handle = opened("/d/a.new", TRIB_OPEN_APPEND);
        assert_true(trib_ok(port->append(port, handle, trib_bytes_of(bytes, sizeof bytes))));
        assert_true(trib_ok(port->rename(port, "/d/a.new", "/d/a")));
        sim_disk_power_cycle(disk);
        trib_buffer left = {.ceiling = sizeof bytes};
        assert_true(sim_disk_look(disk, "/d/a", &left));
        broken += left.size != 3 &&
                  !trib_bytes_equal(trib_buffer_view(&left), trib_bytes_of(bytes, sizeof bytes));
        trib_buffer_deinit(&left);
    }
    assert_in_range(broken, 5, 45);
}

/* ---- other faults -------------------------------------------------------------------------- */

static void after_a_failed_sync_the_next_one_lies(void **state) {
    (void)state;
    int handle = durable("/d/a", "bytes");
    put(handle, 0, "B");
    rates((sim_disk_rates){.sync_failed = MILLION});
    assert_true(is_code(port->sync(port, handle), TRIB_E_IO));
    rates((sim_disk_rates){.kept = MILLION});
    put(handle, 4, "S");
    assert_true(trib_ok(port->sync(port, handle)));
    assert_true(holds("/d/a", "ByteS"));
    assert_int_equal(sim_disk_injected(disk, SIM_DISK_SYNC_FAILED), 1);
    assert_int_equal(sim_disk_injected(disk, SIM_DISK_LOST_WRITE), 0);
    sim_disk_power_cycle(disk);
    assert_true(holds("/d/a", "byteS"));
    assert_int_equal(sim_disk_injected(disk, SIM_DISK_LOST_WRITE), 1);
}

static void writing_again_makes_good_for_a_failed_sync(void **state) {
    (void)state;
    int handle = durable("/d/a", "bytes");
    put(handle, 0, "B");
    rates((sim_disk_rates){.sync_failed = MILLION});
    assert_true(is_code(port->sync(port, handle), TRIB_E_IO));
    rates((sim_disk_rates){.kept = 0});
    put(handle, 0, "B");
    assert_true(trib_ok(port->sync(port, handle)));
    sim_disk_power_cycle(disk);
    assert_true(holds("/d/a", "Bytes"));
    assert_int_equal(sim_disk_injected(disk, SIM_DISK_LOST_WRITE), 0);
}

/* File systems log names, and stop when the log fails: the next sync tells the truth. */
static void a_failed_sync_of_a_folder_is_made_up_for_by_the_next(void **state) {
    (void)state;
    (void)durable("/d/a", "old");
    (void)durable("/d/b", "new");
    rates((sim_disk_rates){.sync_failed = MILLION});
    assert_true(trib_ok(port->rename(port, "/d/b", "/d/a")));
    assert_true(is_code(port->sync_folder(port, "/d"), TRIB_E_IO));
    rates((sim_disk_rates){.kept = MILLION});
    assert_true(trib_ok(port->sync_folder(port, "/d")));
    assert_true(holds("/d/a", "new"));
    rates((sim_disk_rates){.kept = 0});
    sim_disk_power_cycle(disk);
    assert_true(holds("/d/a", "new"));
}

static void a_failed_write_has_written_a_part(void **state) {
    (void)state;
    uint64_t size = 0, sum = 0;
    uint8_t bytes[1000] = {1};
    int handle = opened("/d/a", TRIB_OPEN_APPEND);
    rates((sim_disk_rates){.write_error = MILLION});
    for (int i = 1; i <= 20; i++) {
        assert_true(
            is_code(port->append(port, handle, trib_bytes_of(bytes, sizeof bytes)), TRIB_E_IO));
        assert_true(trib_ok(port->size(port, handle, &size)));
        assert_true(size - sum < sizeof bytes);
        sum = size;
        assert_int_equal(sim_disk_injected(disk, SIM_DISK_WRITE_ERROR), i);
    }
    assert_true(sum > 0);
    assert_int_equal(sim_disk_bytes(disk), sum);
    assert_true(is_code(port->rename(port, "/d/a", "/d/b"), TRIB_E_IO));
    assert_true(holds("/d/b", NULL));
}

static void a_full_disk_takes_what_fits_and_has_room_again_after_a_removal(void **state) {
    (void)state;
    rates((sim_disk_rates){.capacity = 10});
    int handle = durable("/d/a", "12345678");
    assert_true(is_code(port->write_at(port, handle, 6, trib_bytes_text("abcdef")), TRIB_E_IO));
    assert_non_null(strstr(trib_message(), "full"));
    assert_true(holds("/d/a", "123456abcd"));
    assert_int_equal(sim_disk_injected(disk, SIM_DISK_FULL), 1);
    put(handle, 0, "0123456789");
    assert_int_equal(sim_disk_bytes(disk), 10);
    int other = opened("/d/b", TRIB_OPEN_WRITE);
    assert_true(is_code(port->write_at(port, other, 0, trib_bytes_text("x")), TRIB_E_IO));
    assert_true(is_code(port->truncate(port, other, 1), TRIB_E_IO));
    assert_true(trib_ok(port->remove(port, "/d/a")));
    assert_true(is_code(port->write_at(port, other, 0, trib_bytes_text("x")), TRIB_E_IO));
    port->close(port, handle);
    put(other, 0, "x");
    assert_int_equal(sim_disk_bytes(disk), 1);
}

static void a_read_error_gives_no_bytes(void **state) {
    (void)state;
    uint8_t bytes[5];
    size_t got = 99;
    int handle = durable("/d/a", "bytes");
    rates((sim_disk_rates){.read_error = MILLION});
    assert_true(is_code(port->read_at(port, handle, 0, bytes, 5, &got), TRIB_E_IO));
    assert_int_equal(got, 99);
    assert_int_equal(sim_disk_injected(disk, SIM_DISK_READ_ERROR), 1);
    rates((sim_disk_rates){.read_error = 0});
    assert_true(trib_ok(port->read_at(port, handle, 0, bytes, 5, &got)));
    assert_memory_equal(bytes, "bytes", 5);
}

static int bits_between(const char *path, const char *text) {
    trib_buffer bytes = {.ceiling = 1 << 16};
    int bits = 0;
    assert_true(sim_disk_look(disk, path, &bytes));
    assert_int_equal(bytes.size, strlen(text));
    for (size_t i = 0; i < bytes.size; i++) {
        for (int changed = bytes.data[i] ^ (uint8_t)text[i]; changed != 0; changed >>= 1) {
            bits += changed & 1;
        }
    }
    trib_buffer_deinit(&bytes);
    return bits;
}

static void rot_turns_over_one_durable_bit(void **state) {
    (void)state;
    assert_false(sim_disk_rot(disk, "a"));
    int handle = opened("/d/a", TRIB_OPEN_WRITE);
    put(handle, 0, "bytes");
    assert_false(sim_disk_rot(disk, "a"));
    assert_int_equal(sim_disk_injected(disk, SIM_DISK_BIT_ROT), 0);
    (void)durable("/d/b", "other");
    assert_true(trib_ok(port->sync(port, handle)));
    assert_true(sim_disk_rot(disk, "/a"));
    assert_int_equal(sim_disk_injected(disk, SIM_DISK_BIT_ROT), 1);
    assert_int_equal(bits_between("/d/a", "bytes"), 1);
    sim_disk_power_cycle(disk);
    assert_int_equal(bits_between("/d/a", "bytes"), 1);
    assert_int_equal(bits_between("/d/b", "other"), 0);
}

static void rot_below_an_unsynced_write_shows_when_that_is_lost(void **state) {
    (void)state;
    put(durable("/d/a", "bytes"), 0, "bytes");
    assert_true(sim_disk_rot(disk, "/a"));
    assert_int_equal(bits_between("/d/a", "bytes"), 0);
    sim_disk_power_cycle(disk);
    assert_int_equal(bits_between("/d/a", "bytes"), 1);
}

static void slow_operations_add_up_to_a_delay(void **state) {
    (void)state;
    rates((sim_disk_rates){.slow = MILLION, .slow_ms = 7});
    int handle = opened("/d/a", TRIB_OPEN_WRITE);
    put(handle, 0, "bytes");
    uint64_t slow = sim_disk_injected(disk, SIM_DISK_SLOW);
    uint64_t delay_ms = sim_disk_take_delay_ms(disk);
    assert_true(slow >= 2 && delay_ms >= slow && delay_ms <= 7 * slow);
    assert_int_equal(sim_disk_take_delay_ms(disk), 0);
}

/* ---- determinism and speed ------------------------------------------------------------------ */

static void add(trib_buffer *all, trib_bytes bytes) {
    assert_true(trib_ok(trib_buffer_append(all, bytes)));
}

/* A long confusion with all faults; everything that can be seen of it. */
static void confuse(uint64_t seed, trib_buffer *ret_all) {
    char path[16], other[16];
    uint8_t block[1500];
    trib_random random;
    again(seed);
    trib_random_init(&random, 7, "", 0, TRIB_PURPOSE_TEST);
    rates((sim_disk_rates){.sync_failed = 50000,
                           .write_error = 20000,
                           .slow = 100000,
                           .slow_ms = 9,
                           .kept = 500000,
                           .torn = 300000,
                           .capacity = 5000});
    for (int i = 0; i < 3000; i++) {
        int handle;
        (void)snprintf(path, sizeof path, "/d/%u", trib_random_below(&random, 30));
        (void)snprintf(other, sizeof other, "/d/%u", trib_random_below(&random, 30));
        fill(block, sizeof block, i & 255);
        size_t size = trib_random_below(&random, sizeof block);
        if (trib_ok(port->open(port, path, TRIB_OPEN_APPEND, &handle))) {
            trib_ignore(port->append(port, handle, trib_bytes_of(block, size)));
            trib_ignore(i % 3 == 0 ? port->sync(port, handle) : TRIB_SUCCESS);
            port->close(port, handle);
        }
        trib_ignore(i % 5 == 0 ? port->rename(port, path, other) : TRIB_SUCCESS);
        trib_ignore(i % 7 == 0 ? port->remove(port, path) : TRIB_SUCCESS);
        trib_ignore(i % 4 == 0 ? port->sync_folder(port, "/d") : TRIB_SUCCESS);
        if (i % 100 == 0) {
            sim_disk_power_cycle(disk);
        }
    }
    for (int i = 0; i < 30; i++) {
        (void)snprintf(path, sizeof path, "/d/%d", i);
        (void)sim_disk_look(disk, path, ret_all);
        add(ret_all, trib_bytes_text(path));
    }
    for (int fault = 0; fault < SIM_DISK_FAULTS; fault++) {
        uint64_t count = sim_disk_injected(disk, (sim_disk_fault)fault);
        bool possible = fault != SIM_DISK_READ_ERROR && fault != SIM_DISK_BIT_ROT;
        assert_int_equal(count > 0, possible);
        add(ret_all, trib_bytes_of(&count, sizeof count));
    }
    uint64_t ends[] = {sim_disk_bytes(disk), sim_disk_take_delay_ms(disk),
                       sim_disk_operations(disk)};
    add(ret_all, trib_bytes_of(ends, sizeof ends));
}

static void the_same_seed_gives_the_same_bytes(void **state) {
    (void)state;
    trib_buffer one = {.ceiling = 1 << 20}, two = one, other = one;
    confuse(3, &one);
    confuse(3, &two);
    confuse(4, &other);
    assert_true(trib_bytes_equal(trib_buffer_view(&one), trib_buffer_view(&two)));
    assert_false(trib_bytes_equal(trib_buffer_view(&one), trib_buffer_view(&other)));
    trib_buffer_deinit(&one);
    trib_buffer_deinit(&two);
    trib_buffer_deinit(&other);
}

static void many_writes_without_a_sync_are_no_more_than_their_bytes(void **state) {
    (void)state;
    int handle = opened("/d/a", TRIB_OPEN_APPEND);
    for (int i = 0; i < 200000; i++) { /* would take minutes if each looked at all before it */
        assert_true(trib_ok(port->append(port, handle, trib_bytes_text("0123456789"))));
    }
    assert_true(trib_ok(port->sync_folder(port, "/d")));
    rates((sim_disk_rates){.kept = MILLION});
    sim_disk_power_cycle(disk);
    assert_int_equal(sim_disk_bytes(disk), 2000000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_synced_survives_and_what_was_not_is_lost),
        TEST(all_is_there_if_all_is_kept),
        TEST(a_truncation_is_lost_like_a_write),
        TEST(appends_go_to_the_end_and_reads_stop_there),
        TEST(a_torn_write_leaves_some_of_its_sectors),
        TEST(a_torn_write_in_order_leaves_its_first_sectors),
        TEST(nothing_comes_after_a_torn_write_in_order),
        TEST(a_write_within_a_sector_is_never_torn),
        TEST(order_is_kept_only_if_asked_for),
        TEST(a_new_file_is_gone_unless_its_folder_was_synced),
        TEST(a_rename_is_undone_unless_its_folder_was_synced),
        TEST(a_removed_file_is_back_unless_its_folder_was_synced),
        TEST(a_folder_that_is_lost_takes_along_what_is_in_it),
        TEST(a_list_has_the_plain_names_of_one_folder),
        TEST(what_is_not_there_is_not_found),
        TEST(paths_lead_to_their_disk),
        TEST(a_dead_disk_does_nothing),
        TEST(handles_from_before_a_power_cut_are_stale),
        TEST(a_killed_process_leaves_its_writes_but_they_are_not_durable),
        TEST(the_power_goes_instead_of_the_operation_that_was_named),
        TEST(a_replacement_is_old_or_new_wherever_the_power_goes),
        TEST(a_rename_without_a_sync_can_leave_a_torn_file),
        TEST(after_a_failed_sync_the_next_one_lies),
        TEST(writing_again_makes_good_for_a_failed_sync),
        TEST(a_failed_sync_of_a_folder_is_made_up_for_by_the_next),
        TEST(a_failed_write_has_written_a_part),
        TEST(a_full_disk_takes_what_fits_and_has_room_again_after_a_removal),
        TEST(a_read_error_gives_no_bytes),
        TEST(rot_turns_over_one_durable_bit),
        TEST(rot_below_an_unsynced_write_shows_when_that_is_lost),
        TEST(slow_operations_add_up_to_a_delay),
        TEST(the_same_seed_gives_the_same_bytes),
        TEST(many_writes_without_a_sync_are_no_more_than_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
