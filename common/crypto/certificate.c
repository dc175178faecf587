#include "common/crypto/certificate.h"

#include "common/crypto/openssl_x509.h"

trib_status trib_certificate_ends(trib_bytes pem, int64_t *ret_not_after_s) {
    TRIB_SCOPED(trib_scoped_certificates) STACK_OF(X509) *chain = NULL;
    TRIB_TRY(trib_read_certificates(pem, TRIB_MAX_CHAIN_BYTES, TRIB_MAX_CHAIN, &chain));
    return trib_read_time(X509_get0_notAfter(sk_X509_value(chain, 0)), ret_not_after_s);
}
