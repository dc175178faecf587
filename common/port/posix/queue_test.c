/* The queue: bounded, waking, and what becomes of what is left in it. Nothing here waits for time
 * to pass: where a thread must wait, another ends its waiting. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/heap.h"
#include "common/port/posix/queue.h"

enum { CAPACITY = 4, FOREVER_MS = 600000 };

static unsigned dropped;

static void drop(void *item) {
    dropped++;
    trib_free(item);
}

static void keep(void *item) {
    (void)item;
}

static trib_queue *queue_of(size_t capacity, void (*drop_item)(void *item)) {
    trib_queue *queue = NULL;
    assert_true(trib_ok(trib_queue_create(capacity, drop_item, &queue)));
    return queue;
}

/* Numbers as items, none of them NULL. */
static char numbers[TRIB_QUEUE_RESERVE + 2 * CAPACITY + 1];

static void *item_of(size_t number) {
    return &numbers[number];
}

static void items_come_out_in_their_order_across_many_laps(void **state) {
    (void)state;
    trib_queue *queue = queue_of(CAPACITY, keep);
    size_t in = 0, out = 0;
    for (int i = 0; i < 3 * TRIB_QUEUE_RESERVE; i++) { /* the ring has room for the reserve too */
        for (int j = 0; j < CAPACITY - i % 2; j++) {
            assert_true(trib_queue_push(queue, item_of(in++ % sizeof numbers)));
        }
        for (void *item; (item = trib_queue_pop(queue, 0)) != NULL;) {
            assert_ptr_equal(item, item_of(out++ % sizeof numbers));
        }
        assert_int_equal(in, out);
    }
    assert_int_equal(trib_queue_dropped(queue), 0);
    trib_queue_destroy(queue);
}

static void a_full_queue_takes_nothing_and_counts_what_it_left(void **state) {
    (void)state;
    trib_queue *queue = queue_of(CAPACITY, keep);
    assert_true(trib_queue_empty(queue));
    for (size_t i = 0; i < CAPACITY; i++) {
        assert_true(trib_queue_push(queue, item_of(i)));
        assert_false(trib_queue_empty(queue));
    }
    assert_false(trib_queue_push(queue, item_of(9)));
    assert_false(trib_queue_push(queue, item_of(9)));
    assert_int_equal(trib_queue_dropped(queue), 2);
    assert_false(trib_queue_push_wait(queue, item_of(9), 0)); /* tried again by its caller */
    assert_int_equal(trib_queue_dropped(queue), 2);
    assert_ptr_equal(trib_queue_pop(queue, 0), item_of(0));
    assert_true(trib_queue_push(queue, item_of(4)));
    for (size_t i = 1; i <= CAPACITY; i++) {
        assert_ptr_equal(trib_queue_pop(queue, 0), item_of(i));
    }
    assert_null(trib_queue_pop(queue, 0));
    assert_true(trib_queue_empty(queue));
    trib_queue_destroy(queue);
}

static void what_is_urgent_has_a_reserve_of_its_own_behind_the_rest(void **state) {
    (void)state;
    trib_queue *queue = queue_of(CAPACITY, keep);
    const size_t all = CAPACITY + TRIB_QUEUE_RESERVE;
    for (size_t i = 0; i < all; i++) {
        assert_int_equal(trib_queue_push(queue, item_of(i)), i < CAPACITY);
        assert_true(i < CAPACITY || trib_queue_push_urgent(queue, item_of(i)));
    }
    assert_false(trib_queue_push_urgent(queue, item_of(all)));
    assert_int_equal(trib_queue_dropped(queue), TRIB_QUEUE_RESERVE + 1);
    for (size_t i = 0; i < all; i++) {
        assert_ptr_equal(trib_queue_pop(queue, 0), item_of(i));
        bool has_room = all - i - 1 < CAPACITY;
        assert_int_equal(trib_queue_push_wait(queue, item_of(all), 0), has_room);
        if (has_room) {
            break;
        }
    }
    trib_queue_destroy(queue);
}

static void a_closed_queue_gives_what_it_has_and_takes_no_more(void **state) {
    (void)state;
    trib_queue *queue = queue_of(CAPACITY, keep);
    assert_true(trib_queue_push(queue, item_of(1)));
    trib_queue_close(queue);
    assert_false(trib_queue_push(queue, item_of(2)));
    assert_false(trib_queue_push_urgent(queue, item_of(2)));
    assert_false(trib_queue_push_wait(queue, item_of(2), FOREVER_MS));
    assert_ptr_equal(trib_queue_pop(queue, FOREVER_MS), item_of(1));
    assert_null(trib_queue_pop(queue, FOREVER_MS));
    trib_queue_close(queue); /* again is fine */
    trib_queue_destroy(queue);
}

static void a_wait_that_nobody_ends_ends_by_itself(void **state) {
    (void)state;
    trib_queue *queue = queue_of(1, keep);
    assert_null(trib_queue_pop(queue, 1));
    assert_true(trib_queue_push_wait(queue, item_of(1), 1));
    assert_false(trib_queue_push_wait(queue, item_of(2), 1));
    assert_ptr_equal(trib_queue_pop(queue, UINT64_MAX), item_of(1)); /* no time is too long */
    trib_queue_destroy(queue);
}

static void destroying_drops_what_is_left_and_nothing_else(void **state) {
    (void)state;
    trib_queue *queue = queue_of(CAPACITY, drop);
    dropped = 0;
    for (int i = 0; i < CAPACITY + 2; i++) {
        void *item = trib_allocate(1, 1);
        assert_non_null(item);
        assert_true(trib_queue_push_urgent(queue, item));
    }
    trib_free(trib_queue_pop(queue, 0));
    trib_free(trib_queue_pop(queue, 0));
    void *refused = trib_allocate(1, 1);
    assert_false(trib_queue_push(queue, refused)); /* stays the caller's */
    trib_free(refused);
    assert_int_equal(dropped, 0);
    trib_queue_destroy(queue);
    assert_int_equal(dropped, CAPACITY);
    trib_queue_destroy(NULL);
}

/* ---- threads ------------------------------------------------------------------------------- */

/* What a pusher wrote into an item, who pops it must see. */
typedef struct parcel {
    unsigned sender;
    unsigned number;
} parcel;

enum { SENDERS = 2, PARCELS = 20000 };

typedef struct sending {
    trib_queue *queue;
    unsigned sender;
    unsigned refused;
} sending;

static void *send_all(void *context) {
    sending *to = context;
    for (unsigned i = 0; i < PARCELS; i++) {
        parcel *next = trib_allocate(1, sizeof *next);
        if (next == NULL) {
            to->refused++;
            continue;
        }
        *next = (parcel){to->sender, i};
        /* Taking turns with the ways of pushing; all but the patient one may be refused. */
        bool pushed = i % 8 == 0 && trib_queue_push(to->queue, next);
        pushed = pushed || (i % 8 == 1 && trib_queue_push_urgent(to->queue, next));
        pushed = pushed || trib_queue_push_wait(to->queue, next, FOREVER_MS);
        if (!pushed) {
            to->refused++;
            trib_free(next);
        }
    }
    return NULL;
}

static void parcels_of_several_threads_all_arrive_each_senders_in_order(void **state) {
    (void)state;
    trib_queue *queue = queue_of(CAPACITY, drop);
    pthread_t threads[SENDERS];
    sending sendings[SENDERS];
    unsigned next[SENDERS] = {0};
    for (unsigned i = 0; i < SENDERS; i++) {
        sendings[i] = (sending){.queue = queue, .sender = i};
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &sendings[i]), 0);
    }
    for (unsigned i = 0; i < SENDERS * PARCELS; i++) {
        parcel *item = trib_queue_pop(queue, FOREVER_MS);
        assert_non_null(item);
        assert_int_equal(item->number, next[item->sender]);
        next[item->sender]++;
        trib_free(item);
    }
    for (unsigned i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(sendings[i].refused, 0);
        assert_int_equal(next[i], PARCELS);
    }
    assert_null(trib_queue_pop(queue, 0));
    trib_queue_destroy(queue);
}

/* Whichever comes first, the close or the wait: the thread ends at once with nothing. A wake that
 * were lost would cost FOREVER_MS, past the test's own limit. */
static void *pop_one(void *queue) {
    return trib_queue_pop(queue, FOREVER_MS);
}

static void *push_one(void *queue) {
    return trib_queue_push_wait(queue, item_of(9), FOREVER_MS) ? item_of(9) : NULL;
}

static void closing_wakes_who_waits_to_pop_and_who_waits_to_push(void **state) {
    (void)state;
    for (int i = 0; i < 200; i++) {
        trib_queue *empty = queue_of(CAPACITY, keep), *full = queue_of(1, keep);
        pthread_t popper, pushers[2];
        void *popped = item_of(1), *pushed = item_of(1);
        assert_true(trib_queue_push(full, item_of(0)));
        assert_int_equal(pthread_create(&popper, NULL, pop_one, empty), 0);
        assert_int_equal(pthread_create(&pushers[0], NULL, push_one, full), 0);
        assert_int_equal(pthread_create(&pushers[1], NULL, push_one, full), 0);
        trib_queue_close(empty);
        trib_queue_close(full);
        assert_int_equal(pthread_join(popper, &popped), 0);
        assert_null(popped);
        for (int j = 0; j < 2; j++) {
            assert_int_equal(pthread_join(pushers[j], &pushed), 0);
            assert_null(pushed);
        }
        trib_queue_destroy(empty);
        trib_queue_destroy(full);
    }
}

static void a_pop_makes_room_for_who_waits_to_push(void **state) {
    (void)state;
    for (int i = 0; i < 200; i++) {
        trib_queue *queue = queue_of(1, keep);
        pthread_t pushers[2];
        assert_true(trib_queue_push(queue, item_of(0)));
        assert_int_equal(pthread_create(&pushers[0], NULL, push_one, queue), 0);
        assert_int_equal(pthread_create(&pushers[1], NULL, push_one, queue), 0);
        assert_ptr_equal(trib_queue_pop(queue, FOREVER_MS), item_of(0));
        assert_ptr_equal(trib_queue_pop(queue, FOREVER_MS), item_of(9));
        assert_ptr_equal(trib_queue_pop(queue, FOREVER_MS), item_of(9));
        for (int j = 0; j < 2; j++) {
            void *pushed = NULL;
            assert_int_equal(pthread_join(pushers[j], &pushed), 0);
            assert_ptr_equal(pushed, item_of(9));
        }
        trib_queue_destroy(queue);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_out_in_their_order_across_many_laps),
        cmocka_unit_test(a_full_queue_takes_nothing_and_counts_what_it_left),
        cmocka_unit_test(what_is_urgent_has_a_reserve_of_its_own_behind_the_rest),
        cmocka_unit_test(a_closed_queue_gives_what_it_has_and_takes_no_more),
        cmocka_unit_test(a_wait_that_nobody_ends_ends_by_itself),
        cmocka_unit_test(destroying_drops_what_is_left_and_nothing_else),
        cmocka_unit_test(parcels_of_several_threads_all_arrive_each_senders_in_order),
        cmocka_unit_test(closing_wakes_who_waits_to_pop_and_who_waits_to_push),
        cmocka_unit_test(a_pop_makes_room_for_who_waits_to_push),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
