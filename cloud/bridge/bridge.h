/* The thread that carries events to Kafka, each once.
 *
 * It follows the ledger and the outbox's logs, what matters most first, and sends what it finds in
 * transactions that hold the progress as well (kafka.h). Where Kafka is away it waits, with pauses
 * that grow; the logs keep what has not gone. It never holds anything up: the core neither waits
 * for it nor hears of its errors but as reports.
 *
 * Within a topic and a key, events come in the order of their positions.
 *
 * errors   only of starting: TRIB_E_IO, TRIB_E_ARGUMENT
 * owns     nothing of its sources, disk and settings, which outlive it; id and folders are copied
 * threads  start, wake, count, stop: the owner's. Reports come from threads of the bridge's
 */
#ifndef CLOUD_BRIDGE_BRIDGE_H
#define CLOUD_BRIDGE_BRIDGE_H

#include "cloud/bridge/event.h"
#include "cloud/bridge/settings.h"

enum {
    CLOUD_BRIDGE_BATCH = 5000, /* events of one transaction */
    CLOUD_BRIDGE_BATCH_BYTES = 4 << 20,
    CLOUD_CLAIM_SIZE = 1100,
    CLOUD_BRIDGE_MOST_PAUSE_MS = 30000
};

/* One log that is followed. */
typedef struct cloud_bridge_source {
    const char *folder;
    uint64_t seed;
    /* The last durable position; from any thread. */
    uint64_t (*end)(const void *context, cloud_bridge_log log);
    /* Kafka has all up to here, but for so many records that were gone before they were read, of
     * all that were committed since the start. NULL: nobody asks. */
    void (*acknowledge)(void *context, cloud_bridge_log log, uint64_t position, uint64_t missed);
    void *context;
} cloud_bridge_source;

typedef enum cloud_bridge_report {
    CLOUD_BRIDGE_CONNECTED,
    CLOUD_BRIDGE_TROUBLE, /* `text` says what; it goes on trying */
    CLOUD_BRIDGE_REFUSED  /* an event that Kafka will never take is left out */
} cloud_bridge_report;

typedef struct cloud_bridge_options {
    const cloud_bridge_settings *settings;
    const char *id;
    trib_disk *disk;
    cloud_bridge_source sources[CLOUD_LOGS];
    /* Keeps the body of an event that is larger than the settings' claim_bytes where consumers find
     * it, and says where: a URI reference. The same event may come again; any failure is waited
     * for. NULL: nobody does, and every body goes to Kafka. On the bridge's thread. */
    TRIB_MUST_CHECK trib_status (*claim)(void *context, const cloud_bridge_event *event,
                                         char ret_reference[CLOUD_CLAIM_SIZE]);
    void (*report)(void *context, cloud_bridge_report report, const char *text);
    void *context;
} cloud_bridge_options;

typedef struct cloud_bridge_counts {
    bool connected;
    uint64_t sent;         /* events in transactions that were committed */
    uint64_t transactions; /* committed */
    uint64_t aborted;
    uint64_t claims;              /* of the sent: their bodies are elsewhere */
    uint64_t refused;             /* events left out */
    uint64_t missed;              /* records that were gone before they were read */
    uint64_t ends[CLOUD_LOGS];    /* positions */
    uint64_t backlog[CLOUD_LOGS]; /* records that wait */
} cloud_bridge_counts;

typedef struct cloud_bridge cloud_bridge;

TRIB_MUST_CHECK trib_status cloud_bridge_start(const cloud_bridge_options *options,
                                               cloud_bridge **ret_bridge);
/* There is more to read. */
void cloud_bridge_wake(cloud_bridge *bridge);
cloud_bridge_counts cloud_bridge_count(const cloud_bridge *bridge);
/* Ends within a few seconds, or with the claim that is being put, sending nothing further. */
void cloud_bridge_stop(cloud_bridge *bridge);

#endif
