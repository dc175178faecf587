/* Inside this room: reading certificates and names with OpenSSL. */
#ifndef TRIB_CRYPTO_OPENSSL_X509_H
#define TRIB_CRYPTO_OPENSSL_X509_H

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "common/crypto/openssl_key.h"

static inline void trib_free_certificates(STACK_OF(X509) * certificates) {
    sk_X509_pop_free(certificates, X509_free);
}
TRIB_OPENSSL_SCOPED(trib_scoped_certificates, STACK_OF(X509), trib_free_certificates)
TRIB_OPENSSL_SCOPED(trib_scoped_x509, X509, X509_free)

/* A pem_password_cb that has none, so that OpenSSL does not ask at the terminal. `asked` is NULL or
 * a bool that becomes true. */
int trib_no_passphrase(char *buffer, int size, int writing, void *asked);

/* Every certificate of a PEM text, 1 to `limit`. */
TRIB_MUST_CHECK trib_status trib_read_certificates(trib_bytes pem, size_t size_limit, size_t limit,
                                                   STACK_OF(X509) * *ret_certificates);

/* Seconds since 1970. */
TRIB_MUST_CHECK trib_status trib_read_time(const ASN1_TIME *time, int64_t *ret_s);

/* A view of the one common name of a subject, unchecked; it lives as long as the subject. */
TRIB_MUST_CHECK trib_status trib_common_name(const X509_NAME *subject, trib_bytes *ret_name);

#endif
