/* The cloud's view of its ledger. */
#include "cloud/registry/registry.h"
#include "common/wire/wire.h"
#include "tests/fuzz/database.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"

static cloud_registry *writer;
static uint64_t position;

static trib_status open_registry(cloud_registry **ret_registry) {
    char path[FUZZ_PATH_SIZE];
    fuzz_path(fuzz_registry.name, path);
    return cloud_registry_open(path, ret_registry);
}

static void take(cloud_record_Type type, const pb_msgdesc_t *fields, const void *message) {
    uint8_t bytes[1024];
    trib_writer payload = trib_writer_of(bytes, sizeof bytes);
    FUZZ_MUST(trib_ok(trib_wire_encode(fields, message, &payload)));
    const cloud_record record = {
        .position = ++position, .type = (uint32_t)type, .payload = trib_written(&payload)};
    FUZZ_MUST(trib_ok(cloud_registry_take(writer, &record)));
}

static void take_who(void) {
    const trib_bytes document = trib_bytes_text("federation: plant\n");
    cloud_record_Federation federation = {.federation = "plant", .revision = 1};
    cloud_record_Join join = {
        .federation = "plant", .gateway = "press-1", .generation = 1, .serial = "0a"};
    const cloud_record_Revoked revoked = {.gateway = "press-2"};
    trib_wire_put(&federation.document, &document);
    trib_wire_put(&join.envelope, &document);
    take(cloud_record_Type_TYPE_FEDERATION, cloud_record_Federation_fields, &federation);
    take(cloud_record_Type_TYPE_JOIN, cloud_record_Join_fields, &join);
    take(cloud_record_Type_TYPE_REVOKED, cloud_record_Revoked_fields, &revoked);
}

static void take_round(uint64_t round) {
    const uint8_t digest[32] = {(uint8_t)round, 1};
    uint8_t update_bytes[64];
    trib_writer update_writer = trib_writer_of(update_bytes, sizeof update_bytes);
    const trib_wire_Update message = {.round = round, .examples = 7};
    const cloud_record_RoundOpened opened = {.federation = "plant", .round = round};
    cloud_record_Update update = {.federation = "plant", .gateway = "press-1"};
    cloud_record_RoundClosed closed = {.federation = "plant", .round = round, .updates = 1};
    cloud_record_Release release = {.federation = "plant", .release = round, .round = round};
    FUZZ_MUST(trib_ok(TRIB_WIRE_ENCODE(Update, &message, &update_writer)));
    trib_bytes whole = trib_written(&update_writer);
    trib_wire_put(&update.update, &whole);
    TRIB_WIRE_SET_BYTES(update.digest, digest, sizeof digest);
    TRIB_WIRE_SET_BYTES(closed.model_digest, digest, sizeof digest);
    TRIB_WIRE_SET_BYTES(closed.served_digest, digest, sizeof digest);
    TRIB_WIRE_SET_BYTES(closed.strategy_digest, digest, sizeof digest);
    TRIB_WIRE_SET_BYTES(release.model_digest, digest, sizeof digest);
    take(cloud_record_Type_TYPE_ROUND_OPENED, cloud_record_RoundOpened_fields, &opened);
    take(cloud_record_Type_TYPE_UPDATE, cloud_record_Update_fields, &update);
    take(cloud_record_Type_TYPE_ROUND_CLOSED, cloud_record_RoundClosed_fields, &closed);
    take(cloud_record_Type_TYPE_RELEASE, cloud_record_Release_fields, &release);
}

static void write_half(bool first) {
    const uint8_t id[16] = {3};
    FUZZ_MUST(trib_ok(open_registry(&writer)));
    FUZZ_MUST(trib_ok(cloud_registry_begin(writer)));
    if (first) {
        take_who();
    }
    take_round(first ? 1 : 2);
    FUZZ_MUST(trib_ok(cloud_registry_commit(writer, position)));
    FUZZ_MUST(trib_ok(cloud_registry_note_published(writer, "plant", id, 4)));
}

static void close_writer(void) {
    cloud_registry_close(writer);
}

static trib_status take_stored(void *context, const cloud_record *record) {
    int64_t *last = context;
    FUZZ_MUST((int64_t)record->position >= *last);
    *last = (int64_t)record->position;
    return TRIB_SUCCESS;
}

static trib_status take_counted(void *context, const cloud_counted_row *row) {
    *(size_t *)context += strlen(row->gateway) + row->digest.size;
    return TRIB_SUCCESS;
}

static void take_published(void *context, const uint8_t id[16], uint32_t chunks) {
    *(size_t *)context += id[15] + chunks;
}

static void take_row(void *context, const cloud_round_row *row) {
    FUZZ_MUST(memchr(row->outcome, 0, sizeof row->outcome) != NULL);
    FUZZ_MUST(memchr(row->reason, 0, sizeof row->reason) != NULL);
    FUZZ_MUST(strlen(row->model) % 64 == 0 && strlen(row->served) % 64 == 0);
    ++*(size_t *)context;
}

static void read_tables(cloud_registry *registry) {
    uint64_t number;
    uint8_t digest[32];
    bool found;
    size_t sum = 0, rows = 0;
    int64_t last = INT64_MIN;
    trib_ignore(cloud_registry_restore(registry, take_stored, &last));
    trib_ignore(cloud_registry_last_round(registry, "plant", true, &number));
    trib_ignore(cloud_registry_last_round(registry, "plant", false, &number));
    trib_ignore(cloud_registry_last_release(registry, "plant", &number));
    trib_ignore(cloud_registry_last_trained(registry, "plant", &number));
    trib_ignore(cloud_registry_old_strategy(registry, "plant", 1, digest, &found));
    trib_ignore(cloud_registry_counted(registry, "plant", take_counted, &sum));
    trib_ignore(cloud_registry_published(registry, "plant", take_published, &sum));
    trib_ignore(cloud_registry_rounds(registry, "plant", -1, 10, false, take_row, &rows));
    trib_ignore(cloud_registry_rounds(registry, "plant", 0, 10, true, take_row, &rows));
    FUZZ_MUST(rows <= 20);
}

static void read_all(void) {
    cloud_registry *registry = NULL;
    uint64_t at, now;
    if (!trib_ok(open_registry(&registry))) {
        return;
    }
    if (trib_ok(cloud_registry_position(registry, &at))) {
        read_tables(registry);
        if (trib_ok(cloud_registry_begin(registry)) &&
            trib_ok(cloud_registry_commit(registry, 1000)) &&
            trib_ok(cloud_registry_position(registry, &now))) {
            FUZZ_MUST(now == 1000);
        }
    }
    cloud_registry_close(registry);
}

fuzz_database fuzz_registry = {
    .name = "registry.db", .write = write_half, .close = close_writer, .read = read_all};
