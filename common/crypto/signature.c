#include "common/crypto/signature.h"

#include <string.h>

typedef struct running_hash {
    const trib_crypto *crypto;
    trib_hash hash;
} running_hash;

static void running_hash_deinit(running_hash *running) {
    running->crypto->hash_deinit(&running->hash);
}

static trib_status check_purpose(const char *purpose) {
    size_t size = 0;
    while (size <= TRIB_MAX_PURPOSE_BYTES && purpose[size] > ' ' && purpose[size] < 0x7f) {
        size++;
    }
    if (size == 0 || size > TRIB_MAX_PURPOSE_BYTES || purpose[size] != 0) {
        return TRIB_FAIL(TRIB_E_ARGUMENT,
                         "a purpose is 1 to %d printable characters without spaces",
                         TRIB_MAX_PURPOSE_BYTES);
    }
    return TRIB_SUCCESS;
}

static trib_status hash_of(const trib_crypto *crypto, const char *purpose, trib_bytes message,
                           uint8_t ret_hash[TRIB_HASH_BYTES]) {
    TRIB_TRY(check_purpose(purpose));
    TRIB_SCOPED(running_hash_deinit) running_hash running = {.crypto = crypto};
    TRIB_TRY(crypto->hash_init(&running.hash));
    TRIB_TRY(crypto->hash_update(&running.hash, trib_bytes_text("tributary/v1 ")));
    TRIB_TRY(crypto->hash_update(&running.hash, trib_bytes_of(purpose, strlen(purpose) + 1)));
    TRIB_TRY(crypto->hash_update(&running.hash, message));
    return crypto->hash_finish(&running.hash, ret_hash);
}

trib_status trib_sign(const trib_crypto *crypto, const trib_private_key *key, const char *purpose,
                      trib_bytes message, trib_signature *ret_signature) {
    uint8_t hash[TRIB_HASH_BYTES];
    TRIB_TRY(hash_of(crypto, purpose, message, hash));
    return crypto->sign(key, hash, ret_signature);
}

trib_status trib_verify(const trib_crypto *crypto, const trib_public_key *key, const char *purpose,
                        trib_bytes message, const trib_signature *signature) {
    uint8_t hash[TRIB_HASH_BYTES];
    TRIB_TRY(hash_of(crypto, purpose, message, hash));
    return trib_context(crypto->verify(key, hash, signature), "a signature for \"%s\"", purpose);
}
