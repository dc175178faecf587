/* The heap, for hosts: checked sizes, one spelling, destructors that take NULL.
 *
 * Not for firmware (its rooms take storage from their caller).
 *
 * errors   NULL without memory; a buffer's functions: TRIB_E_LIMIT past its ceiling, TRIB_E_IO
 *          without memory; it is as it was then
 * threads  a block belongs to whoever holds it; safe from any thread
 */
#ifndef TRIB_BASE_HEAP_H
#define TRIB_BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/span.h"

/* count * item_bytes zeroed bytes aligned to 64, or NULL. Free with trib_free. */
void *trib_allocate(size_t count, size_t item_bytes);
/* As realloc: keeps what fits, the rest is not cleared. NULL leaves the old block alone. */
void *trib_resize(void *block, size_t old_bytes, size_t new_bytes);
void trib_free(void *block);
/* For TRIB_SCOPED on a pointer variable of any type: trib_free(*variable). */
void trib_free_scoped(void *pointer_variable);
char *trib_duplicate_text(const char *text);

/* Bytes that grow up to a ceiling. Zero-initialise with the ceiling set, e.g.
 *     TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = 1 << 20};
 */
typedef struct trib_buffer {
    uint8_t *data; /* owned; NULL while empty */
    size_t size;
    size_t capacity;
    size_t ceiling; /* bytes; more is TRIB_E_LIMIT */
} trib_buffer;

TRIB_MUST_CHECK trib_status trib_buffer_append(trib_buffer *buffer, trib_bytes bytes);
TRIB_MUST_CHECK trib_status trib_buffer_print(trib_buffer *buffer, const char *format, ...)
    TRIB_PRINTF(2, 3);
/* Makes room for `size` more bytes; `size` of the buffer does not change. */
TRIB_MUST_CHECK trib_status trib_buffer_reserve(trib_buffer *buffer, size_t size);
void trib_buffer_clear(trib_buffer *buffer); /* keeps the storage */
void trib_buffer_deinit(trib_buffer *buffer);
static inline trib_bytes trib_buffer_view(const trib_buffer *buffer) {
    return (trib_bytes){buffer->data, buffer->size};
}

#endif
