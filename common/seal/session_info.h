/* What both ends of a session agree on before any message: HPKE's info.
 *
 *     "tributary/v1 session" 0x00 federation 0x00 gateway 0x00 u64 generation
 *
 * errors   those of the hash
 * threads  pure
 */
#ifndef TRIB_SEAL_SESSION_INFO_H
#define TRIB_SEAL_SESSION_INFO_H

#include "common/crypto/crypto.h"
#include "common/wire/topic.h"

enum { TRIB_SESSION_INFO_BYTES = 192 };

typedef struct trib_session_info {
    uint8_t bytes[TRIB_SESSION_INFO_BYTES];
    size_t size;
} trib_session_info;

void trib_session_info_make(const char *federation, const char *gateway, uint64_t generation,
                            trib_session_info *ret_info);

/* A session's number: the first 8 bytes of SHA-256 of the join's body, little-endian. */
TRIB_MUST_CHECK trib_status trib_session_number(const trib_crypto *crypto, trib_bytes join_body,
                                                uint64_t *ret_session);

#endif
