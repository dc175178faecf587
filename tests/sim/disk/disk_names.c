#include <string.h>

#include "tests/sim/disk/disk_inside.h"

bool sim_path_clean(const char *path, char ret_path[SIM_PATH]) {
    size_t size = 0;
    if (path == NULL || path[0] != '/') {
        return false;
    }
    for (;;) {
        path += strspn(path, "/");
        size_t part = strcspn(path, "/");
        if (part == 0) {
            break;
        }
        if (part == 2 && memcmp(path, "..", 2) == 0) {
            return false;
        }
        if (part != 1 || path[0] != '.') {
            if (size + part + 2 > SIM_PATH) {
                return false;
            }
            ret_path[size++] = '/';
            memcpy(ret_path + size, path, part);
            size += part;
        }
        path += part;
    }
    ret_path[size] = '\0';
    return size > 0;
}

/* The length of the path of the folder that a path lies in; 0 for a disk, which lies in none. */
static size_t folder_size(const char *path) {
    return (size_t)(strrchr(path, '/') - path);
}

/* ---- tables -------------------------------------------------------------------------------- */

/* Where a path stands, or would. */
static size_t place_of(const sim_names *names, const char *path, bool *ret_there) {
    size_t low = 0, high = names->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(names->items[middle].path, path);
        if (order == 0) {
            *ret_there = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *ret_there = false;
    return low;
}

const sim_name *sim_names_find(const sim_names *names, const char *path) {
    bool there;
    size_t place = place_of(names, path, &there);
    return there ? &names->items[place] : NULL;
}

void sim_names_put(sim_names *names, const char *path, sim_file *file) {
    bool there;
    size_t place = place_of(names, path, &there);
    if (file != NULL) {
        sim_file_hold(file, names->seen);
    }
    if (there) {
        if (names->items[place].file != NULL) {
            sim_file_release(names->items[place].file, names->seen);
        }
        names->items[place].file = file;
        return;
    }
    names->items = sim_grown(names->items, names->count, &names->capacity, sizeof *names->items);
    sim_name *at = &names->items[place];
    memmove(at + 1, at, (names->count - place) * sizeof *at);
    *at = (sim_name){trib_duplicate_text(path), file};
    TRIB_ASSERT(at->path != NULL);
    names->count++;
}

static void drop(const sim_names *names, sim_name *name) {
    if (name->file != NULL) {
        sim_file_release(name->file, names->seen);
    }
    trib_free(name->path);
}

static void erase(sim_names *names, const char *path) {
    bool there;
    size_t place = place_of(names, path, &there);
    if (there) {
        sim_name *at = &names->items[place];
        drop(names, at);
        memmove(at, at + 1, (names->count - place - 1) * sizeof *at);
        names->count--;
    }
}

void sim_names_clear(sim_names *names) {
    for (size_t i = 0; i < names->count; i++) {
        drop(names, &names->items[i]);
    }
    names->count = 0;
}

void sim_names_apply(sim_names *names, const sim_change *change) {
    if (change->gone != NULL) {
        erase(names, change->gone);
    }
    if (change->there != NULL) {
        sim_names_put(names, change->there, change->file);
    }
}

size_t sim_names_below(const sim_names *names, const char *folder, size_t *ret_count) {
    char from[SIM_PATH + 1];
    size_t size = strlen(folder);
    bool there;
    memcpy(from, folder, size);
    from[size] = '/';
    from[size + 1] = '\0';
    size_t first = place_of(names, from, &there), end = first;
    while (end < names->count && strncmp(names->items[end].path, from, size + 1) == 0) {
        end++;
    }
    *ret_count = end - first;
    return first;
}

/* ---- changes ------------------------------------------------------------------------------- */

void sim_change_deinit(sim_change *change) {
    if (change->file != NULL) {
        sim_file_release(change->file, false);
    }
    trib_free(change->gone);
    trib_free(change->there);
}

static sim_result change_names(sim_disk *disk, const char *gone, const char *there,
                               sim_file *file) {
    sim_change change = {.gone = gone != NULL ? trib_duplicate_text(gone) : NULL,
                         .there = there != NULL ? trib_duplicate_text(there) : NULL,
                         .file = file};
    TRIB_ASSERT((gone == NULL || change.gone != NULL) && (there == NULL || change.there != NULL));
    if (file != NULL) {
        sim_file_hold(file, false);
    }
    disk->changes =
        sim_grown(disk->changes, disk->change_count, &disk->change_capacity, sizeof *disk->changes);
    disk->changes[disk->change_count++] = change;
    sim_names_apply(&disk->seen, &change);
    return SIM_OK;
}

/* An operation that changes names, all or nothing. */
static sim_result begins(sim_disk *disk) {
    sim_result result = sim_disk_operation(disk);
    if (result == SIM_OK && sim_chance(&disk->random, disk->rates.write_error)) {
        disk->injected[SIM_DISK_WRITE_ERROR]++;
        return SIM_WRITE_FAILED;
    }
    return result;
}

static sim_result check_around(const sim_disk *disk, const char *path) {
    char folder[SIM_PATH];
    size_t size = folder_size(path);
    memcpy(folder, path, size);
    folder[size] = '\0';
    const sim_name *name = sim_names_find(&disk->seen, folder);
    return name != NULL && name->file == NULL ? SIM_OK : SIM_NO_FOLDER;
}

sim_result sim_names_open(sim_disk *disk, const char *path, bool create, bool exclusive,
                          sim_file **ret_file, bool *ret_created) {
    sim_result result = sim_disk_alive(disk);
    if (result != SIM_OK) {
        return result;
    }
    const sim_name *name = sim_names_find(&disk->seen, path);
    *ret_created = false;
    if (name != NULL) {
        *ret_file = name->file;
        return name->file == NULL ? SIM_IS_FOLDER : exclusive ? SIM_IS_THERE : SIM_OK;
    }
    result = create ? check_around(disk, path) : SIM_NOT_THERE;
    if (result == SIM_OK) {
        result = begins(disk);
    }
    if (result != SIM_OK) {
        return result;
    }
    *ret_created = true;
    *ret_file = sim_file_create(disk);
    return change_names(disk, NULL, path, *ret_file);
}

sim_result sim_names_make_folder(sim_disk *disk, const char *path) {
    sim_result result = sim_disk_alive(disk);
    const sim_name *name = sim_names_find(&disk->seen, path);
    if (result != SIM_OK || name != NULL) {
        return result != SIM_OK || name->file == NULL ? result : SIM_IS_THERE;
    }
    result = check_around(disk, path);
    if (result == SIM_OK) {
        result = begins(disk);
    }
    return result == SIM_OK ? change_names(disk, NULL, path, NULL) : result;
}

sim_result sim_names_rename(sim_disk *disk, const char *from, const char *to) {
    sim_result result = sim_disk_alive(disk);
    const sim_name *name = sim_names_find(&disk->seen, from);
    const sim_name *over = sim_names_find(&disk->seen, to);
    if (result != SIM_OK || name == NULL) {
        return result != SIM_OK ? result : SIM_NOT_THERE;
    }
    if (name->file == NULL || (over != NULL && over->file == NULL)) {
        return SIM_IS_FOLDER; /* nobody renames folders */
    }
    sim_file *file = name->file;
    result = check_around(disk, to);
    if (result == SIM_OK) {
        result = begins(disk);
    }
    return result == SIM_OK && strcmp(from, to) != 0 ? change_names(disk, from, to, file) : result;
}

sim_result sim_names_remove(sim_disk *disk, const char *path) {
    sim_result result = sim_disk_alive(disk);
    const sim_name *name = sim_names_find(&disk->seen, path);
    if (result != SIM_OK || name == NULL) {
        return result != SIM_OK ? result : SIM_NOT_THERE;
    }
    if (name->file == NULL) {
        return SIM_IS_FOLDER;
    }
    result = begins(disk);
    return result == SIM_OK ? change_names(disk, path, NULL, NULL) : result;
}

/* A file that moves between folders counts as the new one's. */
static bool lies_in(const sim_change *change, const char *folder, size_t size) {
    const char *path = change->there != NULL ? change->there : change->gone;
    return folder_size(path) == size && memcmp(path, folder, size) == 0;
}

static sim_result sync_names(sim_disk *disk, const char *folder, size_t size) {
    sim_result result = sim_disk_operation(disk);
    if (result != SIM_OK) {
        return result;
    }
    bool fails = sim_chance(&disk->random, disk->rates.sync_failed);
    size_t left = 0;
    for (size_t i = 0; i < disk->change_count; i++) {
        sim_change *change = &disk->changes[i];
        if (!fails && lies_in(change, folder, size)) {
            sim_names_apply(&disk->durable, change);
            sim_change_deinit(change);
        } else {
            disk->changes[left++] = *change;
        }
    }
    disk->change_count = left;
    disk->injected[SIM_DISK_SYNC_FAILED] += fails;
    return fails ? SIM_SYNC_FAILED : SIM_OK;
}

sim_result sim_names_sync(sim_disk *disk, const char *folder) {
    const sim_name *name = sim_names_find(&disk->seen, folder);
    if (name == NULL || name->file != NULL) {
        return SIM_NO_FOLDER;
    }
    return sync_names(disk, folder, strlen(folder));
}

sim_result sim_names_sync_around(sim_disk *disk, const char *path) {
    return sync_names(disk, path, folder_size(path));
}
