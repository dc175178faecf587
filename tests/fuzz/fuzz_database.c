/* A database as a crash, a bad disk or a stranger may leave it: the first byte says which. It
 * begins as its own writers leave it when they are killed; then a program changes bytes of the file
 * or its log, cuts them short, or sets a column to a value of any type. Opening and reading it
 * gives what is there or an error, and what is written after that is there. */
#include "tests/fuzz/database.h"

#include <sqlite3.h>
#include <unistd.h>

#include "tests/fuzz/folder.h"
#include "tests/fuzz/program.h"
#include "tests/fuzz/steps.h"

enum { STEPS = 24, MOST_BYTES = 1 << 20 };

static fuzz_database *const databases[] = {&fuzz_state, &fuzz_samples, &fuzz_registry};
enum { DATABASES = sizeof databases / sizeof databases[0] };

static void path_of(const fuzz_database *database, const char *suffix,
                    char ret_path[FUZZ_PATH_SIZE]) {
    char name[64];
    (void)snprintf(name, sizeof name, "%s%s", database->name, suffix);
    fuzz_path(name, ret_path);
}

/* ---- as it was left ------------------------------------------------------------------------ */

static void take_file(const fuzz_database *database, const char *suffix, trib_buffer *ret_bytes) {
    uint8_t part[4096];
    char path[FUZZ_PATH_SIZE];
    path_of(database, suffix, path);
    FILE *file = fopen(path, "rb");
    FUZZ_MUST(file != NULL);
    *ret_bytes = (trib_buffer){.ceiling = MOST_BYTES};
    for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;) {
        FUZZ_MUST(trib_ok(trib_buffer_append(ret_bytes, trib_bytes_of(part, got))));
    }
    FUZZ_MUST(fclose(file) == 0);
}

static void find_columns(fuzz_database *database) {
    char path[FUZZ_PATH_SIZE];
    sqlite3 *handle;
    sqlite3_stmt *found;
    path_of(database, "", path);
    FUZZ_MUST(sqlite3_open(path, &handle) == SQLITE_OK);
    FUZZ_MUST(sqlite3_prepare_v2(handle,
                                 "SELECT s.name, c.name FROM sqlite_schema AS s,"
                                 " pragma_table_info(s.name) AS c WHERE s.type = 'table'",
                                 -1, &found, NULL) == SQLITE_OK);
    for (size_t i = 0; sqlite3_step(found) == SQLITE_ROW; i++) {
        FUZZ_MUST(i < FUZZ_DATABASE_COLUMNS);
        for (int part = 0; part < 2; part++) {
            (void)snprintf(database->columns[i][part], FUZZ_COLUMN_SIZE, "%s",
                           (const char *)sqlite3_column_text(found, part));
        }
        database->column_count = i + 1;
    }
    FUZZ_MUST(sqlite3_finalize(found) == SQLITE_OK && sqlite3_close(handle) == SQLITE_OK);
    FUZZ_MUST(database->column_count > 0);
}

/* Half of it is in the file; the other half, of a writer that still runs, in the log. */
static void make(fuzz_database *database) {
    database->write(true);
    database->close();
    find_columns(database);
    database->write(false);
    take_file(database, "", &database->file);
    take_file(database, "-wal", &database->log);
    database->close();
}

static fuzz_database *begin(uint8_t which) {
    static const char *const others[] = {"-shm", ".damaged"};
    fuzz_database *database = databases[which % DATABASES];
    char path[FUZZ_PATH_SIZE];
    if (database->column_count == 0) {
        make(database);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        path_of(database, others[i], path);
        (void)unlink(path); /* it may not be there */
    }
    (void)snprintf(path, sizeof path, "%s-wal", database->name);
    fuzz_put_file(path, trib_buffer_view(&database->log));
    fuzz_put_file(database->name, trib_buffer_view(&database->file));
    return database;
}

/* ---- what comes to it ---------------------------------------------------------------------- */

static FILE *open_part(const fuzz_database *database, uint8_t part, size_t *ret_size) {
    char path[FUZZ_PATH_SIZE];
    path_of(database, part % 2 == 0 ? "" : "-wal", path);
    FILE *file = fopen(path, "rb+"); /* a log may be gone: folded into the file */
    if (file != NULL) {
        FUZZ_MUST(fseek(file, 0, SEEK_END) == 0);
        *ret_size = (size_t)ftell(file);
    }
    return file;
}

static void change_bytes(const fuzz_database *database, trib_cursor *program) {
    size_t size = 0;
    FILE *file = open_part(database, fuzz_u8(program), &size);
    size_t at = fuzz_u16(program);
    trib_bytes bytes = fuzz_bytes(program);
    if (file == NULL) {
        return;
    }
    if (size > 0 && bytes.size > 0) {
        FUZZ_MUST(fseek(file, (long)(at % size), SEEK_SET) == 0);
        FUZZ_MUST(fwrite(bytes.data, 1, bytes.size, file) == bytes.size);
    }
    FUZZ_MUST(fclose(file) == 0);
}

static void cut_short(const fuzz_database *database, trib_cursor *program) {
    size_t size = 0;
    FILE *file = open_part(database, fuzz_u8(program), &size);
    size_t left = fuzz_u16(program);
    if (file != NULL) {
        FUZZ_MUST(ftruncate(fileno(file), (off_t)(left < size ? left : size)) == 0);
        FUZZ_MUST(fclose(file) == 0);
    }
}

static void bind(sqlite3_stmt *statement, trib_cursor *program) {
    uint8_t type = fuzz_u8(program);
    trib_bytes bytes = {NULL, 0};
    switch (type % 4) {
    case 0:
        (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)fuzz_u64(program));
        break;
    case 1:
        bytes = fuzz_bytes(program);
        (void)sqlite3_bind_text(statement, 1, (const char *)bytes.data, (int)bytes.size,
                                SQLITE_TRANSIENT);
        break;
    case 2:
        bytes = fuzz_bytes(program);
        (void)sqlite3_bind_blob(statement, 1, bytes.data, (int)bytes.size, SQLITE_TRANSIENT);
        break;
    default:
        (void)sqlite3_bind_double(statement, 1, (double)fuzz_u8(program) * 1e306);
        break;
    }
}

/* One column of all rows of a table, where its keys allow it. */
static void set_value(const fuzz_database *database, trib_cursor *program) {
    char path[FUZZ_PATH_SIZE], sql[512];
    sqlite3 *handle = NULL;
    sqlite3_stmt *statement = NULL;
    uint8_t which = fuzz_u8(program);
    const char *table = database->columns[which % database->column_count][0];
    const char *column = database->columns[which % database->column_count][1];
    path_of(database, "", path);
    (void)snprintf(sql, sizeof sql, "UPDATE OR IGNORE %s SET %s = ?1", table, column);
    if (sqlite3_open(path, &handle) == SQLITE_OK &&
        sqlite3_exec(handle, "PRAGMA ignore_check_constraints = ON", NULL, NULL, NULL) ==
            SQLITE_OK &&
        sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) == SQLITE_OK) {
        bind(statement, program);
        (void)sqlite3_step(statement);
    }
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(handle);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    trib_cursor program = trib_cursor_of(trib_bytes_of(data, size));
    const fuzz_database *database = begin(fuzz_u8(&program));
    for (int i = 0; i < STEPS && program.left > 0; i++) {
        switch ((database_step)(fuzz_u8(&program) % DATABASE_STEPS)) {
        case DATABASE_CHANGE:
            change_bytes(database, &program);
            break;
        case DATABASE_CUT:
            cut_short(database, &program);
            break;
        case DATABASE_SET:
            set_value(database, &program);
            break;
        case DATABASE_STEPS:
            break;
        }
    }
    database->read();
    return 0;
}
