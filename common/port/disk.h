/* Durable files, injected, so that tests can lie: tear writes, lose what was not synced, fill up.
 *
 * A file's bytes are durable after sync; its name after sync_folder of its folder.
 *
 * errors   TRIB_E_NOT_FOUND, TRIB_E_IO with path and reason (a full disk among them), TRIB_E_LIMIT
 * threads  a handle belongs to one thread; the disk is shared
 */
#ifndef TRIB_PORT_DISK_H
#define TRIB_PORT_DISK_H

#include "common/base/heap.h"

typedef enum trib_open_mode {
    TRIB_OPEN_READ,
    TRIB_OPEN_APPEND, /* read and append; created if it is not there, for the owner alone (0600) */
    TRIB_OPEN_WRITE   /* the same, but for write_at */
} trib_open_mode;

typedef struct trib_disk trib_disk;
struct trib_disk {
    TRIB_MUST_CHECK trib_status (*open)(trib_disk *disk, const char *path, trib_open_mode mode,
                                        int *ret_handle);
    void (*close)(trib_disk *disk, int handle);
    /* All of it, or an error and an unknown part of it. */
    TRIB_MUST_CHECK trib_status (*append)(trib_disk *disk, int handle, trib_bytes bytes);
    /* Over what is there, growing the file if need be. Likewise. */
    TRIB_MUST_CHECK trib_status (*write_at)(trib_disk *disk, int handle, uint64_t offset,
                                            trib_bytes bytes);
    /* Fewer bytes than asked for only at the end of the file. */
    TRIB_MUST_CHECK trib_status (*read_at)(trib_disk *disk, int handle, uint64_t offset,
                                           uint8_t *ret_bytes, size_t size, size_t *ret_size);
    TRIB_MUST_CHECK trib_status (*size)(trib_disk *disk, int handle, uint64_t *ret_size);
    TRIB_MUST_CHECK trib_status (*truncate)(trib_disk *disk, int handle, uint64_t size);
    TRIB_MUST_CHECK trib_status (*sync)(trib_disk *disk, int handle);
    TRIB_MUST_CHECK trib_status (*sync_folder)(trib_disk *disk, const char *path);
    TRIB_MUST_CHECK trib_status (*make_folder)(trib_disk *disk,
                                               const char *path); /* fine if there */
    TRIB_MUST_CHECK trib_status (*rename)(trib_disk *disk, const char *from, const char *to);
    TRIB_MUST_CHECK trib_status (*remove)(trib_disk *disk,
                                          const char *path); /* fine if not there */
    /* Calls `each` with every plain name in the folder, in no order. */
    TRIB_MUST_CHECK trib_status (*list)(trib_disk *disk, const char *path,
                                        trib_status (*each)(void *context, const char *name),
                                        void *context);
};

/* Replaces a file's content in one step: a crash leaves the old or the new, never a mixture. */
TRIB_MUST_CHECK trib_status trib_disk_replace(trib_disk *disk, const char *folder, const char *name,
                                              trib_bytes bytes);
/* Writes over a file where it stands; durable when this returns, a mixture after a crash. For a
 * file that nothing relies on until then: cheaper than a replacement, since a file of the same size
 * takes no new room and no new name. */
TRIB_MUST_CHECK trib_status trib_disk_overwrite(trib_disk *disk, const char *folder,
                                                const char *name, trib_bytes bytes);
/* Appends the whole file to the buffer, up to its ceiling. */
TRIB_MUST_CHECK trib_status trib_disk_read(trib_disk *disk, const char *path,
                                           trib_buffer *ret_bytes);

#endif
