#include "common/crypto/crypto.h"

#include <mbedtls/constant_time.h>
#include <mbedtls/platform_util.h>

void trib_wipe(void *secret, size_t size) {
    if (size > 0) {
        mbedtls_platform_zeroize(secret, size);
    }
}

bool trib_secret_equal(const void *left, const void *right, size_t size) {
    return size == 0 || mbedtls_ct_memcmp(left, right, size) == 0;
}

void trib_private_key_wipe(trib_private_key *key) {
    trib_wipe(key, sizeof *key);
}

void trib_key_pair_wipe(trib_key_pair *pair) {
    trib_wipe(pair, sizeof *pair);
}

void trib_secret_wipe(trib_secret *secret) {
    trib_wipe(secret, sizeof *secret);
}
