/* A value that need not stand in the file itself: TEXT, {file: PATH} (the file's first line, or all
 * of one in PEM or JSON) or {environment: NAME}.
 *
 * errors   TRIB_E_ARGUMENT with file, line and key; never with what was read
 * owns     nothing; wipe the buffer once it has served
 * threads  pure, but for the environment
 */
#ifndef TRIB_CONFIG_SECRET_H
#define TRIB_CONFIG_SECRET_H

#include "common/base/heap.h"
#include "common/config/config.h"

/* Appends the text and a zero. `file` is the config's name: relative paths are below its folder. */
TRIB_MUST_CHECK trib_status trib_value_secret(trib_value value, const char *file,
                                              trib_buffer *ret_text);

#endif
