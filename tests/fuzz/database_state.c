/* What an agent must not forget. */
#include "edge/outbox/outbox.h"
#include "tests/fuzz/database.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"

static edge_outbox *writer;

static trib_status open_outbox(edge_outbox **ret_outbox) {
    char path[FUZZ_PATH_SIZE];
    fuzz_path(fuzz_state.name, path);
    return edge_outbox_open(path, ret_outbox);
}

static void write_half(bool first) {
    uint64_t boot, round = first ? 1 : 2;
    edge_state_Session session = {.generation = round, .session = 7, .welcomed = true};
    edge_slot slot = {.name = first ? 'a' : 'b', .release = round};
    FUZZ_MUST(trib_ok(open_outbox(&writer)));
    FUZZ_MUST(trib_ok(edge_outbox_boot(writer, &boot)) && boot == round);
    FUZZ_MUST(trib_ok(edge_outbox_store_session(writer, &session)));
    FUZZ_MUST(trib_ok(edge_outbox_store_document(writer, trib_bytes_text("federation: plant\n"))));
    FUZZ_MUST(trib_ok(edge_outbox_put(writer, round, trib_bytes_text("an update"), 1, 9)));
    FUZZ_MUST(!first || trib_ok(edge_outbox_verdict(writer, trib_crypto_host(), 1, "accepted")));
    FUZZ_MUST(trib_ok(edge_outbox_store_slot(writer, &slot)));
}

static void close_writer(void) {
    edge_outbox_close(writer);
}

static void read_values(edge_outbox *outbox) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer document = {.ceiling = 1 << 16};
    edge_state_Session session;
    edge_slot slot;
    uint64_t boot = 0, next = 0;
    if (trib_ok(edge_outbox_boot(outbox, &boot)) && trib_ok(edge_outbox_boot(outbox, &next))) {
        FUZZ_MUST(next == boot + 1 && next < UINT32_MAX);
    }
    if (trib_ok(edge_outbox_load_session(outbox, &session))) {
        trib_ignore(
            edge_outbox_store_session(outbox, &session)); /* what is damaged may refuse it */
    }
    trib_ignore(edge_outbox_load_document(outbox, &document));
    if (trib_ok(edge_outbox_load_slot(outbox, &slot))) {
        FUZZ_MUST(slot.name == 'a' || slot.name == 'b');
    }
}

/* Each update gets its verdict once, oldest first. */
static void judge_all(edge_outbox *outbox) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer storage = {.ceiling = 1 << 16};
    edge_outbox_entry entry;
    int64_t last = INT64_MIN;
    for (int i = 0; trib_ok(edge_outbox_get(outbox, &storage, &entry)); i++) {
        FUZZ_MUST(i == 0 || (int64_t)entry.round > last);
        last = (int64_t)entry.round;
        if (!trib_ok(edge_outbox_verdict(outbox, trib_crypto_host(), entry.round, "late"))) {
            return;
        }
    }
}

static void put_and_delete(edge_outbox *outbox) {
    uint64_t newest = 0, now = 0;
    if (trib_ok(edge_outbox_newest(outbox, &newest)) && newest < INT64_MAX &&
        trib_ok(edge_outbox_put(outbox, newest + 1, trib_bytes_text("another"), 1, 1)) &&
        trib_ok(edge_outbox_newest(outbox, &now))) {
        FUZZ_MUST(now >= newest); /* not one more, where somebody made a round of text */
    }
    uint32_t taken_back = 0;
    trib_ignore(edge_outbox_delete(outbox, newest, 3, &taken_back));
}

static void read_all(void) {
    edge_outbox *outbox = NULL;
    if (trib_ok(open_outbox(&outbox))) {
        read_values(outbox);
        judge_all(outbox);
        put_and_delete(outbox);
        edge_outbox_close(outbox);
    }
}

fuzz_database fuzz_state = {
    .name = "state.db", .write = write_half, .close = close_writer, .read = read_all};
