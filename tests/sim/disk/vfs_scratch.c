#include <string.h>

#include "tests/sim/disk/vfs_inside.h"

static trib_buffer *bytes_of(sqlite3_file *base) {
    return &((sim_scratch *)base)->bytes;
}

static int close_file(sqlite3_file *base) {
    trib_buffer_deinit(bytes_of(base));
    return SQLITE_OK;
}

static int read_file(sqlite3_file *base, void *ret_bytes, int size, sqlite3_int64 offset) {
    const trib_buffer *bytes = bytes_of(base);
    size_t from = (size_t)offset < bytes->size ? (size_t)offset : bytes->size;
    size_t got = bytes->size - from < (size_t)size ? bytes->size - from : (size_t)size;
    memset(ret_bytes, 0, (size_t)size);
    if (got > 0) {
        memcpy(ret_bytes, bytes->data + from, got);
    }
    return got == (size_t)size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int resize(trib_buffer *bytes, size_t size) {
    if (size > bytes->size) {
        if (!trib_ok(trib_buffer_reserve(bytes, size - bytes->size))) {
            return SQLITE_FULL;
        }
        memset(bytes->data + bytes->size, 0, size - bytes->size);
    }
    bytes->size = size;
    return SQLITE_OK;
}

static int write_file(sqlite3_file *base, const void *from, int size, sqlite3_int64 offset) {
    trib_buffer *bytes = bytes_of(base);
    size_t end = (size_t)offset + (size_t)size;
    int code = end > bytes->size ? resize(bytes, end) : SQLITE_OK;
    if (code == SQLITE_OK && size > 0) {
        memcpy(bytes->data + offset, from, (size_t)size);
    }
    return code;
}

static int truncate_file(sqlite3_file *base, sqlite3_int64 size) {
    return resize(bytes_of(base), (size_t)size);
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret_size) {
    *ret_size = (sqlite3_int64)bytes_of(base)->size;
    return SQLITE_OK;
}

/* Nobody else sees the file, and it is never durable. */
static int nothing(sqlite3_file *base, int flags) {
    (void)base;
    (void)flags;
    return SQLITE_OK;
}

static int not_reserved(sqlite3_file *base, int *ret_reserved) {
    (void)base;
    *ret_reserved = 0;
    return SQLITE_OK;
}

static int control(sqlite3_file *base, int operation, void *argument) {
    (void)base;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int no_claims(sqlite3_file *base) {
    (void)base;
    return 0;
}

void sim_scratch_open(sqlite3_file *base) {
    static const sqlite3_io_methods methods = {
        .iVersion = 1,
        .xClose = close_file,
        .xRead = read_file,
        .xWrite = write_file,
        .xTruncate = truncate_file,
        .xSync = nothing,
        .xFileSize = file_size,
        .xLock = nothing,
        .xUnlock = nothing,
        .xCheckReservedLock = not_reserved,
        .xFileControl = control,
        .xSectorSize = no_claims,
        .xDeviceCharacteristics = no_claims,
    };
    *(sim_scratch *)base = (sim_scratch){.base.pMethods = &methods, .bytes.ceiling = SIM_FILE_MOST};
}
