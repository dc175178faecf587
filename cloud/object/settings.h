/* The `object` map of a config file as a bucket: one of
 *     file: {folder, shared}
 *     s3: {bucket, access_key, secret_key, endpoint, region, session_token, ca_file, path_style,
 *          one_request_mb}
 *     azure: {account, container, account_key or sas, endpoint, ca_file}
 *     gcs: {bucket, service_account, endpoint, ca_file}
 * and retry: {tries, first_ms, most_ms, budget_ms, timeout_ms, connections}. Keys that are secrets
 * are read as common/config/secret.h says. docs/object-storage.md is the reference.
 *
 * errors   TRIB_E_ARGUMENT with file, line and key; those of backends.h
 * owns     the bucket is the caller's, until bucket->destroy
 * threads  as creating a backend
 */
#ifndef CLOUD_OBJECT_SETTINGS_H
#define CLOUD_OBJECT_SETTINGS_H

#include "cloud/object/backends.h"
#include "common/config/config.h"

/* `file` is the config's name: relative paths are below its folder. Clock and disk outlive the
 * bucket. */
TRIB_MUST_CHECK trib_status cloud_bucket_open(trib_value map, const char *file, trib_disk *disk,
                                              const trib_clock *clock, cloud_bucket **ret_bucket);

#endif
