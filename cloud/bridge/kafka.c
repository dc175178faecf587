#include "cloud/bridge/kafka.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cloud/bridge/cloudevents.h"
#include "cloud/bridge/kafka_client.h"

enum { MAX_KNOWN = 80 /* federations */, POLL_EVERY = 64 /* events */ };

/* What the call-backs write: within calls of ours, so on our thread. `words` comes first. */
typedef struct reports {
    cloud_kafka_words words;
    uint64_t refused;
    bool topic_gone;
} reports;

typedef struct known_topic {
    char federation[64];
    bool there[CLOUD_TOPICS];
} known_topic;

/* Where the last event went: the next one mostly goes there, too. */
typedef struct last_topic {
    char federation[64];
    cloud_bridge_topic topic;
    char name[CLOUD_TOPIC_SIZE];
} last_topic;

struct cloud_kafka {
    const cloud_bridge_settings *settings;
    char id[64];
    cloud_cloudevents cloudevents;
    rd_kafka_t *producer;
    reports reports;
    known_topic known[MAX_KNOWN];
    size_t known_count, last_known;
    last_topic last;
    unsigned unpolled; /* events since librdkafka was last given a turn */
    trib_buffer scratch;
};

typedef struct topic_search {
    const char *name;
    bool *there;
} topic_search;

static void look_for(void *context, const char *topic) {
    topic_search *search = context;
    *search->there = *search->there || strcmp(topic, search->name) == 0;
}

static void note_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
    (void)client;
    reports *all = opaque;
    if (message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        all->refused = (uint64_t)(uintptr_t)message->_private;
    } else if (message->err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
               message->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        all->topic_gone = true;
    }
}

trib_status cloud_kafka_create(const cloud_bridge_settings *settings, const char *id,
                               cloud_kafka **ret_kafka) {
    char transactional[160];
    const cloud_kafka_pair defaults[] = {{"linger.ms", "5"},
                                         {"client.id", "tributary-cloud"},
                                         {"transaction.timeout.ms", "60000"},
                                         {"message.timeout.ms", "60000"},
                                         {NULL, NULL}};
    const cloud_kafka_pair musts[] = {{"transactional.id", transactional},
                                      {"enable.idempotence", "true"},
                                      {"acks", "all"},
                                      {"partitioner", "murmur2_random"},
                                      {"delivery.report.only.error", "true"},
                                      {NULL, NULL}};
    cloud_kafka *kafka = trib_allocate(1, sizeof *kafka);
    if (kafka == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a producer");
    }
    kafka->settings = settings;
    kafka->scratch.ceiling = 2 * CLOUD_EVENT_MOST_BYTES;
    (void)snprintf(kafka->id, sizeof kafka->id, "%s", id);
    cloud_cloudevents_init(&kafka->cloudevents, id);
    (void)snprintf(transactional, sizeof transactional, "%s-%s", settings->prefix, id);
    trib_status status = cloud_kafka_client(RD_KAFKA_PRODUCER, settings, defaults, musts,
                                            &kafka->reports.words, note_delivery, &kafka->producer);
    if (!trib_ok(status)) {
        cloud_kafka_destroy(kafka);
        return status;
    }
    *ret_kafka = kafka;
    return TRIB_SUCCESS;
}

/* What is not committed will be sent again. */
void cloud_kafka_destroy(cloud_kafka *kafka) {
    if (kafka != NULL) {
        if (kafka->producer != NULL) {
            (void)rd_kafka_purge(kafka->producer,
                                 RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
            rd_kafka_destroy(kafka->producer);
        }
        trib_buffer_deinit(&kafka->scratch);
        trib_free(kafka);
    }
}

trib_status cloud_kafka_connect(cloud_kafka *kafka) {
    rd_kafka_error_t *error = rd_kafka_init_transactions(kafka->producer, CLOUD_KAFKA_CALL_MS);
    (void)rd_kafka_poll(kafka->producer, 0);
    return cloud_kafka_status(error, "starting", &kafka->reports.words);
}

/* ---- topics ---- */

static void note_topic(void *context, const char *name) {
    cloud_kafka *kafka = context;
    size_t prefix = strlen(kafka->settings->prefix);
    const char *federation = name + prefix + 1, *dot = strrchr(name, '.');
    if (strncmp(name, kafka->settings->prefix, prefix) != 0 || name[prefix] != '.' ||
        dot <= federation || (size_t)(dot - federation) >= sizeof kafka->known[0].federation) {
        return;
    }
    size_t length = (size_t)(dot - federation), at = 0, kind = 0;
    while (kind < CLOUD_TOPICS && strcmp(dot + 1, cloud_bridge_topic_names[kind]) != 0) {
        kind++;
    }
    while (at < kafka->known_count &&
           (strlen(kafka->known[at].federation) != length ||
            memcmp(kafka->known[at].federation, federation, length) != 0)) {
        at++;
    }
    if (kind == CLOUD_TOPICS || at == MAX_KNOWN) {
        return;
    }
    known_topic *known = &kafka->known[at];
    if (at == kafka->known_count) {
        *known = (known_topic){{0}, {false}};
        memcpy(known->federation, federation, length);
        kafka->known_count++;
    }
    known->there[kind] = true;
}

static bool is_known(cloud_kafka *kafka, const cloud_bridge_event *event) {
    for (size_t i = 0; i < kafka->known_count; i++) { /* the last one first */
        size_t at = (kafka->last_known + i) % kafka->known_count;
        if (strcmp(kafka->known[at].federation, event->federation) == 0) {
            kafka->last_known = at;
            return kafka->known[at].there[event->topic];
        }
    }
    return false;
}

/* A producer that writes to a topic that is not there may make Kafka make it, with defaults that
 * nobody chose. */
static trib_status need_topic(cloud_kafka *kafka, const cloud_bridge_event *event,
                              const char *topic) {
    if (kafka->reports.topic_gone) {
        kafka->known_count = 0;
        kafka->reports.topic_gone = false;
    }
    if (!is_known(kafka, event)) {
        kafka->known_count = 0;
        TRIB_TRY(cloud_kafka_list(kafka->producer, &kafka->reports.words, note_topic, kafka));
    }
    return is_known(kafka, event)
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_NOT_FOUND,
                           "kafka: there is no topic %s: tributary bridge setup makes it", topic);
}

/* ---- transactions ---- */

trib_status cloud_kafka_progress(cloud_kafka *kafka, cloud_bridge_progress *ret_progress) {
    char topic[CLOUD_TOPIC_SIZE];
    bool there = false;
    cloud_kafka_progress_topic(kafka->settings, topic);
    topic_search search = {topic, &there};
    TRIB_TRY(cloud_kafka_list(kafka->producer, &kafka->reports.words, look_for, &search));
    if (!there) {
        return TRIB_FAIL(TRIB_E_NOT_FOUND,
                         "kafka: there is no topic %s: tributary bridge setup makes it", topic);
    }
    return cloud_progress_read(kafka->settings, kafka->id, ret_progress);
}

trib_status cloud_kafka_begin(cloud_kafka *kafka) {
    kafka->reports.refused = 0;
    kafka->reports.words.denied = false;
    kafka->reports.words.text[0] = '\0';
    return cloud_kafka_status(rd_kafka_begin_transaction(kafka->producer), "beginning",
                              &kafka->reports.words);
}

static void name_topic(cloud_kafka *kafka, const cloud_bridge_event *event) {
    last_topic *last = &kafka->last;
    if (last->topic == event->topic && strcmp(last->federation, event->federation) == 0) {
        return;
    }
    last->topic = event->topic;
    (void)snprintf(last->federation, sizeof last->federation, "%s", event->federation);
    cloud_kafka_topic(kafka->settings, event->federation, event->topic, last->name);
}

/* Takes the headers. */
static trib_status produce(cloud_kafka *kafka, const char *topic, const char *key, trib_bytes value,
                           rd_kafka_headers_t *headers, uint64_t opaque) {
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__QUEUE_FULL;
    for (int tries = 0; code == RD_KAFKA_RESP_ERR__QUEUE_FULL && tries <= 10; tries++) {
        rd_kafka_vu_t what[] = {
            {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
            {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)key, strlen(key)}},
            {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)value.data, value.size}},
            {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
            {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)opaque},
            {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
        };
        rd_kafka_error_t *error = rd_kafka_produceva(
            kafka->producer, what, sizeof what / sizeof what[0] - (headers == NULL));
        code = error == NULL ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(error);
        rd_kafka_error_destroy(error);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR || ++kafka->unpolled >= POLL_EVERY) {
            (void)rd_kafka_poll(kafka->producer, code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 100 : 0);
            kafka->unpolled = 0;
        }
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        cloud_cloudevents_destroy(headers);
    }
    return code == RD_KAFKA_RESP_ERR__STATE
               ? TRIB_FAIL(TRIB_E_STATE, "kafka: the transaction has failed")
               : cloud_kafka_code_status(code, topic, &kafka->reports.words);
}

trib_status cloud_kafka_send(cloud_kafka *kafka, const cloud_bridge_event *event,
                             rd_kafka_headers_t *headers_take, uint64_t opaque) {
    name_topic(kafka, event);
    const char *topic = kafka->last.name;
    trib_bytes value = event->claim == NULL ? event->body : (trib_bytes){NULL, 0};
    trib_status status = need_topic(kafka, event, topic);
    if (trib_ok(status) && headers_take == NULL) {
        status = cloud_cloudevents_structured(&kafka->cloudevents, event, &kafka->scratch,
                                              &headers_take);
        value = trib_buffer_view(&kafka->scratch);
    }
    if (!trib_ok(status)) {
        cloud_cloudevents_destroy(headers_take);
        return status;
    }
    return produce(kafka, topic, event->key, value, headers_take, opaque);
}

trib_status cloud_kafka_send_progress(cloud_kafka *kafka, const cloud_bridge_progress *progress) {
    char topic[CLOUD_TOPIC_SIZE];
    cloud_kafka_progress_topic(kafka->settings, topic);
    trib_buffer_clear(&kafka->scratch);
    TRIB_TRY(cloud_progress_print(progress, &kafka->scratch));
    return produce(kafka, topic, kafka->id, trib_buffer_view(&kafka->scratch), NULL, 0);
}

trib_status cloud_kafka_commit(cloud_kafka *kafka) {
    rd_kafka_error_t *error = rd_kafka_commit_transaction(kafka->producer, CLOUD_KAFKA_CALL_MS);
    (void)rd_kafka_poll(kafka->producer, 0);
    return cloud_kafka_status(error, "committing", &kafka->reports.words);
}

trib_status cloud_kafka_abort(cloud_kafka *kafka) {
    rd_kafka_error_t *error = rd_kafka_abort_transaction(kafka->producer, CLOUD_KAFKA_CALL_MS);
    (void)rd_kafka_poll(kafka->producer, 0);
    return cloud_kafka_status(error, "aborting", &kafka->reports.words);
}

uint64_t cloud_kafka_refused(const cloud_kafka *kafka) {
    return kafka->reports.refused;
}
