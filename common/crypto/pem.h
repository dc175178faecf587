/* Keys as PEM text. Hosts only.
 *
 * Private keys are read as PKCS #8 or SEC 1 and written as SEC 1; public ones are
 * SubjectPublicKeyInfo. Only P-256. A key under a passphrase is refused, and nobody is asked for
 * it.
 *
 * errors   TRIB_E_CORRUPT: not such a PEM;  TRIB_E_DENIED: another curve or algorithm, or encrypted
 *          TRIB_E_LIMIT: more than TRIB_MAX_KEY_PEM_BYTES
 * threads  pure
 */
#ifndef TRIB_CRYPTO_PEM_H
#define TRIB_CRYPTO_PEM_H

#include "common/crypto/crypto.h"

enum { TRIB_MAX_KEY_PEM_BYTES = 4096, TRIB_KEY_PEM_BYTES = 512 };

/* What is written fits here, so that no copy of a secret strays through the heap. */
typedef struct trib_key_pem {
    char text[TRIB_KEY_PEM_BYTES]; /* ends in zero */
    size_t size;                   /* without it */
} trib_key_pem;
void trib_key_pem_wipe(trib_key_pem *pem);

/* The public half is computed from the private one, whatever the PEM says of it. */
TRIB_MUST_CHECK trib_status trib_key_pair_from_pem(trib_bytes pem, trib_key_pair *ret_pair);
TRIB_MUST_CHECK trib_status trib_key_pair_to_pem(const trib_key_pair *pair, trib_key_pem *ret_pem);
TRIB_MUST_CHECK trib_status trib_public_key_from_pem(trib_bytes pem, trib_public_key *ret_key);
TRIB_MUST_CHECK trib_status trib_public_key_to_pem(const trib_public_key *public,
                                                   trib_key_pem *ret_pem);

#endif
