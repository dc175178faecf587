/* Lack of memory, for unit tests of what must come through it: a test that links this has each
 * allocation of the project's own heap counted, and one of them fails.
 *
 *     MEMORY_FAILS_EACH_TIME { status = ...; }   until it has gone through without a failure
 *
 * What libraries allocate for themselves goes on as ever.
 *
 * threads  memory_* from one, between what is tested; whichever thread allocates then may be
 * refused
 */
#ifndef TESTS_SUPPORT_MEMORY_H
#define TESTS_SUPPORT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* The allocation after `before` others fails, and no other. */
void memory_fails_after(size_t before);
/* Whether it has come to that; from now on there is memory again. */
bool memory_failed(void);

/* Runs what follows with the first allocation failing, then the second, and so on, and once more
 * without a failure. */
#define MEMORY_FAILS_EACH_TIME                                                                     \
    for (size_t memory_at = (memory_fails_after(0), 0); memory_at != SIZE_MAX;                     \
         memory_at = memory_failed() ? (memory_fails_after(memory_at + 1), memory_at + 1)          \
                                     : SIZE_MAX)

#endif
