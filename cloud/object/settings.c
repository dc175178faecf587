#include "cloud/object/settings.h"

#include <stdio.h>
#include <string.h>

#include "common/config/secret.h"
#include "common/crypto/crypto.h"

enum { TEXTS = 8, PATH_SIZE = 1024 };

/* The texts of one backend's map, wiped when it is done. */
typedef struct texts {
    const char *file;
    trib_value map;
    trib_buffer held[TEXTS];
    size_t count;
} texts;

static void wipe_texts(texts *all) {
    for (size_t i = 0; i < all->count; i++) {
        if (all->held[i].size > 0) {
            trib_wipe(all->held[i].data, all->held[i].size);
        }
        trib_buffer_deinit(&all->held[i]);
    }
}

/* NULL where the key is absent. */
static trib_status take(texts *all, const char *key, const char **ret_text) {
    trib_value value;
    TRIB_TRY(trib_value_find(all->map, key, &value));
    if (!trib_value_present(value)) {
        return TRIB_SUCCESS;
    }
    TRIB_ASSERT(all->count < TEXTS);
    trib_buffer *held = &all->held[all->count++];
    *held = (trib_buffer){.ceiling = CLOUD_SETTING_MAX_BYTES + 1};
    TRIB_TRY(trib_value_secret(value, all->file, held));
    *ret_text = (const char *)held->data;
    return TRIB_SUCCESS;
}

static trib_status take_path(texts *all, const char *key, const char **ret_path) {
    trib_value value;
    char path[PATH_SIZE];
    TRIB_TRY(trib_value_find(all->map, key, &value));
    if (!trib_value_present(value)) {
        return TRIB_SUCCESS;
    }
    TRIB_ASSERT(all->count < TEXTS);
    TRIB_TRY(trib_value_path(value, all->file, path, sizeof path));
    trib_buffer *held = &all->held[all->count++];
    *held = (trib_buffer){.ceiling = PATH_SIZE + 1};
    TRIB_TRY(trib_buffer_append(held, trib_bytes_of((const uint8_t *)path, strlen(path) + 1)));
    *ret_path = (const char *)held->data;
    return TRIB_SUCCESS;
}

static trib_status read_retry(trib_value root, cloud_retry *ret_retry) {
    static const char *const keys[] = {"tries",      "first_ms",    "most_ms", "budget_ms",
                                       "timeout_ms", "connections", NULL};
    trib_value map;
    TRIB_TRY(trib_value_find(root, "retry", &map));
    TRIB_TRY(trib_config_only(map, keys));
    TRIB_TRY(trib_config_u32(map, "tries", 1, 100, &ret_retry->tries));
    TRIB_TRY(trib_config_u32(map, "first_ms", 1, 60000, &ret_retry->first_ms));
    TRIB_TRY(trib_config_u32(map, "most_ms", 1, 600000, &ret_retry->most_ms));
    TRIB_TRY(trib_config_u32(map, "budget_ms", 1, 86400000, &ret_retry->budget_ms));
    TRIB_TRY(trib_config_u32(map, "timeout_ms", 1000, 600000, &ret_retry->timeout_ms));
    return trib_config_u32(map, "connections", 1, CLOUD_BUCKET_MAX_CONNECTIONS,
                           &ret_retry->connections);
}

static trib_status open_files(texts *all, trib_disk *disk, const trib_clock *clock,
                              cloud_bucket **ret_bucket) {
    static const char *const keys[] = {"folder", "shared", NULL};
    cloud_files_config config = {.disk = disk, .clock = clock, .shared = true};
    TRIB_TRY(trib_config_only(all->map, keys));
    TRIB_TRY(take_path(all, "folder", &config.folder));
    TRIB_TRY(trib_config_flag(all->map, "shared", &config.shared));
    return cloud_bucket_files(&config, ret_bucket);
}

static trib_status open_s3(texts *all, const cloud_retry *retry, cloud_bucket **ret_bucket) {
    static const char *const keys[] = {
        "endpoint",      "region",  "bucket",     "access_key",     "secret_key",
        "session_token", "ca_file", "path_style", "one_request_mb", NULL};
    cloud_s3_config config = {.retry = *retry};
    TRIB_TRY(trib_config_only(all->map, keys));
    TRIB_TRY(take(all, "endpoint", &config.endpoint));
    TRIB_TRY(take(all, "region", &config.region));
    TRIB_TRY(take(all, "bucket", &config.bucket));
    TRIB_TRY(take(all, "access_key", &config.access_key));
    TRIB_TRY(take(all, "secret_key", &config.secret_key));
    TRIB_TRY(take(all, "session_token", &config.session_token));
    TRIB_TRY(take_path(all, "ca_file", &config.ca_file));
    TRIB_TRY(trib_config_flag(all->map, "path_style", &config.path_style));
    TRIB_TRY(trib_config_u32(all->map, "one_request_mb", 1, CLOUD_S3_MAX_ONE_REQUEST_MB,
                             &config.one_request_mb));
    return cloud_bucket_s3(&config, ret_bucket);
}

static trib_status open_azure(texts *all, const cloud_retry *retry, cloud_bucket **ret_bucket) {
    static const char *const keys[] = {"endpoint", "account", "container", "account_key",
                                       "sas",      "ca_file", NULL};
    cloud_azure_config config = {.retry = *retry};
    TRIB_TRY(trib_config_only(all->map, keys));
    TRIB_TRY(take(all, "endpoint", &config.endpoint));
    TRIB_TRY(take(all, "account", &config.account));
    TRIB_TRY(take(all, "container", &config.container));
    TRIB_TRY(take(all, "account_key", &config.account_key));
    TRIB_TRY(take(all, "sas", &config.sas));
    TRIB_TRY(take_path(all, "ca_file", &config.ca_file));
    return cloud_bucket_azure(&config, ret_bucket);
}

static trib_status open_gcs(texts *all, const cloud_retry *retry, cloud_bucket **ret_bucket) {
    static const char *const keys[] = {"endpoint", "bucket", "service_account", "ca_file", NULL};
    cloud_gcs_config config = {.retry = *retry};
    TRIB_TRY(trib_config_only(all->map, keys));
    TRIB_TRY(take(all, "endpoint", &config.endpoint));
    TRIB_TRY(take(all, "bucket", &config.bucket));
    TRIB_TRY(take(all, "service_account", &config.service_account));
    TRIB_TRY(take_path(all, "ca_file", &config.ca_file));
    return cloud_bucket_gcs(&config, ret_bucket);
}

trib_status cloud_bucket_open(trib_value map, const char *file, trib_disk *disk,
                              const trib_clock *clock, cloud_bucket **ret_bucket) {
    static const char *const keys[] = {"file", "s3", "azure", "gcs", "retry", NULL};
    TRIB_SCOPED(wipe_texts) texts all = {.file = file};
    cloud_retry retry = {.tries = 0};
    size_t which = 4, found = 0;
    TRIB_TRY(trib_config_only(map, keys));
    TRIB_TRY(read_retry(map, &retry));
    for (size_t i = 0; i < 4; i++) {
        trib_value one;
        TRIB_TRY(trib_value_find(map, keys[i], &one));
        if (trib_value_present(one)) {
            all.map = one;
            which = i;
            found++;
        }
    }
    if (found != 1) {
        return trib_value_refuse(map, "expected one of file, s3, azure and gcs, found %zu", found);
    }
    if (!trib_value_is_map(all.map)) {
        return trib_value_expect(all.map, "a map of settings");
    }
    trib_status status = which == 0   ? open_files(&all, disk, clock, ret_bucket)
                         : which == 1 ? open_s3(&all, &retry, ret_bucket)
                         : which == 2 ? open_azure(&all, &retry, ret_bucket)
                                      : open_gcs(&all, &retry, ret_bucket);
    /* A backend knows of no file; it may quote one's name all the same. */
    bool placed =
        strncmp(trib_message(), file, strlen(file)) == 0 && trib_message()[strlen(file)] == ':';
    if (status.code == TRIB_E_ARGUMENT && !placed) {
        char why[400];
        (void)snprintf(why, sizeof why, "%s", trib_message());
        return trib_value_refuse(all.map, "%s", why);
    }
    return status;
}
