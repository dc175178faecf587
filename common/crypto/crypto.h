/* The primitives that Tributary needs, behind one table with two fillings.
 *
 * mbedTLS fills it for firmware, OpenSSL for hosts; both pass the same published vectors, so what
 * one seals or signs the other opens or checks. Nothing outside this room includes either library.
 *
 * errors   TRIB_E_DENIED    a tag or a signature does not match
 *          TRIB_E_CORRUPT   a key is not a point of the curve, or not a scalar in [1, n-1]
 *          TRIB_E_LIMIT     more than TRIB_AEAD_MAX_BYTES, or than HKDF can expand to
 *          TRIB_E_IO        the system gave no randomness
 *          TRIB_E_INTERNAL  the library failed where it may not (out of memory, mostly)
 * owns     nothing but a running trib_hash
 * threads  the tables are constant and every function is safe from any thread; a trib_hash belongs
 *          to one thread. Library contexts live for one call: none is shared, and none keeps a key.
 */
#ifndef TRIB_CRYPTO_CRYPTO_H
#define TRIB_CRYPTO_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/span.h"
#include "common/base/status.h"

enum {
    TRIB_HASH_BYTES = 32,
    TRIB_AEAD_KEY_BYTES = 16,
    TRIB_AEAD_NONCE_BYTES = 12,
    TRIB_AEAD_TAG_BYTES = 16,
    TRIB_AEAD_MAX_BYTES = 1 << 30, /* of one message; of associated data too */
    TRIB_PRIVATE_KEY_BYTES = 32,
    TRIB_PUBLIC_KEY_BYTES = 65,
    TRIB_SIGNATURE_BYTES = 64,
    TRIB_SHARED_BYTES = 32,
    TRIB_EXPAND_MAX_BYTES = 255 * TRIB_HASH_BYTES,
    TRIB_EXPAND_INFO_BYTES = 1024 /* OpenSSL's own ceiling, kept by both */
};

/* A point of P-256: 0x04, x, y, big-endian (SEC 1, section 2.3.3). */
typedef struct trib_public_key {
    uint8_t bytes[TRIB_PUBLIC_KEY_BYTES];
} trib_public_key;

/* A scalar of P-256, big-endian. Secret. */
typedef struct trib_private_key {
    uint8_t bytes[TRIB_PRIVATE_KEY_BYTES];
} trib_private_key;

typedef struct trib_key_pair {
    trib_private_key secret;
    trib_public_key public;
} trib_key_pair;

/* ECDSA over P-256: r, s, big-endian. (r, n-s) is as valid: never use a signature as an identity.
 */
typedef struct trib_signature {
    uint8_t bytes[TRIB_SIGNATURE_BYTES];
} trib_signature;

/* A running SHA-256. Zero-initialise, then: init, update ..., finish, deinit. */
typedef struct trib_hash {
    union {
        void *context; /* owned, where the library wants the heap */
        uint64_t words[16];
    } state;
} trib_hash;

typedef struct trib_crypto {
    const char *name; /* "mbedtls" or "openssl" */

    /* Unpredictable bytes from the system. */
    TRIB_MUST_CHECK trib_status (*random)(uint8_t *ret_bytes, size_t size);

    /* FIPS 180-4. hash_deinit takes any state, zeroed and finished ones too, and wipes it. */
    TRIB_MUST_CHECK trib_status (*sha256)(trib_bytes data, uint8_t ret_hash[TRIB_HASH_BYTES]);
    TRIB_MUST_CHECK trib_status (*hash_init)(trib_hash *hash);
    TRIB_MUST_CHECK trib_status (*hash_update)(trib_hash *hash, trib_bytes data);
    TRIB_MUST_CHECK trib_status (*hash_finish)(trib_hash *hash, uint8_t ret_hash[TRIB_HASH_BYTES]);
    void (*hash_deinit)(trib_hash *hash);

    /* RFC 2104 and RFC 5869, with SHA-256. A salt may be empty, `input` may not. `info` is at most
     * TRIB_EXPAND_INFO_BYTES, `size` 1 to TRIB_EXPAND_MAX_BYTES. */
    TRIB_MUST_CHECK trib_status (*hmac)(trib_bytes key, trib_bytes data,
                                        uint8_t ret_mac[TRIB_HASH_BYTES]);
    TRIB_MUST_CHECK trib_status (*hkdf_extract)(trib_bytes salt, trib_bytes input,
                                                uint8_t ret_key[TRIB_HASH_BYTES]);
    TRIB_MUST_CHECK trib_status (*hkdf_expand)(const uint8_t pseudorandom_key[TRIB_HASH_BYTES],
                                               trib_bytes info, uint8_t *ret_bytes, size_t size);

    /* AES-128-GCM, NIST SP 800-38D. Sealed bytes are ciphertext, then tag: text.size + 16. The
     * result may start where the input starts, and may not overlap it otherwise. A nonce never
     * serves twice under one key: the caller sees to that.
     * On failure the result is wiped, not left alone as elsewhere: what has not been authenticated
     * must not stay around, and a second buffer would double the memory of a model. */
    TRIB_MUST_CHECK trib_status (*aead_seal)(const uint8_t key[TRIB_AEAD_KEY_BYTES],
                                             const uint8_t nonce[TRIB_AEAD_NONCE_BYTES],
                                             trib_bytes associated, trib_bytes text,
                                             uint8_t *ret_sealed);
    TRIB_MUST_CHECK trib_status (*aead_open)(const uint8_t key[TRIB_AEAD_KEY_BYTES],
                                             const uint8_t nonce[TRIB_AEAD_NONCE_BYTES],
                                             trib_bytes associated, trib_bytes sealed,
                                             uint8_t *ret_text);

    TRIB_MUST_CHECK trib_status (*generate)(trib_key_pair *ret_pair);
    /* The public key of a private one; the private one is checked. */
    TRIB_MUST_CHECK trib_status (*public_of)(const trib_private_key *key, trib_public_key *ret_key);
    TRIB_MUST_CHECK trib_status (*check_public)(const trib_public_key *key);
    /* ECDH: the x coordinate (NIST SP 800-56A, 5.7.1.2), checked on both sides. Secret. */
    TRIB_MUST_CHECK trib_status (*agree)(const trib_private_key *own, const trib_public_key *other,
                                         uint8_t ret_shared[TRIB_SHARED_BYTES]);
    /* ECDSA of a SHA-256 hash. Prefer trib_sign and trib_verify, which separate purposes. */
    TRIB_MUST_CHECK trib_status (*sign)(const trib_private_key *key,
                                        const uint8_t hash[TRIB_HASH_BYTES],
                                        trib_signature *ret_signature);
    TRIB_MUST_CHECK trib_status (*verify)(const trib_public_key *key,
                                          const uint8_t hash[TRIB_HASH_BYTES],
                                          const trib_signature *signature);
} trib_crypto;

/* For firmware: no heap of its own (mbedTLS takes some for big numbers) and no standard I/O. Signs
 * deterministically (RFC 6979). With TRIB_FREESTANDING its randomness is mbedtls_hardware_poll,
 * which the board supplies. */
const trib_crypto *trib_crypto_mbedtls(void);
/* For hosts. */
const trib_crypto *trib_crypto_openssl(void);
/* What a gateway or cloud uses: OpenSSL for everything. It is twenty times faster at both bulk and
 * curve work, its P-256 is constant-time assembly, and one table is what HPKE is written over. */
const trib_crypto *trib_crypto_host(void);

/* Overwrites, and is not optimised away. NULL is fine when size is 0. */
void trib_wipe(void *secret, size_t size);
/* In time that depends on `size` alone. */
bool trib_secret_equal(const void *left, const void *right, size_t size);

/* For TRIB_SCOPED. */
void trib_private_key_wipe(trib_private_key *key);
void trib_key_pair_wipe(trib_key_pair *pair);
/* For TRIB_SCOPED: 32 bytes of key material on their way. */
typedef struct trib_secret {
    uint8_t bytes[32];
} trib_secret;
void trib_secret_wipe(trib_secret *secret);

#endif
