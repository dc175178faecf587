#include "edge/store/samples.h"

#include <stdio.h>

#include "generated/edge_store_migrations.h"

trib_status edge_samples_path(const char *folder, char ret_path[EDGE_SAMPLES_PATH_SIZE]) {
    int size = snprintf(ret_path, EDGE_SAMPLES_PATH_SIZE, "%s/samples.db", folder);
    if (size < 0 || size >= EDGE_SAMPLES_PATH_SIZE - 16) { /* "-wal", ".damaged" come behind it */
        return TRIB_FAIL(TRIB_E_LIMIT, "the path of the state folder %s is too long", folder);
    }
    return TRIB_SUCCESS;
}

trib_status edge_samples_open(const char *path, trib_database **ret_database) {
    /* Never synced: the last seconds of samples may go with the power; the file stays whole. */
    return trib_database_open(path, edge_store_migrations,
                              sizeof edge_store_migrations / sizeof edge_store_migrations[0],
                              ret_database);
}

trib_status edge_samples_range(trib_database *database, edge_store_range *ret_range) {
    trib_statement *statement;
    bool row;
    TRIB_TRY(trib_database_prepare(
        database,
        "SELECT coalesce(min(first_row), 0), coalesce(max(last_row), 0),"
        " coalesce(sum(last_row - first_row + 1), 0), coalesce(sum(train_rows), 0),"
        " coalesce(sum(length(rows)), 0) FROM blocks",
        &statement));
    TRIB_TRY(trib_statement_step(statement, &row));
    TRIB_ASSERT(row);
    *ret_range = (edge_store_range){.first_row = (uint64_t)trib_column_integer(statement, 0),
                                    .last_row = (uint64_t)trib_column_integer(statement, 1),
                                    .rows = (uint64_t)trib_column_integer(statement, 2),
                                    .train_rows = (uint64_t)trib_column_integer(statement, 3),
                                    .bytes = (uint64_t)trib_column_integer(statement, 4)};
    trib_statement_reset(statement);
    return TRIB_SUCCESS;
}

trib_status edge_samples_integer(trib_database *database, const char *sql, int64_t *ret_value) {
    trib_statement *statement;
    bool row;
    TRIB_TRY(trib_database_prepare(database, sql, &statement));
    TRIB_TRY(trib_statement_step(statement, &row));
    *ret_value = row ? trib_column_integer(statement, 0) : 0;
    trib_statement_reset(statement);
    return TRIB_SUCCESS;
}

edge_block_shape edge_samples_shape(const trib_source_spec *spec) {
    return (edge_block_shape){spec->channel_count, spec->target_count};
}
