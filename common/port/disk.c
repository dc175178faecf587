#include "common/port/disk.h"

#include <stdio.h>

enum { PATH_SIZE = 4096 };

static trib_status write_new(trib_disk *disk, const char *path, trib_bytes bytes) {
    int handle;
    TRIB_TRY(disk->remove(disk, path)); /* what a crash may have left */
    TRIB_TRY(disk->open(disk, path, TRIB_OPEN_APPEND, &handle));
    trib_status status = disk->append(disk, handle, bytes);
    if (trib_ok(status)) {
        status = disk->sync(disk, handle);
    }
    disk->close(disk, handle);
    return status;
}

trib_status trib_disk_replace(trib_disk *disk, const char *folder, const char *name,
                              trib_bytes bytes) {
    char path[PATH_SIZE], fresh[PATH_SIZE];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    int longer = snprintf(fresh, sizeof fresh, "%s/%s.new", folder, name);
    if (length < 0 || longer < 0 || (size_t)longer >= sizeof fresh) {
        return TRIB_FAIL(TRIB_E_LIMIT, "the path of '%s' is too long", name);
    }
    trib_status status = write_new(disk, fresh, bytes);
    if (!trib_ok(status)) {
        char message[512]; /* removing must not hide why */
        (void)snprintf(message, sizeof message, "%s", trib_message());
        trib_ignore(disk->remove(disk, fresh));
        return TRIB_FAIL(status.code, "%s", message);
    }
    TRIB_TRY(disk->rename(disk, fresh, path));
    return disk->sync_folder(disk, folder);
}

/* The name is synced whenever the size changes: a crash may have left a file whose name was not. */
static trib_status write_over(trib_disk *disk, const char *folder, int handle, trib_bytes bytes) {
    uint64_t size;
    TRIB_TRY(disk->size(disk, handle, &size));
    TRIB_TRY(disk->write_at(disk, handle, 0, bytes));
    if (size > bytes.size) {
        TRIB_TRY(disk->truncate(disk, handle, bytes.size));
    }
    TRIB_TRY(disk->sync(disk, handle));
    return size != bytes.size ? disk->sync_folder(disk, folder) : TRIB_SUCCESS;
}

trib_status trib_disk_overwrite(trib_disk *disk, const char *folder, const char *name,
                                trib_bytes bytes) {
    char path[PATH_SIZE];
    int handle, length = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (length < 0 || (size_t)length >= sizeof path) {
        return TRIB_FAIL(TRIB_E_LIMIT, "the path of '%s' is too long", name);
    }
    TRIB_TRY(disk->open(disk, path, TRIB_OPEN_WRITE, &handle));
    trib_status status = write_over(disk, folder, handle, bytes);
    disk->close(disk, handle);
    return trib_context(status, "%s", path);
}

trib_status trib_disk_read(trib_disk *disk, const char *path, trib_buffer *ret_bytes) {
    int handle;
    uint64_t size = 0;
    size_t got = 0;
    TRIB_TRY(disk->open(disk, path, TRIB_OPEN_READ, &handle));
    trib_status status = disk->size(disk, handle, &size);
    if (trib_ok(status)) {
        status = size > ret_bytes->ceiling ? TRIB_FAIL(TRIB_E_LIMIT, "%s: larger than %zu bytes",
                                                       path, ret_bytes->ceiling)
                                           : trib_buffer_reserve(ret_bytes, (size_t)size);
    }
    if (trib_ok(status) && size > 0) {
        status =
            disk->read_at(disk, handle, 0, ret_bytes->data + ret_bytes->size, (size_t)size, &got);
    }
    disk->close(disk, handle);
    if (trib_ok(status)) {
        ret_bytes->size += got;
    }
    return status;
}
