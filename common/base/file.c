#include "common/base/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void close_file(FILE **file) {
    if (*file != NULL) {
        (void)fclose(*file);
    }
}

static trib_status read_all(const char *path, FILE *file, trib_buffer *ret_bytes) {
    for (;;) {
        uint8_t piece[16384];
        size_t size = fread(piece, 1, sizeof piece, file);
        if (size == 0) {
            return ferror(file) ? TRIB_FAIL(TRIB_E_IO, "%s: %s", path, strerror(errno))
                                : TRIB_SUCCESS;
        }
        trib_status status = trib_buffer_append(ret_bytes, trib_bytes_of(piece, size));
        if (!trib_ok(status)) {
            return trib_context(status, "%s", path);
        }
    }
}

trib_status trib_file_read(const char *path, trib_buffer *ret_bytes) {
    TRIB_SCOPED(close_file) FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return TRIB_FAIL(errno == ENOENT ? TRIB_E_NOT_FOUND : TRIB_E_IO, "%s: %s", path,
                         strerror(errno));
    }
    size_t before = ret_bytes->size;
    trib_status status = read_all(path, file, ret_bytes);
    if (!trib_ok(status)) {
        ret_bytes->size = before;
    }
    return status;
}
