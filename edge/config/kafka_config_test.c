#include "edge/config/kafka_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "edge/config/edge_config.h"

#define CORE                                                                                       \
    "federation: plant\nstate: state\n"                                                            \
    "broker: {uri: 'ssl://broker:8883', ca: ca.pem, certificate: /etc/c.pem, key: k.pem}\n"        \
    "trust: [cloud.pem]\n"
#define TOPIC "source: {kind: kafka, brokers: 'k:9092', topic: rows, format: jsonl"

static edge_config config;

static trib_status parse(const char *text) {
    return edge_config_parse("/etc/tributary/edge.yaml", trib_bytes_text(text), &config);
}

static void refused(const char *text, const char *said) {
    assert_int_equal(parse(text).code, TRIB_E_ARGUMENT);
    if (strstr(trib_message(), said) == NULL) {
        fail_msg("expected '%s' in '%s'", said, trib_message());
    }
    assert_non_null(strstr(trib_message(), "edge.yaml:"));
    assert_null(strstr(trib_message(), "hunter2")); /* the secret of all that follows */
}

static void a_topic_gets_every_default(void **state) {
    (void)state;
    assert_true(trib_ok(parse(CORE TOPIC "}\n")));
    const edge_kafka_config *kafka = &config.source.kafka;
    assert_int_equal(config.source.kind, EDGE_SOURCE_KAFKA);
    assert_string_equal(kafka->brokers, "k:9092");
    assert_string_equal(kafka->topic, "rows");
    assert_string_equal(kafka->group, "");
    assert_false(kafka->latest);
    assert_int_equal(kafka->partition_count, 0);
    assert_false(edge_source_comes_once(&config.source));
    size_t cursor = 0;
    edge_kafka_setting setting;
    assert_false(edge_kafka_next_setting(kafka, &cursor, &setting));
}

static void settings_come_back_in_their_order_with_paths_below_the_file(void **state) {
    (void)state;
    static const edge_kafka_setting expected[] = {
        {EDGE_KAFKA_PLAIN, "security.protocol", "sasl_ssl"},
        {EDGE_KAFKA_PLAIN, "ssl.ca.location", "/etc/tributary/kafka.pem"},
        {EDGE_KAFKA_PLAIN, "ssl.key.location", "/keys/k.pem"},
        {EDGE_KAFKA_ENVIRONMENT, "sasl.username", "KAFKA_USER"},
        {EDGE_KAFKA_FILE, "sasl.password", "/etc/tributary/kafka.password"},
        {EDGE_KAFKA_PLAIN, "fetch.wait.max.ms", "100"},
    };
    assert_true(
        trib_ok(parse(CORE "source:\n  kind: kafka\n  brokers: a:1,b:2\n  topic: rows.v1\n"
                           "  group: watchers\n  header: 'time_ms,x'\n  partitions: [3, 0]\n"
                           "  start: latest\n  settings:\n    security.protocol: sasl_ssl\n"
                           "    ssl.ca.location: kafka.pem\n    ssl.key.location: /keys/k.pem\n"
                           "    sasl.username: {environment: KAFKA_USER}\n"
                           "    sasl.password: {file: kafka.password}\n"
                           "    fetch.wait.max.ms: 100\n")));
    const edge_kafka_config *kafka = &config.source.kafka;
    assert_string_equal(kafka->header, "time_ms,x");
    assert_true(kafka->latest);
    assert_int_equal(kafka->partition_count, 2);
    assert_int_equal(kafka->partitions[0], 3);
    assert_int_equal(kafka->partitions[1], 0);
    size_t cursor = 0, count = 0;
    edge_kafka_setting setting;
    while (edge_kafka_next_setting(kafka, &cursor, &setting)) {
        assert_int_equal(setting.origin, expected[count].origin);
        assert_string_equal(setting.name, expected[count].name);
        assert_string_equal(setting.value, expected[count++].value);
    }
    assert_int_equal(count, sizeof expected / sizeof *expected);
}

static void the_word_probe_is_no_path(void **state) {
    (void)state;
    size_t cursor = 0;
    edge_kafka_setting setting;
    assert_true(trib_ok(parse(CORE TOPIC ", settings: {ssl.ca.location: probe}}\n")));
    assert_true(edge_kafka_next_setting(&config.source.kafka, &cursor, &setting));
    assert_string_equal(setting.value, "probe");
}

static void mistakes_are_named(void **state) {
    (void)state;
    refused(CORE "source: {kind: kafka, topic: rows, format: jsonl}\n", "brokers");
    refused(CORE "source: {kind: kafka, brokers: 'k:1', format: jsonl}\n", "topic");
    refused(CORE "source: {kind: kafka, brokers: '', topic: rows}\n", "source.brokers");
    refused(CORE "source: {kind: kafka, brokers: 'k:1', topic: 'a b', format: jsonl}\n",
            "source.topic: expected a topic");
    refused(CORE "source: {kind: kafka, brokers: 'k:1', topic: rows}\n", "say source.header");
    refused(CORE TOPIC ", header: 'a,b'}\n", "does not go with format jsonl");
    refused(CORE TOPIC ", path: x}\n", "does not go with kind kafka");
    refused(CORE TOPIC ", speed: 2}\n", "does not go with kind kafka");
    refused(CORE TOPIC ", start: middle}\n", "one of earliest, latest");
    refused(CORE TOPIC ", partitions: []}\n", "1 to 256 partitions");
    refused(CORE TOPIC ", partitions: [1, -1]}\n", "source.partitions");
    refused(CORE TOPIC ", partitions: [100000]}\n", "source.partitions");
    refused(CORE TOPIC ", partitions: [1, 2, 1]}\n", "partition 1 stands here twice");
    refused(CORE "source: {kind: stdin, topic: rows}\n", "does not go with kind stdin");
    refused(CORE "source: {kind: replay, path: x, settings: {a: 1}}\n",
            "does not go with kind replay");
    refused(CORE TOPIC ", settings: [a]}\n", "a map of librdkafka's settings");
    refused(CORE TOPIC ", settings: {group.id: a}}\n", "say source.group");
    refused(CORE TOPIC ", settings: {bootstrap.servers: a}}\n", "say source.brokers");
    refused(CORE TOPIC ", settings: {isolation.level: read_uncommitted}}\n",
            "only committed rows are read");
    refused(CORE TOPIC ", settings: {debug: [a]}}\n", "expected a value");
    refused(CORE TOPIC ", settings: {sasl.username: {}}}\n",
            "expected {file: PATH} or {environment: NAME}");
    refused(CORE TOPIC ", settings: {sasl.username: {environment: 'A=B'}}}\n",
            "the name of an environment variable");
}

static void a_secret_does_not_stand_in_the_file_nor_in_the_complaint(void **state) {
    (void)state;
    refused(CORE TOPIC ", settings: {sasl.password: hunter2}}\n", "sasl.password: a secret");
    refused(CORE TOPIC ", settings: {ssl.key.password: hunter2}}\n", "a secret");
    refused(CORE TOPIC ", settings: {ssl.key.pem: hunter2}}\n", "a secret");
    refused(CORE TOPIC ", settings: {sasl.password: {file: a, environment: B}}}\n",
            "expected {file: PATH} or {environment: NAME}");
}

static void settings_have_a_ceiling(void **state) {
    (void)state;
    char text[8192];
    int used = snprintf(text, sizeof text, CORE TOPIC ", settings: {");
    for (int i = 0; i < 4; i++) {
        used += snprintf(text + used, sizeof text - (size_t)used, "s%d: %01000d, ", i, 0);
    }
    (void)snprintf(text + used, sizeof text - (size_t)used, "t: u}}\n");
    assert_true(trib_ok(parse(text)));
    (void)snprintf(text + used, sizeof text - (size_t)used, "t: %0100d}}\n", 0);
    refused(text, "more than 4096 bytes");
}

static trib_status read_value(edge_kafka_origin origin, const char *value, trib_buffer *into) {
    const edge_kafka_setting setting = {origin, "sasl.password", value};
    return edge_kafka_read_value(&setting, into);
}

static void a_secret_is_read_from_a_file_or_the_environment(void **state) {
    (void)state;
    char path[] = "/tmp/kafka-config-XXXXXX";
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    assert_int_equal(write(handle, "hunter2\r\n", 9), 9);
    TRIB_SCOPED(edge_kafka_wipe_value)
    trib_buffer file = {.ceiling = EDGE_KAFKA_SECRET_MOST_BYTES};
    assert_true(trib_ok(read_value(EDGE_KAFKA_FILE, path, &file)));
    assert_string_equal((const char *)file.data, "hunter2");
    assert_int_equal(file.size, 8);

    TRIB_SCOPED(edge_kafka_wipe_value)
    trib_buffer variable = {.ceiling = EDGE_KAFKA_SECRET_MOST_BYTES};
    assert_int_equal(setenv("TRIB_TEST_SECRET", "hunter2", 1), 0);
    assert_true(trib_ok(read_value(EDGE_KAFKA_ENVIRONMENT, "TRIB_TEST_SECRET", &variable)));
    assert_string_equal((const char *)variable.data, "hunter2");

    TRIB_SCOPED(edge_kafka_wipe_value)
    trib_buffer none = {.ceiling = EDGE_KAFKA_SECRET_MOST_BYTES};
    assert_int_equal(unsetenv("TRIB_TEST_SECRET"), 0);
    assert_int_equal(read_value(EDGE_KAFKA_ENVIRONMENT, "TRIB_TEST_SECRET", &none).code,
                     TRIB_E_NOT_FOUND);
    assert_non_null(strstr(trib_message(), "source.settings.sasl.password"));
    assert_int_equal(ftruncate(handle, 0), 0);
    assert_int_equal(read_value(EDGE_KAFKA_FILE, path, &none).code, TRIB_E_ARGUMENT);
    assert_non_null(strstr(trib_message(), "is empty"));
    assert_int_equal(ftruncate(handle, EDGE_KAFKA_SECRET_MOST_BYTES + 1), 0);
    assert_int_equal(read_value(EDGE_KAFKA_FILE, path, &none).code, TRIB_E_LIMIT);
    assert_int_equal(close(handle), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(read_value(EDGE_KAFKA_FILE, path, &none).code, TRIB_E_NOT_FOUND);
    assert_non_null(strstr(trib_message(), "source.settings.sasl.password"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topic_gets_every_default),
        cmocka_unit_test(settings_come_back_in_their_order_with_paths_below_the_file),
        cmocka_unit_test(the_word_probe_is_no_path),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(a_secret_does_not_stand_in_the_file_nor_in_the_complaint),
        cmocka_unit_test(settings_have_a_ceiling),
        cmocka_unit_test(a_secret_is_read_from_a_file_or_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
