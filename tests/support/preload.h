/* What the preloaded libraries share: the C library's own functions, and which files a test
 * watches.
 *
 * Each is one file and one library, so that these are static.
 */
#ifndef SUPPORT_PRELOAD_H
#define SUPPORT_PRELOAD_H

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_ROOM = 512 };

/* `real`: what the function of that name would have been. */
#define REAL(type, name, ...)                                                                      \
    static type (*real)(__VA_ARGS__);                                                              \
    if (real == NULL) {                                                                            \
        real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name);                                      \
    }

static char watched[PATH_ROOM]; /* a folder; empty: none */

static void watch(const char *variable) {
    const char *folder = getenv(variable);
    (void)snprintf(watched, sizeof watched, "%s", folder != NULL ? folder : "");
}

/* Below the folder, or itself. The index that SQLite shares between processes is made anew after a
 * crash, so it does not count. */
static int watches_path(const char *path) {
    size_t inside = strlen(watched), length = strlen(path);
    return inside > 0 && strncmp(path, watched, inside) == 0 &&
           (path[inside] == '/' || path[inside] == '\0') &&
           (length < 4 || strcmp(path + length - 4, "-shm") != 0);
}

/* Of an open file; false: it is none of the watched. */
static int watches(int file, char ret_path[PATH_ROOM]) {
    char link[64];
    if (watched[0] == '\0') {
        return 0;
    }
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, ret_path, PATH_ROOM - 1);
    ret_path[length > 0 ? length : 0] = '\0';
    return length > 0 && watches_path(ret_path);
}

/* A line at the end of the file that the variable names; nothing without. `ours` functions only. */
static void append_line(const char *variable, const char *line) {
    const char *path = getenv(variable);
    int file = path != NULL ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
    if (file >= 0) {
        (void)!write(file, line, strlen(line));
        (void)close(file);
    }
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

#endif
