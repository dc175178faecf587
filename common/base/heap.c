#include "common/base/heap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"

enum { ALIGNMENT = 64 };

static void *take(size_t wanted) {
    if (wanted > SIZE_MAX - ALIGNMENT) {
        return NULL;
    }
    size_t rounded = (wanted + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return aligned_alloc(ALIGNMENT, rounded > 0 ? rounded : ALIGNMENT);
}

void *trib_allocate(size_t count, size_t item_bytes) {
    size_t wanted;
    if (!trib_mul_size(count, item_bytes, &wanted)) {
        return NULL;
    }
    void *block = take(wanted);
    if (block != NULL) {
        memset(block, 0, wanted);
    }
    return block;
}

/* Not cleared, so that memory which is asked for in good time is taken when it is written to. */
void *trib_resize(void *block, size_t old_bytes, size_t new_bytes) {
    void *larger = take(new_bytes);
    if (larger == NULL) {
        return NULL;
    }
    if (block != NULL) {
        memcpy(larger, block, old_bytes < new_bytes ? old_bytes : new_bytes);
        free(block);
    }
    return larger;
}

void trib_free(void *block) {
    free(block);
}

void trib_free_scoped(void *pointer_variable) {
    void *block;
    memcpy(&block, pointer_variable, sizeof block);
    free(block);
}

char *trib_duplicate_text(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = trib_allocate(size, 1);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

trib_status trib_buffer_reserve(trib_buffer *buffer, size_t size) {
    size_t needed;
    if (!trib_add_size(buffer->size, size, &needed) || needed > buffer->ceiling) {
        return TRIB_FAIL(TRIB_E_LIMIT, "%zu bytes would pass the limit of %zu", size,
                         buffer->ceiling);
    }
    if (needed <= buffer->capacity) {
        return TRIB_SUCCESS;
    }
    /* Exactly what is asked for first, which is often all; whoever then goes on gets twice as much.
     */
    size_t capacity = buffer->capacity > 0 ? buffer->capacity : needed;
    while (capacity < needed) {
        capacity = capacity > buffer->ceiling / 2 ? buffer->ceiling : 2 * capacity;
    }
    uint8_t *data = trib_resize(buffer->data, buffer->size, capacity);
    if (data == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %zu bytes", capacity);
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return TRIB_SUCCESS;
}

trib_status trib_buffer_append(trib_buffer *buffer, trib_bytes bytes) {
    TRIB_TRY(trib_buffer_reserve(buffer, bytes.size));
    if (bytes.size > 0) {
        memcpy(buffer->data + buffer->size, bytes.data, bytes.size);
        buffer->size += bytes.size;
    }
    return TRIB_SUCCESS;
}

trib_status trib_buffer_print(trib_buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    TRIB_ASSERT(length >= 0);
    TRIB_TRY(trib_buffer_reserve(buffer, (size_t)length + 1));
    va_start(arguments, format);
    (void)vsnprintf((char *)buffer->data + buffer->size, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->size += (size_t)length;
    return TRIB_SUCCESS;
}

void trib_buffer_clear(trib_buffer *buffer) {
    buffer->size = 0;
}

void trib_buffer_deinit(trib_buffer *buffer) {
    trib_free(buffer->data);
    *buffer = (trib_buffer){.ceiling = buffer->ceiling};
}
