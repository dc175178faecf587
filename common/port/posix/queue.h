/* The one place where threads meet: a bounded queue of pointers, pushing gives ownership away.
 *
 * errors   creating: TRIB_E_IO for memory
 * threads  any number push; one pops
 */
#ifndef TRIB_PORT_POSIX_QUEUE_H
#define TRIB_PORT_POSIX_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

typedef struct trib_queue trib_queue;

enum { TRIB_QUEUE_RESERVE = 1024 };

/* `drop` frees an item that is left when the queue is destroyed. */
TRIB_MUST_CHECK trib_status trib_queue_create(size_t capacity, void (*drop)(void *item),
                                              trib_queue **ret_queue);
void trib_queue_destroy(trib_queue *queue);

/* False when full (the item stays the caller's, and is counted), or closed. Never waits. */
TRIB_MUST_CHECK bool trib_queue_push(trib_queue *queue, void *item);
/* Takes from a reserve of TRIB_QUEUE_RESERVE items when full: for what must not be lost and is
 * bounded by its sender, such as acknowledgements. */
TRIB_MUST_CHECK bool trib_queue_push_urgent(trib_queue *queue, void *item);
/* Waits for room up to timeout_ms: for producers that may be slowed down, such as a reader of a
 * pipe. */
TRIB_MUST_CHECK bool trib_queue_push_wait(trib_queue *queue, void *item, uint64_t timeout_ms);
/* The oldest item, or NULL after timeout_ms or once closed and empty. */
void *trib_queue_pop(trib_queue *queue, uint64_t timeout_ms);
/* Wakes everyone; pushes fail from now on. */
void trib_queue_close(trib_queue *queue);
uint64_t trib_queue_dropped(trib_queue *queue);
/* Nothing waits in it now; with one thread that pushes, that one may rely on it. */
bool trib_queue_empty(trib_queue *queue);

#endif
