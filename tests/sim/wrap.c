/* Where the oracle listens and memory runs out: the linker puts these between caller and callee. */
#include <string.h>

#include "edge/outbox/outbox.h"
#include "tests/sim/lies.h"
#include "tests/sim/oracle.h"

/* ---- memory -------------------------------------------------------------------------------- */

void *__real_trib_allocate(size_t count, size_t item_bytes);
void *__wrap_trib_allocate(size_t count, size_t item_bytes);
void *__real_trib_resize(void *block, size_t old_bytes, size_t new_bytes);
void *__wrap_trib_resize(void *block, size_t old_bytes, size_t new_bytes);

static bool none_left(void) {
    return sim.current != NULL && !sim_actor_dead(sim.current) && sim_draw(SIM_NO_MEMORY);
}

void *__wrap_trib_allocate(size_t count, size_t item_bytes) {
    return none_left() ? NULL : __real_trib_allocate(count, item_bytes);
}

void *__wrap_trib_resize(void *block, size_t old_bytes, size_t new_bytes) {
    return none_left() ? NULL : __real_trib_resize(block, old_bytes, new_bytes);
}

/* ---- what gateways make and are told ------------------------------------------------------- */

trib_status __real_edge_outbox_put(edge_outbox *outbox, uint64_t round, trib_bytes update,
                                   uint64_t first_row, uint64_t last_row);
trib_status __wrap_edge_outbox_put(edge_outbox *outbox, uint64_t round, trib_bytes update,
                                   uint64_t first_row, uint64_t last_row);

trib_status __wrap_edge_outbox_put(edge_outbox *outbox, uint64_t round, trib_bytes update,
                                   uint64_t first_row, uint64_t last_row) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer lie = {.ceiling = 1 << 24};
    if (sim_lie_about(sim.current, update, &lie)) {
        update = trib_buffer_view(&lie);
    }
    sim_oracle_made(sim.current, round, update);
    return __real_edge_outbox_put(outbox, round, update, first_row, last_row);
}

trib_status __real_edge_outbox_delete(edge_outbox *outbox, uint64_t closed_through,
                                      uint64_t abandoned, uint32_t *ret_taken_back);
trib_status __wrap_edge_outbox_delete(edge_outbox *outbox, uint64_t closed_through,
                                      uint64_t abandoned, uint32_t *ret_taken_back);

trib_status __wrap_edge_outbox_delete(edge_outbox *outbox, uint64_t closed_through,
                                      uint64_t abandoned, uint32_t *ret_taken_back) {
    sim_oracle_told_abandoned(sim.current, closed_through, abandoned);
    return __real_edge_outbox_delete(outbox, closed_through, abandoned, ret_taken_back);
}

/* ---- frames -------------------------------------------------------------------------------- */

trib_status __real_trib_channel_seal(const trib_crypto *crypto, trib_channel *channel,
                                     const char *topic, trib_bytes text, trib_writer *ret_frame);
trib_status __wrap_trib_channel_seal(const trib_crypto *crypto, trib_channel *channel,
                                     const char *topic, trib_bytes text, trib_writer *ret_frame);
trib_status __real_trib_channel_open(const trib_crypto *crypto, trib_channel *channel,
                                     const char *topic, trib_bytes frame, trib_writer *ret_text);
trib_status __wrap_trib_channel_open(const trib_crypto *crypto, trib_channel *channel,
                                     const char *topic, trib_bytes frame, trib_writer *ret_text);

trib_status __wrap_trib_channel_seal(const trib_crypto *crypto, trib_channel *channel,
                                     const char *topic, trib_bytes text, trib_writer *ret_frame) {
    size_t before = ret_frame->size;
    TRIB_TRY(__real_trib_channel_seal(crypto, channel, topic, text, ret_frame));
    sim_oracle_sealed(channel, trib_bytes_of(ret_frame->data + before, ret_frame->size - before));
    return TRIB_SUCCESS;
}

trib_status __wrap_trib_channel_open(const trib_crypto *crypto, trib_channel *channel,
                                     const char *topic, trib_bytes frame, trib_writer *ret_text) {
    size_t before = ret_text->size;
    TRIB_TRY(__real_trib_channel_open(crypto, channel, topic, frame, ret_text));
    if (sim.current != NULL && !sim_actor_dead(sim.current)) {
        sim_oracle_accepted(channel, frame);
        if (channel->kind == TRIB_TOPIC_DOWN_RECEIPT) {
            sim_oracle_told(sim.current,
                            trib_bytes_of(ret_text->data + before, ret_text->size - before));
        }
    }
    return TRIB_SUCCESS;
}

/* ---- the ledger ---------------------------------------------------------------------------- */

trib_status __real_cloud_ledger_open(trib_disk *disk, const char *folder, uint64_t seed,
                                     cloud_ledger **ret_ledger);
trib_status __wrap_cloud_ledger_open(trib_disk *disk, const char *folder, uint64_t seed,
                                     cloud_ledger **ret_ledger);
trib_status __real_cloud_ledger_append(cloud_ledger *ledger, uint32_t type, const trib_bytes *parts,
                                       size_t count, uint64_t *ret_position);
trib_status __wrap_cloud_ledger_append(cloud_ledger *ledger, uint32_t type, const trib_bytes *parts,
                                       size_t count, uint64_t *ret_position);
trib_status __real_cloud_ledger_sync(cloud_ledger *ledger);
trib_status __wrap_cloud_ledger_sync(cloud_ledger *ledger);

trib_status __wrap_cloud_ledger_open(trib_disk *disk, const char *folder, uint64_t seed,
                                     cloud_ledger **ret_ledger) {
    TRIB_TRY(__real_cloud_ledger_open(disk, folder, seed, ret_ledger));
    sim_oracle_reopened(cloud_ledger_end(*ret_ledger));
    return TRIB_SUCCESS;
}

trib_status __wrap_cloud_ledger_append(cloud_ledger *ledger, uint32_t type, const trib_bytes *parts,
                                       size_t count, uint64_t *ret_position) {
    TRIB_TRY(__real_cloud_ledger_append(ledger, type, parts, count, ret_position));
    sim_oracle_appended(*ret_position, type, parts, count);
    return TRIB_SUCCESS;
}

trib_status __wrap_cloud_ledger_sync(cloud_ledger *ledger) {
    TRIB_TRY(__real_cloud_ledger_sync(ledger));
    sim_oracle_synced(cloud_ledger_end(ledger));
    return TRIB_SUCCESS;
}
