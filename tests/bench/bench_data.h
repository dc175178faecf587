/* Recordings that are not part of this project. `--data DIR` or TRIBUTARY_DATA names the folder
 * with raw/, a folder a person     SP-SW-HAR: human activity of 23 people, phone and watch skab/
 * the Skoltech Anomaly Benchmark {train,test}-{images,labels}.u8   MNIST as raw bytes Without it a
 * bench says so and gives 77, which is a skip. `--seed N` seeds what is drawn.
 */
#ifndef TESTS_BENCH_DATA_H
#define TESTS_BENCH_DATA_H

#include "tests/bench/bench_line.h"

enum { BENCH_SKIPPED = 77 };

/* The path of something in the data folder, in ret_path; exits with a skip where there is none. */
static inline void bench_data_path(int argc, char **argv, const char *name, char ret_path[4096]) {
    const char *folder = bench_word(argc, argv, "--data");
    FILE *file = NULL;
    if (folder == NULL) {
        folder = getenv("TRIBUTARY_DATA");
    }
    if (folder != NULL) {
        int size = snprintf(ret_path, 4096, "%s/%s", folder, name);
        file = size > 0 && size < 4096 ? fopen(ret_path, "rb") : NULL; /* a folder opens too */
    }
    if (file == NULL) {
        (void)fprintf(stderr, "skipped: no %s in %s (--data DIR or TRIBUTARY_DATA)\n", name,
                      folder != NULL ? folder : "an unnamed data folder");
        exit(BENCH_SKIPPED);
    }
    (void)fclose(file);
}

static inline uint64_t bench_seed(int argc, char **argv) {
    const char *word = bench_word(argc, argv, "--seed");
    return word != NULL ? strtoull(word, NULL, 10) : 1;
}

#endif
