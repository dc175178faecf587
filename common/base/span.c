#include "common/base/span.h"

#include <string.h>

trib_bytes trib_bytes_text(const char *text) {
    return (trib_bytes){(const uint8_t *)text, strlen(text)};
}

bool trib_bytes_equal(trib_bytes left, trib_bytes right) {
    return left.size == right.size &&
           (left.size == 0 || memcmp(left.data, right.data, left.size) == 0);
}

trib_status trib_read_bytes(trib_cursor *cursor, size_t size, trib_bytes *ret_view) {
    if (size > cursor->left) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "%zu bytes are missing at the end", size - cursor->left);
    }
    *ret_view = (trib_bytes){cursor->at, size};
    cursor->at += size;
    cursor->left -= size;
    return TRIB_SUCCESS;
}

trib_status trib_read_u8(trib_cursor *cursor, uint8_t *ret_value) {
    trib_bytes view;
    TRIB_TRY(trib_read_bytes(cursor, 1, &view));
    *ret_value = view.data[0];
    return TRIB_SUCCESS;
}

trib_status trib_read_u16(trib_cursor *cursor, uint16_t *ret_value) {
    trib_bytes view;
    TRIB_TRY(trib_read_bytes(cursor, 2, &view));
    *ret_value = (uint16_t)(view.data[0] | view.data[1] << 8);
    return TRIB_SUCCESS;
}

trib_status trib_read_u32(trib_cursor *cursor, uint32_t *ret_value) {
    trib_bytes view;
    TRIB_TRY(trib_read_bytes(cursor, 4, &view));
    *ret_value = trib_load_u32(view.data);
    return TRIB_SUCCESS;
}

trib_status trib_read_u64(trib_cursor *cursor, uint64_t *ret_value) {
    trib_bytes view;
    TRIB_TRY(trib_read_bytes(cursor, 8, &view));
    *ret_value = trib_load_u64(view.data);
    return TRIB_SUCCESS;
}

trib_status trib_read_f32(trib_cursor *cursor, float *ret_value) {
    uint32_t bits;
    TRIB_TRY(trib_read_u32(cursor, &bits));
    memcpy(ret_value, &bits, sizeof *ret_value);
    return TRIB_SUCCESS;
}

trib_status trib_read_f64(trib_cursor *cursor, double *ret_value) {
    uint64_t bits;
    TRIB_TRY(trib_read_u64(cursor, &bits));
    memcpy(ret_value, &bits, sizeof *ret_value);
    return TRIB_SUCCESS;
}

void trib_write_bytes(trib_writer *writer, trib_bytes bytes) {
    if (writer->overflow || bytes.size > writer->capacity - writer->size) {
        writer->overflow = true;
        return;
    }
    if (bytes.size > 0) {
        memcpy(writer->data + writer->size, bytes.data, bytes.size);
        writer->size += bytes.size;
    }
}

void trib_write_u8(trib_writer *writer, uint8_t value) {
    trib_write_bytes(writer, trib_bytes_of(&value, 1));
}

void trib_write_u16(trib_writer *writer, uint16_t value) {
    const uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    trib_write_bytes(writer, trib_bytes_of(bytes, sizeof bytes));
}

void trib_write_u32(trib_writer *writer, uint32_t value) {
    uint8_t bytes[4];
    trib_store_u32(bytes, value);
    trib_write_bytes(writer, trib_bytes_of(bytes, sizeof bytes));
}

void trib_write_u64(trib_writer *writer, uint64_t value) {
    uint8_t bytes[8];
    trib_store_u64(bytes, value);
    trib_write_bytes(writer, trib_bytes_of(bytes, sizeof bytes));
}

void trib_write_f32(trib_writer *writer, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    trib_write_u32(writer, bits);
}

void trib_write_f64(trib_writer *writer, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    trib_write_u64(writer, bits);
}

void trib_hex(trib_bytes bytes, char *ret_text) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.size; i++) {
        ret_text[2 * i] = digits[bytes.data[i] >> 4];
        ret_text[2 * i + 1] = digits[bytes.data[i] & 15];
    }
    ret_text[2 * bytes.size] = '\0';
}

static int digit_value(char digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return -1;
}

trib_status trib_unhex(const char *text, uint8_t *ret_bytes, size_t size) {
    if (strlen(text) != 2 * size) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "%zu hexadecimal digits expected, %zu found", 2 * size,
                         strlen(text));
    }
    for (size_t i = 0; i < size; i++) {
        int high = digit_value(text[2 * i]);
        int low = digit_value(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return TRIB_FAIL(TRIB_E_CORRUPT, "'%c%c' is not hexadecimal", text[2 * i],
                             text[2 * i + 1]);
        }
        ret_bytes[i] = (uint8_t)(high << 4 | low);
    }
    return TRIB_SUCCESS;
}
