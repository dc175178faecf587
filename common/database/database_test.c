/* What a failure is taken for: damage leads to a new file, everything else must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/database/database.h"

static const trib_migration migrations[] = {
    {"0001_first.sql", "CREATE TABLE sum (part INTEGER NOT NULL)"}};
static char folder[64], path[96];

static trib_status open_database(trib_database **ret_database) {
    return trib_database_open(path, migrations, 1, ret_database);
}

static int set_up(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/database-test-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/some.db", folder);
    trib_database *database = NULL;
    assert_true(trib_ok(open_database(&database)));
    trib_database_close(database);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

static void a_file_whose_format_sqlite_does_not_know_is_damaged(void **state) {
    (void)state;
    enum { SCHEMA_FORMAT = 47 }; /* the last byte of it, in SQLite's file header */
    trib_database *database = NULL;
    FILE *file = fopen(path, "rb+");
    assert_non_null(file);
    assert_int_equal(fseek(file, SCHEMA_FORMAT, SEEK_SET), 0);
    assert_int_not_equal(fputc('l', file), EOF);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(open_database(&database).code, TRIB_E_CORRUPT);
}

static void a_file_that_sqlite_will_not_write_to_is_damaged(void **state) {
    (void)state;
    enum { WRITE_VERSION = 18 }; /* in SQLite's file header */
    trib_database *database = NULL;
    assert_true(trib_ok(open_database(&database)));
    trib_database_close(database); /* which folds the log in */
    FILE *file = fopen(path, "rb+");
    assert_non_null(file);
    assert_int_equal(fseek(file, WRITE_VERSION, SEEK_SET), 0);
    assert_int_not_equal(fputc(0x42, file), EOF);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(open_database(&database).code, TRIB_E_CORRUPT);
    assert_non_null(strstr(trib_message(), "version"));
}

static void values_that_a_statement_cannot_work_with_are_damage(void **state) {
    (void)state;
    trib_database *database = NULL;
    trib_statement *statement;
    bool row;
    assert_true(trib_ok(open_database(&database)));
    assert_true(
        trib_ok(trib_database_run(database, "INSERT INTO sum VALUES (9223372036854775807), (1)")));
    assert_true(trib_ok(trib_database_prepare(database, "SELECT sum(part) FROM sum", &statement)));
    assert_int_equal(trib_statement_step(statement, &row).code, TRIB_E_CORRUPT);
    trib_database_close(database);
}

/* SQLite rolls back by itself when the disk is full. */
static void a_commit_after_a_failure_that_ended_the_transaction_is_no_damage(void **state) {
    (void)state;
    trib_database *database = NULL;
    assert_true(trib_ok(open_database(&database)));
    assert_true(trib_ok(trib_database_begin(database)));
    assert_true(trib_ok(trib_database_run(database, "ROLLBACK")));
    assert_int_equal(trib_database_commit(database).code, TRIB_E_IO);
    trib_database_rollback(database);
    assert_true(trib_ok(trib_database_begin(database)));
    assert_true(trib_ok(trib_database_commit(database)));
    trib_database_close(database);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_file_whose_format_sqlite_does_not_know_is_damaged),
        CASE(a_file_that_sqlite_will_not_write_to_is_damaged),
        CASE(values_that_a_statement_cannot_work_with_are_damage),
        CASE(a_commit_after_a_failure_that_ended_the_transaction_is_no_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
