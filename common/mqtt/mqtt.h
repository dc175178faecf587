/* MQTT v5 through Paho's asynchronous client: the one adapter that gateway and cloud share.
 *
 * Paho's threads only push events into the owner's queue; the owner pops them and calls
 * trib_mqtt_handle, then this adapter's other functions, all from its one thread. Sending keeps a
 * small window in flight (Paho scans its list of what is pending); what does not fit waits here,
 * and past the ceiling is refused, so that the owner's resend decides.
 *
 * Every connection starts clean: nothing is remembered by the broker between two of them. After a
 * connection is lost, or could not be made, it is tried again with doubling, jittered delays.
 *
 * threads  the owner's alone, but for the events
 */
#ifndef TRIB_MQTT_MQTT_H
#define TRIB_MQTT_MQTT_H

#include "common/base/random.h"
#include "common/base/span.h"
#include "common/port/clock.h"
#include "common/port/posix/queue.h"

typedef struct trib_mqtt_options {
    const char *uri;       /* ssl://host:port, or tcp://host:port for tests */
    const char *client_id; /* the certificate's common name */
    const char *ca_file;
    const char *certificate_file;
    const char *key_file;
    const char *will_topic; /* NULL: no last will */
    const char *will_text;  /* retained, QoS 1 */
    uint32_t keep_alive_s;
    uint32_t window;  /* publications in flight */
    uint32_t waiting; /* publications that may wait for the window */
    const trib_clock *clock;
    uint64_t seed; /* of the jitter */
} trib_mqtt_options;

typedef enum trib_mqtt_event_kind {
    TRIB_MQTT_CONNECTED,
    TRIB_MQTT_DISCONNECTED,
    TRIB_MQTT_MESSAGE,
    TRIB_MQTT_SENT,     /* acknowledged by the broker: not delivery */
    TRIB_MQTT_NOT_SENT, /* refused by the broker, or the connection was lost first */
    TRIB_MQTT_SUBSCRIBED,
    TRIB_MQTT_REFUSED_SUBSCRIPTION
} trib_mqtt_event_kind;

typedef struct trib_mqtt_event {
    trib_mqtt_event_kind kind;
    int reason;       /* MQTT v5 reason code, or a negative code of Paho's */
    uint64_t epoch;   /* of the connection it belongs to; stale ones are ignored */
    char topic[256];  /* message */
    uint8_t *payload; /* message; owned */
    size_t size;
    bool retained;
} trib_mqtt_event;
void trib_mqtt_event_destroy(trib_mqtt_event *event);

typedef struct trib_mqtt trib_mqtt;

typedef struct trib_mqtt_counts {
    uint64_t connected, lost, sent, not_sent, denied, refused, received;
} trib_mqtt_counts;

/* Pushes a trib_mqtt_event, wrapped by the owner if it wants, through `push`, which takes ownership
 * and is called from Paho's threads: it must only push into a queue. It returns false when it
 * dropped. */
typedef struct trib_mqtt_sink {
    bool (*push)(void *context, trib_mqtt_event *event);
    void *context;
} trib_mqtt_sink;

/* Copies the options; the clock outlives it. Nothing is connected yet. */
TRIB_MUST_CHECK trib_status trib_mqtt_create(const trib_mqtt_options *options,
                                             const trib_mqtt_sink *sink, trib_mqtt **ret_mqtt);
/* Disconnects (the last will is sent unless `graceful`) and frees. */
void trib_mqtt_destroy(trib_mqtt *mqtt, bool graceful);

/* Connects, or reconnects when that is due. Call at the times that trib_mqtt_wait_ms says. */
void trib_mqtt_run(trib_mqtt *mqtt);
uint64_t trib_mqtt_wait_ms(const trib_mqtt *mqtt);

/* To be called with every event before the owner looks at it. False: stale, ignore it. */
TRIB_MUST_CHECK bool trib_mqtt_handle(trib_mqtt *mqtt, const trib_mqtt_event *event);

bool trib_mqtt_connected(const trib_mqtt *mqtt);
/* The last error in words, "" if none; of the adapter, until its next call. */
const char *trib_mqtt_problem(const trib_mqtt *mqtt);

/* QoS 1. TRIB_E_RETRY when not connected or when too much waits already. The payload is copied.
 * A retained empty payload clears a topic. */
TRIB_MUST_CHECK trib_status trib_mqtt_publish(trib_mqtt *mqtt, const char *topic,
                                              trib_bytes payload, bool retain);
TRIB_MUST_CHECK trib_status trib_mqtt_subscribe(trib_mqtt *mqtt, const char *filter);
TRIB_MUST_CHECK trib_status trib_mqtt_unsubscribe(trib_mqtt *mqtt, const char *filter);

/* Publications not yet acknowledged, in flight or waiting. */
size_t trib_mqtt_backlog(const trib_mqtt *mqtt);
/* A mark set now is reached once all that was published before it has been answered by the broker:
 * for a manifest that must not come before its chunks. A lost connection reaches every mark. */
uint64_t trib_mqtt_mark(const trib_mqtt *mqtt);
bool trib_mqtt_reached(const trib_mqtt *mqtt, uint64_t mark);
trib_mqtt_counts trib_mqtt_counted(const trib_mqtt *mqtt);

#endif
