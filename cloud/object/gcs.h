/* What gcs.c and gcs_parts.c share. Private to the room.
 *
 * errors   as bucket.h
 * owns     a request that was made is the caller's, after a failure too
 * threads  any
 */
#ifndef CLOUD_OBJECT_GCS_H
#define CLOUD_OBJECT_GCS_H

#include "cloud/object/backends.h"
#include "cloud/object/gcs_token.h"
#include "cloud/object/remote.h"

typedef struct gcs_bucket {
    cloud_remote remote; /* first */
    gcs_tokens *tokens;  /* owned; NULL: no authorisation */
} gcs_bucket;

/* `before` and `after`: of the path, around the bucket; `after` may hold a key, escaped. */
TRIB_MUST_CHECK trib_status gcs_request(const cloud_remote *remote, const char *method,
                                        const char *before, const char *after,
                                        http_request **ret_request);
/* An object in one request, its MD5 told and compared by the server. `upload` gives digest and
 * type; NULL: a part's. */
TRIB_MUST_CHECK trib_status gcs_put(cloud_remote *remote, const char *name, trib_bytes content,
                                    const cloud_upload *upload, bool if_absent,
                                    uint32_t *ret_tries);
/* {"contentType": ..., "metadata": ...} or NULL without memory. */
json_t *gcs_describe(const cloud_upload *upload);

TRIB_MUST_CHECK trib_status gcs_parts_begin(cloud_remote *remote, cloud_upload *upload);
TRIB_MUST_CHECK trib_status gcs_part_put(cloud_remote *remote, cloud_upload *upload, uint32_t index,
                                         trib_bytes content);
TRIB_MUST_CHECK trib_status gcs_parts_finish(cloud_remote *remote, cloud_upload *upload,
                                             uint32_t *ret_tries);
void gcs_parts_drop(cloud_remote *remote, cloud_upload *upload);

#endif
