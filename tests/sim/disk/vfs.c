#include "tests/sim/disk/vfs.h"

#include <string.h>

#include "tests/sim/disk/vfs_inside.h"

static const trib_clock *vfs_clock; /* SQLite's file system is one for the process */
static trib_random vfs_random;

int sim_vfs_check(const sim_vfs_file *file, int failure) {
    return file->handle.file != NULL && !sim_disk_dead(file->handle.file->disk) ? SQLITE_OK
                                                                                : failure;
}

static int code_of(sim_result result, int failure) {
    return result == SIM_OK ? SQLITE_OK : result == SIM_FULL ? SQLITE_FULL : failure;
}

/* ---- files --------------------------------------------------------------------------------- */

static int close_file(sqlite3_file *base) {
    sim_vfs_file *file = sim_vfs_file_of(base);
    (void)sim_vfs_shared_unmap(base, 0);
    (void)sim_vfs_unlock(base, SQLITE_LOCK_NONE);
    sim_handle_close(&file->handle);
    trib_free(file->path);
    file->path = NULL;
    return SQLITE_OK;
}

static int read_file(sqlite3_file *base, void *ret_bytes, int size, sqlite3_int64 offset) {
    sim_vfs_file *file = sim_vfs_file_of(base);
    size_t got = 0;
    int code = sim_vfs_check(file, SQLITE_IOERR_READ);
    if (code == SQLITE_OK) {
        code = code_of(
            sim_file_read(file->handle.file, (uint64_t)offset, ret_bytes, (size_t)size, &got),
            SQLITE_IOERR_READ);
    }
    if (code == SQLITE_OK && got < (size_t)size) {
        memset((uint8_t *)ret_bytes + got, 0, (size_t)size - got);
        code = SQLITE_IOERR_SHORT_READ;
    }
    return code;
}

static int write_file(sqlite3_file *base, const void *bytes, int size, sqlite3_int64 offset) {
    sim_vfs_file *file = sim_vfs_file_of(base);
    int code = sim_vfs_check(file, SQLITE_IOERR_WRITE);
    if (code != SQLITE_OK || file->read_only) {
        return code != SQLITE_OK ? code : SQLITE_READONLY;
    }
    return code_of(
        sim_file_write(file->handle.file, (uint64_t)offset, trib_bytes_of(bytes, (size_t)size)),
        SQLITE_IOERR_WRITE);
}

static int truncate_file(sqlite3_file *base, sqlite3_int64 size) {
    sim_vfs_file *file = sim_vfs_file_of(base);
    int code = sim_vfs_check(file, SQLITE_IOERR_TRUNCATE);
    return code == SQLITE_OK ? code_of(sim_file_truncate(file->handle.file, (uint64_t)size),
                                       SQLITE_IOERR_TRUNCATE)
                             : code;
}

static int sync_file(sqlite3_file *base, int flags) {
    (void)flags;
    sim_vfs_file *file = sim_vfs_file_of(base);
    int code = sim_vfs_check(file, SQLITE_IOERR_FSYNC);
    if (code == SQLITE_OK) {
        code = code_of(sim_file_sync(file->handle.file), SQLITE_IOERR_FSYNC);
    }
    if (code == SQLITE_OK && file->name_unsynced) {
        code = code_of(sim_names_sync_around(file->handle.file->disk, file->path),
                       SQLITE_IOERR_DIR_FSYNC);
        file->name_unsynced = code != SQLITE_OK;
    }
    return code;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret_size) {
    sim_vfs_file *file = sim_vfs_file_of(base);
    int code = sim_vfs_check(file, SQLITE_IOERR_FSTAT);
    *ret_size = code == SQLITE_OK ? (sqlite3_int64)file->handle.file->seen.size : 0;
    return code;
}

static int control(sqlite3_file *base, int operation, void *argument) {
    (void)base;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *base) {
    (void)base;
    return SIM_SECTOR;
}

static int claims(sqlite3_file *base) {
    (void)base;
    return 0; /* no write is atomic, none leaves its neighbours alone, none waits for another */
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = file_size,
    .xLock = sim_vfs_lock,
    .xUnlock = sim_vfs_unlock,
    .xCheckReservedLock = sim_vfs_check_reserved,
    .xFileControl = control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = claims,
    .xShmMap = sim_vfs_shared_map,
    .xShmLock = sim_vfs_shared_lock,
    .xShmBarrier = sim_vfs_shared_barrier,
    .xShmUnmap = sim_vfs_shared_unmap,
};

/* ---- names --------------------------------------------------------------------------------- */

static sim_disk *disk_of(const char *path, char ret_path[SIM_PATH]) {
    return sim_path_clean(path, ret_path) ? sim_disk_of_path(ret_path) : NULL;
}

static int open_code(sim_result result) {
    return result == SIM_OK                                       ? SQLITE_OK
           : result == SIM_NO_POWER || result == SIM_WRITE_FAILED ? SQLITE_IOERR
                                                                  : SQLITE_CANTOPEN;
}

/* os_unix.c syncs the folder with a journal that it may have made (SQLite's own crash safety needs
 * no more), and file systems keep the name of a new file that is synced. */
static bool syncs_name(int flags, bool created) {
    int journals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
    return created || ((flags & SQLITE_OPEN_CREATE) != 0 && (flags & journals) != 0);
}

static int open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags,
                     int *ret_flags) {
    (void)vfs;
    char clean[SIM_PATH];
    sim_file *inode = NULL;
    bool created = false;
    base->pMethods = NULL; /* not to be closed, unless it opens */
    if (ret_flags != NULL) {
        *ret_flags = flags;
    }
    if (path == NULL) {
        sim_scratch_open(base);
        return SQLITE_OK;
    }
    sim_disk *disk = disk_of(path, clean);
    if (disk == NULL) {
        return SQLITE_CANTOPEN;
    }
    int code = open_code(sim_names_open(disk, clean, (flags & SQLITE_OPEN_CREATE) != 0,
                                        (flags & SQLITE_OPEN_EXCLUSIVE) != 0, &inode, &created));
    if (code == SQLITE_OK) {
        sim_vfs_file *file = sim_vfs_file_of(base);
        *file = (sim_vfs_file){.base.pMethods = &methods,
                               .path = trib_duplicate_text(clean),
                               .read_only = (flags & SQLITE_OPEN_READONLY) != 0,
                               .name_unsynced = syncs_name(flags, created)};
        TRIB_ASSERT(file->path != NULL);
        sim_handle_open(&file->handle, inode);
    }
    return code;
}

static int delete_file(sqlite3_vfs *vfs, const char *path, int sync_folder) {
    (void)vfs;
    char clean[SIM_PATH];
    sim_disk *disk = disk_of(path, clean);
    if (disk == NULL) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    sim_result result = sim_names_remove(disk, clean);
    if (result == SIM_NOT_THERE) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    if (result == SIM_OK && sync_folder != 0) {
        return code_of(sim_names_sync_around(disk, clean), SQLITE_IOERR_DIR_FSYNC);
    }
    return code_of(result, SQLITE_IOERR_DELETE);
}

/* An empty file is none, as in os_unix.c: it may be a journal that was never begun. */
static int access_file(sqlite3_vfs *vfs, const char *path, int flags, int *ret_there) {
    (void)vfs;
    char clean[SIM_PATH];
    sim_disk *disk = disk_of(path, clean);
    *ret_there = 0;
    if (disk == NULL) {
        return SQLITE_OK;
    }
    if (sim_disk_dead(disk)) {
        return SQLITE_IOERR_ACCESS;
    }
    const sim_name *name = sim_names_find(&disk->seen, clean);
    *ret_there = name != NULL &&
                 (flags != SQLITE_ACCESS_EXISTS || name->file == NULL || name->file->seen.size > 0);
    return SQLITE_OK;
}

static int full_path(sqlite3_vfs *vfs, const char *path, int size, char *ret_path) {
    (void)vfs;
    char clean[SIM_PATH];
    if (!sim_path_clean(path, clean) || strlen(clean) >= (size_t)size) {
        return SQLITE_CANTOPEN;
    }
    memcpy(ret_path, clean, strlen(clean) + 1);
    return SQLITE_OK;
}

/* ---- the rest of the world ----------------------------------------------------------------- */

static int randomness(sqlite3_vfs *vfs, int size, char *ret_bytes) {
    (void)vfs;
    for (int i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)trib_random_u32(&vfs_random);
        memcpy(ret_bytes + i, &byte, 1);
    }
    return size;
}

static int sleep_not(sqlite3_vfs *vfs, int microseconds) {
    (void)vfs;
    return microseconds;
}

/* Milliseconds since noon in Greenwich on 24 November 4714 BC, as SQLite counts. */
static int current_time(sqlite3_vfs *vfs, sqlite3_int64 *ret_ms) {
    (void)vfs;
    static const sqlite3_int64 unix_epoch_ms = 210866760000000;
    *ret_ms = unix_epoch_ms + (sqlite3_int64)trib_wall_ms(vfs_clock);
    return SQLITE_OK;
}

static int current_day(sqlite3_vfs *vfs, double *ret_days) {
    sqlite3_int64 ms;
    int code = current_time(vfs, &ms);
    *ret_days = (double)ms / 86400000.0;
    return code;
}

void sim_vfs_register(const trib_clock *clock, uint64_t seed) {
    static sqlite3_vfs vfs = {
        .iVersion = 2,
        .szOsFile = sizeof(sim_vfs_file) > sizeof(sim_scratch) ? (int)sizeof(sim_vfs_file)
                                                               : (int)sizeof(sim_scratch),
        .mxPathname = SIM_PATH - 1,
        .zName = "sim",
        .xOpen = open_file,
        .xDelete = delete_file,
        .xAccess = access_file,
        .xFullPathname = full_path,
        .xRandomness = randomness,
        .xSleep = sleep_not,
        .xCurrentTime = current_day,
        .xCurrentTimeInt64 = current_time,
    };
    vfs_clock = clock;
    trib_random_init(&vfs_random, seed, "sqlite", 0, TRIB_PURPOSE_TEST);
    TRIB_ASSERT(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
    sqlite3_randomness(0, NULL); /* its own generator begins anew, from these random bytes */
}
