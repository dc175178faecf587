/* Preloaded into tributary-cloud or tributary-edge: the n-th write, or the n-th allocation, fails.
 *
 * TRIB_FAIL_FOLDER=path
 *     The files that count: below this folder. Allocations count once one of them was opened.
 *
 * TRIB_FAIL_WRITE=n:ENOSPC or n:EIO, n+:..., ...:KIND
 *     ENOSPC: the n-th (1, 2 ...) that needs room: a write, which then has written a half; a new
 *     file or folder. EIO: the n-th of all that the disk may refuse: a write, a sync, a truncation,
 *     a rename, a removal. With a plus: from the n-th on, as long as TRIB_FAIL_WHILE, if given,
 *     exists.
 *
 * TRIB_FAIL_ALLOC=n or @stack
 *     The n-th allocation by the program, or by a library it hands its work to; or the first from
 *     that stack of callers. What Paho, OpenSSL and the C library ask for does not count: how they
 *     bear it is not ours.
 *
 * TRIB_FAIL_LOG=file
 *     Gets a line for the first that fails: what it was.
 *
 * TRIB_FAIL_TRACE=file
 *     Gets a line for each that counts: what it is. Of an allocation: "allocation PLACE STACK", for
 *     addr2line and for TRIB_FAIL_ALLOC.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "tests/support/preload.h"

typedef struct range {
    uintptr_t first, end, offset; /* offset: of the first in its file's addresses */
    char name[32];
} range;

static range ranges[16]; /* whose allocations count */
static size_t range_count;
static unsigned long at_write, at_allocation;
static uint64_t at_stack; /* 0: any */
static int error_of_write, goes_on;
static const char *only; /* a kind; NULL: all */
static _Atomic unsigned long writes, allocations;
static _Atomic int opened, told;
static _Thread_local int ours;

static int add_range(struct dl_phdr_info *info, size_t size, void *context) {
    static const char *const libraries[] = {"libsqlite3", "libjansson",    "libyaml",   "libzstd",
                                            "libmbed",    "libmicrohttpd", "libkissfft"};
    (void)size;
    (void)context;
    const char *name = last_part(info->dlpi_name);
    int counts = info->dlpi_name[0] == '\0'; /* the program */
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        counts = counts || strncmp(name, libraries[i], strlen(libraries[i])) == 0;
    }
    for (size_t i = 0; counts && i < info->dlpi_phnum && range_count < 16; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0) {
            range *next = &ranges[range_count++];
            next->offset = part->p_vaddr;
            next->first = info->dlpi_addr + part->p_vaddr;
            next->end = next->first + part->p_memsz;
            (void)snprintf(next->name, sizeof next->name, "%s", name[0] != '\0' ? name : "program");
        }
    }
    return 0;
}

__attribute__((constructor)) static void begin(void) {
    const char *at = getenv("TRIB_FAIL_WRITE");
    watch("TRIB_FAIL_FOLDER");
    if (at != NULL) {
        char *rest;
        at_write = strtoul(at, &rest, 10);
        goes_on = *rest == '+';
        error_of_write = strstr(rest, "ENOSPC") != NULL ? ENOSPC : EIO;
        only = strchr(rest, ':') != strrchr(rest, ':') ? strrchr(rest, ':') + 1 : NULL;
    }
    at = getenv("TRIB_FAIL_ALLOC");
    (void)dl_iterate_phdr(add_range, NULL);
    if (at != NULL && at[0] == '@') {
        at_allocation = 1;
        at_stack = strtoull(at + 1, NULL, 16);
    } else {
        at_allocation = at != NULL ? strtoul(at, NULL, 10) : 0;
    }
    void *frame[1];
    (void)backtrace(frame, 1); /* loads what it needs: not in the midst of an allocation */
}

static void tell(const char *variable, const char *what, const char *on) {
    char line[PATH_ROOM];
    ours = 1;
    (void)snprintf(line, sizeof line, "%s %.400s\n", what, on);
    append_line(variable, line);
    ours = 0;
}

static void tell_failure(const char *what, const char *on) {
    if (atomic_exchange(&told, 1) == 0) {
        tell("TRIB_FAIL_LOG", what, on);
    }
}

/* ---- files --------------------------------------------------------------------------------- */

static int fails(const char *what, const char *path, int needs_room) {
    if (ours || at_write == 0 || (error_of_write == ENOSPC && !needs_room)) {
        return 0;
    }
    const char *while_there = getenv("TRIB_FAIL_WHILE");
    tell("TRIB_FAIL_TRACE", what, last_part(path));
    if (only != NULL && only[0] != '\0' && strcmp(what, only) != 0) {
        return 0;
    }
    unsigned long count = atomic_fetch_add(&writes, 1) + 1;
    int now = goes_on ? count >= at_write : count == at_write;
    if (!now || (while_there != NULL && access(while_there, F_OK) != 0)) {
        return 0;
    }
    tell_failure(what, last_part(path));
    errno = error_of_write;
    return 1;
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset) {
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t)
    char path[PATH_ROOM];
    if (watches(file, path) && fails("write", path, 1)) {
        (void)!real(file, bytes, size / 2, offset);
        errno = error_of_write;
        return -1;
    }
    return real(file, bytes, size, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off_t offset)
    __attribute__((alias("pwrite")));

ssize_t write(int file, const void *bytes, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t)
    char path[PATH_ROOM];
    if (watches(file, path) && fails("write", path, 1)) {
        (void)!real(file, bytes, size / 2);
        errno = error_of_write;
        return -1;
    }
    return real(file, bytes, size);
}

int ftruncate(int file, off_t size) {
    REAL(int, ftruncate, int, off_t)
    char path[PATH_ROOM];
    return watches(file, path) && fails("truncate", path, 0) ? -1 : real(file, size);
}

int ftruncate64(int file, off_t size) __attribute__((alias("ftruncate")));

int fsync(int file) {
    REAL(int, fsync, int)
    char path[PATH_ROOM];
    return watches(file, path) && fails("sync", path, 0) ? -1 : real(file);
}

int fdatasync(int file) {
    REAL(int, fdatasync, int)
    char path[PATH_ROOM];
    return watches(file, path) && fails("sync", path, 0) ? -1 : real(file);
}

int open(const char *path, int flags, ...) {
    REAL(int, open, const char *, int, ...)
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (!ours && watches_path(path)) {
        atomic_store(&opened, 1);
        if ((flags & O_CREAT) != 0 && access(path, F_OK) != 0 && fails("create", path, 1)) {
            return -1;
        }
    }
    return real(path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t)
    return watches_path(path) && access(path, F_OK) != 0 && fails("mkdir", path, 1)
               ? -1
               : real(path, mode);
}

int link(const char *from, const char *to) {
    REAL(int, link, const char *, const char *)
    return watches_path(to) && fails("link", to, 1) ? -1 : real(from, to);
}

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *)
    return watches_path(from) && fails("rename", to, 0) ? -1 : real(from, to);
}

int unlink(const char *path) {
    REAL(int, unlink, const char *)
    return watches_path(path) && access(path, F_OK) == 0 && fails("unlink", path, 0) ? -1
                                                                                     : real(path);
}

/* ---- memory -------------------------------------------------------------------------------- */

enum { FRAMES = 32 };

static const range *range_of(uintptr_t where) {
    for (size_t i = 0; i < range_count; i++) {
        if (where >= ranges[i].first && where < ranges[i].end) {
            return &ranges[i];
        }
    }
    return NULL;
}

/* The same wherever the program is loaded (FNV-1a over whose calls count). */
static uint64_t stack_of_callers(void) {
    void *frames[FRAMES];
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    int count = backtrace(frames, FRAMES);
    for (int i = 0; i < count; i++) {
        const range *in = range_of((uintptr_t)frames[i]);
        if (in != NULL) {
            hash =
                (hash ^ ((uintptr_t)frames[i] - in->first + in->offset)) * UINT64_C(0x100000001b3);
            hash = (hash ^ (uint64_t)(in - ranges)) * UINT64_C(0x100000001b3);
        }
    }
    return hash;
}

static int refuses(void *caller) {
    const range *in = range_of((uintptr_t)caller);
    if (at_allocation == 0 || ours || !atomic_load(&opened) || in == NULL) {
        return 0;
    }
    ours = 1; /* what is asked for on the way does not count */
    uint64_t stack = stack_of_callers();
    char which[96];
    (void)snprintf(which, sizeof which, "%s+0x%lx %016llx", in->name,
                   (unsigned long)((uintptr_t)caller - in->first + in->offset),
                   (unsigned long long)stack);
    ours = 0;
    tell("TRIB_FAIL_TRACE", "allocation", which);
    int fails_now = (at_stack == 0 || stack == at_stack) &&
                    atomic_fetch_add(&allocations, 1) + 1 == at_allocation;
    if (fails_now) {
        tell_failure("allocation", which);
        errno = ENOMEM;
    }
    return fails_now;
}

/* Finding the real ones may itself ask for memory. */
static _Thread_local int looking;

static void *from_the_start(size_t size) {
    static _Alignas(max_align_t) uint8_t room[8192];
    static _Atomic size_t used;
    size_t at = atomic_fetch_add(&used, (size + 15) / 16 * 16);
    return at + size <= sizeof room ? room + at : NULL;
}

static void *look(const char *name) {
    looking = 1;
    void *found = dlsym(RTLD_NEXT, name);
    looking = 0;
    return found;
}

#define REAL_MEMORY(name, ...)                                                                     \
    static void *(*real)(__VA_ARGS__);                                                             \
    if (real == NULL && !looking) {                                                                \
        real = (void *(*)(__VA_ARGS__))look(#name);                                                \
    }

void *malloc(size_t size) {
    REAL_MEMORY(malloc, size_t)
    if (real == NULL) {
        return from_the_start(size);
    }
    return refuses(__builtin_return_address(0)) ? NULL : real(size);
}

void *calloc(size_t count, size_t size) {
    REAL_MEMORY(calloc, size_t, size_t)
    if (real == NULL) {
        return from_the_start(count * size); /* zero, as whatever is static */
    }
    return refuses(__builtin_return_address(0)) ? NULL : real(count, size);
}

void *realloc(void *block, size_t size) {
    REAL_MEMORY(realloc, void *, size_t)
    return real == NULL || refuses(__builtin_return_address(0)) ? NULL : real(block, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    REAL_MEMORY(aligned_alloc, size_t, size_t)
    return real == NULL || refuses(__builtin_return_address(0)) ? NULL : real(alignment, size);
}
