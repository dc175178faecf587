/* Records of the ledger and of the outbox as CloudEvents 1.0 with JSON bodies (docs/schemas).
 *
 * An event's id is its log's name and the record's position, and so the same whenever it is made.
 * One record may tell several topics: the close of a round is one of a round and of a model.
 *
 * errors   TRIB_E_CORRUPT a record that cannot be read; TRIB_E_IO without memory; what `each` says
 * owns     nothing; an event is valid during the call of `each`
 * threads  pure
 */
#ifndef CLOUD_BRIDGE_EVENT_H
#define CLOUD_BRIDGE_EVENT_H

#include "cloud/ledger/ledger.h"

typedef enum cloud_bridge_topic {
    CLOUD_TOPIC_AUDIT,
    CLOUD_TOPIC_MODEL,
    CLOUD_TOPIC_ROUND,
    CLOUD_TOPIC_ALERT,
    CLOUD_TOPIC_PREDICTION,
    CLOUD_TOPIC_TELEMETRY,
    CLOUD_TOPICS
} cloud_bridge_topic;
extern const char *const cloud_bridge_topic_names[]; /* "audit", ... */

/* Where records come from, what matters most first. */
typedef enum cloud_bridge_log {
    CLOUD_LOG_LEDGER,
    CLOUD_LOG_ALERT,
    CLOUD_LOG_PREDICTION,
    CLOUD_LOG_TELEMETRY,
    CLOUD_LOGS
} cloud_bridge_log;
extern const char *const cloud_bridge_log_names[]; /* "ledger", "alert", ... */

enum { CLOUD_EVENT_ID_SIZE = 48, CLOUD_EVENT_TYPE_SIZE = 64, CLOUD_EVENT_MOST_BYTES = 1 << 20 };

typedef struct cloud_bridge_event {
    cloud_bridge_topic topic;
    char federation[64]; /* "all" for what concerns every federation */
    char key[64];        /* the gateway; where there is none, the federation */
    char id[CLOUD_EVENT_ID_SIZE];
    char type[CLOUD_EVENT_TYPE_SIZE]; /* tributary.round.closed, ... */
    uint64_t time_ms;
    trib_bytes body;   /* JSON */
    const char *claim; /* a URI reference to where the body is, and is not sent; NULL: it is */
} cloud_bridge_event;

typedef trib_status (*cloud_bridge_each)(void *context, const cloud_bridge_event *event);

/* `body` is storage for bodies. A gap and a record of no interest tell nothing. */
TRIB_MUST_CHECK trib_status cloud_bridge_tell(cloud_bridge_log log, const cloud_record *record,
                                              trib_buffer *body, cloud_bridge_each each,
                                              void *context);

#endif
