/* Inside this room: a consumer of librdkafka's, which is loaded when the first one is made and
 * stays.
 *
 * It reads partitions that it is told to, from where it is told to: no group decides. What goes
 * wrong inside is told by a call of `problem` during one of these functions, in words that name the
 * key of the agent's file; librdkafka tries again by itself unless `again` is said.
 *
 * errors   TRIB_E_NOT_FOUND no librdkafka; TRIB_E_ARGUMENT, naming the setting; TRIB_E_RETRY the
 *          brokers, TRIB_E_IO memory
 * owns     a client is made and closed here; a record is valid until it is let go
 * threads  one, that which opened it
 */
#ifndef EDGE_SOURCE_KAFKA_CLIENT_H
#define EDGE_SOURCE_KAFKA_CLIENT_H

#include "edge/config/edge_config.h"
#include "edge/types/event.h"

enum { EDGE_KAFKA_ASK_MS = 500 }; /* how long one question to the brokers may take */

typedef struct edge_kafka_client edge_kafka_client;

typedef struct edge_kafka_sink {
    /* `again`: the client is of no more use, another one may be: close it. */
    void (*problem)(void *context, bool again, const char *text);
    void (*log)(void *context, const char *text); /* librdkafka's own, for who looks for a fault */
    void *context;
} edge_kafka_sink;

typedef struct edge_kafka_position {
    int32_t partition;
    int64_t next; /* the offset to be read next; EDGE_KAFKA_FIRST, EDGE_KAFKA_NEW */
} edge_kafka_position;
enum { EDGE_KAFKA_FIRST = -2, EDGE_KAFKA_NEW = -1 }; /* what is there still; what comes anew */

typedef enum edge_kafka_what {
    EDGE_KAFKA_NOTHING,
    EDGE_KAFKA_RECORD,
    EDGE_KAFKA_OUT_OF_RANGE, /* of `partition`: what was to be read next is not there */
    EDGE_KAFKA_NO_TOPIC      /* or no more: told as a problem */
} edge_kafka_what;

typedef struct edge_kafka_record {
    int32_t partition;
    int64_t offset;
    trib_bytes value; /* empty: a tombstone */
    void *message;
} edge_kafka_record;

/* Connects behind the scenes. `config` outlives the client. */
TRIB_MUST_CHECK trib_status edge_kafka_open(const edge_kafka_config *config, edge_kafka_sink sink,
                                            edge_kafka_client **ret_client);
void edge_kafka_close(edge_kafka_client *client);
/* How many partitions the topic has. TRIB_E_NOT_FOUND: there is none such. */
TRIB_MUST_CHECK trib_status edge_kafka_count(edge_kafka_client *client, int32_t *ret_count);
/* From now on, records come from these places, and from no others. */
TRIB_MUST_CHECK trib_status edge_kafka_assign(edge_kafka_client *client,
                                              const edge_kafka_position *from, size_t count);
/* The offsets of a partition's first record and behind its last. */
TRIB_MUST_CHECK trib_status edge_kafka_range(edge_kafka_client *client, int32_t partition,
                                             int64_t *ret_first, int64_t *ret_end);
edge_kafka_what edge_kafka_next(edge_kafka_client *client, int timeout_ms,
                                edge_kafka_record *ret_record);
void edge_kafka_let_go(edge_kafka_client *client, edge_kafka_record *record);
/* Tells the group how far its member is, for people who watch the lag; nothing depends on it, and
 * nobody waits for it. */
void edge_kafka_tell(edge_kafka_client *client, const edge_kafka_position *at, size_t count);

#endif
