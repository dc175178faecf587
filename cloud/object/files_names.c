#include <stdio.h>
#include <string.h>

#include "cloud/object/files.h"

trib_status files_path(const file_bucket *files, const char *relative,
                       char ret_path[FILES_PATH_SIZE]) {
    int length = snprintf(ret_path, FILES_PATH_SIZE, "%s/%s", files->folder, relative);
    return length > 0 && length < FILES_PATH_SIZE
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_LIMIT, "the path of an object is too long (see folder)");
}

/* Appends a part of a key as names; the writer's overflow says if it did not fit. */
static void write_part(trib_writer *path, const char *part, size_t size) {
    size_t written = 0; /* of the name that is being written */
    for (size_t i = 0; i < size; i++) {
        bool escaped = part[i] == '%' || (part[i] == '.' && written == 0);
        const char *text = part[i] == '%' ? "%25" : escaped ? "%2E" : part + i;
        size_t length = escaped ? 3 : 1;
        trib_write_bytes(path, trib_bytes_of(text, length));
        written += length;
        if (written >= FILES_PIECE_BYTES) {
            trib_write_bytes(path, trib_bytes_text("%/"));
            written = 0;
            if (i + 1 == size) {
                trib_write_bytes(path, trib_bytes_text("%e"));
            }
        }
    }
}

trib_status files_object_path(const file_bucket *files, const char *key,
                              char ret_path[FILES_PATH_SIZE]) {
    TRIB_TRY(files_path(files, "", ret_path));
    trib_writer path = trib_writer_of(ret_path, FILES_PATH_SIZE - 1);
    path.size = strlen(ret_path);
    for (const char *part = key; part != NULL;) {
        const char *end = strchr(part, '/');
        write_part(&path, part, end != NULL ? (size_t)(end - part) : strlen(part));
        if (end != NULL) {
            trib_write_bytes(&path, trib_bytes_text("/"));
        }
        part = end != NULL ? end + 1 : NULL;
    }
    ret_path[path.size] = '\0';
    return path.overflow ? TRIB_FAIL(TRIB_E_LIMIT, "the path of an object is too long (see folder)")
                         : TRIB_SUCCESS;
}

bool files_name_read(const char *name, char ret_text[256], bool *ret_goes_on) {
    size_t out = 0, size = strlen(name);
    *ret_goes_on = size > 0 && name[size - 1] == '%';
    if (size > 255) {
        return false;
    }
    if (strcmp(name, "%e") == 0) {
        ret_text[0] = '\0';
        return true;
    }
    for (size_t i = 0; i < size - (*ret_goes_on ? 1 : 0); i++) {
        if (name[i] != '%') {
            ret_text[out++] = name[i];
        } else if (strncmp(name + i, "%25", 3) == 0 || strncmp(name + i, "%2E", 3) == 0) {
            ret_text[out++] = name[i + 2] == '5' ? '%' : '.';
            i += 2;
        } else {
            return false;
        }
    }
    ret_text[out] = '\0';
    return true;
}

static trib_status stop_at_once(void *context, const char *name) {
    (void)name;
    *(bool *)context = true;
    return (trib_status){TRIB_E_STATE}; /* nobody sees it */
}

bool files_is_folder(const file_bucket *files, const char *path) {
    bool has_names = false;
    return trib_ok(files->disk->list(files->disk, path, stop_at_once, &has_names)) || has_names;
}
