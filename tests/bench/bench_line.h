/* What every bench shares: a clock, a median, and the JSON line that it prints. Goals are in
 * goals.py alone. */
#ifndef TESTS_BENCH_LINE_H
#define TESTS_BENCH_LINE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/status.h"

static inline double bench_now_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

static inline int bench_compare(const void *left, const void *right) {
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Sorts the values, which must be at least one. */
static inline double bench_median(double *values, size_t count) {
    qsort(values, count, sizeof *values, bench_compare);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

static inline void bench_need(trib_status status) {
    if (!trib_ok(status)) {
        (void)fprintf(stderr, "%s\n", trib_message());
        exit(1);
    }
}

static inline void bench_print(const char *name, double value, const char *unit) {
    (void)printf("{\"name\":\"%s\",\"value\":%.7g,\"unit\":\"%s\"}\n", name, value, unit);
    (void)fflush(stdout);
}

/* The ratio is given, since that of two medians is not the median of ratios. */
static inline void bench_print_beside(const char *name, double value, const char *unit,
                                      double reference, double ratio) {
    (void)printf("{\"name\":\"%s\",\"value\":%.7g,\"unit\":\"%s\",\"reference\":%.7g,"
                 "\"ratio\":%.4g}\n",
                 name, value, unit, reference, ratio);
    (void)fflush(stdout);
}

/* What follows `option` among the program's words; NULL where it is not there. */
static inline const char *bench_word(int argc, char **argv, const char *option) {
    for (int i = 1; i + 1 < argc; i++) {
        if (argv[i] != NULL && strcmp(argv[i], option) == 0) {
            return argv[i + 1];
        }
    }
    return NULL;
}

#endif
