#include "edge/store/store.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/database/database.h"
#include "common/port/posix/system.h"
#include "edge/store/samples.h"

static char folder[64];
static uint64_t now_ms;
static int said[32];

static uint64_t read_now(void *context) {
    (void)context;
    return now_ms;
}
static const trib_clock test_clock = {read_now, read_now, NULL};

static void count_event(void *context, const edge_event *event) {
    (void)context;
    said[event->kind]++;
}

static trib_source_spec spec_of(uint32_t channels) {
    trib_source_spec spec = {.delimiter = ',',
                             .rate_hz = 100,
                             .channel_count = channels,
                             .target_count = 1,
                             .class_count = 2,
                             .targets = {"load"},
                             .label_column = "label",
                             .classes = {"a", "b"}};
    for (uint32_t i = 0; i < channels; i++) {
        (void)snprintf(spec.channels[i], sizeof spec.channels[i], "c%u", i);
    }
    return spec;
}

static edge_store *open_store(uint32_t channels, uint64_t limit_bytes, const trib_clock *clock) {
    trib_source_spec spec = spec_of(channels);
    edge_store *store = NULL;
    const edge_store_options options = {folder, &spec, limit_bytes, clock, {count_event, NULL}};
    trib_status status = edge_store_open(&options, &store);
    if (!trib_ok(status)) {
        fail_msg("open: %s", trib_message());
    }
    return store;
}

/* Row n of a recording: everything follows from n. */
static void make_row(uint64_t n, edge_row *row) {
    *row = (edge_row){.row = {.time_us = (int64_t)n * 10000, .label = (int32_t)(n % 3) - 1},
                      .train = n % 2 == 0};
    row->row.values[0] = (float)n;
    row->row.values[1] = n % 5 == 0 ? (float)NAN : -(float)n / 3;
    row->row.targets[0] = (float)n * 2;
}

static void check_row(uint64_t n, const edge_row *row) {
    edge_row wanted;
    make_row(n, &wanted);
    assert_true(row->row.time_us == wanted.row.time_us);
    assert_int_equal(row->row.label, wanted.row.label);
    assert_int_equal(row->train, wanted.train);
    assert_memory_equal(row->row.values, wanted.row.values, 2 * sizeof(float)); /* NaN included */
    assert_memory_equal(row->row.targets, wanted.row.targets, sizeof(float));
}

static edge_batch *make_batch(const char *name, uint64_t first, uint32_t count, bool starts) {
    edge_batch *batch = edge_batch_create();
    assert_non_null(batch);
    (void)snprintf(batch->recording, sizeof batch->recording, "%s", name);
    batch->starts = starts;
    batch->count = count;
    batch->position = name[0] != '\0' ? first + count : 0;
    for (uint32_t i = 0; i < count; i++) {
        make_row(first + i, &batch->rows[i]);
    }
    return batch;
}

static void append(edge_store *store, const char *name, uint64_t first, uint32_t count,
                   bool starts) {
    edge_batch *batch = make_batch(name, first, count, starts);
    trib_status status = edge_store_append(store, batch);
    edge_batch_destroy(batch);
    if (!trib_ok(status)) {
        fail_msg("append: %s", trib_message());
    }
}

typedef struct seen {
    uint64_t rows;
    uint64_t starts;
    uint64_t next_number;
    uint64_t next_row; /* of the recording */
    bool check;
} seen;

static trib_status see(void *context, const edge_stored_row *row) {
    seen *at = context;
    assert_true(at->next_number == 0 || row->number == at->next_number);
    at->next_number = row->number + 1;
    at->starts += row->starts;
    if (at->check) {
        check_row(at->next_row++, row->row);
    }
    at->rows++;
    return TRIB_SUCCESS;
}

static seen read_range(uint64_t first, uint64_t last, uint64_t from_row,
                       edge_store_read *ret_read) {
    trib_source_spec spec = spec_of(2);
    TRIB_SCOPED(edge_store_reader_close_scoped) edge_store_reader *reader = NULL;
    seen at = {.check = true, .next_row = from_row};
    edge_store_read done;
    assert_true(trib_ok(edge_store_reader_open(folder, &spec, &reader)));
    trib_status status = edge_store_reader_rows(reader, first, last, see, &at, &done);
    if (!trib_ok(status)) {
        fail_msg("read: %s", trib_message());
    }
    assert_int_equal(done.rows, at.rows);
    if (ret_read != NULL) {
        *ret_read = done;
    }
    return at;
}

static int make_folder(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/edge-store-XXXXXX");
    now_ms = 5000;
    memset(said, 0, sizeof said);
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    static const char *const names[] = {"samples.db", "samples.db-wal", "samples.db-shm",
                                        "samples.db.damaged"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    return rmdir(folder);
}

static void rows_come_back_as_they_were(void **state) {
    (void)state;
    edge_store *store = open_store(2, 1 << 20, &test_clock);
    append(store, "a.csv", 0, 256, true);
    append(store, "a.csv", 256, 100, false);
    assert_int_equal(edge_store_holds(store).rows, 0); /* gathered, not a second old */
    assert_true(trib_ok(edge_store_flush(store, true)));
    edge_store_range range = edge_store_holds(store);
    assert_int_equal(range.first_row, 1);
    assert_int_equal(range.last_row, 356);
    assert_int_equal(range.rows, 356);
    assert_int_equal(range.train_rows, 178);
    seen at = read_range(0, UINT64_MAX, 0, NULL);
    assert_int_equal(at.rows, 356);
    assert_int_equal(at.starts, 1);
    edge_store_read part;
    at = read_range(100, 120, 99, &part); /* row number 1 is row 0 */
    assert_int_equal(at.rows, 21);
    assert_int_equal(part.first_row, 100);
    assert_int_equal(part.last_row, 120);
    assert_int_equal(at.starts, 1);
    edge_store_close(store);
}

static void a_second_or_a_full_block_is_written_by_itself(void **state) {
    (void)state;
    edge_store *store = open_store(2, 1 << 20, &test_clock);
    append(store, "", 0, 10, true);
    now_ms += EDGE_STORE_COMMIT_MS - 1;
    append(store, "", 10, 10, false);
    assert_int_equal(edge_store_holds(store).rows, 0);
    now_ms += 1;
    assert_true(trib_ok(edge_store_flush(store, false)));
    assert_int_equal(edge_store_holds(store).rows, 20);
    for (uint32_t i = 0; i < EDGE_STORE_BATCH_ROWS / 256; i++) {
        append(store, "", 20 + 256 * i, 256, false);
    }
    assert_int_equal(edge_store_holds(store).rows, 20 + EDGE_STORE_BATCH_ROWS);
    edge_store_close(store);
}

static void recordings_start_where_they_started(void **state) {
    (void)state;
    edge_store *store = open_store(2, 1 << 20, &test_clock);
    append(store, "a.csv", 0, 30, true);
    append(store, "b.csv", 0, 20, true);
    append(store, "b.csv", 20, 20, false);
    edge_store_close(store); /* writes */
    trib_source_spec spec = spec_of(2);
    TRIB_SCOPED(edge_store_reader_close_scoped) edge_store_reader *reader = NULL;
    seen at = {0};
    edge_store_read done;
    assert_true(trib_ok(edge_store_reader_open(folder, &spec, &reader)));
    assert_true(trib_ok(edge_store_reader_rows(reader, 0, UINT64_MAX, see, &at, &done)));
    assert_int_equal(at.rows, 70);
    assert_int_equal(at.starts, 2);
}

static trib_status note_position(void *context, const char *recording, uint64_t rows) {
    if (strcmp(recording, "a.csv") == 0) {
        *(uint64_t *)context = rows;
    }
    return TRIB_SUCCESS;
}

static void a_restart_goes_on_with_numbers_positions_and_recording(void **state) {
    (void)state;
    edge_store *store = open_store(2, 1 << 20, &test_clock);
    append(store, "a.csv", 0, 30, true);
    edge_store_close(store);
    store = open_store(2, 1 << 20, &test_clock);
    uint64_t position = 0;
    assert_true(trib_ok(edge_store_positions(store, note_position, &position)));
    assert_int_equal(position, 30);
    append(store, "a.csv", 30, 12, false);
    assert_true(trib_ok(edge_store_flush(store, true)));
    assert_int_equal(edge_store_holds(store).last_row, 42);
    seen at = read_range(0, UINT64_MAX, 0, NULL);
    assert_int_equal(at.rows, 42);
    assert_int_equal(at.starts, 1); /* one recording, in two runs */
    edge_store_close(store);
}

static void another_file_does_not_go_on_with_the_last_recording(void **state) {
    (void)state;
    edge_store *store = open_store(2, 1 << 20, &test_clock);
    append(store, "b.csv", 0, 30, true);
    edge_store_close(store);
    store = open_store(2, 1 << 20, &test_clock);
    append(store, "c.csv", 30, 5, false);
    assert_true(trib_ok(edge_store_flush(store, true)));
    seen at = read_range(0, UINT64_MAX, 0, NULL);
    assert_int_equal(at.starts, 2);
    edge_store_close(store);
}

static void the_oldest_blocks_go_when_the_limit_is_met(void **state) {
    (void)state;
    enum { LIMIT = 40000 };
    edge_store *store = open_store(2, LIMIT, &test_clock);
    for (uint32_t i = 0; i < 40; i++) {
        append(store, "", 256 * i, 256, i == 0);
        assert_true(trib_ok(edge_store_flush(store, true)));
        assert_true(edge_store_holds(store).bytes <= LIMIT);
    }
    edge_store_range range = edge_store_holds(store);
    assert_int_equal(range.last_row, 40 * 256);
    assert_true(range.first_row > 1);
    assert_true(range.bytes > LIMIT / 2);
    assert_int_equal(range.rows, range.last_row - range.first_row + 1);
    edge_store_read done;
    seen at = read_range(1, UINT64_MAX, range.first_row - 1, &done);
    assert_int_equal(at.rows, range.rows);
    assert_int_equal(done.first_row, range.first_row);
    edge_store_close(store);
    store = open_store(2, LIMIT, &test_clock); /* what a restart works out is the same */
    edge_store_range again = edge_store_holds(store);
    assert_memory_equal(&again, &range, sizeof range);
    edge_store_close(store);
}

static void numbers_rise_even_when_columns_change(void **state) {
    (void)state;
    edge_store *store = open_store(3, 1 << 20, &test_clock);
    append(store, "a.csv", 0, 30, true);
    edge_store_close(store);
    store = open_store(2, 1 << 20, &test_clock);
    assert_int_equal(said[EDGE_EVENT_STORE_CLEARED], 1);
    assert_int_equal(edge_store_holds(store).rows, 0);
    uint64_t position = 0;
    assert_true(trib_ok(edge_store_positions(store, note_position, &position)));
    assert_int_equal(position, 0);
    append(store, "a.csv", 0, 30, true);
    assert_true(trib_ok(edge_store_flush(store, true)));
    assert_int_equal(edge_store_holds(store).first_row, 31);
    edge_store_close(store);
}

static void overwrite(const char *name, long offset, const char *bytes, size_t size) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void a_damaged_database_is_set_aside_and_begun_anew(void **state) {
    (void)state;
    now_ms = 1700000000000;
    edge_store *store = open_store(2, 1 << 20, &test_clock);
    append(store, "a.csv", 0, 200, true);
    edge_store_close(store);
    char junk[4096];
    memset(junk, 'x', sizeof junk);
    overwrite("samples.db", 0, junk, sizeof junk);
    store = open_store(2, 1 << 20, &test_clock);
    assert_int_equal(said[EDGE_EVENT_STORE_SET_ASIDE], 1);
    assert_int_equal(edge_store_holds(store).rows, 0);
    char path[128];
    struct stat info;
    (void)snprintf(path, sizeof path, "%s/samples.db.damaged", folder);
    assert_int_equal(stat(path, &info), 0);
    append(store, "a.csv", 0, 5, true);
    assert_true(trib_ok(edge_store_flush(store, true)));
    assert_true(edge_store_holds(store).first_row > 200); /* still only rising */
    uint64_t last = edge_store_holds(store).last_row;
    edge_store_close(store);
    store = open_store(2, 1 << 20, &test_clock);
    append(store, "a.csv", 5, 1, false);
    assert_true(trib_ok(edge_store_flush(store, true)));
    assert_int_equal(edge_store_holds(store).last_row, last + 1);
    edge_store_close(store);
}

static void a_block_with_a_wrong_checksum_is_left_out(void **state) {
    (void)state;
    edge_store *store = open_store(2, 1 << 20, &test_clock);
    for (uint32_t i = 0; i < 3; i++) {
        append(store, "a.csv", 100 * i, 100, i == 0);
        assert_true(trib_ok(edge_store_flush(store, true)));
    }
    edge_store_close(store);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/samples.db", folder);
    trib_database *database = NULL;
    static const trib_migration none[] = {{"", ""}};
    assert_true(trib_ok(trib_database_open(path, none, 1, &database)));
    assert_true(trib_ok(
        trib_database_run(database, "UPDATE blocks SET rows = CAST(substr(rows, 1, 50) || x'99' ||"
                                    " substr(rows, 52) AS BLOB)"
                                    " WHERE first_row = 101")));
    trib_database_close(database);
    trib_source_spec spec = spec_of(2);
    TRIB_SCOPED(edge_store_reader_close_scoped) edge_store_reader *reader = NULL;
    assert_true(trib_ok(edge_store_reader_open(folder, &spec, &reader)));
    seen at = {0};
    edge_store_read done;
    assert_true(trib_ok(edge_store_reader_rows(reader, 1, 100, see, &at, &done)));
    assert_int_equal(done.damaged, 0);
    at = (seen){0};
    assert_true(trib_ok(edge_store_reader_rows(reader, 101, 300, see, &at, &done)));
    assert_int_equal(done.damaged, 100);
    assert_int_equal(at.rows, 100);
    assert_int_equal(done.first_row, 201);
    assert_int_equal(at.starts, 1);
}

static void a_reading_is_of_one_moment(void **state) {
    (void)state;
    edge_store *store = open_store(2, 1 << 20, &test_clock);
    append(store, "", 0, 100, true);
    assert_true(trib_ok(edge_store_flush(store, true)));
    trib_source_spec spec = spec_of(2);
    TRIB_SCOPED(edge_store_reader_close_scoped) edge_store_reader *reader = NULL;
    edge_store_range range;
    assert_true(trib_ok(edge_store_reader_open(folder, &spec, &reader)));
    assert_true(trib_ok(edge_store_reader_range(reader, &range)));
    assert_int_equal(range.last_row, 100);
    append(store, "", 100, 50, false);
    assert_true(trib_ok(edge_store_flush(store, true)));
    assert_true(trib_ok(edge_store_reader_range(reader, &range)));
    assert_int_equal(range.last_row, 150);
    edge_store_close(store);
}

/* Appends for ever, and tells of each batch after it. */
static _Noreturn void append_until_killed(int pipe_end) {
    edge_store *store = open_store(2, 300000, trib_posix_clock());
    uint64_t next = 0;
    trib_ignore(edge_store_positions(store, note_position, &next));
    for (bool starts = next == 0;; starts = false) {
        edge_batch *batch = make_batch("a.csv", next, 37, starts);
        next += 37;
        if (!trib_ok(edge_store_append(store, batch)) || !trib_ok(edge_store_flush(store, true)) ||
            write(pipe_end, "x", 1) != 1) {
            _exit(1);
        }
        edge_batch_destroy(batch);
    }
}

static uint64_t run_and_kill(int batches) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        append_until_killed(ends[1]);
    }
    (void)close(ends[1]);
    char byte;
    for (int i = 0; i < batches; i++) {
        assert_int_equal(read(ends[0], &byte, 1), 1);
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFSIGNALED(result));
    (void)close(ends[0]);
    return (uint64_t)batches * 37;
}

static void every_row_survives_a_kill(void **state) {
    (void)state;
    uint64_t least = 0;
    for (int round = 0; round < 6; round++) {
        least += run_and_kill(3 + 41 * round);
        edge_store *store = open_store(2, 300000, &test_clock);
        edge_store_range range = edge_store_holds(store);
        uint64_t position = 0;
        assert_true(trib_ok(edge_store_positions(store, note_position, &position)));
        assert_int_equal(position, range.last_row); /* one file: neither repeated nor left out */
        assert_true(position >= least);
        edge_store_close(store);
        seen at = read_range(0, UINT64_MAX, range.first_row - 1, NULL);
        assert_int_equal(at.rows, range.rows);
        assert_int_equal(at.starts, 1);
        least = position;
    }
    assert_int_equal(said[EDGE_EVENT_STORE_SET_ASIDE], 0);
}

/* ---- rows of which none may be missing ---- */

static trib_status append_exact(edge_store *store, const char *name, uint64_t first,
                                uint32_t count) {
    edge_batch *batch = make_batch(name, first, count, false);
    batch->exact = true;
    trib_status status = edge_store_append(store, batch);
    edge_batch_destroy(batch);
    return status;
}

typedef struct places {
    uint64_t of[2];
} places;

static trib_status note_place(void *context, const char *recording, uint64_t position) {
    places *at = context;
    assert_true(strncmp(recording, "rows/", 5) == 0);
    at->of[recording[5] - '0'] = position;
    return TRIB_SUCCESS;
}

static places places_in(edge_store *store) {
    places at = {0};
    assert_true(trib_ok(edge_store_positions(store, note_place, &at)));
    return at;
}

static void each_partition_keeps_its_own_position_with_its_rows(void **state) {
    (void)state;
    edge_store *store = open_store(2, 1 << 20, &test_clock);
    assert_true(trib_ok(append_exact(store, "rows/0", 0, 10)));
    assert_true(trib_ok(append_exact(store, "rows/1", 0, 20)));
    assert_true(trib_ok(append_exact(store, "rows/0", 10, 5)));
    assert_int_equal(places_in(store).of[0], 10); /* the newest five are only gathered */
    assert_int_equal(places_in(store).of[1], 20);
    assert_int_equal(edge_store_holds(store).rows, 30);
    edge_store_close(store);
    store = open_store(2, 1 << 20, &test_clock);
    assert_int_equal(places_in(store).of[0], 15);
    edge_store_close(store);
    trib_source_spec spec = spec_of(2);
    TRIB_SCOPED(edge_store_reader_close_scoped) edge_store_reader *reader = NULL;
    seen at = {0};
    edge_store_read done;
    assert_true(trib_ok(edge_store_reader_open(folder, &spec, &reader)));
    assert_true(trib_ok(edge_store_reader_rows(reader, 0, UINT64_MAX, see, &at, &done)));
    assert_int_equal(at.rows, 35);
    assert_int_equal(at.starts, 3); /* no window over rows of both */
}

/* A transaction that cannot be made, by a trigger in the database itself. */
static void set_trigger(bool on) {
    char path[128];
    trib_database *database = NULL;
    (void)snprintf(path, sizeof path, "%s/samples.db", folder);
    assert_true(trib_ok(edge_samples_open(path, &database)));
    if (!trib_ok(trib_database_run(database, on ? "CREATE TRIGGER refuse BEFORE INSERT ON files"
                                                  " BEGIN SELECT RAISE(ABORT, 'no position'); END"
                                                : "DROP TRIGGER refuse"))) {
        fail_msg("trigger: %s", trib_message());
    }
    trib_database_close(database);
}

static void rows_and_position_are_stored_together_or_not_at_all(void **state) {
    (void)state;
    edge_store *store = open_store(2, 1 << 20, &test_clock);
    assert_true(trib_ok(append_exact(store, "rows/0", 0, 10)));
    assert_true(trib_ok(edge_store_flush(store, true)));
    set_trigger(true);
    assert_true(trib_ok(append_exact(store, "rows/0", 10, 10)));
    assert_false(edge_store_halted(store));
    assert_false(trib_ok(edge_store_flush(store, true)));
    assert_true(edge_store_halted(store));
    assert_int_equal(said[EDGE_EVENT_STORE_FAILED], 1);
    set_trigger(false);

    /* what comes behind the hole is refused, though it could be written: it would be passed over */
    assert_int_equal(append_exact(store, "rows/0", 20, 10).code, TRIB_E_STATE);
    assert_int_equal(append_exact(store, "rows/1", 0, 10).code, TRIB_E_STATE);
    assert_true(trib_ok(edge_store_flush(store, true)));
    assert_int_equal(edge_store_holds(store).rows, 10);
    assert_int_equal(places_in(store).of[0], 10);
    edge_store_close(store);

    store = open_store(2, 1 << 20, &test_clock); /* the source goes on from here */
    assert_false(edge_store_halted(store));
    assert_int_equal(places_in(store).of[0], 10);
    assert_true(trib_ok(append_exact(store, "rows/0", 10, 20)));
    edge_store_close(store);
    seen at = read_range(0, UINT64_MAX, 0, NULL);
    assert_int_equal(at.rows, 30);
}

static void rows_of_others_go_on_behind_a_hole(void **state) {
    (void)state;
    edge_store *store = open_store(2, 1 << 20, &test_clock);
    append(store, "a.csv", 0, 10, true);
    assert_true(trib_ok(edge_store_flush(store, true)));
    set_trigger(true);
    append(store, "a.csv", 10, 10, false);
    assert_false(trib_ok(edge_store_flush(store, true)));
    assert_false(edge_store_halted(store));
    set_trigger(false);
    append(store, "a.csv", 20, 10, false);
    assert_true(trib_ok(edge_store_flush(store, true)));
    assert_int_equal(edge_store_holds(store).rows, 20);
    edge_store_close(store);
}

static void a_folder_that_is_not_there_is_said(void **state) {
    (void)state;
    trib_source_spec spec = spec_of(2);
    edge_store *store = NULL;
    const edge_store_options options = {"/nonexistent/folder", &spec, 1, &test_clock, {NULL, NULL}};
    assert_int_equal(edge_store_open(&options, &store).code, TRIB_E_IO);
    assert_null(store);
    edge_store_close(NULL);
    edge_store_reader_close(NULL);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        FRESH(rows_come_back_as_they_were),
        FRESH(a_second_or_a_full_block_is_written_by_itself),
        FRESH(recordings_start_where_they_started),
        FRESH(a_restart_goes_on_with_numbers_positions_and_recording),
        FRESH(another_file_does_not_go_on_with_the_last_recording),
        FRESH(the_oldest_blocks_go_when_the_limit_is_met),
        FRESH(numbers_rise_even_when_columns_change),
        FRESH(a_damaged_database_is_set_aside_and_begun_anew),
        FRESH(a_block_with_a_wrong_checksum_is_left_out),
        FRESH(a_reading_is_of_one_moment),
        FRESH(every_row_survives_a_kill),
        FRESH(each_partition_keeps_its_own_position_with_its_rows),
        FRESH(rows_and_position_are_stored_together_or_not_at_all),
        FRESH(rows_of_others_go_on_behind_a_hole),
        FRESH(a_folder_that_is_not_there_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
