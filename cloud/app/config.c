#include "cloud/app/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/ledger/ledger.h"
#include "cloud/object/settings.h"
#include "common/base/file.h"
#include "common/config/config.h"
#include "common/port/posix/system.h"

static trib_status need_path(trib_value map, const char *key, const char *file, char *ret_path) {
    trib_value value;
    TRIB_TRY(trib_value_need(map, key, &value));
    return trib_value_path(value, file, ret_path, CLOUD_PATH_SIZE);
}

static trib_status read_broker(trib_value root, const char *file, cloud_config *config) {
    static const char *const keys[] = {"uri", "ca", "certificate", "key", NULL};
    trib_value broker, uri;
    TRIB_TRY(trib_value_need(root, "broker", &broker));
    TRIB_TRY(trib_config_only(broker, keys));
    TRIB_TRY(trib_value_need(broker, "uri", &uri));
    TRIB_TRY(trib_value_copy(uri, config->broker_uri, sizeof config->broker_uri));
    if (strncmp(config->broker_uri, "ssl://", 6) != 0) {
        return trib_value_refuse(uri, "expected ssl://HOST:PORT, found '%s'", config->broker_uri);
    }
    TRIB_TRY(need_path(broker, "ca", file, config->broker_ca));
    TRIB_TRY(need_path(broker, "certificate", file, config->broker_certificate));
    return need_path(broker, "key", file, config->broker_key);
}

static trib_status read_api(trib_value root, const char *file, cloud_config *config) {
    static const char *const keys[] = {"listen", "token_file", NULL};
    trib_value api, listen, token;
    TRIB_TRY(trib_value_find(root, "api", &api));
    TRIB_TRY(trib_config_only(api, keys));
    memcpy(config->api_host, "127.0.0.1", sizeof "127.0.0.1");
    config->api_port = 8700;
    (void)snprintf(config->api_token_file, sizeof config->api_token_file, "%.480s/api.token",
                   config->state);
    TRIB_TRY(trib_value_find(api, "listen", &listen));
    if (trib_value_present(listen)) {
        const char *text = trib_value_text(listen);
        const char *colon = text != NULL ? strrchr(text, ':') : NULL;
        char *end = NULL;
        unsigned long port = colon != NULL ? strtoul(colon + 1, &end, 10) : 0;
        if (colon == NULL || *end != '\0' || port == 0 || port > 65535 ||
            (size_t)(colon - text) >= sizeof config->api_host) {
            return trib_value_refuse(listen, "expected ADDRESS:PORT such as 127.0.0.1:8700");
        }
        memcpy(config->api_host, text, (size_t)(colon - text));
        config->api_host[colon - text] = '\0';
        config->api_port = (uint16_t)port;
    }
    TRIB_TRY(trib_value_find(api, "token_file", &token));
    return trib_value_present(token)
               ? trib_value_path(token, file, config->api_token_file, sizeof config->api_token_file)
               : TRIB_SUCCESS;
}

static trib_status read_log(trib_value root, cloud_config *config) {
    static const char *const keys[] = {"format", "level", NULL};
    trib_value log;
    size_t format = TRIB_LOG_TEXT, level = TRIB_LOG_INFO;
    TRIB_TRY(trib_value_find(root, "log", &log));
    TRIB_TRY(trib_config_only(log, keys));
    TRIB_TRY(trib_config_choice(log, "format", trib_log_formats, &format));
    TRIB_TRY(trib_config_choice(log, "level", trib_log_levels, &level));
    config->log_format = (trib_log_format)format;
    config->log_level = (trib_log_level)level;
    return TRIB_SUCCESS;
}

static trib_status read_mib(trib_value map, const char *key, uint64_t most, uint64_t *bytes) {
    trib_value value;
    int64_t mib = 0;
    TRIB_TRY(trib_value_find(map, key, &value));
    if (trib_value_present(value)) {
        TRIB_TRY(trib_value_integer(value, 1, (int64_t)most, &mib));
        *bytes = (uint64_t)mib << 20;
    }
    return TRIB_SUCCESS;
}

static trib_status read_archive(trib_value root, cloud_config *config) {
    static const char *const keys[] = {"ledger", "segment_mib", "keep_mib",
                                       "events", "batch_s",     NULL};
    enum { SEGMENT_MIB = CLOUD_LEDGER_SEGMENT_BYTES >> 20 };
    trib_value archive, ledger;
    config->archive_ledger = config->bucket != NULL;
    config->segment_bytes = CLOUD_LEDGER_SEGMENT_BYTES;
    TRIB_TRY(trib_value_find(root, "archive", &archive));
    TRIB_TRY(trib_config_only(archive, keys));
    if (trib_value_present(archive) && config->bucket == NULL) {
        return trib_value_refuse(archive, "there is no `object`: say where the archive is");
    }
    TRIB_TRY(trib_value_find(archive, "ledger", &ledger));
    config->archive_events = config->bucket != NULL;
    config->batch_s = 900;
    TRIB_TRY(trib_config_flag(archive, "ledger", &config->archive_ledger));
    TRIB_TRY(trib_config_flag(archive, "events", &config->archive_events));
    TRIB_TRY(trib_config_u32(archive, "batch_s", 1, 86400, &config->batch_s));
    TRIB_TRY(read_mib(archive, "segment_mib", SEGMENT_MIB, &config->segment_bytes));
    TRIB_TRY(read_mib(archive, "keep_mib", 1 << 20, &config->keep_bytes));
    if (config->keep_bytes > 0 && !config->archive_ledger) {
        return trib_value_refuse(ledger, "keep_mib removes what is in the bucket: with ledger: "
                                         "false nothing is");
    }
    return TRIB_SUCCESS;
}

static trib_status read_all(const char *path, trib_value root, cloud_config *config) {
    static const char *const keys[] = {"state",  "broker", "authorities", "api", "log",
                                       "bridge", "object", "archive",     NULL};
    trib_value bridge, object;
    TRIB_TRY(trib_config_only(root, keys));
    TRIB_TRY(need_path(root, "state", path, config->state));
    TRIB_TRY(read_broker(root, path, config));
    TRIB_TRY(need_path(root, "authorities", path, config->authorities));
    TRIB_TRY(read_api(root, path, config));
    TRIB_TRY(read_log(root, config));
    TRIB_TRY(trib_value_find(root, "bridge", &bridge));
    TRIB_TRY(cloud_bridge_settings_read(bridge, path, &config->bridge));
    TRIB_TRY(trib_value_find(root, "object", &object));
    if (trib_value_present(object)) {
        TRIB_TRY(cloud_bucket_open(object, path, trib_posix_disk(), trib_posix_clock(),
                                   &config->bucket));
    }
    if (config->bridge.claims_wanted && config->bucket == NULL) {
        return trib_value_refuse(bridge,
                                 "kafka.claim_check_kib needs an `object` to put bodies in");
    }
    return read_archive(root, config);
}

trib_status cloud_config_parse(const char *path, trib_bytes text, cloud_config *ret_config) {
    TRIB_SCOPED(trib_config_destroy_scoped) trib_config *document = NULL;
    cloud_config config = {.api_port = 0};
    TRIB_TRY(trib_config_parse(path, text, &document));
    trib_status status = read_all(path, trib_config_root(document), &config);
    if (!trib_ok(status)) {
        cloud_config_deinit(&config);
        return status;
    }
    *ret_config = config;
    return TRIB_SUCCESS;
}

void cloud_config_deinit(cloud_config *config) {
    cloud_bridge_settings_deinit(&config->bridge);
    if (config->bucket != NULL) {
        config->bucket->destroy(config->bucket);
        config->bucket = NULL;
    }
}

trib_status cloud_config_load(const char *path, cloud_config *ret_config) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = TRIB_CONFIG_MAX_BYTES};
    TRIB_TRY(trib_file_read(path, &text));
    return cloud_config_parse(path, trib_buffer_view(&text), ret_config);
}
