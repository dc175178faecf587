#include "common/port/posix/queue.h"

#include <pthread.h>
#include <time.h>

#include "common/base/heap.h"

struct trib_queue {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t filled;
    pthread_cond_t emptied;
    void **items;
    size_t capacity;
    size_t first;
    size_t count;
    uint64_t dropped;
    bool closed;
    void (*drop)(void *item);
};

trib_status trib_queue_create(size_t capacity, void (*drop)(void *item), trib_queue **ret_queue) {
    trib_queue *queue = trib_allocate(1, sizeof *queue);
    void **items = trib_allocate(capacity + TRIB_QUEUE_RESERVE, sizeof *items);
    if (queue == NULL || items == NULL) {
        trib_free(queue);
        trib_free(items);
        return TRIB_FAIL(TRIB_E_IO, "no memory for a queue of %zu", capacity);
    }
    *queue = (trib_queue){.items = items, .capacity = capacity, .drop = drop};
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&queue->lock, NULL);
    (void)pthread_cond_init(&queue->filled, &attributes);
    (void)pthread_cond_init(&queue->emptied, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    *ret_queue = queue;
    return TRIB_SUCCESS;
}

static size_t next(const trib_queue *queue, size_t place) {
    return (place + 1) % (queue->capacity + TRIB_QUEUE_RESERVE);
}

void trib_queue_destroy(trib_queue *queue) {
    if (queue == NULL) {
        return;
    }
    for (; queue->count > 0; queue->count--) {
        queue->drop(queue->items[queue->first]);
        queue->first = next(queue, queue->first);
    }
    (void)pthread_cond_destroy(&queue->filled);
    (void)pthread_cond_destroy(&queue->emptied);
    (void)pthread_mutex_destroy(&queue->lock);
    trib_free(queue->items);
    trib_free(queue);
}

static struct timespec after(uint64_t timeout_ms) {
    const uint64_t longest = 365ull * 86400 * 1000;
    timeout_ms = timeout_ms < longest ? timeout_ms : longest;
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(timeout_ms / 1000);
    at.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

static void put(trib_queue *queue, void *item) {
    queue->items[(queue->first + queue->count) % (queue->capacity + TRIB_QUEUE_RESERVE)] = item;
    queue->count++;
    (void)pthread_cond_signal(&queue->filled);
}

static bool push_below(trib_queue *queue, void *item, size_t most) {
    (void)pthread_mutex_lock(&queue->lock);
    bool room = !queue->closed && queue->count < most;
    if (room) {
        put(queue, item);
    } else {
        queue->dropped++;
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return room;
}

bool trib_queue_push(trib_queue *queue, void *item) {
    return push_below(queue, item, queue->capacity);
}

bool trib_queue_push_urgent(trib_queue *queue, void *item) {
    return push_below(queue, item, queue->capacity + TRIB_QUEUE_RESERVE);
}

bool trib_queue_push_wait(trib_queue *queue, void *item, uint64_t timeout_ms) {
    struct timespec until = after(timeout_ms);
    (void)pthread_mutex_lock(&queue->lock);
    int waited = 0;
    while (!queue->closed && queue->count >= queue->capacity && waited == 0) {
        waited = pthread_cond_timedwait(&queue->emptied, &queue->lock, &until);
    }
    bool room = !queue->closed && queue->count < queue->capacity;
    if (room) {
        put(queue, item);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return room;
}

void *trib_queue_pop(trib_queue *queue, uint64_t timeout_ms) {
    struct timespec until = after(timeout_ms);
    (void)pthread_mutex_lock(&queue->lock);
    int waited = 0;
    while (!queue->closed && queue->count == 0 && timeout_ms > 0 && waited == 0) {
        waited = pthread_cond_timedwait(&queue->filled, &queue->lock, &until);
    }
    void *item = NULL;
    if (queue->count > 0) {
        item = queue->items[queue->first];
        queue->first = next(queue, queue->first);
        queue->count--;
        (void)pthread_cond_signal(&queue->emptied);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return item;
}

void trib_queue_close(trib_queue *queue) {
    (void)pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    (void)pthread_cond_broadcast(&queue->filled);
    (void)pthread_cond_broadcast(&queue->emptied);
    (void)pthread_mutex_unlock(&queue->lock);
}

uint64_t trib_queue_dropped(trib_queue *queue) {
    (void)pthread_mutex_lock(&queue->lock);
    uint64_t dropped = queue->dropped;
    (void)pthread_mutex_unlock(&queue->lock);
    return dropped;
}

bool trib_queue_empty(trib_queue *queue) {
    (void)pthread_mutex_lock(&queue->lock);
    bool empty = queue->count == 0;
    (void)pthread_mutex_unlock(&queue->lock);
    return empty;
}
