#include "cloud/outbox/outbox.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "cloud/outbox/shares.h"

const char *const cloud_outbox_names[] = {"alert", "prediction", "telemetry", NULL};

enum { PATH_SIZE = 4096 };

typedef struct outbox_log {
    cloud_ledger *ledger; /* NULL after a failure that opening anew did not mend */
    char folder[PATH_SIZE];
    atomic_uint_least64_t durable, acknowledged, missed;
    uint64_t first;             /* that is still there */
    cloud_shares *shares;       /* of what is there */
    cloud_outbox_counts counts; /* dropped: what was not stored */
} outbox_log;

struct cloud_outbox {
    trib_disk *disk;
    uint64_t seed;
    uint64_t ceiling;
    outbox_log logs[CLOUD_OUTBOX_CLASSES];
};

static trib_status open_log(cloud_outbox *outbox, outbox_log *log) {
    TRIB_TRY(cloud_ledger_open(outbox->disk, log->folder, outbox->seed, &log->ledger));
    uint64_t segment = outbox->ceiling / CLOUD_OUTBOX_SEGMENTS;
    cloud_ledger_limit_segments(
        log->ledger, segment < CLOUD_LEDGER_SEGMENT_BYTES ? segment : CLOUD_LEDGER_SEGMENT_BYTES);
    atomic_store(&log->durable, cloud_ledger_end(log->ledger));
    log->first = cloud_ledger_first(log->ledger);
    return TRIB_SUCCESS;
}

trib_status cloud_outbox_open(trib_disk *disk, const char *folder, uint64_t seed, uint64_t bytes,
                              cloud_outbox **ret_outbox) {
    TRIB_ASSERT(bytes >= CLOUD_OUTBOX_LEAST_BYTES);
    cloud_outbox *outbox = trib_allocate(1, sizeof *outbox);
    if (outbox == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for an outbox");
    }
    outbox->disk = disk;
    outbox->seed = seed;
    outbox->ceiling = bytes;
    trib_status status = disk->make_folder(disk, folder);
    for (size_t i = 0; i < CLOUD_OUTBOX_CLASSES && trib_ok(status); i++) {
        outbox_log *log = &outbox->logs[i];
        log->shares = cloud_shares_create(seed, bytes / CLOUD_OUTBOX_SEGMENTS);
        int length =
            snprintf(log->folder, sizeof log->folder, "%s/%s", folder, cloud_outbox_names[i]);
        status = log->shares == NULL ? TRIB_FAIL(TRIB_E_IO, "no memory for an outbox")
                 : length > 0 && (size_t)length < sizeof log->folder
                     ? open_log(outbox, log)
                     : TRIB_FAIL(TRIB_E_LIMIT, "%s: too long a path", folder);
    }
    /* What is no more there, an earlier run has counted. */
    for (size_t i = 0; i < CLOUD_OUTBOX_CLASSES && trib_ok(status); i++) {
        atomic_store(&outbox->logs[i].acknowledged, outbox->logs[i].first - 1);
    }
    if (trib_ok(status)) {
        status = disk->sync_folder(disk, folder);
    }
    if (!trib_ok(status)) {
        cloud_outbox_close(outbox);
        return status;
    }
    *ret_outbox = outbox;
    return TRIB_SUCCESS;
}

void cloud_outbox_close(cloud_outbox *outbox) {
    if (outbox != NULL) {
        for (size_t i = 0; i < CLOUD_OUTBOX_CLASSES; i++) {
            cloud_ledger_close(outbox->logs[i].ledger);
            cloud_shares_destroy(outbox->logs[i].shares);
        }
        trib_free(outbox);
    }
}

static uint64_t bytes_of(const cloud_outbox *outbox) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < CLOUD_OUTBOX_CLASSES; i++) {
        const cloud_ledger *ledger = outbox->logs[i].ledger;
        bytes += ledger != NULL ? cloud_ledger_bytes(ledger) : 0;
    }
    return bytes;
}

/* Removes segments up to `through`; events in them that nobody has read are lost. */
static trib_status remove_through(outbox_log *log, uint64_t through) {
    trib_status status = cloud_ledger_trim(log->ledger, through);
    log->first = cloud_ledger_first(log->ledger);
    cloud_shares_trim(log->shares, log->first);
    return status;
}

/* The last segment stays: it is being written. */
static bool can_drop(const outbox_log *log) {
    return log->ledger != NULL && cloud_ledger_second(log->ledger) <= cloud_ledger_end(log->ledger);
}

static trib_status drop_while_over(cloud_outbox *outbox, outbox_log *log, size_t size) {
    while (bytes_of(outbox) + size > outbox->ceiling && log->ledger != NULL) {
        uint64_t first = log->first;
        TRIB_TRY(remove_through(log, cloud_ledger_second(log->ledger) - 1));
        if (log->first == first) {
            break; /* it is the last one */
        }
    }
    return TRIB_SUCCESS;
}

/* Makes room for `size` bytes, from the least class on, `class` included. */
static trib_status make_room(cloud_outbox *outbox, cloud_outbox_class class, const char *gateway,
                             size_t size) {
    outbox_log *own = &outbox->logs[class];
    bool lesser = false;
    for (size_t i = CLOUD_OUTBOX_CLASSES - 1; i > class; i--) {
        TRIB_TRY(drop_while_over(outbox, &outbox->logs[i], size));
        lesser = lesser || can_drop(&outbox->logs[i]);
    }
    /* What a drop has freed is for the others: who floods would fill it at once. */
    uint64_t headroom = 2 * outbox->ceiling / CLOUD_OUTBOX_SEGMENTS;
    if (!lesser && bytes_of(outbox) + size + headroom > outbox->ceiling &&
        cloud_shares_is_hog(own->shares, gateway)) {
        own->counts.over_share++;
        return TRIB_FAIL(TRIB_E_LIMIT, "%s holds too much of the outbox's %ss", gateway,
                         cloud_outbox_names[class]);
    }
    TRIB_TRY(drop_while_over(outbox, own, size));
    return bytes_of(outbox) + size <= outbox->ceiling
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_LIMIT, "the outbox is full of what goes before %ss",
                           cloud_outbox_names[class]);
}

trib_status cloud_outbox_append(cloud_outbox *outbox, cloud_outbox_class class, const char *gateway,
                                trib_bytes event) {
    outbox_log *log = &outbox->logs[class];
    uint64_t position = 0;
    trib_status status = log->ledger == NULL
                             ? TRIB_FAIL(TRIB_E_IO, "%s failed earlier", log->folder)
                             : make_room(outbox, class, gateway, event.size + 64);
    if (trib_ok(status)) {
        status = cloud_ledger_append(log->ledger, 1, &event, 1, &position);
    }
    if (trib_ok(status)) {
        cloud_shares_add(log->shares, gateway, position, event.size);
    }
    log->counts.stored += trib_ok(status);
    log->counts.dropped += !trib_ok(status);
    return status;
}

/* What was durable is there again; the rest is counted as dropped. */
static trib_status open_anew(cloud_outbox *outbox, outbox_log *log) {
    uint64_t end = log->ledger != NULL ? cloud_ledger_end(log->ledger) : 0;
    cloud_ledger_close(log->ledger);
    log->ledger = NULL;
    TRIB_TRY(open_log(outbox, log));
    uint64_t kept = cloud_ledger_end(log->ledger);
    log->counts.dropped += end > kept ? end - kept : 0;
    return TRIB_SUCCESS;
}

static trib_status sync_log(cloud_outbox *outbox, outbox_log *log) {
    trib_status status =
        log->ledger != NULL ? cloud_ledger_sync(log->ledger) : (trib_status){TRIB_E_STATE};
    if (!trib_ok(status)) {
        trib_status again = open_anew(outbox, log);
        return trib_ok(again) && status.code == TRIB_E_STATE ? TRIB_SUCCESS : status;
    }
    atomic_store(&log->durable, cloud_ledger_durable(log->ledger));
    return remove_through(log, atomic_load(&log->acknowledged));
}

trib_status cloud_outbox_sync(cloud_outbox *outbox) {
    trib_status status = TRIB_SUCCESS;
    for (size_t i = 0; i < CLOUD_OUTBOX_CLASSES; i++) {
        trib_status one = sync_log(outbox, &outbox->logs[i]);
        status = trib_ok(one) ? status : one;
    }
    return status;
}

uint64_t cloud_outbox_end(const cloud_outbox *outbox, cloud_outbox_class class) {
    return atomic_load(&outbox->logs[class].durable);
}

void cloud_outbox_acknowledge(cloud_outbox *outbox, cloud_outbox_class class, uint64_t position,
                              uint64_t missed) {
    atomic_store(&outbox->logs[class].missed, missed);
    atomic_store(&outbox->logs[class].acknowledged, position);
}

uint64_t cloud_outbox_acknowledged(const cloud_outbox *outbox, cloud_outbox_class class) {
    return atomic_load(&outbox->logs[class].acknowledged);
}

cloud_outbox_counts cloud_outbox_count(const cloud_outbox *outbox, cloud_outbox_class class) {
    const outbox_log *log = &outbox->logs[class];
    cloud_outbox_counts counts = log->counts;
    uint64_t next = atomic_load(&log->acknowledged) + 1;
    counts.dropped += atomic_load(&log->missed) + (log->first > next ? log->first - next : 0);
    counts.bytes = log->ledger != NULL ? cloud_ledger_bytes(log->ledger) : 0;
    return counts;
}

cloud_outbox_counts cloud_outbox_count_all(const cloud_outbox *outbox) {
    cloud_outbox_counts all = {0};
    for (int i = 0; i < CLOUD_OUTBOX_CLASSES; i++) {
        cloud_outbox_counts one = cloud_outbox_count(outbox, (cloud_outbox_class)i);
        all.stored += one.stored;
        all.dropped += one.dropped;
        all.over_share += one.over_share;
        all.bytes += one.bytes;
    }
    return all;
}
