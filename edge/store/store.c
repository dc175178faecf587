#include "edge/store/store.h"

#include <stdio.h>
#include <string.h>

#include "edge/store/samples.h"

/* Rows gathered but not yet written; all of one recording. */
typedef struct gathering {
    edge_row rows[EDGE_STORE_BATCH_ROWS];
    uint32_t count;
    uint64_t since_ms;
    uint64_t position; /* of the recording; 0: none */
    bool exact;
} gathering;

struct edge_store {
    trib_database *database;
    char path[EDGE_SAMPLES_PATH_SIZE];
    trib_source_spec spec;
    uint64_t limit_bytes;
    const trib_clock *clock;
    edge_event_sink events;
    edge_store_range range;
    uint64_t next_row;
    int64_t recording; /* that rows are appended to; 0: none yet */
    bool broken;       /* rows were lost: what comes next is a recording of its own */
    bool halted;       /* exact rows were lost: later ones are not taken */
    char name[EDGE_RECORDING_NAME_SIZE];
    gathering gathered;
    trib_buffer block;
};

/* No number that was given before can be as high: fewer than 4096 rows come in a millisecond. */
static uint64_t number_after_loss(const edge_store *store) {
    uint64_t number = trib_wall_ms(store->clock) * 4096 + 1;
    return number > store->next_row ? number : store->next_row;
}

static trib_status set_integer(trib_database *database, const char *key, int64_t value) {
    trib_statement *statement;
    TRIB_TRY(
        trib_database_prepare(database, "INSERT OR REPLACE INTO meta VALUES (?1, ?2)", &statement));
    trib_bind_text(statement, 1, key);
    trib_bind_integer(statement, 2, value);
    return trib_statement_finish(statement);
}

/* ---- what rows mean ---- */

/* Everything that stored values depend on. */
static trib_status print_columns(const trib_source_spec *spec, trib_buffer *text) {
    TRIB_TRY(trib_buffer_print(text, "time %d %s\n", (int)spec->time_unit, spec->time_column));
    for (uint32_t i = 0; i < spec->channel_count; i++) {
        TRIB_TRY(trib_buffer_print(text, "channel %s\n", spec->channels[i]));
    }
    for (uint32_t i = 0; i < spec->target_count; i++) {
        TRIB_TRY(trib_buffer_print(text, "target %s\n", spec->targets[i]));
    }
    for (uint32_t i = 0; i < spec->class_count; i++) {
        TRIB_TRY(trib_buffer_print(text, "class %s %s\n", spec->label_column, spec->classes[i]));
    }
    return TRIB_SUCCESS;
}

static trib_status stored_columns(trib_database *database, trib_buffer *text) {
    trib_statement *statement;
    bool row;
    TRIB_TRY(trib_database_prepare(database, "SELECT value FROM meta WHERE key = 'columns'",
                                   &statement));
    TRIB_TRY(trib_statement_step(statement, &row));
    trib_status status =
        row ? trib_buffer_append(text, trib_column_bytes(statement, 0)) : TRIB_SUCCESS;
    trib_statement_reset(statement);
    return status;
}

static trib_status keep_columns(trib_database *database, trib_bytes text) {
    trib_statement *statement;
    TRIB_TRY(trib_database_prepare(database, "INSERT OR REPLACE INTO meta VALUES ('columns', ?1)",
                                   &statement));
    trib_bind_bytes(statement, 1, text);
    return trib_statement_finish(statement);
}

/* Rows of other columns are of no use: they go, their numbers stay used. */
static trib_status match_columns(edge_store *store) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer now = {.ceiling = 64 * 1024};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer before = {.ceiling = 64 * 1024};
    TRIB_TRY(print_columns(&store->spec, &now));
    TRIB_TRY(stored_columns(store->database, &before));
    if (trib_bytes_equal(trib_buffer_view(&now), trib_buffer_view(&before))) {
        return TRIB_SUCCESS;
    }
    TRIB_TRY(trib_database_begin(store->database));
    trib_status status =
        trib_database_run(store->database, "DELETE FROM blocks; DELETE FROM files");
    if (trib_ok(status)) {
        status = keep_columns(store->database, trib_buffer_view(&now));
    }
    if (trib_ok(status)) {
        status = trib_database_commit(store->database);
    }
    if (!trib_ok(status)) {
        trib_database_rollback(store->database);
        return status;
    }
    if (before.size > 0) {
        edge_event_say(
            &store->events,
            (edge_event){
                .kind = EDGE_EVENT_STORE_CLEARED, .level = EDGE_EVENT_WARN, .room = "store"},
            "%s: its rows had other columns than the federation has now; cleared", store->path);
    }
    return TRIB_SUCCESS;
}

/* ---- opening ---- */

/* The recording that may go on: the last one, if it is a file's. */
static trib_status restore_recording(edge_store *store) {
    trib_statement *statement;
    bool row;
    TRIB_TRY(edge_samples_integer(store->database, "SELECT max(recording) FROM blocks",
                                  &store->recording));
    TRIB_TRY(trib_database_prepare(store->database, "SELECT name FROM files WHERE recording = ?1",
                                   &statement));
    trib_bind_integer(statement, 1, store->recording);
    TRIB_TRY(trib_statement_step(statement, &row));
    (void)snprintf(store->name, sizeof store->name, "%s",
                   row ? trib_column_text(statement, 0) : "");
    trib_statement_reset(statement);
    return TRIB_SUCCESS;
}

static trib_status restore(edge_store *store) {
    int64_t next = 0;
    TRIB_TRY(match_columns(store));
    TRIB_TRY(edge_samples_range(store->database, &store->range));
    TRIB_TRY(edge_samples_integer(store->database, "SELECT value FROM meta WHERE key = 'next_row'",
                                  &next));
    store->next_row = next > 0 ? (uint64_t)next : 1;
    if (store->next_row <= store->range.last_row) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "%s: row %llu is there, but the next one is %llu",
                         store->path, (unsigned long long)store->range.last_row,
                         (unsigned long long)store->next_row);
    }
    return restore_recording(store);
}

static trib_status open_database(edge_store *store) {
    trib_status status = edge_samples_open(store->path, &store->database);
    return trib_ok(status) ? restore(store) : status;
}

/* Renames the damaged file (one is kept) and starts anew. */
static trib_status begin_anew(edge_store *store, const char *why) {
    char name[EDGE_SAMPLES_PATH_SIZE + 16];
    trib_database_close(store->database);
    store->database = NULL;
    (void)snprintf(name, sizeof name, "%s.damaged", store->path);
    if (rename(store->path, name) != 0) {
        return TRIB_FAIL(TRIB_E_IO, "%s is damaged and cannot be renamed to %s: move it away",
                         store->path, name);
    }
    edge_event_say(&store->events,
                   (edge_event){.kind = EDGE_EVENT_STORE_SET_ASIDE,
                                .level = EDGE_EVENT_ERROR,
                                .room = "store"},
                   "set aside as %s, begun anew: %s", name, why);
    (void)snprintf(name, sizeof name, "%s-wal", store->path);
    (void)remove(name); /* may not be there */
    (void)snprintf(name, sizeof name, "%s-shm", store->path);
    (void)remove(name);
    uint64_t first = number_after_loss(store);
    TRIB_TRY(open_database(store));
    store->next_row = first;
    store->broken = true;
    return set_integer(store->database, "next_row", (int64_t)first);
}

trib_status edge_store_open(const edge_store_options *options, edge_store **ret_store) {
    TRIB_SCOPED(edge_store_close_scoped) edge_store *store = trib_allocate(1, sizeof *store);
    if (store == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for the sample store");
    }
    store->spec = *options->spec;
    store->limit_bytes = options->limit_bytes;
    store->clock = options->clock;
    store->events = options->events;
    store->block.ceiling = 1 << 20;
    TRIB_TRY(edge_samples_path(options->folder, store->path));
    trib_status status = open_database(store);
    if (status.code == TRIB_E_CORRUPT) {
        char why[256];
        (void)snprintf(why, sizeof why, "%s", trib_message());
        status = begin_anew(store, why);
    }
    TRIB_TRY(status);
    *ret_store = store;
    store = NULL;
    return TRIB_SUCCESS;
}

void edge_store_close(edge_store *store) {
    if (store != NULL) {
        if (store->database != NULL) {
            trib_ignore(edge_store_flush(store, true)); /* it has said so itself */
        }
        trib_database_close(store->database);
        trib_buffer_deinit(&store->block);
        trib_free(store);
    }
}

void edge_store_close_scoped(edge_store **store) {
    edge_store_close(*store);
}

trib_status edge_store_positions(edge_store *store,
                                 trib_status (*each)(void *context, const char *recording,
                                                     uint64_t rows),
                                 void *context) {
    trib_statement *statement;
    bool row = true;
    TRIB_TRY(trib_database_prepare(store->database, "SELECT name, rows FROM files ORDER BY name",
                                   &statement));
    for (;;) {
        TRIB_TRY(trib_statement_step(statement, &row));
        if (!row) {
            return TRIB_SUCCESS;
        }
        trib_status status = each(context, trib_column_text(statement, 0),
                                  (uint64_t)trib_column_integer(statement, 1));
        if (!trib_ok(status)) {
            trib_statement_reset(statement);
            return status;
        }
    }
}

/* ---- writing ---- */

static trib_status insert_block(edge_store *store, uint64_t train_rows) {
    trib_statement *statement;
    const gathering *gathered = &store->gathered;
    trib_buffer_clear(&store->block);
    TRIB_TRY(edge_block_write(edge_samples_shape(&store->spec), gathered->rows, gathered->count,
                              &store->block));
    TRIB_TRY(trib_database_prepare(store->database,
                                   "INSERT INTO blocks VALUES (?1, ?2, ?3, ?4, ?5)", &statement));
    trib_bind_integer(statement, 1, (int64_t)store->next_row);
    trib_bind_integer(statement, 2, (int64_t)(store->next_row + gathered->count - 1));
    trib_bind_integer(statement, 3, store->recording);
    trib_bind_integer(statement, 4, (int64_t)train_rows);
    trib_bind_bytes(statement, 5, trib_buffer_view(&store->block));
    return trib_statement_finish(statement);
}

static trib_status keep_position(edge_store *store) {
    trib_statement *statement;
    if (store->gathered.position == 0) {
        return TRIB_SUCCESS;
    }
    TRIB_TRY(trib_database_prepare(store->database,
                                   "INSERT OR REPLACE INTO files VALUES (?1, ?2, ?3)", &statement));
    trib_bind_text(statement, 1, store->name);
    trib_bind_integer(statement, 2, (int64_t)store->gathered.position);
    trib_bind_integer(statement, 3, store->recording);
    return trib_statement_finish(statement);
}

/* Deletes the oldest blocks until the limit is kept, but never the newest. */
static trib_status make_room(edge_store *store, edge_store_range *range) {
    while (range->bytes > store->limit_bytes) {
        trib_statement *statement;
        bool row;
        TRIB_TRY(trib_database_prepare(store->database,
                                       "SELECT first_row, last_row, train_rows, length(rows)"
                                       " FROM blocks ORDER BY first_row LIMIT 1",
                                       &statement));
        TRIB_TRY(trib_statement_step(statement, &row));
        uint64_t first = row ? (uint64_t)trib_column_integer(statement, 0) : 0;
        uint64_t last = row ? (uint64_t)trib_column_integer(statement, 1) : 0;
        uint64_t train = row ? (uint64_t)trib_column_integer(statement, 2) : 0;
        uint64_t bytes = row ? (uint64_t)trib_column_integer(statement, 3) : 0;
        trib_statement_reset(statement);
        if (!row || last == range->last_row) {
            return TRIB_SUCCESS;
        }
        TRIB_TRY(trib_database_prepare(store->database, "DELETE FROM blocks WHERE first_row = ?1",
                                       &statement));
        trib_bind_integer(statement, 1, (int64_t)first);
        TRIB_TRY(trib_statement_finish(statement));
        range->bytes -= bytes;
        range->rows -= last - first + 1;
        range->train_rows -= train;
    }
    return TRIB_SUCCESS;
}

static trib_status write_all(edge_store *store, edge_store_range *range) {
    uint64_t train_rows = 0;
    uint32_t count = store->gathered.count;
    for (uint32_t i = 0; i < count; i++) {
        train_rows += store->gathered.rows[i].train;
    }
    TRIB_TRY(insert_block(store, train_rows));
    TRIB_TRY(keep_position(store));
    TRIB_TRY(set_integer(store->database, "next_row", (int64_t)(store->next_row + count)));
    range->last_row = store->next_row + count - 1;
    range->rows += count;
    range->train_rows += train_rows;
    range->bytes += store->block.size;
    TRIB_TRY(make_room(store, range));
    int64_t first = 0;
    TRIB_TRY(edge_samples_integer(store->database, "SELECT min(first_row) FROM blocks", &first));
    range->first_row = (uint64_t)first;
    return trib_database_commit(store->database);
}

static trib_status write_block(edge_store *store) {
    edge_store_range range = store->range;
    if (store->database == NULL) { /* a damaged one could not be set aside */
        TRIB_TRY(open_database(store));
    }
    TRIB_TRY(trib_database_begin(store->database));
    trib_status status = write_all(store, &range);
    if (!trib_ok(status)) {
        trib_database_rollback(store->database);
        return status;
    }
    store->next_row += store->gathered.count;
    store->range = range;
    return TRIB_SUCCESS;
}

/* Rows that cannot be written are gone; the stream goes on. */
static trib_status give_up(edge_store *store, trib_status failure) {
    char why[256];
    (void)snprintf(why, sizeof why, "%s", trib_message());
    edge_event_say(&store->events,
                   (edge_event){.kind = EDGE_EVENT_STORE_FAILED,
                                .level = EDGE_EVENT_ERROR,
                                .room = "store",
                                .count = store->gathered.count},
                   store->gathered.exact ? "%u rows are not stored, and are read again: %s"
                                         : "%u rows are lost: %s",
                   store->gathered.count, why);
    store->halted = store->halted || store->gathered.exact;
    store->gathered.count = 0;
    store->broken = true;
    if (failure.code == TRIB_E_CORRUPT) {
        store->range = (edge_store_range){0};
        TRIB_TRY(begin_anew(store, why));
    }
    return TRIB_FAIL(failure.code, "%s", why);
}

trib_status edge_store_flush(edge_store *store, bool now) {
    gathering *gathered = &store->gathered;
    if (gathered->count == 0 ||
        (!now && trib_monotonic_ms(store->clock) - gathered->since_ms < EDGE_STORE_COMMIT_MS)) {
        return TRIB_SUCCESS;
    }
    trib_status status = write_block(store);
    if (!trib_ok(status)) {
        return give_up(store, status);
    }
    gathered->count = 0;
    return TRIB_SUCCESS;
}

trib_status edge_store_append(edge_store *store, const edge_batch *batch) {
    gathering *gathered = &store->gathered;
    bool another = batch->starts || store->recording == 0 || store->broken ||
                   strcmp(batch->recording, store->name) != 0;
    if (batch->count == 0) {
        return edge_store_flush(store, false);
    }
    trib_status status = TRIB_SUCCESS; /* of rows gathered before: these here are taken anyway */
    if (another || gathered->count + batch->count > EDGE_STORE_BATCH_ROWS) {
        status = edge_store_flush(store, true);
    }
    if (batch->exact && store->halted) { /* but not behind a hole */
        return TRIB_FAIL(TRIB_E_STATE, "%s: rows before these of %s could not be stored",
                         store->path, batch->recording);
    }
    if (another || store->broken) {
        store->recording++;
        store->broken = false;
        (void)snprintf(store->name, sizeof store->name, "%s", batch->recording);
    }
    if (gathered->count == 0) {
        gathered->since_ms = trib_monotonic_ms(store->clock);
    }
    memcpy(gathered->rows + gathered->count, batch->rows, batch->count * sizeof *batch->rows);
    gathered->count += batch->count;
    gathered->position = batch->position;
    gathered->exact = batch->exact;
    TRIB_TRY(status);
    return edge_store_flush(store, gathered->count == EDGE_STORE_BATCH_ROWS);
}

bool edge_store_halted(const edge_store *store) {
    return store->halted;
}

edge_store_range edge_store_holds(const edge_store *store) {
    return store->range;
}
