/* The keys whose signatures are believed: a cloud's, named by id, at most eight.
 *
 * threads  a list belongs to one thread, or is not changed once shared
 */
#ifndef TRIB_CRYPTO_KEYS_H
#define TRIB_CRYPTO_KEYS_H

#include "common/crypto/crypto.h"

enum { TRIB_MAX_TRUSTED = 8, TRIB_KEY_ID_BYTES = 8, TRIB_KEY_ID_TEXT = 2 * TRIB_KEY_ID_BYTES + 1 };

/* The first 8 bytes of SHA-256 of the 65 bytes, in lower-case hexadecimal. */
typedef struct trib_key_id {
    char text[TRIB_KEY_ID_TEXT];
} trib_key_id;
TRIB_MUST_CHECK trib_status trib_key_id_of(const trib_crypto *crypto, const trib_public_key *key,
                                           trib_key_id *ret_id);

typedef struct trib_trusted {
    trib_public_key keys[TRIB_MAX_TRUSTED];
    trib_key_id ids[TRIB_MAX_TRUSTED];
    size_t count;
} trib_trusted;

/* Checks the key. One that is there already changes nothing. TRIB_E_LIMIT when full; TRIB_E_DENIED
 * for another key with an id that is taken. */
TRIB_MUST_CHECK trib_status trib_trusted_add(const trib_crypto *crypto, trib_trusted *list,
                                             const trib_public_key *key);

/* TRIB_E_NOT_FOUND: no key of that id;  TRIB_E_DENIED: it did not sign this for this purpose. */
TRIB_MUST_CHECK
trib_status trib_trusted_verify(const trib_crypto *crypto, const trib_trusted *list,
                                const char *key_id, const char *purpose, trib_bytes message,
                                const trib_signature *signature);

#endif
