/* Inside this room: numbers that files of a state folder hold, one each, in decimal.
 *
 * errors   TRIB_E_NOT_FOUND no such file;  TRIB_E_CORRUPT no number above zero;  those of the disk
 */
#ifndef CLOUD_ARCHIVE_NUMBERS_H
#define CLOUD_ARCHIVE_NUMBERS_H

#include "common/port/disk.h"

TRIB_MUST_CHECK trib_status cloud_number_find(trib_disk *disk, const char *state, const char *name,
                                              uint64_t *ret_number);
/* In one step, and durable. */
TRIB_MUST_CHECK trib_status cloud_number_keep(trib_disk *disk, const char *state, const char *name,
                                              uint64_t number);

#endif
