#include "edge/source/kafka_client.h"

#include <dlfcn.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/base/heap.h"

/* ---- the library ---- */

/* What is called of it. It is loaded by a program that reads a topic, and costs others nothing: see
 * docs/adr/0010-librdkafka-when-used.md. */
#define FUNCTIONS(X)                                                                               \
    X(version_str)                                                                                 \
    X(err2str)                                                                                     \
    X(last_error)                                                                                  \
    X(fatal_error)                                                                                 \
    X(opaque)                                                                                      \
    X(conf_new)                                                                                    \
    X(conf_destroy)                                                                                \
    X(conf_set)                                                                                    \
    X(conf_set_opaque)                                                                             \
    X(conf_set_error_cb)                                                                           \
    X(conf_set_log_cb)                                                                             \
    X(new)                                                                                         \
    X(set_log_queue)                                                                               \
    X(poll_set_consumer)                                                                           \
    X(destroy_flags)                                                                               \
    X(topic_new)                                                                                   \
    X(topic_destroy)                                                                               \
    X(metadata)                                                                                    \
    X(metadata_destroy)                                                                            \
    X(topic_partition_list_new)                                                                    \
    X(topic_partition_list_add)                                                                    \
    X(topic_partition_list_destroy)                                                                \
    X(assign)                                                                                      \
    X(query_watermark_offsets)                                                                     \
    X(consumer_poll)                                                                               \
    X(message_errstr)                                                                              \
    X(message_destroy)                                                                             \
    X(commit)

#define DECLARE(name) __typeof__ (&rd_kafka_##name)(name);
typedef struct library {
    void *handle;
    FUNCTIONS(DECLARE)
} library;

static library loaded; /* written once, by load */
static char load_failure[256];
static pthread_once_t load_once = PTHREAD_ONCE_INIT;

static bool find(const char *name, void *function_pointer) {
    void *found = dlsym(loaded.handle, name);
    memcpy(function_pointer, &found, sizeof found);
    if (found == NULL) {
        (void)snprintf(load_failure, sizeof load_failure, "librdkafka.so.1 has no %s: too old",
                       name);
    }
    return found != NULL;
}

static void load(void) {
    loaded.handle = dlopen("librdkafka.so.1", RTLD_NOW | RTLD_LOCAL);
    if (loaded.handle == NULL) {
        const char *why = dlerror();
        (void)snprintf(load_failure, sizeof load_failure, "%s", why != NULL ? why : "not loaded");
        return;
    }
#define FIND(name) &&find("rd_kafka_" #name, &loaded.name)
    if (!(true FUNCTIONS(FIND))) {
        loaded.handle = NULL; /* it stays in memory, unused */
    }
}

static trib_status need_library(const library **ret_library) {
    (void)pthread_once(&load_once, load);
    if (loaded.handle == NULL) {
        return TRIB_FAIL(TRIB_E_NOT_FOUND,
                         "source.kind: kafka needs librdkafka: apt-get install librdkafka1 (%s)",
                         load_failure);
    }
    *ret_library = &loaded;
    return TRIB_SUCCESS;
}

/* ---- what went wrong ---- */

struct edge_kafka_client {
    const library *lib;
    const edge_kafka_config *config;
    edge_kafka_sink sink;
    rd_kafka_t *handle;
    rd_kafka_topic_t *topic;
};

typedef struct reason {
    const char *key; /* of the agent's file */
    bool again;      /* another client may read another secret */
} reason;

static reason reason_of(rd_kafka_resp_err_t error) {
    int code = (int)error; /* a hundred others mean nothing special here */
    switch (code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
        return (reason){"source.settings.sasl.*", true};
    case RD_KAFKA_RESP_ERR__SSL:
        return (reason){"source.settings.ssl.*", true};
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
        return (reason){"source.brokers", false};
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return (reason){"source.topic", false};
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        return (reason){"source.group", false};
    case RD_KAFKA_RESP_ERR__FATAL:
        return (reason){"source", true};
    default:
        return (reason){"source", false};
    }
}

static void tell_problem(const edge_kafka_client *client, rd_kafka_resp_err_t error,
                         const char *text) {
    char said[EDGE_EVENT_TEXT_SIZE];
    reason why = reason_of(error);
    bool topic = strcmp(why.key, "source.topic") == 0;
    (void)snprintf(said, sizeof said, "%s%s%s: %s", why.key, topic ? ": " : "",
                   topic ? client->config->topic : "", text);
    client->sink.problem(client->sink.context, why.again, said);
}

static void take_error(rd_kafka_t *handle, int error, const char *text, void *opaque) {
    (void)handle;
    tell_problem(opaque, (rd_kafka_resp_err_t)error, text);
}

/* During edge_kafka_next, since the log has no queue of its own. */
static void take_log(const rd_kafka_t *handle, int level, const char *facility, const char *text) {
    char said[EDGE_EVENT_TEXT_SIZE];
    const edge_kafka_client *client = loaded.opaque(handle);
    (void)snprintf(said, sizeof said, "librdkafka: %d %s: %s", level, facility, text);
    client->sink.log(client->sink.context, said);
}

/* ---- settings ---- */

typedef struct settings {
    const library *lib;
    rd_kafka_conf_t *conf; /* NULL once a client has taken it */
} settings;

static void settings_deinit(settings *at) {
    if (at->conf != NULL) {
        at->lib->conf_destroy(at->conf);
    }
}

static trib_status set(const settings *at, const char *name, const char *value) {
    char why[256];
    if (at->lib->conf_set(at->conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "source.settings.%s: %s", name, why);
    }
    return TRIB_SUCCESS;
}

/* The library's complaint would say the value. */
static trib_status set_secret(const settings *at, const char *name, const char *value) {
    char why[256];
    rd_kafka_conf_res_t result = at->lib->conf_set(at->conf, name, value, why, sizeof why);
    memset(why, 0, sizeof why);
    if (result != RD_KAFKA_CONF_OK) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "source.settings.%s: %s", name,
                         result == RD_KAFKA_CONF_UNKNOWN ? "librdkafka has no such setting"
                                                         : "librdkafka does not take its value");
    }
    return TRIB_SUCCESS;
}

static trib_status set_from_file(const settings *at, const edge_kafka_config *config) {
    edge_kafka_setting setting;
    for (size_t cursor = 0; edge_kafka_next_setting(config, &cursor, &setting);) {
        if (setting.origin == EDGE_KAFKA_PLAIN) {
            TRIB_TRY(set(at, setting.name, setting.value));
            continue;
        }
        TRIB_SCOPED(edge_kafka_wipe_value)
        trib_buffer value = {.ceiling = EDGE_KAFKA_SECRET_MOST_BYTES};
        TRIB_TRY(edge_kafka_read_value(&setting, &value));
        TRIB_TRY(set_secret(at, setting.name, (const char *)value.data));
    }
    return TRIB_SUCCESS;
}

/* First what a gateway's memory and patience ask for, which a person may say otherwise. */
static trib_status set_all(const settings *at, const edge_kafka_config *config) {
    static const char *const ours[][2] = {
        {"client.id", "tributary-edge"},        {"queued.min.messages", "1000"},
        {"queued.max.messages.kbytes", "4096"}, {"fetch.message.max.bytes", "262144"},
        {"fetch.max.bytes", "1048576"},         {"reconnect.backoff.max.ms", "5000"},
        {"socket.keepalive.enable", "true"},
    };
    static const char *const always[][2] = {
        {"enable.auto.commit", "false"},       {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},        {"isolation.level", "read_committed"},
        {"allow.auto.create.topics", "false"}, {"log.queue", "true"},
    };
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        TRIB_TRY(set(at, ours[i][0], ours[i][1]));
    }
    TRIB_TRY(set_from_file(at, config));
    for (size_t i = 0; i < sizeof always / sizeof *always; i++) {
        TRIB_TRY(set(at, always[i][0], always[i][1]));
    }
    TRIB_TRY(set(at, "bootstrap.servers", config->brokers));
    /* without a group no partition is read, though none is asked */
    return set(at, "group.id", config->group[0] != '\0' ? config->group : "tributary");
}

/* ---- a client ---- */

trib_status edge_kafka_open(const edge_kafka_config *config, edge_kafka_sink sink,
                            edge_kafka_client **ret_client) {
    const library *lib;
    char why[256];
    TRIB_TRY(need_library(&lib));
    TRIB_SCOPED(settings_deinit) settings at = {lib, lib->conf_new()};
    TRIB_TRY(set_all(&at, config));
    edge_kafka_client *client = trib_allocate(1, sizeof *client);
    if (client == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a Kafka client");
    }
    *client = (edge_kafka_client){.lib = lib, .config = config, .sink = sink};
    lib->conf_set_opaque(at.conf, client);
    lib->conf_set_error_cb(at.conf, take_error);
    lib->conf_set_log_cb(at.conf, take_log);
    client->handle = lib->new (RD_KAFKA_CONSUMER, at.conf, why, sizeof why);
    if (client->handle == NULL) {
        trib_free(client);
        return TRIB_FAIL(TRIB_E_ARGUMENT, "source.settings: %s", why);
    }
    at.conf = NULL;
    (void)lib->set_log_queue(client->handle, NULL); /* with all else that is polled, ... */
    (void)lib->poll_set_consumer(client->handle);   /* ... by edge_kafka_next */
    client->topic = lib->topic_new(client->handle, config->topic, NULL);
    if (client->topic == NULL) {
        trib_status status = TRIB_FAIL(TRIB_E_ARGUMENT, "source.topic: %s: %s", config->topic,
                                       lib->err2str(lib->last_error()));
        edge_kafka_close(client);
        return status;
    }
    *ret_client = client;
    return TRIB_SUCCESS;
}

void edge_kafka_close(edge_kafka_client *client) {
    if (client != NULL) {
        (void)client->lib->assign(client->handle, NULL);
        if (client->topic != NULL) {
            client->lib->topic_destroy(client->topic);
        }
        client->lib->destroy_flags(client->handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        trib_free(client);
    }
}

trib_status edge_kafka_count(edge_kafka_client *client, int32_t *ret_count) {
    const struct rd_kafka_metadata *seen;
    rd_kafka_resp_err_t error =
        client->lib->metadata(client->handle, 0, client->topic, &seen, EDGE_KAFKA_ASK_MS);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return TRIB_FAIL(TRIB_E_RETRY, "source.brokers: %s: %s", client->config->brokers,
                         client->lib->err2str(error));
    }
    error = seen->topic_cnt == 1 ? seen->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    int32_t count = error == RD_KAFKA_RESP_ERR_NO_ERROR ? seen->topics[0].partition_cnt : 0;
    client->lib->metadata_destroy(seen);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR || count == 0) {
        return TRIB_FAIL(TRIB_E_NOT_FOUND, "source.topic: %s: %s", client->config->topic,
                         client->lib->err2str(error));
    }
    *ret_count = count;
    return TRIB_SUCCESS;
}

static rd_kafka_topic_partition_list_t *list_of(const edge_kafka_client *client,
                                                const edge_kafka_position *at, size_t count) {
    rd_kafka_topic_partition_list_t *list = client->lib->topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        int64_t next = at[i].next == EDGE_KAFKA_FIRST ? RD_KAFKA_OFFSET_BEGINNING
                       : at[i].next == EDGE_KAFKA_NEW ? RD_KAFKA_OFFSET_END
                                                      : at[i].next;
        client->lib->topic_partition_list_add(list, client->config->topic, at[i].partition)
            ->offset = next;
    }
    return list;
}

trib_status edge_kafka_assign(edge_kafka_client *client, const edge_kafka_position *from,
                              size_t count) {
    rd_kafka_topic_partition_list_t *list = list_of(client, from, count);
    rd_kafka_resp_err_t error = client->lib->assign(client->handle, list);
    client->lib->topic_partition_list_destroy(list);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return TRIB_FAIL(TRIB_E_RETRY, "source.topic: %s: %s", client->config->topic,
                         client->lib->err2str(error));
    }
    return TRIB_SUCCESS;
}

trib_status edge_kafka_range(edge_kafka_client *client, int32_t partition, int64_t *ret_first,
                             int64_t *ret_end) {
    int64_t first, end;
    rd_kafka_resp_err_t error = client->lib->query_watermark_offsets(
        client->handle, client->config->topic, partition, &first, &end, EDGE_KAFKA_ASK_MS);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return TRIB_FAIL(TRIB_E_RETRY, "source.brokers: %s: %s", client->config->brokers,
                         client->lib->err2str(error));
    }
    *ret_first = first;
    *ret_end = end;
    return TRIB_SUCCESS;
}

/* True when the topic is not there. */
static bool take_failure(const edge_kafka_client *client, const rd_kafka_message_t *message) {
    tell_problem(client, message->err, client->lib->message_errstr(message));
    int code = (int)message->err;
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

edge_kafka_what edge_kafka_next(edge_kafka_client *client, int timeout_ms,
                                edge_kafka_record *ret_record) {
    rd_kafka_message_t *message = client->lib->consumer_poll(client->handle, timeout_ms);
    if (message == NULL) {
        return EDGE_KAFKA_NOTHING;
    }
    *ret_record = (edge_kafka_record){.partition = message->partition,
                                      .offset = message->offset,
                                      .value = trib_bytes_of(message->payload, message->len),
                                      .message = message};
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return EDGE_KAFKA_RECORD;
    }
    bool range = message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET;
    bool gone = !range && take_failure(client, message);
    edge_kafka_let_go(client, ret_record);
    return range ? EDGE_KAFKA_OUT_OF_RANGE : gone ? EDGE_KAFKA_NO_TOPIC : EDGE_KAFKA_NOTHING;
}

void edge_kafka_let_go(edge_kafka_client *client, edge_kafka_record *record) {
    client->lib->message_destroy(record->message);
    record->message = NULL;
    record->value = trib_bytes_of(NULL, 0);
}

void edge_kafka_tell(edge_kafka_client *client, const edge_kafka_position *at, size_t count) {
    rd_kafka_topic_partition_list_t *list = list_of(client, at, count);
    (void)client->lib->commit(client->handle, list, 1); /* async; best effort */
    client->lib->topic_partition_list_destroy(list);
}
