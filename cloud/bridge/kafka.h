/* A transactional producer, and how far it has come, kept in the same transactions.
 *
 * The topic PREFIX.bridge (one partition, compacted) holds one record for each cloud: key, its id;
 * value, {"ledger": POSITION, ...}. It is written in the transaction that holds
 * the events up to those positions, and read, committed records only, before anything is sent. So
 * whoever dies anywhere goes on where Kafka says it was, and whoever else still sends under the
 * same id is fenced off (Kafka's KIP-98).
 *
 * Nothing here makes a topic, but for cloud_kafka_setup.
 *
 * errors   TRIB_E_RETRY Kafka cannot be reached, or not yet; TRIB_E_STATE the transaction is to be
 *          aborted, and tried again; TRIB_E_DENIED credentials, or permission; TRIB_E_NOT_FOUND a
 *          topic is missing; TRIB_E_LIMIT an event is too large; TRIB_E_IO the producer is of no
 *          use any more: create another. Messages name the setting to look at, and no secret
 * owns     its producer; copies what it is given
 * threads  one
 */
#ifndef CLOUD_BRIDGE_KAFKA_H
#define CLOUD_BRIDGE_KAFKA_H

#include "cloud/bridge/event.h"
#include "cloud/bridge/settings.h"

enum { CLOUD_KAFKA_CALL_MS = 1000 /* that a call may take before it says TRIB_E_RETRY */ };

struct rd_kafka_headers_s;

typedef struct cloud_kafka cloud_kafka;

/* How far the events of each log have come. */
typedef struct cloud_bridge_progress {
    bool known; /* Kafka has a record of this cloud's */
    uint64_t positions[CLOUD_LOGS];
} cloud_bridge_progress;

/* `id` of this cloud: the transactional id is PREFIX-ID. No network yet. */
TRIB_MUST_CHECK trib_status cloud_kafka_create(const cloud_bridge_settings *settings,
                                               const char *id, cloud_kafka **ret_kafka);
void cloud_kafka_destroy(cloud_kafka *kafka);

/* Fences off earlier producers, ends what they left open. Again while TRIB_E_RETRY. */
TRIB_MUST_CHECK trib_status cloud_kafka_connect(cloud_kafka *kafka);
/* After that, once. */
TRIB_MUST_CHECK trib_status cloud_kafka_progress(cloud_kafka *kafka,
                                                 cloud_bridge_progress *ret_progress);

TRIB_MUST_CHECK trib_status cloud_kafka_begin(cloud_kafka *kafka);
/* What Kafka has with this transaction's end. Once in each, and first: Kafka then hears of all
 * partitions at a time. */
TRIB_MUST_CHECK trib_status cloud_kafka_send_progress(cloud_kafka *kafka,
                                                      const cloud_bridge_progress *progress);
/* With headers that tell its attributes (binary mode), or NULL: in structured mode; they are taken
 * in any case. `opaque` comes back from cloud_kafka_refused, should Kafka refuse the event for its
 * size. */
TRIB_MUST_CHECK trib_status cloud_kafka_send(cloud_kafka *kafka, const cloud_bridge_event *event,
                                             struct rd_kafka_headers_s *headers_take,
                                             uint64_t opaque);
/* Again while TRIB_E_RETRY: Kafka may have committed already. Not in shorter turns than a call
 * takes: librdkafka 2.0 does not stand a commit that times out often (an assertion of its own). */
TRIB_MUST_CHECK trib_status cloud_kafka_commit(cloud_kafka *kafka);
TRIB_MUST_CHECK trib_status cloud_kafka_abort(cloud_kafka *kafka);
/* Of the events since the last begin; 0: none. */
uint64_t cloud_kafka_refused(const cloud_kafka *kafka);

/* The topics of these federations, of all together, and of the progress; those that are there are
 * left alone. `each` hears of every topic whether it was made. */
TRIB_MUST_CHECK trib_status cloud_kafka_setup(
    const cloud_bridge_settings *settings, const char *const *federations, size_t count,
    void (*each)(void *context, const char *topic, bool made), void *context);

/* The committed records of every topic under the prefix, in the order of names. Reads all of them:
 * for demonstrations and doubts. */
TRIB_MUST_CHECK trib_status cloud_kafka_count(const cloud_bridge_settings *settings,
                                              void (*each)(void *context, const char *topic,
                                                           uint64_t events),
                                              void *context);

#endif
