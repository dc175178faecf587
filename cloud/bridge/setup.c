/* The topics that the bridge writes to, made on purpose. */
#include <stdio.h>
#include <string.h>

#include "cloud/bridge/kafka_client.h"

enum { ADMIN_MS = 30000 };

typedef struct admin {
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    rd_kafka_AdminOptions_t *options;
    const cloud_bridge_settings *settings;
    cloud_kafka_words words;
    void (*each)(void *context, const char *topic, bool made);
    void *context;
} admin;

static trib_status take_result(admin *to, const char *topic, rd_kafka_event_t *event) {
    size_t count = 0;
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return cloud_kafka_code_status(rd_kafka_event_error(event), topic, &to->words);
    }
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    rd_kafka_resp_err_t code =
        count == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    if (code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        const char *why = count == 1 ? rd_kafka_topic_result_error_string(results[0]) : NULL;
        if (why != NULL) {
            (void)snprintf(to->words.text, sizeof to->words.text, "%s", why);
        }
        TRIB_TRY(cloud_kafka_code_status(code, topic, &to->words));
    }
    to->each(to->context, topic, code == RD_KAFKA_RESP_ERR_NO_ERROR);
    return TRIB_SUCCESS;
}

static trib_status make_topic(admin *to, const char *topic, bool compacted) {
    char why[256];
    rd_kafka_NewTopic_t *wanted =
        rd_kafka_NewTopic_new(topic, compacted ? 1 : (int)to->settings->partitions,
                              (int)to->settings->replication, why, sizeof why);
    if (wanted == NULL) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "kafka: %s: %s", topic, why);
    }
    if (compacted) { /* often, since each transaction adds a record */
        (void)rd_kafka_NewTopic_set_config(wanted, "cleanup.policy", "compact");
        (void)rd_kafka_NewTopic_set_config(wanted, "segment.ms", "600000");
        (void)rd_kafka_NewTopic_set_config(wanted, "min.cleanable.dirty.ratio", "0.1");
    }
    rd_kafka_CreateTopics(to->client, &wanted, 1, to->options, to->queue);
    rd_kafka_event_t *event = NULL;
    for (int waited_s = 0; event == NULL && waited_s <= ADMIN_MS / 1000; waited_s++) {
        event = rd_kafka_queue_poll(to->queue, 1000);
        (void)rd_kafka_poll(to->client, 0); /* for words */
    }
    trib_status status = event != NULL ? take_result(to, topic, event)
                                       : TRIB_FAIL(TRIB_E_RETRY, "kafka: %s: no answer in %d s",
                                                   topic, ADMIN_MS / 1000);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_NewTopic_destroy(wanted);
    return status;
}

static trib_status make_all(admin *to, const char *const *federations, size_t count) {
    char topic[CLOUD_TOPIC_SIZE];
    cloud_kafka_progress_topic(to->settings, topic);
    TRIB_TRY(make_topic(to, topic, true));
    cloud_kafka_topic(to->settings, "all", CLOUD_TOPIC_AUDIT, topic);
    TRIB_TRY(make_topic(to, topic, false));
    for (size_t i = 0; i < count; i++) {
        for (int kind = 0; kind < CLOUD_TOPICS; kind++) {
            cloud_kafka_topic(to->settings, federations[i], (cloud_bridge_topic)kind, topic);
            TRIB_TRY(make_topic(to, topic, false));
        }
    }
    return TRIB_SUCCESS;
}

trib_status cloud_kafka_setup(const cloud_bridge_settings *settings, const char *const *federations,
                              size_t count,
                              void (*each)(void *context, const char *topic, bool made),
                              void *context) {
    const cloud_kafka_pair none[] = {{NULL, NULL}};
    char why[256];
    admin to = {.settings = settings, .each = each, .context = context};
    TRIB_TRY(
        cloud_kafka_client(RD_KAFKA_PRODUCER, settings, none, none, &to.words, NULL, &to.client));
    to.queue = rd_kafka_queue_new(to.client);
    to.options = rd_kafka_AdminOptions_new(to.client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    (void)rd_kafka_AdminOptions_set_request_timeout(to.options, ADMIN_MS / 2, why, sizeof why);
    trib_status status = make_all(&to, federations, count);
    rd_kafka_AdminOptions_destroy(to.options);
    rd_kafka_queue_destroy(to.queue);
    rd_kafka_destroy(to.client);
    return status;
}
