/* By itself, so that a simulation can put another table in its place. */
#include "common/crypto/crypto.h"

const trib_crypto *trib_crypto_host(void) {
    return trib_crypto_openssl();
}
