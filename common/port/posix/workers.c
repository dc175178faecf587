#include "common/port/posix/workers.h"

#include <pthread.h>
#include <stdio.h>

typedef struct worker {
    trib_work work;
    void *context;
    pthread_t thread;
    bool started;
    trib_status status;
    char message[512]; /* a thread's message ends with the thread */
} worker;

static void do_work(worker *one) {
    one->status = one->work(one->context);
    if (!trib_ok(one->status)) {
        (void)snprintf(one->message, sizeof one->message, "%s", trib_message());
    }
}

static void *on_thread(void *argument) {
    do_work(argument);
    return NULL;
}

trib_status trib_workers_run(trib_work work, void *const *contexts, size_t count) {
    worker workers[TRIB_MOST_WORKERS];
    TRIB_ASSERT(count > 0 && count <= TRIB_MOST_WORKERS);
    for (size_t i = 0; i < count; i++) {
        workers[i].work = work;
        workers[i].context = contexts[i];
        workers[i].started =
            i > 0 && pthread_create(&workers[i].thread, NULL, on_thread, &workers[i]) == 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (!workers[i].started) {
            do_work(&workers[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (workers[i].started) {
            int joined = pthread_join(workers[i].thread, NULL);
            TRIB_ASSERT(joined == 0);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!trib_ok(workers[i].status)) {
            return TRIB_FAIL(workers[i].status.code, "%s", workers[i].message);
        }
    }
    return TRIB_SUCCESS;
}
