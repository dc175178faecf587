#include "common/crypto/openssl_key.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

const char *trib_openssl_reason(void) {
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason != NULL ? reason : "";
}

trib_status trib_openssl_failed(const char *what) {
    return TRIB_FAIL(TRIB_E_INTERNAL, "OpenSSL could not %s: %s (out of memory?)", what,
                     trib_openssl_reason());
}

static char curve_name[] = SN_X9_62_prime256v1; /* not const: OSSL_PARAM takes none such */

/* Group and parsed parameters are built once: by name they cost more than a signature check. */
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static EVP_PKEY *parameters; /* P-256 and no key; read only once built, never freed */

static void build_parameters(void) {
    TRIB_SCOPED(trib_scoped_pkey_context)
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM values[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve_name, 0),
        OSSL_PARAM_construct_end(),
    };
    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &parameters, EVP_PKEY_KEY_PARAMETERS, values) != 1) {
        parameters = NULL;
    }
}

trib_status trib_openssl_public(const trib_public_key *key, EVP_PKEY **ret_key) {
    if (CRYPTO_THREAD_run_once(&once, build_parameters) != 1 || parameters == NULL) {
        return trib_openssl_failed("set up P-256");
    }
    TRIB_SCOPED(trib_scoped_pkey) EVP_PKEY *built = EVP_PKEY_new();
    if (built == NULL || EVP_PKEY_copy_parameters(built, parameters) != 1) {
        return trib_openssl_failed("copy P-256");
    }
    if (key->bytes[0] != 0x04 || /* other forms than uncompressed are not ours */
        EVP_PKEY_set1_encoded_public_key(built, key->bytes, sizeof key->bytes) != 1) {
        ERR_clear_error();
        return TRIB_FAIL(TRIB_E_CORRUPT, "a public key is not a point of P-256");
    }
    *ret_key = built;
    built = NULL;
    return TRIB_SUCCESS;
}

static void scoped_builder(OSSL_PARAM_BLD **variable) {
    OSSL_PARAM_BLD_free(*variable);
}

static void scoped_params(OSSL_PARAM **variable) {
    OSSL_PARAM_free(*variable);
}

/* The scalar stands in OpenSSL's secure-cleared memory only: BN_FLG_SECURE makes the builder keep
 * it in a block that OSSL_PARAM_free clears. */
trib_status trib_openssl_private(const trib_private_key *key, const trib_public_key *public,
                                 EVP_PKEY **ret_key) {
    TRIB_SCOPED(trib_scoped_number) BIGNUM *scalar = BN_secure_new();
    TRIB_SCOPED(scoped_builder) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (scalar == NULL || builder == NULL ||
        BN_bin2bn(key->bytes, sizeof key->bytes, scalar) == NULL ||
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve_name, 0) != 1 ||
        (public != NULL &&
         OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, public->bytes,
                                          sizeof public->bytes) != 1) ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, scalar) != 1) {
        return trib_openssl_failed("prepare a private key");
    }
    TRIB_SCOPED(scoped_params) OSSL_PARAM *values = OSSL_PARAM_BLD_to_param(builder);
    TRIB_SCOPED(trib_scoped_pkey_context)
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *built = NULL;
    if (values == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1) {
        return trib_openssl_failed("build a private key");
    }
    if (EVP_PKEY_fromdata(context, &built, EVP_PKEY_KEYPAIR, values) != 1) {
        ERR_clear_error();
        return TRIB_FAIL(TRIB_E_CORRUPT, "a private key is not of P-256");
    }
    *ret_key = built;
    return TRIB_SUCCESS;
}

trib_status trib_openssl_point(const EVP_PKEY *key, trib_public_key *ret_key) {
    char name[32] = "";
    size_t size = 0;
    trib_public_key point;
    if (!EVP_PKEY_is_a(key, "EC") ||
        EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name, &size) !=
            1 ||
        strcmp(name, SN_X9_62_prime256v1) != 0) {
        ERR_clear_error();
        return TRIB_FAIL(TRIB_E_DENIED, "a key is not of P-256 (prime256v1): make one that is");
    }
    TRIB_SCOPED(trib_scoped_number) BIGNUM *x = NULL;
    TRIB_SCOPED(trib_scoped_number) BIGNUM *y = NULL;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) != 1 ||
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) != 1 ||
        BN_bn2binpad(x, point.bytes + 1, 32) != 32 || BN_bn2binpad(y, point.bytes + 33, 32) != 32) {
        ERR_clear_error();
        return TRIB_FAIL(TRIB_E_DENIED, "a key has no public point");
    }
    point.bytes[0] = 0x04;
    *ret_key = point;
    return TRIB_SUCCESS;
}
