/* JSON as canonical text: compact, keys sorted, nine digits, which give every float32 back as it
 * was.
 *
 * Instead of jansson's json_dumps, which leaves out a key, and says nothing, where memory for it
 * cannot be had (2.14).
 *
 * errors   TRIB_E_IO without memory, or for NULL, which is what a value becomes that could not be
 *          made; TRIB_E_LIMIT past the buffer's ceiling
 * owns     nothing; the buffer is as it was on failure
 * threads  pure; safe from any thread
 */
#ifndef TRIB_TENSOR_JSON_TEXT_H
#define TRIB_TENSOR_JSON_TEXT_H

#include "common/base/heap.h"

struct json_t;

/* Hand `value` on to an object, or to the end of a list. What could not take a part for want of
 * memory becomes NULL, and so does whatever it was to be a part of, which printing then refuses. */
void trib_json_put(struct json_t **map, const char *key, struct json_t *value);
void trib_json_add(struct json_t **list, struct json_t *value);
void trib_json_release(struct json_t **value); /* for TRIB_SCOPED */

TRIB_MUST_CHECK trib_status trib_json_print(const struct json_t *value, trib_buffer *ret_text);
/* Not canonical, and faster: keys in the order in which they were put. */
TRIB_MUST_CHECK trib_status trib_json_print_as_put(const struct json_t *value,
                                                   trib_buffer *ret_text);

#endif
