#include "common/wire/wire.h"

#include <pb_decode.h>
#include <pb_encode.h>

#include <string.h>

/* Our own stream over a cursor, so that a field's call-back may take a view of what comes next. */
static bool read_cursor(pb_istream_t *stream, pb_byte_t *buffer, size_t count) {
    trib_cursor *cursor = stream->state;
    if (count > cursor->left) {
        return false;
    }
    if (buffer != NULL) {
        memcpy(buffer, cursor->at, count);
    }
    cursor->at += count;
    cursor->left -= count;
    return true;
}

/* A field that is not length-delimited comes as nanopb's own stream over a scalar on its stack: its
 * state is no cursor, and a view of it would outlive it. */
static bool catch_field(pb_istream_t *stream, const pb_field_t *field, void **argument) {
    (void)field;
    if (stream->callback != read_cursor) {
        return false;
    }
    trib_cursor *cursor = stream->state;
    trib_bytes *ret_view = *argument;
    size_t size = stream->bytes_left;
    if (size > cursor->left) {
        return false;
    }
    *ret_view = trib_bytes_of(cursor->at, size);
    cursor->at += size;
    cursor->left -= size;
    stream->bytes_left = 0;
    return true;
}

static bool put_field(pb_ostream_t *stream, const pb_field_t *field, void *const *argument) {
    const trib_bytes *view = *argument;
    return view->size == 0 || (pb_encode_tag_for_field(stream, field) &&
                               pb_encode_string(stream, view->data, view->size));
}

void trib_wire_put(pb_callback_t *field, const trib_bytes *view) {
    field->funcs.encode = put_field;
    union {
        const trib_bytes *read;
        void *any;
    } argument = {.read = view}; /* nanopb has one argument for both ways; put_field only reads */
    field->arg = argument.any;
}

void trib_wire_catch(pb_callback_t *field, trib_bytes *ret_view) {
    *ret_view = (trib_bytes){NULL, 0};
    field->funcs.decode = catch_field;
    field->arg = ret_view;
}

trib_status trib_wire_encode(const pb_msgdesc_t *fields, const void *message,
                             trib_writer *ret_bytes) {
    pb_ostream_t stream = pb_ostream_from_buffer(ret_bytes->data + ret_bytes->size,
                                                 ret_bytes->capacity - ret_bytes->size);
    if (ret_bytes->overflow || !pb_encode(&stream, fields, message)) {
        return TRIB_FAIL(TRIB_E_LIMIT, "a message does not fit into %zu bytes: %s",
                         ret_bytes->capacity - ret_bytes->size, PB_GET_ERROR(&stream));
    }
    ret_bytes->size += stream.bytes_written;
    return TRIB_SUCCESS;
}

trib_status trib_wire_size(const pb_msgdesc_t *fields, const void *message, size_t *ret_size) {
    return pb_get_encoded_size(ret_size, fields, message)
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_ARGUMENT, "a message that cannot be encoded");
}

trib_status trib_wire_decode(const pb_msgdesc_t *fields, trib_bytes bytes, void *message) {
    trib_cursor cursor = trib_cursor_of(bytes);
    pb_istream_t stream = {.callback = read_cursor, .state = &cursor, .bytes_left = bytes.size};
    if (!pb_decode_ex(&stream, fields, message, PB_DECODE_NOINIT)) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "malformed message: %s", PB_GET_ERROR(&stream));
    }
    return TRIB_SUCCESS;
}
