#include "common/crypto/name.h"

trib_status trib_name_check(trib_bytes name) {
    if (name.size == 0 || name.size > TRIB_MAX_NAME_BYTES) {
        return TRIB_FAIL(TRIB_E_DENIED, "a gateway's name has %zu characters: give it 1 to %d",
                         name.size, TRIB_MAX_NAME_BYTES);
    }
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return TRIB_FAIL(TRIB_E_DENIED,
                             "character %zu of a gateway's name is 0x%02x: use a-z, 0-9 and -",
                             i + 1, (unsigned)c);
        }
    }
    if (trib_bytes_equal(name, trib_bytes_text("all"))) {
        return TRIB_FAIL(TRIB_E_DENIED, "a gateway cannot be named \"all\": that is every one");
    }
    return TRIB_SUCCESS;
}
