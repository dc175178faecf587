/* What the parts of SQLite's file system share; for the files of this folder alone. */
#ifndef SIM_VFS_INSIDE_H
#define SIM_VFS_INSIDE_H

#include <sqlite3.h>

#include "tests/sim/disk/disk_inside.h"

typedef struct sim_shared sim_shared;

/* A file that a connection has open. SQLite owns the memory. */
typedef struct sim_vfs_file {
    sqlite3_file base; /* first: what SQLite knows of it */
    sim_handle handle;
    char *path;
    bool read_only;
    bool name_unsynced; /* the next sync is one of the folder as well */
    int lock;
    sim_shared *shared;
    uint16_t slots_shared, slots_exclusive; /* of the write-ahead index, that this one has locked */
} sim_vfs_file;

static inline sim_vfs_file *sim_vfs_file_of(sqlite3_file *base) {
    return (sim_vfs_file *)base;
}

/* `failure` unless the file is there to be used. */
int sim_vfs_check(const sim_vfs_file *file, int failure);

/* ---- vfs_lock.c ---------------------------------------------------------------------------- */

int sim_vfs_lock(sqlite3_file *base, int level);
int sim_vfs_unlock(sqlite3_file *base, int level);
int sim_vfs_check_reserved(sqlite3_file *base, int *ret_reserved);

/* ---- vfs_shared.c -------------------------------------------------------------------------- */

int sim_vfs_shared_map(sqlite3_file *base, int region, int size, int extend,
                       void volatile **ret_region);
int sim_vfs_shared_lock(sqlite3_file *base, int first, int count, int flags);
void sim_vfs_shared_barrier(sqlite3_file *base);
int sim_vfs_shared_unmap(sqlite3_file *base, int remove);

/* ---- vfs_scratch.c ------------------------------------------------------------------------- */

/* A file without a name: sorters and the like spill into it, and no power cut leaves it. */
typedef struct sim_scratch {
    sqlite3_file base;
    trib_buffer bytes;
} sim_scratch;

void sim_scratch_open(sqlite3_file *base);

#endif
