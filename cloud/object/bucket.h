/* Object storage: a bucket of named objects, behind one interface. Backends: files of a folder, S3
 * and what speaks it, Azure's block blobs, Google Cloud Storage (backends.h).
 *
 * A key is 1 to 1,024 bytes of UTF-8 without control characters and backslashes, its parts
 * separated by single slashes, none of them empty or ending in ".", and does not begin with
 * ".tributary/", where parts of unfinished puts lie. All backends take the same keys and give them
 * back as they were; objects that others have put under keys beyond these rules are not listed. Do
 * not put both "a" and "a/b": servers that keep files refuse the second.
 *
 * An object is there whole or not at all, whoever dies while it is written. Its SHA-256 travels
 * with it and is compared by every reader. A reader's sink gets bytes before their digest is
 * known: what a get that failed has written is to be thrown away.
 *
 * Tries are repeated, with jitter, while the budget lasts: after 5xx, "slow down", a connection cut
 * or a time-out; never after what another try cannot change. Memory: a part's bytes for each
 * connection, whatever the object's size.
 *
 * errors   TRIB_E_NOT_FOUND no such object, or no such bucket;  TRIB_E_STATE if_absent, and it is
 *          there;  TRIB_E_DENIED credentials or permission;  TRIB_E_CORRUPT bytes that are not
 *          those of the digest, or an answer that cannot be read;  TRIB_E_RETRY the budget is used
 *          up, or the object was replaced while it was read;  TRIB_E_ARGUMENT a key or a setting
 *          that cannot be;  TRIB_E_LIMIT a ceiling;  TRIB_E_IO the rest. Messages name the backend,
 *          the key, what the server said, and the setting to look at; never a secret
 * owns     nothing of its arguments
 * threads  any; each call takes a connection of its own
 */
#ifndef CLOUD_OBJECT_BUCKET_H
#define CLOUD_OBJECT_BUCKET_H

#include "common/base/heap.h"
#include "common/crypto/crypto.h"

enum {
    CLOUD_KEY_SIZE = 1025,
    CLOUD_BUCKET_MAX_PARTS = 10000,
    CLOUD_BUCKET_PART_BYTES = 8 << 20, /* at least; objects of more are put in parts */
    CLOUD_BUCKET_MAX_PART_BYTES = 128 << 20,
    CLOUD_BUCKET_MAX_CONNECTIONS = 16
};

/* What is put. A part is read again for another try, so reading goes by offset. */
typedef struct cloud_body {
    uint64_t size;
    TRIB_MUST_CHECK trib_status (*read)(void *context, uint64_t offset, uint8_t *ret_bytes,
                                        size_t size);
    void *context;
    const char *content_type; /* NULL: application/octet-stream */
    const uint8_t *sha256;    /* [TRIB_HASH_BYTES] where the caller knows it; NULL: it is computed,
                                 for which a body of several parts is read once more */
} cloud_body;
/* `bytes` must outlive the body. */
cloud_body cloud_body_of(const trib_bytes *bytes, const char *content_type);

/* Where an object's bytes go, in order. A failure ends the reading with it. */
typedef struct cloud_sink {
    TRIB_MUST_CHECK trib_status (*write)(void *context, trib_bytes part);
    void *context;
} cloud_sink;
/* Appends, up to the buffer's ceiling. */
cloud_sink cloud_sink_of(trib_buffer *buffer);

typedef struct cloud_object_info {
    char key[CLOUD_KEY_SIZE];
    uint64_t size;        /* bytes */
    uint64_t modified_ms; /* since 1970 */
    bool has_sha256;      /* not in a listing, and not if others have put it */
    uint8_t sha256[TRIB_HASH_BYTES];
} cloud_object_info;

typedef struct cloud_put_options {
    bool if_absent; /* the first of several writers wins, the others get TRIB_E_STATE */
    bool resume;    /* goes on with parts that a put of the same content, cut off, has left */
} cloud_put_options;

typedef struct cloud_bucket cloud_bucket;
struct cloud_bucket {
    const char *backend; /* "file", "s3", "azure", "gcs" */
    TRIB_MUST_CHECK trib_status (*put)(cloud_bucket *bucket, const char *key,
                                       const cloud_body *body, const cloud_put_options *options);
    TRIB_MUST_CHECK trib_status (*get)(cloud_bucket *bucket, const char *key,
                                       const cloud_sink *sink);
    TRIB_MUST_CHECK trib_status (*head)(cloud_bucket *bucket, const char *key,
                                        cloud_object_info *ret_info);
    /* Every object whose key begins with `prefix` and comes after `after` ("": all), by key in
     * bytewise order. Stops at the first failure of `each`, and passes it on. */
    TRIB_MUST_CHECK trib_status (*list)(cloud_bucket *bucket, const char *prefix, const char *after,
                                        trib_status (*each)(void *context,
                                                            const cloud_object_info *info),
                                        void *context);
    TRIB_MUST_CHECK trib_status (*remove)(cloud_bucket *bucket,
                                          const char *key); /* fine if absent */
    /* Removes the parts of puts that were cut off more than `older_ms` ago. */
    TRIB_MUST_CHECK trib_status (*sweep)(cloud_bucket *bucket, uint64_t older_ms);
    void (*destroy)(cloud_bucket *bucket);
};

/* How often and how long a request is tried. Zero means the default. */
typedef struct cloud_retry {
    uint32_t tries;       /* 1: once; default 8 */
    uint32_t first_ms;    /* the longest first pause, doubled each time; default 100 */
    uint32_t most_ms;     /* the longest of all; default 5000 */
    uint32_t budget_ms;   /* no new try once so much time has gone by; default 120000 */
    uint32_t timeout_ms;  /* of one try without a byte, rounded up to seconds; default 30000 */
    uint32_t connections; /* of one put or get in parts; default 4 */
} cloud_retry;

TRIB_MUST_CHECK trib_status cloud_bucket_key_check(const char *key);

#endif
