/* The index of a write-ahead log: memory that the connections to a database share, and locks on
 * slots of it. It belongs to its connections, since a stale one may look at it until it closes. */
#include "tests/sim/disk/vfs_inside.h"

struct sim_shared {
    size_t connections;
    void **regions;
    size_t count, capacity;
    uint32_t sharers[SQLITE_SHM_NLOCK];
    bool exclusive[SQLITE_SHM_NLOCK];
};

static sim_shared *shared_of(sim_vfs_file *file) {
    sim_file *inode = file->handle.file;
    if (file->shared == NULL) {
        if (inode->shared == NULL) {
            inode->shared = sim_take(1, sizeof *inode->shared);
        }
        file->shared = inode->shared;
        file->shared->connections++;
    }
    return file->shared;
}

int sim_vfs_shared_map(sqlite3_file *base, int region, int size, int extend,
                       void volatile **ret_region) {
    sim_vfs_file *file = sim_vfs_file_of(base);
    *ret_region = NULL;
    int code = sim_vfs_check(file, SQLITE_IOERR_SHMMAP);
    if (code != SQLITE_OK) {
        return code;
    }
    sim_shared *shared = shared_of(file);
    while (shared->count <= (size_t)region) {
        if (extend == 0) {
            return SQLITE_OK;
        }
        void **regions =
            sim_grown(shared->regions, shared->count, &shared->capacity, sizeof *regions);
        TRIB_ASSERT(regions != NULL);
        regions[shared->count++] = sim_take(1, (size_t)size);
        shared->regions = regions;
    }
    TRIB_ASSERT(shared->regions != NULL);
    *ret_region = shared->regions[region];
    return SQLITE_OK;
}

/* ---- slots --------------------------------------------------------------------------------- */

static void unlock_slot(sim_vfs_file *file, int slot) {
    uint16_t bit = (uint16_t)(1u << slot);
    if ((file->slots_exclusive & bit) != 0) {
        file->shared->exclusive[slot] = false;
    }
    if ((file->slots_shared & bit) != 0) {
        file->shared->sharers[slot]--;
    }
    file->slots_exclusive &= (uint16_t)~bit;
    file->slots_shared &= (uint16_t)~bit;
}

static bool slot_is_free(const sim_vfs_file *file, int slot, bool exclusive) {
    bool own = (file->slots_shared >> slot & 1) != 0;
    return !file->shared->exclusive[slot] &&
           (!exclusive || file->shared->sharers[slot] == (own ? 1u : 0u));
}

static void lock_slot(sim_vfs_file *file, int slot, bool exclusive) {
    uint16_t bit = (uint16_t)(1u << slot);
    if (exclusive) {
        file->shared->exclusive[slot] = true;
        file->slots_exclusive |= bit;
    } else if ((file->slots_shared & bit) == 0) {
        file->shared->sharers[slot]++;
        file->slots_shared |= bit;
    }
}

int sim_vfs_shared_lock(sqlite3_file *base, int first, int count, int flags) {
    sim_vfs_file *file = sim_vfs_file_of(base);
    bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        for (int slot = first; file->shared != NULL && slot < first + count; slot++) {
            unlock_slot(file, slot);
        }
        return SQLITE_OK;
    }
    int code = sim_vfs_check(file, SQLITE_IOERR_SHMLOCK);
    if (code != SQLITE_OK) {
        return code;
    }
    (void)shared_of(file);
    for (int slot = first; slot < first + count; slot++) {
        bool own = (file->slots_exclusive >> slot & 1) != 0;
        if (!own && !slot_is_free(file, slot, exclusive)) {
            return SQLITE_BUSY;
        }
    }
    for (int slot = first; slot < first + count; slot++) {
        lock_slot(file, slot, exclusive);
    }
    return SQLITE_OK;
}

void sim_vfs_shared_barrier(sqlite3_file *base) {
    (void)base; /* one thread */
}

/* The last one takes the index with it, as on a real disk the next one would begin it anew. */
int sim_vfs_shared_unmap(sqlite3_file *base, int remove) {
    (void)remove;
    sim_vfs_file *file = sim_vfs_file_of(base);
    sim_shared *shared = file->shared;
    if (shared == NULL) {
        return SQLITE_OK;
    }
    for (int slot = 0; slot < SQLITE_SHM_NLOCK; slot++) {
        unlock_slot(file, slot);
    }
    file->shared = NULL;
    if (--shared->connections > 0) {
        return SQLITE_OK;
    }
    if (file->handle.file != NULL && file->handle.file->shared == shared) {
        file->handle.file->shared = NULL;
    }
    for (size_t i = 0; i < shared->count; i++) {
        trib_free(shared->regions[i]);
    }
    trib_free(shared->regions);
    trib_free(shared);
    return SQLITE_OK;
}
