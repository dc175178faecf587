/* Preloaded into tributary-cloud or tributary-edge: the power goes after a chosen durable
 * operation.
 *
 *     TRIB_POWER_FOLDER=path    the files that count: below this folder, which is always there
 *     TRIB_POWER_CUT=n          after the n-th operation (1, 2 ...): a write, a sync, a truncation,
 * a new file or folder, a rename, a removal TRIB_POWER_KEEP=none      all that was not synced is
 * lost (so without it) all       nothing is: a kill, without loss of power seed      a drawn part
 * of it is kept: writes of each file one by one, some torn; changes of names up to one of them, as
 * a journal of names has it TRIB_POWER_LOG=file       gets a line when it goes: what the operation
 * was, and on which file TRIB_POWER_COUNT=file     gets a line with the number of operations if it
 * ends by itself
 *
 * A file's bytes are durable once it was synced, a name once the folder it stands in was. What is
 * there at the start is durable. The journal of what is not durable holds what undoes it: the bytes
 * before, or another name (in path.lost) for a file that was removed or replaced. When the power
 * goes, the folder is put back on the disk as a restart would find it, and the process is killed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>

#include "tests/support/preload.h"

typedef enum change_kind { WRITTEN, CUT, CREATED, MADE, RENAMED, REMOVED } change_kind;

/* Of a file's bytes, or of a name. */
typedef struct change {
    change_kind kind;
    ino_t inode; /* of the file; of the folder the name stands in */
    int file;    /* our own descriptor */
    off_t offset, size_before;
    uint8_t *before, *after; /* bytes from offset on; before: as far as there were any */
    size_t before_size, after_size;
    char path[PATH_ROOM], to[PATH_ROOM], grave[PATH_ROOM];
} change;

typedef struct own_file {
    ino_t inode;
    int file;
} own_file;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local int ours; /* what we do ourselves is not the program's */
static change *changes[1 << 16];
static size_t change_count;
static own_file files[1 << 12];
static size_t file_count;
static unsigned long operations, cut_after, graves;
static uint64_t draws;

__attribute__((constructor)) static void begin(void) {
    const char *cut = getenv("TRIB_POWER_CUT");
    char lost[PATH_ROOM + 8];
    watch("TRIB_POWER_FOLDER");
    cut_after = cut != NULL ? strtoul(cut, NULL, 10) : 0;
    (void)snprintf(lost, sizeof lost, "%s.lost", watched);
    (void)mkdir(lost, 0700);
}

__attribute__((destructor)) static void end(void) {
    char line[32];
    ours = 1;
    (void)snprintf(line, sizeof line, "%lu\n", operations);
    append_line("TRIB_POWER_COUNT", line);
}

static void enter(void) {
    (void)pthread_mutex_lock(&lock);
    ours = 1;
}

/* ---- the journal --------------------------------------------------------------------------- */

static change *note(change_kind kind, ino_t inode, const char *path) {
    change *next = calloc(1, sizeof *next);
    if (next == NULL || change_count == sizeof changes / sizeof changes[0]) {
        abort();
    }
    next->kind = kind;
    next->inode = inode;
    (void)snprintf(next->path, sizeof next->path, "%s", path);
    changes[change_count++] = next;
    return next;
}

static int is_name(const change *of) {
    return of->kind != WRITTEN && of->kind != CUT;
}

static void forget(size_t index) {
    change *gone = changes[index];
    if (gone->grave[0] != '\0') {
        (void)unlink(gone->grave);
    }
    free(gone->before);
    free(gone->after);
    free(gone);
    memmove(&changes[index], &changes[index + 1], (--change_count - index) * sizeof changes[0]);
}

/* Durable from here on: a file's bytes, or a folder's names. */
static void forget_all_of(ino_t inode) {
    for (size_t i = change_count; i-- > 0;) {
        if (changes[i]->inode == inode) {
            forget(i);
        }
    }
}

/* A descriptor of our own outlives the program's, and the name. It is never closed: closing any
 * descriptor of a file gives up all locks that SQLite has on it. */
static int own(int file, ino_t inode) {
    char link[64];
    for (size_t i = 0; i < file_count; i++) {
        if (files[i].inode == inode) {
            return files[i].file;
        }
    }
    if (file_count == sizeof files / sizeof files[0]) {
        abort();
    }
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    files[file_count] = (own_file){inode, open(link, O_RDWR | O_CLOEXEC)};
    return files[file_count++].file;
}

/* Before `size` bytes from `offset` on change, or all after it do. */
static change *note_bytes(change_kind kind, int file, const char *path, off_t offset, size_t size) {
    struct stat info = {.st_size = 0};
    (void)fstat(file, &info);
    change *next = note(kind, info.st_ino, path);
    next->file = own(file, info.st_ino);
    next->offset = offset;
    next->size_before = info.st_size;
    size_t there = info.st_size > offset ? (size_t)(info.st_size - offset) : 0;
    next->before_size = kind == CUT || there < size ? there : size;
    next->before = malloc(next->before_size + 1);
    (void)!pread(next->file, next->before, next->before_size, offset);
    return next;
}

static ino_t inode_of_folder(const char *path) {
    char folder[PATH_ROOM];
    struct stat info = {.st_ino = 0};
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(last_part(path) - path - 1), path);
    (void)stat(folder, &info);
    return info.st_ino;
}

static void dig(change *of) {
    (void)snprintf(of->grave, sizeof of->grave, "%.400s.lost/%d-%lu", watched, getpid(), ++graves);
}

/* ---- the power goes ------------------------------------------------------------------------ */

static uint64_t draw(void) {
    uint64_t z = draws += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void undo_bytes(const change *of) {
    (void)!pwrite(of->file, of->before, of->before_size, of->offset);
    (void)!ftruncate(of->file, of->size_before);
}

/* Some are torn. */
static void redo_bytes(const change *of) {
    if (of->kind == CUT) {
        (void)!ftruncate(of->file, of->offset);
    } else {
        size_t size = draw() % 4 == 0 ? of->after_size / 2 : of->after_size;
        (void)!pwrite(of->file, of->after, size, of->offset);
    }
}

static void undo_name(const change *of) {
    switch (of->kind) {
    case CREATED:
        (void)unlink(of->path);
        break;
    case MADE: /* with all that is in it */
        (void)rename(of->path, of->grave);
        break;
    case RENAMED:
        (void)rename(of->to, of->path);
        if (access(of->grave, F_OK) == 0) {
            (void)rename(of->grave, of->to);
        }
        break;
    case REMOVED:
        (void)rename(of->grave, of->path);
        break;
    case WRITTEN:
    case CUT:
        break;
    }
}

static void undo(int keep_some) {
    size_t names = 0, kept;
    for (size_t i = change_count; i-- > 0;) {
        if (is_name(changes[i])) {
            names++;
        } else {
            undo_bytes(changes[i]);
        }
    }
    for (size_t i = 0; keep_some && i < change_count; i++) {
        if (!is_name(changes[i]) && draw() % 2 == 0) {
            redo_bytes(changes[i]);
        }
    }
    kept = keep_some ? draw() % (names + 1) : 0;
    for (size_t i = change_count; i-- > 0 && names > kept;) {
        if (is_name(changes[i])) {
            undo_name(changes[i]);
            names--;
        }
    }
}

static void power_goes(const char *what, const char *path) {
    const char *keep = getenv("TRIB_POWER_KEEP");
    char line[PATH_ROOM];
    if (keep == NULL || strcmp(keep, "all") != 0) {
        draws = keep != NULL ? strtoull(keep, NULL, 10) * 1000003 + operations : 0;
        undo(keep != NULL && strcmp(keep, "none") != 0);
    }
    (void)snprintf(line, sizeof line, "%s %.400s\n", what, last_part(path));
    append_line("TRIB_POWER_LOG", line);
    (void)kill(getpid(), SIGKILL);
    (void)pause();
}

static void leave(const char *what, const char *path) {
    int error = errno;
    if (++operations == cut_after) {
        power_goes(what, path);
    }
    ours = 0;
    (void)pthread_mutex_unlock(&lock);
    errno = error;
}

/* ---- operations ---------------------------------------------------------------------------- */

static void written(change *of, const void *bytes, ssize_t wrote) {
    size_t size = wrote > 0 ? (size_t)wrote : 0;
    of->after = malloc(size + 1);
    memcpy(of->after, bytes, size);
    of->after_size = size;
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset) {
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t)
    char path[PATH_ROOM];
    if (ours || !watches(file, path)) {
        return real(file, bytes, size, offset);
    }
    enter();
    change *next = note_bytes(WRITTEN, file, path, offset, size);
    ssize_t wrote = real(file, bytes, size, offset);
    written(next, bytes, wrote);
    leave("write", path);
    return wrote;
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off_t offset)
    __attribute__((alias("pwrite")));

ssize_t write(int file, const void *bytes, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t)
    char path[PATH_ROOM];
    if (ours || !watches(file, path)) {
        return real(file, bytes, size);
    }
    enter();
    int appends = (fcntl(file, F_GETFL) & O_APPEND) != 0;
    change *next =
        note_bytes(WRITTEN, file, path, lseek(file, 0, appends ? SEEK_END : SEEK_CUR), size);
    ssize_t wrote = real(file, bytes, size);
    written(next, bytes, wrote);
    leave("write", path);
    return wrote;
}

int ftruncate(int file, off_t size) {
    REAL(int, ftruncate, int, off_t)
    char path[PATH_ROOM];
    if (ours || !watches(file, path)) {
        return real(file, size);
    }
    enter();
    (void)note_bytes(CUT, file, path, size, 0);
    int result = real(file, size);
    leave("truncate", path);
    return result;
}

int ftruncate64(int file, off_t size) __attribute__((alias("ftruncate")));

static int sync_with(int (*real)(int), int file) {
    char path[PATH_ROOM];
    struct stat info = {.st_ino = 0};
    if (ours || !watches(file, path)) {
        return real(file);
    }
    enter();
    (void)fstat(file, &info);
    forget_all_of(info.st_ino);
    leave(S_ISDIR(info.st_mode) ? "folder" : "sync", path);
    return 0; /* the journal is what tells what is durable: no disk needs to turn for it */
}

int fsync(int file) {
    REAL(int, fsync, int)
    return sync_with(real, file);
}

int fdatasync(int file) {
    REAL(int, fdatasync, int)
    return sync_with(real, file);
}

int open(const char *path, int flags, ...) {
    REAL(int, open, const char *, int, ...)
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (ours || (flags & O_CREAT) == 0 || !watches_path(path) || access(path, F_OK) == 0) {
        return real(path, flags, mode);
    }
    enter();
    int file = real(path, flags, mode);
    if (file >= 0) {
        (void)note(CREATED, inode_of_folder(path), path);
    }
    leave("create", path);
    return file;
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t)
    if (ours || !watches_path(path) || strcmp(path, watched) == 0) {
        return real(path, mode);
    }
    enter();
    int result = real(path, mode);
    if (result == 0) {
        dig(note(MADE, inode_of_folder(path), path));
    }
    leave("mkdir", path);
    return result;
}

int link(const char *from, const char *to) {
    REAL(int, link, const char *, const char *)
    if (ours || !watches_path(to)) {
        return real(from, to);
    }
    enter();
    int result = real(from, to);
    if (result == 0) {
        (void)note(CREATED, inode_of_folder(to), to);
    }
    leave("link", to);
    return result;
}

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *)
    if (ours || !watches_path(from)) {
        return real(from, to);
    }
    enter();
    change *next = note(RENAMED, inode_of_folder(from), from);
    (void)snprintf(next->to, sizeof next->to, "%s", to);
    dig(next);
    (void)!link(to, next->grave);
    int result = real(from, to);
    if (result != 0) {
        forget(change_count - 1);
    }
    leave("rename", to);
    return result;
}

int unlink(const char *path) {
    REAL(int, unlink, const char *)
    if (ours || !watches_path(path) || access(path, F_OK) != 0) {
        return real(path);
    }
    enter();
    change *next = note(REMOVED, inode_of_folder(path), path);
    dig(next);
    (void)!link(path, next->grave);
    int result = real(path);
    if (result != 0) {
        forget(change_count - 1);
    }
    leave("unlink", path);
    return result;
}
