/* Inside this room: what producer, progress reader and setup share.
 *
 * errors   as kafka.h
 * threads  one
 */
#ifndef CLOUD_BRIDGE_KAFKA_CLIENT_H
#define CLOUD_BRIDGE_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>

#include "cloud/bridge/kafka.h"

/* What librdkafka said last, beside the error of a call: who was refused, which address. */
typedef struct cloud_kafka_words {
    char text[256];
    bool denied;
    char expired[160]; /* what to say of our certificate where Kafka denies us; "": nothing */
} cloud_kafka_words;

typedef struct cloud_kafka_pair {
    const char *key, *value;
} cloud_kafka_pair;

/* A client with the settings, over `defaults` and under `musts` (ended by a NULL key). `words`
 * lives as long; `delivered` may be NULL. */
TRIB_MUST_CHECK trib_status cloud_kafka_client(
    rd_kafka_type_t type, const cloud_bridge_settings *settings, const cloud_kafka_pair *defaults,
    const cloud_kafka_pair *musts, cloud_kafka_words *words,
    void (*delivered)(rd_kafka_t *client, const rd_kafka_message_t *message, void *words),
    rd_kafka_t **ret_client);

/* The status of an error, which is freed; NULL is success. */
TRIB_MUST_CHECK trib_status cloud_kafka_status(rd_kafka_error_t *error, const char *what,
                                               const cloud_kafka_words *words);
TRIB_MUST_CHECK trib_status cloud_kafka_code_status(rd_kafka_resp_err_t code, const char *what,
                                                    const cloud_kafka_words *words);

/* "tributary.bridge" */
void cloud_kafka_progress_topic(const cloud_bridge_settings *settings,
                                char ret_topic[CLOUD_TOPIC_SIZE]);
void cloud_kafka_topic(const cloud_bridge_settings *settings, const char *federation,
                       cloud_bridge_topic topic, char ret_topic[CLOUD_TOPIC_SIZE]);

/* Calls `each` with every topic's name that Kafka has, and makes none. */
TRIB_MUST_CHECK trib_status cloud_kafka_list(rd_kafka_t *client, const cloud_kafka_words *words,
                                             void (*each)(void *context, const char *topic),
                                             void *context);

/* ---- progress.c ---- */
TRIB_MUST_CHECK trib_status cloud_progress_print(const cloud_bridge_progress *progress,
                                                 trib_buffer *ret_text);
/* Reads what was committed; the topic must be there. */
TRIB_MUST_CHECK trib_status cloud_progress_read(const cloud_bridge_settings *settings,
                                                const char *id,
                                                cloud_bridge_progress *ret_progress);

#endif
