#include <string.h>

#include "cloud/app/core.h"

cloud_member *cloud_find(cloud_core *core, const char *federation) {
    for (size_t i = 0; i < core->member_count; i++) {
        if (strcmp(core->members[i].live->name, federation) == 0) {
            return &core->members[i];
        }
    }
    return NULL;
}

static trib_status find_or_add(cloud_core *core, const char *federation,
                               cloud_member **ret_member) {
    cloud_member *member = cloud_find(core, federation);
    if (member == NULL) {
        if (core->member_count == CLOUD_MAX_FEDERATIONS) {
            return TRIB_FAIL(TRIB_E_LIMIT, "more than %d federations", CLOUD_MAX_FEDERATIONS);
        }
        cloud_live *live;
        TRIB_TRY(cloud_live_create(federation, &live));
        member = &core->members[core->member_count++];
        *member = (cloud_member){.live = live};
        for (size_t i = 0; i < core->revoked.count; i++) { /* before it was there */
            cloud_record_Revoked record = cloud_record_Revoked_init_zero;
            memcpy(record.gateway, core->revoked.names[i], sizeof record.gateway);
            cloud_live_apply_revoked(live, &record);
        }
    }
    *ret_member = member;
    return TRIB_SUCCESS;
}

static trib_status need(cloud_core *core, const char *federation, cloud_member **ret_member) {
    *ret_member = cloud_find(core, federation);
    return *ret_member != NULL
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_NOT_FOUND, "a record of '%.63s', which was never applied",
                           federation);
}

static trib_status apply_federation(cloud_core *core, const cloud_record *record) {
    cloud_record_Federation message = cloud_record_Federation_init_zero;
    trib_bytes document;
    cloud_member *member;
    trib_wire_catch(&message.document, &document);
    TRIB_TRY(trib_wire_decode(cloud_record_Federation_fields, record->payload, &message));
    TRIB_TRY(find_or_add(core, message.federation, &member));
    message.new_lineage = message.new_lineage || core->restoring;
    return cloud_live_apply_federation(member->live, core->crypto, &message, document);
}

static trib_status apply_pending(cloud_core *core, const cloud_record *record) {
    cloud_record_Federation message = cloud_record_Federation_init_zero;
    trib_bytes document;
    cloud_member *member;
    trib_wire_catch(&message.document, &document);
    TRIB_TRY(trib_wire_decode(cloud_record_Federation_fields, record->payload, &message));
    TRIB_TRY(need(core, message.federation, &member));
    return cloud_live_apply_pending(member->live, &message, document);
}

static trib_status apply_join(cloud_core *core, const cloud_record *record) {
    cloud_record_Join message = cloud_record_Join_init_zero;
    trib_bytes envelope;
    cloud_member *member;
    trib_wire_catch(&message.envelope, &envelope);
    TRIB_TRY(trib_wire_decode(cloud_record_Join_fields, record->payload, &message));
    TRIB_TRY(need(core, message.federation, &member));
    return cloud_live_apply_join(member->live, core->crypto, &message, envelope);
}

static trib_status apply_opened(cloud_core *core, const cloud_record *record) {
    cloud_record_RoundOpened message = cloud_record_RoundOpened_init_zero;
    cloud_member *member;
    TRIB_TRY(trib_wire_decode(cloud_record_RoundOpened_fields, record->payload, &message));
    TRIB_TRY(need(core, message.federation, &member));
    /* Of a round whose close is lost, what the next one starts from is lost, too. */
    member->damaged = member->damaged && member->live->round_open;
    return cloud_live_apply_opened(member->live, &message, record->position,
                                   trib_monotonic_ms(core->clock));
}

static trib_status apply_closed(cloud_core *core, const cloud_record *record) {
    cloud_record_RoundClosed message = cloud_record_RoundClosed_init_zero;
    cloud_member *member;
    TRIB_TRY(trib_wire_decode(cloud_record_RoundClosed_fields, record->payload, &message));
    TRIB_TRY(need(core, message.federation, &member));
    member->damaged = false;
    cloud_live_apply_closed(member->live, &message);
    return TRIB_SUCCESS;
}

/* A revocation is of the gateway, in every federation, also those that are applied later. */
static trib_status apply_revoked(cloud_core *core, const cloud_record *record) {
    cloud_record_Revoked message = cloud_record_Revoked_init_zero;
    TRIB_TRY(trib_wire_decode(cloud_record_Revoked_fields, record->payload, &message));
    TRIB_TRY(cloud_revoked_add(&core->revoked, message.gateway));
    for (size_t i = 0; i < core->member_count; i++) {
        cloud_live_apply_revoked(core->members[i].live, &message);
    }
    return TRIB_SUCCESS;
}

static trib_status apply_release(cloud_core *core, const cloud_record *record) {
    cloud_record_Release message = cloud_record_Release_init_zero;
    cloud_member *member;
    TRIB_TRY(trib_wire_decode(cloud_record_Release_fields, record->payload, &message));
    TRIB_TRY(need(core, message.federation, &member));
    cloud_live_apply_release(member->live, &message);
    return TRIB_SUCCESS;
}

void cloud_note_gap(cloud_core *core, const cloud_record *record) {
    core->gaps++;
    core->gap_records += record->gap_end - record->position + 1;
    trib_log(TRIB_LOG_ERROR, "records of the ledger are damaged",
             "first=%llu last=%llu why=what they said is lost, a revocation perhaps: look whether "
             "whoever was revoked still is, and revoke again whoever is not",
             (unsigned long long)record->position, (unsigned long long)record->gap_end);
}

/* A gap abandons the rounds that were open across it: what it held cannot be known. */
void cloud_apply_gap(cloud_core *core, const cloud_record *record) {
    for (size_t i = 0; i < core->member_count; i++) {
        cloud_live *live = core->members[i].live;
        if (live->round_open && record->gap_end > live->opened_position) {
            core->members[i].damaged = true;
        }
    }
}

static trib_status apply(cloud_core *core, const cloud_record *record) {
    switch ((cloud_record_Type)record->type) {
    case cloud_record_Type_TYPE_FEDERATION:
        return apply_federation(core, record);
    case cloud_record_Type_TYPE_PENDING:
        return apply_pending(core, record);
    case cloud_record_Type_TYPE_JOIN:
        return apply_join(core, record);
    case cloud_record_Type_TYPE_ROUND_OPENED:
        return apply_opened(core, record);
    case cloud_record_Type_TYPE_ROUND_CLOSED:
        return apply_closed(core, record);
    case cloud_record_Type_TYPE_REVOKED:
        return apply_revoked(core, record);
    case cloud_record_Type_TYPE_RELEASE:
        return apply_release(core, record);
    case cloud_record_Type_TYPE_UPDATE:
        return TRIB_SUCCESS; /* cloud_apply_update, for rounds that are still open */
    case cloud_record_Type_TYPE_NONE:
        cloud_note_gap(core, record);
        cloud_apply_gap(core, record);
        return TRIB_SUCCESS;
    }
    return TRIB_SUCCESS; /* of a newer version */
}

trib_status cloud_apply(cloud_core *core, const cloud_record *record) {
    trib_status status = apply(core, record);
    if (status.code == TRIB_E_NOT_FOUND && core->gaps > 0) { /* its document is lost in a gap */
        trib_log(TRIB_LOG_ERROR, "a record skipped; apply the document again",
                 "position=%llu why=%s", (unsigned long long)record->position, trib_message());
        return TRIB_SUCCESS;
    }
    return status.code == TRIB_E_NOT_FOUND ? (trib_status){TRIB_E_CORRUPT} : status;
}

trib_status cloud_apply_update(cloud_core *core, const cloud_record *record) {
    cloud_record_Update message = cloud_record_Update_init_zero;
    trib_bytes update;
    if (record->type != (uint32_t)cloud_record_Type_TYPE_UPDATE) {
        return TRIB_SUCCESS;
    }
    trib_wire_catch(&message.update, &update);
    TRIB_TRY(trib_wire_decode(cloud_record_Update_fields, record->payload, &message));
    cloud_member *member = cloud_find(core, message.federation);
    if (member == NULL && core->gaps > 0) {
        return TRIB_SUCCESS; /* said already */
    }
    if (member == NULL || message.digest.size != TRIB_HASH_BYTES) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "an update of '%.63s', which was never applied",
                         message.federation);
    }
    if (!member->live->round_open || record->position < member->live->opened_position) {
        return TRIB_SUCCESS; /* of a round that is closed */
    }
    trib_round_action action = TRIB_ACTION_NONE;
    trib_status status =
        cloud_live_apply_update(member->live, &message, update, record->position, &action);
    if (status.code == TRIB_E_STATE) { /* the opening of its round is lost in a gap */
        trib_log(TRIB_LOG_ERROR, "a recorded update skipped", "federation=%s gateway=%s why=%s",
                 member->live->name, message.gateway, trib_message());
        return TRIB_SUCCESS;
    }
    TRIB_TRY(status);
    if (action != TRIB_ACTION_NONE) {
        member->pending = action;
    }
    return TRIB_SUCCESS;
}

trib_status cloud_append(cloud_core *core, uint32_t type, const void *fields, const void *message,
                         uint64_t *ret_position) {
    size_t size = 0;
    trib_buffer_clear(&core->scratch);
    TRIB_TRY(trib_wire_size(fields, message, &size));
    TRIB_TRY(trib_buffer_reserve(&core->scratch, size));
    trib_writer writer = trib_writer_of(core->scratch.data, core->scratch.capacity);
    TRIB_TRY(trib_wire_encode(fields, message, &writer));
    core->scratch.size = writer.size;
    trib_bytes payload = trib_written(&writer);
    TRIB_TRY(cloud_ledger_append(core->ledger, type, &payload, 1, ret_position));
    if (type == (uint32_t)cloud_record_Type_TYPE_UPDATE) {
        return TRIB_SUCCESS; /* cloud_keep_update */
    }
    cloud_view_keep(&core->view,
                    &(cloud_record){.type = type, .position = *ret_position, .payload = payload});
    return TRIB_SUCCESS;
}

trib_status cloud_keep_update(cloud_core *core, const cloud_record_Update *record, uint64_t round,
                              uint64_t position) {
    uint8_t number[32], bytes[512];
    trib_wire_Update small = trib_wire_Update_init_zero;
    cloud_record_Update copy = *record;
    trib_writer update = trib_writer_of(number, sizeof number);
    trib_writer writer = trib_writer_of(bytes, sizeof bytes);
    small.round = round;
    TRIB_TRY(TRIB_WIRE_ENCODE(Update, &small, &update));
    trib_bytes view = trib_written(&update);
    trib_wire_put(&copy.update, &view);
    TRIB_TRY(trib_wire_encode(cloud_record_Update_fields, &copy, &writer));
    cloud_view_keep(&core->view, &(cloud_record){.type = (uint32_t)cloud_record_Type_TYPE_UPDATE,
                                                 .position = position,
                                                 .payload = trib_written(&writer)});
    return TRIB_SUCCESS;
}

trib_status cloud_fail(cloud_core *core, trib_status status) {
    core->failed = core->failed || !trib_ok(status);
    core->stop = core->stop || core->failed;
    return status;
}

/* Only a view: rounds go on without it, and it catches up once it can be written. */
static void refresh_view(cloud_core *core) {
    uint64_t now = trib_monotonic_ms(core->clock);
    if (!core->view.due || core->view_retry_ms > now) {
        return;
    }
    core->view_retry_ms = 0;
    trib_status status = cloud_view_refresh(&core->view);
    if (!trib_ok(status)) {
        core->view_retry_ms = now + CLOUD_VIEW_RETRY_MS;
        trib_log(TRIB_LOG_WARN, "the registry is behind", "why=%s", trib_message());
    }
}

trib_status cloud_settle(cloud_core *core) {
    if (core->failed) {
        return TRIB_FAIL(TRIB_E_STATE, "a record could not be applied: a restart recovers");
    }
    TRIB_TRY(cloud_fail(core, cloud_ledger_sync(core->ledger)));
    for (size_t i = 0; i < core->reply_count; i++) {
        cloud_send_receipt(core, &core->replies[i]);
    }
    core->reply_count = 0;
    refresh_view(core);
    return TRIB_SUCCESS;
}
