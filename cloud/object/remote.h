/* What the three services have in common: requests that are tried again, puts in parts, gets in
 * ranges. A service fills cloud_service, and its bucket begins with a cloud_remote. Private to the
 * room.
 *
 * errors   as bucket.h
 * owns     a remote its pool
 * threads  any, but for an upload's index that one worker has
 */
#ifndef CLOUD_OBJECT_REMOTE_H
#define CLOUD_OBJECT_REMOTE_H

#include <stdatomic.h>

#include "cloud/object/answers.h"
#include "cloud/object/http.h"
#include "cloud/object/retry.h"
#include "cloud/object/sign.h"

enum {
    REMOTE_TAG_SIZE = 96,
    REMOTE_HEX_SIZE = 2 * TRIB_HASH_BYTES + 1,
    REMOTE_PUT_ID_SIZE = 33,
    REMOTE_TWICE_BYTES =
        64 << 20 /* up to here a body is read twice rather than hashed on the way */
};
#define REMOTE_PARTS ".tributary/parts/"

typedef struct cloud_remote cloud_remote;

typedef struct upload_part {
    bool known;                   /* the service has a part of this index, with this MD5 */
    uint8_t md5[CLOUD_MD5_BYTES]; /* of known */
    char tag[REMOTE_TAG_SIZE];    /* S3's ETag, once it is put */
} upload_part;

/* One put. */
typedef struct cloud_upload {
    const char *key;
    const char *content_type;
    const cloud_body *body;
    char sha256[REMOTE_HEX_SIZE];
    char put_id[REMOTE_PUT_ID_SIZE]; /* of this put alone: who won, after an answer was lost */
    bool if_absent;
    bool resume;
    size_t part_bytes;
    uint32_t part_count; /* 1: the whole in one request */
    upload_part *parts;  /* [part_count] */
    char id[1024];       /* S3's */
} cloud_upload;

/* What is known of an object before it is read. */
typedef struct cloud_stat {
    cloud_object_info info;
    char version[256]; /* an ETag, a generation: ranges are of this one */
    char put_id[REMOTE_PUT_ID_SIZE];
} cloud_stat;

typedef struct service_error {
    const char *code; /* as the service names it */
    trib_code status;
    const char *look; /* which setting to look at */
} service_error;

typedef struct cloud_service {
    const char *bucket_word;     /* "bucket", "container" */
    const service_error *errors; /* ended by a code of NULL; they go before the status's own */
    /* Adds what authorises a request; done anew for each try. */
    TRIB_MUST_CHECK trib_status (*sign)(cloud_remote *remote, http_request *request);
    /* True where a refusal is worth one more try, as after a token that has expired. NULL: never.
     */
    bool (*refused)(cloud_remote *remote, const http_answer *answer);
    TRIB_MUST_CHECK trib_status (*put_whole)(cloud_remote *remote, const cloud_upload *upload,
                                             trib_bytes content, uint32_t *ret_tries);
    /* Of a body that is read while it is sent, its digest before it or, where upload->sha256 is "",
     * behind it. `ret_unchecked`: the server may not have compared that. NULL, as the next: what is
     * more than a part goes in parts only. */
    TRIB_MUST_CHECK trib_status (*put_one)(cloud_remote *remote, const cloud_upload *upload,
                                           uint32_t *ret_tries, bool *ret_unchecked);
    /* All that the drain has not taken yet. */
    TRIB_MUST_CHECK trib_status (*get_one)(cloud_remote *remote, const char *key,
                                           const cloud_stat *stat, http_drain *drain);
    /* With resume: finds what is there and fills `known`. */
    TRIB_MUST_CHECK trib_status (*parts_begin)(cloud_remote *remote, cloud_upload *upload);
    TRIB_MUST_CHECK trib_status (*part_put)(cloud_remote *remote, cloud_upload *upload,
                                            uint32_t index, trib_bytes content);
    TRIB_MUST_CHECK trib_status (*parts_finish)(cloud_remote *remote, cloud_upload *upload,
                                                uint32_t *ret_tries);
    /* As far as it can; after a failure that is not to be resumed. */
    void (*parts_drop)(cloud_remote *remote, cloud_upload *upload);
    TRIB_MUST_CHECK trib_status (*stat)(cloud_remote *remote, const char *key,
                                        cloud_stat *ret_stat);
    /* size > 0 bytes from offset, into the answer's content. */
    TRIB_MUST_CHECK trib_status (*range)(cloud_remote *remote, const char *key,
                                         const cloud_stat *stat, uint64_t offset, size_t size,
                                         http_answer *ret_answer);
    /* A page after `page->next`, the first if that is "". */
    TRIB_MUST_CHECK trib_status (*list)(cloud_remote *remote, const char *prefix, const char *after,
                                        answer_page *page);
    TRIB_MUST_CHECK trib_status (*remove)(cloud_remote *remote, const char *key);
    TRIB_MUST_CHECK trib_status (*sweep)(cloud_remote *remote, uint64_t before_ms);
    void (*wipe)(cloud_remote *remote); /* what the service itself owns */
} cloud_service;

struct cloud_remote {
    cloud_bucket interface; /* first, so that a pointer to it is a pointer to the whole */
    const cloud_service *service;
    http_pool *pool;
    cloud_retry retry;
    cloud_wait wait;
    uint64_t one_request_bytes; /* objects up to here go in one request */
    atomic_bool no_trailers;    /* the server has shown that it knows none */
    char bucket[256];
    char base[2048]; /* URL before the bucket or the key, without a slash at its end */
};

/* Checks and copies what all have; the caller destroys the remote after a failure too. */
TRIB_MUST_CHECK trib_status cloud_remote_init(cloud_remote *remote, const cloud_service *service,
                                              const char *backend, const char *bucket,
                                              const char *endpoint, const char *ca_file,
                                              const cloud_retry *retry);
/* Copies a setting into fixed storage; `fallback` for NULL or "" (NULL: it must be there). */
TRIB_MUST_CHECK trib_status cloud_setting(const char *name, const char *value, const char *fallback,
                                          char *ret_text, size_t size);

/* NULL without memory. */
http_request *cloud_request_create(const char *method);
/* For TRIB_SCOPED; wiped, since it holds what authorises. */
void cloud_request_destroy(http_request **request);
/* remote->base, then what is printed. */
void cloud_request_url(const cloud_remote *remote, http_request *request, const char *format, ...)
    TRIB_PRINTF(3, 4);

/* Tries until the answer is none of those worth another try. `key`: for messages; NULL: none. */
TRIB_MUST_CHECK trib_status cloud_remote_send(cloud_remote *remote, const char *key,
                                              http_request *request, http_answer *ret_answer);
/* Success for 2xx, else what the answer says. */
TRIB_MUST_CHECK trib_status cloud_remote_judge(const cloud_remote *remote, const char *key,
                                               const http_answer *answer);
/* Both. */
TRIB_MUST_CHECK trib_status cloud_remote_do(cloud_remote *remote, const char *key,
                                            http_request *request, http_answer *ret_answer);
/* Likewise; success where the answer's code is `missing`, the service's word for no such object. */
TRIB_MUST_CHECK trib_status cloud_remote_do_removal(cloud_remote *remote, const char *key,
                                                    http_request *request, const char *missing);
/* A listing of which the services' own pages are read. */
TRIB_MUST_CHECK trib_status cloud_remote_page(cloud_remote *remote, http_request *request,
                                              answer_kind kind, answer_page *page);
void cloud_stat_fill(const char *key, const http_answer *answer, cloud_stat *ret_stat);
/* Removes objects below our own prefix that are older. */
TRIB_MUST_CHECK trib_status cloud_remote_sweep_parts(cloud_remote *remote, uint64_t before_ms);

/* parts.c */
TRIB_MUST_CHECK trib_status cloud_parts_put(cloud_remote *remote, cloud_upload *upload);
size_t cloud_part_size(const cloud_upload *upload, uint32_t index);
/* Of an object of `size` bytes. */
TRIB_MUST_CHECK trib_status cloud_parts_plan(uint64_t size, size_t *ret_part_bytes,
                                             uint32_t *ret_count);
/* ranges.c */
TRIB_MUST_CHECK trib_status cloud_ranges_get(cloud_remote *remote, const char *key,
                                             const cloud_stat *stat, const cloud_sink *sink);
/* TRIB_E_RETRY: the object is another one now. */
TRIB_MUST_CHECK trib_status cloud_replaced(const cloud_remote *remote, const char *key);
/* Finishes the hash of all that came. */
TRIB_MUST_CHECK trib_status cloud_digest_compare(const cloud_remote *remote, const char *key,
                                                 const cloud_stat *stat, trib_hash *hash);
/* stream.c: by service->get_one */
TRIB_MUST_CHECK trib_status cloud_stream_get(cloud_remote *remote, const char *key,
                                             const cloud_stat *stat, const cloud_sink *sink);

#endif
