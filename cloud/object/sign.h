/* What the services want encoded, digested and signed beyond common/crypto: base64, MD5, RS256,
 * percent-encoding. The one file of this room that uses OpenSSL. Private to the room.
 *
 * errors   TRIB_E_LIMIT what does not fit;  TRIB_E_CORRUPT what is not base64;  TRIB_E_ARGUMENT a
 *          private key that cannot be read;  TRIB_E_INTERNAL the library
 * threads  pure
 */
#ifndef CLOUD_OBJECT_SIGN_H
#define CLOUD_OBJECT_SIGN_H

#include "common/base/heap.h"
#include "common/crypto/crypto.h"

enum { CLOUD_MD5_BYTES = 16, CLOUD_MD5_TEXT = 25 /* base64 and a zero */ };

TRIB_MUST_CHECK trib_status cloud_md5(trib_bytes bytes, uint8_t ret_md5[CLOUD_MD5_BYTES]);
/* SHA-256 of what `read` gives, by offset, until it gives less than there is room for. */
typedef struct cloud_digest_source {
    TRIB_MUST_CHECK trib_status (*read)(void *context, uint64_t offset, uint8_t *ret_bytes,
                                        size_t room, size_t *ret_size);
    void *context;
} cloud_digest_source;
TRIB_MUST_CHECK trib_status cloud_digest_all(const cloud_digest_source *source,
                                             uint8_t ret_sha256[TRIB_HASH_BYTES],
                                             uint64_t *ret_size);
/* RFC 4648, section 4; `ret_text` holds 4 * ((size + 2) / 3) + 1. */
void cloud_base64(trib_bytes bytes, char *ret_text);
/* Section 5, without padding: of JWTs. */
void cloud_base64url(trib_bytes bytes, char *ret_text);
TRIB_MUST_CHECK trib_status cloud_unbase64(const char *text, uint8_t *ret_bytes, size_t capacity,
                                           size_t *ret_size);
/* RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, section 3.3); appends the signature's bytes. */
TRIB_MUST_CHECK trib_status cloud_rs256(const char *private_pem, trib_bytes message,
                                        trib_buffer *ret_signature);
/* Appends, with all but RFC 3986's unreserved characters (and "/", if `slashes`) as %XX. */
TRIB_MUST_CHECK trib_status cloud_percent(const char *text, bool slashes, trib_buffer *ret_text);
/* Into fixed storage, ended by a zero. */
TRIB_MUST_CHECK trib_status cloud_percent_text(const char *text, bool slashes, char *ret_text,
                                               size_t size);

/* For TRIB_SCOPED. */
static inline void cloud_hash_drop(trib_hash *hash) {
    trib_crypto_host()->hash_deinit(hash);
}

#endif
