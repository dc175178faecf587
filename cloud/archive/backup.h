/* A cloud's state in its bucket, and an empty folder made into that cloud again.
 *
 *     clouds/ID/backups/NAME/registry.db     the view, of one moment
 *     clouds/ID/backups/NAME/FIRST.ledger    the ledger's last segment, as far as it went
 *     clouds/ID/backups/NAME/backup.json     the card, put last: what has one is whole
 *     clouds/ID/objects/DIGEST               models and states that it goes on from
 *     clouds/ID/incarnations/N               taken by a restore, so that no two go on as one
 *
 * and the closed segments of segments.h. NAME is the time and the position, so that names sort by
 * time. Keys are never put: whoever restores brings them (cloud/secrets).
 *
 * A cloud may run while a backup is made of it. A restore goes on where the backup and what the
 * archive has of the ledger since then end.
 *
 * errors   those of place.h and segments.h;  TRIB_E_NOT_FOUND no backup of that name, or of none
 * threads  one
 */
#ifndef CLOUD_ARCHIVE_BACKUP_H
#define CLOUD_ARCHIVE_BACKUP_H

#include "cloud/archive/place.h"

#define CLOUD_BACKUP_PURPOSE "backup" /* of a card's signature */

enum { CLOUD_BACKUP_NAME = 64, CLOUD_BACKUP_MOST_KEPT = 10000 };

typedef struct cloud_backup {
    char name[CLOUD_BACKUP_NAME];
    uint64_t position;    /* of the view */
    uint64_t end;         /* restored: of the ledger */
    uint64_t incarnation; /* restored: that it goes on in */
    uint64_t objects;     /* models and states put, or brought back */
} cloud_backup;

/* Of the state folder. `seed` is of the ledger's checksums; `now_ms` since 1970. */
TRIB_MUST_CHECK trib_status cloud_backup_make(const cloud_place *place, const char *state,
                                              uint64_t seed, uint64_t now_ms,
                                              cloud_backup *ret_backup);
/* Into `state`, which has the keys and nothing else. A `name` of NULL: the newest. What was begun
 * and not finished is to be thrown away. */
TRIB_MUST_CHECK trib_status cloud_backup_restore(const cloud_place *place, const char *state,
                                                 uint64_t seed, const char *name,
                                                 cloud_backup *ret_backup);
/* Oldest first. */
TRIB_MUST_CHECK trib_status cloud_backup_list(const cloud_place *place,
                                              trib_status (*each)(void *context, const char *name),
                                              void *context);
/* All but the `keep` newest are removed; *ret_removed: how many. What they alone needed of objects
 * and of the ledger stays. */
TRIB_MUST_CHECK trib_status cloud_backup_expire(const cloud_place *place, size_t keep,
                                                size_t *ret_removed);

#endif
