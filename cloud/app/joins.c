/* Gateways come and go: joins, welcomes, revocations. */
#include <string.h>

#include "cloud/app/core.h"
#include "cloud/ingest/join.h"
#include "common/seal/object.h"

trib_status cloud_ensure_keys(cloud_core *core, cloud_live *live, cloud_gateway *gateway) {
    if (gateway->keyed) {
        return TRIB_SUCCESS;
    }
    if (gateway->generation == 0) {
        return TRIB_FAIL(TRIB_E_DENIED, "the gateway has not joined");
    }
    return cloud_join_derive(core->crypto, &core->secrets.agreement, live->name, core->boot,
                             gateway);
}

static trib_status record_join(cloud_core *core, cloud_live *live, const cloud_join *join,
                               trib_bytes envelope) {
    cloud_record_Join record = cloud_record_Join_init_zero;
    memcpy(record.federation, join->message.federation, sizeof record.federation);
    memcpy(record.gateway, join->message.gateway, sizeof record.gateway);
    record.generation = join->message.generation;
    record.session = join->session;
    record.time_ms = trib_wall_ms(core->clock);
    record.enrolled_s = join->identity.not_before_s;
    memcpy(record.serial, join->identity.serial, sizeof record.serial);
    trib_wire_put(&record.envelope, &envelope);
    uint64_t position;
    TRIB_TRY(cloud_append(core, cloud_record_Type_TYPE_JOIN, cloud_record_Join_fields, &record,
                          &position));
    return cloud_fail(core, cloud_live_apply_join(live, core->crypto, &record, envelope));
}

/* Generations rise within an enrolment, and an enrolment ends the one before: a gateway that lost
 * its state comes back under a newer certificate, and whoever still has the older one does not. */
static trib_status check_order(const cloud_gateway *known, const cloud_join *join) {
    if (join->identity.not_before_s > known->enrolled_s) {
        return TRIB_SUCCESS;
    }
    if (join->identity.not_before_s < known->enrolled_s) {
        return TRIB_FAIL(TRIB_E_DENIED, "a certificate older than the one it has joined with");
    }
    if (join->message.generation <= known->generation) {
        return TRIB_FAIL(TRIB_E_DENIED,
                         "generation %llu again; it is at %llu: a replay, a clone, or a gateway "
                         "that lost its state (enrol it under a new certificate)",
                         (unsigned long long)join->message.generation,
                         (unsigned long long)known->generation);
    }
    return TRIB_SUCCESS;
}

static trib_status take_join(cloud_core *core, cloud_member *member, const char *name,
                             trib_bytes payload) {
    cloud_live *live = member->live;
    const cloud_join_rules rules = {.crypto = core->crypto,
                                    .authorities_pem = trib_buffer_view(&core->authorities),
                                    .federation = live->name,
                                    .gateway = name,
                                    .now_s = (int64_t)(trib_wall_ms(core->clock) / 1000)};
    cloud_join join;
    TRIB_TRY(cloud_join_verify(&rules, payload, &join));
    cloud_gateway *gateway = cloud_gateway_find(&live->gateways, name);
    if (cloud_revoked_has(&core->revoked, name)) { /* by name, whatever federation it was in */
        return TRIB_FAIL(TRIB_E_DENIED, "the gateway is revoked");
    }
    TRIB_TRY(cloud_live_capable(live, &join.message.capabilities));
    if (gateway == NULL && live->gateways.count >= live->gateways.ceiling) {
        return TRIB_FAIL(TRIB_E_LIMIT, "the federation has %zu gateways already",
                         live->gateways.count);
    }
    if (gateway != NULL && gateway->generation == join.message.generation &&
        gateway->session == join.session) {
        cloud_send_welcome(core, member, gateway); /* the same join again: so is the welcome */
        return TRIB_SUCCESS;
    }
    if (gateway != NULL) {
        TRIB_TRY(check_order(gateway, &join));
    }
    TRIB_TRY(record_join(core, live, &join, payload));
    TRIB_TRY(cloud_settle(core)); /* a welcome leaves only after its join is durable */
    gateway = cloud_gateway_find(&live->gateways, name);
    TRIB_ASSERT(gateway != NULL);
    gateway->online = true;
    core->counts.joins++;
    trib_log(TRIB_LOG_INFO, "gateway joined", "federation=%s gateway=%s generation=%llu agent=%s",
             live->name, name, (unsigned long long)gateway->generation,
             gateway->capabilities.agent_version);
    cloud_send_welcome(core, member, gateway);
    member->recount_due = true; /* an open round may ask it, too */
    cloud_consider_round(core, member);
    return TRIB_SUCCESS;
}

void cloud_handle_join(cloud_core *core, cloud_member *member, const char *gateway,
                       trib_bytes payload) {
    trib_status status = take_join(core, member, gateway, payload);
    if (!trib_ok(status)) {
        core->counts.joins_refused++;
        trib_log(TRIB_LOG_WARN, "join refused", "federation=%s gateway=%s why=%s",
                 member->live->name, gateway, trib_message());
    }
}

static trib_status encode_welcome(cloud_core *core, const cloud_live *live,
                                  const cloud_gateway *gateway, trib_writer *writer) {
    trib_wire_Welcome welcome = trib_wire_Welcome_init_zero;
    trib_epoch_secret key;
    TRIB_TRY(trib_epoch_key(core->crypto, &core->secrets.master, live->name, live->epoch, &key));
    welcome.session = gateway->session;
    welcome.time_ms = trib_wall_ms(core->clock);
    welcome.incarnation = core->incarnation;
    welcome.epochs_count = 1;
    welcome.epochs[0].epoch = live->epoch;
    TRIB_WIRE_SET_BYTES(welcome.epochs[0].key, key.bytes, sizeof key.bytes);
    trib_status status = TRIB_WIRE_ENCODE(Welcome, &welcome, writer);
    trib_wipe(&welcome, sizeof welcome);
    trib_wipe(&key, sizeof key);
    return status;
}

/* Seals a short message down one of the gateway's channels and publishes it. */
static trib_status send_down(cloud_core *core, const cloud_live *live, cloud_gateway *gateway,
                             trib_channel *channel, trib_bytes plain) {
    uint8_t frame_bytes[1024];
    char topic[TRIB_TOPIC_SIZE];
    trib_topic where = {.kind = channel->kind};
    memcpy(where.federation, live->name, sizeof where.federation);
    memcpy(where.gateway, gateway->name, sizeof where.gateway);
    trib_topic_format(&where, topic);
    trib_writer frame = trib_writer_of(frame_bytes, sizeof frame_bytes);
    TRIB_TRY(trib_channel_seal(core->crypto, channel, topic, plain, &frame));
    return trib_mqtt_publish(core->mqtt, topic, trib_written(&frame), false);
}

void cloud_send_welcome(cloud_core *core, cloud_member *member, cloud_gateway *gateway) {
    uint8_t bytes[512];
    trib_writer plain = trib_writer_of(bytes, sizeof bytes);
    trib_status status = cloud_ensure_keys(core, member->live, gateway);
    if (trib_ok(status)) {
        status = encode_welcome(core, member->live, gateway, &plain);
    }
    if (trib_ok(status)) {
        status = send_down(core, member->live, gateway, &gateway->welcome, trib_written(&plain));
    }
    trib_wipe(bytes, sizeof bytes);
    if (!trib_ok(status)) { /* the gateway asks again */
        trib_log(TRIB_LOG_WARN, "no welcome sent", "federation=%s gateway=%s why=%s",
                 member->live->name, gateway->name, trib_message());
    }
}

void cloud_send_receipt(cloud_core *core, const cloud_reply *reply) {
    uint8_t bytes[512];
    trib_writer plain = trib_writer_of(bytes, sizeof bytes);
    trib_status status = cloud_ensure_keys(core, reply->live, reply->gateway);
    if (trib_ok(status)) {
        status = TRIB_WIRE_ENCODE(Receipt, &reply->receipt, &plain);
    }
    if (trib_ok(status)) {
        status = send_down(core, reply->live, reply->gateway, &reply->gateway->receipt,
                           trib_written(&plain));
    }
    if (!trib_ok(status)) { /* the gateway sends its update again */
        trib_log(TRIB_LOG_WARN, "no receipt sent", "federation=%s gateway=%s why=%s",
                 reply->live->name, reply->gateway->name, trib_message());
    }
}

typedef struct discard_work {
    cloud_core *core;
    cloud_live *live;
    cloud_gateway *gateway;
} discard_work;

static trib_status discard_record(void *context, const cloud_record *record) {
    discard_work *work = context;
    if (record->position != work->gateway->counted_position) {
        return TRIB_FAIL(TRIB_E_NOT_FOUND, "done");
    }
    cloud_record_Update message = cloud_record_Update_init_zero;
    trib_bytes update;
    trib_wire_catch(&message.update, &update);
    TRIB_TRY(trib_wire_decode(cloud_record_Update_fields, record->payload, &message));
    return cloud_live_discard(work->live, work->gateway, update);
}

/* Takes out what the gateway has in the open round, and tells it. */
static void discard(cloud_core *core, cloud_member *member, cloud_gateway *gateway) {
    cloud_live *live = member->live;
    if (!live->round_open || gateway->counted_round != live->round.plan.number) {
        return;
    }
    discard_work work = {core, live, gateway};
    trib_wire_Receipt receipt = trib_wire_Receipt_init_zero;
    receipt.round = gateway->counted_round;
    receipt.verdict = trib_wire_Verdict_VERDICT_DISCARDED;
    TRIB_WIRE_SET_BYTES(receipt.digest, gateway->counted_digest, TRIB_HASH_BYTES);
    memcpy(receipt.reason, "the gateway is revoked", sizeof "the gateway is revoked");
    trib_ignore(cloud_ledger_read(core->ledger, gateway->counted_position, discard_record, &work));
    if (gateway->counted_round != 0) {
        trib_log(TRIB_LOG_ERROR, "a revoked gateway's update could not be taken out",
                 "federation=%s gateway=%s why=%s", live->name, gateway->name, trib_message());
        member->damaged = true; /* its round cannot be trusted: it is abandoned */
        return;
    }
    cloud_send_receipt(core, &(cloud_reply){live, gateway, receipt});
}

trib_status cloud_revoke(cloud_core *core, const char *name, bool drop) {
    if (!trib_topic_name_valid(name)) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "'%s' is no gateway's name", name);
    }
    if (cloud_revoked_has(&core->revoked, name)) {
        return TRIB_SUCCESS; /* once is enough, and the epoch counts revoked gateways */
    }
    if (core->revoked.count == CLOUD_MAX_REVOKED) {
        return TRIB_FAIL(TRIB_E_LIMIT, "%d gateways are revoked already", CLOUD_MAX_REVOKED);
    }
    cloud_record_Revoked record = cloud_record_Revoked_init_zero;
    memcpy(record.gateway, name, strlen(name) + 1);
    record.discard = drop;
    record.time_ms = trib_wall_ms(core->clock);
    uint64_t position;
    TRIB_TRY(cloud_complete_rounds(core)); /* with what they have counted */
    TRIB_TRY(cloud_append(core, cloud_record_Type_TYPE_REVOKED, cloud_record_Revoked_fields,
                          &record, &position));
    TRIB_TRY(cloud_settle(core));
    TRIB_TRY(cloud_fail(core, cloud_revoked_add(&core->revoked, name)));
    for (size_t i = 0; i < core->member_count; i++) {
        cloud_member *member = &core->members[i];
        cloud_live_apply_revoked(member->live, &record);
        cloud_gateway *gateway = cloud_gateway_find(&member->live->gateways, name);
        if (drop && gateway != NULL) {
            discard(core, member, gateway);
        }
        if (gateway != NULL) {
            member->pending = cloud_live_recount(member->live, core->crypto);
        }
        /* A new epoch: everyone else gets its key, and all is wrapped anew. */
        for (size_t j = 0; j < member->live->gateways.count; j++) {
            cloud_gateway *other = member->live->gateways.gateways[j];
            if (!other->revoked && other->generation > 0 && other->online) {
                cloud_send_welcome(core, member, other);
            }
        }
        member->federation_due = member->round_due = member->release_due = true;
    }
    trib_log(TRIB_LOG_INFO, "gateway revoked", "gateway=%s discard=%d", name, drop);
    return TRIB_SUCCESS;
}
