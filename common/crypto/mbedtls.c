/* The table filled by mbedTLS 2.28: for firmware, and the second opinion on hosts. */
#include "common/crypto/backend.h"

#include <string.h>

#include <mbedtls/bignum.h>
#include <mbedtls/ecdh.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/ecp.h>
#include <mbedtls/entropy_poll.h>
#include <mbedtls/gcm.h>
#include <mbedtls/hkdf.h>
#include <mbedtls/md.h>
#include <mbedtls/sha256.h>

/* The contexts have their own _free functions, which wipe. */
#define OWNED_GROUP TRIB_SCOPED(mbedtls_ecp_group_free) mbedtls_ecp_group
#define OWNED_POINT TRIB_SCOPED(mbedtls_ecp_point_free) mbedtls_ecp_point
#define OWNED_NUMBER TRIB_SCOPED(mbedtls_mpi_free) mbedtls_mpi

static trib_status library_failed(const char *what, int error) {
    unsigned number = error < 0 ? 0u - (unsigned)error : (unsigned)error;
    return TRIB_FAIL(TRIB_E_INTERNAL, "mbedTLS could not %s: -0x%04x (out of memory?)", what,
                     number);
}

/* mbedTLS's own generators keep state that would need a lock and a reseed after fork, so it is
 * given the system's bytes directly. */
static int system_entropy(void *unused, unsigned char *ret_bytes, size_t size) {
    (void)unused;
    size_t done = 0;
    while (done < size) {
        size_t got = 0;
#ifdef TRIB_FREESTANDING
        int error = mbedtls_hardware_poll(NULL, ret_bytes + done, size - done, &got);
#else
        int error = mbedtls_platform_entropy_poll(NULL, ret_bytes + done, size - done, &got);
#endif
        if (error != 0 || got == 0 || got > size - done) {
            return MBEDTLS_ERR_ECP_RANDOM_FAILED;
        }
        done += got;
    }
    return 0;
}

static trib_status fill_random(uint8_t *ret_bytes, size_t size) {
    if (system_entropy(NULL, ret_bytes, size) != 0) {
        trib_wipe(ret_bytes, size);
        return TRIB_FAIL(TRIB_E_IO, "the system gave no %zu random bytes", size);
    }
    return TRIB_SUCCESS;
}

static trib_status sha256(trib_bytes data, uint8_t ret_hash[TRIB_HASH_BYTES]) {
    int error = mbedtls_sha256_ret(data.data, data.size, ret_hash, 0);
    return error == 0 ? TRIB_SUCCESS : library_failed("hash", error);
}

_Static_assert(sizeof(mbedtls_sha256_context) <= sizeof(trib_hash), "a trib_hash holds the state");
_Static_assert(_Alignof(mbedtls_sha256_context) <= _Alignof(trib_hash), "and is aligned for it");

static mbedtls_sha256_context *hash_context(trib_hash *hash) {
    return (mbedtls_sha256_context *)(void *)hash->state.words;
}

static trib_status hash_init(trib_hash *hash) {
    mbedtls_sha256_init(hash_context(hash));
    int error = mbedtls_sha256_starts_ret(hash_context(hash), 0);
    return error == 0 ? TRIB_SUCCESS : library_failed("start a hash", error);
}

static trib_status hash_update(trib_hash *hash, trib_bytes data) {
    int error = mbedtls_sha256_update_ret(hash_context(hash), data.data, data.size);
    return error == 0 ? TRIB_SUCCESS : library_failed("hash", error);
}

static trib_status hash_finish(trib_hash *hash, uint8_t ret_hash[TRIB_HASH_BYTES]) {
    int error = mbedtls_sha256_finish_ret(hash_context(hash), ret_hash);
    return error == 0 ? TRIB_SUCCESS : library_failed("finish a hash", error);
}

static void hash_deinit(trib_hash *hash) {
    if (hash != NULL) {
        trib_wipe(hash, sizeof *hash);
    }
}

static const mbedtls_md_info_t *digest(void) {
    return mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
}

static trib_status hmac(trib_bytes key, trib_bytes data, uint8_t ret_mac[TRIB_HASH_BYTES]) {
    int error = mbedtls_md_hmac(digest(), key.data, key.size, data.data, data.size, ret_mac);
    return error == 0 ? TRIB_SUCCESS : library_failed("compute an HMAC", error);
}

static trib_status hkdf_extract(trib_bytes salt, trib_bytes input,
                                uint8_t ret_key[TRIB_HASH_BYTES]) {
    if (input.size == 0) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "HKDF has nothing to extract a key from");
    }
    const uint8_t *salt_data = salt.size > 0 ? salt.data : NULL; /* NULL is how it says "none" */
    int error =
        mbedtls_hkdf_extract(digest(), salt_data, salt.size, input.data, input.size, ret_key);
    return error == 0 ? TRIB_SUCCESS : library_failed("extract a key", error);
}

static trib_status hkdf_expand(const uint8_t pseudorandom_key[TRIB_HASH_BYTES], trib_bytes info,
                               uint8_t *ret_bytes, size_t size) {
    TRIB_TRY(trib_expand_check(info, size));
    int error = mbedtls_hkdf_expand(digest(), pseudorandom_key, TRIB_HASH_BYTES, info.data,
                                    info.size, ret_bytes, size);
    return error == 0 ? TRIB_SUCCESS : library_failed("expand a key", error);
}

static trib_status aead_seal(const uint8_t key[TRIB_AEAD_KEY_BYTES],
                             const uint8_t nonce[TRIB_AEAD_NONCE_BYTES], trib_bytes associated,
                             trib_bytes text, uint8_t *ret_sealed) {
    TRIB_TRY(trib_aead_check(associated, text.size));
    TRIB_SCOPED(mbedtls_gcm_free) mbedtls_gcm_context gcm;
    mbedtls_gcm_init(&gcm);
    int error = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, 8 * TRIB_AEAD_KEY_BYTES);
    if (error == 0) {
        error = mbedtls_gcm_crypt_and_tag(
            &gcm, MBEDTLS_GCM_ENCRYPT, text.size, nonce, TRIB_AEAD_NONCE_BYTES, associated.data,
            associated.size, text.data, ret_sealed, TRIB_AEAD_TAG_BYTES, ret_sealed + text.size);
    }
    if (error != 0) {
        trib_wipe(ret_sealed, text.size + TRIB_AEAD_TAG_BYTES);
        return library_failed("seal", error);
    }
    return TRIB_SUCCESS;
}

static trib_status aead_open(const uint8_t key[TRIB_AEAD_KEY_BYTES],
                             const uint8_t nonce[TRIB_AEAD_NONCE_BYTES], trib_bytes associated,
                             trib_bytes sealed, uint8_t *ret_text) {
    size_t size;
    TRIB_TRY(trib_sealed_check(associated, sealed, &size));
    TRIB_SCOPED(mbedtls_gcm_free) mbedtls_gcm_context gcm;
    mbedtls_gcm_init(&gcm);
    int error = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, 8 * TRIB_AEAD_KEY_BYTES);
    if (error == 0) {
        error = mbedtls_gcm_auth_decrypt(&gcm, size, nonce, TRIB_AEAD_NONCE_BYTES, associated.data,
                                         associated.size, sealed.data + size, TRIB_AEAD_TAG_BYTES,
                                         sealed.data, ret_text);
    }
    if (error == 0) {
        return TRIB_SUCCESS;
    }
    trib_wipe(ret_text, size);
    if (error == MBEDTLS_ERR_GCM_AUTH_FAILED) {
        return TRIB_FAIL(TRIB_E_DENIED, "the tag of %zu sealed bytes does not match", sealed.size);
    }
    return library_failed("open", error);
}

static trib_status load_group(mbedtls_ecp_group *group) {
    int error = mbedtls_ecp_group_load(group, MBEDTLS_ECP_DP_SECP256R1);
    return error == 0 ? TRIB_SUCCESS : library_failed("load P-256", error);
}

static trib_status load_public(const mbedtls_ecp_group *group, const trib_public_key *key,
                               mbedtls_ecp_point *point) {
    if (key->bytes[0] != 0x04 || /* other forms than uncompressed are not ours */
        mbedtls_ecp_point_read_binary(group, point, key->bytes, sizeof key->bytes) != 0 ||
        mbedtls_ecp_check_pubkey(group, point) != 0) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "a public key is not a point of P-256");
    }
    return TRIB_SUCCESS;
}

static trib_status load_private(const mbedtls_ecp_group *group, const trib_private_key *key,
                                mbedtls_mpi *scalar) {
    int error = mbedtls_mpi_read_binary(scalar, key->bytes, sizeof key->bytes);
    if (error != 0) {
        return library_failed("read a private key", error);
    }
    if (mbedtls_ecp_check_privkey(group, scalar) != 0) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "a private key is not in [1, n-1] of P-256");
    }
    return TRIB_SUCCESS;
}

static trib_status multiply_base(mbedtls_ecp_group *group, const mbedtls_mpi *scalar,
                                 trib_public_key *ret_key) {
    OWNED_POINT point;
    mbedtls_ecp_point_init(&point);
    trib_public_key key;
    size_t size = 0;
    int error = mbedtls_ecp_mul(group, &point, scalar, &group->G, system_entropy, NULL);
    if (error == 0) {
        error = mbedtls_ecp_point_write_binary(group, &point, MBEDTLS_ECP_PF_UNCOMPRESSED, &size,
                                               key.bytes, sizeof key.bytes);
    }
    if (error != 0 || size != sizeof key.bytes) {
        return library_failed("compute a public key", error);
    }
    *ret_key = key;
    return TRIB_SUCCESS;
}

static trib_status public_of(const trib_private_key *key, trib_public_key *ret_key) {
    OWNED_GROUP group;
    mbedtls_ecp_group_init(&group);
    OWNED_NUMBER scalar;
    mbedtls_mpi_init(&scalar);
    TRIB_TRY(load_group(&group));
    TRIB_TRY(load_private(&group, key, &scalar));
    return multiply_base(&group, &scalar, ret_key);
}

static trib_status generate(trib_key_pair *ret_pair) {
    OWNED_GROUP group;
    mbedtls_ecp_group_init(&group);
    OWNED_NUMBER scalar;
    mbedtls_mpi_init(&scalar);
    TRIB_SCOPED(trib_key_pair_wipe) trib_key_pair pair;
    TRIB_TRY(load_group(&group));
    int error = mbedtls_ecp_gen_privkey(&group, &scalar, system_entropy, NULL);
    if (error == 0) {
        error = mbedtls_mpi_write_binary(&scalar, pair.secret.bytes, sizeof pair.secret.bytes);
    }
    if (error != 0) {
        return library_failed("draw a private key", error);
    }
    TRIB_TRY(multiply_base(&group, &scalar, &pair.public));
    *ret_pair = pair;
    return TRIB_SUCCESS;
}

static trib_status check_public(const trib_public_key *key) {
    OWNED_GROUP group;
    mbedtls_ecp_group_init(&group);
    OWNED_POINT point;
    mbedtls_ecp_point_init(&point);
    TRIB_TRY(load_group(&group));
    return load_public(&group, key, &point);
}

static trib_status agree(const trib_private_key *own, const trib_public_key *other,
                         uint8_t ret_shared[TRIB_SHARED_BYTES]) {
    OWNED_GROUP group;
    mbedtls_ecp_group_init(&group);
    OWNED_POINT point;
    mbedtls_ecp_point_init(&point);
    OWNED_NUMBER scalar;
    mbedtls_mpi_init(&scalar);
    OWNED_NUMBER shared;
    mbedtls_mpi_init(&shared);
    TRIB_SCOPED(trib_secret_wipe) trib_secret secret;
    TRIB_TRY(load_group(&group));
    TRIB_TRY(load_private(&group, own, &scalar));
    TRIB_TRY(load_public(&group, other, &point));
    int error = mbedtls_ecdh_compute_shared(&group, &shared, &point, &scalar, system_entropy, NULL);
    if (error == 0) {
        error = mbedtls_mpi_write_binary(&shared, secret.bytes, sizeof secret.bytes);
    }
    if (error != 0) {
        return library_failed("agree on a key", error);
    }
    memcpy(ret_shared, secret.bytes, TRIB_SHARED_BYTES);
    return TRIB_SUCCESS;
}

static trib_status sign(const trib_private_key *key, const uint8_t hash[TRIB_HASH_BYTES],
                        trib_signature *ret_signature) {
    OWNED_GROUP group;
    mbedtls_ecp_group_init(&group);
    OWNED_NUMBER scalar;
    mbedtls_mpi_init(&scalar);
    OWNED_NUMBER r;
    mbedtls_mpi_init(&r);
    OWNED_NUMBER s;
    mbedtls_mpi_init(&s);
    trib_signature signature;
    TRIB_TRY(load_group(&group));
    TRIB_TRY(load_private(&group, key, &scalar));
    int error = mbedtls_ecdsa_sign_det_ext(&group, &r, &s, &scalar, hash, TRIB_HASH_BYTES,
                                           MBEDTLS_MD_SHA256, system_entropy, NULL);
    if (error == 0) {
        error = mbedtls_mpi_write_binary(&r, signature.bytes, 32);
    }
    if (error == 0) {
        error = mbedtls_mpi_write_binary(&s, signature.bytes + 32, 32);
    }
    if (error != 0) {
        return library_failed("sign", error);
    }
    *ret_signature = signature;
    return TRIB_SUCCESS;
}

static trib_status verify(const trib_public_key *key, const uint8_t hash[TRIB_HASH_BYTES],
                          const trib_signature *signature) {
    OWNED_GROUP group;
    mbedtls_ecp_group_init(&group);
    OWNED_POINT point;
    mbedtls_ecp_point_init(&point);
    OWNED_NUMBER r;
    mbedtls_mpi_init(&r);
    OWNED_NUMBER s;
    mbedtls_mpi_init(&s);
    TRIB_TRY(load_group(&group));
    TRIB_TRY(load_public(&group, key, &point));
    int error = mbedtls_mpi_read_binary(&r, signature->bytes, 32);
    if (error == 0) {
        error = mbedtls_mpi_read_binary(&s, signature->bytes + 32, 32);
    }
    if (error != 0) {
        return library_failed("read a signature", error);
    }
    error = mbedtls_ecdsa_verify(&group, hash, TRIB_HASH_BYTES, &point, &r, &s);
    if (error == MBEDTLS_ERR_MPI_ALLOC_FAILED) {
        return library_failed("verify", error);
    }
    if (error != 0) {
        return TRIB_FAIL(TRIB_E_DENIED, "the signature does not match");
    }
    return TRIB_SUCCESS;
}

const trib_crypto *trib_crypto_mbedtls(void) {
    static const trib_crypto crypto = {
        .name = "mbedtls",
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
