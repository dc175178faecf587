#define _XOPEN_SOURCE 700 /* nftw */
#include "tests/fuzz/folder.h"

#include <ftw.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum { DESCRIPTORS = 8 };

static char folder[128];

static int remove_one(const char *path, const struct stat *is, int kind, struct FTW *where) {
    (void)is;
    (void)kind;
    (void)where;
    (void)remove(path);
    return 0;
}

static void remove_all(const char *path) {
    (void)nftw(path, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}

static void tidy_up(void) {
    remove_all(folder);
}

const char *fuzz_folder(void) {
    if (folder[0] == '\0') {
        const char *below = getenv("TRIB_FUZZ_FOLDER");
        (void)snprintf(folder, sizeof folder, "%s/tributary-fuzz-XXXXXX",
                       below != NULL ? below : "/dev/shm");
        FUZZ_MUST(mkdtemp(folder) != NULL && atexit(tidy_up) == 0);
    }
    return folder;
}

void fuzz_path(const char *name, char ret_path[FUZZ_PATH_SIZE]) {
    int length = snprintf(ret_path, FUZZ_PATH_SIZE, "%s/%s", fuzz_folder(), name);
    FUZZ_MUST(length > 0 && length < FUZZ_PATH_SIZE);
}

void fuzz_put_file(const char *name, trib_bytes content) {
    char path[FUZZ_PATH_SIZE];
    fuzz_path(name, path);
    FILE *file = fopen(path, "wb");
    FUZZ_MUST(file != NULL);
    FUZZ_MUST(fwrite(content.data, 1, content.size, file) == content.size && fclose(file) == 0);
}

void fuzz_remove(const char *name) {
    char path[FUZZ_PATH_SIZE];
    fuzz_path(name, path);
    remove_all(path);
}
