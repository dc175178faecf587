/* A topic whose brokers are not there: what is wrong is said in words of the agent's file, counted,
 * and tried again. Rows from real brokers: tests/e2e/source_kafka.py. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/port/posix/system.h"
#include "edge/source/source.h"

static edge_source_config config;
static trib_source_spec spec;
static trib_queue *batches;
static trib_queue *events; /* of texts */

static void keep_text(void *context, const edge_event *event) {
    (void)context;
    char *text = trib_duplicate_text(event->text);
    if (event->level == EDGE_EVENT_DEBUG || text == NULL || !trib_queue_push(events, text)) {
        trib_free(text);
    }
}

/* A port of 127.0.0.1 that nobody listens on: bound, so that nobody else takes it. */
static int bind_port(unsigned *ret_port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int handle = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(handle >= 0);
    assert_int_equal(bind(handle, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(handle, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return handle;
}

static int port_handle;

static void configure(const char *more) {
    static const char core[] =
        "federation: plant\nstate: state\n"
        "broker: {uri: 'ssl://broker:8883', ca: ca.pem, certificate: /c.pem, key: k.pem}\n"
        "trust: [cloud.pem]\n";
    char text[1024];
    unsigned port;
    port_handle = bind_port(&port);
    (void)snprintf(text, sizeof text,
                   "%ssource: {kind: kafka, brokers: '127.0.0.1:%u', topic: rows, %s}\n", core,
                   port, more);
    edge_config *whole = trib_allocate(1, sizeof *whole);
    assert_non_null(whole);
    if (!trib_ok(edge_config_parse("/etc/edge.yaml", trib_bytes_text(text), whole))) {
        fail_msg("%s", trib_message());
    }
    config = whole->source;
    trib_free(whole);
}

static int set_up(void **state) {
    (void)state;
    spec = (trib_source_spec){.files = "*",
                              .delimiter = ',',
                              .rate_hz = 100,
                              .time_unit = TRIB_TIME_MS,
                              .time_column = "t",
                              .channel_count = 2,
                              .channels = {"x", "y"}};
    return trib_ok(trib_queue_create(4, edge_batch_drop, &batches)) &&
                   trib_ok(trib_queue_create(64, trib_free, &events))
               ? 0
               : -1;
}

static int tear_down(void **state) {
    (void)state;
    trib_queue_destroy(batches);
    trib_queue_destroy(events);
    return close(port_handle);
}

static edge_source *start(void) {
    const edge_source_plan plan = {&config, &spec, batches, trib_posix_clock(), {keep_text, NULL}};
    edge_source *source = NULL;
    if (!trib_ok(edge_source_create(&plan, &source))) {
        fail_msg("create: %s", trib_message());
    }
    assert_true(trib_ok(edge_source_skip(source, "rows/0", 17)));
    assert_true(trib_ok(edge_source_skip(source, "a.csv", 3))); /* of another source, before */
    assert_true(trib_ok(edge_source_start(source)));
    return source;
}

static void expect(const char *part) {
    TRIB_SCOPED(trib_free_scoped) char *text = trib_queue_pop(events, 30000);
    assert_non_null(text);
    if (strstr(text, part) == NULL) {
        fail_msg("expected '%s' in '%s'", part, text);
    }
    assert_null(strstr(text, "hunter2"));
}

static void said_and_counted(const char *more, const char *part) {
    configure(more);
    edge_source *source = start();
    expect(part);
    assert_true(edge_source_counted(source).problems > 0);
    assert_false(edge_source_counted(source).finished); /* it is tried again */
    edge_source_halt(source);
    assert_int_equal(edge_source_counted(source).rows, 0);
    edge_source_destroy(source);
}

static void brokers_that_are_not_there_are_named(void **state) {
    (void)state;
    said_and_counted("format: jsonl", "source.brokers: ");
}

static void a_secret_that_is_missing_is_named_by_its_setting(void **state) {
    (void)state;
    said_and_counted("format: jsonl, settings: {sasl.password: {file: /nonexistent/secret}}",
                     "source.settings.sasl.password: ");
}

static void a_variable_that_is_missing_is_named_by_its_setting(void **state) {
    (void)state;
    said_and_counted("format: jsonl, settings: {sasl.password: {environment: TRIB_NOT_SET}}",
                     "the environment variable TRIB_NOT_SET is not set");
}

static void a_setting_that_librdkafka_does_not_know_is_named(void **state) {
    (void)state;
    said_and_counted("format: jsonl, settings: {fetch.weight: 3}", "source.settings.fetch.weight");
}

static void a_value_that_librdkafka_does_not_take_is_named(void **state) {
    (void)state;
    said_and_counted("format: jsonl, settings: {fetch.wait.max.ms: often}",
                     "source.settings.fetch.wait.max.ms");
}

/* The library would print what it does not take. */
static void a_secret_that_librdkafka_does_not_take_is_not_printed(void **state) {
    (void)state;
    assert_int_equal(setenv("TRIB_TEST_SECRET", "hunter2", 1), 0);
    said_and_counted("format: jsonl, settings: {security.protocol: {environment: "
                     "TRIB_TEST_SECRET}}",
                     "source.settings.security.protocol: librdkafka does not take its value");
}

static void a_certificate_that_is_no_file_is_named(void **state) {
    (void)state;
    said_and_counted("format: jsonl, settings: {security.protocol: ssl, ssl.ca.location: "
                     "/nonexistent.pem}",
                     "source.settings: ");
}

static void it_stops_at_once_while_nothing_answers_and_starts_again(void **state) {
    (void)state;
    configure("format: csv, header: 't,x,y'");
    edge_source *source = start();
    expect("source.brokers: ");
    edge_source_halt(source);
    assert_true(trib_ok(edge_source_start(source)));
    edge_source_destroy(source);
}

int main(void) {
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(brokers_that_are_not_there_are_named),
        EACH(a_secret_that_is_missing_is_named_by_its_setting),
        EACH(a_variable_that_is_missing_is_named_by_its_setting),
        EACH(a_setting_that_librdkafka_does_not_know_is_named),
        EACH(a_value_that_librdkafka_does_not_take_is_named),
        EACH(a_secret_that_librdkafka_does_not_take_is_not_printed),
        EACH(a_certificate_that_is_no_file_is_named),
        EACH(it_stops_at_once_while_nothing_answers_and_starts_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
