#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "cloud/bridge/settings.h"

static cloud_bridge_settings settings;

static trib_status read_text(const char *text) {
    trib_config *document = NULL;
    trib_value bridge;
    assert_true(trib_ok(trib_config_parse("/etc/f.yaml", trib_bytes_text(text), &document)));
    assert_true(trib_ok(trib_value_find(trib_config_root(document), "bridge", &bridge)));
    trib_status status = cloud_bridge_settings_read(bridge, "/etc/f.yaml", &settings);
    trib_config_destroy(document);
    return status;
}

static int forget(void **state) {
    (void)state;
    cloud_bridge_settings_deinit(&settings);
    return 0;
}

static const char *setting(const char *key) {
    for (size_t i = 0; i < settings.setting_count; i++) {
        if (strcmp(settings.settings[i].key, key) == 0) {
            return settings.settings[i].value;
        }
    }
    return NULL;
}

static void without_a_map_nothing_is_bridged(void **state) {
    (void)state;
    assert_true(trib_ok(read_text("state: x\n")));
    assert_false(settings.kafka);
}

static void librdkafkas_settings_go_through(void **state) {
    (void)state;
    assert_true(
        trib_ok(read_text("bridge:\n  outbox_mib: 64\n  kafka:\n    brokers: a:1,b:2\n"
                          "    prefix: acme\n    partitions: 12\n    replication: 3\n"
                          "    cloudevents: structured\n    id: east\n    claim_check_kib: 16\n"
                          "    settings:\n"
                          "      compression.type: zstd\n      linger.ms: 20\n")));
    assert_true(settings.kafka && settings.structured);
    assert_string_equal(settings.prefix, "acme");
    assert_string_equal(settings.id, "east");
    assert_int_equal(settings.partitions, 12);
    assert_int_equal(settings.replication, 3);
    assert_int_equal(settings.outbox_bytes, 64 << 20);
    assert_int_equal(settings.claim_bytes, 16 << 10);
    assert_true(settings.claims_wanted);
    assert_string_equal(setting("bootstrap.servers"), "a:1,b:2");
    assert_string_equal(setting("compression.type"), "zstd");
    assert_string_equal(setting("linger.ms"), "20");
}

static void secrets_come_from_files_and_the_environment(void **state) {
    (void)state;
    char path[] = "/tmp/settings-test-XXXXXX", text[512];
    int file = mkstemp(path);
    assert_true(file >= 0 && write(file, "from a file\n", 12) == 12);
    (void)close(file);
    assert_int_equal(setenv("BRIDGE_TEST_SECRET", "from the environment", 1), 0);
    (void)snprintf(text, sizeof text,
                   "bridge: {kafka: {brokers: 'a:1', settings: {sasl.username: {file: '%s'}, "
                   "sasl.password: {environment: BRIDGE_TEST_SECRET}}}}\n",
                   path);
    assert_true(trib_ok(read_text(text)));
    assert_string_equal(setting("sasl.username"), "from a file");
    assert_string_equal(setting("sasl.password"), "from the environment");
    (void)unlink(path);
}

static void mistakes_are_named_and_values_of_secrets_are_not(void **state) {
    (void)state;
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"bridge: {}\n", "'kafka' is missing"},
        {"bridge: {kafka: {prefix: x}}\n", "'brokers' is missing"},
        {"bridge: {kafka: {brokers: 'a:1', brokrs: x}}\n", "did you mean 'brokers'"},
        {"bridge: {kafka: {brokers: 'a:1', settings: {linger.sm: 5}}}\n", "no setting 'linger.sm'"},
        {"bridge: {kafka: {brokers: 'a:1', settings: {linger.ms: soon}}}\n", "'linger.ms'"},
        {"bridge: {kafka: {brokers: 'a:1', settings: {acks: '0'}}}\n", "the bridge's own"},
        {"bridge: {kafka: {brokers: 'a:1', settings: {transactional.id: x}}}\n",
         "the bridge's own"},
        {"bridge: {kafka: {brokers: 'a:1', settings: {sasl.password: {file: /nowhere}}}}\n",
         "sasl.password"},
        {"bridge: {kafka: {brokers: 'a:1', settings: {sasl.password: {environment: NONE_SUCH}}}}\n",
         "no NONE_SUCH"},
        {"bridge: {outbox_mib: 0, kafka: {brokers: 'a:1'}}\n", "bridge.outbox_mib"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(read_text(cases[i].text).code, TRIB_E_ARGUMENT);
        if (strstr(trib_message(), cases[i].said) == NULL) {
            fail_msg("'%s' does not say '%s'", trib_message(), cases[i].said);
        }
        cloud_bridge_settings_deinit(&settings);
    }
    assert_int_equal(setenv("BRIDGE_TEST_SECRET", "hunter2", 1), 0);
    assert_int_equal(read_text("bridge: {kafka: {brokers: 'a:1', settings: {security.protocol: "
                               "{environment: BRIDGE_TEST_SECRET}}}}\n")
                         .code,
                     TRIB_E_ARGUMENT);
    assert_null(strstr(trib_message(), "hunter2"));
}

#define CASE(name) cmocka_unit_test_teardown(name, forget)
int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(without_a_map_nothing_is_bridged),
        CASE(librdkafkas_settings_go_through),
        CASE(secrets_come_from_files_and_the_environment),
        CASE(mistakes_are_named_and_values_of_secrets_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
