/* What s3.c and s3_parts.c share. Private to the room.
 *
 * errors   as bucket.h
 * owns     a request that was made is the caller's, after a failure too
 * threads  any
 */
#ifndef CLOUD_OBJECT_S3_H
#define CLOUD_OBJECT_S3_H

#include "cloud/object/backends.h"
#include "cloud/object/remote.h"

typedef struct s3_bucket {
    cloud_remote remote; /* first */
    char sigv4[96];
    char user_key[800]; /* secret */
    char session_token[CLOUD_SETTING_MAX_BYTES];
} s3_bucket;

/* `key` "": the bucket. `query`: escaped and sorted, or "". */
TRIB_MUST_CHECK trib_status s3_request(const cloud_remote *remote, const char *method,
                                       const char *key, const char *query,
                                       http_request **ret_request);
/* The body and its digest, which the server checks. Every request has one, if only an empty one. */
TRIB_MUST_CHECK trib_status s3_body(http_request *request, trib_bytes body);
void s3_describe(http_request *request, const cloud_upload *upload);

TRIB_MUST_CHECK trib_status s3_put_one(cloud_remote *remote, const cloud_upload *upload,
                                       uint32_t *ret_tries, bool *ret_unchecked);
TRIB_MUST_CHECK trib_status s3_get_one(cloud_remote *remote, const char *key,
                                       const cloud_stat *found, http_drain *drain);
TRIB_MUST_CHECK trib_status s3_parts_begin(cloud_remote *remote, cloud_upload *upload);
TRIB_MUST_CHECK trib_status s3_part_put(cloud_remote *remote, cloud_upload *upload, uint32_t index,
                                        trib_bytes content);
TRIB_MUST_CHECK trib_status s3_parts_finish(cloud_remote *remote, cloud_upload *upload,
                                            uint32_t *ret_tries);
void s3_parts_drop(cloud_remote *remote, cloud_upload *upload);
TRIB_MUST_CHECK trib_status s3_sweep(cloud_remote *remote, uint64_t before_ms);

#endif
