/* What goes to the bucket: the thread that carries it there, and segments of the ledger that are
 * there and not needed here any more. Nothing here ever fails a round. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cloud/app/core.h"
#include "cloud/archive/segments.h"

enum { PATH_SIZE = 1024, TRIM_MS = 10000 };

static cloud_place place_of(const cloud_core *core) {
    return (cloud_place){.disk = core->disk,
                         .crypto = core->crypto,
                         .bucket = core->config.bucket,
                         .signing = &core->secrets.signing,
                         .id = core->secrets.signing_id.text};
}

static uint64_t end_of_ledger(const void *context) {
    const cloud_core *core = context;
    return cloud_ledger_durable(core->ledger);
}

static void acknowledge(void *context, cloud_bridge_log log, uint64_t position) {
    cloud_core *core = context;
    atomic_store(&core->outbox_archived[log - CLOUD_LOG_ALERT], position);
    cloud_outbox_release(core, log);
}

/* On the archive's thread. */
static void push_trouble(void *context, const char *text) {
    cloud_push_report(context, &(cloud_event){.kind = CLOUD_EVENT_ARCHIVE}, text);
}

trib_status cloud_archiving_start(cloud_core *core) {
    if (core->config.bucket == NULL) {
        return TRIB_SUCCESS;
    }
    char folders[CLOUD_BATCH_KINDS][PATH_SIZE];
    cloud_batches_options batches = {.clock = core->clock,
                                     .every_ms = (uint64_t)core->config.batch_s * 1000,
                                     .end = cloud_log_end,
                                     .acknowledge = acknowledge,
                                     .context = core};
    for (int i = 0; i < CLOUD_BATCH_KINDS; i++) {
        cloud_outbox_folder(core, (cloud_bridge_log)(CLOUD_LOG_ALERT + i), folders[i], PATH_SIZE);
        batches.sources[i] = (cloud_batch_source){
            folders[i], cloud_secrets_seed(core->crypto, &core->secrets, "tributary/v1 outbox")};
    }
    const cloud_archive_options options = {
        .place = place_of(core),
        .clock = core->clock,
        .state = core->config.state,
        .ledger_seed = cloud_secrets_seed(core->crypto, &core->secrets, "tributary/v1 ledger"),
        .ledger = core->config.archive_ledger,
        .batches = core->config.archive_events ? &batches : NULL,
        .end = end_of_ledger,
        .report = push_trouble,
        .context = core};
    return trib_context(cloud_archive_start(&options, &core->archive), "the archive");
}

void cloud_archiving_close(cloud_core *core) {
    cloud_archive_stop(core->archive);
    core->archive = NULL;
}

void cloud_archiving_report(cloud_core *core, const char *trouble) {
    (void)snprintf(core->archive_trouble, sizeof core->archive_trouble, "%s", trouble);
    if (trouble[0] != '\0') {
        trib_log(TRIB_LOG_WARN, "archive", "why=%s", trouble);
    } else {
        trib_log(TRIB_LOG_INFO, "archive goes on", "%s", "");
    }
}

/* The view was damaged, or is made anew, and the ledger here begins after where it stands. */
trib_status cloud_archiving_bring_back(cloud_core *core, uint64_t from) {
    char folder[PATH_SIZE];
    uint64_t next = 0, first = cloud_ledger_first(core->ledger);
    const cloud_place place = place_of(core);
    (void)snprintf(folder, sizeof folder, "%s/ledger", core->config.state);
    if (core->config.bucket == NULL) {
        return TRIB_FAIL(TRIB_E_STATE,
                         "the view lacks records %" PRIu64 " to %" PRIu64
                         ", which were moved to the archive: say where it is (`object`)",
                         from, first - 1);
    }
    trib_log(TRIB_LOG_WARN, "records come back from the archive", "first=%" PRIu64 " last=%" PRIu64,
             from, first - 1);
    TRIB_TRY(cloud_segments_fetch(&place, folder, from, first, &next));
    return next == first
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_NOT_FOUND, "the archive lacks records %" PRIu64 " to %" PRIu64,
                           next, first - 1);
}

/* The last record that nobody here needs any more. */
static uint64_t spent_through(const cloud_core *core, uint64_t position) {
    cloud_archive_counts counts = cloud_archive_count(core->archive);
    uint64_t through = counts.segment > 0 ? counts.segment - 1 : 0;
    through = position < through ? position : through;
    if (core->bridge != NULL && atomic_load(&core->bridged) < through) {
        through = atomic_load(&core->bridged);
    }
    for (size_t i = 0; i < core->member_count; i++) {
        const cloud_live *live = core->members[i].live;
        if (live->round_open && live->opened_position < through) {
            through = live->opened_position; /* a start reads what comes after it */
        }
    }
    return through;
}

static trib_status trim(cloud_core *core) {
    uint64_t position = 0, removed = 0;
    TRIB_TRY(cloud_registry_position(core->registry, &position));
    uint64_t through = spent_through(core, position);
    uint64_t last = cloud_ledger_second(core->ledger) - 1;
    if (last > through) {
        return TRIB_SUCCESS;
    }
    TRIB_TRY(cloud_registry_sync(core->registry)); /* or power could take the view back behind it */
    while (last <= through && cloud_ledger_bytes(core->ledger) > core->config.keep_bytes &&
           last < cloud_ledger_end(core->ledger)) {
        TRIB_TRY(cloud_ledger_trim(core->ledger, last));
        removed = last;
        last = cloud_ledger_second(core->ledger) - 1;
    }
    if (removed > 0) {
        trib_log(TRIB_LOG_INFO, "ledger trimmed", "through=%" PRIu64, removed);
    }
    return TRIB_SUCCESS;
}

void cloud_archiving_settle(cloud_core *core) {
    uint64_t now = trib_monotonic_ms(core->clock);
    if (core->archive == NULL) {
        return;
    }
    if (cloud_ledger_durable(core->ledger) > core->archive_woken) {
        core->archive_woken = cloud_ledger_durable(core->ledger);
        cloud_archive_wake(core->archive);
    }
    if (core->config.keep_bytes > 0 && now >= core->trim_due_ms &&
        cloud_ledger_bytes(core->ledger) > core->config.keep_bytes) {
        core->trim_due_ms = now + TRIM_MS;
        if (!trib_ok(trim(core))) {
            trib_log(TRIB_LOG_WARN, "ledger not trimmed", "why=%s", trib_message());
        }
    }
}
