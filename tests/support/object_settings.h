/* A bucket as the environment describes it: OBJECT_BACKEND and the settings of
 * docs/object-storage.md in capitals, e.g. OBJECT_ENDPOINT, OBJECT_ACCESS_KEY. For programs of
 * tests and benches. */
#ifndef TESTS_SUPPORT_OBJECT_SETTINGS_H
#define TESTS_SUPPORT_OBJECT_SETTINGS_H

#include <stdlib.h>
#include <string.h>

#include "cloud/object/backends.h"
#include "common/base/file.h"
#include "common/port/posix/system.h"

static inline uint32_t object_number(const char *name) {
    const char *text = getenv(name);
    return text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

static inline trib_status object_open_gcs(const cloud_retry *retry, cloud_bucket **ret_bucket) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer account = {.ceiling = CLOUD_SETTING_MAX_BYTES};
    const char *path = getenv("OBJECT_SERVICE_ACCOUNT_FILE");
    if (path != NULL) {
        TRIB_TRY(trib_file_read(path, &account));
        TRIB_TRY(trib_buffer_append(&account, trib_bytes_of("", 1)));
    }
    return cloud_bucket_gcs(&(cloud_gcs_config){.endpoint = getenv("OBJECT_ENDPOINT"),
                                                .bucket = getenv("OBJECT_BUCKET"),
                                                .service_account = (const char *)account.data,
                                                .ca_file = getenv("OBJECT_CA_FILE"),
                                                .retry = *retry},
                            ret_bucket);
}

static inline trib_status object_open(cloud_bucket **ret_bucket) {
    const char *backend = getenv("OBJECT_BACKEND");
    const cloud_retry retry = {.tries = object_number("OBJECT_TRIES"),
                               .first_ms = object_number("OBJECT_FIRST_MS"),
                               .most_ms = object_number("OBJECT_MOST_MS"),
                               .budget_ms = object_number("OBJECT_BUDGET_MS"),
                               .timeout_ms = object_number("OBJECT_TIMEOUT_MS"),
                               .connections = object_number("OBJECT_CONNECTIONS")};
    if (backend == NULL || strcmp(backend, "file") == 0) {
        return cloud_bucket_files(&(cloud_files_config){.disk = trib_posix_disk(),
                                                        .clock = trib_posix_clock(),
                                                        .folder = getenv("OBJECT_FOLDER"),
                                                        .shared = true},
                                  ret_bucket);
    }
    if (strcmp(backend, "s3") == 0) {
        return cloud_bucket_s3(
            &(cloud_s3_config){.endpoint = getenv("OBJECT_ENDPOINT"),
                               .region = getenv("OBJECT_REGION"),
                               .bucket = getenv("OBJECT_BUCKET"),
                               .access_key = getenv("OBJECT_ACCESS_KEY"),
                               .secret_key = getenv("OBJECT_SECRET_KEY"),
                               .session_token = getenv("OBJECT_SESSION_TOKEN"),
                               .ca_file = getenv("OBJECT_CA_FILE"),
                               .path_style = getenv("OBJECT_VIRTUAL_HOST") == NULL,
                               .one_request_mb = object_number("OBJECT_ONE_REQUEST_MB"),
                               .retry = retry},
            ret_bucket);
    }
    if (strcmp(backend, "azure") == 0) {
        return cloud_bucket_azure(&(cloud_azure_config){.endpoint = getenv("OBJECT_ENDPOINT"),
                                                        .account = getenv("OBJECT_ACCOUNT"),
                                                        .container = getenv("OBJECT_BUCKET"),
                                                        .account_key = getenv("OBJECT_ACCOUNT_KEY"),
                                                        .sas = getenv("OBJECT_SAS"),
                                                        .ca_file = getenv("OBJECT_CA_FILE"),
                                                        .retry = retry},
                                  ret_bucket);
    }
    return object_open_gcs(&retry, ret_bucket);
}

#endif
