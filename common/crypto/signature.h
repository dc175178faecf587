/* Detached signatures that say what they are for.
 *
 * What is signed is SHA-256("tributary/v1 " || purpose || 0x00 || message), so a signature given
 * for one purpose is worth nothing for another.
 *
 * errors   TRIB_E_DENIED: the signature does not match;  TRIB_E_ARGUMENT: no such purpose possible
 * threads  pure
 */
#ifndef TRIB_CRYPTO_SIGNATURE_H
#define TRIB_CRYPTO_SIGNATURE_H

#include "common/crypto/crypto.h"

enum { TRIB_MAX_PURPOSE_BYTES = 64 };

/* `purpose`: 1 to 64 printable ASCII characters without spaces, e.g. "join" or "release". */
TRIB_MUST_CHECK
trib_status trib_sign(const trib_crypto *crypto, const trib_private_key *key, const char *purpose,
                      trib_bytes message, trib_signature *ret_signature);
TRIB_MUST_CHECK
trib_status trib_verify(const trib_crypto *crypto, const trib_public_key *key, const char *purpose,
                        trib_bytes message, const trib_signature *signature);

#endif
