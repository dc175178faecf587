/* How many events there are, as a consumer of committed records finds them. An end of a partition
 * says more: it counts what was aborted, and the markers of transactions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/bridge/kafka_client.h"
#include "common/base/heap.h"
#include "common/port/posix/system.h"

enum { POLL_MS = 200, SILENT_MS = 15000, MOST_TOPICS = 640 };

typedef struct topic_count {
    char name[CLOUD_TOPIC_SIZE];
    uint64_t events;
} topic_count;

typedef struct counting {
    rd_kafka_t *consumer;
    cloud_kafka_words words;
    size_t count;
    topic_count topics[MOST_TOPICS]; /* in the order of names */
} counting;

static int by_name(const void *left, const void *right) {
    return strcmp(((const topic_count *)left)->name, ((const topic_count *)right)->name);
}

/* Keeps the topics under the prefix, and adds their partitions, from the beginning. */
static trib_status find_topics(counting *all, const char *prefix,
                               rd_kafka_topic_partition_list_t *ret_list) {
    const struct rd_kafka_metadata *metadata = NULL;
    size_t size = strlen(prefix);
    TRIB_TRY(
        cloud_kafka_code_status(rd_kafka_metadata(all->consumer, 1, NULL, &metadata, SILENT_MS),
                                "listing topics", &all->words));
    for (int i = 0; i < metadata->topic_cnt && all->count < MOST_TOPICS; i++) {
        const rd_kafka_metadata_topic_t *topic = &metadata->topics[i];
        if (topic->err != RD_KAFKA_RESP_ERR_NO_ERROR || strncmp(topic->topic, prefix, size) != 0 ||
            topic->topic[size] != '.' || strlen(topic->topic) >= CLOUD_TOPIC_SIZE) {
            continue;
        }
        (void)snprintf(all->topics[all->count++].name, CLOUD_TOPIC_SIZE, "%s", topic->topic);
        for (int part = 0; part < topic->partition_cnt; part++) {
            rd_kafka_topic_partition_list_add(ret_list, topic->topic, topic->partitions[part].id)
                ->offset = RD_KAFKA_OFFSET_BEGINNING;
        }
    }
    rd_kafka_metadata_destroy(metadata);
    qsort(all->topics, all->count, sizeof all->topics[0], by_name);
    return all->count < MOST_TOPICS
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_LIMIT, "kafka: %d topics of %s or more", MOST_TOPICS, prefix);
}

static void count_record(counting *all, const rd_kafka_message_t *message) {
    topic_count wanted = {.events = 0};
    (void)snprintf(wanted.name, sizeof wanted.name, "%s", rd_kafka_topic_name(message->rkt));
    topic_count *topic = bsearch(&wanted, all->topics, all->count, sizeof all->topics[0], by_name);
    if (topic != NULL) {
        topic->events++;
    }
}

static trib_status read_to_the_ends(counting *all, int partitions) {
    uint64_t heard_ms = trib_monotonic_ms(trib_posix_clock());
    for (int ended = 0; ended < partitions;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(all->consumer, POLL_MS);
        uint64_t now = trib_monotonic_ms(trib_posix_clock());
        bool record = message != NULL && message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
        bool end = message != NULL && message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (record) {
            count_record(all, message);
        }
        if (message != NULL) {
            rd_kafka_message_destroy(message);
        }
        ended += end;
        heard_ms = record || end ? now : heard_ms;
        if (now - heard_ms > SILENT_MS) {
            return TRIB_FAIL(TRIB_E_RETRY, "kafka: the topics cannot be read to their ends%s%s",
                             all->words.text[0] != '\0' ? ": " : "", all->words.text);
        }
    }
    return TRIB_SUCCESS;
}

static trib_status count_all(counting *all, const char *prefix) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(64);
    trib_status status = find_topics(all, prefix, list);
    if (trib_ok(status)) {
        status = cloud_kafka_code_status(rd_kafka_assign(all->consumer, list), "reading the topics",
                                         &all->words);
    }
    if (trib_ok(status)) {
        status = read_to_the_ends(all, list->cnt);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}

trib_status cloud_kafka_count(const cloud_bridge_settings *settings,
                              void (*each)(void *context, const char *topic, uint64_t events),
                              void *context) {
    char group[CLOUD_TOPIC_SIZE];
    const cloud_kafka_pair defaults[] = {
        {"client.id", "tributary"}, {"fetch.wait.max.ms", "50"}, {NULL, NULL}};
    const cloud_kafka_pair musts[] = {{"group.id", group},
                                      {"isolation.level", "read_committed"},
                                      {"enable.auto.commit", "false"},
                                      {"enable.partition.eof", "true"},
                                      {"allow.auto.create.topics", "false"},
                                      {NULL, NULL}};
    counting *all = trib_allocate(1, sizeof *all);
    if (all == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a list of topics");
    }
    (void)snprintf(group, sizeof group, "%s.bridge", settings->prefix);
    trib_status status = cloud_kafka_client(RD_KAFKA_CONSUMER, settings, defaults, musts,
                                            &all->words, NULL, &all->consumer);
    if (trib_ok(status)) {
        status = count_all(all, settings->prefix);
        (void)rd_kafka_consumer_close(all->consumer);
        rd_kafka_destroy(all->consumer);
    }
    for (size_t i = 0; trib_ok(status) && i < all->count; i++) {
        each(context, all->topics[i].name, all->topics[i].events);
    }
    trib_free(all);
    return status;
}
