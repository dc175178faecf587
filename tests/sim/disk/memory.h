/* Memory of the simulation's own: the simulated programs run out of theirs, this never ends. */
#ifndef SIM_DISK_MEMORY_H
#define SIM_DISK_MEMORY_H

#include <stdlib.h>

#include "common/base/status.h"

static inline void *sim_take(size_t count, size_t item_bytes) {
    void *block = calloc(count > 0 ? count : 1, item_bytes > 0 ? item_bytes : 1);
    TRIB_ASSERT(block != NULL);
    return block;
}

static inline void *sim_retake(void *block, size_t bytes) {
    block = realloc(block, bytes > 0 ? bytes : 1);
    TRIB_ASSERT(block != NULL);
    return block;
}

#endif
