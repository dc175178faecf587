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
    }
    *ret_member = member;
    return TRIB_SUCCESS;
}

static trib_status need(cloud_core *core, const char *federation, cloud_member **ret_member) {
    *ret_member = cloud_find(core, federation);
    return *ret_member != NULL
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_CORRUPT, "a record of '%.63s', which was never applied",
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
    member->damaged = false;
    return cloud_live_apply_opened(member->live, &message, record->position,
                                   trib_monotonic_ms(core->clock));
}

static trib_status apply_closed(cloud_core *core, const cloud_record *record) {
    cloud_record_RoundClosed message = cloud_record_RoundClosed_init_zero;
    cloud_member *member;
    TRIB_TRY(trib_wire_decode(cloud_record_RoundClosed_fields, record->payload, &message));
    TRIB_TRY(need(core, message.federation, &member));
    cloud_live_apply_closed(member->live, &message);
    return TRIB_SUCCESS;
}

/* A revocation is of the gateway, in every federation; gateways that join a federation later are
 * checked against the others (joins.c). */
static trib_status apply_revoked(cloud_core *core, const cloud_record *record) {
    cloud_record_Revoked message = cloud_record_Revoked_init_zero;
    TRIB_TRY(trib_wire_decode(cloud_record_Revoked_fields, record->payload, &message));
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

/* A gap abandons the rounds that were open across it: what it held cannot be known. */
static void apply_gap(cloud_core *core, const cloud_record *record) {
    for (size_t i = 0; i < core->member_count; i++) {
        cloud_live *live = core->members[i].live;
        if (live->round_open && record->gap_end > live->opened_position) {
            core->members[i].damaged = true;
        }
    }
}

trib_status cloud_apply(cloud_core *core, const cloud_record *record) {
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
        apply_gap(core, record);
        return TRIB_SUCCESS;
    }
    return TRIB_SUCCESS; /* of a newer version */
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
    if (member == NULL || message.digest.size != TRIB_HASH_BYTES) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "an update of '%.63s', which was never applied",
                         message.federation);
    }
    if (!member->live->round_open || record->position < member->live->opened_position) {
        return TRIB_SUCCESS; /* of a round that is closed */
    }
    trib_round_action action = TRIB_ACTION_NONE;
    TRIB_TRY(cloud_live_apply_update(member->live, &message, update, record->position, &action));
    if (action != TRIB_ACTION_NONE) {
        member->pending = action;
    }
    return TRIB_SUCCESS;
}

/* Keeps a copy for the view, which takes records once they are durable. */
static trib_status keep(cloud_core *core, uint32_t type, uint64_t position, trib_bytes payload) {
    if (core->kept_count == core->kept_capacity) {
        size_t capacity = core->kept_capacity > 0 ? 2 * core->kept_capacity : 16;
        cloud_kept_record *larger =
            trib_resize(core->kept, core->kept_count * sizeof *larger, capacity * sizeof *larger);
        if (larger == NULL) {
            return TRIB_FAIL(TRIB_E_IO, "no memory for the registry's records");
        }
        core->kept = larger;
        core->kept_capacity = capacity;
    }
    uint8_t *copy = trib_allocate(payload.size, 1);
    if (copy == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a record of %zu bytes", payload.size);
    }
    memcpy(copy, payload.data, payload.size);
    core->kept[core->kept_count++] = (cloud_kept_record){type, position, copy, payload.size};
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
    core->view_due = true;
    return keep(core, type, *ret_position, payload);
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
    core->view_due = core->view_due || core->kept_count >= CLOUD_KEPT;
    return keep(core, (uint32_t)cloud_record_Type_TYPE_UPDATE, position, trib_written(&writer));
}

/* Brings the view up to what is durable. */
static trib_status refresh_view(cloud_core *core) {
    TRIB_TRY(cloud_registry_begin(core->registry));
    trib_status status = TRIB_SUCCESS;
    for (size_t i = 0; trib_ok(status) && i < core->kept_count; i++) {
        const cloud_kept_record *kept = &core->kept[i];
        status = cloud_registry_take(
            core->registry, &(cloud_record){.type = kept->type,
                                            .position = kept->position,
                                            .payload = trib_bytes_of(kept->payload, kept->size)});
    }
    if (trib_ok(status)) {
        status = cloud_registry_commit(core->registry, core->kept[core->kept_count - 1].position);
    }
    if (!trib_ok(status)) {
        cloud_registry_rollback(core->registry);
    }
    return status;
}

void cloud_drop_kept(cloud_core *core) {
    for (size_t i = 0; i < core->kept_count; i++) {
        trib_free(core->kept[i].payload);
    }
    core->kept_count = 0;
}

trib_status cloud_settle(cloud_core *core) {
    TRIB_TRY(cloud_ledger_sync(core->ledger));
    for (size_t i = 0; i < core->reply_count; i++) {
        cloud_send_receipt(core, &core->replies[i]);
    }
    core->reply_count = 0;
    if (core->view_due) {
        trib_status status = refresh_view(core);
        if (trib_ok(status)) {
            cloud_drop_kept(core);
            core->view_due = false;
        } else { /* only a view: rounds go on, and it catches up with the next one */
            trib_log(TRIB_LOG_WARN, "the registry is behind", "why=%s", trib_message());
        }
    }
    return TRIB_SUCCESS;
}
