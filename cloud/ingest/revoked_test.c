#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "cloud/ingest/revoked.h"

static void whoever_was_added_is_found_and_nobody_else(void **state) {
    (void)state;
    TRIB_SCOPED(cloud_revoked_deinit) cloud_revoked revoked = {.names = NULL};
    char name[TRIB_NAME_SIZE];
    assert_false(cloud_revoked_has(&revoked, "press-1"));
    for (unsigned i = 0; i < 200; i++) { /* in no order */
        (void)snprintf(name, sizeof name, "press-%u", i * 83 % 200);
        assert_true(trib_ok(cloud_revoked_add(&revoked, name)));
        assert_true(cloud_revoked_has(&revoked, name));
    }
    for (unsigned i = 0; i < 400; i++) {
        (void)snprintf(name, sizeof name, "press-%u", i);
        assert_true(cloud_revoked_has(&revoked, name) == (i < 200));
    }
    assert_false(cloud_revoked_has(&revoked, "press-"));
    assert_false(cloud_revoked_has(&revoked, "zzz"));
}

static void once_is_enough(void **state) {
    (void)state;
    TRIB_SCOPED(cloud_revoked_deinit) cloud_revoked revoked = {.names = NULL};
    for (unsigned i = 0; i < 3; i++) {
        assert_true(trib_ok(cloud_revoked_add(&revoked, "press-1")));
    }
    assert_int_equal(revoked.count, 1);
    assert_string_equal(revoked.names[0], "press-1");
}

static void a_name_that_topics_cannot_carry_is_refused(void **state) {
    (void)state;
    TRIB_SCOPED(cloud_revoked_deinit) cloud_revoked revoked = {.names = NULL};
    char name[TRIB_NAME_SIZE + 1];
    memset(name, 'a', sizeof name);
    name[TRIB_NAME_SIZE] = '\0';
    assert_int_equal(cloud_revoked_add(&revoked, name).code, TRIB_E_CORRUPT);
    name[TRIB_NAME_SIZE - 1] = '\0';
    assert_true(trib_ok(cloud_revoked_add(&revoked, name)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_was_added_is_found_and_nobody_else),
        cmocka_unit_test(once_is_enough),
        cmocka_unit_test(a_name_that_topics_cannot_carry_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
