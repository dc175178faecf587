/* Views of bytes, a bounds-checked reader, and a writer into fixed storage.
 *
 * All multi-byte numbers are little-endian, whatever the machine.
 * threads  plain values; each belongs to one thread
 */
#ifndef TRIB_BASE_SPAN_H
#define TRIB_BASE_SPAN_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

/* Bytes that somebody else owns. */
typedef struct trib_bytes {
    const uint8_t *data;
    size_t size;
} trib_bytes;

static inline trib_bytes trib_bytes_of(const void *data, size_t size) {
    return (trib_bytes){(const uint8_t *)data, size};
}
trib_bytes trib_bytes_text(const char *text);             /* without the final zero */
bool trib_bytes_equal(trib_bytes left, trib_bytes right); /* not for secrets: see crypto */

/* Reads from the front of a view. A read past the end fails with TRIB_E_CORRUPT and moves nothing.
 */
typedef struct trib_cursor {
    const uint8_t *at;
    size_t left;
} trib_cursor;

static inline trib_cursor trib_cursor_of(trib_bytes bytes) {
    return (trib_cursor){bytes.data, bytes.size};
}
TRIB_MUST_CHECK trib_status trib_read_bytes(trib_cursor *cursor, size_t size, trib_bytes *ret_view);
TRIB_MUST_CHECK trib_status trib_read_u8(trib_cursor *cursor, uint8_t *ret_value);
TRIB_MUST_CHECK trib_status trib_read_u16(trib_cursor *cursor, uint16_t *ret_value);
TRIB_MUST_CHECK trib_status trib_read_u32(trib_cursor *cursor, uint32_t *ret_value);
TRIB_MUST_CHECK trib_status trib_read_u64(trib_cursor *cursor, uint64_t *ret_value);
TRIB_MUST_CHECK trib_status trib_read_f32(trib_cursor *cursor, float *ret_value);
TRIB_MUST_CHECK trib_status trib_read_f64(trib_cursor *cursor, double *ret_value);

/* Appends to storage of the caller's. What does not fit sets `overflow` and writes nothing, then
 * or later, so a whole message can be written and looked at once. */
typedef struct trib_writer {
    uint8_t *data;
    size_t capacity;
    size_t size;
    bool overflow;
} trib_writer;

static inline trib_writer trib_writer_of(void *data, size_t capacity) {
    return (trib_writer){(uint8_t *)data, capacity, 0, false};
}
static inline trib_bytes trib_written(const trib_writer *writer) {
    return (trib_bytes){writer->data, writer->size};
}
void trib_write_bytes(trib_writer *writer, trib_bytes bytes);
void trib_write_u8(trib_writer *writer, uint8_t value);
void trib_write_u16(trib_writer *writer, uint16_t value);
void trib_write_u32(trib_writer *writer, uint32_t value);
void trib_write_u64(trib_writer *writer, uint64_t value);
void trib_write_f32(trib_writer *writer, float value);
void trib_write_f64(trib_writer *writer, double value);

static inline uint32_t trib_load_u32(const uint8_t *from) {
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}
static inline uint64_t trib_load_u64(const uint8_t *from) {
    return (uint64_t)trib_load_u32(from) | (uint64_t)trib_load_u32(from + 4) << 32;
}
static inline void trib_store_u32(uint8_t *to, uint32_t value) {
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
    to[2] = (uint8_t)(value >> 16);
    to[3] = (uint8_t)(value >> 24);
}
static inline void trib_store_u64(uint8_t *to, uint64_t value) {
    trib_store_u32(to, (uint32_t)value);
    trib_store_u32(to + 4, (uint32_t)(value >> 32));
}

/* Lower-case hexadecimal; `ret_text` holds 2 * bytes.size + 1. */
void trib_hex(trib_bytes bytes, char *ret_text);
/* The other way; both cases are read. TRIB_E_CORRUPT unless exactly 2 * size digits. */
TRIB_MUST_CHECK trib_status trib_unhex(const char *text, uint8_t *ret_bytes, size_t size);

#endif
