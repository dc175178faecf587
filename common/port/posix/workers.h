/* A piece of work done by several threads at once, to its end.
 *
 * threads  the caller is one of them
 */
#ifndef TRIB_PORT_POSIX_WORKERS_H
#define TRIB_PORT_POSIX_WORKERS_H

#include <stddef.h>

#include "common/base/status.h"

enum { TRIB_MOST_WORKERS = 64 };

typedef trib_status (*trib_work)(void *context);

/* Calls work(contexts[i]) for each i, each on a thread of its own, and waits for all of them. A
 * thread that the system does not give is done without: the caller does its work as well.
 *
 * shapes   contexts [count], 1 .. TRIB_MOST_WORKERS
 * errors   the first failure in the order of contexts, with its message
 */
TRIB_MUST_CHECK trib_status trib_workers_run(trib_work work, void *const *contexts, size_t count);

#endif
