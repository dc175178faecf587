#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdatomic.h>

#include "common/port/posix/workers.h"

typedef struct share {
    atomic_int *together;
    int number;
    bool fails;
} share;

static trib_status work(void *context) {
    share *mine = context;
    atomic_fetch_add(mine->together, mine->number);
    return mine->fails ? TRIB_FAIL(TRIB_E_LIMIT, "share %d is too large", mine->number)
                       : TRIB_SUCCESS;
}

static void all_shares_are_done_before_it_returns(void **state) {
    (void)state;
    atomic_int together = 0;
    share shares[TRIB_MOST_WORKERS];
    void *contexts[TRIB_MOST_WORKERS];
    for (int i = 0; i < TRIB_MOST_WORKERS; i++) {
        shares[i] = (share){&together, i + 1, false};
        contexts[i] = &shares[i];
    }
    assert_true(trib_ok(trib_workers_run(work, contexts, TRIB_MOST_WORKERS)));
    assert_int_equal(atomic_load(&together), TRIB_MOST_WORKERS * (TRIB_MOST_WORKERS + 1) / 2);
    assert_true(trib_ok(trib_workers_run(work, contexts, 1)));
}

static void the_first_failure_comes_back_with_its_words(void **state) {
    (void)state;
    atomic_int together = 0;
    share shares[] = {{&together, 1, false}, {&together, 2, true}, {&together, 3, true}};
    void *contexts[] = {&shares[0], &shares[1], &shares[2]};
    assert_int_equal(trib_workers_run(work, contexts, 3).code, TRIB_E_LIMIT);
    assert_string_equal(trib_message(), "share 2 is too large");
    assert_int_equal(atomic_load(&together), 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_shares_are_done_before_it_returns),
        cmocka_unit_test(the_first_failure_comes_back_with_its_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
