#include "edge/types/batch.h"

#include "common/base/heap.h"

edge_batch *edge_batch_create(void) {
    return trib_allocate(1, sizeof(edge_batch));
}

void edge_batch_destroy(edge_batch *batch) {
    trib_free(batch);
}

void edge_batch_drop(void *batch) {
    edge_batch_destroy(batch);
}
