/* Preloaded into tributary-cloud (or tributary-edge) by the crash test: counts what the program
 * does to its files and its broker, and kills it with SIGKILL at a chosen moment.
 *
 *     TRIB_KILL_AT=phase:n    before the n-th operation of that phase (1, 2 ...)
 *     TRIB_KILL_LOG=file      the phase is appended there just before the kill
 *     TRIB_FULL=file          while it exists, writing to a ledger, an outbox or stored rows fails:
 *                             the disk is full
 *     TRIB_1970=file          while it exists, the wall clock stands in 1970
 *
 * Phases, told by the file an operation goes to and what came before it:
 *     receive   reading from the broker's socket
 *     append    writing to a ledger segment (edge: to the outbox's write-ahead log)
 *     fsync     syncing it
 *     receipt   writing to the socket after the ledger was synced, before anything else was written
 *               (edge: a join or an update, after the outbox was)
 *     close     writing a model or strategy object (edge: a model slot)
 *     commit    writing to the registry's write-ahead log
 *     publish   writing to the socket after the registry was written
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const names[] = {"receive", "append", "fsync",  "receipt",
                                    "close",   "commit", "publish"};
enum phase { RECEIVE, APPEND, FSYNC, RECEIPT, CLOSE, COMMIT, PUBLISH, PHASES, NONE };

static _Atomic int last_file = NONE; /* what was written or synced last */
static _Atomic unsigned long counts[PHASES];

static void pass(enum phase phase) {
    if (phase == NONE) {
        return;
    }
    unsigned long count = atomic_fetch_add(&counts[phase], 1) + 1;
    const char *at = getenv("TRIB_KILL_AT");
    const char *colon = at != NULL ? strchr(at, ':') : NULL;
    if (colon == NULL || strncmp(at, names[phase], (size_t)(colon - at)) != 0 ||
        strlen(names[phase]) != (size_t)(colon - at) || strtoul(colon + 1, NULL, 10) != count) {
        return;
    }
    const char *log = getenv("TRIB_KILL_LOG");
    int file = log != NULL ? open(log, O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;
    if (file >= 0) {
        ssize_t (*really)(int, const void *, size_t) =
            (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
        (void)!really(file, names[phase], strlen(names[phase]));
        (void)!really(file, "\n", 1);
        (void)close(file);
    }
    (void)kill(getpid(), SIGKILL);
    (void)pause();
}

static int path_of(int descriptor, char *ret_path, size_t size) {
    char link[64];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, ret_path, size - 1);
    ret_path[length > 0 ? length : 0] = '\0';
    return length > 0;
}

/* What kind of file a descriptor is: its phase when written, or NONE. */
static enum phase kind_of(int descriptor) {
    char path[512];
    if (!path_of(descriptor, path, sizeof path)) {
        return NONE;
    }
    if (strstr(path, ".ledger") != NULL || strstr(path, "state.db-wal") != NULL) {
        return APPEND;
    }
    if (strstr(path, "/objects/") != NULL || strstr(path, "/model-") != NULL) {
        return CLOSE;
    }
    return strstr(path, "registry.db-wal") != NULL ? COMMIT : NONE;
}

static int is_broker(int descriptor) {
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    struct stat info;
    return fstat(descriptor, &info) == 0 && S_ISSOCK(info.st_mode) &&
           getpeername(descriptor, (struct sockaddr *)&address, &size) == 0 &&
           (address.ss_family == AF_INET || address.ss_family == AF_INET6);
}

static void before_write(int descriptor) {
    enum phase kind = kind_of(descriptor);
    if (kind != NONE) {
        atomic_store(&last_file, kind);
        pass(kind);
    } else if (is_broker(descriptor)) {
        int last = atomic_load(&last_file);
        pass(last == FSYNC ? RECEIPT : last == COMMIT ? PUBLISH : NONE);
    }
}

static int flagged(const char *variable) {
    const char *path = getenv(variable);
    return path != NULL && access(path, F_OK) == 0;
}

static int holds_rows(int descriptor) {
    char path[512];
    return path_of(descriptor, path, sizeof path) && strstr(path, "samples.db") != NULL;
}

static int full(int descriptor) {
    if (getenv("TRIB_FULL") == NULL || (kind_of(descriptor) != APPEND && !holds_rows(descriptor)) ||
        !flagged("TRIB_FULL")) {
        return 0;
    }
    errno = ENOSPC;
    return 1;
}

#define REAL(type, name, ...)                                                                      \
    static type (*real)(__VA_ARGS__);                                                              \
    if (real == NULL) {                                                                            \
        real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name);                                      \
    }

ssize_t write(int descriptor, const void *bytes, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t)
    before_write(descriptor);
    return full(descriptor) ? -1 : real(descriptor, bytes, size);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t size, off64_t offset) {
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t)
    before_write(descriptor);
    return full(descriptor) ? -1 : real(descriptor, bytes, size, offset);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t size, off_t offset) {
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t)
    before_write(descriptor);
    return full(descriptor) ? -1 : real(descriptor, bytes, size, offset);
}

int fdatasync(int descriptor) {
    REAL(int, fdatasync, int)
    enum phase kind = kind_of(descriptor);
    if (kind == APPEND) {
        pass(FSYNC);
        atomic_store(&last_file, FSYNC);
    }
    return real(descriptor);
}

ssize_t read(int descriptor, void *bytes, size_t size) {
    REAL(ssize_t, read, int, void *, size_t)
    if (is_broker(descriptor)) {
        pass(RECEIVE);
    }
    return real(descriptor, bytes, size);
}

int clock_gettime(clockid_t id, struct timespec *ret_time) {
    REAL(int, clock_gettime, clockid_t, struct timespec *)
    int result = real(id, ret_time);
    if (id == CLOCK_REALTIME && result == 0 && flagged("TRIB_1970")) {
        ret_time->tv_sec = 100;
    }
    return result;
}
