#include "edge/outbox/outbox.h"

#include <string.h>

#include "common/database/database.h"
#include "common/wire/wire.h"
#include "generated/edge_outbox_migrations.h"

struct edge_outbox {
    trib_database *database;
    bool grouped;  /* a transaction is open */
    bool unsynced; /* something has changed since the last sync */
};

trib_status edge_outbox_open(const char *path, edge_outbox **ret_outbox) {
    edge_outbox *outbox = trib_allocate(1, sizeof *outbox);
    if (outbox == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for the outbox");
    }
    trib_status status = trib_database_open(
        path, edge_outbox_migrations,
        sizeof edge_outbox_migrations / sizeof edge_outbox_migrations[0], &outbox->database);
    if (!trib_ok(status)) {
        trib_free(outbox);
        return status;
    }
    *ret_outbox = outbox;
    return TRIB_SUCCESS;
}

void edge_outbox_close(edge_outbox *outbox) {
    if (outbox != NULL) {
        trib_ignore(edge_outbox_sync(outbox)); /* whoever needs to know has settled before */
        trib_database_close(outbox->database);
        trib_free(outbox);
    }
}

trib_status edge_outbox_group(edge_outbox *outbox) {
    outbox->unsynced = true;
    if (!outbox->grouped) {
        TRIB_TRY(trib_database_begin(outbox->database));
        outbox->grouped = true;
    }
    return TRIB_SUCCESS;
}

trib_status edge_outbox_settle(edge_outbox *outbox) {
    if (!outbox->grouped) {
        return TRIB_SUCCESS;
    }
    outbox->grouped = false;
    trib_status status = trib_database_commit(outbox->database);
    if (!trib_ok(status)) {
        trib_database_rollback(outbox->database);
    }
    return status;
}

trib_status edge_outbox_sync(edge_outbox *outbox) {
    TRIB_TRY(edge_outbox_settle(outbox));
    if (outbox->unsynced) {
        TRIB_TRY(trib_database_sync(outbox->database));
        outbox->unsynced = false;
    }
    return TRIB_SUCCESS;
}

/* Every change is made by a statement that ends here. */
static trib_status finish(edge_outbox *outbox, trib_statement *statement) {
    outbox->unsynced = true;
    return trib_statement_finish(statement);
}

static trib_status store(edge_outbox *outbox, const char *key, trib_bytes value) {
    trib_statement *statement;
    TRIB_TRY(trib_database_prepare(outbox->database, "INSERT OR REPLACE INTO value VALUES (?1, ?2)",
                                   &statement));
    trib_bind_text(statement, 1, key);
    trib_bind_bytes(statement, 2, value);
    return finish(outbox, statement);
}

static trib_status load(edge_outbox *outbox, const char *key, trib_buffer *ret_value) {
    trib_statement *statement;
    bool row;
    TRIB_TRY(trib_database_prepare(outbox->database, "SELECT value FROM value WHERE key = ?1",
                                   &statement));
    trib_bind_text(statement, 1, key);
    TRIB_TRY(trib_statement_step(statement, &row));
    trib_status status = row ? trib_buffer_append(ret_value, trib_column_bytes(statement, 0))
                             : TRIB_FAIL(TRIB_E_NOT_FOUND, "nothing is stored as '%s'", key);
    trib_statement_reset(statement);
    return status;
}

trib_status edge_outbox_boot(edge_outbox *outbox, uint64_t *ret_boot) {
    trib_statement *statement;
    bool row;
    TRIB_TRY(trib_database_prepare(
        outbox->database, "UPDATE value SET value = value + 1 WHERE key = 'boot' RETURNING value",
        &statement));
    TRIB_TRY(trib_statement_step(statement, &row));
    uint64_t boot = row ? (uint64_t)trib_column_integer(statement, 0) : 0;
    if (row) { /* it is only kept once there is no further row */
        TRIB_TRY(trib_statement_step(statement, &row));
    }
    trib_statement_reset(statement);
    if (boot == 0 || boot >= UINT32_MAX) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "the start number is lost or used up: enrol anew");
    }
    *ret_boot = boot;
    return trib_database_fold(outbox->database); /* nothing of the log can take it back */
}

trib_status edge_outbox_store_session(edge_outbox *outbox, const edge_state_Session *session) {
    uint8_t bytes[edge_state_Session_size];
    trib_writer writer = trib_writer_of(bytes, sizeof bytes);
    TRIB_TRY(trib_wire_encode(edge_state_Session_fields, session, &writer));
    trib_status status = store(outbox, "session", trib_written(&writer));
    trib_wipe(bytes, sizeof bytes);
    return status;
}

trib_status edge_outbox_load_session(edge_outbox *outbox, edge_state_Session *ret_session) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer bytes = {.ceiling = 4096};
    edge_state_Session session = edge_state_Session_init_zero;
    TRIB_TRY(load(outbox, "session", &bytes));
    TRIB_TRY(trib_wire_decode(edge_state_Session_fields, trib_buffer_view(&bytes), &session));
    *ret_session = session;
    return TRIB_SUCCESS;
}

trib_status edge_outbox_store_document(edge_outbox *outbox, trib_bytes document) {
    return store(outbox, "document", document);
}

trib_status edge_outbox_load_document(edge_outbox *outbox, trib_buffer *ret_document) {
    return load(outbox, "document", ret_document);
}

trib_status edge_outbox_put(edge_outbox *outbox, uint64_t round, trib_bytes update,
                            uint64_t first_row, uint64_t last_row) {
    trib_statement *statement;
    TRIB_TRY(edge_outbox_settle(outbox));
    TRIB_TRY(trib_database_begin(outbox->database));
    trib_status status = trib_database_prepare(outbox->database,
                                               "INSERT OR IGNORE INTO outbox (round, payload, "
                                               "first_row, last_row) VALUES (?1, ?2, ?3, ?4)",
                                               &statement);
    if (trib_ok(status)) {
        trib_bind_integer(statement, 1, (int64_t)round);
        trib_bind_bytes(statement, 2, update);
        trib_bind_integer(statement, 3, (int64_t)first_row);
        trib_bind_integer(statement, 4, (int64_t)last_row);
        status = finish(outbox, statement);
    }
    if (trib_ok(status)) {
        status = trib_database_prepare(outbox->database,
                                       "DELETE FROM outbox WHERE round NOT IN"
                                       " (SELECT round FROM outbox ORDER BY round DESC LIMIT ?1)",
                                       &statement);
    }
    if (trib_ok(status)) {
        trib_bind_integer(statement, 1, EDGE_OUTBOX_MOST);
        status = finish(outbox, statement);
    }
    if (trib_ok(status)) {
        status = trib_database_commit(outbox->database);
    }
    if (!trib_ok(status)) {
        trib_database_rollback(outbox->database);
    }
    return status;
}

trib_status edge_outbox_get(edge_outbox *outbox, trib_buffer *storage,
                            edge_outbox_entry *ret_entry) {
    trib_statement *statement;
    bool row;
    TRIB_TRY(trib_database_prepare(
        outbox->database,
        "SELECT round, payload FROM outbox WHERE verdict = '' ORDER BY round LIMIT 1", &statement));
    TRIB_TRY(trib_statement_step(statement, &row));
    trib_buffer_clear(storage);
    trib_status status = row ? trib_buffer_append(storage, trib_column_bytes(statement, 1))
                             : TRIB_FAIL(TRIB_E_NOT_FOUND, "the outbox is empty");
    if (trib_ok(status)) {
        *ret_entry = (edge_outbox_entry){.round = (uint64_t)trib_column_integer(statement, 0),
                                         .update = trib_buffer_view(storage)};
    }
    trib_statement_reset(statement);
    return status;
}

/* Now and then: the oldest receipts go, past EDGE_OUTBOX_RECEIPTS. */
static trib_status prune_receipts(edge_outbox *outbox) {
    trib_statement *statement;
    TRIB_TRY(trib_database_prepare(outbox->database,
                                   "DELETE FROM receipt WHERE round <= (SELECT round FROM receipt"
                                   " ORDER BY round DESC LIMIT 1 OFFSET ?1)",
                                   &statement));
    trib_bind_integer(statement, 1, EDGE_OUTBOX_RECEIPTS);
    return finish(outbox, statement);
}

/* Keeps the verdict apart from the update, which is deleted later. */
static trib_status note_receipt(edge_outbox *outbox, const trib_crypto *crypto, uint64_t round,
                                const char *verdict) {
    uint8_t digest[TRIB_HASH_BYTES];
    trib_statement *statement;
    bool row;
    TRIB_TRY(trib_database_prepare(outbox->database, "SELECT payload FROM outbox WHERE round = ?1",
                                   &statement));
    trib_bind_integer(statement, 1, (int64_t)round);
    TRIB_TRY(trib_statement_step(statement, &row));
    trib_status status = row ? crypto->sha256(trib_column_bytes(statement, 0), digest)
                             : TRIB_FAIL(TRIB_E_NOT_FOUND, "no update of this round");
    trib_statement_reset(statement);
    TRIB_TRY(status);
    TRIB_TRY(trib_database_prepare(
        outbox->database, "INSERT OR REPLACE INTO receipt VALUES (?1, ?2, ?3)", &statement));
    trib_bind_integer(statement, 1, (int64_t)round);
    trib_bind_bytes(statement, 2, trib_bytes_of(digest, sizeof digest));
    trib_bind_text(statement, 3, verdict);
    TRIB_TRY(finish(outbox, statement));
    return round % 64 == 0 ? prune_receipts(outbox) : TRIB_SUCCESS;
}

/* Runs a statement that returns a row for each that it has changed. */
static trib_status count_changed(edge_outbox *outbox, trib_statement *statement,
                                 uint32_t *ret_count) {
    bool row = true;
    outbox->unsynced = true;
    for (*ret_count = 0; row; *ret_count += row) {
        TRIB_TRY(trib_statement_step(statement, &row));
    }
    trib_statement_reset(statement);
    return TRIB_SUCCESS;
}

/* The update has left already: a receipt that says that it counts after all does not. */
static trib_status take_back(edge_outbox *outbox, uint64_t round, const char *verdict) {
    trib_statement *statement;
    uint32_t changed = 0;
    TRIB_TRY(trib_database_prepare(outbox->database,
                                   "UPDATE receipt SET verdict = ?2 WHERE round = ?1 AND"
                                   " verdict = 'accepted' AND ?2 <> verdict RETURNING round",
                                   &statement));
    trib_bind_integer(statement, 1, (int64_t)round);
    trib_bind_text(statement, 2, verdict);
    TRIB_TRY(count_changed(outbox, statement, &changed));
    return changed > 0 ? TRIB_SUCCESS : TRIB_FAIL(TRIB_E_NOT_FOUND, "no update of this round");
}

trib_status edge_outbox_verdict(edge_outbox *outbox, const trib_crypto *crypto, uint64_t round,
                                const char *verdict) {
    trib_statement *statement;
    trib_status status = note_receipt(outbox, crypto, round, verdict);
    if (status.code == TRIB_E_NOT_FOUND) {
        return take_back(outbox, round, verdict);
    }
    TRIB_TRY(status);
    TRIB_TRY(trib_database_prepare(outbox->database,
                                   "UPDATE outbox SET verdict = ?2 WHERE round = ?1", &statement));
    trib_bind_integer(statement, 1, (int64_t)round);
    trib_bind_text(statement, 2, verdict);
    return finish(outbox, statement);
}

static trib_status note_abandoned(edge_outbox *outbox, uint64_t closed_through, uint64_t abandoned,
                                  uint32_t *ret_taken_back) {
    trib_statement *statement;
    TRIB_TRY(trib_database_prepare(
        outbox->database,
        "UPDATE receipt SET verdict = 'abandoned: the round was given up' WHERE round <= ?1 AND"
        " round > ?1 - 64 AND verdict = 'accepted' AND (?2 >> (?1 - round)) & 1 RETURNING round",
        &statement));
    trib_bind_integer(statement, 1, (int64_t)closed_through);
    trib_bind_integer(statement, 2, (int64_t)abandoned);
    return count_changed(outbox, statement, ret_taken_back);
}

trib_status edge_outbox_delete(edge_outbox *outbox, uint64_t closed_through, uint64_t abandoned,
                               uint32_t *ret_taken_back) {
    trib_statement *statement;
    *ret_taken_back = 0;
    if (abandoned != 0) {
        TRIB_TRY(note_abandoned(outbox, closed_through, abandoned, ret_taken_back));
    }
    TRIB_TRY(trib_database_prepare(
        outbox->database, "DELETE FROM outbox WHERE round <= ?1 AND verdict <> ''", &statement));
    trib_bind_integer(statement, 1, (int64_t)closed_through);
    return finish(outbox, statement);
}

trib_status edge_outbox_newest(edge_outbox *outbox, uint64_t *ret_round) {
    trib_statement *statement;
    bool row;
    TRIB_TRY(trib_database_prepare(outbox->database,
                                   "SELECT max(round) FROM (SELECT round FROM outbox"
                                   " UNION ALL SELECT round FROM receipt)",
                                   &statement));
    TRIB_TRY(trib_statement_step(statement, &row));
    *ret_round = row ? (uint64_t)trib_column_integer(statement, 0) : 0;
    trib_statement_reset(statement);
    return TRIB_SUCCESS;
}

trib_status edge_outbox_load_slot(edge_outbox *outbox, edge_slot *ret_slot) {
    trib_statement *statement;
    bool row;
    TRIB_TRY(trib_database_prepare(outbox->database, "SELECT name, release, digest FROM slot",
                                   &statement));
    TRIB_TRY(trib_statement_step(statement, &row));
    if (!row) {
        return TRIB_FAIL(TRIB_E_NOT_FOUND, "no model has been installed");
    }
    edge_slot slot = {.name = trib_column_text(statement, 0)[0],
                      .release = (uint64_t)trib_column_integer(statement, 1)};
    trib_bytes digest = trib_column_bytes(statement, 2);
    bool whole = digest.size == sizeof slot.digest && (slot.name == 'a' || slot.name == 'b');
    if (whole) {
        memcpy(slot.digest, digest.data, sizeof slot.digest);
        *ret_slot = slot;
    }
    trib_statement_reset(statement);
    return whole ? TRIB_SUCCESS : TRIB_FAIL(TRIB_E_CORRUPT, "the active slot is not readable");
}

trib_status edge_outbox_store_slot(edge_outbox *outbox, const edge_slot *slot) {
    trib_statement *statement;
    const char name[2] = {slot->name, '\0'};
    TRIB_TRY(trib_database_prepare(
        outbox->database, "INSERT OR REPLACE INTO slot VALUES (1, ?1, ?2, ?3)", &statement));
    trib_bind_text(statement, 1, name);
    trib_bind_integer(statement, 2, (int64_t)slot->release);
    trib_bind_bytes(statement, 3, trib_bytes_of(slot->digest, sizeof slot->digest));
    return finish(outbox, statement);
}
