#include "cloud/bridge/settings.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

#include "cloud/bridge/event.h"
#include "cloud/outbox/outbox.h"
#include "common/config/secret.h"
#include "common/crypto/crypto.h"

/* What exactly-once hangs on, and what the bridge sets itself. */
static const char *const reserved[] = {
    "transactional.id", "enable.idempotence", "acks",        "isolation.level",
    "group.id",         "enable.auto.commit", "partitioner", NULL};

static trib_status keep(cloud_bridge_settings *settings, trib_value value, const char *key,
                        const char *text) {
    if (settings->setting_count == CLOUD_KAFKA_MAX_SETTINGS) {
        return trib_value_refuse(value, "more than %d settings", CLOUD_KAFKA_MAX_SETTINGS);
    }
    cloud_kafka_setting *setting = &settings->settings[settings->setting_count];
    char *copy = trib_duplicate_text(text);
    if (copy == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for settings");
    }
    (void)snprintf(setting->key, sizeof setting->key, "%s", key);
    setting->value = copy;
    settings->setting_count++;
    return TRIB_SUCCESS;
}

/* librdkafka knows its settings; what it says of a value may repeat the value, so that of a secret
 * is not passed on. */
static trib_status try_setting(trib_value value, const char *key, const char *text) {
    char why[512];
    for (size_t i = 0; reserved[i] != NULL; i++) {
        if (strcmp(key, reserved[i]) == 0) {
            return trib_value_refuse(value, "'%s' is the bridge's own: leave it out", key);
        }
    }
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, key, text, why, sizeof why);
    rd_kafka_conf_destroy(conf);
    if (result == RD_KAFKA_CONF_UNKNOWN) {
        return trib_value_refuse(value, "librdkafka has no setting '%s'", key);
    }
    if (result != RD_KAFKA_CONF_OK) {
        return trib_value_refuse(value, "librdkafka takes no such value for '%s'%s%s", key,
                                 trib_value_text(value) != NULL ? ": " : "",
                                 trib_value_text(value) != NULL ? why : "");
    }
    return TRIB_SUCCESS;
}

static trib_status read_settings(trib_value map, const char *file,
                                 cloud_bridge_settings *settings) {
    for (size_t i = 0; i < trib_value_count(map); i++) {
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = CLOUD_KAFKA_VALUE_SIZE};
        trib_value value;
        const char *key = trib_value_key(map, i, &value);
        if (strlen(key) >= CLOUD_KAFKA_KEY_SIZE) {
            return trib_value_refuse(value, "too long a name of a setting");
        }
        TRIB_TRY(trib_value_secret(value, file, &text));
        TRIB_TRY(try_setting(value, key, (const char *)text.data));
        TRIB_TRY(keep(settings, value, key, (const char *)text.data));
        if (strstr(key, "password") != NULL || strstr(key, "secret") != NULL) {
            trib_wipe(text.data, text.size);
        }
    }
    return TRIB_SUCCESS;
}

static trib_status read_kafka(trib_value map, const char *file, cloud_bridge_settings *settings) {
    static const char *const keys[] = {"brokers",     "prefix",          "partitions",
                                       "replication", "cloudevents",     "settings",
                                       "id",          "claim_check_kib", NULL};
    static const char *const modes[] = {"binary", "structured", NULL};
    trib_value brokers, prefix, id, claim, rest;
    size_t mode = 0;
    uint32_t kib = 512;
    TRIB_TRY(trib_config_only(map, keys));
    TRIB_TRY(trib_value_need(map, "brokers", &brokers));
    if (trib_value_text(brokers) == NULL) {
        return trib_value_expect(brokers, "HOST:PORT, or several of them with commas between");
    }
    TRIB_TRY(try_setting(brokers, "bootstrap.servers", trib_value_text(brokers)));
    TRIB_TRY(keep(settings, brokers, "bootstrap.servers", trib_value_text(brokers)));
    TRIB_TRY(trib_value_find(map, "prefix", &prefix));
    TRIB_TRY(trib_value_find(map, "id", &id));
    if (trib_value_present(prefix)) {
        TRIB_TRY(trib_value_name(prefix, settings->prefix));
    }
    if (trib_value_present(id)) {
        TRIB_TRY(trib_value_name(id, settings->id));
    }
    TRIB_TRY(trib_config_u32(map, "partitions", 1, 1000, &settings->partitions));
    TRIB_TRY(trib_config_u32(map, "replication", 1, 100, &settings->replication));
    TRIB_TRY(trib_config_u32(map, "claim_check_kib", 1, CLOUD_EVENT_MOST_BYTES >> 10, &kib));
    TRIB_TRY(trib_value_find(map, "claim_check_kib", &claim));
    settings->claims_wanted = trib_value_present(claim);
    settings->claim_bytes = (uint64_t)kib << 10;
    TRIB_TRY(trib_config_choice(map, "cloudevents", modes, &mode));
    settings->structured = mode == 1;
    TRIB_TRY(trib_value_find(map, "settings", &rest));
    if (trib_value_present(rest) && !trib_value_is_map(rest)) {
        return trib_value_expect(rest, "a map of librdkafka's settings");
    }
    TRIB_TRY(read_settings(rest, file, settings));
    settings->kafka = true;
    return TRIB_SUCCESS;
}

trib_status cloud_bridge_settings_read(trib_value map, const char *file,
                                       cloud_bridge_settings *ret_settings) {
    static const char *const keys[] = {"kafka", "outbox_mib", NULL};
    trib_value kafka;
    uint32_t mib = 1024;
    *ret_settings = (cloud_bridge_settings){.prefix = "tributary",
                                            .partitions = 6,
                                            .replication = 1,
                                            .outbox_bytes = (uint64_t)mib << 20};
    if (!trib_value_present(map)) {
        return TRIB_SUCCESS;
    }
    TRIB_TRY(trib_config_only(map, keys));
    TRIB_TRY(trib_config_u32(map, "outbox_mib", CLOUD_OUTBOX_LEAST_BYTES >> 20, 1 << 24, &mib));
    ret_settings->outbox_bytes = (uint64_t)mib << 20;
    TRIB_TRY(trib_value_need(map, "kafka", &kafka));
    return read_kafka(kafka, file, ret_settings);
}

void cloud_bridge_settings_deinit(cloud_bridge_settings *settings) {
    for (size_t i = 0; i < settings->setting_count; i++) {
        trib_wipe(settings->settings[i].value, strlen(settings->settings[i].value));
        trib_free(settings->settings[i].value);
    }
    settings->setting_count = 0;
}
