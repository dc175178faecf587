/* What benches over real recordings share: where the recordings are, and how a claim is printed.
 *
 * Recordings are not part of this project. `--data DIR` or TRIBUTARY_DATA names the folder with
 *     raw/, a folder a person     SP-SW-HAR: human activity of 23 people, phone and watch
 *     skab/                       the Skoltech Anomaly Benchmark
 *     {train,test}-{images,labels}.u8   MNIST as raw bytes
 * Without it a bench says so and gives 77, which is a skip.
 */
#ifndef TESTS_BENCH_DATA_H
#define TESTS_BENCH_DATA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/status.h"

enum { BENCH_SKIPPED = 77 };

static inline void bench_need(trib_status status) {
    if (!trib_ok(status)) {
        (void)fprintf(stderr, "%s\n", trib_message());
        exit(1);
    }
}

/* The path of something in the data folder, in ret_path; exits with a skip where there is none. */
static inline void bench_data_path(int argc, char **argv, const char *name, char ret_path[4096]) {
    const char *folder = getenv("TRIBUTARY_DATA");
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--data") == 0) {
            folder = argv[i + 1];
        }
    }
    FILE *file = NULL;
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

typedef struct bench_claim {
    const char *name;
    const char *unit;
    double value;
    double reference; /* what others published */
    double goal;
    bool lower_is_better;
} bench_claim;

/* One JSON line; whether the goal is held. */
static inline bool bench_print_claim(const bench_claim *claim) {
    bool held = claim->lower_is_better ? claim->value <= claim->goal : claim->value >= claim->goal;
    (void)printf("{\"name\":\"%s\",\"value\":%.4f,\"unit\":\"%s\",\"reference\":%.4f,"
                 "\"ratio\":%.4f,\"goal\":%.4f,\"held\":%s}\n",
                 claim->name, claim->value, claim->unit, claim->reference,
                 claim->value / claim->reference, claim->goal, held ? "true" : "false");
    (void)fflush(stdout);
    return held;
}

#endif
