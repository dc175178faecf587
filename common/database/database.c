#include "common/database/database.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "common/base/heap.h"

enum { STATEMENTS = 64, BUSY_MS = 5000 };

struct trib_statement {
    sqlite3_stmt *handle;
    trib_database *database;
    const char *sql;
    int bind_error;
};

struct trib_database {
    sqlite3 *handle;
    char *path;
    trib_statement statements[STATEMENTS];
    size_t count;
    bool distrusted; /* a sync has failed: what is in the log may be in memory alone */
};

/* Statements are fixed text that fits the migrations: where one makes no sense to SQLite
 * (SQLITE_ERROR), the file is not what they have made of it. */
static bool damaged(int code) {
    return code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR;
}

static trib_status failed(trib_database *database, const char *what) {
    int code = sqlite3_errcode(database->handle);
    trib_code kind = damaged(code)         ? TRIB_E_CORRUPT
                     : code == SQLITE_BUSY ? TRIB_E_RETRY
                                           : TRIB_E_IO;
    return TRIB_FAIL(kind, "%s: %s: %s%s", database->path, what, sqlite3_errmsg(database->handle),
                     code == SQLITE_FULL ? " (make room and try again)" : "");
}

trib_status trib_database_run(trib_database *database, const char *sql) {
    return sqlite3_exec(database->handle, sql, NULL, NULL, NULL) == SQLITE_OK
               ? TRIB_SUCCESS
               : failed(database, "cannot run a statement");
}

static trib_status read_integer(trib_database *database, const char *sql, int64_t *ret) {
    trib_statement *statement;
    bool row;
    TRIB_TRY(trib_database_prepare(database, sql, &statement));
    TRIB_TRY(trib_statement_step(statement, &row));
    *ret = row ? trib_column_integer(statement, 0) : 0;
    trib_statement_reset(statement);
    return TRIB_SUCCESS;
}

static trib_status migrate(trib_database *database, const trib_migration *migrations,
                           size_t count) {
    int64_t version = 0;
    TRIB_TRY(read_integer(database, "PRAGMA user_version", &version));
    if (version < 0 || (uint64_t)version > count) {
        return TRIB_FAIL(TRIB_E_STATE,
                         "%s: made by a newer program (version %lld, this one knows %zu)",
                         database->path, (long long)version, count);
    }
    for (size_t i = (size_t)version; i < count; i++) {
        char done[64];
        (void)snprintf(done, sizeof done, "PRAGMA user_version = %zu", i + 1);
        TRIB_TRY(trib_database_begin(database));
        trib_status status = trib_database_run(database, migrations[i].sql);
        if (trib_ok(status)) {
            status = trib_database_run(database, done);
        }
        if (trib_ok(status)) {
            status = trib_database_commit(database);
        }
        if (!trib_ok(status)) {
            trib_database_rollback(database);
            return trib_context(status, "migration %s", migrations[i].name);
        }
    }
    return TRIB_SUCCESS;
}

static trib_status check_structure(trib_database *database) {
    trib_statement *statement;
    bool row;
    TRIB_TRY(trib_database_prepare(database, "PRAGMA quick_check(1)", &statement));
    TRIB_TRY(trib_statement_step(statement, &row));
    if (row && strcmp(trib_column_text(statement, 0), "ok") != 0) {
        trib_status status = TRIB_FAIL(TRIB_E_CORRUPT, "%s: damaged: %.200s", database->path,
                                       trib_column_text(statement, 0));
        trib_statement_reset(statement);
        return status;
    }
    trib_statement_reset(statement);
    return TRIB_SUCCESS;
}

static void close_scoped(trib_database **database) {
    trib_database_close(*database);
}

void trib_database_keep_small(void) {
    (void)sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
    (void)sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
}

static trib_status open_file(const char *path, int flags, trib_database **ret_database) {
    TRIB_SCOPED(close_scoped) trib_database *database = trib_allocate(1, sizeof *database);
    if (database == NULL || (database->path = trib_duplicate_text(path)) == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a database");
    }
    if (sqlite3_open_v2(path, &database->handle, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        return failed(database, "cannot be opened");
    }
    (void)sqlite3_busy_timeout(database->handle, BUSY_MS);
    *ret_database = database;
    database = NULL;
    return TRIB_SUCCESS;
}

/* A header that asks for a newer version makes SQLite leave the file as it is, for ever: it can
 * only be set aside. A file that nobody may write to is something else. */
static trib_status check_writable(trib_database *database) {
    sqlite3_vfs *files = sqlite3_vfs_find(NULL);
    int may = 0;
    if (sqlite3_db_readonly(database->handle, "main") != 1 ||
        files->xAccess(files, database->path, SQLITE_ACCESS_READWRITE, &may) != SQLITE_OK || !may) {
        return TRIB_SUCCESS; /* or the first write says what is wrong */
    }
    return TRIB_FAIL(TRIB_E_CORRUPT, "%s: its header asks for a version that SQLite does not write",
                     database->path);
}

trib_status trib_database_open_reader(const char *path, trib_database **ret_database) {
    TRIB_SCOPED(close_scoped) trib_database *database = NULL;
    TRIB_TRY(open_file(path, SQLITE_OPEN_READWRITE, &database)); /* a log wants its index written */
    TRIB_TRY(trib_database_run(database, "PRAGMA query_only = ON; PRAGMA cache_size = -64;"
                                         "PRAGMA trusted_schema = OFF"));
    *ret_database = database;
    database = NULL;
    return TRIB_SUCCESS;
}

trib_status trib_database_copy(const char *path, const char *into) {
    TRIB_SCOPED(close_scoped) trib_database *database = NULL;
    trib_statement *statement;
    TRIB_TRY(open_file(path, SQLITE_OPEN_READWRITE, &database));
    TRIB_TRY(trib_database_prepare(database, "VACUUM INTO ?1", &statement));
    trib_bind_text(statement, 1, into);
    return trib_statement_finish(statement);
}

trib_status trib_database_open(const char *path, const trib_migration *migrations, size_t count,
                               trib_database **ret_database) {
    TRIB_SCOPED(close_scoped) trib_database *database = NULL;
    TRIB_TRY(open_file(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &database));
    TRIB_TRY(trib_database_run(database, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                                         "PRAGMA foreign_keys = ON; PRAGMA cache_size = -128;"
                                         "PRAGMA journal_size_limit = 4194304;"
                                         "PRAGMA trusted_schema = OFF"));
    TRIB_TRY(check_structure(database));
    TRIB_TRY(check_writable(database));
    TRIB_TRY(migrate(database, migrations, count));
    *ret_database = database;
    database = NULL;
    return TRIB_SUCCESS;
}

void trib_database_close(trib_database *database) {
    if (database == NULL) {
        return;
    }
    for (size_t i = 0; i < database->count; i++) {
        (void)sqlite3_finalize(database->statements[i].handle);
    }
    (void)sqlite3_close(database->handle);
    trib_free(database->path);
    trib_free(database);
}

/* Of those that run again and again: prepared once. */
static trib_status run_prepared(trib_database *database, const char *sql) {
    trib_statement *statement;
    TRIB_TRY(trib_database_prepare(database, sql, &statement));
    return trib_statement_finish(statement);
}

trib_status trib_database_begin(trib_database *database) {
    return run_prepared(database, "BEGIN IMMEDIATE");
}

trib_status trib_database_commit(trib_database *database) {
    if (sqlite3_get_autocommit(database->handle) !=
        0) { /* SQLite has rolled it back: a full disk */
        return TRIB_FAIL(TRIB_E_IO, "%s: the transaction has failed before", database->path);
    }
    return run_prepared(database, "COMMIT");
}

void trib_database_rollback(trib_database *database) {
    if (sqlite3_get_autocommit(database->handle) == 0) {
        (void)sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
    }
}

trib_status trib_database_fold(trib_database *database) {
    int code =
        sqlite3_wal_checkpoint_v2(database->handle, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return code == SQLITE_OK ? TRIB_SUCCESS
                             : TRIB_FAIL(TRIB_E_IO, "%s: its log cannot be folded in: %s",
                                         database->path, sqlite3_errstr(code));
}

/* With synchronous = NORMAL SQLite syncs the log only before a checkpoint; this is the same call on
 * the same file (SQLITE_FCNTL_JOURNAL_POINTER names the log in WAL mode). Without a log nothing has
 * been written since it was last folded into the database, which syncs. */
trib_status trib_database_sync(trib_database *database) {
    sqlite3_file *log = NULL;
    if (database->distrusted) {
        TRIB_TRY(trib_database_fold(database));
        database->distrusted = false;
        return TRIB_SUCCESS;
    }
    int code = sqlite3_file_control(database->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (code == SQLITE_OK && log != NULL && log->pMethods != NULL) {
        code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
    }
    database->distrusted = code != SQLITE_OK;
    return code == SQLITE_OK ? TRIB_SUCCESS
                             : TRIB_FAIL(TRIB_E_IO, "%s: cannot be synced: %s", database->path,
                                         sqlite3_errstr(code));
}

trib_status trib_database_prepare(trib_database *database, const char *sql,
                                  trib_statement **ret_statement) {
    for (size_t i = 0; i < database->count; i++) {
        if (database->statements[i].sql == sql || strcmp(database->statements[i].sql, sql) == 0) {
            trib_statement_reset(&database->statements[i]);
            *ret_statement = &database->statements[i];
            return TRIB_SUCCESS;
        }
    }
    TRIB_ASSERT(database->count < STATEMENTS);
    trib_statement *next = &database->statements[database->count];
    *next = (trib_statement){.database = database, .sql = sql, .bind_error = SQLITE_OK};
    if (sqlite3_prepare_v3(database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &next->handle,
                           NULL) != SQLITE_OK) {
        return failed(database, sql);
    }
    database->count++;
    *ret_statement = next;
    return TRIB_SUCCESS;
}

static void note(trib_statement *statement, int code) {
    if (code != SQLITE_OK) {
        statement->bind_error = code;
    }
}

void trib_bind_integer(trib_statement *statement, int index, int64_t value) {
    note(statement, sqlite3_bind_int64(statement->handle, index, value));
}

void trib_bind_number(trib_statement *statement, int index, double value) {
    note(statement, sqlite3_bind_double(statement->handle, index, value));
}

void trib_bind_text(trib_statement *statement, int index, const char *text) {
    note(statement, sqlite3_bind_text(statement->handle, index, text, -1, SQLITE_TRANSIENT));
}

void trib_bind_bytes(trib_statement *statement, int index, trib_bytes bytes) {
    note(statement, sqlite3_bind_blob64(statement->handle, index,
                                        bytes.data != NULL ? bytes.data : (const uint8_t *)"",
                                        bytes.size, SQLITE_TRANSIENT));
}

trib_status trib_statement_step(trib_statement *statement, bool *ret_row) {
    if (statement->bind_error != SQLITE_OK) {
        return TRIB_FAIL(TRIB_E_IO, "%s: cannot bind: %s", statement->database->path,
                         sqlite3_errstr(statement->bind_error));
    }
    int code = sqlite3_step(statement->handle);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        trib_status status = failed(statement->database, "a statement failed");
        (void)sqlite3_reset(statement->handle);
        return status;
    }
    *ret_row = code == SQLITE_ROW;
    if (code == SQLITE_DONE) {
        (void)sqlite3_reset(statement->handle);
    }
    return TRIB_SUCCESS;
}

trib_status trib_statement_finish(trib_statement *statement) {
    bool row = true;
    while (row) {
        TRIB_TRY(trib_statement_step(statement, &row));
    }
    return TRIB_SUCCESS;
}

void trib_statement_reset(trib_statement *statement) {
    (void)sqlite3_reset(statement->handle);
    (void)sqlite3_clear_bindings(statement->handle);
    statement->bind_error = SQLITE_OK;
}

int64_t trib_column_integer(const trib_statement *statement, int index) {
    return sqlite3_column_int64(statement->handle, index);
}

double trib_column_number(const trib_statement *statement, int index) {
    return sqlite3_column_double(statement->handle, index);
}

const char *trib_column_text(const trib_statement *statement, int index) {
    const unsigned char *text = sqlite3_column_text(statement->handle, index);
    return text != NULL ? (const char *)text : "";
}

trib_bytes trib_column_bytes(const trib_statement *statement, int index) {
    const void *bytes = sqlite3_column_blob(statement->handle, index);
    return trib_bytes_of(bytes, (size_t)sqlite3_column_bytes(statement->handle, index));
}

bool trib_column_null(const trib_statement *statement, int index) {
    return sqlite3_column_type(statement->handle, index) == SQLITE_NULL;
}
