#include "tests/support/power.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/port/posix/system.h"

enum { MOST_FILES = 16, PATH_ROOM = 512, NAME_ROOM = 64 };

/* A file's bytes; which of its names lead to it stands in a folder. */
typedef struct content {
    ino_t inode;
    trib_buffer bytes;
} content;

typedef struct name {
    char text[NAME_ROOM];
    ino_t inode;
} name;

typedef struct folder {
    name names[MOST_FILES];
    size_t name_count;
    content contents[MOST_FILES];
    size_t content_count;
} folder;

static char watched[PATH_ROOM];
static folder durable, current; /* current: as it was when the power went */
static bool off, failed;
static size_t left = SIZE_MAX, syncs;
static bool flickers;

/* ---- folders ------------------------------------------------------------------------------- */

static void forget_contents(folder *of) {
    for (size_t i = 0; i < of->content_count; i++) {
        trib_buffer_deinit(&of->contents[i].bytes);
    }
    of->content_count = 0;
}

static content *content_of(folder *of, ino_t inode) {
    for (size_t i = 0; i < of->content_count; i++) {
        if (of->contents[i].inode == inode) {
            return &of->contents[i];
        }
    }
    return NULL;
}

static void keep_content(folder *of, int file, const struct stat *info) {
    content *kept = content_of(of, info->st_ino);
    if (kept == NULL) {
        assert_true(of->content_count < MOST_FILES);
        kept = &of->contents[of->content_count++];
        *kept = (content){.inode = info->st_ino, .bytes = {.ceiling = 1 << 26}};
    }
    trib_buffer_clear(&kept->bytes);
    assert_true(trib_ok(trib_buffer_reserve(&kept->bytes, (size_t)info->st_size)));
    ssize_t got = pread(file, kept->bytes.data, (size_t)info->st_size, 0);
    assert_int_equal(got, info->st_size);
    kept->bytes.size = (size_t)got;
}

static void path_of(const char *text, char ret_path[PATH_ROOM]) {
    int length = snprintf(ret_path, PATH_ROOM, "%s/%s", watched, text);
    assert_true(length > 0 && length < PATH_ROOM);
}

/* The index that SQLite shares between processes is made anew after a crash. */
static bool counts(const char *text) {
    size_t length = strlen(text);
    return text[0] != '.' && (length < 4 || strcmp(text + length - 4, "-shm") != 0);
}

static void keep_names(folder *of) {
    DIR *names = opendir(watched);
    assert_non_null(names);
    of->name_count = 0;
    for (struct dirent *entry; (entry = readdir(names)) != NULL;) {
        if (counts(entry->d_name)) {
            assert_true(of->name_count < MOST_FILES && strlen(entry->d_name) < NAME_ROOM);
            name *next = &of->names[of->name_count++];
            *next = (name){.inode = entry->d_ino};
            memcpy(next->text, entry->d_name, strlen(entry->d_name) + 1);
        }
    }
    (void)closedir(names);
}

static void keep_all(folder *of) {
    forget_contents(of);
    keep_names(of);
    for (size_t i = 0; i < of->name_count; i++) {
        char path[PATH_ROOM];
        struct stat info = {.st_size = 0};
        path_of(of->names[i].text, path);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(file >= 0 && fstat(file, &info) == 0);
        keep_content(of, file, &info);
        (void)close(file);
    }
}

/* ---- operations ---------------------------------------------------------------------------- */

static bool passes(void) {
    if (off) {
        return false;
    }
    if (left == 0) {
        failed = true;
        left = flickers ? SIZE_MAX : 0;
        return false;
    }
    left -= left != SIZE_MAX;
    return true;
}

static int sync_file(int file) {
    char link[64], path[PATH_ROOM];
    struct stat info;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0 || fstat(file, &info) != 0) {
        return -1;
    }
    path[length] = '\0';
    size_t inside = strlen(watched);
    if (inside == 0 || strncmp(path, watched, inside) != 0) {
        return 0;
    }
    syncs++;
    if (!passes()) {
        errno = EIO;
        return -1;
    }
    if (path[inside] == '\0') {
        keep_names(&durable);
    } else {
        keep_content(&durable, file, &info);
    }
    return 0;
}

int fsync(int file) {
    return sync_file(file);
}

int fdatasync(int file) {
    return sync_file(file);
}

static trib_status no_power(void) {
    return TRIB_FAIL(TRIB_E_IO, "the power is gone");
}

static trib_status disk_open(trib_disk *disk, const char *path, trib_open_mode mode,
                             int *ret_handle) {
    (void)disk;
    return mode == TRIB_OPEN_READ || passes()
               ? trib_posix_disk()->open(trib_posix_disk(), path, mode, ret_handle)
               : no_power();
}

/* What fails has written half. */
static trib_status disk_append(trib_disk *disk, int handle, trib_bytes bytes) {
    (void)disk;
    bool whole = passes();
    bytes.size = whole ? bytes.size : bytes.size / 2;
    TRIB_TRY(trib_posix_disk()->append(trib_posix_disk(), handle, bytes));
    return whole ? TRIB_SUCCESS : no_power();
}

static trib_status disk_write_at(trib_disk *disk, int handle, uint64_t offset, trib_bytes bytes) {
    (void)disk;
    bool whole = passes();
    bytes.size = whole ? bytes.size : bytes.size / 2;
    TRIB_TRY(trib_posix_disk()->write_at(trib_posix_disk(), handle, offset, bytes));
    return whole ? TRIB_SUCCESS : no_power();
}

static trib_status disk_truncate(trib_disk *disk, int handle, uint64_t size) {
    (void)disk;
    return passes() ? trib_posix_disk()->truncate(trib_posix_disk(), handle, size) : no_power();
}

static trib_status disk_rename(trib_disk *disk, const char *from, const char *to) {
    (void)disk;
    return passes() ? trib_posix_disk()->rename(trib_posix_disk(), from, to) : no_power();
}

static trib_status disk_remove(trib_disk *disk, const char *path) {
    (void)disk;
    return passes() ? trib_posix_disk()->remove(trib_posix_disk(), path) : no_power();
}

trib_disk *power_disk(void) {
    static trib_disk disk;
    disk = *trib_posix_disk(); /* its syncs come here anyway */
    disk.open = disk_open;
    disk.append = disk_append;
    disk.write_at = disk_write_at;
    disk.truncate = disk_truncate;
    disk.rename = disk_rename;
    disk.remove = disk_remove;
    return &disk;
}

/* ---- the test's side ----------------------------------------------------------------------- */

static void switch_on(void) {
    off = failed = flickers = false;
    left = SIZE_MAX;
}

void power_watch(const char *path) {
    assert_true(strlen(path) < PATH_ROOM);
    memcpy(watched, path, strlen(path) + 1);
    switch_on();
    syncs = 0;
    forget_contents(&current);
    keep_all(&durable);
}

void power_fails_after(size_t operations) {
    failed = flickers = false;
    left = operations;
}

void power_flickers_after(size_t operations) {
    failed = false;
    flickers = true;
    left = operations;
}

bool power_failed(void) {
    return failed;
}

size_t power_syncs(void) {
    return syncs;
}

void power_goes(void) {
    keep_all(&current);
    off = true;
}

static bool is_database(const name *of) {
    return strstr(of->text, ".db") != NULL;
}

/* The names of one kind, with their bytes; a file that was never synced is empty. */
static void bring_back(folder *from, bool databases) {
    for (size_t i = 0; i < from->name_count; i++) {
        char path[PATH_ROOM];
        if (is_database(&from->names[i]) == databases) {
            const content *kept = content_of(from, from->names[i].inode);
            path_of(from->names[i].text, path);
            FILE *file = fopen(path, "wb");
            assert_non_null(file);
            assert_true(kept == NULL || kept->bytes.size == 0 ||
                        fwrite(kept->bytes.data, kept->bytes.size, 1, file) == 1);
            assert_int_equal(fclose(file), 0);
        }
    }
}

static void remove_all(void) {
    folder there = {.name_count = 0};
    keep_names(&there);
    for (size_t i = 0; i < there.name_count; i++) {
        char path[PATH_ROOM];
        path_of(there.names[i].text, path);
        assert_int_equal(unlink(path), 0);
    }
}

void power_is_back(power_leaves leaves) {
    remove_all();
    bool all = leaves == POWER_LEAVES_ALL;
    bring_back(all || leaves == POWER_LEAVES_DATABASE ? &current : &durable, true);
    bring_back(all || leaves == POWER_LEAVES_FILES ? &current : &durable, false);
    power_watch(watched);
}
