/* How far the bridge has come, as a record of Kafka's. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cloud/bridge/kafka_client.h"
#include "common/port/posix/system.h"
#include "common/tensor/json_text.h"

enum { READ_MS = 10000, POLL_MS = 200, TAIL = 1000 };

trib_status cloud_progress_print(const cloud_bridge_progress *progress, trib_buffer *ret_text) {
    json_t *map = json_object();
    for (size_t i = 0; i < CLOUD_LOGS && map != NULL; i++) {
        if (json_object_set_new(map, cloud_bridge_log_names[i],
                                json_integer((json_int_t)progress->positions[i])) != 0) {
            json_decref(map);
            map = NULL;
        }
    }
    trib_status status = trib_json_print(map, ret_text);
    json_decref(map);
    return status;
}

/* Whoever may write to the topic may write anything. */
static trib_status parse_progress(const rd_kafka_message_t *message,
                                  cloud_bridge_progress *ret_progress) {
    json_error_t why;
    json_t *map = json_loadb(message->payload, message->len, 0, &why);
    cloud_bridge_progress progress = {.known = true};
    for (size_t i = 0; i < CLOUD_LOGS; i++) {
        const json_t *value = json_object_get(map, cloud_bridge_log_names[i]);
        json_int_t position = value == NULL && map != NULL ? 0 : json_integer_value(value);
        if ((value != NULL && !json_is_integer(value)) || position < 0 || !json_is_object(map)) {
            json_decref(map);
            return TRIB_FAIL(TRIB_E_CORRUPT,
                             "kafka: what is at offset %" PRId64
                             " of the topic of progress is not the bridge's: who writes there?",
                             message->offset);
        }
        progress.positions[i] = (uint64_t)position;
    }
    json_decref(map);
    *ret_progress = progress;
    return TRIB_SUCCESS;
}

/* The newest record of ours from `offset` on, up to the end. */
static trib_status read_from(rd_kafka_t *consumer, const char *topic, const char *id,
                             int64_t offset, const cloud_kafka_words *words,
                             cloud_bridge_progress *ret_progress) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = offset;
    trib_status status =
        cloud_kafka_code_status(rd_kafka_assign(consumer, list), "reading the progress", words);
    rd_kafka_topic_partition_list_destroy(list);
    uint64_t end = trib_monotonic_ms(trib_posix_clock()) + READ_MS;
    while (trib_ok(status)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, POLL_MS);
        if (message == NULL || message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            bool over = message != NULL && message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
            if (message != NULL) {
                rd_kafka_message_destroy(message);
            }
            if (over) {
                return TRIB_SUCCESS;
            }
            if (trib_monotonic_ms(trib_posix_clock()) > end) {
                return TRIB_FAIL(TRIB_E_RETRY, "kafka: %s cannot be read to its end", topic);
            }
            continue;
        }
        if (message->key_len == strlen(id) && memcmp(message->key, id, message->key_len) == 0) {
            status = parse_progress(message, ret_progress);
        }
        rd_kafka_message_destroy(message);
    }
    return status;
}

trib_status cloud_progress_read(const cloud_bridge_settings *settings, const char *id,
                                cloud_bridge_progress *ret_progress) {
    char group[CLOUD_TOPIC_SIZE + 64], topic[CLOUD_TOPIC_SIZE];
    const cloud_kafka_pair defaults[] = {{"client.id", "tributary-cloud"}, {NULL, NULL}};
    const cloud_kafka_pair musts[] = {{"group.id", group},
                                      {"isolation.level", "read_committed"},
                                      {"enable.auto.commit", "false"},
                                      {"enable.partition.eof", "true"},
                                      {"auto.offset.reset", "earliest"},
                                      {"allow.auto.create.topics", "false"},
                                      {NULL, NULL}};
    cloud_bridge_progress progress = {.known = false};
    cloud_kafka_words words = {.denied = false};
    rd_kafka_t *consumer = NULL;
    cloud_kafka_progress_topic(settings, topic);
    (void)snprintf(group, sizeof group, "%s-%s", topic, id);
    TRIB_TRY(
        cloud_kafka_client(RD_KAFKA_CONSUMER, settings, defaults, musts, &words, NULL, &consumer));
    /* The newest one is near the end; the topic is compacted only now and then. */
    trib_status status =
        read_from(consumer, topic, id, RD_KAFKA_OFFSET_TAIL(TAIL), &words, &progress);
    if (trib_ok(status) && !progress.known) {
        status = read_from(consumer, topic, id, RD_KAFKA_OFFSET_BEGINNING, &words, &progress);
    }
    (void)rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    TRIB_TRY(status);
    *ret_progress = progress;
    return TRIB_SUCCESS;
}
