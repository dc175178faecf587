#include "cloud/registry/registry.h"

#include <string.h>

#include "common/base/heap.h"
#include "common/wire/wire.h"
#include "generated/cloud_registry_migrations.h"

struct cloud_registry {
    trib_database *database;
};

trib_status cloud_registry_open(const char *path, cloud_registry **ret_registry) {
    cloud_registry *registry = trib_allocate(1, sizeof *registry);
    if (registry == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for the registry");
    }
    trib_status status =
        trib_database_open(path, cloud_registry_migrations,
                           sizeof cloud_registry_migrations / sizeof cloud_registry_migrations[0],
                           &registry->database);
    if (trib_ok(status)) { /* a fleet's tables are larger than a gateway's */
        status = trib_database_run(registry->database, "PRAGMA cache_size = -4096");
    }
    if (!trib_ok(status)) {
        cloud_registry_close(registry);
        return status;
    }
    *ret_registry = registry;
    return TRIB_SUCCESS;
}

void cloud_registry_close(cloud_registry *registry) {
    if (registry != NULL) {
        trib_database_close(registry->database);
        trib_free(registry);
    }
}

trib_status cloud_registry_position(cloud_registry *registry, uint64_t *ret_position) {
    trib_statement *statement;
    bool row;
    TRIB_TRY(trib_database_prepare(registry->database,
                                   "SELECT value FROM meta WHERE key = 'position'", &statement));
    TRIB_TRY(trib_statement_step(statement, &row));
    if (!row) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "the registry has lost its position: rebuild it");
    }
    *ret_position = (uint64_t)trib_column_integer(statement, 0);
    trib_statement_reset(statement);
    return TRIB_SUCCESS;
}

trib_status cloud_registry_begin(cloud_registry *registry) {
    return trib_database_begin(registry->database);
}

trib_status cloud_registry_commit(cloud_registry *registry, uint64_t position) {
    trib_statement *statement;
    TRIB_TRY(trib_database_prepare(
        registry->database, "UPDATE meta SET value = ?1 WHERE key = 'position'", &statement));
    trib_bind_integer(statement, 1, (int64_t)position);
    TRIB_TRY(trib_statement_finish(statement));
    return trib_database_commit(registry->database);
}

void cloud_registry_rollback(cloud_registry *registry) {
    trib_database_rollback(registry->database);
}

trib_status cloud_registry_sync(cloud_registry *registry) {
    return trib_database_sync(registry->database);
}

static trib_status keep_newest(cloud_registry *registry, const char *federation,
                               const char *subject, const cloud_record *record) {
    trib_statement *statement;
    TRIB_TRY(trib_database_prepare(registry->database,
                                   "INSERT OR REPLACE INTO newest VALUES (?1, ?2, ?3, ?4, ?5)",
                                   &statement));
    trib_bind_text(statement, 1, federation);
    trib_bind_text(statement, 2, subject);
    trib_bind_integer(statement, 3, record->type);
    trib_bind_integer(statement, 4, (int64_t)record->position);
    trib_bind_bytes(statement, 5, record->payload);
    return trib_statement_finish(statement);
}

/* The newest document, at the place of the first: joins and rounds of before come after it when the
 * state is restored. */
static trib_status keep_document(cloud_registry *registry, const char *federation,
                                 const cloud_record *record) {
    trib_statement *statement;
    TRIB_TRY(trib_database_prepare(
        registry->database,
        "INSERT INTO newest VALUES (?1, '', ?2, ?3, ?4)"
        " ON CONFLICT (federation, subject, type) DO UPDATE SET payload = excluded.payload",
        &statement));
    trib_bind_text(statement, 1, federation);
    trib_bind_integer(statement, 2, record->type);
    trib_bind_integer(statement, 3, (int64_t)record->position);
    trib_bind_bytes(statement, 4, record->payload);
    return trib_statement_finish(statement);
}

static trib_status take_federation(cloud_registry *registry, const cloud_record *record) {
    cloud_record_Federation message = cloud_record_Federation_init_zero;
    trib_bytes document;
    trib_statement *statement;
    trib_wire_catch(&message.document, &document);
    TRIB_TRY(trib_wire_decode(cloud_record_Federation_fields, record->payload, &message));
    TRIB_TRY(keep_document(registry, message.federation, record));
    if (message.new_lineage) { /* rounds and releases of the old one say nothing about it */
        TRIB_TRY(trib_database_prepare(
            registry->database, "DELETE FROM newest WHERE federation = ?1 AND type IN (3, 5, 7)",
            &statement));
        trib_bind_text(statement, 1, message.federation);
        TRIB_TRY(trib_statement_finish(statement));
    }
    TRIB_TRY(trib_database_prepare(/* none waits any more */
                                   registry->database,
                                   "DELETE FROM newest WHERE federation = ?1 AND type = 8",
                                   &statement));
    trib_bind_text(statement, 1, message.federation);
    TRIB_TRY(trib_statement_finish(statement));
    TRIB_TRY(trib_database_prepare(registry->database,
                                   "INSERT OR REPLACE INTO federations VALUES (?1, ?2, ?3, ?4)",
                                   &statement));
    trib_bind_text(statement, 1, message.federation);
    trib_bind_integer(statement, 2, (int64_t)message.revision);
    trib_bind_bytes(statement, 3, document);
    trib_bind_integer(statement, 4, (int64_t)message.time_ms);
    return trib_statement_finish(statement);
}

static trib_status take_pending(cloud_registry *registry, const cloud_record *record) {
    cloud_record_Federation message = cloud_record_Federation_init_zero;
    trib_bytes document;
    trib_wire_catch(&message.document, &document);
    TRIB_TRY(trib_wire_decode(cloud_record_Federation_fields, record->payload, &message));
    return keep_newest(registry, message.federation, "", record);
}

static trib_status take_join(cloud_registry *registry, const cloud_record *record) {
    cloud_record_Join message = cloud_record_Join_init_zero;
    trib_bytes envelope;
    trib_statement *statement;
    trib_wire_catch(&message.envelope, &envelope);
    TRIB_TRY(trib_wire_decode(cloud_record_Join_fields, record->payload, &message));
    TRIB_TRY(keep_newest(registry, message.federation, message.gateway, record));
    TRIB_TRY(trib_database_prepare(registry->database,
                                   "INSERT OR REPLACE INTO gateways VALUES (?1, ?2, ?3, ?4, ?5)",
                                   &statement));
    trib_bind_text(statement, 1, message.federation);
    trib_bind_text(statement, 2, message.gateway);
    trib_bind_integer(statement, 3, (int64_t)message.generation);
    trib_bind_text(statement, 4, message.serial);
    trib_bind_integer(statement, 5, (int64_t)message.time_ms);
    return trib_statement_finish(statement);
}

static trib_status take_opened(cloud_registry *registry, const cloud_record *record) {
    cloud_record_RoundOpened message = cloud_record_RoundOpened_init_zero;
    trib_statement *statement;
    TRIB_TRY(trib_wire_decode(cloud_record_RoundOpened_fields, record->payload, &message));
    TRIB_TRY(keep_newest(registry, message.federation, "", record));
    TRIB_TRY(trib_database_prepare(registry->database,
                                   "INSERT OR REPLACE INTO rounds (federation, number, ordinal, "
                                   "statistics, outcome, opened_ms,"
                                   " position) VALUES (?1, ?2, ?3, ?4, 'open', ?5, ?6)",
                                   &statement));
    trib_bind_text(statement, 1, message.federation);
    trib_bind_integer(statement, 2, (int64_t)message.round);
    trib_bind_integer(statement, 3, message.ordinal);
    trib_bind_integer(statement, 4, message.statistics);
    trib_bind_integer(statement, 5, (int64_t)message.time_ms);
    trib_bind_integer(statement, 6, (int64_t)record->position);
    return trib_statement_finish(statement);
}

static trib_status take_update(cloud_registry *registry, const cloud_record *record) {
    cloud_record_Update message = cloud_record_Update_init_zero;
    trib_wire_Update update = trib_wire_Update_init_zero;
    trib_bytes whole, payload;
    trib_statement *statement;
    trib_wire_catch(&message.update, &whole);
    trib_wire_catch(&update.payload, &payload);
    TRIB_TRY(trib_wire_decode(cloud_record_Update_fields, record->payload, &message));
    TRIB_TRY(TRIB_WIRE_DECODE(Update, whole, &update));
    TRIB_TRY(trib_database_prepare(
        registry->database, "INSERT OR REPLACE INTO counted VALUES (?1, ?2, ?3, ?4)", &statement));
    trib_bind_text(statement, 1, message.federation);
    trib_bind_text(statement, 2, message.gateway);
    trib_bind_integer(statement, 3, (int64_t)update.round);
    trib_bind_bytes(statement, 4, trib_bytes_of(message.digest.bytes, message.digest.size));
    return trib_statement_finish(statement);
}

/* What was counted in an abandoned round is counted nowhere. */
static trib_status forget_counted(cloud_registry *registry,
                                  const cloud_record_RoundClosed *message) {
    trib_statement *statement;
    TRIB_TRY(trib_database_prepare(registry->database,
                                   "DELETE FROM counted WHERE federation = ?1 AND round = ?2",
                                   &statement));
    trib_bind_text(statement, 1, message->federation);
    trib_bind_integer(statement, 2, (int64_t)message->round);
    return trib_statement_finish(statement);
}

static trib_status take_closed(cloud_registry *registry, const cloud_record *record) {
    cloud_record_RoundClosed message = cloud_record_RoundClosed_init_zero;
    trib_statement *statement;
    TRIB_TRY(trib_wire_decode(cloud_record_RoundClosed_fields, record->payload, &message));
    TRIB_TRY(message.abandoned ? forget_counted(registry, &message)
                               : keep_newest(registry, message.federation, "", record));
    TRIB_TRY(trib_database_prepare(
        registry->database,
        "UPDATE rounds SET outcome = ?3, updates = ?4, weight = ?5, loss = ?6, bytes_up = ?7,"
        " closed_ms = ?8, model = ?9, served = ?10, strategy = ?11, reason = ?12"
        " WHERE federation = ?1 AND number = ?2",
        &statement));
    trib_bind_text(statement, 1, message.federation);
    trib_bind_integer(statement, 2, (int64_t)message.round);
    trib_bind_text(statement, 3, message.abandoned ? "abandoned" : "closed");
    trib_bind_integer(statement, 4, message.updates);
    trib_bind_integer(statement, 5, (int64_t)message.weight);
    trib_bind_number(statement, 6, message.loss);
    trib_bind_integer(statement, 7, (int64_t)message.bytes_up);
    trib_bind_integer(statement, 8, (int64_t)message.time_ms);
    trib_bind_bytes(statement, 9,
                    trib_bytes_of(message.model_digest.bytes, message.model_digest.size));
    trib_bind_bytes(statement, 10,
                    trib_bytes_of(message.served_digest.bytes, message.served_digest.size));
    trib_bind_bytes(statement, 11,
                    trib_bytes_of(message.strategy_digest.bytes, message.strategy_digest.size));
    trib_bind_text(statement, 12, message.reason);
    return trib_statement_finish(statement);
}

static trib_status take_revoked(cloud_registry *registry, const cloud_record *record) {
    cloud_record_Revoked message = cloud_record_Revoked_init_zero;
    trib_statement *statement;
    TRIB_TRY(trib_wire_decode(cloud_record_Revoked_fields, record->payload, &message));
    TRIB_TRY(keep_newest(registry, "", message.gateway, record));
    TRIB_TRY(trib_database_prepare(
        registry->database, "INSERT OR REPLACE INTO revocations VALUES (?1, ?2, ?3)", &statement));
    trib_bind_text(statement, 1, message.gateway);
    trib_bind_integer(statement, 2, message.discard);
    trib_bind_integer(statement, 3, (int64_t)message.time_ms);
    return trib_statement_finish(statement);
}

static trib_status take_release(cloud_registry *registry, const cloud_record *record) {
    cloud_record_Release message = cloud_record_Release_init_zero;
    trib_statement *statement;
    TRIB_TRY(trib_wire_decode(cloud_record_Release_fields, record->payload, &message));
    TRIB_TRY(keep_newest(registry, message.federation, "", record));
    TRIB_TRY(trib_database_prepare(registry->database,
                                   "INSERT OR REPLACE INTO releases VALUES (?1, ?2, ?3, ?4, ?5)",
                                   &statement));
    trib_bind_text(statement, 1, message.federation);
    trib_bind_integer(statement, 2, (int64_t)message.release);
    trib_bind_integer(statement, 3, (int64_t)message.round);
    trib_bind_bytes(statement, 4,
                    trib_bytes_of(message.model_digest.bytes, message.model_digest.size));
    trib_bind_integer(statement, 5, (int64_t)message.time_ms);
    return trib_statement_finish(statement);
}

trib_status cloud_registry_take(cloud_registry *registry, const cloud_record *record) {
    switch ((cloud_record_Type)record->type) {
    case cloud_record_Type_TYPE_FEDERATION:
        return take_federation(registry, record);
    case cloud_record_Type_TYPE_PENDING:
        return take_pending(registry, record);
    case cloud_record_Type_TYPE_JOIN:
        return take_join(registry, record);
    case cloud_record_Type_TYPE_ROUND_OPENED:
        return take_opened(registry, record);
    case cloud_record_Type_TYPE_ROUND_CLOSED:
        return take_closed(registry, record);
    case cloud_record_Type_TYPE_REVOKED:
        return take_revoked(registry, record);
    case cloud_record_Type_TYPE_RELEASE:
        return take_release(registry, record);
    case cloud_record_Type_TYPE_UPDATE:
        return take_update(registry, record);
    case cloud_record_Type_TYPE_NONE:
        return TRIB_SUCCESS;
    }
    return TRIB_SUCCESS; /* a kind of a newer version: readers ignore what they do not know */
}

trib_status cloud_registry_restore(cloud_registry *registry,
                                   trib_status (*each)(void *context, const cloud_record *record),
                                   void *context) {
    trib_statement *statement;
    TRIB_TRY(trib_database_prepare(registry->database,
                                   "SELECT type, position, payload FROM newest ORDER BY position",
                                   &statement));
    for (;;) {
        bool row;
        TRIB_TRY(trib_statement_step(statement, &row));
        if (!row) {
            return TRIB_SUCCESS;
        }
        cloud_record record = {.type = (uint32_t)trib_column_integer(statement, 0),
                               .position = (uint64_t)trib_column_integer(statement, 1),
                               .payload = trib_column_bytes(statement, 2)};
        trib_status status = each(context, &record);
        if (!trib_ok(status)) {
            trib_statement_reset(statement);
            return status;
        }
    }
}

static trib_status greatest(cloud_registry *registry, const char *query, const char *federation,
                            uint64_t *ret_number) {
    trib_statement *statement;
    bool row;
    TRIB_TRY(trib_database_prepare(registry->database, query, &statement));
    trib_bind_text(statement, 1, federation);
    TRIB_TRY(trib_statement_step(statement, &row));
    *ret_number = row ? (uint64_t)trib_column_integer(statement, 0) : 0;
    trib_statement_reset(statement);
    return TRIB_SUCCESS;
}

trib_status cloud_registry_last_round(cloud_registry *registry, const char *federation,
                                      bool closed_only, uint64_t *ret_number) {
    return greatest(registry,
                    closed_only ? "SELECT max(number) FROM rounds WHERE federation = ?1"
                                  " AND outcome <> 'open'"
                                : "SELECT max(number) FROM rounds WHERE federation = ?1",
                    federation, ret_number);
}

trib_status cloud_registry_abandoned(cloud_registry *registry, const char *federation,
                                     uint64_t closed_through, uint64_t *ret_bits) {
    trib_statement *statement;
    bool row = true;
    uint64_t bits = 0;
    TRIB_TRY(trib_database_prepare(registry->database,
                                   "SELECT ?2 - number FROM rounds WHERE federation = ?1"
                                   " AND number <= ?2 AND number > ?2 - 64"
                                   " AND outcome = 'abandoned'",
                                   &statement));
    trib_bind_text(statement, 1, federation);
    trib_bind_integer(statement, 2, (int64_t)closed_through);
    while (row) {
        TRIB_TRY(trib_statement_step(statement, &row));
        bits |= row ? (uint64_t)1 << (trib_column_integer(statement, 0) & 63) : 0;
    }
    trib_statement_reset(statement);
    *ret_bits = bits;
    return TRIB_SUCCESS;
}

trib_status cloud_registry_last_release(cloud_registry *registry, const char *federation,
                                        uint64_t *ret_number) {
    return greatest(registry, "SELECT max(number) FROM releases WHERE federation = ?1", federation,
                    ret_number);
}

trib_status cloud_registry_last_trained(cloud_registry *registry, const char *federation,
                                        uint64_t *ret_number) {
    return greatest(registry,
                    "SELECT max(number) FROM rounds WHERE federation = ?1"
                    " AND outcome = 'closed' AND NOT statistics",
                    federation, ret_number);
}

trib_status cloud_registry_counted(cloud_registry *registry, const char *federation,
                                   trib_status (*each)(void *context, const cloud_counted_row *row),
                                   void *context) {
    trib_statement *statement;
    trib_status status = TRIB_SUCCESS;
    bool row = false;
    TRIB_TRY(trib_database_prepare(
        registry->database, "SELECT gateway, round, digest FROM counted WHERE federation = ?1",
        &statement));
    trib_bind_text(statement, 1, federation);
    do {
        TRIB_TRY(trib_statement_step(statement, &row));
        if (row) {
            const cloud_counted_row found = {trib_column_text(statement, 0),
                                             (uint64_t)trib_column_integer(statement, 1),
                                             trib_column_bytes(statement, 2)};
            status = each(context, &found);
        }
    } while (row && trib_ok(status));
    trib_statement_reset(statement);
    return status;
}

trib_status cloud_registry_old_strategy(cloud_registry *registry, const char *federation,
                                        uint32_t keep, uint8_t ret_digest[32], bool *ret_found) {
    trib_statement *statement;
    bool row;
    TRIB_TRY(trib_database_prepare(
        registry->database,
        "SELECT strategy FROM (SELECT strategy FROM rounds WHERE federation = ?1"
        " AND outcome = 'closed' ORDER BY number DESC LIMIT 1 OFFSET ?2) AS old"
        " WHERE NOT EXISTS (SELECT 1 FROM rounds AS other WHERE other.strategy = old.strategy"
        " AND other.outcome = 'closed' AND ?2 > (SELECT count(*) FROM (SELECT 1 FROM rounds AS "
        "newer"
        " WHERE newer.federation = other.federation AND newer.outcome = 'closed'"
        " AND newer.number > other.number LIMIT ?2)))",
        &statement));
    trib_bind_text(statement, 1, federation);
    trib_bind_integer(statement, 2, keep);
    TRIB_TRY(trib_statement_step(statement, &row));
    trib_bytes digest = row ? trib_column_bytes(statement, 0) : (trib_bytes){NULL, 0};
    *ret_found = digest.size == 32;
    if (*ret_found) {
        memcpy(ret_digest, digest.data, 32);
    }
    trib_statement_reset(statement);
    return TRIB_SUCCESS;
}

static void hex_column(const trib_statement *statement, int column, char ret_text[65]) {
    trib_bytes bytes = trib_column_bytes(statement, column);
    ret_text[0] = '\0';
    if (bytes.size == 32) {
        trib_hex(bytes, ret_text);
    }
}

static void copy_column(const trib_statement *statement, int column, char *ret_text, size_t size) {
    const char *text = trib_column_text(statement, column);
    size_t length = strlen(text) < size ? strlen(text) : size - 1;
    memcpy(ret_text, text, length);
    ret_text[length] = '\0';
}

trib_status cloud_registry_rounds(cloud_registry *registry, const char *federation, int64_t after,
                                  uint32_t most, bool models,
                                  void (*each)(void *context, const cloud_round_row *row),
                                  void *context) {
#define ROUND_COLUMNS                                                                              \
    "SELECT number, ordinal, statistics, outcome, updates, weight, loss, bytes_up, opened_ms,"     \
    " closed_ms, model, served, reason, EXISTS (SELECT 1 FROM releases r WHERE r.federation ="     \
    " rounds.federation AND r.model = rounds.served) FROM rounds WHERE federation = ?1"
    static const char ended[] =
        ROUND_COLUMNS " AND outcome <> 'open' AND number > ?2 ORDER BY number LIMIT ?3";
    static const char with_model[] =
        ROUND_COLUMNS " AND outcome = 'closed' AND number > ?2 ORDER BY number DESC LIMIT ?3";
    trib_statement *statement;
    TRIB_TRY(trib_database_prepare(registry->database, models ? with_model : ended, &statement));
    trib_bind_text(statement, 1, federation);
    trib_bind_integer(statement, 2, after);
    trib_bind_integer(statement, 3, most);
    for (bool row = true;;) {
        TRIB_TRY(trib_statement_step(statement, &row));
        if (!row) {
            return TRIB_SUCCESS;
        }
        cloud_round_row found = {.number = (uint64_t)trib_column_integer(statement, 0),
                                 .ordinal = (uint32_t)trib_column_integer(statement, 1),
                                 .statistics = trib_column_integer(statement, 2) != 0,
                                 .updates = (uint32_t)trib_column_integer(statement, 4),
                                 .weight = (uint64_t)trib_column_integer(statement, 5),
                                 .loss = trib_column_number(statement, 6),
                                 .bytes_up = (uint64_t)trib_column_integer(statement, 7),
                                 .opened_ms = (uint64_t)trib_column_integer(statement, 8),
                                 .closed_ms = (uint64_t)trib_column_integer(statement, 9),
                                 .released = trib_column_integer(statement, 13) != 0};
        copy_column(statement, 3, found.outcome, sizeof found.outcome);
        hex_column(statement, 10, found.model);
        hex_column(statement, 11, found.served);
        copy_column(statement, 12, found.reason, sizeof found.reason);
        each(context, &found);
    }
}

trib_status cloud_registry_note_published(cloud_registry *registry, const char *federation,
                                          const uint8_t id[16], uint32_t chunks) {
    trib_statement *statement;
    TRIB_TRY(trib_database_prepare(
        registry->database, "INSERT OR REPLACE INTO published VALUES (?1, ?2, ?3)", &statement));
    trib_bind_text(statement, 1, federation);
    trib_bind_bytes(statement, 2, trib_bytes_of(id, 16));
    trib_bind_integer(statement, 3, chunks);
    TRIB_TRY(trib_statement_finish(statement));
    return trib_database_sync(registry->database);
}

trib_status cloud_registry_forget_published(cloud_registry *registry, const char *federation,
                                            const uint8_t id[16]) {
    trib_statement *statement;
    TRIB_TRY(trib_database_prepare(
        registry->database, "DELETE FROM published WHERE federation = ?1 AND id = ?2", &statement));
    trib_bind_text(statement, 1, federation);
    trib_bind_bytes(statement, 2, trib_bytes_of(id, 16));
    return trib_statement_finish(statement);
}

trib_status cloud_registry_published(cloud_registry *registry, const char *federation,
                                     void (*each)(void *context, const uint8_t id[16],
                                                  uint32_t chunks),
                                     void *context) {
    trib_statement *statement;
    TRIB_TRY(trib_database_prepare(
        registry->database, "SELECT id, chunks FROM published WHERE federation = ?1", &statement));
    trib_bind_text(statement, 1, federation);
    for (bool row = true;;) {
        TRIB_TRY(trib_statement_step(statement, &row));
        if (!row) {
            return TRIB_SUCCESS;
        }
        trib_bytes id = trib_column_bytes(statement, 0);
        if (id.size == 16) {
            each(context, id.data, (uint32_t)trib_column_integer(statement, 1));
        }
    }
}
