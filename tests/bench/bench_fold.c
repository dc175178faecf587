/* fold.updates_per_s: 100 updates of 1 M parameters into an exact sum, checks included, against a
 * plain C float loop over the same memory, compiled with the same flags for the same instruction
 * sets. The ratio is the median of interleaved pairs. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/vectorise.h"
#include "common/fold/fold.h"

enum { UPDATES = 100, PARAMETERS = 1000000, PAIRS = 5 };

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

TRIB_CLONES
static void plain_add(float *restrict sum, const float *restrict update, size_t count,
                      float weight) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += weight * update[i];
    }
}

static uint8_t *packed[UPDATES];
static trib_update_view views[UPDATES];

static void make(trib_codec codec) {
    float *delta = malloc(PARAMETERS * sizeof *delta);
    size_t size = trib_update_packed_size(codec, PARAMETERS);
    for (int u = 0; u < UPDATES; u++) {
        trib_random random;
        trib_random_init(&random, (uint64_t)u, "", 0, TRIB_PURPOSE_TEST);
        for (int i = 0; i < PARAMETERS; i++) {
            delta[i] = (trib_random_uniform(&random) - 0.5f) * 0.01f;
        }
        packed[u] = realloc(packed[u], size + 64);
        /* 4 bytes in, so that values stand at a multiple of 16 as they do behind a message's header
         */
        trib_writer writer = trib_writer_of(packed[u] + 4, size);
        if (!trib_ok(trib_update_pack(codec, delta, PARAMETERS, 1 + (uint32_t)u, 10, &random,
                                      &writer)) ||
            !trib_ok(trib_update_open(trib_written(&writer), &views[u]))) {
            (void)fprintf(stderr, "%s\n", trib_message());
            exit(1);
        }
    }
    free(delta);
}

static trib_fold *create(void) {
    trib_fold_bounds bounds = {.max_updates = UPDATES, .max_weight = UPDATES, .clip_norm = 10};
    trib_fold *fold = NULL;
    bounds.grid_exponent = trib_fold_grid(&bounds);
    if (!trib_ok(trib_fold_create(&bounds, PARAMETERS, &fold))) {
        exit(1);
    }
    return fold;
}

static double exact_rate(trib_fold *fold, int first, int step) {
    trib_fold_clear(fold);
    double start = now();
    int done = 0;
    for (int u = first; u < UPDATES;) {
        trib_update_view batch[TRIB_FOLD_SEVERAL];
        trib_status statuses[TRIB_FOLD_SEVERAL];
        size_t count = 0;
        for (; u < UPDATES && count < TRIB_FOLD_SEVERAL; u += step) {
            batch[count++] = views[u];
        }
        trib_fold_add_several(fold, batch, count, statuses);
        for (size_t i = 0; i < count; i++, done++) {
            if (!trib_ok(statuses[i])) {
                (void)fprintf(stderr, "%s\n", trib_message());
                exit(1);
            }
        }
    }
    (void)trib_fold_sums(fold);
    return done / (now() - start);
}

typedef struct half {
    trib_fold *fold;
    int first;
} half;

static void *fold_half(void *context) {
    half *work = context;
    (void)exact_rate(work->fold, work->first, 2);
    return NULL;
}

static double two_threads(trib_fold *left, trib_fold *right) {
    pthread_t other;
    half a = {left, 0}, b = {right, 1};
    double start = now();
    (void)pthread_create(&other, NULL, fold_half, &a);
    (void)fold_half(&b);
    (void)pthread_join(other, NULL);
    if (!trib_ok(trib_fold_merge(left, right))) {
        exit(1);
    }
    return UPDATES / (now() - start);
}

static double plain_rate(float *sum) {
    memset(sum, 0, PARAMETERS * sizeof *sum);
    double start = now();
    for (int u = 0; u < UPDATES; u++) {
        plain_add(sum, (const float *)(const void *)views[u].values, PARAMETERS,
                  (float)views[u].weight);
    }
    double rate = UPDATES / (now() - start);
    volatile float keep = sum[12345]; /* so that the loop is not optimised away */
    (void)keep;
    return rate;
}

static int by_value(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void print(const char *name, double value, double reference, double ratio) {
    (void)printf("{\"name\":\"%s\",\"value\":%.0f,\"unit\":\"updates/s\",\"reference\":%.0f,"
                 "\"ratio\":%.3f}\n",
                 name, value, reference, ratio);
}

int main(void) {
    float *sum = malloc(PARAMETERS * sizeof *sum);
    trib_fold *fold = create(), *other = create();
    double exact[PAIRS], plain[PAIRS], ratios[PAIRS], small[PAIRS], both[PAIRS];
    make(TRIB_CODEC_FLOAT32);
    (void)exact_rate(fold, 0, 1); /* touch the memory */
    for (int i = 0; i < PAIRS; i++) {
        plain[i] = plain_rate(sum);
        exact[i] = exact_rate(fold, 0, 1);
        ratios[i] = exact[i] / plain[i];
        both[i] = two_threads(fold, other);
    }
    double reference = plain[0];
    qsort(ratios, PAIRS, sizeof ratios[0], by_value);
    qsort(exact, PAIRS, sizeof exact[0], by_value);
    qsort(plain, PAIRS, sizeof plain[0], by_value);
    qsort(both, PAIRS, sizeof both[0], by_value);
    reference = plain[PAIRS / 2];
    make(TRIB_CODEC_INT8);
    for (int i = 0; i < PAIRS; i++) {
        small[i] = exact_rate(fold, 0, 1);
    }
    qsort(small, PAIRS, sizeof small[0], by_value);
    print("fold.updates_per_s", exact[PAIRS / 2], reference, ratios[PAIRS / 2]);
    print("fold.int8.updates_per_s", small[PAIRS / 2], reference, small[PAIRS / 2] / reference);
    print("fold.two_threads.updates_per_s", both[PAIRS / 2], reference,
          both[PAIRS / 2] / reference);
    return 0;
}
