/* From a sealed frame to a counted update: open, verify, validate, record, reply. */
#include <string.h>

#include "cloud/app/core.h"
#include "common/crypto/select.h"

/* A receipt leaves after the fsync that makes its record durable (cloud_settle). */
static void reply(cloud_core *core, cloud_member *member, cloud_gateway *gateway, uint64_t round,
                  const uint8_t *digest, trib_verdict verdict, const char *reason) {
    TRIB_ASSERT(core->reply_count < CLOUD_BATCH);
    cloud_reply *next = &core->replies[core->reply_count++];
    *next = (cloud_reply){member->live, gateway, trib_wire_Receipt_init_zero};
    next->receipt.round = round;
    next->receipt.verdict = (trib_wire_Verdict)verdict;
    next->receipt.first = verdict == TRIB_VERDICT_DUPLICATE ? trib_wire_Verdict_VERDICT_ACCEPTED
                                                            : (trib_wire_Verdict)verdict;
    TRIB_WIRE_SET_BYTES(next->receipt.digest, digest, TRIB_HASH_BYTES);
    size_t length = strlen(reason);
    length = length < sizeof next->receipt.reason ? length : sizeof next->receipt.reason - 1;
    memcpy(next->receipt.reason, reason, length);
    memcpy(gateway->last_verdict, next->receipt.reason, sizeof next->receipt.reason);
    switch (verdict) {
    case TRIB_VERDICT_ACCEPTED:
        core->counts.accepted++;
        return;
    case TRIB_VERDICT_DUPLICATE:
        gateway->duplicates++;
        core->counts.duplicates++;
        return;
    case TRIB_VERDICT_LATE:
        gateway->late++;
        core->counts.late++;
        return;
    case TRIB_VERDICT_REFUSED:
    case TRIB_VERDICT_DISCARDED:
    case TRIB_VERDICT_ABANDONED:
        gateway->refused++;
        core->counts.refused++;
        trib_log(TRIB_LOG_WARN, "update refused", "federation=%s gateway=%s round=%llu why=%s",
                 member->live->name, gateway->name, (unsigned long long)round, reason);
        return;
    }
}

static trib_verdict admit(cloud_core *core, const cloud_live *live, const cloud_gateway *gateway,
                          const cloud_update *update, uint32_t weight, const char **ret_reason) {
    uint32_t selection = TRIB_SELECT_RANGE;
    trib_ignore(trib_select(core->crypto, live->round.plan.salt, gateway->name,
                            live->round.plan.number, &selection));
    const trib_candidate candidate = {
        .round = update->message.round,
        .statistics = update->message.kind == trib_wire_RoundKind_ROUND_KIND_STATISTICS,
        .counted = gateway->counted_round == update->message.round,
        .revoked = gateway->revoked,
        .base_matches =
            live->round.plan.statistics ||
            (update->message.base_digest.size == TRIB_HASH_BYTES &&
             memcmp(update->message.base_digest.bytes, live->base.bytes, TRIB_HASH_BYTES) == 0),
        .selection = selection,
        .weight = weight,
    };
    return trib_round_admit(&live->round, &candidate, ret_reason);
}

static trib_status record_update(cloud_core *core, cloud_member *member, cloud_gateway *gateway,
                                 uint64_t round, trib_bytes whole, trib_round_action *ret_action) {
    cloud_record_Update record = cloud_record_Update_init_zero;
    memcpy(record.federation, member->live->name, sizeof record.federation);
    memcpy(record.gateway, gateway->name, sizeof record.gateway);
    record.session = gateway->session;
    record.sequence = gateway->update.next - 1;
    record.time_ms = trib_wall_ms(core->clock);
    TRIB_WIRE_SET_BYTES(record.digest, gateway->assembly.digest, TRIB_HASH_BYTES);
    trib_wire_put(&record.update, &whole);
    uint64_t position;
    TRIB_TRY(cloud_append(core, cloud_record_Type_TYPE_UPDATE, cloud_record_Update_fields, &record,
                          &position));
    trib_status status =
        cloud_live_apply_update(member->live, &record, whole, position, ret_action);
    if (trib_ok(status)) {
        status = cloud_keep_update(core, &record, round, position);
    }
    return cloud_fail(core, status); /* a restart counts the update */
}

/* A whole update. What it says decides its verdict; only one that is to be counted is recorded. */
static void take_update(cloud_core *core, cloud_member *member, cloud_gateway *gateway,
                        trib_bytes whole) {
    cloud_live *live = member->live;
    uint8_t digest[TRIB_HASH_BYTES];
    memcpy(digest, gateway->assembly.digest, sizeof digest);
    cloud_update update;
    const char *reason = "";
    core->payload.ceiling = cloud_live_payload_ceiling(live);
    trib_status status = cloud_update_open(whole, core->payload.ceiling, &core->payload, &update);
    if (!trib_ok(status)) {
        reply(core, member, gateway, gateway->assembly.round, digest, TRIB_VERDICT_REFUSED,
              trib_message());
        return;
    }
    uint32_t weight = update.message.examples < live->round.plan.max_weight
                          ? update.message.examples
                          : live->round.plan.max_weight;
    trib_verdict verdict = admit(core, live, gateway, &update, weight, &reason);
    if (verdict == TRIB_VERDICT_ACCEPTED) {
        status = cloud_live_check_payload(live, update.payload, &weight);
        if (!trib_ok(status)) {
            verdict = TRIB_VERDICT_REFUSED;
            reason = trib_message();
        } else {
            verdict = admit(core, live, gateway, &update, weight, &reason);
        }
    }
    if (verdict != TRIB_VERDICT_ACCEPTED) {
        reply(core, member, gateway, update.message.round, digest, verdict, reason);
        return;
    }
    trib_round_action action = TRIB_ACTION_NONE;
    status = record_update(core, member, gateway, update.message.round, whole, &action);
    if (!trib_ok(status)) { /* no receipt: the gateway keeps it and sends it again */
        trib_log(TRIB_LOG_ERROR, "update not recorded", "federation=%s gateway=%s why=%s",
                 live->name, gateway->name, trib_message());
        return;
    }
    reply(core, member, gateway, update.message.round, digest, TRIB_VERDICT_ACCEPTED, "");
    if (action != TRIB_ACTION_NONE) {
        member->pending = action;
    }
}

bool cloud_open_frame(cloud_core *core, cloud_member *member, cloud_gateway *gateway,
                      trib_channel *channel, const char *topic, trib_bytes frame) {
    trib_buffer_clear(&core->frame);
    trib_status status = cloud_ensure_keys(core, member->live, gateway);
    if (trib_ok(status)) {
        status = trib_buffer_reserve(&core->frame, frame.size);
    }
    if (trib_ok(status)) {
        trib_writer text = trib_writer_of(core->frame.data, core->frame.capacity);
        status = trib_channel_open(core->crypto, channel, topic, frame, &text);
        core->frame.size = text.size;
    }
    if (trib_ok(status)) {
        gateway->seen_ms = trib_wall_ms(core->clock);
        gateway->online = true;
        return true;
    }
    if (status.code == TRIB_E_STATE) {
        gateway->replayed++;
        core->counts.replayed++;
    } else {
        gateway->garbage++;
        core->counts.garbage++;
    }
    trib_log(TRIB_LOG_WARN, "frame refused", "federation=%s gateway=%s why=%s", member->live->name,
             gateway->name, trib_message());
    return false;
}

void cloud_handle_update(cloud_core *core, cloud_member *member, cloud_gateway *gateway,
                         const char *topic, trib_bytes frame) {
    if (!cloud_open_frame(core, member, gateway, &gateway->update, topic, frame)) {
        return;
    }
    trib_bytes whole;
    trib_status status =
        cloud_gateway_chunk(core->crypto, gateway, trib_buffer_view(&core->frame),
                            cloud_live_payload_ceiling(member->live) + 1024, &whole);
    if (!trib_ok(status)) {
        gateway->garbage++;
        core->counts.garbage++;
        trib_log(TRIB_LOG_WARN, "chunk refused", "federation=%s gateway=%s why=%s",
                 member->live->name, gateway->name, trib_message());
    } else if (whole.size > 0) {
        take_update(core, member, gateway, whole);
        cloud_gateway_forget_assembly(gateway);
    }
}

void cloud_handle_prediction(cloud_core *core, cloud_member *member, cloud_gateway *gateway,
                             const char *topic, trib_bytes frame) {
    if (!cloud_open_frame(core, member, gateway, &gateway->prediction, topic, frame)) {
        return;
    }
    trib_wire_Prediction prediction = trib_wire_Prediction_init_zero;
    if (!trib_ok(TRIB_WIRE_DECODE(Prediction, trib_buffer_view(&core->frame), &prediction))) {
        gateway->garbage++;
        core->counts.garbage++;
        return;
    }
    cloud_bridge_prediction(core, member, gateway, trib_buffer_view(&core->frame),
                            prediction.anomaly);
    gateway->predictions++;
    gateway->last_release = prediction.release;
    memcpy(gateway->last_label, prediction.label_name, sizeof gateway->last_label);
    memcpy(gateway->last_values, prediction.values, sizeof gateway->last_values);
    gateway->last_value_count = prediction.values_count;
    core->counts.predictions++;
}
