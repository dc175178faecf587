#include "edge/config/kafka_config.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "edge/config/inside.h"

/* ---- settings of librdkafka ---- */

/* What this program decides itself, and by which key a person says it. */
static trib_status refuse_own(trib_value value, const char *name) {
    static const char *const own[][2] = {
        {"bootstrap.servers", "say source.brokers"},
        {"metadata.broker.list", "say source.brokers"},
        {"group.id", "say source.group"},
        {"auto.offset.reset", "say source.start"},
        {"enable.auto.commit", "offsets are kept with the rows"},
        {"enable.auto.offset.store", "offsets are kept with the rows"},
        {"isolation.level", "only committed rows are read"},
        {"enable.partition.eof", "it is of no use here"},
        {"log.queue", "it is set already"},
    };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (strcmp(name, own[i][0]) == 0) {
            return trib_value_refuse(value, "cannot be set: %s", own[i][1]);
        }
    }
    return TRIB_SUCCESS;
}

static bool is_secret(const char *name) {
    static const char *const secrets[] = {
        "sasl.password", "ssl.key.password",        "ssl.keystore.password",
        "ssl.key.pem",   "sasl.oauthbearer.config", "sasl.oauthbearer.client.secret"};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        if (strcmp(name, secrets[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* ssl.ca.location and its like; "probe" is a word of librdkafka. */
static bool is_path(const char *name, const char *text) {
    static const char end[] = ".location";
    size_t size = strlen(name);
    return size >= sizeof end && strcmp(name + size - (sizeof end - 1), end) == 0 &&
           strcmp(text, "probe") != 0;
}

static trib_status keep(trib_value value, edge_kafka_config *kafka, edge_kafka_setting setting) {
    size_t name = strlen(setting.name) + 1, text = strlen(setting.value) + 1;
    if (kafka->settings_size + 1 + name + text > sizeof kafka->settings) {
        return trib_value_refuse(value, "the settings together take more than %d bytes",
                                 EDGE_KAFKA_SETTINGS_SIZE);
    }
    char *to = kafka->settings + kafka->settings_size;
    *to++ = (char)setting.origin;
    memcpy(to, setting.name, name);
    memcpy(to + name, setting.value, text);
    kafka->settings_size += 1 + name + text;
    return TRIB_SUCCESS;
}

/* {file: PATH} or {environment: NAME} */
static trib_status read_elsewhere(trib_value value, const char *name, edge_config_place below,
                                  edge_kafka_config *kafka) {
    static const char *const keys[] = {"file", "environment", NULL};
    char path[EDGE_PATH_SIZE];
    trib_value file, variable;
    TRIB_TRY(trib_config_only(value, keys));
    TRIB_TRY(trib_value_find(value, "file", &file));
    TRIB_TRY(trib_value_find(value, "environment", &variable));
    if (trib_value_present(file) == trib_value_present(variable)) {
        return trib_value_refuse(value, "expected {file: PATH} or {environment: NAME}");
    }
    if (trib_value_present(file)) {
        TRIB_TRY(edge_config_take_path(file, below, path));
        return keep(value, kafka, (edge_kafka_setting){EDGE_KAFKA_FILE, name, path});
    }
    const char *text = trib_value_text(variable);
    if (text == NULL || text[0] == '\0' || strchr(text, '=') != NULL) {
        return trib_value_refuse(variable, "expected the name of an environment variable");
    }
    return keep(value, kafka, (edge_kafka_setting){EDGE_KAFKA_ENVIRONMENT, name, text});
}

static trib_status read_setting(trib_value value, const char *name, edge_config_place below,
                                edge_kafka_config *kafka) {
    char path[EDGE_PATH_SIZE];
    TRIB_TRY(refuse_own(value, name));
    if (trib_value_is_map(value)) {
        return read_elsewhere(value, name, below, kafka);
    }
    const char *text = trib_value_text(value);
    if (text == NULL) {
        return trib_value_refuse(value,
                                 "expected a value, {file: PATH} or {environment: NAME}, found a "
                                 "list");
    }
    if (is_secret(name)) {
        return trib_value_refuse(value, "a secret does not stand in this file: say {file: PATH} or "
                                        "{environment: NAME}");
    }
    if (is_path(name, text)) {
        TRIB_TRY(edge_config_take_path(value, below, path));
        text = path;
    }
    return keep(value, kafka, (edge_kafka_setting){EDGE_KAFKA_PLAIN, name, text});
}

static trib_status read_settings(trib_value map, edge_config_place below,
                                 edge_kafka_config *kafka) {
    trib_value settings;
    TRIB_TRY(trib_value_find(map, "settings", &settings));
    if (trib_value_present(settings) && !trib_value_is_map(settings)) {
        return trib_value_expect(settings, "a map of librdkafka's settings");
    }
    for (size_t i = 0; i < trib_value_count(settings); i++) {
        trib_value value;
        const char *name = trib_value_key(settings, i, &value);
        TRIB_TRY(read_setting(value, name, below, kafka));
    }
    return TRIB_SUCCESS;
}

/* ---- the rest ---- */

static trib_status read_partitions(trib_value map, edge_kafka_config *kafka) {
    trib_value list;
    TRIB_TRY(trib_value_find(map, "partitions", &list));
    if (!trib_value_present(list)) {
        return TRIB_SUCCESS;
    }
    size_t count = trib_value_count(list);
    if (!trib_value_is_list(list) || count == 0 || count > EDGE_KAFKA_MAX_PARTITIONS) {
        return trib_value_expect(list, "a list of 1 to 256 partitions");
    }
    for (size_t i = 0; i < count; i++) {
        trib_value item = trib_value_item(list, i);
        int64_t number;
        TRIB_TRY(trib_value_integer(item, 0, EDGE_KAFKA_MAX_PARTITION, &number));
        for (size_t j = 0; j < i; j++) {
            if (kafka->partitions[j] == number) {
                return trib_value_refuse(item, "partition %d stands here twice", (int)number);
            }
        }
        kafka->partitions[i] = (int32_t)number;
    }
    kafka->partition_count = (uint32_t)count;
    return TRIB_SUCCESS;
}

/* [a-zA-Z0-9._-]{1,249}, as Kafka has it. */
static trib_status read_topic(trib_value map, edge_kafka_config *kafka) {
    trib_value topic;
    TRIB_TRY(trib_value_need(map, "topic", &topic));
    const char *text = trib_value_text(topic);
    size_t size = text != NULL ? strlen(text) : 0;
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (size == 0 || size >= EDGE_KAFKA_TOPIC_SIZE || strspn(text, letters) != size) {
        return trib_value_refuse(topic, "expected a topic: 1 to 249 of a-z A-Z 0-9 . _ -");
    }
    memcpy(kafka->topic, text, size + 1);
    return TRIB_SUCCESS;
}

static trib_status read_header(trib_value map, edge_kafka_config *kafka) {
    static const char *const formats[] = {"csv", "jsonl", NULL};
    size_t format = 0;
    trib_value header;
    TRIB_TRY(trib_config_choice(map, "format", formats, &format));
    TRIB_TRY(trib_value_find(map, "header", &header));
    if (format != 0) {
        return trib_value_present(header)
                   ? trib_value_refuse(header, "does not go with format jsonl: leave it out")
                   : TRIB_SUCCESS;
    }
    if (!trib_value_present(header)) {
        return trib_value_refuse(map, "records of CSV have no header line: say source.header, such "
                                      "as \"time_ms,vib_x,vib_y\", or format: jsonl");
    }
    TRIB_TRY(trib_value_copy(header, kafka->header, sizeof kafka->header));
    if (kafka->header[0] == '\0' || strpbrk(kafka->header, "\r\n") != NULL) {
        return trib_value_refuse(header, "expected one line that names the columns");
    }
    return TRIB_SUCCESS;
}

trib_status edge_config_read_kafka(trib_value map, edge_config_place below,
                                   edge_kafka_config *kafka) {
    static const char *const starts[] = {"earliest", "latest", NULL};
    size_t start = 0;
    trib_value brokers;
    TRIB_TRY(trib_value_need(map, "brokers", &brokers));
    TRIB_TRY(trib_value_copy(brokers, kafka->brokers, sizeof kafka->brokers));
    if (kafka->brokers[0] == '\0') {
        return trib_value_refuse(brokers, "expected HOST:PORT, or several with commas between");
    }
    TRIB_TRY(read_topic(map, kafka));
    TRIB_TRY(trib_config_text(map, "group", kafka->group, sizeof kafka->group));
    TRIB_TRY(trib_config_choice(map, "start", starts, &start));
    kafka->latest = start == 1;
    TRIB_TRY(read_header(map, kafka));
    TRIB_TRY(read_partitions(map, kafka));
    return read_settings(map, below, kafka);
}

/* ---- what others read ---- */

bool edge_kafka_next_setting(const edge_kafka_config *config, size_t *cursor,
                             edge_kafka_setting *ret_setting) {
    if (*cursor >= config->settings_size) {
        return false;
    }
    const char *at = config->settings + *cursor;
    const char *name = at + 1;
    const char *value = name + strlen(name) + 1;
    *ret_setting = (edge_kafka_setting){(edge_kafka_origin)at[0], name, value};
    *cursor = (size_t)(value + strlen(value) + 1 - config->settings);
    return true;
}

static trib_status read_file(const edge_kafka_setting *setting, trib_buffer *value) {
    trib_status status = trib_file_read(setting->value, value);
    TRIB_TRY(trib_context(status, "source.settings.%s", setting->name));
    if (value->size > 0 && value->data[value->size - 1] == '\n') {
        value->size--;
    }
    if (value->size > 0 && value->data[value->size - 1] == '\r') {
        value->size--;
    }
    if (value->size == 0 || memchr(value->data, '\0', value->size) != NULL) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "source.settings.%s: %s is empty or no text",
                         setting->name, setting->value);
    }
    return TRIB_SUCCESS;
}

trib_status edge_kafka_read_value(const edge_kafka_setting *setting, trib_buffer *ret_value) {
    /* whole at once: what growing leaves behind would not be wiped */
    TRIB_TRY(trib_buffer_reserve(ret_value, EDGE_KAFKA_SECRET_MOST_BYTES));
    if (setting->origin == EDGE_KAFKA_FILE) {
        TRIB_TRY(read_file(setting, ret_value));
        return trib_buffer_append(ret_value, trib_bytes_of("", 1));
    }
    const char *text = setting->value;
    if (setting->origin == EDGE_KAFKA_ENVIRONMENT) {
        text = getenv(setting->value);
        if (text == NULL || text[0] == '\0') {
            return TRIB_FAIL(TRIB_E_NOT_FOUND,
                             "source.settings.%s: the environment variable %s is not set",
                             setting->name, setting->value);
        }
    }
    return trib_buffer_append(ret_value, trib_bytes_of(text, strlen(text) + 1));
}

void edge_kafka_wipe_value(trib_buffer *value) {
    volatile uint8_t *data = value->data;
    for (size_t i = 0; data != NULL && i < value->capacity; i++) {
        data[i] = 0;
    }
    trib_buffer_deinit(value);
}
