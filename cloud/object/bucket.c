#include "cloud/object/bucket.h"

#include <string.h>

static const char reserved[] = ".tributary/";

/* The bytes of the character that begins here; 0 if it is none of UTF-8 (RFC 3629), or a control
 * character. */
static size_t character(const unsigned char *at) {
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = at[0] < 0x80 ? 1 : at[0] >> 5 == 6 ? 2 : at[0] >> 4 == 14 ? 3 : 4;
    if (size == 1) {
        return at[0] < 0x20 || at[0] == 0x7f ? 0 : 1;
    }
    if (size == 4 && at[0] >> 3 != 30) {
        return 0;
    }
    uint32_t point = at[0] & (0x7fU >> size);
    for (size_t i = 1; i < size; i++) {
        if (at[i] >> 6 != 2) { /* the final zero too */
            return 0;
        }
        point = point << 6 | (at[i] & 0x3fU);
    }
    bool surrogate = point >= 0xd800 && point < 0xe000, no_character = (point & 0xfffe) == 0xfffe;
    bool control = point >= 0x80 && point < 0xa0;
    return point < smallest[size] || point > 0x10ffff || surrogate || no_character || control
               ? 0
               : size;
}

static trib_status text_check(const char *key) {
    for (size_t at = 0; key[at] != '\0';) {
        size_t size = character((const unsigned char *)key + at);
        if (size == 0 || key[at] == '\\') {
            return TRIB_FAIL(TRIB_E_ARGUMENT,
                             "a key's byte %zu is a backslash, a control character, or not UTF-8",
                             at + 1);
        }
        at += size;
    }
    return TRIB_SUCCESS;
}

trib_status cloud_bucket_key_check(const char *key) {
    size_t size = strnlen(key, CLOUD_KEY_SIZE);
    if (size == 0 || size >= CLOUD_KEY_SIZE) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "a key has 1 to %d bytes, not %s", CLOUD_KEY_SIZE - 1,
                         size == 0 ? "none" : "more");
    }
    TRIB_TRY(text_check(key));
    if (strncmp(key, reserved, sizeof reserved - 1) == 0) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "key '%.200s': %s is kept for unfinished puts", key,
                         reserved);
    }
    for (const char *part = key; part != NULL;) {
        const char *end = strchr(part, '/');
        size_t length = end != NULL ? (size_t)(end - part) : strlen(part);
        if (length == 0 || part[length - 1] == '.') {
            return TRIB_FAIL(TRIB_E_ARGUMENT,
                             "key '%.200s': between slashes there is a name that does not end in "
                             "'.', not '%.*s'",
                             key, (int)(length < 200 ? length : 200), part);
        }
        part = end != NULL ? end + 1 : NULL;
    }
    return TRIB_SUCCESS;
}

/* The context is never written through. */
typedef union view_context {
    const trib_bytes *bytes;
    void *context;
} view_context;

static trib_status view_read(void *context, uint64_t offset, uint8_t *ret_bytes, size_t size) {
    const trib_bytes *bytes = context;
    if (offset > bytes->size || size > bytes->size - offset) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "a body of %zu bytes was read past its end", bytes->size);
    }
    if (size > 0) {
        memcpy(ret_bytes, bytes->data + offset, size);
    }
    return TRIB_SUCCESS;
}

cloud_body cloud_body_of(const trib_bytes *bytes, const char *content_type) {
    view_context view = {.bytes = bytes};
    return (cloud_body){bytes->size, view_read, view.context, content_type, NULL};
}

static trib_status buffer_write(void *context, trib_bytes part) {
    return trib_buffer_append(context, part);
}

cloud_sink cloud_sink_of(trib_buffer *buffer) {
    return (cloud_sink){buffer_write, buffer};
}
