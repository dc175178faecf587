#include "common/crypto/posix/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crypto/pem.h"

static void close_scoped(int *descriptor) {
    if (*descriptor >= 0) {
        close(*descriptor);
    }
}

static trib_status sync_folder(const char *path) {
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    if (size >= sizeof folder) {
        return TRIB_FAIL(TRIB_E_LIMIT, "the path of %s is too long", path);
    }
    memcpy(folder, slash == NULL ? "." : path, size == 0 ? 1 : size);
    folder[size == 0 ? 1 : size] = 0;
    TRIB_SCOPED(close_scoped) int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0 || fsync(descriptor) != 0) {
        return TRIB_FAIL(TRIB_E_IO, "cannot sync %s: %s", folder, strerror(errno));
    }
    return TRIB_SUCCESS;
}

static trib_status write_all(int descriptor, const char *path, const trib_key_pem *pem) {
    size_t done = 0;
    while (done < pem->size) {
        ssize_t wrote = write(descriptor, pem->text + done, pem->size - done);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return TRIB_FAIL(TRIB_E_IO, "cannot write %s: %s", path, strerror(errno));
        }
        done += (size_t)wrote;
    }
    if (fsync(descriptor) != 0) {
        return TRIB_FAIL(TRIB_E_IO, "cannot sync %s: %s", path, strerror(errno));
    }
    return TRIB_SUCCESS;
}

/* Under a name of its own first: whoever is killed halfway leaves no half a key, which would stop
 * every start after it. A link, unlike a renaming, never replaces what is there. */
static trib_status save_under(const char *fresh, const char *path, mode_t mode,
                              const trib_key_pem *pem) {
    TRIB_SCOPED(close_scoped)
    int descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (descriptor < 0) {
        return TRIB_FAIL(TRIB_E_IO, "cannot create %s: %s", fresh, strerror(errno));
    }
    TRIB_TRY(write_all(descriptor, fresh, pem));
    if (link(fresh, path) != 0) {
        return errno == EEXIST
                   ? TRIB_FAIL(TRIB_E_STATE, "%s is there already: move it away first", path)
                   : TRIB_FAIL(TRIB_E_IO, "cannot create %s: %s", path, strerror(errno));
    }
    return TRIB_SUCCESS;
}

static trib_status save(const char *path, mode_t mode, const trib_key_pem *pem) {
    char fresh[4096];
    int length = snprintf(fresh, sizeof fresh, "%s.new", path);
    if (length < 0 || (size_t)length >= sizeof fresh) {
        return TRIB_FAIL(TRIB_E_LIMIT, "the path of %s is too long", path);
    }
    if (access(path, F_OK) == 0) {
        return TRIB_FAIL(TRIB_E_STATE, "%s is there already: move it away first", path);
    }
    (void)unlink(fresh); /* what a crash may have left */
    trib_status status = save_under(fresh, path, mode, pem);
    (void)unlink(fresh);
    return trib_ok(status) ? sync_folder(path) : status;
}

typedef struct file_text {
    uint8_t bytes[TRIB_MAX_KEY_PEM_BYTES + 1]; /* one more, to see that a file is too long */
    size_t size;
} file_text;

static void file_text_wipe(file_text *text) {
    trib_wipe(text, sizeof *text);
}

static trib_status load(const char *path, bool secret, file_text *ret_text) {
    TRIB_SCOPED(close_scoped) int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return TRIB_FAIL(errno == ENOENT ? TRIB_E_NOT_FOUND : TRIB_E_IO, "cannot open %s: %s", path,
                         strerror(errno));
    }
    struct stat about;
    if (fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode)) {
        return TRIB_FAIL(TRIB_E_IO, "%s is not a regular file", path);
    }
    if (secret && (about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return TRIB_FAIL(TRIB_E_DENIED, "%s may be read by others (mode %o): chmod 600 it", path,
                         (unsigned)about.st_mode & 0777u);
    }
    ret_text->size = 0;
    while (ret_text->size < sizeof ret_text->bytes) {
        ssize_t got = read(descriptor, ret_text->bytes + ret_text->size,
                           sizeof ret_text->bytes - ret_text->size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return TRIB_FAIL(TRIB_E_IO, "cannot read %s: %s", path, strerror(errno));
        }
        if (got == 0) {
            break;
        }
        ret_text->size += (size_t)got;
    }
    return TRIB_SUCCESS;
}

trib_status trib_key_file_save(const char *path, const trib_key_pair *pair) {
    TRIB_SCOPED(trib_key_pem_wipe) trib_key_pem pem;
    TRIB_TRY(trib_key_pair_to_pem(pair, &pem));
    return save(path, S_IRUSR | S_IWUSR, &pem);
}

trib_status trib_key_file_load(const char *path, trib_key_pair *ret_pair) {
    TRIB_SCOPED(file_text_wipe) file_text text;
    TRIB_TRY(load(path, true, &text));
    return trib_context(trib_key_pair_from_pem(trib_bytes_of(text.bytes, text.size), ret_pair),
                        "%s", path);
}

trib_status trib_public_key_file_save(const char *path, const trib_public_key *key) {
    trib_key_pem pem;
    TRIB_TRY(trib_public_key_to_pem(key, &pem));
    return save(path, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH, &pem);
}

trib_status trib_public_key_file_load(const char *path, trib_public_key *ret_key) {
    TRIB_SCOPED(file_text_wipe) file_text text;
    TRIB_TRY(load(path, false, &text));
    return trib_context(trib_public_key_from_pem(trib_bytes_of(text.bytes, text.size), ret_key),
                        "%s", path);
}
