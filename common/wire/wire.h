/* Messages to bytes and back, and the topics they travel under.
 *
 * Structs are nanopb's, from tributary.proto: trib_wire_Round and so on. Fields that may be long
 * are views: set them before encoding with trib_wire_put, and catch them while decoding with
 * trib_wire_catch (they then point into the decoded bytes, which must outlive them).
 *
 * errors   decoding: TRIB_E_CORRUPT for anything malformed or past a ceiling of tributary.options
 *          encoding: TRIB_E_LIMIT when it does not fit
 * threads  pure
 * firmware portable: no heap, no stdio
 */
#ifndef TRIB_WIRE_WIRE_H
#define TRIB_WIRE_WIRE_H

#include "common/base/span.h"
#include "common/wire/tributary.pb.h"

/* `view` must outlive the encoding. */
void trib_wire_put(pb_callback_t *field, const trib_bytes *view);
/* *ret_view is empty unless the field is there. */
void trib_wire_catch(pb_callback_t *field, trib_bytes *ret_view);

TRIB_MUST_CHECK trib_status trib_wire_encode(const pb_msgdesc_t *fields, const void *message,
                                             trib_writer *ret_bytes);
/* What it will take. */
TRIB_MUST_CHECK trib_status trib_wire_size(const pb_msgdesc_t *fields, const void *message,
                                           size_t *ret_size);
/* `message` must be initialised (trib_wire_X_init_zero, then catches); it is overwritten even when
 * decoding fails, and must then not be read. */
TRIB_MUST_CHECK trib_status trib_wire_decode(const pb_msgdesc_t *fields, trib_bytes bytes,
                                             void *message);

#define TRIB_WIRE_ENCODE(type, message, writer)                                                    \
    trib_wire_encode(trib_wire_##type##_fields, (message), (writer))
#define TRIB_WIRE_DECODE(type, bytes, message)                                                     \
    trib_wire_decode(trib_wire_##type##_fields, (bytes), (message))

/* Fills a bytes field (trib_wire_X_f_t, which begins as pb_bytes_array_t) from `size` bytes. */
#define TRIB_WIRE_SET_BYTES(field, from, count)                                                    \
    do {                                                                                           \
        TRIB_ASSERT((count) <= sizeof((field).bytes));                                             \
        memcpy((field).bytes, (from), (count));                                                    \
        (field).size = (pb_size_t)(count);                                                         \
    } while (0)

#endif
