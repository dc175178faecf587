/* What gateways said, in files that pandas and Spark open as they are: the outbox's logs as gzipped
 * JSON lines (docs/adr/0012-batches-are-json-lines.md), an object for each gateway and day of each
 * batch:
 *
 *     events/KIND/federation=F/date=YYYY-MM-DD/gateway=G/TIME-FIRST-LAST.jsonl.gz
 *
 * KIND is prediction, alert or telemetry. A line is the event's body (docs/schemas) with event_id,
 * event_type and event_time before it. Each event is in exactly one object: where a batch ends is
 * durable before any of it is put, so that after a crash the same objects come again, under the
 * same names.
 *
 * errors   those of place.h and of the ledger's follower
 * owns     nothing of its options, which outlive it
 * threads  one; counts from any
 */
#ifndef CLOUD_ARCHIVE_BATCHES_H
#define CLOUD_ARCHIVE_BATCHES_H

#include "cloud/archive/place.h"
#include "cloud/bridge/event.h"
#include "common/port/clock.h"

enum {
    CLOUD_BATCH_MAX_EVENTS = 50000,    /* of one batch, over all gateways */
    CLOUD_BATCH_MAX_BYTES = 32 << 20,  /* of its lines, before they are compressed */
    CLOUD_BATCH_KINDS = CLOUD_LOGS - 1 /* of the outbox's logs: the ledger's is none */
};

typedef struct cloud_batch_source {
    const char *folder;
    uint64_t seed;
} cloud_batch_source;

typedef struct cloud_batches_options {
    const cloud_place *place;
    const trib_clock *clock;
    const char *state; /* the folder that keeps how far each log has come */
    uint64_t every_ms; /* a batch is put so long after its first event, or when it is full */
    cloud_batch_source sources[CLOUD_BATCH_KINDS]; /* of CLOUD_LOG_ALERT + i */
    /* The last durable position of a log; from any thread. */
    uint64_t (*end)(const void *context, cloud_bridge_log log);
    /* The bucket has all up to here. */
    void (*acknowledge)(void *context, cloud_bridge_log log, uint64_t position);
    void *context;
} cloud_batches_options;

typedef struct cloud_batches cloud_batches;

TRIB_MUST_CHECK trib_status cloud_batches_create(const cloud_batches_options *options,
                                                 cloud_batches **ret_batches);
void cloud_batches_destroy(cloud_batches *batches);
/* Puts what is due. After an error, everything of the batch that was not put is put again. */
TRIB_MUST_CHECK trib_status cloud_batches_step(cloud_batches *batches);
/* Objects put since the start, and records that were gone before they were read, or that no event
 * can be made of. */
uint64_t cloud_batches_put(const cloud_batches *batches);
uint64_t cloud_batches_missed(const cloud_batches *batches);

#endif
