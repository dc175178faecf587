/* fold.updates_per_s: 100 updates of 1 M float32 parameters into an exact sum on one thread, one by
 * one as the cloud folds them, each checked for its shape, for NaN and infinity and for its norm
 * while it is added. The reference is a plain C float loop over the same memory, compiled with the
 * same flags for the same instruction sets, which checks nothing. Beside it two threads, and int8
 * updates.
 *
 * One pass of each, in turn, five times; ratios are the median over those.
 */
#include <math.h>
#include <pthread.h>

#include "common/base/heap.h"
#include "common/base/vectorise.h"
#include "common/fold/fold.h"
#include "tests/bench/bench_line.h"

enum { UPDATES = 100, PARAMETERS = 1000000, PAIRS = 5 };

typedef struct updates {
    uint8_t *packed[UPDATES];
    trib_update_view views[UPDATES];
} updates;

TRIB_CLONES
static void plain_add(float *restrict sum, const float *restrict update, size_t count,
                      float weight) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += weight * update[i];
    }
}

static void *allocate(size_t count, size_t item_bytes) {
    void *block = trib_allocate(count, item_bytes);
    TRIB_ASSERT(block != NULL);
    return block;
}

static void make(trib_codec codec, updates *made) {
    TRIB_SCOPED(trib_free_scoped) float *delta = allocate(PARAMETERS, sizeof *delta);
    size_t size = trib_update_packed_size(codec, PARAMETERS);
    for (int u = 0; u < UPDATES; u++) {
        trib_random random;
        trib_random_init(&random, (uint64_t)u, "", 0, TRIB_PURPOSE_TEST);
        for (int i = 0; i < PARAMETERS; i++) {
            delta[i] = (trib_random_uniform(&random) - 0.5f) * 0.01f;
        }
        /* 4 bytes in, so that values stand at a multiple of 16 as they do behind a message's header
         */
        made->packed[u] = allocate(size + 4, 1);
        trib_writer writer = trib_writer_of(made->packed[u] + 4, size);
        bench_need(
            trib_update_pack(codec, delta, PARAMETERS, 1 + (uint32_t)u, 10, &random, &writer));
        bench_need(trib_update_open(trib_written(&writer), &made->views[u]));
    }
}

static trib_fold *create(void) {
    trib_fold_bounds bounds = {.max_updates = UPDATES, .max_weight = UPDATES, .clip_norm = 10};
    trib_fold *fold = NULL;
    bounds.grid_exponent = trib_fold_grid(&bounds);
    bench_need(trib_fold_create(&bounds, PARAMETERS, &fold));
    return fold;
}

/* Updates first, first + step, ... */
static void fold_updates(trib_fold *fold, const updates *from, size_t first, size_t step) {
    for (size_t u = first; u < UPDATES; u += step) {
        bench_need(trib_fold_add(fold, &from->views[u]));
    }
}

static double rate_since(double start_us) {
    return UPDATES * 1e6 / (bench_now_us() - start_us);
}

static double exact_rate(trib_fold *fold, const updates *from) {
    trib_fold_clear(fold);
    double start = bench_now_us();
    fold_updates(fold, from, 0, 1);
    return rate_since(start);
}

typedef struct half {
    trib_fold *fold;
    const updates *from;
} half;

static void *fold_odd_ones(void *context) {
    const half *work = context;
    fold_updates(work->fold, work->from, 1, 2);
    return NULL;
}

/* Starting the other thread and adding its sum are part of it. */
static double two_threads_rate(trib_fold *left, trib_fold *right, const updates *from) {
    pthread_t other;
    half odd = {right, from};
    trib_fold_clear(left);
    trib_fold_clear(right);
    double start = bench_now_us();
    TRIB_ASSERT(pthread_create(&other, NULL, fold_odd_ones, &odd) == 0);
    fold_updates(left, from, 0, 2);
    TRIB_ASSERT(pthread_join(other, NULL) == 0);
    bench_need(trib_fold_merge(left, right));
    return rate_since(start);
}

static double plain_rate(float *sum, const updates *from) {
    memset(sum, 0, PARAMETERS * sizeof *sum);
    double start = bench_now_us();
    for (int u = 0; u < UPDATES; u++) {
        plain_add(sum, (const float *)(const void *)from->views[u].values, PARAMETERS,
                  (float)from->views[u].weight);
    }
    return rate_since(start);
}

/* What was timed must have been the work: whatever the order, sums have the same bits, since they
 * are exact, and the plain loop comes near. */
static void require_sums(const trib_fold *one, const trib_fold *same, const float *plain) {
    const int64_t *sums = trib_fold_sums(one);
    bool right = memcmp(sums, trib_fold_sums(same), PARAMETERS * sizeof *sums) == 0;
    for (int i = 0; i < PARAMETERS && right; i++) {
        double exact = ldexp((double)sums[i], one->bounds.grid_exponent);
        right = fabs(exact - (double)plain[i]) < 1e-3; /* a hundred terms of up to 0.5, in float */
    }
    if (!right) {
        (void)fprintf(stderr, "sums of the same updates differ\n");
        exit(1);
    }
}

static void print(const char *name, const double *rates, const double *plain) {
    double values[PAIRS], references[PAIRS], ratios[PAIRS];
    for (int i = 0; i < PAIRS; i++) {
        values[i] = rates[i];
        references[i] = plain[i];
        ratios[i] = rates[i] / plain[i];
    }
    bench_print_beside(name, bench_median(values, PAIRS), "updates/s",
                       bench_median(references, PAIRS), bench_median(ratios, PAIRS));
}

int main(void) {
    static updates floats, bytes;
    float *sum = allocate(PARAMETERS, sizeof *sum);
    trib_fold *one = create(), *other = create(), *left = create(), *right = create();
    double plain[PAIRS], exact[PAIRS], threads[PAIRS], int8[PAIRS];
    make(TRIB_CODEC_FLOAT32, &floats);
    make(TRIB_CODEC_INT8, &bytes);
    for (int i = -1; i < PAIRS; i++) {
        int at = i < 0 ? 0 : i; /* the first time touches the memory and is written over */
        plain[at] = plain_rate(sum, &floats);
        exact[at] = exact_rate(one, &floats);
        threads[at] = two_threads_rate(left, right, &floats);
        require_sums(one, left, sum);
        int8[at] = exact_rate(other, &bytes);
    }
    print("fold.updates_per_s", exact, plain);
    print("fold.two_threads.updates_per_s", threads, plain);
    print("fold.int8.updates_per_s", int8, plain);
    return 0;
}
