/* Locks on whole files, between the connections of this process: the rules of SQLite's os_unix.c,
 * where they are explained at length (unixLock), less the system calls. */
#include "tests/sim/disk/vfs_inside.h"

static int raise_lock(sim_vfs_file *file, sim_file *inode, int level) {
    if (file->lock != inode->lock &&
        (inode->lock >= SQLITE_LOCK_PENDING || level > SQLITE_LOCK_SHARED)) {
        return SQLITE_BUSY;
    }
    if (level == SQLITE_LOCK_SHARED) {
        inode->sharers++;
        file->lock = SQLITE_LOCK_SHARED;
        inode->lock = inode->lock > SQLITE_LOCK_SHARED ? inode->lock : SQLITE_LOCK_SHARED;
        return SQLITE_OK;
    }
    bool waits = level == SQLITE_LOCK_EXCLUSIVE && inode->sharers > 1;
    /* Whoever waits for readers to leave lets no new ones in. */
    file->lock = inode->lock = waits ? SQLITE_LOCK_PENDING : level;
    return waits ? SQLITE_BUSY : SQLITE_OK;
}

int sim_vfs_lock(sqlite3_file *base, int level) {
    sim_vfs_file *file = sim_vfs_file_of(base);
    int code = sim_vfs_check(file, SQLITE_IOERR_LOCK);
    return code != SQLITE_OK || file->lock >= level ? code
                                                    : raise_lock(file, file->handle.file, level);
}

/* Succeeds without power as well: a lock is no part of the disk. */
int sim_vfs_unlock(sqlite3_file *base, int level) {
    sim_vfs_file *file = sim_vfs_file_of(base);
    sim_file *inode = file->handle.file;
    if (file->lock <= level) {
        return SQLITE_OK;
    }
    if (inode != NULL && file->lock > SQLITE_LOCK_SHARED) {
        inode->lock = SQLITE_LOCK_SHARED;
    }
    if (inode != NULL && level == SQLITE_LOCK_NONE && --inode->sharers == 0) {
        inode->lock = SQLITE_LOCK_NONE;
    }
    file->lock = level;
    return SQLITE_OK;
}

int sim_vfs_check_reserved(sqlite3_file *base, int *ret_reserved) {
    sim_vfs_file *file = sim_vfs_file_of(base);
    int code = sim_vfs_check(file, SQLITE_IOERR_CHECKRESERVEDLOCK);
    *ret_reserved = code == SQLITE_OK && file->handle.file->lock > SQLITE_LOCK_SHARED;
    return code;
}
