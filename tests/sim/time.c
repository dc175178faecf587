#include <stdlib.h>

#include "tests/sim/world.h"

typedef struct happening {
    uint64_t at_us;
    uint64_t order;
    void (*run)(void *context);
    void (*drop)(void *context);
    void *context;
} happening;

/* A heap: the parent of i is (i - 1) / 2, and comes before it. */
static happening *heap;
static size_t count, capacity;
static uint64_t orders;

static bool before(const happening *left, const happening *right) {
    return left->at_us != right->at_us ? left->at_us < right->at_us : left->order < right->order;
}

static void swap(size_t i, size_t j) {
    happening kept = heap[i];
    heap[i] = heap[j];
    heap[j] = kept;
}

void sim_at(uint64_t at_us, void (*run)(void *context), void (*drop)(void *context),
            void *context) {
    if (count == capacity) {
        capacity = capacity > 0 ? 2 * capacity : 256;
        heap = realloc(heap, capacity * sizeof *heap);
        TRIB_ASSERT(heap != NULL);
    }
    at_us = at_us > sim.now_us ? at_us : sim.now_us;
    size_t i = count++;
    heap[i] = (happening){at_us, orders++, run, drop, context};
    for (; i > 0 && before(&heap[i], &heap[(i - 1) / 2]); i = (i - 1) / 2) {
        swap(i, (i - 1) / 2);
    }
}

bool sim_next(void) {
    if (count == 0) {
        return false;
    }
    happening next = heap[0];
    heap[0] = heap[--count];
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < count; child++) {
            least = before(&heap[child], &heap[least]) ? child : least;
        }
        if (least == i) {
            break;
        }
        swap(i, least);
        i = least;
    }
    sim.now_us = next.at_us;
    sim.events++;
    next.run(next.context);
    return true;
}

void sim_forget_all(void) {
    for (size_t i = 0; i < count; i++) {
        if (heap[i].drop != NULL) {
            heap[i].drop(heap[i].context);
        }
    }
    free(heap);
    heap = NULL;
    count = capacity = 0;
    orders = 0;
}
