/* What every fuzz target includes. libFuzzer calls LLVMFuzzerTestOneInput with bytes of its own; a
 * target must return 0, free what it took, and never write outside memory: sanitizers watch. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for any input; it holds in release builds too. */
#define FUZZ_MUST(condition)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A view that a reader handed out lies within what it was given. */
static inline void fuzz_within(trib_bytes view, const uint8_t *data, size_t size) {
    FUZZ_MUST(view.size == 0 || (view.data >= data && view.data + view.size <= data + size));
}

#endif
