/* mbedTLS reads and writes these: OpenSSL's decoder leaves copies of a private key in freed memory.
 */
#include "common/crypto/pem.h"

#include <string.h>

#include <mbedtls/ecp.h>
#include <mbedtls/pk.h>

void trib_key_pem_wipe(trib_key_pem *pem) {
    trib_wipe(pem, sizeof *pem);
}

/* The text with a final zero, which mbedTLS wants. */
typedef struct pem_text {
    uint8_t bytes[TRIB_MAX_KEY_PEM_BYTES + 1];
    size_t size; /* with the zero */
} pem_text;

static void pem_text_wipe(pem_text *text) {
    trib_wipe(text, sizeof *text);
}

static trib_status copy_text(trib_bytes pem, pem_text *ret_text) {
    if (pem.size > TRIB_MAX_KEY_PEM_BYTES) {
        return TRIB_FAIL(TRIB_E_LIMIT, "a PEM text of a key has %zu bytes: it may have %d",
                         pem.size, TRIB_MAX_KEY_PEM_BYTES);
    }
    if (pem.size == 0 || memchr(pem.data, 0, pem.size) != NULL) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "a PEM text of a key is empty or has a zero in it");
    }
    memcpy(ret_text->bytes, pem.data, pem.size);
    ret_text->bytes[pem.size] = 0;
    ret_text->size = pem.size + 1;
    return TRIB_SUCCESS;
}

static bool is_about(int error, int reason) {
    return error == reason ||
           -((-error) & 0xff80) == reason; /* a high-level code, plus a low one */
}

static trib_status refuse(int error, const char *what) {
    if (error == MBEDTLS_ERR_PK_PASSWORD_REQUIRED || error == MBEDTLS_ERR_PK_PASSWORD_MISMATCH) {
        return TRIB_FAIL(TRIB_E_DENIED,
                         "the %s is under a passphrase: take it off (openssl pkey) or "
                         "use another key",
                         what);
    }
    if (is_about(error, MBEDTLS_ERR_PK_UNKNOWN_PK_ALG) ||
        is_about(error, MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE)) {
        return TRIB_FAIL(TRIB_E_DENIED, "the %s is not of P-256 (prime256v1): make one that is",
                         what);
    }
    return TRIB_FAIL(TRIB_E_CORRUPT, "a PEM text holds no %s: -0x%04x", what, 0u - (unsigned)error);
}

/* The curve key inside, if it is one of P-256. */
static trib_status curve_key(const mbedtls_pk_context *key, const char *what,
                             const mbedtls_ecp_keypair **ret_inner) {
    mbedtls_pk_type_t type = mbedtls_pk_get_type(key);
    if ((type != MBEDTLS_PK_ECKEY && type != MBEDTLS_PK_ECKEY_DH) ||
        mbedtls_pk_ec(*key)->grp.id != MBEDTLS_ECP_DP_SECP256R1) {
        return refuse(MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE, what);
    }
    *ret_inner = mbedtls_pk_ec(*key);
    return TRIB_SUCCESS;
}

trib_status trib_key_pair_from_pem(trib_bytes pem, trib_key_pair *ret_pair) {
    TRIB_SCOPED(pem_text_wipe) pem_text text;
    TRIB_TRY(copy_text(pem, &text));
    TRIB_SCOPED(mbedtls_pk_free) mbedtls_pk_context key;
    mbedtls_pk_init(&key);
    int error = mbedtls_pk_parse_key(&key, text.bytes, text.size, NULL, 0);
    if (error != 0) {
        return refuse(error, "private key");
    }
    const mbedtls_ecp_keypair *inner;
    TRIB_TRY(curve_key(&key, "private key", &inner));
    TRIB_SCOPED(trib_key_pair_wipe) trib_key_pair pair;
    error = mbedtls_mpi_write_binary(&inner->d, pair.secret.bytes, sizeof pair.secret.bytes);
    if (error != 0) {
        return refuse(error, "private key");
    }
    TRIB_TRY(trib_crypto_host()->public_of(&pair.secret, &pair.public));
    *ret_pair = pair;
    return TRIB_SUCCESS;
}

trib_status trib_public_key_from_pem(trib_bytes pem, trib_public_key *ret_key) {
    TRIB_SCOPED(pem_text_wipe) pem_text text;
    TRIB_TRY(copy_text(pem, &text));
    TRIB_SCOPED(mbedtls_pk_free) mbedtls_pk_context key;
    mbedtls_pk_init(&key);
    int error = mbedtls_pk_parse_public_key(&key, text.bytes, text.size);
    if (error != 0) {
        return refuse(error, "public key");
    }
    const mbedtls_ecp_keypair *inner;
    TRIB_TRY(curve_key(&key, "public key", &inner));
    trib_public_key public;
    size_t size = 0;
    error = mbedtls_ecp_point_write_binary(&inner->grp, &inner->Q, MBEDTLS_ECP_PF_UNCOMPRESSED,
                                           &size, public.bytes, sizeof public.bytes);
    if (error != 0 || size != sizeof public.bytes) {
        return refuse(error, "public key");
    }
    TRIB_TRY(trib_crypto_host()->check_public(&public));
    *ret_key = public;
    return TRIB_SUCCESS;
}

/* `secret` may be NULL. */
static trib_status load_key(const trib_private_key *secret, const trib_public_key *public,
                            mbedtls_pk_context *key) {
    int error = mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    if (error == 0) {
        mbedtls_ecp_keypair *inner = mbedtls_pk_ec(*key);
        error = mbedtls_ecp_group_load(&inner->grp, MBEDTLS_ECP_DP_SECP256R1);
        if (error == 0) {
            error = mbedtls_ecp_point_read_binary(&inner->grp, &inner->Q, public->bytes,
                                                  sizeof public->bytes);
        }
        if (error == 0 && secret != NULL) {
            error = mbedtls_mpi_read_binary(&inner->d, secret->bytes, sizeof secret->bytes);
        }
    }
    return error == 0 ? TRIB_SUCCESS : refuse(error, "key");
}

static trib_status give_text(int error, trib_key_pem *pem, trib_key_pem *ret_pem) {
    if (error != 0) {
        return TRIB_FAIL(TRIB_E_INTERNAL, "mbedTLS could not write a key as PEM: -0x%04x",
                         0u - (unsigned)error);
    }
    pem->size = strlen(pem->text);
    *ret_pem = *pem;
    return TRIB_SUCCESS;
}

trib_status trib_key_pair_to_pem(const trib_key_pair *pair, trib_key_pem *ret_pem) {
    TRIB_TRY(trib_crypto_host()->check_public(&pair->public));
    TRIB_SCOPED(mbedtls_pk_free) mbedtls_pk_context key;
    mbedtls_pk_init(&key);
    TRIB_TRY(load_key(&pair->secret, &pair->public, &key));
    TRIB_SCOPED(trib_key_pem_wipe) trib_key_pem pem = {{0}, 0};
    int error = mbedtls_pk_write_key_pem(&key, (unsigned char *)pem.text, sizeof pem.text);
    return give_text(error, &pem, ret_pem);
}

trib_status trib_public_key_to_pem(const trib_public_key *public, trib_key_pem *ret_pem) {
    TRIB_TRY(trib_crypto_host()->check_public(public));
    TRIB_SCOPED(mbedtls_pk_free) mbedtls_pk_context key;
    mbedtls_pk_init(&key);
    TRIB_TRY(load_key(NULL, public, &key));
    trib_key_pem pem = {{0}, 0};
    int error = mbedtls_pk_write_pubkey_pem(&key, (unsigned char *)pem.text, sizeof pem.text);
    return give_text(error, &pem, ret_pem);
}
