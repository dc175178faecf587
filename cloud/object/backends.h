/* The four backends of bucket.h. A config's texts are copied; secrets are wiped with the bucket.
 *
 * errors   TRIB_E_ARGUMENT a setting that is missing or cannot be, by name;  TRIB_E_IO no memory
 * owns     what is created is the caller's, until bucket->destroy
 * threads  creating: any, once the first has returned
 */
#ifndef CLOUD_OBJECT_BACKENDS_H
#define CLOUD_OBJECT_BACKENDS_H

#include "cloud/object/bucket.h"
#include "common/port/clock.h"
#include "common/port/disk.h"

enum {
    CLOUD_SETTING_MAX_BYTES = 4096,    /* of one of these texts; a private key's file too */
    CLOUD_S3_MAX_ONE_REQUEST_MB = 5120 /* what S3 takes in one */
};

/* Objects are plain files below `folder`, under their keys ("%" and a leading "." escaped, names
 * over 240 bytes in pieces); `folder`/.tributary holds digests and what is being written. Both disk
 * and clock outlive the bucket. */
typedef struct cloud_files_config {
    trib_disk *disk;
    const trib_clock *clock;
    const char *folder;
    bool shared; /* writers take a lock (flock) on the folder, so that there may be several: needs a
                    disk of the system */
} cloud_files_config;
TRIB_MUST_CHECK trib_status cloud_bucket_files(const cloud_files_config *config,
                                               cloud_bucket **ret_bucket);

typedef struct cloud_s3_config {
    const char *endpoint; /* URL; NULL: Amazon's in the region */
    const char *region;   /* NULL: us-east-1 */
    const char *bucket;
    const char *access_key;
    const char *secret_key;
    const char *session_token; /* NULL: none */
    const char *ca_file;       /* PEM; NULL: the system's */
    bool path_style;           /* ENDPOINT/BUCKET/KEY instead of BUCKET.ENDPOINT/KEY */
    uint32_t one_request_mb;   /* MiB; larger objects go in parts, and those to be resumed; 0: 64 */
    cloud_retry retry;
} cloud_s3_config;
TRIB_MUST_CHECK trib_status cloud_bucket_s3(const cloud_s3_config *config,
                                            cloud_bucket **ret_bucket);

typedef struct cloud_azure_config {
    const char *endpoint; /* URL, with the account where it belongs into the path; NULL: Azure's */
    const char *account;
    const char *container;
    const char *account_key; /* base64; this or a SAS */
    const char *sas;         /* the query of a shared access signature */
    const char *ca_file;
    cloud_retry retry;
} cloud_azure_config;
TRIB_MUST_CHECK trib_status cloud_bucket_azure(const cloud_azure_config *config,
                                               cloud_bucket **ret_bucket);

typedef struct cloud_gcs_config {
    const char *endpoint; /* URL; NULL: Google's */
    const char *bucket;
    const char *service_account; /* the JSON of its key; NULL: no authorisation (emulators) */
    const char *ca_file;
    cloud_retry retry;
} cloud_gcs_config;
TRIB_MUST_CHECK trib_status cloud_bucket_gcs(const cloud_gcs_config *config,
                                             cloud_bucket **ret_bucket);

#endif
