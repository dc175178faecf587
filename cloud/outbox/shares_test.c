#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "cloud/outbox/shares.h"

static cloud_shares *shares;
static uint64_t position;

static int begin(void **state) {
    (void)state;
    shares = cloud_shares_create(11, 10000);
    position = 0;
    return shares == NULL;
}

static int end(void **state) {
    (void)state;
    cloud_shares_destroy(shares);
    return 0;
}

static void add(const char *gateway, uint64_t times) {
    for (uint64_t i = 0; i < times; i++) {
        cloud_shares_add(shares, gateway, ++position, 100);
    }
}

static void one_alone_never_holds_too_much(void **state) {
    (void)state;
    assert_false(cloud_shares_is_hog(shares, "a"));
    add("a", 1000);
    assert_false(cloud_shares_is_hog(shares, "a"));
}

static void of_two_the_one_with_over_five_eighths_does(void **state) {
    (void)state;
    add("a", 62);
    add("b", 38);
    assert_false(cloud_shares_is_hog(shares, "a"));
    add("a", 2); /* 64 of 102 */
    assert_true(cloud_shares_is_hog(shares, "a"));
    assert_false(cloud_shares_is_hog(shares, "b"));
    assert_false(cloud_shares_is_hog(shares, "never seen"));
}

static void of_many_the_one_with_four_times_the_average_does(void **state) {
    (void)state;
    for (int i = 0; i < 30; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "gw-%d", i);
        add(name, 10);
        assert_false(cloud_shares_is_hog(shares, name));
    }
    add("a", 40); /* of 340 in 31: 3.6 times */
    assert_false(cloud_shares_is_hog(shares, "a"));
    add("a", 10); /* of 350 in 31: 4.4 times */
    assert_true(cloud_shares_is_hog(shares, "a"));
}

static void what_is_gone_counts_no_more(void **state) {
    (void)state;
    add("a", 100); /* a portion */
    add("b", 20);
    assert_true(cloud_shares_is_hog(shares, "a"));
    cloud_shares_trim(shares, 100); /* the hundredth is there yet */
    assert_true(cloud_shares_is_hog(shares, "a"));
    cloud_shares_trim(shares, 101);
    assert_false(cloud_shares_is_hog(shares, "a"));
    assert_false(cloud_shares_is_hog(shares, "b")); /* alone now */
    add("a", 20);
    assert_false(cloud_shares_is_hog(shares, "b"));
    cloud_shares_trim(shares, 1000);
    add("b", 3);
    assert_false(cloud_shares_is_hog(shares, "b"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(one_alone_never_holds_too_much),
        CASE(of_two_the_one_with_over_five_eighths_does),
        CASE(of_many_the_one_with_four_times_the_average_does),
        CASE(what_is_gone_counts_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
