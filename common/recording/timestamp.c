#include "common/recording/timestamp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LARGEST_TIME_US = 2305843009213693952.0; /* 2^61: what a pipeline takes */

trib_status trib_timestamp_of(trib_time_unit unit, double value, int64_t *ret_time_us) {
    double time_us = value;
    switch (unit) {
    case TRIB_TIME_S:
        time_us *= 1e6;
        break;
    case TRIB_TIME_MS:
        time_us *= 1e3;
        break;
    case TRIB_TIME_US:
        break;
    case TRIB_TIME_NONE:
    case TRIB_TIME_ISO8601:
        return TRIB_FAIL(TRIB_E_ARGUMENT, "expected a date and time, found the number %g", value);
    }
    if (!(fabs(time_us) < LARGEST_TIME_US)) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "the time %g is out of range; is its unit right?", value);
    }
    *ret_time_us = llround(time_us);
    return TRIB_SUCCESS;
}

/* Exactly `count` digits, no sign. */
static bool read_digits(const char **at, int count, int least, int most, int *ret_value) {
    int value = 0;
    for (int i = 0; i < count; i++) {
        char digit = (*at)[i];
        if (digit < '0' || digit > '9') {
            return false;
        }
        value = value * 10 + (digit - '0');
    }
    *at += count;
    *ret_value = value;
    return value >= least && value <= most;
}

static bool skip(const char **at, const char *any_of) {
    if (**at == '\0' || strchr(any_of, **at) == NULL) {
        return false;
    }
    ++*at;
    return true;
}

/* Days since 1970-01-01 of a date in the Gregorian calendar, years from March so that the leap day
 * comes last. */
static int64_t days_of(int year, int month, int day) {
    int64_t y = month > 2 ? year : year - 1;
    int64_t era = y / 400; /* years are not negative here */
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static int days_in(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

/* Microseconds; digits past the sixth are cut. */
static bool read_fraction(const char **at, int *ret_us) {
    if (!skip(at, ".,")) {
        return true;
    }
    int scale = 100000, us = 0;
    const char *first = *at;
    for (; **at >= '0' && **at <= '9'; ++*at, scale /= 10) {
        us += scale * (**at - '0');
    }
    *ret_us = us;
    return *at > first;
}

/* Minutes east of UTC. */
static bool read_zone(const char **at, int *ret_minutes) {
    if (skip(at, "Zz")) {
        return true;
    }
    int sign = **at == '-' ? -1 : 1, hours = 0, minutes = 0;
    if (!skip(at, "+-")) {
        return true;
    }
    bool ok = read_digits(at, 2, 0, 23, &hours);
    bool colon = skip(at, ":");
    if (ok && (colon || **at != '\0')) {
        ok = read_digits(at, 2, 0, 59, &minutes);
    }
    *ret_minutes = sign * (hours * 60 + minutes);
    return ok;
}

static bool read_iso8601(const char *text, int64_t *ret_time_us) {
    const char *at = text;
    int year, month, day, hour, minute, second, us = 0, zone = 0;
    if (!read_digits(&at, 4, 0, 9999, &year) || !skip(&at, "-") ||
        !read_digits(&at, 2, 1, 12, &month) || !skip(&at, "-") ||
        !read_digits(&at, 2, 1, days_in(year, month), &day) || !skip(&at, "Tt ")) {
        return false;
    }
    if (!read_digits(&at, 2, 0, 23, &hour) || !skip(&at, ":") ||
        !read_digits(&at, 2, 0, 59, &minute) || !skip(&at, ":") ||
        !read_digits(&at, 2, 0, 60, &second) || !read_fraction(&at, &us) ||
        !read_zone(&at, &zone) || *at != '\0') {
        return false;
    }
    int64_t minutes = days_of(year, month, day) * 1440 + hour * 60 + minute - zone;
    *ret_time_us = (minutes * 60 + second) * 1000000 + us;
    return true;
}

trib_status trib_timestamp_read(trib_time_unit unit, const char *text, int64_t *ret_time_us) {
    if (unit == TRIB_TIME_ISO8601) {
        return read_iso8601(text, ret_time_us)
                   ? TRIB_SUCCESS
                   : TRIB_FAIL(TRIB_E_ARGUMENT,
                               "expected a time such as 2020-03-09 10:34:33, found '%s'", text);
    }
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value)) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "expected a time as a number, found '%s'", text);
    }
    return trib_timestamp_of(unit, value, ret_time_us);
}
