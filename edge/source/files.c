#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/heap.h"
#include "common/recording/posix/client_list.h"
#include "edge/source/places.h"
#include "edge/source/source.h"

void edge_files_deinit(edge_files *files) {
    for (size_t i = 0; i < files->count; i++) {
        trib_free(files->names[i]);
    }
    trib_free(files->names);
    *files = (edge_files){0};
}

static trib_status add_name(edge_files *files, const char *name) {
    if (files->count == EDGE_SOURCE_MAX_FILES) {
        return TRIB_FAIL(TRIB_E_LIMIT, "%s holds more than %d recordings", files->folder,
                         EDGE_SOURCE_MAX_FILES);
    }
    if (strlen(name) >= EDGE_RECORDING_NAME_SIZE ||
        strlen(files->folder) + strlen(name) >= EDGE_PATH_SIZE) {
        return TRIB_FAIL(TRIB_E_LIMIT, "the path %s%s is too long", files->folder, name);
    }
    char **names =
        trib_resize(files->names, files->count * sizeof *names, (files->count + 1) * sizeof *names);
    char *copy = trib_duplicate_text(name);
    if (names != NULL) {
        files->names = names;
    }
    if (names == NULL || copy == NULL) {
        trib_free(copy);
        return TRIB_FAIL(TRIB_E_IO, "no memory for a list of files");
    }
    names[files->count++] = copy;
    return TRIB_SUCCESS;
}

static bool is_file(const char *folder, const char *name) {
    char path[2 * EDGE_PATH_SIZE];
    struct stat info;
    (void)snprintf(path, sizeof path, "%s%s", folder, name);
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static int by_bytes(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static trib_status list_folder(edge_files *files, const trib_source_spec *spec) {
    DIR *folder = opendir(files->folder);
    if (folder == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "list %s: %s", files->folder, strerror(errno));
    }
    trib_status status = TRIB_SUCCESS;
    for (struct dirent *entry; trib_ok(status) && (entry = readdir(folder)) != NULL;) {
        const char *name = entry->d_name;
        if (name[0] != '.' && trib_glob_matches(spec->files, name) &&
            is_file(files->folder, name)) {
            status = add_name(files, name);
        }
    }
    (void)closedir(folder);
    TRIB_TRY(status);
    if (files->count == 0) {
        return TRIB_FAIL(TRIB_E_NOT_FOUND,
                         "%s has no file that matches '%s', which the "
                         "federation's source.files asks for",
                         files->folder, spec->files);
    }
    qsort(files->names, files->count, sizeof *files->names, by_bytes);
    return TRIB_SUCCESS;
}

trib_status edge_files_list(const char *path, const trib_source_spec *spec, edge_files *ret_files) {
    TRIB_SCOPED(edge_files_deinit) edge_files files = {0};
    struct stat info;
    if (stat(path, &info) != 0) {
        return TRIB_FAIL(errno == ENOENT ? TRIB_E_NOT_FOUND : TRIB_E_IO, "source.path: %s: %s",
                         path, strerror(errno));
    }
    if (S_ISDIR(info.st_mode)) {
        int size = snprintf(files.folder, sizeof files.folder, "%s/", path);
        if (size < 0 || (size_t)size >= sizeof files.folder) {
            return TRIB_FAIL(TRIB_E_LIMIT, "the path %s is too long", path);
        }
        TRIB_TRY(list_folder(&files, spec));
    } else {
        const char *slash = strrchr(path, '/');
        size_t size = slash != NULL ? (size_t)(slash - path) + 1 : 0;
        TRIB_ASSERT(size < sizeof files.folder);
        memcpy(files.folder, path, size);
        TRIB_TRY(add_name(&files, path + size));
    }
    *ret_files = files;
    files = (edge_files){0};
    return TRIB_SUCCESS;
}
