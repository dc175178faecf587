/* A folder in memory, for readers that take files; removed when the fuzzer ends. TRIB_FUZZ_FOLDER
 * says below which, if it is set. */
#ifndef TESTS_FUZZ_FOLDER_H
#define TESTS_FUZZ_FOLDER_H

#include "common/base/heap.h"

enum { FUZZ_PATH_SIZE = 256 };

/* The same for the whole process. */
const char *fuzz_folder(void);
/* Of a file in it. */
void fuzz_path(const char *name, char ret_path[FUZZ_PATH_SIZE]);
void fuzz_put_file(const char *name, trib_bytes content);
/* Takes a file, or a folder and all that is in it, away, if it is there. */
void fuzz_remove(const char *name);

#endif
