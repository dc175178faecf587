/* The adapter: what it does without a connection, and over one to a broker of a few lines that this
 * test plays itself, packet by packet. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/base/heap.h"
#include "common/mqtt/mqtt.h"

enum { PATIENCE_MS = 20000, LARGEST = (1 << 20) + 100, WINDOW = 2, WAITING = 3 };
enum { CONNECT = 1, CONNACK, PUBLISH, PUBACK, SUBSCRIBE = 8, SUBACK, UNSUBSCRIBE, UNSUBACK };
enum { NOT_AUTHORIZED = 0x87 };

static uint64_t now_ms;

static uint64_t read_now(void *context) {
    (void)context;
    return now_ms;
}
static const trib_clock clock_of_test = {read_now, read_now, NULL};

static void drop_event(void *event) {
    trib_mqtt_event_destroy(event);
}

static atomic_bool refuses; /* the next event, for want of memory */

static bool push_event(void *queue, trib_mqtt_event *event) {
    if (atomic_exchange(&refuses, false)) {
        return false;
    }
    return trib_queue_push(queue, event);
}

typedef struct wire_end {
    trib_mqtt *mqtt;
    trib_queue *events;
    int listener;
    int peer; /* -1: nobody is connected */
    char uri[64];
    uint8_t packet[LARGEST]; /* the body of the last one that came */
    size_t size;
} wire_end;

static trib_mqtt_options options_of(const char *uri) {
    return (trib_mqtt_options){.uri = uri,
                               .client_id = "press-1",
                               .will_topic = "tributary/v1/plant/press-1/up/status",
                               .will_text = "offline",
                               .keep_alive_s = 60,
                               .window = WINDOW,
                               .waiting = WAITING,
                               .clock = &clock_of_test,
                               .seed = 7};
}

/* ---- the broker ---------------------------------------------------------------------------- */

static void start_listening(wire_end *to) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    union {
        struct sockaddr_in *in;
        struct sockaddr *any;
    } address = {.in = &here};
    to->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(to->listener >= 0);
    assert_int_equal(bind(to->listener, address.any, size), 0);
    assert_int_equal(listen(to->listener, 4), 0);
    assert_int_equal(getsockname(to->listener, address.any, &size), 0);
    (void)snprintf(to->uri, sizeof to->uri, "tcp://127.0.0.1:%u", ntohs(here.sin_port));
}

static void receive(const wire_end *from, uint8_t *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t got = recv(from->peer, bytes + done, size - done, 0);
        assert_true(got > 0);
        done += (size_t)got;
    }
}

/* Takes the next packet, which must be of that kind; its flags. */
static unsigned expect(wire_end *from, unsigned kind) {
    uint8_t head, next;
    unsigned shift = 0;
    receive(from, &head, 1);
    assert_int_equal(head >> 4, kind);
    from->size = 0;
    do {
        receive(from, &next, 1);
        from->size |= (size_t)(next & 0x7f) << shift;
        shift += 7;
    } while (next & 0x80);
    assert_true(from->size <= sizeof from->packet);
    receive(from, from->packet, from->size);
    return head & 0x0f;
}

static void answer(const wire_end *to, const void *bytes, size_t size) {
    const uint8_t *at = bytes;
    while (size > 0) {
        ssize_t sent = send(to->peer, at, size, MSG_NOSIGNAL);
        assert_true(sent > 0);
        at += sent;
        size -= (size_t)sent;
    }
}

static void accept_one(wire_end *from) {
    const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    from->peer = accept(from->listener, NULL, NULL);
    assert_true(from->peer >= 0);
    assert_int_equal(setsockopt(from->peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience),
                     0);
}

static unsigned number_at(const wire_end *from, size_t offset) {
    assert_true(offset + 2 <= from->size);
    return (unsigned)from->packet[offset] << 8 | from->packet[offset + 1];
}

static bool text_at(const wire_end *from, size_t offset, const char *text) {
    size_t length = strlen(text);
    return number_at(from, offset) == length && offset + 2 + length <= from->size &&
           memcmp(from->packet + offset + 2, text, length) == 0;
}

/* A PUBLISH that has just come: its payload must be the text; its packet number. */
static unsigned expect_publication(wire_end *from, const char *topic, const char *text,
                                   bool retain) {
    assert_int_equal(expect(from, PUBLISH), 2u | (retain ? 1u : 0u)); /* QoS 1 */
    assert_true(text_at(from, 0, topic));
    size_t at = 2 + strlen(topic);
    unsigned number = number_at(from, at);
    assert_int_equal(from->packet[at + 2], 0); /* no properties */
    assert_int_equal(from->size - at - 3, strlen(text));
    assert_memory_equal(from->packet + at + 3, text, strlen(text));
    return number;
}

static void acknowledge(const wire_end *to, unsigned kind, unsigned number, unsigned reason) {
    const uint8_t published[] = {(uint8_t)(kind << 4), 4, (uint8_t)(number >> 8), (uint8_t)number,
                                 (uint8_t)reason,      0};
    const uint8_t subscribed[] = {(uint8_t)(kind << 4), 4, (uint8_t)(number >> 8),
                                  (uint8_t)number,      0, (uint8_t)reason};
    answer(to, kind == PUBACK ? published : subscribed, 6);
}

/* ---- the owner ----------------------------------------------------------------------------- */

/* The next event that the adapter does not ignore as stale; the caller destroys it. */
static trib_mqtt_event *any_event(wire_end *to) {
    for (;;) {
        trib_mqtt_event *event = trib_queue_pop(to->events, PATIENCE_MS);
        assert_non_null(event);
        if (trib_mqtt_handle(to->mqtt, event)) {
            return event;
        }
        trib_mqtt_event_destroy(event);
    }
}

static trib_mqtt_event *next_event(wire_end *to, trib_mqtt_event_kind kind) {
    trib_mqtt_event *event = any_event(to);
    assert_int_equal(event->kind, kind);
    return event;
}

static void expect_event(wire_end *to, trib_mqtt_event_kind kind) {
    trib_mqtt_event_destroy(next_event(to, kind));
}

static void connect_to_broker(wire_end *to) {
    static const uint8_t connack[] = {CONNACK << 4, 3, 0, 0, 0};
    trib_mqtt_run(to->mqtt);
    accept_one(to);
    (void)expect(to, CONNECT);
    answer(to, connack, sizeof connack);
    expect_event(to, TRIB_MQTT_CONNECTED);
}

static void hang_up(wire_end *to) {
    (void)close(to->peer);
    to->peer = -1;
}

/* The library may first say of each publication in flight that it was not sent. */
static trib_mqtt_event *lose_connection(wire_end *to) {
    hang_up(to);
    for (;;) {
        trib_mqtt_event *event = any_event(to);
        if (event->kind == TRIB_MQTT_DISCONNECTED) {
            return event;
        }
        assert_int_equal(event->kind, TRIB_MQTT_NOT_SENT);
        trib_mqtt_event_destroy(event);
    }
}

static int set_up(void **state) {
    wire_end *to = trib_allocate(1, sizeof *to);
    assert_non_null(to);
    to->peer = -1;
    now_ms = 5000;
    start_listening(to);
    assert_true(trib_ok(trib_queue_create(64, drop_event, &to->events)));
    const trib_mqtt_options options = options_of(to->uri);
    const trib_mqtt_sink sink = {push_event, to->events};
    assert_true(trib_ok(trib_mqtt_create(&options, &sink, &to->mqtt)));
    *state = to;
    return 0;
}

static int tear_down(void **state) {
    wire_end *to = *state;
    trib_mqtt_destroy(to->mqtt, false);
    trib_queue_destroy(to->events);
    if (to->peer >= 0) {
        (void)close(to->peer);
    }
    (void)close(to->listener);
    trib_free(to);
    return 0;
}

static trib_status publish(wire_end *to, const char *text) {
    return trib_mqtt_publish(to->mqtt, "some/topic", trib_bytes_text(text), false);
}

/* ---- without a connection ------------------------------------------------------------------ */

static void options_that_do_not_fit_are_refused(void **state) {
    (void)state;
    char text[1024];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    const trib_mqtt_sink sink = {push_event, NULL};
    for (int i = 0; i < 4; i++) {
        trib_mqtt_options options = options_of("tcp://127.0.0.1:1");
        trib_mqtt *mqtt = NULL;
        *(i == 0   ? &options.uri
          : i == 1 ? &options.client_id
          : i == 2 ? &options.will_topic
                   : &options.key_file) = text;
        assert_int_equal(trib_mqtt_create(&options, &sink, &mqtt).code, TRIB_E_LIMIT);
        assert_null(mqtt);
    }
}

static void nothing_goes_out_without_a_connection(void **state) {
    wire_end *to = *state;
    assert_false(trib_mqtt_connected(to->mqtt));
    assert_int_equal(trib_mqtt_wait_ms(to->mqtt), 0);
    assert_int_equal(publish(to, "a").code, TRIB_E_RETRY);
    assert_int_equal(trib_mqtt_subscribe(to->mqtt, "a/b").code, TRIB_E_RETRY);
    assert_int_equal(trib_mqtt_unsubscribe(to->mqtt, "a/b").code, TRIB_E_RETRY);
    assert_int_equal(trib_mqtt_backlog(to->mqtt), 0);
    assert_true(trib_mqtt_reached(to->mqtt, trib_mqtt_mark(to->mqtt)));
    const trib_mqtt_event early = {.kind = TRIB_MQTT_CONNECTED, .epoch = 0};
    assert_false(trib_mqtt_handle(to->mqtt, &early));
    assert_false(trib_mqtt_connected(to->mqtt));
}

/* How long it waits after each of `count` failures to connect; an address of no known kind fails at
 * once, without a network. */
static void delays_of(const char *client_id, uint64_t seed, uint64_t *ret_delays, size_t count) {
    trib_mqtt *mqtt = NULL;
    trib_mqtt_options options = options_of("ftp://nowhere");
    const trib_mqtt_sink sink = {push_event, NULL};
    options.client_id = client_id;
    options.seed = seed;
    assert_true(trib_ok(trib_mqtt_create(&options, &sink, &mqtt)));
    for (size_t i = 0; i < count; i++) {
        trib_mqtt_run(mqtt);
        assert_false(trib_mqtt_connected(mqtt));
        assert_non_null(strstr(trib_mqtt_problem(mqtt), "nowhere"));
        ret_delays[i] = trib_mqtt_wait_ms(mqtt);
        now_ms += ret_delays[i] - 1;
        trib_mqtt_run(mqtt); /* too early: nothing is tried */
        assert_int_equal(trib_mqtt_wait_ms(mqtt), 1);
        now_ms++;
    }
    trib_mqtt_destroy(mqtt, true);
}

static void it_tries_again_with_doubling_delays_each_up_to_half_longer(void **state) {
    (void)state;
    uint64_t delays[12], same[12], other[12], least = 500;
    bool longer = false;
    delays_of("press-1", 7, delays, 12);
    for (size_t i = 0; i < 12; i++) {
        assert_true(delays[i] >= least && delays[i] <= least + least / 2);
        longer = longer || delays[i] > least;
        least = 2 * least < 30000 ? 2 * least : 30000;
    }
    assert_true(longer);
    delays_of("press-1", 7, same, 12);
    assert_memory_equal(delays, same, sizeof delays);
    delays_of("press-2", 7, other, 12); /* a fleet does not come back all at once */
    assert_memory_not_equal(delays, other, sizeof delays);
}

/* ---- with one ------------------------------------------------------------------------------ */

static void it_connects_with_a_clean_start_its_name_and_a_last_will(void **state) {
    wire_end *to = *state;
    static const uint8_t connack[] = {CONNACK << 4, 3, 0, 0, 0};
    trib_mqtt_run(to->mqtt);
    assert_true(trib_mqtt_wait_ms(to->mqtt) == UINT64_MAX);
    trib_mqtt_run(to->mqtt); /* one attempt at a time */
    accept_one(to);
    (void)expect(to, CONNECT);
    assert_true(text_at(to, 0, "MQTT"));
    assert_int_equal(to->packet[6], 5);    /* the version */
    assert_int_equal(to->packet[7], 0x2e); /* will: retained, QoS 1; clean start; no password */
    assert_int_equal(number_at(to, 8), 60);
    size_t at = 11 + to->packet[10]; /* properties */
    assert_true(text_at(to, at, "press-1"));
    at += 2 + strlen("press-1");
    at += 1 + to->packet[at]; /* the will's properties */
    assert_true(text_at(to, at, "tributary/v1/plant/press-1/up/status"));
    at += 2 + strlen("tributary/v1/plant/press-1/up/status");
    assert_true(text_at(to, at, "offline"));
    assert_int_equal(publish(to, "a").code, TRIB_E_RETRY); /* not before the answer */
    answer(to, connack, sizeof connack);
    expect_event(to, TRIB_MQTT_CONNECTED);
    assert_true(trib_mqtt_connected(to->mqtt));
    assert_int_equal(trib_mqtt_counted(to->mqtt).connected, 1);
    assert_string_equal(trib_mqtt_problem(to->mqtt), "");
}

static void a_broker_that_refuses_is_tried_again_later(void **state) {
    wire_end *to = *state;
    static const uint8_t refused[] = {CONNACK << 4, 3, 0, NOT_AUTHORIZED, 0};
    trib_mqtt_run(to->mqtt);
    accept_one(to);
    (void)expect(to, CONNECT);
    answer(to, refused, sizeof refused);
    expect_event(to, TRIB_MQTT_DISCONNECTED);
    assert_false(trib_mqtt_connected(to->mqtt));
    assert_non_null(strstr(trib_mqtt_problem(to->mqtt), "(135)"));
    assert_true(trib_mqtt_wait_ms(to->mqtt) >= 500);
    assert_int_equal(trib_mqtt_counted(to->mqtt).lost, 0);
    hang_up(to);
    now_ms += trib_mqtt_wait_ms(to->mqtt);
    connect_to_broker(to);
}

static void only_a_window_of_publications_is_in_flight_and_the_rest_waits(void **state) {
    wire_end *to = *state;
    unsigned numbers[2];
    connect_to_broker(to);
    static const char *const texts[] = {"one", "two", "three", "four", "five"};
    for (size_t i = 0; i < WINDOW + WAITING; i++) {
        assert_true(trib_ok(publish(to, texts[i])));
    }
    assert_int_equal(publish(to, "six").code, TRIB_E_RETRY); /* too much waits already */
    assert_int_equal(trib_mqtt_counted(to->mqtt).refused, 1);
    assert_int_equal(trib_mqtt_backlog(to->mqtt), WINDOW + WAITING);
    for (size_t i = 0; i < 2; i++) {
        numbers[i] = expect_publication(to, "some/topic", texts[i], false);
    }
    for (size_t i = 2; i < 5; i++) { /* each answer lets one more go */
        acknowledge(to, PUBACK, numbers[i % 2], 0);
        expect_event(to, TRIB_MQTT_SENT);
        assert_int_equal(trib_mqtt_backlog(to->mqtt), WINDOW + WAITING - (i - 1));
        numbers[i % 2] = expect_publication(to, "some/topic", texts[i], false);
    }
    assert_int_equal(trib_mqtt_counted(to->mqtt).sent, 3);
}

static void a_mark_is_reached_once_all_before_it_was_answered(void **state) {
    wire_end *to = *state;
    connect_to_broker(to);
    assert_true(trib_mqtt_reached(to->mqtt, trib_mqtt_mark(to->mqtt)));
    assert_true(trib_ok(publish(to, "one")) && trib_ok(publish(to, "two")));
    uint64_t mark = trib_mqtt_mark(to->mqtt);
    assert_true(trib_ok(publish(to, "later")));
    unsigned one = expect_publication(to, "some/topic", "one", false);
    unsigned two = expect_publication(to, "some/topic", "two", false);
    acknowledge(to, PUBACK, one, 0);
    expect_event(to, TRIB_MQTT_SENT);
    assert_false(trib_mqtt_reached(to->mqtt, mark));
    (void)expect_publication(to, "some/topic", "later", false);
    acknowledge(to, PUBACK, two, NOT_AUTHORIZED); /* a refusal is an answer too */
    expect_event(to, TRIB_MQTT_NOT_SENT);
    assert_true(trib_mqtt_reached(to->mqtt, mark));
    assert_false(trib_mqtt_reached(to->mqtt, trib_mqtt_mark(to->mqtt)));
    assert_int_equal(trib_mqtt_counted(to->mqtt).denied, 1);
    assert_int_equal(trib_mqtt_counted(to->mqtt).not_sent, 1);
    assert_non_null(strstr(trib_mqtt_problem(to->mqtt), "(135)"));
}

static void
an_empty_retained_publication_clears_a_topic_and_one_too_large_is_refused(void **state) {
    wire_end *to = *state;
    static uint8_t large[LARGEST];
    char topic[300];
    connect_to_broker(to);
    assert_true(trib_ok(trib_mqtt_publish(to->mqtt, "old", (trib_bytes){NULL, 0}, true)));
    (void)expect_publication(to, "old", "", true);
    assert_int_equal(
        trib_mqtt_publish(to->mqtt, "t", trib_bytes_of(large, (1 << 20) + 1), false).code,
        TRIB_E_LIMIT);
    memset(topic, 't', sizeof topic - 1);
    topic[sizeof topic - 1] = '\0';
    assert_int_equal(trib_mqtt_publish(to->mqtt, topic, trib_bytes_text("x"), false).code,
                     TRIB_E_LIMIT);
    assert_int_equal(trib_mqtt_backlog(to->mqtt), 1);
}

static void subscriptions_are_made_ended_and_their_refusal_counted(void **state) {
    wire_end *to = *state;
    connect_to_broker(to);
    for (unsigned reason = 1; reason <= NOT_AUTHORIZED; reason += NOT_AUTHORIZED - 1) {
        assert_true(trib_ok(trib_mqtt_subscribe(to->mqtt, "a/+")));
        (void)expect(to, SUBSCRIBE);
        assert_true(text_at(to, 3, "a/+"));
        assert_int_equal(to->packet[to->size - 1] & 3, 1); /* QoS 1 */
        acknowledge(to, SUBACK, number_at(to, 0), reason);
        expect_event(to, reason < 0x80 ? TRIB_MQTT_SUBSCRIBED : TRIB_MQTT_REFUSED_SUBSCRIPTION);
    }
    assert_int_equal(trib_mqtt_counted(to->mqtt).denied, 1);
    assert_true(trib_ok(trib_mqtt_unsubscribe(to->mqtt, "a/+")));
    (void)expect(to, UNSUBSCRIBE);
    assert_true(text_at(to, 3, "a/+"));
}

/* A PUBLISH of QoS 0 from the broker. */
static void deliver(const wire_end *to, const char *topic, const uint8_t *payload, size_t size,
                    bool retained) {
    size_t length = strlen(topic), left = 2 + length + 1 + size, at = 0;
    uint8_t *bytes = trib_allocate(left + 5, 1);
    assert_non_null(bytes);
    bytes[at++] = (uint8_t)(PUBLISH << 4 | (retained ? 1 : 0));
    for (size_t rest = left; rest > 0 || at == 1; rest >>= 7) {
        bytes[at++] = (uint8_t)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    }
    bytes[at++] = 0;
    bytes[at++] = (uint8_t)length;
    memcpy(bytes + at, topic, length);
    at += length + 1; /* and no properties */
    if (size > 0) {
        memcpy(bytes + at, payload, size);
    }
    answer(to, bytes, at + size);
    trib_free(bytes);
}

static void what_is_delivered_becomes_an_event_unless_it_is_too_large(void **state) {
    wire_end *to = *state;
    static uint8_t large[(1 << 20) + 1];
    large[0] = 5;
    connect_to_broker(to);
    deliver(to, "too/large", large, sizeof large, false);
    deliver(to, "large", large, sizeof large - 1, false);
    deliver(to, "empty", NULL, 0, true);
    trib_mqtt_event *event = next_event(to, TRIB_MQTT_MESSAGE);
    assert_string_equal(event->topic, "large");
    assert_int_equal(event->size, 1 << 20);
    assert_memory_equal(event->payload, large, event->size);
    assert_false(event->retained);
    trib_mqtt_event_destroy(event);
    event = next_event(to, TRIB_MQTT_MESSAGE);
    assert_string_equal(event->topic, "empty");
    assert_int_equal(event->size, 0);
    assert_true(event->retained);
    trib_mqtt_event_destroy(event);
    assert_int_equal(trib_mqtt_counted(to->mqtt).received, 2);
}

static void a_lost_connection_forgets_what_waited_and_reaches_every_mark(void **state) {
    wire_end *to = *state;
    const trib_mqtt_event lost = {.kind = TRIB_MQTT_DISCONNECTED, .reason = -1, .epoch = 1};
    connect_to_broker(to);
    for (int i = 0; i < 4; i++) {
        assert_true(trib_ok(publish(to, "x")));
    }
    uint64_t mark = trib_mqtt_mark(to->mqtt);
    for (int i = 0; i < WINDOW; i++) {
        (void)expect_publication(to, "some/topic", "x", false);
    }
    assert_false(trib_mqtt_reached(to->mqtt, mark));
    assert_true(trib_mqtt_handle(to->mqtt, &lost));
    hang_up(to);
    assert_false(trib_mqtt_connected(to->mqtt));
    assert_int_equal(trib_mqtt_backlog(to->mqtt), 0);
    assert_true(trib_mqtt_reached(to->mqtt, mark));
    assert_int_equal(trib_mqtt_counted(to->mqtt).not_sent, 4);
    assert_int_equal(trib_mqtt_counted(to->mqtt).lost, 1);
    uint64_t wait = trib_mqtt_wait_ms(to->mqtt);
    assert_true(wait >= 500 && wait <= 750);
    now_ms += wait;
    connect_to_broker(to);
    assert_true(trib_ok(publish(to, "fresh")));
    (void)expect_publication(to, "some/topic", "fresh", false);
}

/* Runs until it says that the connection is lost. */
static void gives_up(wire_end *to) {
    trib_mqtt_event *event = NULL;
    for (int i = 0; event == NULL && i < PATIENCE_MS / 10; i++) {
        trib_mqtt_run(to->mqtt);
        event = trib_queue_pop(to->events, 10);
    }
    assert_non_null(event);
    assert_int_equal(event->kind, TRIB_MQTT_DISCONNECTED);
    assert_true(trib_mqtt_handle(to->mqtt, event));
    trib_mqtt_event_destroy(event);
    assert_true(trib_mqtt_reached(to->mqtt, trib_mqtt_mark(to->mqtt)));
    hang_up(to);
    now_ms += trib_mqtt_wait_ms(to->mqtt);
    connect_to_broker(to);
}

static void a_connection_of_which_something_was_not_heard_is_given_up(void **state) {
    wire_end *to = *state;
    static const uint8_t connack[] = {CONNACK << 4, 3, 0, 0, 0};
    trib_mqtt_run(to->mqtt);
    accept_one(to);
    (void)expect(to, CONNECT);
    atomic_store(&refuses, true); /* that it is connected */
    answer(to, connack, sizeof connack);
    gives_up(to);
    assert_true(trib_ok(publish(to, "one")));
    unsigned number = expect_publication(to, "some/topic", "one", false);
    atomic_store(&refuses, true); /* that the publication was answered */
    acknowledge(to, PUBACK, number, 0);
    gives_up(to);
}

static void events_of_an_earlier_connection_are_ignored(void **state) {
    wire_end *to = *state;
    connect_to_broker(to);
    trib_mqtt_event *lost = lose_connection(to);
    assert_false(trib_mqtt_handle(to->mqtt, lost)); /* once is enough */
    now_ms += trib_mqtt_wait_ms(to->mqtt);
    connect_to_broker(to);
    assert_false(trib_mqtt_handle(to->mqtt, lost));
    assert_true(trib_mqtt_connected(to->mqtt));
    assert_int_equal(trib_mqtt_counted(to->mqtt).lost, 1);
    trib_mqtt_event_destroy(lost);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_that_do_not_fit_are_refused),
        CASE(nothing_goes_out_without_a_connection),
        cmocka_unit_test(it_tries_again_with_doubling_delays_each_up_to_half_longer),
        CASE(it_connects_with_a_clean_start_its_name_and_a_last_will),
        CASE(a_broker_that_refuses_is_tried_again_later),
        CASE(only_a_window_of_publications_is_in_flight_and_the_rest_waits),
        CASE(a_mark_is_reached_once_all_before_it_was_answered),
        CASE(an_empty_retained_publication_clears_a_topic_and_one_too_large_is_refused),
        CASE(subscriptions_are_made_ended_and_their_refusal_counted),
        CASE(what_is_delivered_becomes_an_event_unless_it_is_too_large),
        CASE(a_lost_connection_forgets_what_waited_and_reaches_every_mark),
        CASE(a_connection_of_which_something_was_not_heard_is_given_up),
        CASE(events_of_an_earlier_connection_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
