/* SQLite, in the one way that Tributary uses it: WAL, migrations in order, statements prepared
 * once.
 *
 * A commit survives the end of this program at once, and loss of power from the next
 * trib_database_sync on. Commits are lost in no other order than that they were made in, newest
 * first, so whatever only later changes depend on needs no sync of its own
 * (docs/adr/0009-sync-before-others-hear.md).
 *
 * errors   TRIB_E_CORRUPT a damaged database;  TRIB_E_IO a full disk and the like, TRIB_E_STATE a
 *          database newer than this program
 * threads  a connection and its statements belong to one thread
 */
#ifndef TRIB_DATABASE_DATABASE_H
#define TRIB_DATABASE_DATABASE_H

#include "common/base/span.h"

typedef struct trib_database trib_database;
typedef struct trib_statement trib_statement;

typedef struct trib_migration {
    const char *name; /* 0001_first.sql */
    const char *sql;
} trib_migration;

/* For a program with little memory, before anything else of this room and once: connections set
 * nothing aside beforehand. */
void trib_database_keep_small(void);

/* Opens or creates the file, and applies the migrations it has not seen, each in a transaction; how
 * many were applied stands in user_version. Checks the file's structure (quick_check) first. */
TRIB_MUST_CHECK trib_status trib_database_open(const char *path, const trib_migration *migrations,
                                               size_t count, trib_database **ret_database);
/* Another connection to a database that is open, or was: to read, with little memory and no check
 * of its structure. */
TRIB_MUST_CHECK trib_status trib_database_open_reader(const char *path,
                                                      trib_database **ret_database);
void trib_database_close(trib_database *database);
/* A copy, whole and of one moment, of a database that others may write to meanwhile. `into` is not
 * there yet. */
TRIB_MUST_CHECK trib_status trib_database_copy(const char *path, const char *into);

TRIB_MUST_CHECK trib_status trib_database_run(trib_database *database, const char *sql);
TRIB_MUST_CHECK trib_status trib_database_begin(trib_database *database);
TRIB_MUST_CHECK trib_status trib_database_commit(trib_database *database);
void trib_database_rollback(trib_database *database);
/* Everything that is committed is durable when this returns. After one that failed, the next folds
 * the log in instead: a system says once that a sync failed, and from then on that all is well,
 * though what it was about is only in memory (Rebello et al., "Can applications recover from fsync
 * failures?", USENIX ATC 2020). */
TRIB_MUST_CHECK trib_status trib_database_sync(trib_database *database);
/* Folds the log into the database and empties it: what is damaged in the log from then on takes
 * nothing of before along. Durable when this returns. TRIB_E_IO also while others read. */
TRIB_MUST_CHECK trib_status trib_database_fold(trib_database *database);

/* A statement for `sql`, from the connection's cache, reset and with nothing bound; the connection
 * owns it. `sql` must be static text. */
TRIB_MUST_CHECK trib_status trib_database_prepare(trib_database *database, const char *sql,
                                                  trib_statement **ret_statement);
/* Parameters count from 1. Bytes and text are copied. Binding cannot fail but for memory, which the
 * step then reports. */
void trib_bind_integer(trib_statement *statement, int index, int64_t value);
void trib_bind_number(trib_statement *statement, int index, double value);
void trib_bind_text(trib_statement *statement, int index, const char *text);
void trib_bind_bytes(trib_statement *statement, int index, trib_bytes bytes);

/* One row further; *ret_row false at the end. */
TRIB_MUST_CHECK trib_status trib_statement_step(trib_statement *statement, bool *ret_row);
/* For statements without rows. */
TRIB_MUST_CHECK trib_status trib_statement_finish(trib_statement *statement);
/* Frees locks; call when leaving a loop over rows early. */
void trib_statement_reset(trib_statement *statement);

/* Columns count from 0; views are valid until the next step. */
int64_t trib_column_integer(const trib_statement *statement, int index);
double trib_column_number(const trib_statement *statement, int index);
const char *trib_column_text(const trib_statement *statement, int index); /* "" for NULL */
trib_bytes trib_column_bytes(const trib_statement *statement, int index);
bool trib_column_null(const trib_statement *statement, int index);

#endif
