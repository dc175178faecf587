#include "tests/support/memory.h"

#include <stdatomic.h>
#include <stdint.h>

/* The linker hands out calls of aligned_alloc here (--wrap), which the heap makes for everything.
 */
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static atomic_size_t left = SIZE_MAX; /* until one fails; SIZE_MAX: none does */
static atomic_bool failed;            /* whichever thread asked */

void memory_fails_after(size_t before) {
    left = before;
    failed = false;
}

bool memory_failed(void) {
    left = SIZE_MAX;
    return failed;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    size_t now = left;
    while (now != SIZE_MAX &&
           !atomic_compare_exchange_weak(&left, &now, now == 0 ? SIZE_MAX : now - 1)) {
    }
    if (now == 0) {
        failed = true;
        return NULL;
    }
    return __real_aligned_alloc(alignment, size);
}
