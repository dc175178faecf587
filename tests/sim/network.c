#include "tests/sim/network.h"

#include <stdlib.h>
#include <string.h>

#include "common/mqtt/mqtt.h"
#include "tests/sim/oracle.h"

enum {
    LATENCY_US = 2000,
    SPREAD_US = 8000,
    CONNECT_TIMEOUT_MS = 10000,
    KEEP_ALIVE_MS = 30000,
    FIRST_DELAY_MS = 500,
    LONGEST_DELAY_MS = 30000
};

typedef enum link_state { LINK_DOWN, LINK_TRYING, LINK_UP } link_state;

struct trib_mqtt {
    sim_actor *actor;
    char client_id[64], will_topic[256], will_text[32];
    trib_mqtt_options options; /* its strings are not used */
    trib_mqtt_sink sink;
    uint64_t serial; /* of this link, of all there ever were */
    uint64_t epoch;
    link_state state;
    uint64_t next_try_ms, delay_ms;
    size_t in_flight;
    uint64_t taken, answered;
    trib_mqtt_counts counts;
    trib_random jitter;
    const char *problem;
};

static uint64_t serials;
static uint64_t partitioned_us[SIM_MAX_ACTORS];

/* ---- messages ------------------------------------------------------------------------------ */

sim_message *sim_message_make(const char *topic, trib_bytes payload) {
    sim_message *message = malloc(sizeof *message + payload.size);
    TRIB_ASSERT(message != NULL && strlen(topic) < sizeof message->topic);
    *message = (sim_message){.owners = 1, .size = payload.size};
    memcpy(message->topic, topic, strlen(topic) + 1);
    if (payload.size > 0) {
        memcpy(message->bytes, payload.data, payload.size);
    }
    return message;
}

sim_message *sim_message_share(sim_message *message) {
    message->owners++;
    return message;
}

void sim_message_drop(void *item) {
    sim_message *message = item;
    if (message != NULL && --message->owners == 0) {
        free(message);
    }
}

/* ---- what is on its way -------------------------------------------------------------------- */

typedef enum passage_kind {
    TO_BROKER_PUBLISH,
    TO_BROKER_SUBSCRIBE,
    TO_BROKER_UNSUBSCRIBE,
    TO_BROKER_CONNECT,
    TO_LINK
} passage_kind;

typedef struct passage {
    passage_kind kind;
    uint64_t serial, epoch; /* of the connection */
    sim_actor *actor;
    sim_message *message; /* owned; or a filter as its topic */
    bool retain;
    trib_mqtt_event_kind event;
    int reason;
} passage;

static void drop_passage(void *item) {
    passage *gone = item;
    sim_message_drop(gone->message);
    free(gone);
}

static struct trib_mqtt *link_of(const passage *at) {
    struct trib_mqtt *link = at->actor->link;
    return link != NULL && link->serial == at->serial && link->epoch == at->epoch ? link : NULL;
}

static void arrive_at_link(const passage *at) {
    struct trib_mqtt *link = link_of(at);
    if (link == NULL || sim_actor_dead(at->actor)) {
        return;
    }
    trib_mqtt_event *event = trib_allocate(1, sizeof *event);
    if (event == NULL) {
        return;
    }
    event->kind = at->event;
    event->reason = at->reason;
    event->epoch = at->epoch;
    if (at->event == TRIB_MQTT_MESSAGE) {
        memcpy(event->topic, at->message->topic, sizeof event->topic);
        event->retained = at->retain;
        event->size = at->message->size;
        event->payload = trib_allocate(event->size, 1);
        if (event->payload == NULL) {
            trib_mqtt_event_destroy(event);
            return;
        }
        if (event->size > 0) {
            memcpy(event->payload, at->message->bytes, event->size);
        }
    }
    if (!link->sink.push(link->sink.context, event)) {
        trib_mqtt_event_destroy(event);
    }
    at->actor->waiting++;
    sim_actor_wake(at->actor, sim.now_us);
}

static bool unreachable(const sim_actor *actor) {
    return !sim_broker_up() || partitioned_us[actor - sim.actors] > sim.now_us;
}

static uint64_t latency(void) {
    return LATENCY_US + trib_random_below(&sim.random, SPREAD_US);
}

static void send(const passage *what, uint64_t at_us);

static void answer(const passage *to, trib_mqtt_event_kind event, int reason, uint64_t at_us) {
    const passage back = {.kind = TO_LINK,
                          .serial = to->serial,
                          .epoch = to->epoch,
                          .actor = to->actor,
                          .event = event,
                          .reason = reason};
    send(&back, at_us);
}

/* In the order of what was sent before, down this connection. */
static uint64_t in_order(uint64_t *last_us, uint64_t at_us) {
    at_us = at_us > *last_us ? at_us : *last_us;
    *last_us = at_us;
    return at_us;
}

static void arrive_at_broker(passage *at) {
    if (at->kind == TO_BROKER_CONNECT) {
        struct trib_mqtt *link = link_of(at);
        if (link == NULL) {
            return;
        }
        if (unreachable(at->actor)) {
            answer(at, TRIB_MQTT_DISCONNECTED, -1, sim.now_us + CONNECT_TIMEOUT_MS * 1000);
            return;
        }
        sim_client *client = sim_broker_connect(at->actor, at->serial, at->epoch, link->client_id,
                                                link->will_topic, link->will_text);
        client->down_us = sim.now_us + latency();
        answer(at, TRIB_MQTT_CONNECTED, 0, client->down_us);
        return;
    }
    sim_client *client = sim_broker_find(at->serial, at->epoch);
    if (client == NULL || client->silent || unreachable(at->actor)) {
        return;
    }
    if (at->kind == TO_BROKER_SUBSCRIBE) {
        sim_broker_subscribe(client, at->message->topic);
        answer(at, TRIB_MQTT_SUBSCRIBED, 1, in_order(&client->down_us, sim.now_us + latency()));
    } else if (at->kind == TO_BROKER_UNSUBSCRIBE) {
        sim_broker_unsubscribe(client, at->message->topic);
    } else {
        int reason = sim_broker_publish(client, at->message, at->retain);
        client = sim_broker_find(at->serial, at->epoch);
        if (client != NULL) {
            answer(at, reason < 0x80 ? TRIB_MQTT_SENT : TRIB_MQTT_NOT_SENT, reason,
                   in_order(&client->down_us, sim.now_us + latency()));
        }
    }
}

static void arrive(void *item) {
    passage *at = item;
    if (at->kind == TO_LINK) {
        arrive_at_link(at);
    } else {
        arrive_at_broker(at);
    }
    drop_passage(at);
}

static void send(const passage *what, uint64_t at_us) {
    passage *copy = malloc(sizeof *copy);
    TRIB_ASSERT(copy != NULL);
    *copy = *what;
    sim_at(at_us, arrive, drop_passage, copy);
}

static void deliver_once(sim_client *client, sim_message *message, bool retained) {
    uint64_t at_us = sim.now_us + latency();
    if (sim_draw(SIM_DELAY)) {
        at_us += 1000ull * sim_pick(SIM_DELAY, 5000);
    }
    if (sim_draw(SIM_REORDERING)) {
        at_us += 1000ull * sim_pick(SIM_REORDERING, 2000);
    } else {
        at_us = in_order(&client->down_us, at_us);
    }
    const passage down = {.kind = TO_LINK,
                          .serial = client->serial,
                          .epoch = client->epoch,
                          .actor = client->actor,
                          .message = sim_message_share(message),
                          .retain = retained,
                          .event = TRIB_MQTT_MESSAGE};
    send(&down, at_us);
}

void sim_network_deliver(sim_client *client, sim_message *message, bool retained) {
    if (client->silent || unreachable(client->actor) || sim_draw(SIM_LOSS)) {
        return;
    }
    sim_message *instead = sim_hostile_touch(client->actor, message);
    if (instead == NULL) {
        return;
    }
    deliver_once(client, instead, retained);
    if (sim_draw(SIM_DUPLICATION)) {
        deliver_once(client, instead, retained);
    }
    sim_message_drop(instead);
}

void sim_network_tell_lost(const sim_client *client, uint64_t at_us, int reason) {
    const passage from = {.serial = client->serial, .epoch = client->epoch, .actor = client->actor};
    answer(&from, TRIB_MQTT_DISCONNECTED, reason, at_us);
}

void sim_network_cut(const sim_actor *actor, bool silent) {
    struct trib_mqtt *link = actor->link;
    sim_client *client = link != NULL ? sim_broker_find(link->serial, link->epoch) : NULL;
    if (client == NULL) {
        return;
    }
    uint64_t at_us = sim.now_us + (silent ? KEEP_ALIVE_MS * 1000ull : 0);
    sim_network_tell_lost(client, at_us, -1);
    if (silent) {
        client->silent = true; /* the broker does not know yet, either */
    } else {
        sim_broker_leave(client, true);
    }
}

void sim_network_partition(const sim_actor *actor, uint64_t until_us) {
    partitioned_us[actor - sim.actors] = until_us;
    sim_network_cut(actor, true);
}

void sim_network_begin(void) {
    serials = 0;
    memset(partitioned_us, 0, sizeof partitioned_us);
    sim_broker_begin();
    sim_hostile_begin();
}

void sim_network_end(void) {
    sim_hostile_end();
    sim_broker_end();
}

/* ---- common/mqtt/mqtt.h -------------------------------------------------------------------- */

void trib_mqtt_event_destroy(trib_mqtt_event *event) {
    if (event != NULL) {
        trib_free(event->payload);
        trib_free(event);
    }
}

trib_status trib_mqtt_create(const trib_mqtt_options *options, const trib_mqtt_sink *sink,
                             trib_mqtt **ret_mqtt) {
    struct trib_mqtt *link = trib_allocate(1, sizeof *link);
    if (link == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for an MQTT client");
    }
    link->actor = sim.current;
    link->options = *options;
    link->sink = *sink;
    link->serial = ++serials;
    link->problem = "";
    (void)snprintf(link->client_id, sizeof link->client_id, "%s", options->client_id);
    if (options->will_topic != NULL) {
        (void)snprintf(link->will_topic, sizeof link->will_topic, "%s", options->will_topic);
        (void)snprintf(link->will_text, sizeof link->will_text, "%s", options->will_text);
    }
    trib_random_init(&link->jitter, options->seed, options->client_id, 0, TRIB_PURPOSE_JITTER);
    link->actor->link = link;
    *ret_mqtt = link;
    return TRIB_SUCCESS;
}

void sim_network_lost(struct trib_mqtt *link) {
    sim_client *client = link != NULL ? sim_broker_find(link->serial, link->epoch) : NULL;
    if (client != NULL) {
        sim_broker_leave(client, true);
    }
}

void trib_mqtt_destroy(trib_mqtt *link, bool graceful) {
    if (link == NULL) {
        return;
    }
    sim_client *client = sim_broker_find(link->serial, link->epoch);
    if (client != NULL) {
        sim_broker_leave(client, !graceful || sim_actor_dead(link->actor));
    }
    if (link->actor->link == link) {
        link->actor->link = NULL;
    }
    trib_free(link);
}

static void drop_connection(struct trib_mqtt *link) {
    link->counts.not_sent += link->in_flight;
    link->in_flight = 0;
    link->answered = link->taken;
    link->state = LINK_DOWN;
}

void trib_mqtt_run(trib_mqtt *link) {
    if (sim_actor_dead(link->actor) || link->state != LINK_DOWN ||
        trib_monotonic_ms(link->options.clock) < link->next_try_ms) {
        return;
    }
    link->delay_ms = link->delay_ms == 0 ? FIRST_DELAY_MS : link->delay_ms;
    link->epoch++;
    link->state = LINK_TRYING;
    const passage up = {.kind = TO_BROKER_CONNECT,
                        .serial = link->serial,
                        .epoch = link->epoch,
                        .actor = link->actor};
    send(&up, sim.now_us + latency());
}

uint64_t trib_mqtt_wait_ms(const trib_mqtt *link) {
    if (link->state != LINK_DOWN) {
        return UINT64_MAX;
    }
    uint64_t now = trib_monotonic_ms(link->options.clock);
    return link->next_try_ms > now ? link->next_try_ms - now : 0;
}

bool trib_mqtt_handle(trib_mqtt *link, const trib_mqtt_event *event) {
    if (event->epoch != link->epoch || link->state == LINK_DOWN) {
        return false;
    }
    switch (event->kind) {
    case TRIB_MQTT_CONNECTED:
        link->state = LINK_UP;
        link->delay_ms = FIRST_DELAY_MS;
        link->counts.connected++;
        break;
    case TRIB_MQTT_DISCONNECTED: {
        link->problem = link->state == LINK_UP ? "lost the connection" : "cannot connect";
        link->counts.lost += link->state == LINK_UP;
        sim_client *client = sim_broker_find(link->serial, link->epoch);
        if (client != NULL) {
            sim_broker_leave(client, true);
        }
        drop_connection(link);
        link->next_try_ms = trib_monotonic_ms(link->options.clock) + link->delay_ms +
                            trib_random_below(&link->jitter, (uint32_t)(link->delay_ms / 2 + 1));
        link->delay_ms =
            2 * link->delay_ms < LONGEST_DELAY_MS ? 2 * link->delay_ms : LONGEST_DELAY_MS;
        break;
    }
    case TRIB_MQTT_MESSAGE:
        link->counts.received++;
        break;
    case TRIB_MQTT_SENT:
    case TRIB_MQTT_NOT_SENT:
        link->in_flight -= link->in_flight > 0;
        link->answered++;
        link->counts.sent += event->kind == TRIB_MQTT_SENT;
        link->counts.not_sent += event->kind == TRIB_MQTT_NOT_SENT;
        link->counts.denied += event->reason == 0x87;
        link->problem = event->kind == TRIB_MQTT_NOT_SENT ? "a publication was refused" : "";
        break;
    case TRIB_MQTT_REFUSED_SUBSCRIPTION:
    case TRIB_MQTT_SUBSCRIBED:
        break;
    }
    return true;
}

bool trib_mqtt_connected(const trib_mqtt *link) {
    return link->state == LINK_UP;
}

const char *trib_mqtt_problem(const trib_mqtt *link) {
    return link->problem;
}

static trib_status send_up(struct trib_mqtt *link, passage_kind kind, sim_message *message_take,
                           bool retain) {
    sim_client *client = sim_broker_find(link->serial, link->epoch);
    if (client == NULL || sim_actor_dead(link->actor)) {
        sim_message_drop(message_take); /* it is lost on its way; nobody answers */
        return TRIB_SUCCESS;
    }
    const passage up = {.kind = kind,
                        .serial = link->serial,
                        .epoch = link->epoch,
                        .actor = link->actor,
                        .message = message_take,
                        .retain = retain};
    send(&up, in_order(&client->up_us, sim.now_us + latency()));
    return TRIB_SUCCESS;
}

trib_status trib_mqtt_publish(trib_mqtt *link, const char *topic, trib_bytes payload, bool retain) {
    if (link->state != LINK_UP) {
        return TRIB_FAIL(TRIB_E_RETRY, "not connected");
    }
    if (link->in_flight >= link->options.window + link->options.waiting) {
        link->counts.refused++;
        return TRIB_FAIL(TRIB_E_RETRY, "%zu publications wait already", link->in_flight);
    }
    link->in_flight++;
    link->taken++;
    SIM_MUST(SIM_CHECK_LIMITS, payload.size <= 1 << 20, "%s publishes %zu bytes to %s",
             link->actor->place, payload.size, topic);
    if (!sim_actor_dead(link->actor)) {
        sim_oracle_sent(link->actor, payload);
    }
    return send_up(link, TO_BROKER_PUBLISH, sim_message_make(topic, payload), retain);
}

trib_status trib_mqtt_subscribe(trib_mqtt *link, const char *filter) {
    if (link->state != LINK_UP) {
        return TRIB_FAIL(TRIB_E_RETRY, "cannot subscribe to %s now", filter);
    }
    return send_up(link, TO_BROKER_SUBSCRIBE, sim_message_make(filter, trib_bytes_of("", 0)),
                   false);
}

trib_status trib_mqtt_unsubscribe(trib_mqtt *link, const char *filter) {
    if (link->state != LINK_UP) {
        return TRIB_FAIL(TRIB_E_RETRY, "cannot unsubscribe from %s now", filter);
    }
    return send_up(link, TO_BROKER_UNSUBSCRIBE, sim_message_make(filter, trib_bytes_of("", 0)),
                   false);
}

size_t trib_mqtt_backlog(const trib_mqtt *link) {
    return link->in_flight;
}

uint64_t trib_mqtt_mark(const trib_mqtt *link) {
    return link->taken;
}

bool trib_mqtt_reached(const trib_mqtt *link, uint64_t mark) {
    return link->answered >= mark;
}

trib_mqtt_counts trib_mqtt_counted(const trib_mqtt *link) {
    return link->counts;
}
