#include "edge/config/edge_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/heap.h"
#include "edge/config/inside.h"

typedef edge_config_place place;

static place folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (place){path, (size_t)(slash - path) + 1} : (place){"", 0};
}

trib_status edge_config_take_path(trib_value value, edge_config_place below,
                                  char ret_path[EDGE_PATH_SIZE]) {
    const char *text = trib_value_text(value);
    if (text == NULL || text[0] == '\0') {
        return trib_value_refuse(value, "expected a path");
    }
    size_t prefix = text[0] == '/' ? 0 : below.size;
    size_t size = strlen(text);
    if (prefix + size >= EDGE_PATH_SIZE) {
        return trib_value_refuse(value, "expected a path of at most %d bytes, found %zu",
                                 EDGE_PATH_SIZE - 1, prefix + size);
    }
    memcpy(ret_path, below.folder, prefix);
    memcpy(ret_path + prefix, text, size + 1);
    return TRIB_SUCCESS;
}

static trib_status need_path(trib_value map, const char *key, place below,
                             char ret_path[EDGE_PATH_SIZE]) {
    trib_value value;
    TRIB_TRY(trib_value_need(map, key, &value));
    return edge_config_take_path(value, below, ret_path);
}

static trib_status read_broker(trib_value root, place below, edge_broker_config *broker) {
    static const char *const keys[] = {"uri", "ca", "certificate", "key", "keep_alive_s", NULL};
    trib_value map, uri;
    TRIB_TRY(trib_value_need(root, "broker", &map));
    TRIB_TRY(trib_config_only(map, keys));
    TRIB_TRY(trib_value_need(map, "uri", &uri));
    TRIB_TRY(trib_value_copy(uri, broker->uri, sizeof broker->uri));
    if (strncmp(broker->uri, "ssl://", 6) != 0) {
        return trib_value_refuse(uri, "expected ssl://HOST:PORT, found '%s'", broker->uri);
    }
    TRIB_TRY(need_path(map, "ca", below, broker->ca));
    TRIB_TRY(need_path(map, "certificate", below, broker->certificate));
    TRIB_TRY(need_path(map, "key", below, broker->key));
    return trib_config_u32(map, "keep_alive_s", 5, 3600, &broker->keep_alive_s);
}

static trib_status read_trust(trib_value root, place below, edge_config *config) {
    trib_value list;
    TRIB_TRY(trib_value_need(root, "trust", &list));
    size_t count = trib_value_count(list);
    if (!trib_value_is_list(list) || count == 0 || count > EDGE_MAX_TRUSTED) {
        return trib_value_expect(list, "a list of 1 to 8 files with public keys");
    }
    for (size_t i = 0; i < count; i++) {
        TRIB_TRY(edge_config_take_path(trib_value_item(list, i), below, config->trust[i]));
    }
    config->trust_count = (uint32_t)count;
    return TRIB_SUCCESS;
}

static trib_status read_speed(trib_value map, double *speed) {
    trib_value value;
    TRIB_TRY(trib_value_find(map, "speed", &value));
    if (!trib_value_present(value)) {
        return TRIB_SUCCESS;
    }
    const char *text = trib_value_text(value);
    if (text != NULL && strcmp(text, "max") == 0) {
        *speed = 0;
        return TRIB_SUCCESS;
    }
    char *end = NULL;
    double number = text != NULL ? strtod(text, &end) : 0;
    if (text == NULL || end == text || *end != '\0' || !(number >= 0.001 && number <= 1e6)) {
        return trib_value_refuse(value,
                                 "expected max, or a number from 0.001 to 1000000, found '%s'",
                                 text != NULL ? text : "a list or map");
    }
    *speed = number;
    return TRIB_SUCCESS;
}

/* "127.0.0.1:PORT", or the path of a socket. */
static trib_status read_socket(trib_value map, place below, edge_source_config *source) {
    static const char local[] = "127.0.0.1:";
    enum { SOCKET_PATH_MOST = 107 }; /* sun_path, unix(7) */
    trib_value value;
    TRIB_TRY(trib_value_need(map, "path", &value));
    const char *text = trib_value_text(value);
    if (text != NULL && strncmp(text, local, sizeof local - 1) == 0) {
        char *end = NULL;
        const char *digits = text + sizeof local - 1;
        unsigned long port = digits[0] >= '0' && digits[0] <= '9' ? strtoul(digits, &end, 10) : 0;
        if (port == 0 || port > UINT16_MAX || *end != '\0') {
            return trib_value_refuse(value, "expected a port from 1 to 65535 after %s, found '%s'",
                                     local, text);
        }
        source->port = (uint16_t)port;
        return TRIB_SUCCESS;
    }
    TRIB_TRY(edge_config_take_path(value, below, source->path));
    size_t size = strlen(source->path);
    if (size > SOCKET_PATH_MOST) {
        return trib_value_refuse(value, "expected a socket path of at most %d bytes, found %zu",
                                 SOCKET_PATH_MOST, size);
    }
    return TRIB_SUCCESS;
}

/* Keys that only some kinds know. */
static trib_status refuse_key(trib_value map, const char *key, const char *kind) {
    trib_value value;
    TRIB_TRY(trib_value_find(map, key, &value));
    return trib_value_present(value)
               ? trib_value_refuse(value, "does not go with kind %s: leave it out", kind)
               : TRIB_SUCCESS;
}

static trib_status refuse_keys(trib_value map, const char *const *keys, const char *kind) {
    for (size_t i = 0; keys[i] != NULL; i++) {
        TRIB_TRY(refuse_key(map, keys[i], kind));
    }
    return TRIB_SUCCESS;
}

static const char *const replay_keys[] = {"speed", "loop", NULL};
static const char *const kafka_keys[] = {"brokers",    "topic", "group",    "header",
                                         "partitions", "start", "settings", NULL};

static trib_status read_source(trib_value root, place below, edge_source_config *source) {
    static const char *const keys[] = {"kind",    "path",     "format", "speed",  "loop",
                                       "brokers", "topic",    "group",  "header", "partitions",
                                       "start",   "settings", NULL};
    static const char *const kinds[] = {"replay", "stdin", "socket", "kafka", NULL};
    static const char *const formats[] = {"csv", "jsonl", NULL};
    static const char *const loops[] = {"false", "true", "live", NULL};
    trib_value map, kind;
    TRIB_TRY(trib_value_need(root, "source", &map));
    TRIB_TRY(trib_config_only(map, keys));
    TRIB_TRY(trib_value_need(map, "kind", &kind));
    size_t chosen = 0, format = 0, loop = 0;
    TRIB_TRY(trib_value_choice(kind, kinds, &chosen));
    TRIB_TRY(trib_config_choice(map, "format", formats, &format));
    source->kind = (edge_source_kind)chosen;
    source->format = (edge_source_format)format;
    if (source->kind != EDGE_SOURCE_REPLAY) {
        TRIB_TRY(refuse_keys(map, replay_keys, kinds[chosen]));
    }
    if (source->kind != EDGE_SOURCE_KAFKA) {
        TRIB_TRY(refuse_keys(map, kafka_keys, kinds[chosen]));
    }
    switch (source->kind) {
    case EDGE_SOURCE_REPLAY:
        TRIB_TRY(need_path(map, "path", below, source->path));
        TRIB_TRY(read_speed(map, &source->speed));
        TRIB_TRY(trib_config_choice(map, "loop", loops, &loop));
        source->loop = (edge_source_loop)loop;
        return TRIB_SUCCESS;
    case EDGE_SOURCE_STDIN:
        return refuse_key(map, "path", kinds[chosen]);
    case EDGE_SOURCE_SOCKET:
        return read_socket(map, below, source);
    case EDGE_SOURCE_KAFKA:
        TRIB_TRY(refuse_key(map, "path", kinds[chosen]));
        return edge_config_read_kafka(map, below, &source->kafka);
    }
    return TRIB_SUCCESS;
}

static trib_status read_store(trib_value root, edge_config *config) {
    static const char *const keys[] = {"limit_mb", NULL};
    trib_value map;
    TRIB_TRY(trib_value_find(root, "store", &map));
    TRIB_TRY(trib_config_only(map, keys));
    return trib_config_u32(map, "limit_mb", 1, 65536, &config->store_limit_mb);
}

static trib_status read_predictions(trib_value root, edge_config *config) {
    static const char *const keys[] = {"publish", "every", NULL};
    trib_value map;
    TRIB_TRY(trib_value_find(root, "predictions", &map));
    TRIB_TRY(trib_config_only(map, keys));
    TRIB_TRY(trib_config_flag(map, "publish", &config->predictions_publish));
    return trib_config_u32(map, "every", 1, 1000000, &config->predictions_every);
}

static trib_status read_telemetry(trib_value root, edge_config *config) {
    size_t level = TRIB_TELEMETRY_NONE;
    TRIB_TRY(trib_config_choice(root, "telemetry", trib_telemetry_words, &level));
    config->telemetry = (trib_telemetry_level)level;
    return TRIB_SUCCESS;
}

static trib_status read_log(trib_value root, edge_config *config) {
    static const char *const keys[] = {"format", "level", NULL};
    static const char *const formats[] = {"text", "json", NULL};
    static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
    trib_value map;
    size_t format = config->log_format, level = config->log_level;
    TRIB_TRY(trib_value_find(root, "log", &map));
    TRIB_TRY(trib_config_only(map, keys));
    TRIB_TRY(trib_config_choice(map, "format", formats, &format));
    TRIB_TRY(trib_config_choice(map, "level", levels, &level));
    config->log_format = (edge_log_format)format;
    config->log_level = (edge_log_level)level;
    return TRIB_SUCCESS;
}

static trib_status read_all(trib_value root, place below, edge_config *config) {
    static const char *const keys[] = {"federation", "state",       "broker",    "trust", "source",
                                       "store",      "predictions", "telemetry", "log",   NULL};
    trib_value federation;
    TRIB_TRY(trib_config_only(root, keys));
    TRIB_TRY(trib_value_need(root, "federation", &federation));
    TRIB_TRY(trib_value_name(federation, config->federation));
    TRIB_TRY(need_path(root, "state", below, config->state));
    TRIB_TRY(read_broker(root, below, &config->broker));
    TRIB_TRY(read_trust(root, below, config));
    TRIB_TRY(read_source(root, below, &config->source));
    TRIB_TRY(read_store(root, config));
    TRIB_TRY(read_predictions(root, config));
    TRIB_TRY(read_telemetry(root, config));
    return read_log(root, config);
}

trib_status edge_config_parse(const char *path, trib_bytes text, edge_config *ret_config) {
    TRIB_SCOPED(trib_config_destroy_scoped) trib_config *file = NULL;
    TRIB_SCOPED(trib_free_scoped) edge_config *config = trib_allocate(1, sizeof *config);
    if (config == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a configuration");
    }
    *config = (edge_config){.broker.keep_alive_s = 60,
                            .source.speed = 1,
                            .store_limit_mb = 64,
                            .predictions_every = 1,
                            .log_level = EDGE_LOG_INFO};
    TRIB_TRY(trib_config_parse(path, text, &file));
    TRIB_TRY(read_all(trib_config_root(file), folder_of(path), config));
    *ret_config = *config;
    return TRIB_SUCCESS;
}

trib_status edge_config_load(const char *path, edge_config *ret_config) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = TRIB_CONFIG_MAX_BYTES};
    TRIB_TRY(trib_file_read(path, &text));
    return edge_config_parse(path, trib_buffer_view(&text), ret_config);
}
