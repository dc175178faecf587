#include <string.h>

#include "tests/sim/disk/disk_inside.h"

static sim_disk *disk_of(trib_disk *port) {
    return (sim_disk *)port;
}

static trib_status said(sim_result result, const char *what, const char *path) {
    static const struct {
        trib_code code;
        const char *why;
    } words[] = {
        [SIM_NO_POWER] = {TRIB_E_IO, "the simulated power is gone"},
        [SIM_STALE] = {TRIB_E_IO, "it is not open, or no longer"},
        [SIM_NOT_THERE] = {TRIB_E_NOT_FOUND, "no such file"},
        [SIM_IS_THERE] = {TRIB_E_IO, "it is there already, and no folder"},
        [SIM_IS_FOLDER] = {TRIB_E_IO, "it is a folder"},
        [SIM_NO_FOLDER] = {TRIB_E_NOT_FOUND, "no such folder"},
        [SIM_BAD_PATH] = {TRIB_E_NOT_FOUND, "the path does not lie on this simulated disk"},
        [SIM_FULL] = {TRIB_E_IO, "the simulated disk is full (make room and try again)"},
        [SIM_TOO_LARGE] = {TRIB_E_LIMIT, "larger than a simulated file can be"},
        [SIM_WRITE_FAILED] = {TRIB_E_IO, "simulated write error"},
        [SIM_READ_FAILED] = {TRIB_E_IO, "simulated read error"},
        [SIM_SYNC_FAILED] = {TRIB_E_IO, "simulated sync error"},
    };
    return result == SIM_OK
               ? TRIB_SUCCESS
               : TRIB_FAIL(words[result].code, "%s %s: %s", what, path, words[result].why);
}

static sim_result path_on(sim_disk *disk, const char *path, char ret_path[SIM_PATH]) {
    return disk->dead                                                             ? SIM_NO_POWER
           : sim_path_clean(path, ret_path) && sim_disk_of_path(ret_path) == disk ? SIM_OK
                                                                                  : SIM_BAD_PATH;
}

/* ---- handles ------------------------------------------------------------------------------- */

static void drop(sim_port_handle *handle) {
    sim_handle_close(&handle->handle);
    trib_free(handle->path);
    trib_free(handle);
}

void sim_port_let_go(sim_disk *disk) {
    while (disk->ports != NULL) {
        sim_port_handle *handle = disk->ports;
        disk->ports = handle->next;
        drop(handle);
    }
}

static trib_status open_file(trib_disk *port, const char *path, trib_open_mode mode,
                             int *ret_handle) {
    sim_disk *disk = disk_of(port);
    char clean[SIM_PATH];
    sim_file *file = NULL;
    bool created;
    sim_result result = path_on(disk, path, clean);
    if (result == SIM_OK) {
        result = sim_names_open(disk, clean, mode != TRIB_OPEN_READ, false, &file, &created);
    }
    if (result != SIM_OK) {
        return said(result, "open", path);
    }
    sim_port_handle *handle = sim_take(1, sizeof *handle);
    *handle = (sim_port_handle){.number = ++disk->last_port,
                                .mode = mode,
                                .path = trib_duplicate_text(clean),
                                .next = disk->ports};
    TRIB_ASSERT(handle->path != NULL);
    sim_handle_open(&handle->handle, file);
    disk->ports = handle;
    *ret_handle = handle->number;
    return TRIB_SUCCESS;
}

static void close_file(trib_disk *port, int number) {
    for (sim_port_handle **place = &disk_of(port)->ports; *place != NULL; place = &(*place)->next) {
        if ((*place)->number == number) {
            sim_port_handle *handle = *place;
            *place = handle->next;
            drop(handle);
            return;
        }
    }
}

static trib_status handle_of(trib_disk *port, int number, const char *what,
                             sim_port_handle **ret_handle) {
    for (sim_port_handle *at = disk_of(port)->ports; at != NULL; at = at->next) {
        if (at->number == number) {
            *ret_handle = at;
            return TRIB_SUCCESS;
        }
    }
    return said(disk_of(port)->dead ? SIM_NO_POWER : SIM_STALE, what, "file");
}

/* ---- bytes --------------------------------------------------------------------------------- */

static trib_status wrong_mode(const char *what, const sim_port_handle *handle) {
    return TRIB_FAIL(TRIB_E_ARGUMENT, "%s %s: it was not opened for that", what, handle->path);
}

static trib_status append(trib_disk *port, int number, trib_bytes bytes) {
    sim_port_handle *handle = NULL;
    TRIB_TRY(handle_of(port, number, "write", &handle));
    if (handle->mode != TRIB_OPEN_APPEND) {
        return wrong_mode("append to", handle);
    }
    sim_file *file = handle->handle.file;
    return said(sim_file_write(file, file->seen.size, bytes), "write", handle->path);
}

static trib_status write_at(trib_disk *port, int number, uint64_t offset, trib_bytes bytes) {
    sim_port_handle *handle = NULL;
    TRIB_TRY(handle_of(port, number, "write", &handle));
    if (handle->mode != TRIB_OPEN_WRITE) {
        return wrong_mode("write at a place of", handle); /* the system would append */
    }
    return said(sim_file_write(handle->handle.file, offset, bytes), "write", handle->path);
}

static trib_status read_at(trib_disk *port, int number, uint64_t offset, uint8_t *ret_bytes,
                           size_t size, size_t *ret_size) {
    sim_port_handle *handle = NULL;
    TRIB_TRY(handle_of(port, number, "read", &handle));
    return said(sim_file_read(handle->handle.file, offset, ret_bytes, size, ret_size), "read",
                handle->path);
}

static trib_status file_size(trib_disk *port, int number, uint64_t *ret_size) {
    sim_port_handle *handle = NULL;
    TRIB_TRY(handle_of(port, number, "stat", &handle));
    TRIB_TRY(said(sim_disk_alive(disk_of(port)), "stat", handle->path));
    *ret_size = handle->handle.file->seen.size;
    return TRIB_SUCCESS;
}

static trib_status truncate_file(trib_disk *port, int number, uint64_t size) {
    sim_port_handle *handle = NULL;
    TRIB_TRY(handle_of(port, number, "truncate", &handle));
    if (handle->mode == TRIB_OPEN_READ) {
        return wrong_mode("truncate", handle);
    }
    return said(sim_file_truncate(handle->handle.file, size), "truncate", handle->path);
}

static trib_status sync_file(trib_disk *port, int number) {
    sim_port_handle *handle = NULL;
    TRIB_TRY(handle_of(port, number, "sync", &handle));
    return said(sim_file_sync(handle->handle.file), "sync", handle->path);
}

/* ---- names --------------------------------------------------------------------------------- */

static trib_status on_path(trib_disk *port, const char *what, const char *path,
                           sim_result (*does)(sim_disk *disk, const char *path)) {
    char clean[SIM_PATH];
    sim_result result = path_on(disk_of(port), path, clean);
    return said(result == SIM_OK ? does(disk_of(port), clean) : result, what, path);
}

static trib_status sync_folder(trib_disk *port, const char *path) {
    return on_path(port, "sync", path, sim_names_sync);
}

static trib_status make_folder(trib_disk *port, const char *path) {
    return on_path(port, "make folder", path, sim_names_make_folder);
}

static sim_result remove_if_there(sim_disk *disk, const char *path) {
    sim_result result = sim_names_remove(disk, path);
    return result == SIM_NOT_THERE ? SIM_OK : result;
}

static trib_status remove_file(trib_disk *port, const char *path) {
    return on_path(port, "remove", path, remove_if_there);
}

static trib_status rename_file(trib_disk *port, const char *from, const char *to) {
    char clean_from[SIM_PATH], clean_to[SIM_PATH];
    sim_disk *disk = disk_of(port);
    sim_result result = path_on(disk, from, clean_from);
    if (result == SIM_OK) {
        result = path_on(disk, to, clean_to);
    }
    return said(result == SIM_OK ? sim_names_rename(disk, clean_from, clean_to) : result, "rename",
                from);
}

/* Copies, since whoever is called may change names; in any order, as the port promises none. */
static size_t names_in(sim_disk *disk, const char *folder, char ***ret_names) {
    size_t below, count = 0, size = strlen(folder) + 1;
    size_t first = sim_names_below(&disk->seen, folder, &below);
    char **names = sim_take(below + 1, sizeof *names);
    uint32_t *order = sim_take(below + 1, sizeof *order);
    trib_random_order(&disk->random, order, below);
    for (size_t i = 0; i < below; i++) {
        const char *name = disk->seen.items[first + order[i]].path + size;
        if (name[0] != '.' && strchr(name, '/') == NULL) {
            names[count] = trib_duplicate_text(name);
            TRIB_ASSERT(names[count] != NULL);
            count++;
        }
    }
    trib_free(order);
    *ret_names = names;
    return count;
}

static trib_status list_folder(trib_disk *port, const char *path,
                               trib_status (*each)(void *context, const char *name),
                               void *context) {
    sim_disk *disk = disk_of(port);
    char clean[SIM_PATH], **names;
    sim_result result = path_on(disk, path, clean);
    if (result == SIM_OK) {
        result = sim_disk_alive(disk);
    }
    const sim_name *folder = result == SIM_OK ? sim_names_find(&disk->seen, clean) : NULL;
    if (folder == NULL || folder->file != NULL) {
        return said(result == SIM_OK ? SIM_NO_FOLDER : result, "list", path);
    }
    size_t count = names_in(disk, clean, &names);
    trib_status status = TRIB_SUCCESS;
    for (size_t i = 0; i < count; i++) {
        if (trib_ok(status)) {
            status = each(context, names[i]);
        }
        trib_free(names[i]);
    }
    trib_free(names);
    return status;
}

const trib_disk sim_port_functions = {
    open_file, close_file,  append,      write_at,    read_at,     file_size,  truncate_file,
    sync_file, sync_folder, make_folder, rename_file, remove_file, list_folder};
