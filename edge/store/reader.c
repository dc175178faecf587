#include "edge/store/samples.h"

struct edge_store_reader {
    trib_database *database;
    edge_block_shape shape;
};

trib_status edge_store_reader_open(const char *folder, const trib_source_spec *spec,
                                   edge_store_reader **ret_reader) {
    char path[EDGE_SAMPLES_PATH_SIZE];
    TRIB_TRY(edge_samples_path(folder, path));
    TRIB_SCOPED(edge_store_reader_close_scoped)
    edge_store_reader *reader = trib_allocate(1, sizeof *reader);
    if (reader == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory to read stored rows");
    }
    reader->shape = edge_samples_shape(spec);
    TRIB_TRY(trib_database_open_reader(path, &reader->database));
    *ret_reader = reader;
    reader = NULL;
    return TRIB_SUCCESS;
}

void edge_store_reader_close(edge_store_reader *reader) {
    if (reader != NULL) {
        trib_database_close(reader->database);
        trib_free(reader);
    }
}

void edge_store_reader_close_scoped(edge_store_reader **reader) {
    edge_store_reader_close(*reader);
}

trib_status edge_store_reader_range(edge_store_reader *reader, edge_store_range *ret_range) {
    return edge_samples_range(reader->database, ret_range);
}

typedef struct reading {
    uint64_t first;
    uint64_t last;
    trib_status (*each)(void *context, const edge_stored_row *row);
    void *context;
    uint64_t next_row; /* 0: the next row starts */
    int64_t recording;
    edge_store_read done;
} reading;

static trib_status read_block(reading *at, const edge_block *block, uint64_t first_row,
                              int64_t recording) {
    edge_row row;
    bool joins = at->next_row == first_row && at->recording == recording && at->done.rows > 0;
    for (uint32_t i = 0; i < block->count; i++) {
        uint64_t number = first_row + i;
        if (number < at->first || number > at->last) {
            continue;
        }
        edge_block_row(block, i, &row);
        const edge_stored_row stored = {number, !joins, &row};
        joins = true;
        if (at->done.rows++ == 0) {
            at->done.first_row = number;
        }
        at->done.last_row = number;
        TRIB_TRY(at->each(at->context, &stored));
    }
    at->next_row = first_row + block->count;
    at->recording = recording;
    return TRIB_SUCCESS;
}

static trib_status take_block(reading *at, edge_block_shape shape, trib_statement *statement) {
    uint64_t first_row = (uint64_t)trib_column_integer(statement, 0);
    uint64_t last_row = (uint64_t)trib_column_integer(statement, 1);
    edge_block block;
    trib_status status = edge_block_open(shape, trib_column_bytes(statement, 3), &block);
    if (!trib_ok(status) || block.count != last_row - first_row + 1) {
        at->done.damaged += last_row - first_row + 1;
        return TRIB_SUCCESS;
    }
    return read_block(at, &block, first_row, trib_column_integer(statement, 2));
}

trib_status edge_store_reader_rows(edge_store_reader *reader, uint64_t first, uint64_t last,
                                   trib_status (*each)(void *context, const edge_stored_row *row),
                                   void *context, edge_store_read *ret_read) {
    reading at = {.first = first, .last = last, .each = each, .context = context};
    trib_statement *statement;
    bool row = true;
    /* One statement is one read transaction: what it sees does not change. */
    TRIB_TRY(trib_database_prepare(
        reader->database,
        "SELECT first_row, last_row, recording, rows FROM blocks WHERE first_row >="
        " coalesce((SELECT max(first_row) FROM blocks WHERE first_row <= ?1), 0)"
        " AND last_row >= ?1 AND first_row <= ?2 ORDER BY first_row",
        &statement));
    trib_bind_integer(statement, 1, first > INT64_MAX ? INT64_MAX : (int64_t)first);
    trib_bind_integer(statement, 2, last > INT64_MAX ? INT64_MAX : (int64_t)last);
    for (;;) {
        TRIB_TRY(trib_statement_step(statement, &row));
        if (!row) {
            break;
        }
        trib_status status = take_block(&at, reader->shape, statement);
        if (!trib_ok(status)) {
            trib_statement_reset(statement);
            return status;
        }
    }
    *ret_read = at.done;
    return TRIB_SUCCESS;
}
