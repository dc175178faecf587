#include "common/seal/session_info.h"

void trib_session_info_make(const char *federation, const char *gateway, uint64_t generation,
                            trib_session_info *ret_info) {
    trib_writer writer = trib_writer_of(ret_info->bytes, sizeof ret_info->bytes);
    trib_write_bytes(&writer, trib_bytes_text("tributary/v1 session"));
    trib_write_u8(&writer, 0);
    trib_write_bytes(&writer, trib_bytes_text(federation));
    trib_write_u8(&writer, 0);
    trib_write_bytes(&writer, trib_bytes_text(gateway));
    trib_write_u8(&writer, 0);
    trib_write_u64(&writer, generation);
    TRIB_ASSERT(!writer.overflow);
    ret_info->size = writer.size;
}

trib_status trib_session_number(const trib_crypto *crypto, trib_bytes join_body,
                                uint64_t *ret_session) {
    uint8_t hash[TRIB_HASH_BYTES];
    TRIB_TRY(crypto->sha256(join_body, hash));
    *ret_session = trib_load_u64(hash);
    return TRIB_SUCCESS;
}
