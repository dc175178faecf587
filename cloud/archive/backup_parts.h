/* Inside this room: what making a backup and restoring one share. */
#ifndef CLOUD_ARCHIVE_BACKUP_PARTS_H
#define CLOUD_ARCHIVE_BACKUP_PARTS_H

#include "cloud/archive/backup.h"

#define CLOUD_BACKUP_PURPOSE "backup" /* of a card's signature */

/* A number kept in a file of the state folder. */
TRIB_MUST_CHECK trib_status cloud_backup_number(trib_disk *disk, const char *state,
                                                const char *name, uint64_t *ret_number);

#endif
