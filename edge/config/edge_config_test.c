#include "edge/config/edge_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CORE                                                                                       \
    "federation: plant\nstate: state\n"                                                            \
    "broker: {uri: 'ssl://broker:8883', ca: ca.pem, certificate: /etc/c.pem, key: k.pem}\n"        \
    "trust: [cloud.pem]\n"

static edge_config config;

static trib_status parse(const char *text) {
    return edge_config_parse("/etc/tributary/edge.yaml", trib_bytes_text(text), &config);
}

static void refused(const char *text, const char *said) {
    edge_config before;
    memset(&config, 0x5a, sizeof config);
    before = config;
    assert_int_equal(parse(text).code, TRIB_E_ARGUMENT);
    if (strstr(trib_message(), said) == NULL) {
        fail_msg("expected '%s' in '%s'", said, trib_message());
    }
    assert_non_null(strstr(trib_message(), "edge.yaml:"));
    assert_memory_equal(&config, &before, sizeof config); /* untouched on failure */
}

static void a_short_file_gets_every_default(void **state) {
    (void)state;
    assert_true(trib_ok(parse(CORE "source: {kind: stdin}\n")));
    assert_string_equal(config.federation, "plant");
    assert_int_equal(config.broker.keep_alive_s, 60);
    assert_int_equal(config.store_limit_mb, 64);
    assert_false(config.predictions_publish);
    assert_int_equal(config.predictions_every, 1);
    assert_int_equal(config.telemetry, TRIB_TELEMETRY_NONE);
    assert_int_equal(config.log_format, EDGE_LOG_TEXT);
    assert_int_equal(config.log_level, EDGE_LOG_INFO);
    assert_int_equal(config.source.kind, EDGE_SOURCE_STDIN);
    assert_int_equal(config.source.format, EDGE_FORMAT_CSV);
    assert_true(config.source.speed == 1);
    assert_int_equal(config.source.loop, EDGE_LOOP_NEVER);
}

static void relative_paths_are_below_the_files_folder(void **state) {
    (void)state;
    assert_true(trib_ok(parse(CORE "source: {kind: replay, path: data/x}\n")));
    assert_string_equal(config.state, "/etc/tributary/state");
    assert_string_equal(config.broker.ca, "/etc/tributary/ca.pem");
    assert_string_equal(config.broker.certificate, "/etc/c.pem");
    assert_int_equal(config.trust_count, 1);
    assert_string_equal(config.trust[0], "/etc/tributary/cloud.pem");
    assert_string_equal(config.source.path, "/etc/tributary/data/x");
    assert_true(trib_ok(
        edge_config_parse("edge.yaml", trib_bytes_text(CORE "source: {kind: stdin}"), &config)));
    assert_string_equal(config.state, "state");
}

static void everything_can_be_said(void **state) {
    (void)state;
    assert_true(
        trib_ok(parse(CORE "source: {kind: replay, path: x, format: jsonl, speed: max, "
                           "loop: true}\nstore: {limit_mb: 7}\npredictions: {publish: true, "
                           "every: 10}\ntelemetry: raw\nlog: {format: json, level: error}\n")));
    assert_int_equal(config.telemetry, TRIB_TELEMETRY_RAW);
    assert_true(config.source.speed == 0);
    assert_int_equal(config.source.loop, EDGE_LOOP_ALWAYS);
    assert_int_equal(config.source.format, EDGE_FORMAT_JSONL);
    assert_int_equal(config.store_limit_mb, 7);
    assert_true(config.predictions_publish);
    assert_int_equal(config.predictions_every, 10);
    assert_int_equal(config.log_format, EDGE_LOG_JSON);
    assert_int_equal(config.log_level, EDGE_LOG_ERROR);
}

static void a_replay_may_go_on_as_a_live_stream(void **state) {
    (void)state;
    assert_true(trib_ok(parse(CORE "source: {kind: replay, path: x, loop: live}\n")));
    assert_int_equal(config.source.loop, EDGE_LOOP_LIVE);
    assert_true(trib_ok(parse(CORE "source: {kind: replay, path: x, loop: false}\n")));
    assert_int_equal(config.source.loop, EDGE_LOOP_NEVER);
    refused(CORE "source: {kind: replay, path: x, loop: yes}\n", "one of false, true, live");
    refused(CORE "source: {kind: socket, path: x, loop: live}\n", "does not go with kind socket");
}

static void a_socket_is_a_path_or_a_local_port(void **state) {
    (void)state;
    assert_true(trib_ok(parse(CORE "source: {kind: socket, path: '127.0.0.1:9000'}\n")));
    assert_int_equal(config.source.port, 9000);
    assert_string_equal(config.source.path, "");
    assert_true(trib_ok(parse(CORE "source: {kind: socket, path: /run/rows.sock}\n")));
    assert_int_equal(config.source.port, 0);
    assert_string_equal(config.source.path, "/run/rows.sock");
    refused(CORE "source: {kind: socket, path: '127.0.0.1:99999'}\n", "from 1 to 65535");
    refused(CORE "source: {kind: socket, path: '127.0.0.1:x'}\n", "from 1 to 65535");
    char text[512];
    (void)snprintf(text, sizeof text, CORE "source: {kind: socket, path: /%0110d}\n", 0);
    refused(text, "at most 107 bytes");
}

static void mistakes_are_named(void **state) {
    (void)state;
    refused(CORE "source: {kind: stdin}\nsorce: 1\n", "sorce");
    refused(CORE "source: {kind: modem}\n", "source.kind");
    refused(CORE "source: {kind: stdin, speed: 2}\n", "does not go with kind stdin");
    refused(CORE "source: {kind: stdin, path: x}\n", "does not go with kind stdin");
    refused(CORE "source: {kind: replay}\n", "path");
    refused(CORE "source: {kind: replay, path: x, speed: fast}\n", "expected max, or a number");
    refused(CORE "source: {kind: replay, path: x, speed: -1}\n", "expected max, or a number");
    refused(CORE "source: {kind: replay, path: x, speed: nan}\n", "expected max, or a number");
    refused(CORE "source: {kind: stdin}\nstore: {limit_mb: 0}\n", "store.limit_mb");
    refused(CORE "source: {kind: stdin}\npredictions: {every: 0}\n", "predictions.every");
    refused(CORE "source: {kind: stdin}\nlog: {level: loud}\n", "log.level");
    refused(CORE "source: {kind: stdin}\ntelemetry: yes\n",
            "telemetry: expected one of none, features, raw");
    refused(CORE "source: {kind: stdin}\ntelemetry: {publish: true}\n", "telemetry: ");
    refused("federation: Plant\n", "federation");
    refused("federation: plant\nstate: s\nbroker: {uri: 'tcp://x:1883'}\n", "ssl://HOST:PORT");
    refused("federation: plant\nstate: s\n"
            "broker: {uri: 'ssl://x:1', ca: a, certificate: b, key: c}\ntrust: []\n",
            "1 to 8 files");
}

static void telemetry_is_allowed_by_a_word(void **state) {
    (void)state;
    assert_true(trib_ok(parse(CORE "source: {kind: stdin}\ntelemetry: none\n")));
    assert_int_equal(config.telemetry, TRIB_TELEMETRY_NONE);
    assert_true(trib_ok(parse(CORE "source: {kind: stdin}\ntelemetry: features\n")));
    assert_int_equal(config.telemetry, TRIB_TELEMETRY_FEATURES);
}

static void a_missing_file_is_not_found(void **state) {
    (void)state;
    assert_int_equal(edge_config_load("/nonexistent/edge.yaml", &config).code, TRIB_E_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_file_gets_every_default),
        cmocka_unit_test(relative_paths_are_below_the_files_folder),
        cmocka_unit_test(everything_can_be_said),
        cmocka_unit_test(a_replay_may_go_on_as_a_live_stream),
        cmocka_unit_test(a_socket_is_a_path_or_a_local_port),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(telemetry_is_allowed_by_a_word),
        cmocka_unit_test(a_missing_file_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
