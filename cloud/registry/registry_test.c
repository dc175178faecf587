/* The view: whatever way the same records took into it, it is the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "cloud/registry/registry.h"
#include "common/base/heap.h"
#include "common/wire/wire.h"
#include "generated/cloud_registry_migrations.h"

enum { MOST_RECORDS = 32, RECORD_ROOM = 512 };

typedef struct encoded {
    uint8_t bytes[RECORD_ROOM];
    size_t size;
} encoded;

/* What a ledger holds; record n stands at position n + 1. */
typedef struct story {
    struct {
        uint32_t type;
        encoded whole;
        encoded live; /* as the running program hands it on: updates without what they carry */
    } records[MOST_RECORDS];
    size_t count;
} story;

static char folder[64], path[96];
static story told;

static void encode(const pb_msgdesc_t *fields, const void *message, encoded *ret) {
    trib_writer writer = trib_writer_of(ret->bytes, sizeof ret->bytes);
    assert_true(trib_ok(trib_wire_encode(fields, message, &writer)));
    ret->size = writer.size;
}

static trib_bytes view_of(const encoded *bytes) {
    return trib_bytes_of(bytes->bytes, bytes->size);
}

static void tell(uint32_t type, const pb_msgdesc_t *fields, const void *message) {
    assert_true(told.count < MOST_RECORDS);
    encode(fields, message, &told.records[told.count].whole);
    told.records[told.count].live = told.records[told.count].whole;
    told.records[told.count++].type = type;
}

static void tell_document(const char *federation, uint64_t revision, bool new_lineage) {
    char text[64];
    cloud_record_Federation record = {
        .revision = revision, .new_lineage = new_lineage, .time_ms = 1000 + revision};
    (void)snprintf(record.federation, sizeof record.federation, "%s", federation);
    (void)snprintf(text, sizeof text, "document %u of %s", (unsigned)revision, federation);
    trib_bytes document = trib_bytes_text(text);
    trib_wire_put(&record.document, &document);
    tell(cloud_record_Type_TYPE_FEDERATION, cloud_record_Federation_fields, &record);
}

static void tell_join(const char *gateway, uint64_t generation) {
    cloud_record_Join record = {
        .federation = "plant", .generation = generation, .time_ms = 2000, .serial = "0a"};
    (void)snprintf(record.gateway, sizeof record.gateway, "%s", gateway);
    trib_bytes envelope = trib_bytes_text("an envelope");
    trib_wire_put(&record.envelope, &envelope);
    tell(cloud_record_Type_TYPE_JOIN, cloud_record_Join_fields, &record);
}

static void tell_opened(uint64_t round) {
    const cloud_record_RoundOpened record = {.federation = "plant",
                                             .round = round,
                                             .statistics = round == 1,
                                             .ordinal = (uint32_t)round - 1,
                                             .time_ms = 100 * round};
    tell(cloud_record_Type_TYPE_ROUND_OPENED, cloud_record_RoundOpened_fields, &record);
}

static void tell_closed(uint64_t round, bool abandoned) {
    const uint8_t model[32] = {(uint8_t)round, 1}, served[32] = {(uint8_t)round, 2};
    cloud_record_RoundClosed record = {.federation = "plant",
                                       .round = round,
                                       .abandoned = abandoned,
                                       .updates = 3,
                                       .weight = 30 * round,
                                       .loss = 0.5 / (double)round,
                                       .bytes_up = 1000,
                                       .time_ms = 100 * round + 50};
    if (abandoned) {
        memcpy(record.reason, "below quorum", sizeof "below quorum");
    } else {
        TRIB_WIRE_SET_BYTES(record.model_digest, model, sizeof model);
        TRIB_WIRE_SET_BYTES(record.served_digest, served, sizeof served);
        TRIB_WIRE_SET_BYTES(record.strategy_digest, model, sizeof model);
    }
    tell(cloud_record_Type_TYPE_ROUND_CLOSED, cloud_record_RoundClosed_fields, &record);
}

static void tell_release(uint64_t release, uint64_t round) {
    const uint8_t served[32] = {(uint8_t)round, 2};
    cloud_record_Release record = {
        .federation = "plant", .release = release, .round = round, .time_ms = 5000};
    TRIB_WIRE_SET_BYTES(record.model_digest, served, sizeof served);
    tell(cloud_record_Type_TYPE_RELEASE, cloud_record_Release_fields, &record);
}

/* Its digest follows from gateway and round. */
static void tell_update(const char *federation, const char *gateway, uint64_t round) {
    const uint8_t digest[32] = {(uint8_t)round, (uint8_t)gateway[6]}, numbers[200] = {1, 2, 3};
    const trib_bytes payload = trib_bytes_of(numbers, sizeof numbers);
    cloud_record_Update record = {.session = 5, .sequence = 6, .time_ms = 7};
    trib_wire_Update whole = {.round = round, .examples = 9, .loss = 0.5f}, live = {.round = round};
    encoded update;
    trib_bytes view;
    (void)snprintf(record.federation, sizeof record.federation, "%s", federation);
    (void)snprintf(record.gateway, sizeof record.gateway, "%s", gateway);
    TRIB_WIRE_SET_BYTES(record.digest, digest, sizeof digest);
    trib_wire_put(&whole.payload, &payload);
    encode(trib_wire_Update_fields, &whole, &update);
    view = view_of(&update);
    trib_wire_put(&record.update, &view);
    tell(cloud_record_Type_TYPE_UPDATE, cloud_record_Update_fields, &record);
    encode(trib_wire_Update_fields, &live, &update);
    view = view_of(&update);
    encode(cloud_record_Update_fields, &record, &told.records[told.count - 1].live);
}

static void tell_all(void) {
    const cloud_record_Revoked revoked = {.gateway = "press-2", .discard = true, .time_ms = 7};
    told.count = 0;
    tell_document("plant", 1, true);                                             /* 1 */
    tell_join("press-1", 1);                                                     /* 2 */
    tell_join("press-2", 1);                                                     /* 3 */
    tell_opened(1);                                                              /* 4 */
    tell_update("plant", "press-1", 1);                                          /* 5 */
    tell_update("plant", "press-2", 1);                                          /* 6 */
    tell_closed(1, false);                                                       /* 7 */
    tell_document("mill", 1, true);                                              /* 8 */
    tell_opened(2);                                                              /* 9 */
    tell_update("plant", "press-1", 2);                                          /* 10 */
    tell_closed(2, false);                                                       /* 11 */
    tell_release(1, 2);                                                          /* 12 */
    tell_document("plant", 2, false);                                            /* 13 */
    tell_opened(3);                                                              /* 14 */
    tell_update("plant", "press-3", 3);                                          /* 15 */
    tell_update("mill", "press-3", 3);                                           /* 16 */
    tell(cloud_record_Type_TYPE_REVOKED, cloud_record_Revoked_fields, &revoked); /* 17 */
    tell_join("press-1", 2);                                                     /* 18 */
    tell_closed(3, true);                                                        /* 19 */
    tell(99, cloud_record_Revoked_fields, &revoked); /* 20: of a newer program */
    tell_opened(4);                                  /* 21 */
    tell_update("plant", "press-4", 4);              /* 22 */
}

static int set_up(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/registry-test-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/registry.db", folder);
    tell_all();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* ---- the view ------------------------------------------------------------------------------ */

static cloud_registry *open_registry(const char *where) {
    cloud_registry *registry = NULL;
    if (!trib_ok(cloud_registry_open(where, &registry))) {
        fail_msg("open: %s", trib_message());
    }
    return registry;
}

static void close_scoped(cloud_registry **registry) {
    cloud_registry_close(*registry);
}

/* From the ledger, or as the running program hands it on. */
static trib_status take_one(cloud_registry *registry, size_t index, bool live) {
    return cloud_registry_take(
        registry, &(cloud_record){.position = index + 1,
                                  .type = told.records[index].type,
                                  .payload = view_of(live ? &told.records[index].live
                                                          : &told.records[index].whole)});
}

/* Records [first, end) in one transaction. */
static void take_as(cloud_registry *registry, size_t first, size_t end, bool live) {
    assert_true(trib_ok(cloud_registry_begin(registry)));
    for (size_t i = first; i < end; i++) {
        assert_true(trib_ok(take_one(registry, i, live)));
    }
    assert_true(trib_ok(cloud_registry_commit(registry, end)));
}

static void take(cloud_registry *registry, size_t first, size_t end) {
    take_as(registry, first, end, false);
}

static uint64_t position_of(cloud_registry *registry) {
    uint64_t position = UINT64_MAX;
    assert_true(trib_ok(cloud_registry_position(registry, &position)));
    return position;
}

static trib_database *look_into(const char *where) {
    trib_database *database = NULL;
    assert_true(trib_ok(trib_database_open(
        where, cloud_registry_migrations,
        sizeof cloud_registry_migrations / sizeof cloud_registry_migrations[0], &database)));
    return database;
}

/* Every table that follows from the ledger, row by row, as text. */
static void dump(const char *where, trib_buffer *ret_text) {
    static const char *const tables[] = {
        "SELECT key || quote(value) FROM meta ORDER BY 1",
        "SELECT federation || '/' || subject || '/' || type || '/' || position || quote(payload)"
        " FROM newest ORDER BY 1",
        "SELECT name || '/' || revision || quote(document) || applied_ms FROM federations"
        " ORDER BY 1",
        "SELECT federation || '/' || name || '/' || generation || '/' || serial || joined_ms"
        " FROM gateways ORDER BY 1",
        "SELECT gateway || '/' || discard || '/' || revoked_ms FROM revocations ORDER BY 1",
        "SELECT federation || '/' || number || '/' || position || '/' || ordinal || '/' ||"
        " statistics || outcome || updates || '/' || weight || '/' || quote(loss) || bytes_up ||"
        " '/' || opened_ms || '/' || closed_ms || quote(model) || quote(served) ||"
        " quote(strategy) || reason FROM rounds ORDER BY 1",
        "SELECT federation || '/' || number || '/' || round || quote(model) || time_ms"
        " FROM releases ORDER BY 1",
        "SELECT federation || '/' || gateway || '/' || round || quote(digest) FROM counted"
        " ORDER BY 1",
    };
    trib_database *database = look_into(where);
    ret_text->ceiling = 1 << 20;
    trib_buffer_clear(ret_text);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        trib_statement *statement;
        bool row = true;
        assert_true(trib_ok(trib_database_prepare(database, tables[i], &statement)));
        for (;;) {
            assert_true(trib_ok(trib_statement_step(statement, &row)));
            if (!row) {
                break;
            }
            assert_false(trib_column_null(statement, 0));
            assert_true(
                trib_ok(trib_buffer_print(ret_text, "%s\n", trib_column_text(statement, 0))));
        }
    }
    trib_database_close(database);
}

static void assert_same_view(const char *left, const char *right) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer one = {.ceiling = 0};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer other = {.ceiling = 0};
    dump(left, &one);
    dump(right, &other);
    assert_true(one.size > 1000);
    assert_true(trib_bytes_equal(trib_buffer_view(&one), trib_buffer_view(&other)));
}

static void second_path(char ret_path[96]) {
    (void)snprintf(ret_path, 96, "%s/other.db", folder);
}

static void rebuild_other(char ret_path[96]) {
    second_path(ret_path);
    TRIB_SCOPED(close_scoped) cloud_registry *registry = open_registry(ret_path);
    take(registry, 0, told.count);
}

static trib_status list_counted(void *context, const cloud_counted_row *row) {
    const uint8_t digest[32] = {(uint8_t)row->round, (uint8_t)row->gateway[6]};
    assert_true(trib_bytes_equal(row->digest, trib_bytes_of(digest, sizeof digest)));
    return trib_buffer_print(context, "%s %u, ", row->gateway, (unsigned)row->round);
}

/* The rows, in the order of their names: "gateway round, ..". */
static void counts(cloud_registry *registry, const char *federation, const char *rows) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = 1000};
    assert_true(trib_ok(cloud_registry_counted(registry, federation, list_counted, &text)));
    assert_true(trib_bytes_equal(trib_buffer_view(&text), trib_bytes_text(rows)));
}

static void an_empty_view_is_at_the_beginning(void **state) {
    (void)state;
    TRIB_SCOPED(close_scoped) cloud_registry *registry = open_registry(path);
    uint64_t number = 5;
    assert_int_equal(position_of(registry), 0);
    assert_true(trib_ok(cloud_registry_last_round(registry, "plant", false, &number)));
    assert_int_equal(number, 0);
    counts(registry, "plant", "");
}

static void a_view_rebuilt_at_once_equals_one_that_grew_record_by_record(void **state) {
    (void)state;
    char other[96];
    rebuild_other(other);
    cloud_registry *registry = open_registry(path);
    for (size_t i = 0; i < told.count; i++) {
        take_as(registry, i, i + 1, true);
        assert_int_equal(position_of(registry), i + 1);
        if (i % 3 == 1) { /* restarts on the way */
            cloud_registry_close(registry);
            registry = open_registry(path);
        }
    }
    cloud_registry_close(registry);
    assert_same_view(path, other);
}

static void a_transaction_that_was_rolled_back_leaves_no_trace(void **state) {
    (void)state;
    char other[96];
    rebuild_other(other);
    TRIB_SCOPED(close_scoped) cloud_registry *registry = open_registry(path);
    take(registry, 0, 9);
    assert_true(trib_ok(cloud_registry_begin(registry)));
    for (size_t i = 9; i < 19; i++) {
        assert_true(trib_ok(take_one(registry, i, true)));
    }
    cloud_registry_rollback(registry);
    assert_int_equal(position_of(registry), 9);
    counts(registry, "plant", "press-1 1, press-2 1, ");
    take(registry, 9, told.count);
    assert_same_view(path, other);
}

static void a_record_that_cannot_be_read_is_refused(void **state) {
    (void)state;
    TRIB_SCOPED(close_scoped) cloud_registry *registry = open_registry(path);
    static const uint8_t garbage[] = {0x0a, 0xff};
    for (uint32_t type = 1; type <= 7; type++) {
        const cloud_record record = {
            .position = 1, .type = type, .payload = trib_bytes_of(garbage, sizeof garbage)};
        assert_int_equal(cloud_registry_take(registry, &record).code, TRIB_E_CORRUPT);
    }
    cloud_record_Update update = {.federation = "plant", .gateway = "press-1"};
    const trib_bytes inside = trib_bytes_of(garbage, sizeof garbage);
    encoded bytes;
    trib_wire_put(&update.update, &inside);
    encode(cloud_record_Update_fields, &update, &bytes);
    const cloud_record record = {
        .position = 1, .type = cloud_record_Type_TYPE_UPDATE, .payload = view_of(&bytes)};
    assert_int_equal(cloud_registry_take(registry, &record).code, TRIB_E_CORRUPT);
    counts(registry, "plant", "");
}

/* ---- restoring ----------------------------------------------------------------------------- */

typedef struct heard {
    uint32_t types[MOST_RECORDS];
    uint64_t positions[MOST_RECORDS];
    trib_buffer documents;
    size_t count, most;
} heard;

static trib_status hear(void *context, const cloud_record *record) {
    heard *to = context;
    if (to->count == to->most) {
        return TRIB_FAIL(TRIB_E_STATE, "enough");
    }
    to->types[to->count] = record->type;
    to->positions[to->count++] = record->position;
    if (record->type == cloud_record_Type_TYPE_FEDERATION) {
        cloud_record_Federation message = cloud_record_Federation_init_zero;
        trib_bytes document;
        trib_wire_catch(&message.document, &document);
        TRIB_TRY(trib_wire_decode(cloud_record_Federation_fields, record->payload, &message));
        TRIB_TRY(trib_buffer_append(&to->documents, document));
        return trib_buffer_append(&to->documents, trib_bytes_text(";"));
    }
    const size_t index = (size_t)record->position - 1;
    assert_true(trib_bytes_equal(record->payload, view_of(&told.records[index].whole)));
    return TRIB_SUCCESS;
}

static void restores(cloud_registry *registry, const uint64_t *positions, size_t count,
                     const char *documents) {
    heard all = {.documents = {.ceiling = 1000}, .most = MOST_RECORDS};
    assert_true(trib_ok(cloud_registry_restore(registry, hear, &all)));
    assert_int_equal(all.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(all.positions[i], positions[i]);
        assert_int_equal(all.types[i], told.records[positions[i] - 1].type);
    }
    assert_true(trib_bytes_equal(trib_buffer_view(&all.documents), trib_bytes_text(documents)));
    trib_buffer_deinit(&all.documents);
}

static void
the_newest_records_come_back_in_order_each_document_where_its_first_stood(void **state) {
    (void)state;
    TRIB_SCOPED(close_scoped) cloud_registry *registry = open_registry(path);
    take(registry, 0, told.count);
    /* The abandoned round left the newest close with a model in place. */
    const uint64_t positions[] = {1, 3, 8, 11, 12, 17, 18, 21};
    restores(registry, positions, 8, "document 2 of plant;document 1 of mill;");
}

static void a_new_lineage_forgets_rounds_and_releases_of_the_old_one(void **state) {
    (void)state;
    TRIB_SCOPED(close_scoped) cloud_registry *registry = open_registry(path);
    tell_document("plant", 3, true); /* 23 */
    take(registry, 0, told.count);
    const uint64_t before[] = {1, 3, 8, 17, 18};
    restores(registry, before, 5, "document 3 of plant;document 1 of mill;");
    tell_opened(5); /* 24 */
    take(registry, told.count - 1, told.count);
    const uint64_t after[] = {1, 3, 8, 17, 18, 24};
    restores(registry, after, 6, "document 3 of plant;document 1 of mill;");
}

static void restoring_stops_at_the_first_failure(void **state) {
    (void)state;
    TRIB_SCOPED(close_scoped) cloud_registry *registry = open_registry(path);
    take(registry, 0, told.count);
    heard some = {.documents = {.ceiling = 1000}, .most = 2};
    assert_int_equal(cloud_registry_restore(registry, hear, &some).code, TRIB_E_STATE);
    assert_int_equal(some.count, 2);
    trib_buffer_deinit(&some.documents);
    take(registry, told.count - 1, told.count); /* nothing is left locked */
}

/* ---- rounds -------------------------------------------------------------------------------- */

typedef struct listing {
    cloud_round_row rows[8];
    size_t count;
} listing;

static void list(void *context, const cloud_round_row *row) {
    listing *to = context;
    assert_true(to->count < 8);
    to->rows[to->count++] = *row;
}

static listing rounds(cloud_registry *registry, int64_t after, uint32_t most, bool models) {
    listing found = {.count = 0};
    assert_true(
        trib_ok(cloud_registry_rounds(registry, "plant", after, most, models, list, &found)));
    return found;
}

static void rounds_are_listed_as_they_ended(void **state) {
    (void)state;
    TRIB_SCOPED(close_scoped) cloud_registry *registry = open_registry(path);
    take(registry, 0, told.count);
    listing all = rounds(registry, -1, 8, false);
    assert_int_equal(all.count, 3); /* the fourth is open */
    assert_int_equal(all.rows[0].number, 1);
    assert_true(all.rows[0].statistics && !all.rows[1].statistics);
    assert_string_equal(all.rows[1].outcome, "closed");
    assert_int_equal(all.rows[1].weight, 60);
    assert_true(all.rows[1].loss == 0.25);
    assert_int_equal(all.rows[1].opened_ms, 200);
    assert_int_equal(all.rows[1].closed_ms, 250);
    assert_memory_equal(all.rows[1].model, "0201000000", 10);
    assert_int_equal(strlen(all.rows[1].served), 64);
    assert_true(all.rows[1].released && !all.rows[0].released);
    assert_string_equal(all.rows[2].outcome, "abandoned");
    assert_string_equal(all.rows[2].reason, "below quorum");
    assert_string_equal(all.rows[2].model, "");
    uint64_t bits = 0;
    assert_true(trib_ok(cloud_registry_abandoned(registry, "plant", all.rows[2].number, &bits)));
    assert_int_equal(bits, 1);
    assert_true(
        trib_ok(cloud_registry_abandoned(registry, "plant", all.rows[2].number + 63, &bits)));
    assert_true(bits == (uint64_t)1 << 63);
    assert_true(
        trib_ok(cloud_registry_abandoned(registry, "plant", all.rows[2].number + 64, &bits)));
    assert_int_equal(bits, 0);
    assert_int_equal(rounds(registry, 1, 8, false).rows[0].number, 2);
    assert_int_equal(rounds(registry, -1, 2, false).count, 2);
    listing models = rounds(registry, -1, 8, true);
    assert_int_equal(models.count, 2);
    assert_int_equal(models.rows[0].number, 2); /* newest first */
    assert_int_equal(models.rows[1].number, 1);
}

static void the_newest_rounds_are_known_by_number(void **state) {
    (void)state;
    TRIB_SCOPED(close_scoped) cloud_registry *registry = open_registry(path);
    uint64_t number = 0;
    take(registry, 0, told.count);
    assert_true(trib_ok(cloud_registry_last_round(registry, "plant", false, &number)));
    assert_int_equal(number, 4);
    assert_true(trib_ok(cloud_registry_last_round(registry, "plant", true, &number)));
    assert_int_equal(number, 3);
    assert_true(trib_ok(cloud_registry_last_round(registry, "mill", false, &number)));
    assert_int_equal(number, 0);
}

static void the_newest_release_is_known_by_number_whatever_lineage_it_was_of(void **state) {
    (void)state;
    TRIB_SCOPED(close_scoped) cloud_registry *registry = open_registry(path);
    uint64_t number = 9;
    tell_document("plant", 3, true);
    take(registry, 0, told.count);
    assert_true(trib_ok(cloud_registry_last_release(registry, "plant", &number)));
    assert_int_equal(number, 1);
    assert_true(trib_ok(cloud_registry_last_release(registry, "mill", &number)));
    assert_int_equal(number, 0);
}

/* Ordinals begin anew with each lineage, and an abandoned round leaves its own to the next. */
static void a_page_of_rounds_goes_on_behind_a_number(void **state) {
    (void)state;
    TRIB_SCOPED(close_scoped) cloud_registry *registry = open_registry(path);
    tell_document("plant", 3, true);
    for (uint64_t number = 5; number < 8; number++) {
        const cloud_record_RoundOpened record = {
            .federation = "plant", .round = number, .ordinal = number == 5 ? 0 : 1};
        tell(cloud_record_Type_TYPE_ROUND_OPENED, cloud_record_RoundOpened_fields, &record);
        tell_closed(number, number == 6);
    }
    take(registry, 0, told.count);
    uint64_t seen[8] = {0};
    size_t count = 0;
    for (int64_t after = -1;;) {
        listing page = rounds(registry, after, 1, false);
        if (page.count == 0) {
            break;
        }
        seen[count++] = page.rows[0].number;
        after = (int64_t)page.rows[0].number;
    }
    const uint64_t all[] = {1, 2, 3, 5, 6, 7};
    assert_int_equal(count, 6);
    assert_memory_equal(seen, all, sizeof all);
}

/* ---- who was counted last ------------------------------------------------------------------ */

static void the_newest_round_that_counts_each_gateway_is_known_by_federation(void **state) {
    (void)state;
    cloud_registry *registry = open_registry(path);
    take(registry, 0, 15);
    counts(registry, "plant", "press-1 2, press-2 1, press-3 3, ");
    take(registry, 15, 18);
    counts(registry, "plant", "press-1 2, press-2 1, press-3 3, ");
    counts(registry, "mill", "press-3 3, ");
    cloud_registry_close(registry);
    registry = open_registry(path);
    counts(registry, "plant", "press-1 2, press-2 1, press-3 3, ");
    take(registry, 18, told.count); /* plant's third round was abandoned: it counts nowhere */
    counts(registry, "plant", "press-1 2, press-2 1, press-4 4, ");
    counts(registry, "mill", "press-3 3, ");
    counts(registry, "elsewhere", "");
    cloud_registry_close(registry);
}

/* Whoever was counted in the round before an abandoned one has heard its verdict. */
static void an_abandoned_round_leaves_nothing_of_whom_it_counted(void **state) {
    (void)state;
    TRIB_SCOPED(close_scoped) cloud_registry *registry = open_registry(path);
    take(registry, 0, told.count);
    tell_update("plant", "press-1", 4);
    tell_closed(4, true);
    take_as(registry, told.count - 2, told.count, true);
    counts(registry, "plant", "press-2 1, ");
}

static trib_status refuse(void *context, const cloud_counted_row *row) {
    (*(unsigned *)context)++;
    return TRIB_FAIL(TRIB_E_STATE, "not %s", row->gateway);
}

static void the_rows_end_at_the_first_failure_and_leave_nothing_locked(void **state) {
    (void)state;
    TRIB_SCOPED(close_scoped) cloud_registry *registry = open_registry(path);
    unsigned calls = 0;
    take(registry, 0, told.count);
    assert_int_equal(cloud_registry_counted(registry, "plant", refuse, &calls).code, TRIB_E_STATE);
    assert_int_equal(calls, 1);
    trib_database *other = look_into(path); /* which a reader in mid-air would be too old for */
    assert_true(trib_ok(trib_database_run(other, "UPDATE meta SET value = 1")));
    trib_database_close(other);
    take(registry, told.count - 1, told.count);
}

/* Rounds of two federations that know nothing of each other; some left the same state. */
static void a_state_that_a_federation_may_go_on_from_is_not_old(void **state) {
    (void)state;
    static const struct {
        const char *rounds; /* of press */
        uint8_t first;      /* byte of what is old of plant; 0: nothing */
    } cases[] = {{"", 1},
                 {"INSERT INTO rounds (federation, number, position, ordinal, statistics, outcome,"
                  " opened_ms, strategy) VALUES ('press', 1, 1, 1, 0, 'closed', 1, "
                  "X'01' || zeroblob(31))",
                  0},
                 {"INSERT INTO rounds (federation, number, position, ordinal, statistics, outcome,"
                  " opened_ms, strategy) VALUES ('press', 2, 1, 1, 0, 'closed', 1, "
                  "X'07' || zeroblob(31)), ('press', 3, 1, 1, 0, 'closed', 1, X'08' || "
                  "zeroblob(31))",
                  1}};
    TRIB_SCOPED(close_scoped) cloud_registry *registry = open_registry(path);
    uint8_t old[32];
    bool found = true;
    assert_true(trib_ok(cloud_registry_old_strategy(registry, "plant", 2, old, &found)));
    assert_false(found);
    trib_database *database = look_into(path);
    assert_true(trib_ok(trib_database_run(
        database, "INSERT INTO rounds (federation, number, position, ordinal, statistics, outcome,"
                  " opened_ms, strategy) VALUES"
                  " ('plant', 1, 1, 1, 0, 'closed', 1, X'01' || zeroblob(31)),"
                  " ('plant', 2, 1, 1, 0, 'abandoned', 1, NULL),"
                  " ('plant', 3, 1, 1, 0, 'closed', 1, X'02' || zeroblob(31)),"
                  " ('plant', 4, 1, 1, 0, 'closed', 1, X'03' || zeroblob(31))")));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(trib_ok(trib_database_run(database, cases[i].rounds)));
        assert_true(trib_ok(cloud_registry_old_strategy(registry, "plant", 2, old, &found)));
        assert_int_equal(found, cases[i].first != 0);
        assert_true(!found || old[0] == cases[i].first);
    }
    trib_database_close(database);
}

static void a_view_of_before_the_table_is_brought_up_to_it(void **state) {
    (void)state;
    trib_database *database = NULL;
    assert_true(trib_ok(trib_database_open(path, cloud_registry_migrations, 1, &database)));
    assert_true(trib_ok(trib_database_run(database, "UPDATE meta SET value = 8")));
    trib_database_close(database);
    TRIB_SCOPED(close_scoped) cloud_registry *registry = open_registry(path);
    assert_int_equal(position_of(registry), 8);
    counts(registry, "plant", "");
    take(registry, 8, 11);
    counts(registry, "plant", "press-1 2, ");
}

static void count_chunks(void *context, const uint8_t id[16], uint32_t chunks) {
    (*(uint64_t *)context) += chunks * (uint64_t)id[0];
}

static uint64_t published(cloud_registry *registry, const char *federation) {
    uint64_t sum = 0;
    assert_true(trib_ok(cloud_registry_published(registry, federation, count_chunks, &sum)));
    return sum;
}

static void what_is_retained_on_the_broker_is_remembered_until_it_is_cleared(void **state) {
    (void)state;
    const uint8_t one[16] = {1}, two[16] = {10};
    cloud_registry *registry = open_registry(path);
    assert_true(trib_ok(cloud_registry_note_published(registry, "plant", one, 3)));
    assert_true(trib_ok(cloud_registry_note_published(registry, "plant", two, 4)));
    assert_true(trib_ok(cloud_registry_note_published(registry, "plant", one, 5)));
    assert_true(trib_ok(cloud_registry_note_published(registry, "mill", one, 7)));
    cloud_registry_close(registry);
    registry = open_registry(path);
    assert_int_equal(published(registry, "plant"), 45);
    assert_true(trib_ok(cloud_registry_forget_published(registry, "plant", two)));
    assert_int_equal(published(registry, "plant"), 5);
    assert_int_equal(published(registry, "mill"), 7);
    cloud_registry_close(registry);
}

/* ---- damage -------------------------------------------------------------------------------- */

static void a_damaged_view_is_refused_and_made_again(void **state) {
    (void)state;
    char other[96];
    cloud_registry *registry = open_registry(path);
    rebuild_other(other);
    take(registry, 0, told.count);
    cloud_registry_close(registry);
    registry = NULL;
    FILE *file = fopen(path, "rb+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 4096, SEEK_SET), 0);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(fputc(0xee, file), 0xee);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(cloud_registry_open(path, &registry).code, TRIB_E_CORRUPT);
    assert_null(registry);
    assert_int_equal(unlink(path), 0);
    registry = open_registry(path);
    assert_int_equal(position_of(registry), 0);
    take(registry, 0, told.count);
    cloud_registry_close(registry);
    assert_same_view(path, other);
}

static void a_view_that_lost_its_position_says_so(void **state) {
    (void)state;
    TRIB_SCOPED(close_scoped) cloud_registry *registry = open_registry(path);
    trib_database *database = look_into(path);
    uint64_t position = 3;
    assert_true(trib_ok(trib_database_run(database, "DELETE FROM meta")));
    trib_database_close(database);
    assert_int_equal(cloud_registry_position(registry, &position).code, TRIB_E_CORRUPT);
    assert_int_equal(position, 3);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(an_empty_view_is_at_the_beginning),
        CASE(a_view_rebuilt_at_once_equals_one_that_grew_record_by_record),
        CASE(a_transaction_that_was_rolled_back_leaves_no_trace),
        CASE(a_record_that_cannot_be_read_is_refused),
        CASE(the_newest_records_come_back_in_order_each_document_where_its_first_stood),
        CASE(a_new_lineage_forgets_rounds_and_releases_of_the_old_one),
        CASE(the_newest_release_is_known_by_number_whatever_lineage_it_was_of),
        CASE(a_page_of_rounds_goes_on_behind_a_number),
        CASE(restoring_stops_at_the_first_failure),
        CASE(rounds_are_listed_as_they_ended),
        CASE(the_newest_rounds_are_known_by_number),
        CASE(the_newest_round_that_counts_each_gateway_is_known_by_federation),
        CASE(an_abandoned_round_leaves_nothing_of_whom_it_counted),
        CASE(the_rows_end_at_the_first_failure_and_leave_nothing_locked),
        CASE(a_view_of_before_the_table_is_brought_up_to_it),
        CASE(a_state_that_a_federation_may_go_on_from_is_not_old),
        CASE(what_is_retained_on_the_broker_is_remembered_until_it_is_cleared),
        CASE(a_damaged_view_is_refused_and_made_again),
        CASE(a_view_that_lost_its_position_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
