#include "common/crypto/identity.h"

#include <string.h>

#include <openssl/err.h>

#include "common/crypto/openssl_x509.h"

TRIB_OPENSSL_SCOPED(scoped_store, X509_STORE, X509_STORE_free)
TRIB_OPENSSL_SCOPED(scoped_verification, X509_STORE_CTX, X509_STORE_CTX_free)

static trib_status read_serial(const X509 *certificate, char ret_serial[TRIB_SERIAL_TEXT]) {
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
    uint8_t bytes[20] = {0};
    TRIB_SCOPED(trib_scoped_number) BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    if (number == NULL || BN_is_negative(number) || BN_num_bytes(number) > (int)sizeof bytes) {
        ERR_clear_error();
        return TRIB_FAIL(TRIB_E_DENIED,
                         "a certificate's serial number is negative or over 20 bytes");
    }
    int size = BN_bn2bin(number, bytes);
    trib_hex(trib_bytes_of(bytes, size > 0 ? (size_t)size : 1), ret_serial);
    return TRIB_SUCCESS;
}

static trib_status read_identity(const X509 *certificate, trib_identity *ret_identity) {
    trib_identity identity = {0};
    trib_bytes name;
    TRIB_TRY(trib_common_name(X509_get_subject_name(certificate), &name));
    TRIB_TRY(trib_name_check(name));
    memcpy(identity.name, name.data, name.size);
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    if (key == NULL) {
        ERR_clear_error();
        return TRIB_FAIL(TRIB_E_DENIED, "the key of %s cannot be read", identity.name);
    }
    TRIB_TRY(trib_openssl_point(key, &identity.key));
    TRIB_TRY(read_serial(certificate, identity.serial));
    TRIB_TRY(trib_read_time(X509_get0_notBefore(certificate), &identity.not_before_s));
    TRIB_TRY(trib_read_time(X509_get0_notAfter(certificate), &identity.not_after_s));
    unsigned size = 0;
    if (X509_digest(certificate, EVP_sha256(), identity.fingerprint, &size) != 1 ||
        size != sizeof identity.fingerprint) {
        return trib_openssl_failed("hash a certificate");
    }
    *ret_identity = identity;
    return TRIB_SUCCESS;
}

/* OpenSSL lets a certificate without extended key usage be anything: we do not. */
static trib_status check_usage(X509 *certificate) {
    uint32_t flags = X509_get_extension_flags(certificate);
    if ((flags & EXFLAG_CA) != 0) {
        return TRIB_FAIL(TRIB_E_DENIED, "the gateway's certificate is one of an authority");
    }
    if ((X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) == 0) {
        return TRIB_FAIL(TRIB_E_DENIED, "the certificate's key usage lacks digitalSignature");
    }
    if ((flags & EXFLAG_XKUSAGE) == 0 ||
        (X509_get_extended_key_usage(certificate) & XKU_SSL_CLIENT) == 0) {
        return TRIB_FAIL(TRIB_E_DENIED, "the certificate's extended key usage lacks clientAuth: "
                                        "is it a server's?");
    }
    return TRIB_SUCCESS;
}

/* Every key of the path is P-256; what is signed is signed with ECDSA and SHA-256. The last one is
 * trusted as it is, so its own signature does not matter. */
static trib_status check_path(const STACK_OF(X509) * path) {
    int count = sk_X509_num(path);
    for (int i = 0; i < count; i++) {
        const X509 *certificate = sk_X509_value(path, i);
        trib_public_key key;
        TRIB_TRY(trib_context(trib_openssl_point(X509_get0_pubkey(certificate), &key),
                              "certificate %d of the path", i + 1));
        if (i + 1 < count && X509_get_signature_nid(certificate) != NID_ecdsa_with_SHA256) {
            return TRIB_FAIL(TRIB_E_DENIED,
                             "certificate %d of the path is signed with %s: use "
                             "ecdsa-with-SHA256",
                             i + 1, OBJ_nid2sn(X509_get_signature_nid(certificate)));
        }
    }
    return TRIB_SUCCESS;
}

static trib_status build_store(trib_bytes authorities_pem, X509_STORE **ret_store) {
    TRIB_SCOPED(trib_scoped_certificates) STACK_OF(X509) *authorities = NULL;
    TRIB_TRY(trib_context(trib_read_certificates(authorities_pem, TRIB_MAX_CHAIN_BYTES,
                                                 TRIB_MAX_AUTHORITIES, &authorities),
                          "authorities"));
    TRIB_SCOPED(scoped_store) X509_STORE *store = X509_STORE_new();
    if (store == NULL) {
        return trib_openssl_failed("hold authorities");
    }
    for (int i = 0; i < sk_X509_num(authorities); i++) {
        if (X509_STORE_add_cert(store, sk_X509_value(authorities, i)) != 1) {
            return trib_openssl_failed("add an authority");
        }
    }
    *ret_store = store;
    store = NULL;
    return TRIB_SUCCESS;
}

trib_status trib_identity_verify(trib_bytes chain_pem, trib_bytes authorities_pem, int64_t now_s,
                                 trib_identity *ret_identity) {
    TRIB_SCOPED(trib_scoped_certificates) STACK_OF(X509) *chain = NULL;
    TRIB_TRY(trib_read_certificates(chain_pem, TRIB_MAX_CHAIN_BYTES, TRIB_MAX_CHAIN, &chain));
    TRIB_SCOPED(scoped_store) X509_STORE *store = NULL;
    TRIB_TRY(build_store(authorities_pem, &store));
    TRIB_SCOPED(scoped_verification) X509_STORE_CTX *verification = X509_STORE_CTX_new();
    X509 *own = sk_X509_value(chain, 0);
    if (verification == NULL || X509_STORE_CTX_init(verification, store, own, chain) != 1) {
        return trib_openssl_failed("prepare a verification");
    }
    X509_VERIFY_PARAM *terms = X509_STORE_CTX_get0_param(verification);
    X509_VERIFY_PARAM_set_time(terms, (time_t)now_s);
    X509_VERIFY_PARAM_set_depth(terms, TRIB_MAX_CHAIN - 2); /* counts neither end of the path */
    if (X509_VERIFY_PARAM_set_purpose(terms, X509_PURPOSE_SSL_CLIENT) != 1) {
        return trib_openssl_failed("prepare a verification");
    }
    if (X509_verify_cert(verification) != 1) {
        int error = X509_STORE_CTX_get_error(verification);
        ERR_clear_error();
        return TRIB_FAIL(TRIB_E_DENIED,
                         "the certificate is not to be believed: %s (number %d of "
                         "the path)",
                         X509_verify_cert_error_string(error),
                         X509_STORE_CTX_get_error_depth(verification) + 1);
    }
    TRIB_TRY(check_path(X509_STORE_CTX_get0_chain(verification)));
    TRIB_TRY(check_usage(own));
    return read_identity(own, ret_identity);
}

trib_status trib_identity_read(trib_bytes chain_pem, trib_identity *ret_identity) {
    TRIB_SCOPED(trib_scoped_certificates) STACK_OF(X509) *chain = NULL;
    TRIB_TRY(trib_read_certificates(chain_pem, TRIB_MAX_CHAIN_BYTES, TRIB_MAX_CHAIN, &chain));
    return read_identity(sk_X509_value(chain, 0), ret_identity);
}
