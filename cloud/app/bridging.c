/* What goes to the data platform: the outbox that gateways' messages wait in, and the bridge that
 * carries them, and the ledger, on. Nothing here ever fails a round. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cloud/app/core.h"

enum { PATH_SIZE = 1024, SYNC_AFTER_MS = 10, TELL_MS = 60000 };

uint64_t cloud_log_end(const void *context, cloud_bridge_log log) {
    const cloud_core *core = context;
    switch (log) {
    case CLOUD_LOG_LEDGER:
        return cloud_ledger_durable(core->ledger);
    case CLOUD_LOG_ALERT:
        return cloud_outbox_end(core->outbox, CLOUD_OUTBOX_ALERT);
    case CLOUD_LOG_PREDICTION:
        return cloud_outbox_end(core->outbox, CLOUD_OUTBOX_PREDICTION);
    case CLOUD_LOG_TELEMETRY:
        return cloud_outbox_end(core->outbox, CLOUD_OUTBOX_TELEMETRY);
    case CLOUD_LOGS:
        break;
    }
    return 0;
}

void cloud_outbox_release(cloud_core *core, cloud_bridge_log log) {
    cloud_outbox_class class = (cloud_outbox_class)(log - CLOUD_LOG_ALERT);
    uint64_t bridged = atomic_load(&core->outbox_bridged[class]);
    uint64_t archived = atomic_load(&core->outbox_archived[class]);
    cloud_outbox_acknowledge(core->outbox, class, bridged < archived ? bridged : archived,
                             atomic_load(&core->outbox_missed[class]));
}

void cloud_outbox_folder(const cloud_core *core, cloud_bridge_log log, char *ret_path,
                         size_t size) {
    (void)snprintf(ret_path, size, "%s/outbox/%s", core->config.state, cloud_bridge_log_names[log]);
}

static void acknowledge(void *context, cloud_bridge_log log, uint64_t position, uint64_t missed) {
    cloud_core *core = context;
    if (log == CLOUD_LOG_LEDGER) {
        atomic_store(&core->bridged, position);
        return;
    }
    atomic_store(&core->outbox_missed[log - CLOUD_LOG_ALERT], missed);
    atomic_store(&core->outbox_bridged[log - CLOUD_LOG_ALERT], position);
    cloud_outbox_release(core, log);
}

void cloud_push_report(cloud_core *core, const cloud_event *what, const char *text) {
    cloud_event *event = trib_allocate(1, sizeof *event);
    char *copy = trib_duplicate_text(text);
    if (event == NULL || copy == NULL) {
        trib_free(event);
        trib_free(copy);
        return;
    }
    *event = *what;
    event->text = copy;
    if (!trib_queue_push_urgent(core->queue, event)) {
        cloud_event_destroy(event);
    }
}

static void push_report(void *context, cloud_bridge_report report, const char *text) {
    cloud_push_report(context, &(cloud_event){.kind = CLOUD_EVENT_BRIDGE, .report = report}, text);
}

trib_status cloud_bridging_open(cloud_core *core) {
    char path[PATH_SIZE];
    bool archives = core->config.bucket != NULL && core->config.archive_events;
    if (!core->config.bridge.kafka && !archives) {
        return TRIB_SUCCESS;
    }
    for (int i = 0; i < CLOUD_OUTBOX_CLASSES; i++) {
        atomic_store(&core->outbox_bridged[i], core->config.bridge.kafka ? 0 : UINT64_MAX);
        atomic_store(&core->outbox_archived[i], archives ? 0 : UINT64_MAX);
    }
    (void)snprintf(path, sizeof path, "%s/outbox", core->config.state);
    TRIB_TRY(trib_context(
        cloud_outbox_open(core->disk, path,
                          cloud_secrets_seed(core->crypto, &core->secrets, "tributary/v1 outbox"),
                          core->config.bridge.outbox_bytes, &core->outbox),
        "the outbox"));
    return core->disk->sync_folder(core->disk, core->config.state);
}

static const char *bridge_id(const cloud_core *core) {
    const char *given = core->config.bridge.id;
    return given[0] != '\0' ? given : core->secrets.signing_id.text;
}

/* On the bridge's thread. What is there already was put before a transaction that was not
 * committed, perhaps by a version that wrote the body otherwise: nobody has been told of it. */
static trib_status put_claim(void *context, const cloud_bridge_event *event,
                             char ret_reference[CLOUD_CLAIM_SIZE]) {
    const cloud_core *core = context;
    cloud_bucket *bucket = core->config.bucket;
    const cloud_body body = cloud_body_of(&event->body, "application/json");
    (void)snprintf(ret_reference, CLOUD_CLAIM_SIZE, "claims/%s/%s/%s/%s.json", bridge_id(core),
                   event->federation, cloud_bridge_topic_names[event->topic], event->id);
    return trib_context(bucket->put(bucket, ret_reference, &body, &(cloud_put_options){0}),
                        "a body for the bucket (bridge.kafka.claim_check_kib)");
}

static trib_status start_bridge(cloud_core *core) {
    char paths[CLOUD_LOGS][PATH_SIZE];
    cloud_bridge_options options = {.settings = &core->config.bridge,
                                    .id = bridge_id(core),
                                    .disk = core->disk,
                                    .claim = core->config.bucket != NULL ? put_claim : NULL,
                                    .report = push_report,
                                    .context = core};
    for (int i = 0; i < CLOUD_LOGS; i++) {
        if (i == CLOUD_LOG_LEDGER) {
            (void)snprintf(paths[i], sizeof paths[i], "%s/ledger", core->config.state);
        } else {
            cloud_outbox_folder(core, (cloud_bridge_log)i, paths[i], sizeof paths[i]);
        }
        options.sources[i] = (cloud_bridge_source){
            .folder = paths[i],
            .seed = cloud_secrets_seed(core->crypto, &core->secrets,
                                       i == CLOUD_LOG_LEDGER ? "tributary/v1 ledger"
                                                             : "tributary/v1 outbox"),
            .end = cloud_log_end,
            .acknowledge = acknowledge,
            .context = core};
    }
    return cloud_bridge_start(&options, &core->bridge);
}

trib_status cloud_bridging_start(cloud_core *core) {
    return core->config.bridge.kafka ? trib_context(start_bridge(core), "the bridge")
                                     : TRIB_SUCCESS;
}

void cloud_bridging_close(cloud_core *core) {
    cloud_bridge_stop(core->bridge);
    core->bridge = NULL;
    if (core->outbox != NULL) {
        trib_ignore(cloud_outbox_sync(core->outbox)); /* what is lost then was told by nobody */
    }
    cloud_outbox_close(core->outbox);
    core->outbox = NULL;
}

void cloud_bridging_report(cloud_core *core, const cloud_event *event) {
    switch (event->report) {
    case CLOUD_BRIDGE_CONNECTED:
        core->bridge_trouble[0] = '\0';
        trib_log(TRIB_LOG_INFO, "bridge connected", "%s", "");
        break;
    case CLOUD_BRIDGE_TROUBLE:
        (void)snprintf(core->bridge_trouble, sizeof core->bridge_trouble, "%s", event->text);
        trib_log(TRIB_LOG_WARN, "bridge", "why=%s", event->text);
        break;
    case CLOUD_BRIDGE_REFUSED:
        trib_log(TRIB_LOG_ERROR, "an event was left out", "why=%s", event->text);
        break;
    }
}

/* At most once a minute: a full disk would fill the log as well. */
static void tell_dropped(cloud_core *core) {
    uint64_t now = trib_monotonic_ms(core->clock);
    cloud_outbox_counts counts = cloud_outbox_count_all(core->outbox);
    if (counts.dropped > core->outbox_dropped && now >= core->outbox_told_ms) {
        trib_log(TRIB_LOG_WARN, "the outbox drops events",
                 "dropped=%" PRIu64 " over_share=%" PRIu64 " why=Kafka does not take them as fast "
                 "as they come, or not at all: see bridge.outbox_mib",
                 counts.dropped - core->outbox_dropped, counts.over_share);
        core->outbox_dropped = counts.dropped;
        core->outbox_told_ms = now + TELL_MS;
    }
}

static void store(cloud_core *core, cloud_outbox_class class, const char *gateway,
                  const pb_msgdesc_t *fields, const void *record) {
    size_t size = 0;
    trib_buffer_clear(&core->scratch);
    trib_status status = trib_wire_size(fields, record, &size);
    if (trib_ok(status)) {
        status = trib_buffer_reserve(&core->scratch, size);
    }
    if (trib_ok(status)) {
        trib_writer writer = trib_writer_of(core->scratch.data, core->scratch.capacity);
        status = trib_wire_encode(fields, record, &writer);
        trib_ignore(trib_ok(status)
                        ? cloud_outbox_append(core->outbox, class, gateway, trib_written(&writer))
                        : status); /* counted there */
    }
    if (core->outbox_due_ms == 0) {
        core->outbox_due_ms = trib_monotonic_ms(core->clock) + SYNC_AFTER_MS;
    }
}

void cloud_bridge_prediction(cloud_core *core, const cloud_member *member,
                             const cloud_gateway *gateway, trib_bytes message, bool anomaly) {
    cloud_record_Outgoing record = cloud_record_Outgoing_init_zero;
    if (core->outbox == NULL) {
        return;
    }
    (void)snprintf(record.federation, sizeof record.federation, "%s", member->live->name);
    (void)snprintf(record.gateway, sizeof record.gateway, "%s", gateway->name);
    record.time_ms = trib_wall_ms(core->clock);
    trib_wire_put(&record.message, &message);
    if (anomaly) {
        store(core, CLOUD_OUTBOX_ALERT, gateway->name, cloud_record_Outgoing_fields, &record);
    }
    store(core, CLOUD_OUTBOX_PREDICTION, gateway->name, cloud_record_Outgoing_fields, &record);
}

void cloud_bridge_telemetry(cloud_core *core, const cloud_record_Telemetry *record) {
    if (core->outbox != NULL) {
        store(core, CLOUD_OUTBOX_TELEMETRY, record->gateway, cloud_record_Telemetry_fields, record);
    }
}

uint64_t cloud_bridging_wait_ms(const cloud_core *core) {
    uint64_t now = trib_monotonic_ms(core->clock);
    if (core->outbox_due_ms == 0) {
        return UINT64_MAX;
    }
    return core->outbox_due_ms > now ? core->outbox_due_ms - now : 0;
}

void cloud_bridging_settle(cloud_core *core) {
    bool more = cloud_ledger_durable(core->ledger) > core->bridge_woken;
    if (core->outbox == NULL) {
        return;
    }
    if (core->outbox_due_ms != 0 && core->outbox_due_ms <= trib_monotonic_ms(core->clock)) {
        core->outbox_due_ms = 0;
        if (!trib_ok(cloud_outbox_sync(core->outbox))) {
            trib_log(TRIB_LOG_WARN, "the outbox", "why=%s", trib_message());
        }
        tell_dropped(core);
        more = true;
    }
    if (more && core->bridge != NULL) {
        core->bridge_woken = cloud_ledger_durable(core->ledger);
        cloud_bridge_wake(core->bridge);
    }
}
