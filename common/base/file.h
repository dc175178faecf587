/* Whole small files, through the C library. Hosts only; durable writing is the port's business.
 *
 * errors   TRIB_E_NOT_FOUND, TRIB_E_IO with the path and the system's reason, TRIB_E_LIMIT
 */
#ifndef TRIB_BASE_FILE_H
#define TRIB_BASE_FILE_H

#include "common/base/heap.h"

/* Appends the file to the buffer, whose ceiling bounds its size; unchanged on failure. */
TRIB_MUST_CHECK trib_status trib_file_read(const char *path, trib_buffer *ret_bytes);

#endif
