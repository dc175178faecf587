/* Who takes part in a round, decided by hash: no list and no message for each gateway.
 *
 * value = SHA-256("tributary/v1 select" || 0x00 || salt[16] || round as u64 little-endian ||
 *                 gateway's name), its first 8 bytes as a little-endian u64, modulo 1,000,000.
 * A gateway takes part when value < the round's parts per million. The modulus favours small
 * values by less than 1e-13. The cloud computes the same, and refuses who was not selected.
 *
 * threads  pure
 */
#ifndef TRIB_CRYPTO_SELECT_H
#define TRIB_CRYPTO_SELECT_H

#include "common/crypto/crypto.h"

enum { TRIB_SELECT_SALT_BYTES = 16, TRIB_SELECT_RANGE = 1000000 };

/* TRIB_E_DENIED unless `gateway` is a gateway's name (see name.h). */
TRIB_MUST_CHECK
trib_status trib_select(const trib_crypto *crypto, const uint8_t salt[TRIB_SELECT_SALT_BYTES],
                        const char *gateway, uint64_t round, uint32_t *ret_value);

#endif
