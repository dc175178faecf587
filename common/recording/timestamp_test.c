#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "common/recording/timestamp.h"

static int64_t read(trib_time_unit unit, const char *text) {
    int64_t time_us = -1;
    trib_status status = trib_timestamp_read(unit, text, &time_us);
    if (!trib_ok(status)) {
        fail_msg("%s: %s", text, trib_message());
    }
    return time_us;
}

static void numbers_are_read_in_their_unit(void **state) {
    (void)state;
    assert_int_equal(read(TRIB_TIME_S, "1.5"), 1500000);
    assert_int_equal(read(TRIB_TIME_S, "1657533977.813001"), 1657533977813001);
    assert_int_equal(read(TRIB_TIME_MS, "1657533977813"), 1657533977813000);
    assert_int_equal(read(TRIB_TIME_US, "-3"), -3);
    assert_int_equal(read(TRIB_TIME_S, "1e3"), 1000000000);
}

/* Expected values are those of GNU date -u +%s. */
static void dates_are_read_as_utc_unless_they_say_otherwise(void **state) {
    (void)state;
    assert_int_equal(read(TRIB_TIME_ISO8601, "1970-01-01 00:00:00"), 0);
    assert_int_equal(read(TRIB_TIME_ISO8601, "2020-03-09 10:34:33"), 1583750073 * INT64_C(1000000));
    assert_int_equal(read(TRIB_TIME_ISO8601, "2020-02-29T23:59:59Z"),
                     1583020799 * INT64_C(1000000));
    assert_int_equal(read(TRIB_TIME_ISO8601, "2020-03-09T10:34:33.25+01:00"),
                     1583746473 * INT64_C(1000000) + 250000);
    assert_int_equal(read(TRIB_TIME_ISO8601, "2020-03-09T10:34:33-0530"),
                     1583769873 * INT64_C(1000000));
    assert_int_equal(read(TRIB_TIME_ISO8601, "1969-12-31 23:59:59"), -1000000);
    assert_int_equal(read(TRIB_TIME_ISO8601, "2000-03-01 00:00:00,5+02"),
                     951861600 * INT64_C(1000000) + 500000);
}

static void what_is_no_time_is_refused(void **state) {
    (void)state;
    static const char *const dates[] = {"",
                                        "2020-13-09 10:34:33",
                                        "2021-02-29 10:34:33",
                                        "2020-03-09",
                                        "2020-03-09 24:34:33",
                                        "2020-03-09 10:34:33 or so",
                                        "2020-03-09 10:34:33.",
                                        "2020-03-09 10:34:33+25:00",
                                        "1583750073"};
    int64_t time_us = 7;
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        assert_int_equal(trib_timestamp_read(TRIB_TIME_ISO8601, dates[i], &time_us).code,
                         TRIB_E_ARGUMENT);
    }
    static const char *const numbers[] = {"", "noon", "1 2", "nan", "inf", "1e300", "3e12"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        assert_int_equal(trib_timestamp_read(TRIB_TIME_S, numbers[i], &time_us).code,
                         TRIB_E_ARGUMENT);
    }
    assert_int_equal(time_us, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_in_their_unit),
        cmocka_unit_test(dates_are_read_as_utc_unless_they_say_otherwise),
        cmocka_unit_test(what_is_no_time_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
