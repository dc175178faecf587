#include "tests/support/memory.h"

#include <stdint.h>

/* The linker hands out calls of aligned_alloc here (--wrap), which the heap makes for everything.
 */
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static size_t left = SIZE_MAX; /* until one fails; SIZE_MAX: none does */
static bool failed;

void memory_fails_after(size_t before) {
    left = before;
    failed = false;
}

bool memory_failed(void) {
    left = SIZE_MAX;
    return failed;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    if (left == 0) {
        left = SIZE_MAX;
        failed = true;
        return NULL;
    }
    left -= left != SIZE_MAX;
    return __real_aligned_alloc(alignment, size);
}
