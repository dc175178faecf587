/* The table filled by OpenSSL 3: for hosts. Algorithms are fetched once; contexts live for one
 * call, which costs under a microsecond and leaves no key behind in a thread.
 *
 * One exception that is not ours: OpenSSL 3.0 itself frees a copy of the scalar of a key agreement
 * without wiping it (ecp_nistz256.c). wipe_test.c watches that it stays the only one. */
#include "common/crypto/backend.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include "common/crypto/openssl_key.h"

TRIB_OPENSSL_SCOPED(scoped_cipher, EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)
TRIB_OPENSSL_SCOPED(scoped_mac, EVP_MAC_CTX, EVP_MAC_CTX_free)
TRIB_OPENSSL_SCOPED(scoped_kdf, EVP_KDF_CTX, EVP_KDF_CTX_free)
TRIB_OPENSSL_SCOPED(scoped_signature, ECDSA_SIG, ECDSA_SIG_free)

/* Read only once fetched; never freed. */
static struct {
    CRYPTO_ONCE once;
    bool whole;
    EVP_CIPHER *gcm;
    EVP_MD *sha256;
    EVP_MAC *hmac;
    EVP_KDF *hkdf;
    EC_GROUP *group;
} fetched = {.once = CRYPTO_ONCE_STATIC_INIT};

static void fetch(void) {
    fetched.gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    fetched.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    fetched.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    fetched.hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    fetched.group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    fetched.whole = fetched.gcm != NULL && fetched.sha256 != NULL && fetched.hmac != NULL &&
                    fetched.hkdf != NULL && fetched.group != NULL;
}

static trib_status ready(void) {
    if (CRYPTO_THREAD_run_once(&fetched.once, fetch) != 1 || !fetched.whole) {
        return TRIB_FAIL(TRIB_E_INTERNAL, "this OpenSSL lacks AES-128-GCM, SHA256, HMAC, HKDF or "
                                          "P-256: use its default provider");
    }
    return TRIB_SUCCESS;
}

static trib_status fill_random(uint8_t *ret_bytes, size_t size) {
    if (RAND_priv_bytes_ex(NULL, ret_bytes, size, 0) != 1) {
        trib_wipe(ret_bytes, size);
        return TRIB_FAIL(TRIB_E_IO, "the system gave no %zu random bytes: %s", size,
                         trib_openssl_reason());
    }
    return TRIB_SUCCESS;
}

static trib_status sha256(trib_bytes data, uint8_t ret_hash[TRIB_HASH_BYTES]) {
    TRIB_TRY(ready());
    if (EVP_Digest(data.data, data.size, ret_hash, NULL, fetched.sha256, NULL) != 1) {
        return trib_openssl_failed("hash");
    }
    return TRIB_SUCCESS;
}

static trib_status hash_init(trib_hash *hash) {
    TRIB_TRY(ready());
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL || EVP_DigestInit_ex2(context, fetched.sha256, NULL) != 1) {
        EVP_MD_CTX_free(context);
        return trib_openssl_failed("start a hash");
    }
    hash->state.context = context;
    return TRIB_SUCCESS;
}

static trib_status hash_update(trib_hash *hash, trib_bytes data) {
    if (EVP_DigestUpdate(hash->state.context, data.data, data.size) != 1) {
        return trib_openssl_failed("hash");
    }
    return TRIB_SUCCESS;
}

static trib_status hash_finish(trib_hash *hash, uint8_t ret_hash[TRIB_HASH_BYTES]) {
    if (EVP_DigestFinal_ex(hash->state.context, ret_hash, NULL) != 1) {
        return trib_openssl_failed("finish a hash");
    }
    return TRIB_SUCCESS;
}

static void hash_deinit(trib_hash *hash) {
    if (hash != NULL) {
        EVP_MD_CTX_free(hash->state.context);
        trib_wipe(hash, sizeof *hash);
    }
}

static char digest_name[] = "SHA256"; /* not const: OSSL_PARAM takes none such */

static const uint8_t none[1] = {0}; /* an empty value, where NULL would mean another thing */

/* OSSL_PARAM wants mutable pointers for values that it only reads. */
static OSSL_PARAM bytes_param(const char *name, trib_bytes bytes) {
    union {
        const uint8_t *given;
        void *wanted;
    } data = {.given = bytes.size > 0 ? bytes.data : none};
    return OSSL_PARAM_construct_octet_string(name, data.wanted, bytes.size);
}

static trib_status hmac(trib_bytes key, trib_bytes data, uint8_t ret_mac[TRIB_HASH_BYTES]) {
    TRIB_TRY(ready());
    TRIB_SCOPED(scoped_mac) EVP_MAC_CTX *context = EVP_MAC_CTX_new(fetched.hmac);
    OSSL_PARAM values[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name, 0),
        OSSL_PARAM_construct_end(),
    };
    const uint8_t *key_data = key.size > 0 ? key.data : none;
    size_t size = 0;
    if (context == NULL || EVP_MAC_init(context, key_data, key.size, values) != 1 ||
        EVP_MAC_update(context, data.data, data.size) != 1 ||
        EVP_MAC_final(context, ret_mac, &size, TRIB_HASH_BYTES) != 1) {
        return trib_openssl_failed("compute an HMAC");
    }
    return TRIB_SUCCESS;
}

static trib_status derive(int mode, OSSL_PARAM first, OSSL_PARAM second, uint8_t *ret_bytes,
                          size_t size) {
    TRIB_TRY(ready());
    TRIB_SCOPED(scoped_kdf) EVP_KDF_CTX *context = EVP_KDF_CTX_new(fetched.hkdf);
    OSSL_PARAM values[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest_name, 0),
        first,
        second,
        OSSL_PARAM_construct_end(),
    };
    if (context == NULL || EVP_KDF_derive(context, ret_bytes, size, values) != 1) {
        trib_wipe(ret_bytes, size);
        return trib_openssl_failed("derive a key");
    }
    return TRIB_SUCCESS;
}

static trib_status hkdf_extract(trib_bytes salt, trib_bytes input,
                                uint8_t ret_key[TRIB_HASH_BYTES]) {
    if (input.size == 0) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "HKDF has nothing to extract a key from");
    }
    return derive(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, bytes_param(OSSL_KDF_PARAM_KEY, input),
                  bytes_param(OSSL_KDF_PARAM_SALT, salt), ret_key, TRIB_HASH_BYTES);
}

static trib_status hkdf_expand(const uint8_t pseudorandom_key[TRIB_HASH_BYTES], trib_bytes info,
                               uint8_t *ret_bytes, size_t size) {
    TRIB_TRY(trib_expand_check(info, size));
    trib_bytes key = {pseudorandom_key, TRIB_HASH_BYTES};
    return derive(EVP_KDF_HKDF_MODE_EXPAND_ONLY, bytes_param(OSSL_KDF_PARAM_KEY, key),
                  bytes_param(OSSL_KDF_PARAM_INFO, info), ret_bytes, size);
}

static trib_status aead_seal(const uint8_t key[TRIB_AEAD_KEY_BYTES],
                             const uint8_t nonce[TRIB_AEAD_NONCE_BYTES], trib_bytes associated,
                             trib_bytes text, uint8_t *ret_sealed) {
    TRIB_TRY(trib_aead_check(associated, text.size));
    TRIB_TRY(ready());
    TRIB_SCOPED(scoped_cipher) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int size = 0;
    uint8_t *tag = ret_sealed + text.size;
    if (context == NULL || EVP_EncryptInit_ex2(context, fetched.gcm, key, nonce, NULL) != 1 ||
        (associated.size > 0 &&
         EVP_EncryptUpdate(context, NULL, &size, associated.data, (int)associated.size) != 1) ||
        (text.size > 0 &&
         EVP_EncryptUpdate(context, ret_sealed, &size, text.data, (int)text.size) != 1) ||
        EVP_EncryptFinal_ex(context, tag, &size) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TRIB_AEAD_TAG_BYTES, tag) != 1) {
        trib_wipe(ret_sealed, text.size + TRIB_AEAD_TAG_BYTES);
        return trib_openssl_failed("seal");
    }
    return TRIB_SUCCESS;
}

static trib_status aead_open(const uint8_t key[TRIB_AEAD_KEY_BYTES],
                             const uint8_t nonce[TRIB_AEAD_NONCE_BYTES], trib_bytes associated,
                             trib_bytes sealed, uint8_t *ret_text) {
    size_t size;
    TRIB_TRY(trib_sealed_check(associated, sealed, &size));
    TRIB_TRY(ready());
    TRIB_SCOPED(scoped_cipher) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t tag[TRIB_AEAD_TAG_BYTES]; /* a copy, since the result may cover the input */
    memcpy(tag, sealed.data + size, sizeof tag);
    uint8_t rest[TRIB_AEAD_TAG_BYTES];
    int done = 0;
    if (context == NULL || EVP_DecryptInit_ex2(context, fetched.gcm, key, nonce, NULL) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TRIB_AEAD_TAG_BYTES, tag) != 1 ||
        (associated.size > 0 &&
         EVP_DecryptUpdate(context, NULL, &done, associated.data, (int)associated.size) != 1) ||
        (size > 0 && EVP_DecryptUpdate(context, ret_text, &done, sealed.data, (int)size) != 1)) {
        trib_wipe(ret_text, size);
        return trib_openssl_failed("open");
    }
    if (EVP_DecryptFinal_ex(context, rest, &done) != 1) {
        trib_wipe(ret_text, size);
        ERR_clear_error();
        return TRIB_FAIL(TRIB_E_DENIED, "the tag of %zu sealed bytes does not match", sealed.size);
    }
    return TRIB_SUCCESS;
}

static trib_status load_private(const trib_private_key *key, BIGNUM **ret_scalar) {
    TRIB_TRY(ready());
    TRIB_SCOPED(trib_scoped_number) BIGNUM *scalar = BN_secure_new();
    if (scalar == NULL || BN_bin2bn(key->bytes, sizeof key->bytes, scalar) == NULL) {
        return trib_openssl_failed("read a private key");
    }
    if (BN_is_zero(scalar) || BN_cmp(scalar, EC_GROUP_get0_order(fetched.group)) >= 0) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "a private key is not in [1, n-1] of P-256");
    }
    BN_set_flags(scalar, BN_FLG_CONSTTIME);
    *ret_scalar = scalar;
    scalar = NULL;
    return TRIB_SUCCESS;
}

static trib_status public_of(const trib_private_key *key, trib_public_key *ret_key) {
    TRIB_SCOPED(trib_scoped_number) BIGNUM *scalar = NULL;
    TRIB_TRY(load_private(key, &scalar));
    TRIB_SCOPED(trib_scoped_point) EC_POINT *point = EC_POINT_new(fetched.group);
    trib_public_key public;
    if (point == NULL || EC_POINT_mul(fetched.group, point, scalar, NULL, NULL, NULL) != 1 ||
        EC_POINT_point2oct(fetched.group, point, POINT_CONVERSION_UNCOMPRESSED, public.bytes,
                           sizeof public.bytes, NULL) != sizeof public.bytes) {
        return trib_openssl_failed("compute a public key");
    }
    *ret_key = public;
    return TRIB_SUCCESS;
}

/* FIPS 186-4, B.4.2: draw, and draw again if it is no scalar. Once in 2^32. */
static trib_status generate(trib_key_pair *ret_pair) {
    TRIB_SCOPED(trib_key_pair_wipe) trib_key_pair pair;
    trib_status status;
    do {
        TRIB_TRY(fill_random(pair.secret.bytes, sizeof pair.secret.bytes));
        status = public_of(&pair.secret, &pair.public);
    } while (status.code == TRIB_E_CORRUPT);
    TRIB_TRY(status);
    *ret_pair = pair;
    return TRIB_SUCCESS;
}

static trib_status check_public(const trib_public_key *key) {
    TRIB_SCOPED(trib_scoped_pkey) EVP_PKEY *loaded = NULL;
    return trib_openssl_public(key, &loaded);
}

static trib_status load_secret(const trib_private_key *key, EVP_PKEY **ret_key) {
    TRIB_SCOPED(trib_scoped_number) BIGNUM *checked = NULL;
    TRIB_TRY(load_private(key, &checked));
    return trib_openssl_private(key, NULL, ret_key);
}

static trib_status agree(const trib_private_key *own, const trib_public_key *other,
                         uint8_t ret_shared[TRIB_SHARED_BYTES]) {
    TRIB_SCOPED(trib_scoped_pkey) EVP_PKEY *secret = NULL;
    TRIB_SCOPED(trib_scoped_pkey) EVP_PKEY *peer = NULL;
    TRIB_TRY(load_secret(own, &secret));
    TRIB_TRY(trib_openssl_public(other, &peer));
    TRIB_SCOPED(trib_scoped_pkey_context)
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, secret, NULL);
    TRIB_SCOPED(trib_secret_wipe) trib_secret shared;
    size_t size = sizeof shared.bytes;
    /* The peer was checked when it was read; with cofactor 1 there is no more to check. */
    if (context == NULL || EVP_PKEY_derive_init(context) != 1 ||
        EVP_PKEY_derive_set_peer_ex(context, peer, 0) != 1 ||
        EVP_PKEY_derive(context, shared.bytes, &size) != 1 || size != sizeof shared.bytes) {
        return trib_openssl_failed("agree on a key");
    }
    memcpy(ret_shared, shared.bytes, sizeof shared.bytes);
    return TRIB_SUCCESS;
}

enum { DER_SIGNATURE_BYTES = 72 };

static trib_status sign(const trib_private_key *key, const uint8_t hash[TRIB_HASH_BYTES],
                        trib_signature *ret_signature) {
    TRIB_SCOPED(trib_scoped_pkey) EVP_PKEY *secret = NULL;
    TRIB_TRY(load_secret(key, &secret));
    TRIB_SCOPED(trib_scoped_pkey_context)
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, secret, NULL);
    uint8_t der[DER_SIGNATURE_BYTES];
    size_t size = sizeof der;
    if (context == NULL || EVP_PKEY_sign_init(context) != 1 ||
        EVP_PKEY_sign(context, der, &size, hash, TRIB_HASH_BYTES) != 1) {
        return trib_openssl_failed("sign");
    }
    const unsigned char *at = der;
    TRIB_SCOPED(scoped_signature) ECDSA_SIG *read = d2i_ECDSA_SIG(NULL, &at, (long)size);
    trib_signature signature;
    if (read == NULL || BN_bn2binpad(ECDSA_SIG_get0_r(read), signature.bytes, 32) != 32 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(read), signature.bytes + 32, 32) != 32) {
        return trib_openssl_failed("read its own signature");
    }
    *ret_signature = signature;
    return TRIB_SUCCESS;
}

/* r and s as OpenSSL wants them, in DER. */
static trib_status encode_signature(const trib_signature *signature,
                                    uint8_t ret_der[DER_SIGNATURE_BYTES], size_t *ret_size) {
    TRIB_SCOPED(scoped_signature) ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature->bytes, 32, NULL);
    BIGNUM *s = BN_bin2bn(signature->bytes + 32, 32, NULL);
    if (pair == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(pair, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return trib_openssl_failed("read a signature");
    }
    unsigned char *at = ret_der;
    int size = i2d_ECDSA_SIG(pair, &at); /* two integers of 33 bytes make 72 at most */
    if (size <= 0) {
        return trib_openssl_failed("encode a signature");
    }
    *ret_size = (size_t)size;
    return TRIB_SUCCESS;
}

static trib_status verify(const trib_public_key *key, const uint8_t hash[TRIB_HASH_BYTES],
                          const trib_signature *signature) {
    TRIB_SCOPED(trib_scoped_pkey) EVP_PKEY *public = NULL;
    TRIB_TRY(trib_openssl_public(key, &public));
    uint8_t der[DER_SIGNATURE_BYTES];
    size_t size = 0;
    TRIB_TRY(encode_signature(signature, der, &size));
    TRIB_SCOPED(trib_scoped_pkey_context)
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, public, NULL);
    if (context == NULL || EVP_PKEY_verify_init(context) != 1) {
        return trib_openssl_failed("verify");
    }
    if (EVP_PKEY_verify(context, der, size, hash, TRIB_HASH_BYTES) != 1) {
        ERR_clear_error();
        return TRIB_FAIL(TRIB_E_DENIED, "the signature does not match");
    }
    return TRIB_SUCCESS;
}

const trib_crypto *trib_crypto_openssl(void) {
    static const trib_crypto crypto = {
        .name = "openssl",
        .random = fill_random,
        .sha256 = sha256,
        .hash_init = hash_init,
        .hash_update = hash_update,
        .hash_finish = hash_finish,
        .hash_deinit = hash_deinit,
        .hmac = hmac,
        .hkdf_extract = hkdf_extract,
        .hkdf_expand = hkdf_expand,
        .aead_seal = aead_seal,
        .aead_open = aead_open,
        .generate = generate,
        .public_of = public_of,
        .check_public = check_public,
        .agree = agree,
        .sign = sign,
        .verify = verify,
    };
    return &crypto;
}
