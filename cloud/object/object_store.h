/* Where models live: content by its SHA-256, immutable. One small interface; the file backend now.
 *
 * errors   TRIB_E_NOT_FOUND;  TRIB_E_CORRUPT when what is stored no longer has its digest
 * threads  one
 */
#ifndef CLOUD_OBJECT_OBJECT_STORE_H
#define CLOUD_OBJECT_OBJECT_STORE_H

#include "common/crypto/crypto.h"
#include "common/port/disk.h"

typedef struct cloud_digest {
    uint8_t bytes[TRIB_HASH_BYTES];
} cloud_digest;

typedef struct cloud_object_store cloud_object_store;
struct cloud_object_store {
    /* Durable when it returns; storing the same content again changes nothing. */
    TRIB_MUST_CHECK trib_status (*put)(cloud_object_store *store, trib_bytes content,
                                       cloud_digest *ret_digest);
    /* Appends the content, checked against its digest. */
    TRIB_MUST_CHECK trib_status (*get)(cloud_object_store *store, const cloud_digest *digest,
                                       trib_buffer *ret_content);
    /* Fine if it is not there. */
    TRIB_MUST_CHECK trib_status (*remove)(cloud_object_store *store, const cloud_digest *digest);
    void (*destroy)(cloud_object_store *store);
};

/* One file an object, in `folder`, named by the digest in hexadecimal. */
TRIB_MUST_CHECK trib_status cloud_object_files(trib_disk *disk, const trib_crypto *crypto,
                                               const char *folder, cloud_object_store **ret_store);

#endif
