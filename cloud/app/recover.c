/* From the state folder to a running core.
 *
 * The view gives the state at its position but for updates; then the ledger's records after that;
 * then the updates of the rounds that are still open. A view that is damaged, or deleted, or told
 * to be rebuilt, is made again from the ledger's first record.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/app/core.h"
#include "common/base/file.h"
#include "common/crypto/identity.h"
#include "common/port/posix/system.h"

enum { PATH_SIZE = 1024, WINDOW = 64, WAITING = 8192 };

static void path_in(const cloud_core *core, const char *name, char ret_path[PATH_SIZE]) {
    (void)snprintf(ret_path, PATH_SIZE, "%s/%s", core->config.state, name);
}

/* A number kept in a file of the state folder, raised by `step` and durable when this returns. */
static trib_status raise_number(cloud_core *core, const char *name, uint64_t step, uint64_t start,
                                uint64_t *ret_number) {
    char path[PATH_SIZE], text[32];
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer stored = {.ceiling = 64};
    path_in(core, name, path);
    uint64_t number = start;
    trib_status status = trib_disk_read(core->disk, path, &stored);
    if (trib_ok(status)) {
        TRIB_TRY(trib_buffer_append(&stored, trib_bytes_of("", 1)));
        char *end = NULL;
        number = strtoull((const char *)stored.data, &end, 10);
        if (end == (char *)stored.data || number == 0 || number > UINT32_MAX - 2) {
            return TRIB_FAIL(TRIB_E_CORRUPT, "%s: expected a number, found '%.20s'", path,
                             (const char *)stored.data);
        }
        number += step;
    } else if (status.code != TRIB_E_NOT_FOUND) {
        return status;
    }
    int length = snprintf(text, sizeof text, "%" PRIu64 "\n", number);
    *ret_number = number;
    return trib_disk_replace(core->disk, core->config.state, name,
                             trib_bytes_of(text, (size_t)length));
}

static trib_status take_record(void *context, const cloud_record *record) {
    cloud_core *core = context;
    if (record->type != 0) {
        TRIB_TRY(cloud_registry_take(core->registry, record));
    }
    return cloud_apply(core, record);
}

static trib_status apply_stored(void *context, const cloud_record *record) {
    return cloud_apply(context, record);
}

/* What is in the tables, but not in the newest records: numbers that must only rise. */
static trib_status restore_numbers(cloud_core *core) {
    for (size_t i = 0; i < core->member_count; i++) {
        cloud_live *live = core->members[i].live;
        uint64_t last = 0, closed = 0, released = 0;
        TRIB_TRY(cloud_registry_last_round(core->registry, live->name, false, &last));
        TRIB_TRY(cloud_registry_last_round(core->registry, live->name, true, &closed));
        TRIB_TRY(cloud_registry_last_release(core->registry, live->name, &released));
        live->round_count = (uint32_t)last;
        live->release_count = (uint32_t)released;
        live->closed_through = closed;
        TRIB_TRY(cloud_registry_abandoned(core->registry, live->name, closed, &live->abandoned));
        if (live->round_open && live->round.plan.number <= closed) {
            live->round_open = false; /* the newest opening is of a round that ended since */
            live->round.phase = TRIB_ROUND_CLOSED;
        }
        if (live->round.plan.number == 0 && last != 0) { /* its opening went with its lineage */
            live->round.plan.number = last;
            live->round.phase = TRIB_ROUND_CLOSED;
        }
    }
    return TRIB_SUCCESS;
}

/* Rounds and releases may have begun in records that are lost. Their numbers must not come again,
 * since gateways have seen them: as after a restore, all go on in another incarnation. Before the
 * view leaves those records behind, or a crash here would forget them. */
static trib_status rise_above_lost(cloud_core *core) {
    uint64_t incarnation = 0;
    TRIB_TRY(raise_number(core, "incarnation", 1, 1, &incarnation));
    core->incarnation = (uint32_t)incarnation;
    trib_log(TRIB_LOG_WARN, "another incarnation, above what the lost records may have held",
             "incarnation=%" PRIu64, incarnation);
    return TRIB_SUCCESS;
}

/* Whether the ledger has lost records at its end: the view that is about to be made again has seen
 * more, or cannot tell. */
static bool has_lost_its_end(cloud_core *core, const char *path) {
    uint64_t position = 0;
    trib_status status = cloud_registry_open(path, &core->registry);
    if (trib_ok(status)) {
        status = cloud_registry_position(core->registry, &position);
    }
    cloud_registry_close(core->registry);
    core->registry = NULL;
    return trib_ok(status) ? position > cloud_ledger_end(core->ledger)
                           : cloud_ledger_torn_bytes(core->ledger) > 0;
}

static trib_status open_registry(cloud_core *core, bool rebuild) {
    char path[PATH_SIZE], aside[PATH_SIZE];
    path_in(core, "registry.db", path);
    if (!rebuild) {
        trib_status status = cloud_registry_open(path, &core->registry);
        if (status.code != TRIB_E_CORRUPT) {
            return status;
        }
        trib_log(TRIB_LOG_WARN, "registry damaged, rebuilding it from the ledger", "why=%s",
                 trib_message());
    }
    if (has_lost_its_end(core, path)) {
        TRIB_TRY(rise_above_lost(core));
    }
    static const char *const parts[] = {"registry.db", "registry.db-wal", "registry.db-shm"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char from[PATH_SIZE];
        path_in(core, parts[i], from);
        (void)snprintf(aside, sizeof aside, "%.1000s.old", from);
        trib_ignore(core->disk->rename(core->disk, from, aside)); /* it may not be there */
    }
    return cloud_registry_open(path, &core->registry);
}

typedef struct update_pass {
    cloud_core *core;
    uint64_t skipped;
} update_pass;

static trib_status take_update(void *context, const cloud_record *record) {
    update_pass *pass = context;
    cloud_record_Update message = cloud_record_Update_init_zero;
    trib_bytes update;
    if (record->type != (uint32_t)cloud_record_Type_TYPE_UPDATE) {
        if (record->type == 0) {
            /* The first pass has noted those after the view's position. */
            if (record->gap_end <= pass->core->recovered_from) {
                cloud_note_gap(pass->core, record);
            }
            cloud_apply_gap(pass->core, record); /* within an open round */
        }
        return TRIB_SUCCESS;
    }
    trib_wire_catch(&message.update, &update);
    TRIB_TRY(trib_wire_decode(cloud_record_Update_fields, record->payload, &message));
    cloud_member *member = cloud_find(pass->core, message.federation);
    const cloud_gateway *gateway =
        member != NULL ? cloud_gateway_find(&member->live->gateways, message.gateway) : NULL;
    if (gateway != NULL && gateway->discarded) {
        pass->skipped++; /* its revocation, later in the ledger, takes it out */
        return TRIB_SUCCESS;
    }
    return cloud_apply_update(pass->core, record);
}

/* Not of an open round: its updates are applied again after this, and count then. */
static trib_status note_counted(void *context, const cloud_counted_row *row) {
    cloud_live *live = context;
    cloud_gateway *gateway = cloud_gateway_find(&live->gateways, row->gateway);
    bool open = live->round_open && row->round == live->round.plan.number;
    if (gateway != NULL && row->digest.size == TRIB_HASH_BYTES && !open) {
        gateway->counted_round = row->round;
        memcpy(gateway->counted_digest, row->digest.data, TRIB_HASH_BYTES);
    }
    return TRIB_SUCCESS;
}

static trib_status restore_rounds(cloud_core *core) {
    uint64_t from = UINT64_MAX;
    for (size_t i = 0; i < core->member_count; i++) {
        cloud_live *live = core->members[i].live;
        TRIB_TRY(trib_context(cloud_live_restore_course(live, core->crypto, core->objects),
                              "federation %s", live->name));
        TRIB_TRY(cloud_registry_counted(core->registry, live->name, note_counted, live));
        if (live->round_open && live->opened_position < from) {
            from = live->opened_position;
        }
    }
    if (from == UINT64_MAX) {
        return TRIB_SUCCESS;
    }
    update_pass pass = {core, 0};
    TRIB_TRY(cloud_ledger_read(core->ledger, from + 1, take_update, &pass));
    uint64_t now = trib_monotonic_ms(core->clock);
    for (size_t i = 0; i < core->member_count; i++) {
        cloud_live *live = core->members[i].live;
        (void)trib_round_step(&live->round,
                              &(trib_round_event){.kind = TRIB_EVENT_RESTARTED, .now_ms = now});
        trib_round_action action = cloud_live_recount(live, core->crypto);
        if (action != TRIB_ACTION_NONE) {
            core->members[i].pending = action;
        }
    }
    return TRIB_SUCCESS;
}

static void note_published(void *context, const uint8_t id[16], uint32_t chunks) {
    cloud_member *member = context;
    if (member->published_count < CLOUD_MAX_PUBLISHED) {
        cloud_published *entry = &member->published[member->published_count++];
        *entry = (cloud_published){.chunks = chunks};
        memcpy(entry->id, id, sizeof entry->id);
    }
}

static trib_status open_ledger(cloud_core *core) {
    char path[PATH_SIZE];
    path_in(core, "ledger", path);
    TRIB_TRY(cloud_ledger_open(
        core->disk, path, cloud_secrets_seed(core->crypto, &core->secrets, "tributary/v1 ledger"),
        &core->ledger));
    cloud_ledger_limit_segments(core->ledger, core->config.segment_bytes > 0
                                                  ? core->config.segment_bytes
                                                  : CLOUD_LEDGER_SEGMENT_BYTES);
    return TRIB_SUCCESS;
}

/* A round that is open since an incarnation before may have been closed in what is lost: gateways
 * then take its notice for an old one. */
static void doubt_rounds(cloud_core *core) {
    for (size_t i = 0; i < core->member_count; i++) {
        const cloud_live *live = core->members[i].live;
        if (live->round_open && live->round.plan.number >> 32 < core->incarnation) {
            core->members[i].damaged = true;
        }
    }
}

/* The view and the ledger, which has every record after the view's position. */
static trib_status open_both(cloud_core *core, bool rebuild, uint64_t *ret_position) {
    TRIB_TRY(open_ledger(core));
    TRIB_TRY(core->disk->sync_folder(core->disk, core->config.state)); /* its folder's name */
    if (cloud_ledger_torn_bytes(core->ledger) > 0) {
        trib_log(TRIB_LOG_WARN, "the ledger's torn tail was cut", "bytes=%" PRIu64,
                 cloud_ledger_torn_bytes(core->ledger));
    }
    TRIB_TRY(open_registry(core, rebuild));
    TRIB_TRY(cloud_registry_position(core->registry, ret_position));
    if (*ret_position > cloud_ledger_end(core->ledger)) {
        return TRIB_FAIL(TRIB_E_CORRUPT,
                         "the registry is at record %" PRIu64 ", the ledger ends at %" PRIu64
                         ": restore the ledger, or start with --rebuild",
                         *ret_position, cloud_ledger_end(core->ledger));
    }
    if (*ret_position + 1 < cloud_ledger_first(core->ledger)) {
        TRIB_TRY(cloud_archiving_bring_back(core, *ret_position + 1));
        cloud_ledger_close(core->ledger);
        core->ledger = NULL;
        TRIB_TRY(open_ledger(core));
    }
    return TRIB_SUCCESS;
}

static trib_status recover(cloud_core *core, bool rebuild) {
    uint64_t position = 0, started = trib_monotonic_ms(core->clock);
    TRIB_TRY(open_both(core, rebuild, &position));
    core->recovered_from = position;
    core->view = (cloud_view){.registry = core->registry, .ledger = core->ledger};
    core->restoring = true;
    TRIB_TRY(cloud_registry_restore(core->registry, apply_stored, core));
    core->restoring = false;
    TRIB_TRY(restore_numbers(core));
    TRIB_TRY(cloud_registry_begin(core->registry));
    TRIB_TRY(cloud_ledger_read(core->ledger, position + 1, take_record, core));
    if (core->gaps > 0) {
        TRIB_TRY(rise_above_lost(core));
    }
    TRIB_TRY(cloud_registry_commit(core->registry, cloud_ledger_end(core->ledger)));
    TRIB_TRY(restore_rounds(core));
    doubt_rounds(core);
    for (size_t i = 0; i < core->member_count; i++) {
        TRIB_TRY(cloud_registry_published(core->registry, core->members[i].live->name,
                                          note_published, &core->members[i]));
    }
    trib_log(TRIB_LOG_INFO, "recovered",
             "records=%" PRIu64 " federations=%zu milliseconds=%" PRIu64,
             cloud_ledger_end(core->ledger), core->member_count,
             trib_monotonic_ms(core->clock) - started);
    return TRIB_SUCCESS;
}

static bool push_mqtt(void *context, trib_mqtt_event *mqtt) {
    cloud_core *core = context;
    cloud_event *event = trib_allocate(1, sizeof *event);
    if (event == NULL) {
        return false;
    }
    *event = (cloud_event){.kind = CLOUD_EVENT_MQTT, .mqtt = mqtt};
    if (!cloud_core_push(core, event)) {
        trib_free(event); /* the message stays the caller's */
        return false;
    }
    return true;
}

static void drop_event(void *item) {
    cloud_event_destroy(item);
}

static trib_status create_link(cloud_core *core) {
    TRIB_TRY(trib_queue_create(CLOUD_QUEUE, drop_event, &core->queue));
    const trib_mqtt_options options = {.uri = core->config.broker_uri,
                                       .client_id = "cloud",
                                       .ca_file = core->config.broker_ca,
                                       .certificate_file = core->config.broker_certificate,
                                       .key_file = core->config.broker_key,
                                       .keep_alive_s = 30,
                                       .window = WINDOW,
                                       .waiting = WAITING,
                                       .clock = core->clock,
                                       .seed = core->boot};
    const trib_mqtt_sink sink = {push_mqtt, core};
    return trib_mqtt_create(&options, &sink, &core->mqtt);
}

static trib_status start(cloud_core *core, bool rebuild) {
    char path[PATH_SIZE];
    uint64_t incarnation = 0;
    TRIB_TRY(core->disk->make_folder(core->disk, core->config.state));
    TRIB_TRY(cloud_secrets_load(core->crypto, core->disk, core->config.state, &core->secrets));
    TRIB_TRY(
        trib_context(trib_file_read(core->config.authorities, &core->authorities), "authorities"));
    TRIB_TRY(raise_number(core, "incarnation", 0, 1, &incarnation));
    TRIB_TRY(raise_number(core, "boot", 1, 1, &core->boot));
    core->incarnation = (uint32_t)incarnation;
    path_in(core, "objects", path);
    TRIB_TRY(cloud_object_files(core->disk, core->crypto, path, &core->objects));
    TRIB_TRY(recover(core, rebuild));
    TRIB_TRY(cloud_bridging_open(core));
    return create_link(core);
}

trib_status cloud_core_create(const cloud_config *config, bool rebuild, cloud_core **ret_core) {
    cloud_core *core = trib_allocate(1, sizeof *core);
    if (core == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for the core");
    }
    core->config = *config;
    core->crypto = trib_crypto_host();
    core->clock = trib_posix_clock();
    core->disk = trib_posix_disk();
    core->authorities.ceiling = TRIB_MAX_CHAIN_BYTES;
    core->scratch.ceiling = CLOUD_LEDGER_MAX_RECORD;
    core->frame.ceiling = 1 << 20;
    trib_status status = start(core, rebuild);
    if (!trib_ok(status)) {
        cloud_core_destroy(core);
        return status;
    }
    *ret_core = core;
    return TRIB_SUCCESS;
}

void cloud_core_destroy(cloud_core *core) {
    if (core == NULL) {
        return;
    }
    cloud_archiving_close(core);
    cloud_bridging_close(core);
    trib_mqtt_destroy(core->mqtt, true);
    trib_queue_destroy(core->queue);
    for (size_t i = 0; i < core->member_count; i++) {
        cloud_live_destroy(core->members[i].live);
        cloud_telemetry_deinit(&core->members[i].telemetry);
    }
    cloud_view_deinit(&core->view);
    cloud_ledger_close(core->ledger);
    cloud_registry_close(core->registry);
    if (core->objects != NULL) {
        core->objects->destroy(core->objects);
    }
    cloud_revoked_deinit(&core->revoked);
    trib_buffer_deinit(&core->authorities);
    trib_buffer_deinit(&core->scratch);
    trib_buffer_deinit(&core->frame);
    trib_buffer_deinit(&core->payload);
    cloud_secrets_wipe(&core->secrets);
    trib_free(core);
}
