#include "common/mqtt/mqtt.h"

#include <MQTTAsync.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/heap.h"

enum {
    CONNECTIONS = 64, /* contexts kept apart, since a late call-back may still look at one */
    FIRST_DELAY_MS = 500,
    LONGEST_DELAY_MS = 30000,
    CONNECT_TIMEOUT_S = 10,
    MAX_PAYLOAD = 1 << 20,
    MAX_DESCRIPTORS = 1024, /* looked at for our socket */
    TEXT_SIZE = 512
};

typedef struct waiting_publication {
    char topic[256];
    uint8_t *payload;
    size_t size;
    bool retain;
} waiting_publication;

/* What a call-back of Paho's may read: fixed once the connection is begun, but for what it says. */
typedef struct connection {
    trib_mqtt_sink sink;
    uint64_t epoch;
    atomic_bool unheard; /* an event, other than a message, could not be made or pushed */
} connection;

typedef enum link_state { LINK_DOWN, LINK_TRYING, LINK_UP } link_state;

struct trib_mqtt {
    char uri[TEXT_SIZE], client_id[64], ca_file[TEXT_SIZE], certificate_file[TEXT_SIZE],
        key_file[TEXT_SIZE], will_topic[256], will_text[TEXT_SIZE];
    bool has_will;
    trib_mqtt_options options; /* its strings are not used: see above */
    trib_mqtt_sink sink;
    MQTTAsync client;
    connection connections[CONNECTIONS];
    uint64_t epoch;
    link_state state;
    uint64_t next_try_ms;
    uint64_t delay_ms;
    trib_random jitter;
    size_t in_flight;
    uint64_t taken, answered;     /* publications, ever; a broker answers in their order */
    waiting_publication *waiting; /* a ring */
    size_t first, count;
    char problem[TEXT_SIZE + 200];
    trib_mqtt_counts counts;
};

void trib_mqtt_event_destroy(trib_mqtt_event *event) {
    if (event != NULL) {
        trib_free(event->payload);
        trib_free(event);
    }
}

/* ---- Paho's threads: make an event, push it, nothing else
 * ---------------------------------------- */

static bool push_event(const connection *from, trib_mqtt_event *event) {
    event->epoch = from->epoch;
    if (!from->sink.push(from->sink.context, event)) {
        trib_mqtt_event_destroy(event);
        return false;
    }
    return true;
}

static void push_plain(connection *from, trib_mqtt_event_kind kind, int reason) {
    trib_mqtt_event *event = trib_allocate(1, sizeof *event);
    bool pushed = false;
    if (event != NULL) {
        event->kind = kind;
        event->reason = reason;
        pushed = push_event(from, event);
    }
    if (!pushed) {
        atomic_store(&from->unheard, true);
    }
}

static void on_connected(void *context, MQTTAsync_successData5 *data) {
    push_plain(context, TRIB_MQTT_CONNECTED, (int)data->reasonCode);
}

static void on_not_connected(void *context, MQTTAsync_failureData5 *data) {
    push_plain(context, TRIB_MQTT_DISCONNECTED,
               data == NULL           ? -1
               : data->reasonCode > 0 ? (int)data->reasonCode
                                      : data->code);
}

static void on_lost(void *context, char *cause) {
    (void)cause;
    push_plain(context, TRIB_MQTT_DISCONNECTED, -1);
}

static void on_disconnected(void *context, MQTTProperties *properties,
                            enum MQTTReasonCodes reason) {
    (void)properties;
    push_plain(context, TRIB_MQTT_DISCONNECTED, (int)reason);
}

static void on_sent(void *context, MQTTAsync_successData5 *data) {
    push_plain(context, data->reasonCode >= 0x80 ? TRIB_MQTT_NOT_SENT : TRIB_MQTT_SENT,
               (int)data->reasonCode);
}

static void on_not_sent(void *context, MQTTAsync_failureData5 *data) {
    push_plain(context, TRIB_MQTT_NOT_SENT,
               data == NULL           ? -1
               : data->reasonCode > 0 ? (int)data->reasonCode
                                      : data->code);
}

static void on_subscribed(void *context, MQTTAsync_successData5 *data) {
    push_plain(context,
               data->reasonCode >= 0x80 ? TRIB_MQTT_REFUSED_SUBSCRIPTION : TRIB_MQTT_SUBSCRIBED,
               (int)data->reasonCode);
}

static void on_not_subscribed(void *context, MQTTAsync_failureData5 *data) {
    push_plain(context, TRIB_MQTT_REFUSED_SUBSCRIPTION,
               data == NULL           ? -1
               : data->reasonCode > 0 ? (int)data->reasonCode
                                      : data->code);
}

/* Always says "taken": a message that finds the queue full is dropped, and its sender sends again.
 */
static int on_message(void *context, char *topic, int topic_length, MQTTAsync_message *message) {
    const connection *from = context;
    size_t length = topic_length > 0 ? (size_t)topic_length : strlen(topic);
    size_t size = message->payloadlen > 0 ? (size_t)message->payloadlen : 0;
    trib_mqtt_event *event = trib_allocate(1, sizeof *event);
    if (event != NULL && length < sizeof event->topic && size <= MAX_PAYLOAD &&
        (event->payload = trib_allocate(size, 1)) != NULL) {
        event->kind = TRIB_MQTT_MESSAGE;
        event->size = size;
        event->retained = message->retained != 0;
        memcpy(event->topic, topic, length);
        if (size > 0) {
            memcpy(event->payload, message->payload, size);
        }
        (void)push_event(from, event);
    } else {
        trib_mqtt_event_destroy(event);
    }
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

/* ---- the owner's thread
 * -------------------------------------------------------------------------- */

static bool copy_text(char *to, size_t size, const char *from) {
    size_t length = from == NULL ? 0 : strlen(from);
    if (length >= size) {
        return false;
    }
    memcpy(to, from == NULL ? "" : from, length + 1);
    return true;
}

static void init_paho(void) {
    MQTTAsync_init_options options = MQTTAsync_init_options_initializer;
    options.do_openssl_init = 1;
    MQTTAsync_global_init(&options);
    /* Else each call is written into a buffer for traces that nobody reads. */
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
}

trib_status trib_mqtt_create(const trib_mqtt_options *options, const trib_mqtt_sink *sink,
                             trib_mqtt **ret_mqtt) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, init_paho);
    trib_mqtt *mqtt = trib_allocate(1, sizeof *mqtt);
    waiting_publication *waiting = trib_allocate(options->waiting, sizeof *waiting);
    if (mqtt == NULL || waiting == NULL) {
        trib_free(mqtt);
        trib_free(waiting);
        return TRIB_FAIL(TRIB_E_IO, "no memory for an MQTT client");
    }
    mqtt->options = *options;
    mqtt->sink = *sink;
    mqtt->waiting = waiting;
    mqtt->has_will = options->will_topic != NULL;
    trib_random_init(&mqtt->jitter, options->seed, options->client_id, 0, TRIB_PURPOSE_JITTER);
    if (!copy_text(mqtt->uri, TEXT_SIZE, options->uri) ||
        !copy_text(mqtt->client_id, sizeof mqtt->client_id, options->client_id) ||
        !copy_text(mqtt->ca_file, TEXT_SIZE, options->ca_file) ||
        !copy_text(mqtt->certificate_file, TEXT_SIZE, options->certificate_file) ||
        !copy_text(mqtt->key_file, TEXT_SIZE, options->key_file) ||
        !copy_text(mqtt->will_topic, sizeof mqtt->will_topic, options->will_topic) ||
        !copy_text(mqtt->will_text, TEXT_SIZE, options->will_text)) {
        trib_mqtt_destroy(mqtt, true);
        return TRIB_FAIL(TRIB_E_LIMIT, "an MQTT option is longer than %d bytes", TEXT_SIZE - 1);
    }
    *ret_mqtt = mqtt;
    return TRIB_SUCCESS;
}

static void drop_waiting(trib_mqtt *mqtt) {
    for (; mqtt->count > 0; mqtt->count--) {
        trib_free(mqtt->waiting[mqtt->first].payload);
        mqtt->first = (mqtt->first + 1) % mqtt->options.waiting;
        mqtt->counts.not_sent++;
    }
    mqtt->counts.not_sent += mqtt->in_flight;
    mqtt->in_flight = 0;
    mqtt->answered = mqtt->taken;
}

static void drop_client(trib_mqtt *mqtt) {
    if (mqtt->client != NULL) {
        MQTTAsync_destroy(&mqtt->client);
        mqtt->client = NULL;
    }
    drop_waiting(mqtt);
    mqtt->state = LINK_DOWN;
}

void trib_mqtt_destroy(trib_mqtt *mqtt, bool graceful) {
    if (mqtt == NULL) {
        return;
    }
    if (mqtt->client != NULL && graceful && mqtt->state == LINK_UP) {
        MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
        options.timeout = 1000;
        (void)MQTTAsync_disconnect(mqtt->client, &options);
        for (int i = 0; i < 100 && MQTTAsync_isConnected(mqtt->client); i++) {
            struct timespec pause = {0, 10000000};
            (void)nanosleep(&pause, NULL);
        }
    }
    drop_client(mqtt);
    trib_free(mqtt->waiting);
    trib_free(mqtt);
}

static void say(trib_mqtt *mqtt, const char *what, int reason) {
    const char *name = reason < 0 ? MQTTAsync_strerror(reason)
                                  : MQTTReasonCode_toString((enum MQTTReasonCodes)reason);
    (void)snprintf(mqtt->problem, sizeof mqtt->problem, "%s %s: %s (%d)", what, mqtt->uri,
                   name != NULL ? name : "no reason given", reason);
}

/* Doubling delays, each a random half longer: a fleet does not come back all at once. */
static void schedule(trib_mqtt *mqtt) {
    uint64_t delay = mqtt->delay_ms;
    uint64_t jitter = trib_random_below(&mqtt->jitter, (uint32_t)(delay / 2 + 1));
    mqtt->next_try_ms = trib_monotonic_ms(mqtt->options.clock) + delay + jitter;
    mqtt->delay_ms = 2 * delay < LONGEST_DELAY_MS ? 2 * delay : LONGEST_DELAY_MS;
}

static int start_connection(trib_mqtt *mqtt, connection *here) {
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
    create.sendWhileDisconnected = 0;
    int rc = MQTTAsync_createWithOptions(&mqtt->client, mqtt->uri, mqtt->client_id,
                                         MQTTCLIENT_PERSISTENCE_NONE, NULL, &create);
    if (rc == MQTTASYNC_SUCCESS) {
        rc = MQTTAsync_setCallbacks(mqtt->client, here, on_lost, on_message, NULL);
    }
    if (rc == MQTTASYNC_SUCCESS) {
        rc = MQTTAsync_setDisconnected(mqtt->client, here, on_disconnected);
    }
    if (rc != MQTTASYNC_SUCCESS) {
        return rc;
    }
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    options.keepAliveInterval = (int)mqtt->options.keep_alive_s;
    options.cleanstart = 1;
    options.connectTimeout = CONNECT_TIMEOUT_S;
    options.maxInflight = 65535;
    options.onSuccess5 = on_connected;
    options.onFailure5 = on_not_connected;
    options.context = here;
    if (strncmp(mqtt->uri, "ssl://", 6) == 0) {
        tls.trustStore = mqtt->ca_file;
        tls.keyStore = mqtt->certificate_file;
        tls.privateKey = mqtt->key_file;
        tls.enableServerCertAuth = 1;
        tls.verify = 1;                            /* the host name too */
        tls.sslVersion = MQTT_SSL_VERSION_TLS_1_2; /* Paho's way to say: 1.2 */
        options.ssl = &tls;
    }
    if (mqtt->has_will) {
        will.topicName = mqtt->will_topic;
        will.message = mqtt->will_text;
        will.retained = 1;
        will.qos = 1;
        options.will = &will;
    }
    return MQTTAsync_connect(mqtt->client, &options);
}

/* Whoever has not heard that it is connected, or that a publication was answered, waits for it for
 * ever: such a connection is given up, as if it were lost. */
static void give_up_unheard(trib_mqtt *mqtt) {
    connection *here = &mqtt->connections[mqtt->epoch % CONNECTIONS];
    if (mqtt->state != LINK_DOWN && atomic_exchange(&here->unheard, false)) {
        push_plain(here, TRIB_MQTT_DISCONNECTED, -1); /* or again with the next run */
    }
}

void trib_mqtt_run(trib_mqtt *mqtt) {
    give_up_unheard(mqtt);
    if (mqtt->state != LINK_DOWN || trib_monotonic_ms(mqtt->options.clock) < mqtt->next_try_ms) {
        return;
    }
    if (mqtt->delay_ms == 0) {
        mqtt->delay_ms = FIRST_DELAY_MS;
    }
    drop_client(mqtt);
    mqtt->epoch++;
    connection *here = &mqtt->connections[mqtt->epoch % CONNECTIONS];
    here->sink = mqtt->sink;
    here->epoch = mqtt->epoch;
    atomic_store(&here->unheard, false);
    mqtt->state = LINK_TRYING;
    int rc = start_connection(mqtt, here);
    if (rc != MQTTASYNC_SUCCESS) {
        say(mqtt, "cannot connect to", rc);
        drop_client(mqtt);
        schedule(mqtt);
    }
}

uint64_t trib_mqtt_wait_ms(const trib_mqtt *mqtt) {
    if (mqtt->state != LINK_DOWN) {
        return UINT64_MAX;
    }
    uint64_t now = trib_monotonic_ms(mqtt->options.clock);
    return mqtt->next_try_ms > now ? mqtt->next_try_ms - now : 0;
}

bool trib_mqtt_connected(const trib_mqtt *mqtt) {
    return mqtt->state == LINK_UP;
}

const char *trib_mqtt_problem(const trib_mqtt *mqtt) {
    return mqtt->problem;
}

size_t trib_mqtt_backlog(const trib_mqtt *mqtt) {
    return mqtt->in_flight + mqtt->count;
}

trib_mqtt_counts trib_mqtt_counted(const trib_mqtt *mqtt) {
    return mqtt->counts;
}

static bool send_now(trib_mqtt *mqtt, const waiting_publication *publication) {
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    MQTTAsync_message message = MQTTAsync_message_initializer;
    response.onSuccess5 = on_sent;
    response.onFailure5 = on_not_sent;
    response.context = &mqtt->connections[mqtt->epoch % CONNECTIONS];
    message.payload = publication->payload;
    message.payloadlen = (int)publication->size;
    message.qos = 1;
    message.retained = publication->retain;
    int rc = MQTTAsync_sendMessage(mqtt->client, publication->topic, &message, &response);
    if (rc != MQTTASYNC_SUCCESS) {
        say(mqtt, "cannot publish to", rc);
        mqtt->counts.not_sent++;
        mqtt->answered++;
        return false;
    }
    mqtt->in_flight++;
    return true;
}

static void pump(trib_mqtt *mqtt) {
    while (mqtt->state == LINK_UP && mqtt->count > 0 && mqtt->in_flight < mqtt->options.window) {
        waiting_publication *next = &mqtt->waiting[mqtt->first];
        (void)send_now(mqtt, next); /* counted; the owner's resend decides */
        trib_free(next->payload);
        mqtt->first = (mqtt->first + 1) % mqtt->options.waiting;
        mqtt->count--;
    }
}

/* Nagle's algorithm holds a small packet back until the one before is acknowledged, and the other
 * side delays that by 40 ms: an exchange of four messages took 200 ms. Paho has no option for it
 * and does not show its socket, so every connection of this process to the broker's port is told.
 */
static void send_at_once(const trib_mqtt *mqtt) {
    const char *colon = strrchr(mqtt->uri, ':');
    unsigned long port = colon != NULL ? strtoul(colon + 1, NULL, 10) : 0;
    for (int descriptor = 3; descriptor < MAX_DESCRIPTORS; descriptor++) {
        union {
            struct sockaddr any;
            struct sockaddr_in v4;
            struct sockaddr_in6 v6;
        } peer;
        socklen_t size = sizeof peer;
        const int on = 1;
        if (getpeername(descriptor, &peer.any, &size) == 0 &&
            ((peer.any.sa_family == AF_INET && ntohs(peer.v4.sin_port) == port) ||
             (peer.any.sa_family == AF_INET6 && ntohs(peer.v6.sin6_port) == port))) {
            (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        }
    }
}

bool trib_mqtt_handle(trib_mqtt *mqtt, const trib_mqtt_event *event) {
    if (event->epoch != mqtt->epoch || mqtt->state == LINK_DOWN) {
        return false;
    }
    switch (event->kind) {
    case TRIB_MQTT_CONNECTED:
        mqtt->state = LINK_UP;
        send_at_once(mqtt);
        mqtt->delay_ms = FIRST_DELAY_MS;
        mqtt->problem[0] = '\0';
        mqtt->counts.connected++;
        break;
    case TRIB_MQTT_DISCONNECTED:
        say(mqtt, mqtt->state == LINK_UP ? "lost the connection to" : "cannot connect to",
            event->reason);
        mqtt->counts.lost += mqtt->state == LINK_UP;
        drop_client(mqtt);
        schedule(mqtt);
        break;
    case TRIB_MQTT_MESSAGE:
        mqtt->counts.received++;
        break;
    case TRIB_MQTT_SENT:
    case TRIB_MQTT_NOT_SENT:
        mqtt->in_flight -= mqtt->in_flight > 0;
        mqtt->answered++;
        mqtt->counts.sent += event->kind == TRIB_MQTT_SENT;
        mqtt->counts.not_sent += event->kind == TRIB_MQTT_NOT_SENT;
        mqtt->counts.denied += event->reason == MQTTREASONCODE_NOT_AUTHORIZED;
        if (event->kind == TRIB_MQTT_NOT_SENT) {
            say(mqtt, "a publication was refused by", event->reason);
        }
        pump(mqtt);
        break;
    case TRIB_MQTT_REFUSED_SUBSCRIPTION:
        mqtt->counts.denied++;
        say(mqtt, "a subscription was refused by", event->reason);
        break;
    case TRIB_MQTT_SUBSCRIBED:
        break;
    }
    return true;
}

trib_status trib_mqtt_publish(trib_mqtt *mqtt, const char *topic, trib_bytes payload, bool retain) {
    if (mqtt->state != LINK_UP) {
        return TRIB_FAIL(TRIB_E_RETRY, "not connected to %s", mqtt->uri);
    }
    waiting_publication publication = {.size = payload.size, .retain = retain};
    if (!copy_text(publication.topic, sizeof publication.topic, topic) ||
        payload.size > MAX_PAYLOAD) {
        return TRIB_FAIL(TRIB_E_LIMIT, "%zu bytes for %s are too many", payload.size, topic);
    }
    if (mqtt->count == mqtt->options.waiting) {
        mqtt->counts.refused++;
        return TRIB_FAIL(TRIB_E_RETRY, "%zu publications wait for %s already", mqtt->count,
                         mqtt->uri);
    }
    publication.payload = trib_allocate(payload.size, 1);
    if (publication.payload == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %zu bytes", payload.size);
    }
    if (payload.size > 0) {
        memcpy(publication.payload, payload.data, payload.size);
    }
    mqtt->waiting[(mqtt->first + mqtt->count) % mqtt->options.waiting] = publication;
    mqtt->count++;
    mqtt->taken++;
    pump(mqtt);
    return TRIB_SUCCESS;
}

uint64_t trib_mqtt_mark(const trib_mqtt *mqtt) {
    return mqtt->taken;
}

bool trib_mqtt_reached(const trib_mqtt *mqtt, uint64_t mark) {
    return mqtt->answered >= mark;
}

trib_status trib_mqtt_subscribe(trib_mqtt *mqtt, const char *filter) {
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    response.onSuccess5 = on_subscribed;
    response.onFailure5 = on_not_subscribed;
    response.context = &mqtt->connections[mqtt->epoch % CONNECTIONS];
    if (mqtt->state != LINK_UP ||
        MQTTAsync_subscribe(mqtt->client, filter, 1, &response) != MQTTASYNC_SUCCESS) {
        return TRIB_FAIL(TRIB_E_RETRY, "cannot subscribe to %s now", filter);
    }
    return TRIB_SUCCESS;
}

trib_status trib_mqtt_unsubscribe(trib_mqtt *mqtt, const char *filter) {
    if (mqtt->state != LINK_UP ||
        MQTTAsync_unsubscribe(mqtt->client, filter, NULL) != MQTTASYNC_SUCCESS) {
        return TRIB_FAIL(TRIB_E_RETRY, "cannot unsubscribe from %s now", filter);
    }
    return TRIB_SUCCESS;
}
