/* Inside this room: what both fillings of the table check alike. */
#ifndef TRIB_CRYPTO_BACKEND_H
#define TRIB_CRYPTO_BACKEND_H

#include "common/crypto/crypto.h"

TRIB_MUST_CHECK static inline trib_status trib_aead_check(trib_bytes associated, size_t text_size) {
    if (associated.size > TRIB_AEAD_MAX_BYTES || text_size > TRIB_AEAD_MAX_BYTES) {
        return TRIB_FAIL(TRIB_E_LIMIT,
                         "a message of %zu bytes with %zu associated is over %d: cut it", text_size,
                         associated.size, TRIB_AEAD_MAX_BYTES);
    }
    return TRIB_SUCCESS;
}

TRIB_MUST_CHECK static inline trib_status
trib_sealed_check(trib_bytes associated, trib_bytes sealed, size_t *ret_text_size) {
    if (sealed.size < TRIB_AEAD_TAG_BYTES) {
        return TRIB_FAIL(TRIB_E_DENIED, "%zu sealed bytes are fewer than a tag", sealed.size);
    }
    TRIB_TRY(trib_aead_check(associated, sealed.size - TRIB_AEAD_TAG_BYTES));
    *ret_text_size = sealed.size - TRIB_AEAD_TAG_BYTES;
    return TRIB_SUCCESS;
}

TRIB_MUST_CHECK static inline trib_status trib_expand_check(trib_bytes info, size_t size) {
    if (size == 0 || size > TRIB_EXPAND_MAX_BYTES || info.size > TRIB_EXPAND_INFO_BYTES) {
        return TRIB_FAIL(TRIB_E_LIMIT,
                         "HKDF expands %zu bytes of info (at most %d) to %zu (1 to %d)", info.size,
                         TRIB_EXPAND_INFO_BYTES, size, TRIB_EXPAND_MAX_BYTES);
    }
    return TRIB_SUCCESS;
}

#endif
