/* Inside this room: OpenSSL's objects, their scoped release, and P-256 keys as EVP_PKEY. */
#ifndef TRIB_CRYPTO_OPENSSL_KEY_H
#define TRIB_CRYPTO_OPENSSL_KEY_H

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "common/crypto/crypto.h"

/* For TRIB_SCOPED: `name`(pointer to the variable). NULL is fine. */
/* A type cannot stand in parentheses. NOLINTBEGIN(bugprone-macro-parentheses) */
#define TRIB_OPENSSL_SCOPED(name_, type_, free_)                                                   \
    static inline void name_(type_ **variable) {                                                   \
        free_(*variable);                                                                          \
    }
/* NOLINTEND(bugprone-macro-parentheses) */
TRIB_OPENSSL_SCOPED(trib_scoped_bio, BIO, BIO_free_all)
TRIB_OPENSSL_SCOPED(trib_scoped_number, BIGNUM, BN_clear_free)
TRIB_OPENSSL_SCOPED(trib_scoped_point, EC_POINT, EC_POINT_clear_free)
TRIB_OPENSSL_SCOPED(trib_scoped_pkey, EVP_PKEY, EVP_PKEY_free)
TRIB_OPENSSL_SCOPED(trib_scoped_pkey_context, EVP_PKEY_CTX, EVP_PKEY_CTX_free)

/* TRIB_E_INTERNAL with OpenSSL's own reason; empties its error queue of this thread. */
trib_status trib_openssl_failed(const char *what);
/* The newest reason in the queue, "" if there is none; then empties it. Static storage. */
const char *trib_openssl_reason(void);

/* ret_key is the caller's to free. The point is checked. */
TRIB_MUST_CHECK trib_status trib_openssl_public(const trib_public_key *key, EVP_PKEY **ret_key);
/* `public` NULL: signing and key agreement do without it. The scalar is not checked. */
TRIB_MUST_CHECK trib_status trib_openssl_private(const trib_private_key *key,
                                                 const trib_public_key *public, EVP_PKEY **ret_key);
/* The point of any EVP_PKEY that is P-256 with a named curve; TRIB_E_DENIED for other keys. */
TRIB_MUST_CHECK trib_status trib_openssl_point(const EVP_PKEY *key, trib_public_key *ret_key);

#endif
