#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/database/database.h"
#include "tests/sim/disk/disk.h"
#include "tests/sim/disk/vfs.h"

enum { MILLION = 1000000, TRANSACTIONS = 24, PER_SYNC = 3 };

static const char *const path = "/d/rows.db";
static const trib_migration migrations[] = {
    {"rows", "CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB NOT NULL)"}};
static sim_disk *disk;

static uint64_t noon(void *context) {
    (void)context;
    return 1700000000000;
}

static const trib_clock stopped = {noon, noon, NULL};

static void again(uint64_t seed) {
    sim_disk_destroy(disk);
    disk = sim_disk_create("d", seed);
    sim_vfs_register(&stopped, seed);
}

static int begin(void **state) {
    (void)state;
    again(1);
    return 0;
}

static int end(void **state) {
    (void)state;
    sim_disk_destroy(disk);
    disk = NULL;
    return 0;
}

static void rates(sim_disk_rates of) {
    sim_disk_set_rates(disk, &of);
}

/* ---- a table of rows ----------------------------------------------------------------------- */

/* Of many sectors, so that a transaction changes several pages. */
static void body_of(int64_t id, uint8_t ret_body[3000]) {
    for (size_t i = 0; i < 3000; i++) {
        ret_body[i] = (uint8_t)((uint64_t)id * 31 + i * 7);
    }
}

static trib_status insert(trib_database *database, int64_t id) {
    trib_statement *statement;
    uint8_t body[3000];
    body_of(id, body);
    TRIB_TRY(trib_database_prepare(database, "INSERT INTO rows VALUES (?, ?)", &statement));
    trib_bind_integer(statement, 1, id);
    trib_bind_bytes(statement, 2, trib_bytes_of(body, sizeof body));
    return trib_statement_finish(statement);
}

/* Transaction n has rows 2n and 2n+1. */
static trib_status commit(trib_database *database, int64_t n) {
    TRIB_TRY(trib_database_begin(database));
    trib_status status = insert(database, 2 * n);
    if (trib_ok(status)) {
        status = insert(database, 2 * n + 1);
    }
    if (trib_ok(status)) {
        status = trib_database_commit(database);
    }
    if (!trib_ok(status)) {
        trib_database_rollback(database);
    }
    return status;
}

static trib_status open_rows(trib_database **ret_database) {
    TRIB_TRY(trib_database_open(path, migrations, 1, ret_database));
    /* Small, so that a run folds the log into the database several times. */
    return trib_database_run(*ret_database, "PRAGMA wal_autocheckpoint = 12");
}

/* How many transactions are there: the first ones and whole ones only. */
static int64_t count_transactions(trib_database *database) {
    trib_statement *statement;
    uint8_t body[3000];
    bool row = true;
    int64_t next = 0;
    assert_true(trib_ok(
        trib_database_prepare(database, "SELECT id, body FROM rows ORDER BY id", &statement)));
    for (; trib_ok(trib_statement_step(statement, &row)) && row; next++) {
        body_of(next, body);
        assert_int_equal(trib_column_integer(statement, 0), next);
        assert_true(
            trib_bytes_equal(trib_column_bytes(statement, 1), trib_bytes_of(body, sizeof body)));
    }
    assert_false(row);
    assert_int_equal(next % 2, 0);
    return next / 2;
}

static void check_whole(trib_database *database) {
    trib_statement *statement;
    bool row = false;
    assert_true(trib_ok(trib_database_prepare(database, "PRAGMA integrity_check", &statement)));
    assert_true(trib_ok(trib_statement_step(statement, &row)) && row);
    assert_string_equal(trib_column_text(statement, 0), "ok");
    trib_statement_reset(statement);
}

typedef struct run_state {
    int64_t tried, committed, synced;
} run_state;

static trib_status work(run_state *progress, trib_database *database) {
    for (int64_t n = progress->committed; n < TRANSACTIONS; n++) {
        progress->tried = n + 1;
        TRIB_TRY(commit(database, n));
        progress->committed = n + 1;
        if (n % PER_SYNC == PER_SYNC - 1) {
            TRIB_TRY(trib_database_sync(database));
            progress->synced = n + 1;
        }
    }
    return TRIB_SUCCESS;
}

/* From nothing, or from what a crash has left. */
static bool run(run_state *progress) {
    trib_database *database = NULL;
    trib_status status = open_rows(&database);
    if (trib_ok(status)) {
        progress->committed = count_transactions(database);
        status = work(progress, database);
    }
    trib_database_close(database);
    return trib_ok(status);
}

static int64_t reopened(void) {
    trib_database *database = NULL;
    trib_status status = open_rows(&database);
    if (!trib_ok(status)) {
        fail_msg("%s", trib_message());
    }
    check_whole(database);
    int64_t count = count_transactions(database);
    trib_database_close(database);
    return count;
}

/* ---- loss of power ------------------------------------------------------------------------- */

static void what_was_synced_is_there_after_a_power_cut(void **state) {
    (void)state;
    trib_database *database = NULL;
    assert_true(trib_ok(open_rows(&database)));
    assert_true(trib_ok(commit(database, 0)));
    assert_true(trib_ok(trib_database_sync(database)));
    assert_true(trib_ok(commit(database, 1)));
    assert_int_equal(count_transactions(database), 2);
    sim_disk_power_cycle(disk);
    assert_false(trib_ok(commit(database, 2))); /* a stale connection */
    trib_database_close(database);
    assert_int_equal(reopened(), 1);
}

static void what_was_not_synced_is_there_if_it_is_kept(void **state) {
    (void)state;
    trib_database *database = NULL;
    rates((sim_disk_rates){.kept = MILLION});
    assert_true(trib_ok(open_rows(&database)));
    assert_true(trib_ok(commit(database, 0)));
    sim_disk_power_cycle(disk);
    trib_database_close(database);
    assert_int_equal(reopened(), 1);
}

static void a_killed_process_loses_no_commit(void **state) {
    (void)state;
    trib_database *database = NULL, *fresh = NULL;
    assert_true(trib_ok(open_rows(&database)));
    assert_true(trib_ok(commit(database, 0)));
    sim_disk_die(disk);
    trib_database_close(database);
    sim_disk_process_killed(disk);
    assert_true(trib_ok(open_rows(&fresh)));
    assert_int_equal(count_transactions(fresh), 1);
    assert_true(trib_ok(trib_database_sync(fresh)));
    sim_disk_power_cycle(disk);
    trib_database_close(fresh);
    assert_int_equal(reopened(), 1);
}

static void a_killed_process_leaves_no_locks(void **state) {
    (void)state;
    trib_database *killed = NULL, *fresh = NULL;
    assert_true(trib_ok(open_rows(&killed)));
    assert_true(trib_ok(trib_database_begin(killed)));
    assert_true(trib_ok(insert(killed, 0)));
    sim_disk_process_killed(disk);
    assert_true(trib_ok(open_rows(&fresh)));
    assert_true(trib_ok(commit(fresh, 0)));
    trib_database_close(killed); /* harmless to the one that took over */
    assert_true(trib_ok(commit(fresh, 1)));
    assert_int_equal(count_transactions(fresh), 2);
    trib_database_close(fresh);
    assert_int_equal(reopened(), 2);
}

/* One run that dies at operation k, twice: the second time while it recovers or goes on. */
static bool die_at(uint64_t k, uint64_t seed, const sim_disk_rates *of) {
    run_state progress = {0};
    again(seed);
    sim_disk_set_rates(disk, of);
    sim_disk_die_after(disk, k);
    bool done = run(&progress);
    for (int cut = 0; cut < 2; cut++) {
        sim_disk_power_cycle(disk);
        if (cut == 1) {
            progress.tried = TRANSACTIONS;
        }
        int64_t there = reopened();
        if (there < progress.synced || there > progress.tried) {
            fail_msg("seed %llu, operation %llu, cut %d: %lld transactions of %lld synced, %lld "
                     "tried",
                     (unsigned long long)seed, (unsigned long long)k, cut, (long long)there,
                     (long long)progress.synced, (long long)progress.tried);
        }
        sim_disk_die_after(disk, k / 2);
        (void)run(&progress);
    }
    return done;
}

static void sweep(const sim_disk_rates *of, uint64_t first_seed, uint64_t seeds) {
    for (uint64_t seed = first_seed; seed < first_seed + seeds; seed++) {
        uint64_t k = 0;
        while (!die_at(k, seed, of)) {
            k++;
        }
        assert_true(k > 2 * TRANSACTIONS);
    }
}

static void a_database_survives_every_cut_that_keeps_nothing(void **state) {
    (void)state;
    sweep(&(sim_disk_rates){.kept = 0}, 1, 1);
}

static void a_database_survives_every_cut_that_keeps_all(void **state) {
    (void)state;
    sweep(&(sim_disk_rates){.kept = MILLION}, 2, 1);
}

static void a_database_survives_every_cut_that_tears_in_order(void **state) {
    (void)state;
    sweep(&(sim_disk_rates){.kept = 700000, .torn = 500000, .in_order = true}, 10, 2);
}

static void a_database_survives_every_cut_that_tears_and_reorders(void **state) {
    (void)state;
    sweep(&(sim_disk_rates){.kept = 500000, .torn = 500000}, 20, 3);
}

/* Whoever comes after a killed process has what it left made durable, its new names too. */
static void a_database_survives_a_kill_at_every_operation_and_then_a_cut(void **state) {
    (void)state;
    bool done = false;
    for (uint64_t k = 0; !done; k++) {
        run_state progress = {0};
        again(k);
        rates((sim_disk_rates){.kept = k % 2 == 0 ? 0 : 500000, .torn = 500000});
        sim_disk_die_after(disk, k);
        done = run(&progress);
        int64_t committed = progress.committed;
        sim_disk_process_killed(disk);
        trib_database *database = NULL;
        assert_true(trib_ok(open_rows(&database)));
        assert_in_range(count_transactions(database), committed, progress.tried);
        progress.committed = count_transactions(database);
        assert_true(trib_ok(commit(database, progress.committed)));
        assert_true(trib_ok(trib_database_sync(database)));
        sim_disk_power_cycle(disk);
        trib_database_close(database);
        assert_int_equal(reopened(), progress.committed + 1);
    }
}

/* What shows that the sweeps would find something: a database that does not sync is broken. */
static void a_database_that_never_syncs_is_found_out(void **state) {
    (void)state;
    int broken = 0;
    for (uint64_t seed = 0; seed < 30; seed++) {
        sqlite3 *database = NULL;
        again(seed);
        rates((sim_disk_rates){.kept = 500000, .torn = 500000});
        assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
        assert_int_equal(sqlite3_exec(database,
                                      "PRAGMA synchronous = OFF; CREATE TABLE rows (body BLOB);"
                                      "INSERT INTO rows VALUES (randomblob(20000))",
                                      NULL, NULL, NULL),
                         SQLITE_OK);
        sim_disk_power_cycle(disk);
        (void)sqlite3_close(database);
        assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
        broken += sqlite3_exec(database, "SELECT sum(length(body)) FROM rows", NULL, NULL, NULL) !=
                  SQLITE_OK;
        (void)sqlite3_close(database);
    }
    assert_true(broken > 10);
}

/* ---- a rollback journal -------------------------------------------------------------------- */

/* EXTRA: FULL leaves the removal of the journal, which is the commit, to the next sync. */
static bool journal_run(uint64_t k, int *ret_done) {
    sqlite3 *database = NULL;
    sim_disk_die_after(disk, k);
    *ret_done = 0;
    bool good =
        sqlite3_open(path, &database) == SQLITE_OK &&
        sqlite3_exec(database, "PRAGMA synchronous = EXTRA; CREATE TABLE t (n INTEGER, body BLOB)",
                     NULL, NULL, NULL) == SQLITE_OK;
    while (good && *ret_done < 4) {
        good = sqlite3_exec(database,
                            "BEGIN; INSERT INTO t VALUES (1, randomblob(5000));"
                            "UPDATE t SET n = n + 1; COMMIT",
                            NULL, NULL, NULL) == SQLITE_OK;
        *ret_done += good;
    }
    (void)sqlite3_close(database);
    return good;
}

static int count_rows(void *context, int columns, char **values, char **names) {
    (void)columns;
    (void)names;
    int *count = context;
    *count = (int)strtol(values[0], NULL, 10);
    return 0;
}

static void a_rollback_journal_survives_every_cut(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        bool good = false;
        for (uint64_t k = 0; !good; k++) {
            sqlite3 *database = NULL;
            int done, count = 0;
            again(seed);
            rates((sim_disk_rates){.kept = 500000, .torn = 500000});
            good = journal_run(k, &done);
            sim_disk_power_cycle(disk);
            assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
            int code = sqlite3_exec(database, "SELECT count(*) FROM t", count_rows, &count, NULL);
            assert_true(code == SQLITE_OK || (code == SQLITE_ERROR && done == 0)); /* no table */
            assert_in_range(count, done, done + 1);
            (void)sqlite3_close(database);
        }
    }
}

/* ---- connections --------------------------------------------------------------------------- */

static void two_connections_share_a_log(void **state) {
    (void)state;
    trib_database *writer = NULL, *reader = NULL;
    trib_statement *row;
    bool there;
    assert_true(trib_ok(open_rows(&writer)));
    assert_true(trib_ok(commit(writer, 0)));
    assert_true(trib_ok(trib_database_open_reader(path, &reader)));
    assert_int_equal(count_transactions(reader), 1);

    /* A reader keeps what it saw first, and neither waits for the other. */
    assert_true(trib_ok(trib_database_run(reader, "BEGIN")));
    assert_int_equal(count_transactions(reader), 1);
    for (int64_t n = 1; n < 20; n++) {
        assert_true(trib_ok(commit(writer, n)));
    }
    assert_int_equal(count_transactions(reader), 1);
    assert_true(trib_ok(trib_database_run(reader, "COMMIT")));
    assert_int_equal(count_transactions(reader), 20);

    /* What is not committed does not show. */
    assert_true(trib_ok(trib_database_begin(writer)));
    assert_true(trib_ok(insert(writer, 40)));
    assert_true(trib_ok(trib_database_prepare(reader, "SELECT 1 FROM rows WHERE id = 40", &row)));
    assert_true(trib_ok(trib_statement_step(row, &there)));
    assert_false(there);
    trib_database_rollback(writer);
    trib_database_close(writer);
    assert_int_equal(count_transactions(reader), 20);
    trib_database_close(reader);
    assert_int_equal(reopened(), 20);
}

/* More than the reader's cache holds, so that it reads from the log and the file what it once saw.
 */
static void a_reader_keeps_its_view_while_the_log_is_folded(void **state) {
    (void)state;
    run_state progress = {0};
    trib_database *writer = NULL, *reader = NULL;
    assert_true(run(&progress));
    assert_true(trib_ok(open_rows(&writer)));
    assert_true(trib_ok(trib_database_open_reader(path, &reader)));
    assert_true(trib_ok(trib_database_run(reader, "BEGIN")));
    assert_int_equal(count_transactions(reader), TRANSACTIONS);
    for (int i = 0; i < 3; i++) {
        assert_true(trib_ok(trib_database_run(writer, "UPDATE rows SET body = randomblob(3000)")));
        assert_true(trib_ok(trib_database_run(writer, "PRAGMA wal_checkpoint(PASSIVE)")));
        assert_int_equal(count_transactions(reader), TRANSACTIONS);
    }
    assert_true(trib_ok(trib_database_run(reader, "COMMIT")));
    check_whole(reader);
    trib_database_close(reader);
    trib_database_close(writer);
}

static void one_writes_at_a_time(void **state) {
    (void)state;
    trib_database *one = NULL, *two = NULL;
    assert_true(trib_ok(open_rows(&one)));
    assert_true(trib_ok(open_rows(&two)));
    assert_true(trib_ok(trib_database_begin(one)));
    assert_int_equal(trib_database_begin(two).code,
                     TRIB_E_RETRY); /* at once: sleep takes no time */
    assert_true(trib_ok(insert(one, 0)));
    assert_true(trib_ok(insert(one, 1)));
    assert_true(trib_ok(trib_database_commit(one)));
    assert_true(trib_ok(commit(two, 1)));
    assert_int_equal(count_transactions(one), 2);
    trib_database_close(one);
    assert_true(trib_ok(commit(two, 2)));
    trib_database_close(two);
    assert_int_equal(reopened(), 3);
}

static int run_sql(sqlite3 *database, const char *sql) {
    return sqlite3_exec(database, sql, NULL, NULL, NULL);
}

static void file_locks_exclude_as_sqlite_documents(void **state) {
    (void)state;
    sqlite3 *one = NULL, *two = NULL, *three = NULL;
    assert_int_equal(sqlite3_open(path, &one), SQLITE_OK);
    assert_int_equal(sqlite3_open(path, &two), SQLITE_OK);
    assert_int_equal(sqlite3_open(path, &three), SQLITE_OK);
    assert_int_equal(run_sql(one, "CREATE TABLE t (n); INSERT INTO t VALUES (1)"), SQLITE_OK);
    /* One reserves, two still reads, nobody else reserves. */
    assert_int_equal(run_sql(one, "BEGIN IMMEDIATE; UPDATE t SET n = 2"), SQLITE_OK);
    assert_int_equal(run_sql(two, "BEGIN; SELECT * FROM t"), SQLITE_OK);
    assert_int_equal(run_sql(three, "BEGIN IMMEDIATE"), SQLITE_BUSY);
    /* One waits for two to leave and lets no new readers in. */
    assert_int_equal(run_sql(one, "COMMIT"), SQLITE_BUSY);
    assert_int_equal(run_sql(three, "SELECT * FROM t"), SQLITE_BUSY);
    assert_int_equal(run_sql(two, "COMMIT"), SQLITE_OK);
    assert_int_equal(run_sql(one, "COMMIT"), SQLITE_OK);
    assert_int_equal(run_sql(three, "BEGIN EXCLUSIVE"), SQLITE_OK);
    assert_int_equal(run_sql(two, "SELECT * FROM t"), SQLITE_BUSY);
    assert_int_equal(run_sql(three, "ROLLBACK"), SQLITE_OK);
    assert_int_equal(run_sql(two, "SELECT * FROM t"), SQLITE_OK);
    assert_int_equal(sqlite3_close(one), SQLITE_OK);
    assert_int_equal(sqlite3_close(two), SQLITE_OK);
    assert_int_equal(sqlite3_close(three), SQLITE_OK);
}

static void stale_connections_fail_and_close_in_any_order(void **state) {
    (void)state;
    trib_database *one = NULL, *two = NULL, *fresh = NULL;
    assert_true(trib_ok(open_rows(&one)));
    assert_true(trib_ok(open_rows(&two)));
    assert_true(trib_ok(commit(one, 0)));
    assert_true(trib_ok(trib_database_sync(one)));
    assert_true(trib_ok(trib_database_run(two, "BEGIN; SELECT * FROM rows")));
    sim_disk_power_cycle(disk);
    assert_true(trib_ok(open_rows(&fresh)));
    assert_false(trib_ok(commit(one, 1)));
    assert_false(trib_ok(trib_database_sync(one)));
    assert_true(trib_ok(commit(fresh, 1)));
    trib_database_close(one);
    assert_true(trib_ok(commit(fresh, 2)));
    trib_database_close(fresh);
    sim_disk_destroy(disk); /* before its last connection */
    disk = NULL;
    trib_database_close(two);
}

/* ---- other faults -------------------------------------------------------------------------- */

static void a_full_disk_fails_and_harms_nothing(void **state) {
    (void)state;
    run_state progress = {0};
    trib_database *database = NULL;
    assert_true(trib_ok(open_rows(&database)));
    rates((sim_disk_rates){.capacity = 80000});
    assert_int_equal(work(&progress, database).code, TRIB_E_IO);
    assert_non_null(strstr(trib_message(), "full"));
    assert_true(progress.committed > 2 && progress.committed < TRANSACTIONS);
    assert_true(sim_disk_injected(disk, SIM_DISK_FULL) > 0);
    assert_true(sim_disk_bytes(disk) <= 80000);
    check_whole(database);
    assert_int_equal(count_transactions(database), progress.committed);
    rates((sim_disk_rates){.capacity = 0});
    assert_true(trib_ok(work(&progress, database)));
    trib_database_close(database);
    assert_int_equal(reopened(), TRANSACTIONS);
}

static void errors_of_the_disk_are_errors_and_harm_nothing(void **state) {
    (void)state;
    int failures = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        run_state progress = {0};
        again(seed);
        rates((sim_disk_rates){.read_error = 20000, .write_error = 20000});
        failures += !run(&progress);
        rates((sim_disk_rates){.read_error = 0});
        int64_t there = reopened();
        assert_in_range(there, progress.committed, progress.tried);
    }
    assert_true(failures > 30);
}

static void a_failed_sync_is_an_error_and_the_next_makes_up_for_it(void **state) {
    (void)state;
    trib_database *database = NULL;
    assert_true(trib_ok(open_rows(&database)));
    assert_true(trib_ok(commit(database, 0)));
    rates((sim_disk_rates){.sync_failed = MILLION});
    assert_int_equal(trib_database_sync(database).code, TRIB_E_IO);
    rates((sim_disk_rates){.kept = MILLION});
    assert_true(trib_ok(commit(database, 1)));
    assert_true(trib_ok(trib_database_sync(database))); /* it has folded the log in */
    sim_disk_power_cycle(disk);
    trib_database_close(database);
    assert_int_equal(reopened(), 2);
}

/* Rot in a file that is folded and closed: an error, a row less, or a body that is another. */
static void rot_shows_in_what_a_database_reads(void **state) {
    (void)state;
    run_state progress = {0};
    sqlite3 *database = NULL;
    sqlite3_stmt *rows = NULL;
    uint8_t body[3000];
    int64_t good = 0;
    assert_true(run(&progress));
    for (int i = 0; i < 20; i++) {
        assert_true(sim_disk_rot(disk, "rows.db"));
    }
    assert_int_equal(sim_disk_injected(disk, SIM_DISK_BIT_ROT), 20);
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    (void)sqlite3_prepare_v2(database, "SELECT id, body FROM rows", -1, &rows, NULL);
    while (rows != NULL && sqlite3_step(rows) == SQLITE_ROW) {
        body_of(sqlite3_column_int64(rows, 0), body);
        const void *bytes = sqlite3_column_blob(rows, 1);
        good += trib_bytes_equal(trib_bytes_of(bytes, (size_t)sqlite3_column_bytes(rows, 1)),
                                 trib_bytes_of(body, sizeof body));
    }
    assert_in_range(good, 0, 2 * TRANSACTIONS - 1);
    (void)sqlite3_finalize(rows);
    (void)sqlite3_close(database);
}

static void what_lies_on_no_disk_cannot_be_opened(void **state) {
    (void)state;
    sqlite3 *database = NULL;
    static const char *const nowhere[] = {"/e/rows.db", "rows.db", "/d/../rows.db", "/d/f/rows.db"};
    for (size_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) {
        assert_int_not_equal(sqlite3_open(nowhere[i], &database), SQLITE_OK);
        (void)sqlite3_close(database);
    }
    sim_disk_die(disk);
    assert_int_equal(sqlite3_open(path, &database), SQLITE_IOERR);
    (void)sqlite3_close(database);
    assert_int_equal(sim_disk_operations(disk), 0);
}

static void an_empty_file_is_not_there_as_for_unix(void **state) {
    (void)state;
    trib_disk *port = sim_disk_port(disk);
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    int handle = 0, there = 1;
    assert_true(trib_ok(port->open(port, "/d/a", TRIB_OPEN_APPEND, &handle)));
    assert_int_equal(vfs->xAccess(vfs, "/d/a", SQLITE_ACCESS_EXISTS, &there), SQLITE_OK);
    assert_int_equal(there, 0);
    assert_int_equal(vfs->xAccess(vfs, "/d/a", SQLITE_ACCESS_READWRITE, &there), SQLITE_OK);
    assert_int_equal(there, 1);
    assert_true(trib_ok(port->append(port, handle, trib_bytes_text("x"))));
    assert_int_equal(vfs->xAccess(vfs, "/d/a", SQLITE_ACCESS_EXISTS, &there), SQLITE_OK);
    assert_int_equal(there, 1);
    assert_int_equal(vfs->xDelete(vfs, "/d/b", 0), SQLITE_IOERR_DELETE_NOENT);
}

static void sorting_spills_into_files_without_a_name(void **state) {
    (void)state;
    sqlite3 *database = NULL;
    int last = 0;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(run_sql(database, "PRAGMA temp_store = FILE; PRAGMA cache_size = 10"),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(database,
                                  "CREATE TEMP TABLE t AS WITH RECURSIVE c(n) AS (SELECT 1 UNION "
                                  "ALL SELECT n + 1 FROM c WHERE n < 20000) SELECT n, "
                                  "hex(randomblob(50)) AS b FROM c;"
                                  "SELECT count(*) FROM (SELECT * FROM t ORDER BY b LIMIT 20000)",
                                  count_rows, &last, NULL),
                     SQLITE_OK);
    assert_int_equal(last, 20000);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    assert_int_equal(sim_disk_bytes(disk), 0);
}

/* ---- determinism --------------------------------------------------------------------------- */

static void see(uint64_t seed, trib_buffer *ret_seen) {
    run_state progress = {0};
    again(seed);
    rates((sim_disk_rates){.kept = 600000, .torn = 400000, .write_error = 3000});
    sim_disk_die_after(disk, 150);
    (void)run(&progress);
    sim_disk_power_cycle(disk);
    (void)run(&progress);
    sqlite3 *database = NULL;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(run_sql(database, "CREATE TABLE draws AS SELECT random() AS r, "
                                       "strftime('%s', 'now') AS t"),
                     SQLITE_OK);
    assert_true(sim_disk_look(disk, path, ret_seen));
    assert_true(sim_disk_look(disk, "/d/rows.db-wal", ret_seen));
    (void)sqlite3_close(database);
    uint64_t operations = sim_disk_operations(disk);
    assert_true(trib_ok(trib_buffer_append(ret_seen, trib_bytes_of(&operations, 8))));
}

static void the_same_seed_gives_the_same_database(void **state) {
    (void)state;
    trib_buffer one = {.ceiling = 1 << 24}, two = one, other = one;
    see(5, &one);
    see(5, &two);
    see(6, &other);
    assert_true(trib_bytes_equal(trib_buffer_view(&one), trib_buffer_view(&two)));
    assert_false(trib_bytes_equal(trib_buffer_view(&one), trib_buffer_view(&other)));
    trib_buffer_deinit(&one);
    trib_buffer_deinit(&two);
    trib_buffer_deinit(&other);
}

static void the_time_of_day_is_the_clocks(void **state) {
    (void)state;
    sqlite3 *database = NULL;
    int seconds = 0;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(database, "SELECT strftime('%s', 'now')", count_rows, &seconds, NULL),
        SQLITE_OK);
    assert_int_equal(seconds, 1700000000);
    (void)sqlite3_close(database);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_synced_is_there_after_a_power_cut),
        TEST(what_was_not_synced_is_there_if_it_is_kept),
        TEST(a_killed_process_loses_no_commit),
        TEST(a_killed_process_leaves_no_locks),
        TEST(a_database_survives_every_cut_that_keeps_nothing),
        TEST(a_database_survives_every_cut_that_keeps_all),
        TEST(a_database_survives_every_cut_that_tears_in_order),
        TEST(a_database_survives_every_cut_that_tears_and_reorders),
        TEST(a_database_survives_a_kill_at_every_operation_and_then_a_cut),
        TEST(a_database_that_never_syncs_is_found_out),
        TEST(a_rollback_journal_survives_every_cut),
        TEST(two_connections_share_a_log),
        TEST(a_reader_keeps_its_view_while_the_log_is_folded),
        TEST(one_writes_at_a_time),
        TEST(file_locks_exclude_as_sqlite_documents),
        TEST(stale_connections_fail_and_close_in_any_order),
        TEST(a_full_disk_fails_and_harms_nothing),
        TEST(errors_of_the_disk_are_errors_and_harm_nothing),
        TEST(a_failed_sync_is_an_error_and_the_next_makes_up_for_it),
        TEST(rot_shows_in_what_a_database_reads),
        TEST(what_lies_on_no_disk_cannot_be_opened),
        TEST(an_empty_file_is_not_there_as_for_unix),
        TEST(sorting_spills_into_files_without_a_name),
        TEST(the_same_seed_gives_the_same_database),
        TEST(the_time_of_day_is_the_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
