#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/port/posix/system.h"

static trib_status failed(const char *what, const char *path) {
    int error = errno;
    trib_code code = error == ENOENT ? TRIB_E_NOT_FOUND : TRIB_E_IO;
    return TRIB_FAIL(code, "%s %s: %s%s", what, path, strerror(error),
                     error == ENOSPC ? " (make room and try again)" : "");
}

static trib_status open_file(trib_disk *disk, const char *path, trib_open_mode mode,
                             int *ret_handle) {
    (void)disk;
    static const int flags_of[] = {[TRIB_OPEN_READ] = O_RDONLY,
                                   [TRIB_OPEN_APPEND] = O_RDWR | O_CREAT | O_APPEND,
                                   [TRIB_OPEN_WRITE] = O_RDWR | O_CREAT};
    int handle = open(path, flags_of[mode] | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (handle < 0) {
        return failed("open", path);
    }
    *ret_handle = handle;
    return TRIB_SUCCESS;
}

static void close_file(trib_disk *disk, int handle) {
    (void)disk;
    (void)close(handle);
}

static trib_status append(trib_disk *disk, int handle, trib_bytes bytes) {
    (void)disk;
    while (bytes.size > 0) {
        ssize_t written = write(handle, bytes.data, bytes.size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return failed("write", "file");
        }
        bytes.data += written;
        bytes.size -= (size_t)written;
    }
    return TRIB_SUCCESS;
}

static trib_status write_at(trib_disk *disk, int handle, uint64_t offset, trib_bytes bytes) {
    (void)disk;
    while (bytes.size > 0) {
        ssize_t written = pwrite(handle, bytes.data, bytes.size, (off_t)offset);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return failed("write", "file");
        }
        bytes.data += written;
        bytes.size -= (size_t)written;
        offset += (uint64_t)written;
    }
    return TRIB_SUCCESS;
}

static trib_status read_at(trib_disk *disk, int handle, uint64_t offset, uint8_t *ret_bytes,
                           size_t size, size_t *ret_size) {
    (void)disk;
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(handle, ret_bytes + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return failed("read", "file");
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *ret_size = done;
    return TRIB_SUCCESS;
}

static trib_status file_size(trib_disk *disk, int handle, uint64_t *ret_size) {
    (void)disk;
    struct stat info;
    if (fstat(handle, &info) != 0) {
        return failed("stat", "file");
    }
    *ret_size = (uint64_t)info.st_size;
    return TRIB_SUCCESS;
}

static trib_status truncate_file(trib_disk *disk, int handle, uint64_t size) {
    (void)disk;
    return ftruncate(handle, (off_t)size) == 0 ? TRIB_SUCCESS : failed("truncate", "file");
}

static trib_status sync_file(trib_disk *disk, int handle) {
    (void)disk;
    return fdatasync(handle) == 0 ? TRIB_SUCCESS : failed("sync", "file");
}

static trib_status sync_folder(trib_disk *disk, const char *path) {
    (void)disk;
    int handle = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (handle < 0) {
        return failed("open", path);
    }
    int result = fsync(handle);
    (void)close(handle);
    return result == 0 ? TRIB_SUCCESS : failed("sync", path);
}

static trib_status make_folder(trib_disk *disk, const char *path) {
    (void)disk;
    return mkdir(path, 0700) == 0 || errno == EEXIST ? TRIB_SUCCESS : failed("make folder", path);
}

static trib_status rename_file(trib_disk *disk, const char *from, const char *to) {
    (void)disk;
    return rename(from, to) == 0 ? TRIB_SUCCESS : failed("rename", from);
}

static trib_status remove_file(trib_disk *disk, const char *path) {
    (void)disk;
    return unlink(path) == 0 || errno == ENOENT ? TRIB_SUCCESS : failed("remove", path);
}

static trib_status list_folder(trib_disk *disk, const char *path,
                               trib_status (*each)(void *context, const char *name),
                               void *context) {
    (void)disk;
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return failed("list", path);
    }
    trib_status status = TRIB_SUCCESS;
    for (struct dirent *entry; trib_ok(status) && (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.') {
            status = each(context, entry->d_name);
        }
    }
    (void)closedir(folder);
    return status;
}

trib_disk *trib_posix_disk(void) {
    static trib_disk disk = {open_file,   close_file,    append,     write_at,    read_at,
                             file_size,   truncate_file, sync_file,  sync_folder, make_folder,
                             rename_file, remove_file,   list_folder};
    return &disk;
}
