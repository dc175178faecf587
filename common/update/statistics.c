#include "common/update/statistics.h"

enum { FORMAT_VERSION = 1 };

size_t trib_statistics_packed_size(size_t columns) {
    return TRIB_STATISTICS_HEADER_BYTES + 16 * columns;
}

trib_status trib_statistics_pack(const trib_moments *moments, trib_writer *ret_packed) {
    trib_write_u8(ret_packed, FORMAT_VERSION);
    trib_write_u8(ret_packed, TRIB_STATISTICS_CODEC);
    trib_write_u16(ret_packed, 0);
    trib_write_u32(ret_packed, (uint32_t)moments->columns);
    trib_write_u64(ret_packed, moments->count);
    for (size_t i = 0; i < moments->columns; i++) {
        trib_write_f64(ret_packed, moments->mean[i]);
    }
    for (size_t i = 0; i < moments->columns; i++) {
        trib_write_f64(ret_packed, moments->m2[i]);
    }
    if (ret_packed->overflow) {
        return TRIB_FAIL(TRIB_E_LIMIT, "statistics of %zu columns need %zu bytes", moments->columns,
                         trib_statistics_packed_size(moments->columns));
    }
    return TRIB_SUCCESS;
}

trib_status trib_statistics_open(trib_bytes packed, trib_moments *ret_moments) {
    trib_cursor cursor = trib_cursor_of(packed);
    uint8_t version, codec;
    uint16_t zero;
    uint32_t columns;
    TRIB_TRY(trib_read_u8(&cursor, &version));
    TRIB_TRY(trib_read_u8(&cursor, &codec));
    TRIB_TRY(trib_read_u16(&cursor, &zero));
    TRIB_TRY(trib_read_u32(&cursor, &columns));
    TRIB_TRY(trib_read_u64(&cursor, &ret_moments->count));
    if (version != FORMAT_VERSION || codec != TRIB_STATISTICS_CODEC || zero != 0 ||
        columns != ret_moments->columns || ret_moments->count == 0 ||
        packed.size != trib_statistics_packed_size(columns)) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "statistics of %u columns in %zu bytes; %zu are expected",
                         columns, packed.size, ret_moments->columns);
    }
    for (size_t i = 0; i < columns; i++) {
        TRIB_TRY(trib_read_f64(&cursor, &ret_moments->mean[i]));
    }
    for (size_t i = 0; i < columns; i++) {
        TRIB_TRY(trib_read_f64(&cursor, &ret_moments->m2[i]));
    }
    return trib_moments_check(ret_moments);
}
