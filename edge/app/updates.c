/* From what the trainer made to an update in the outbox, and from there to the cloud. */
#include <string.h>
#include <zstd.h>

#include "common/log/log.h"
#include "common/wire/wire.h"
#include "edge/app/agent.h"

/* Quantised numbers hardly repeat: what compresses them is their entropy coding, which the fastest
 * level does as well, in blocks of 32 KiB, for a fifth of a megabyte of memory instead of one. */
enum { MESSAGE_ROOM = 512, ZSTD_LEVEL = 1, ZSTD_WINDOW_LOG = 15 };

static void free_context(ZSTD_CCtx **context) {
    (void)ZSTD_freeCCtx(*context);
}

/* Compressed where that pays at least a twentieth. */
static trib_bytes compress(trib_bytes payload, trib_buffer *storage) {
    TRIB_SCOPED(free_context) ZSTD_CCtx *context = ZSTD_createCCtx();
    storage->ceiling = ZSTD_compressBound(payload.size);
    if (context == NULL || !trib_ok(trib_buffer_reserve(storage, storage->ceiling)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, ZSTD_LEVEL)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, ZSTD_WINDOW_LOG))) {
        return payload;
    }
    size_t size =
        ZSTD_compress2(context, storage->data, storage->capacity, payload.data, payload.size);
    if (ZSTD_isError(size) || size > payload.size - payload.size / 20) {
        return payload;
    }
    storage->size = size;
    return trib_buffer_view(storage);
}

static trib_status make_update(edge_agent *agent, const edge_train_result *result,
                               trib_buffer *ret_update) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer storage = {.ceiling = 0};
    trib_bytes plain = trib_bytes_of(result->payload, result->payload_size);
    trib_bytes payload = compress(plain, &storage);
    trib_wire_Update message = trib_wire_Update_init_zero;
    message.round = result->round;
    message.kind = result->kind == EDGE_TRAIN_STATISTICS ? trib_wire_RoundKind_ROUND_KIND_STATISTICS
                                                         : trib_wire_RoundKind_ROUND_KIND_TRAINING;
    if (result->kind != EDGE_TRAIN_STATISTICS) {
        TRIB_WIRE_SET_BYTES(message.base_digest, agent->task.base_digest, TRIB_HASH_BYTES);
    }
    message.compressed = payload.data != plain.data;
    message.payload_size = (uint32_t)plain.size;
    message.loss = (float)result->loss;
    message.examples = result->examples;
    message.first_row = result->first_row;
    message.last_row = result->last_row;
    message.steps = (uint32_t)result->steps;
    message.seconds = result->seconds;
    memcpy(message.kernels, agent->kernels.name, sizeof agent->kernels.name);
    trib_wire_put(&message.payload, &payload);
    TRIB_TRY(trib_buffer_reserve(ret_update, payload.size + MESSAGE_ROOM));
    trib_writer writer = trib_writer_of(ret_update->data, ret_update->capacity);
    TRIB_TRY(TRIB_WIRE_ENCODE(Update, &message, &writer));
    ret_update->size = writer.size;
    return TRIB_SUCCESS;
}

static trib_status keep(edge_agent *agent, const edge_train_result *result) {
    TRIB_SCOPED(trib_buffer_deinit)
    trib_buffer update = {.ceiling = result->payload_size + 2 * MESSAGE_ROOM};
    TRIB_TRY(make_update(agent, result, &update));
    TRIB_TRY(edge_outbox_put(agent->outbox, result->round, trib_buffer_view(&update),
                             result->first_row, result->last_row));
    trib_log(TRIB_LOG_INFO, "update made",
             "round=%llu examples=%u loss=%.4f steps=%llu bytes=%zu seconds=%.3f",
             (unsigned long long)result->round, result->examples, result->loss,
             (unsigned long long)result->steps, update.size, result->seconds);
    return TRIB_SUCCESS;
}

void edge_updates_result(edge_agent *agent, edge_train_result *result) {
    if (result->round != agent->task.round) {
        return; /* of a round that has passed */
    }
    if (result->code != TRIB_OK) {
        trib_log(TRIB_LOG_WARN, "no update made", "round=%llu why=%s",
                 (unsigned long long)result->round, result->message);
        agent->retry_ms = trib_monotonic_ms(agent->clock) + EDGE_RETRY_MS;
        return;
    }
    if (!trib_ok(keep(agent, result))) {
        trib_log(TRIB_LOG_ERROR, "update not kept", "round=%llu why=%s",
                 (unsigned long long)result->round, trib_message());
        agent->retry_ms = trib_monotonic_ms(agent->clock) + EDGE_RETRY_MS;
        return;
    }
    trib_free(result->payload); /* it is in the outbox: sending takes as much again */
    result->payload = NULL;
    edge_updates_send(agent);
}

void edge_updates_send(edge_agent *agent) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer storage = {.ceiling = 1u << 30};
    edge_outbox_entry entry;
    agent->send_retry_ms = 0;
    trib_status status = edge_outbox_get(agent->outbox, &storage, &entry);
    if (trib_ok(status)) {
        edge_session_send(agent->session, entry.round, entry.update,
                          trib_monotonic_ms(agent->clock), agent->actions);
        agent->handed_out = true;
    } else if (status.code != TRIB_E_NOT_FOUND) {
        trib_log(TRIB_LOG_ERROR, "outbox not readable", "why=%s", trib_message());
        agent->send_retry_ms = trib_monotonic_ms(agent->clock) + EDGE_RETRY_MS;
    }
}

void edge_updates_retry(edge_agent *agent) {
    if (agent->send_retry_ms != 0 && trib_monotonic_ms(agent->clock) >= agent->send_retry_ms) {
        edge_updates_send(agent);
    }
}

void edge_updates_go_on(edge_agent *agent) {
    if (agent->sending && trib_mqtt_reached(agent->mqtt, agent->sent_mark)) {
        agent->sending = false;
        edge_session_drained(agent->session, trib_monotonic_ms(agent->clock), agent->actions);
    }
}
