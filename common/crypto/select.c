#include "common/crypto/select.h"

#include "common/crypto/name.h"

trib_status trib_select(const trib_crypto *crypto, const uint8_t salt[TRIB_SELECT_SALT_BYTES],
                        const char *gateway, uint64_t round, uint32_t *ret_value) {
    static const char label[] = "tributary/v1 select"; /* with its zero, which goes in too */
    trib_bytes name = trib_bytes_text(gateway);
    TRIB_TRY(trib_name_check(name));
    uint8_t input[sizeof label + TRIB_SELECT_SALT_BYTES + 8 + TRIB_MAX_NAME_BYTES];
    trib_writer writer = trib_writer_of(input, sizeof input);
    trib_write_bytes(&writer, trib_bytes_of(label, sizeof label));
    trib_write_bytes(&writer, trib_bytes_of(salt, TRIB_SELECT_SALT_BYTES));
    trib_write_u64(&writer, round);
    trib_write_bytes(&writer, name);
    TRIB_ASSERT(!writer.overflow);
    uint8_t hash[TRIB_HASH_BYTES];
    TRIB_TRY(crypto->sha256(trib_written(&writer), hash));
    *ret_value = (uint32_t)(trib_load_u64(hash) % TRIB_SELECT_RANGE);
    return TRIB_SUCCESS;
}
