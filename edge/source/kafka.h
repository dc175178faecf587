/* Inside this room: rows from a topic of Kafka's, from where the store left off.
 *
 * A record is one row or a few, at most EDGE_BATCH_ROWS, and its rows stay in one batch, whose
 * position is the offset behind its last record: what the store keeps is rows and offset together,
 * or neither. Each partition is a recording of its own, TOPIC/NUMBER; where another one's rows come
 * between, a recording starts.
 *
 * Whatever is wrong with brokers, topic or secrets is said, at most once a minute for each key of
 * the agent's file, and tried again.
 *
 * errors   TRIB_E_IO without memory
 * owns     a batch that is pushed is its taker's
 * threads  created by the source's owner, then the source's thread
 */
#ifndef EDGE_SOURCE_KAFKA_H
#define EDGE_SOURCE_KAFKA_H

#include "edge/source/source.h"

enum {
    EDGE_KAFKA_AGAIN_MS = 5000, /* between two tries */
    EDGE_KAFKA_SAID_MS = 60000, /* before a problem is said again */
    EDGE_KAFKA_TELL_MS = 5000,  /* how often the group is told; what was pushed before is stored */
    EDGE_KAFKA_REFRESH_MS = 60000, /* how often new partitions are looked for */
    EDGE_KAFKA_TURN_MS = 1000      /* of several partitions, how long one gathers rows */
};

typedef struct edge_kafka edge_kafka;

typedef struct edge_kafka_host {
    const edge_source_plan *plan; /* outlives it, as all here */
    int wake;                     /* a descriptor: readable when the thread has to stop */
    bool (*push)(void *context, edge_batch *batch_take); /* false: stop */
    void (*count)(void *context, uint64_t refused_lines, uint64_t problems);
    void *context;
} edge_kafka_host;

TRIB_MUST_CHECK trib_status edge_kafka_create(const edge_kafka_host *host, edge_kafka **ret_kafka);
/* Where a partition goes on, if `recording` is one of this topic's. */
TRIB_MUST_CHECK trib_status edge_kafka_skip(edge_kafka *kafka, const char *recording,
                                            uint64_t position);
/* Until woken. */
void edge_kafka_run(edge_kafka *kafka);
void edge_kafka_destroy(edge_kafka *kafka);

#endif
