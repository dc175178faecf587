/* Lines as people and machines read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/log/log.h"

static char line[4096];
static int ends[2], kept;

static void begin(trib_log_format format, trib_log_level least) {
    trib_log_setup("test", format, least);
    kept = dup(STDERR_FILENO);
    assert_true(kept >= 0 && pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) >= 0);
}

/* What was written since, from behind the time on. */
static const char *end(void) {
    assert_true(dup2(kept, STDERR_FILENO) >= 0 && close(kept) == 0 && close(ends[1]) == 0);
    ssize_t size = read(ends[0], line, sizeof line - 1);
    assert_true(size >= 0 && close(ends[0]) == 0);
    line[size] = '\0';
    const char *behind = strchr(line, 'Z');
    return behind != NULL ? behind + 1 : line;
}

static void a_line_of_text_says_level_program_event_and_fields(void **state) {
    (void)state;
    begin(TRIB_LOG_TEXT, TRIB_LOG_INFO);
    trib_log(TRIB_LOG_WARN, "round opened", "round=%d why=%s", 3, "a b");
    assert_string_equal(end(), " warn  test: round opened  round=3 why=a b\n");
    begin(TRIB_LOG_TEXT, TRIB_LOG_INFO);
    trib_log(TRIB_LOG_INFO, "started", "%s", "");
    assert_string_equal(end(), " info  test: started\n");
}

static void what_is_less_than_wanted_is_not_written(void **state) {
    (void)state;
    begin(TRIB_LOG_TEXT, TRIB_LOG_WARN);
    trib_log(TRIB_LOG_INFO, "no", "a=%d", 1);
    trib_log(TRIB_LOG_DEBUG, "no", "a=%d", 1);
    assert_string_equal(end(), "");
    begin(TRIB_LOG_TEXT, TRIB_LOG_DEBUG);
    trib_log(TRIB_LOG_DEBUG, "yes", "a=%d", 1);
    assert_string_equal(end(), " debug test: yes  a=1\n");
}

static void json_has_a_member_for_each_field_and_no_text_ends_its_string(void **state) {
    (void)state;
    begin(TRIB_LOG_JSON, TRIB_LOG_INFO);
    trib_log(TRIB_LOG_ERROR, "refused", "gateway=%s why=%s", "press-1",
             "a \"b\" \\ c\nd = e, with x=y");
    assert_string_equal(end(),
                        "\",\"level\":\"error\",\"program\":\"test\",\"event\":\"refused\","
                        "\"gateway\":\"press-1\",\"why\":\"a \\\"b\\\" \\\\ c\\u000ad = e, with\","
                        "\"x\":\"y\"}\n");
    begin(TRIB_LOG_JSON, TRIB_LOG_INFO);
    trib_log(TRIB_LOG_INFO, "started", "%s", "no field");
    assert_string_equal(end(),
                        "\",\"level\":\"info\",\"program\":\"test\",\"event\":\"started\"}\n");
}

static void a_line_that_is_too_long_is_cut_and_ends_all_the_same(void **state) {
    (void)state;
    static char longest[8000];
    memset(longest, '"', sizeof longest - 1);
    for (int format = 0; format < 2; format++) {
        begin(format == 0 ? TRIB_LOG_TEXT : TRIB_LOG_JSON, TRIB_LOG_INFO);
        trib_log(TRIB_LOG_INFO, "long", "why=%s", longest);
        const char *written = end();
        size_t size = strlen(written);
        assert_in_range(size, 1000, 2048);
        assert_string_equal(written + size - (format == 0 ? 2 : 3), format == 0 ? "\"\n" : "\"}\n");
        assert_ptr_equal(strchr(written, '\n'), written + size - 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_text_says_level_program_event_and_fields),
        cmocka_unit_test(what_is_less_than_wanted_is_not_written),
        cmocka_unit_test(json_has_a_member_for_each_field_and_no_text_ends_its_string),
        cmocka_unit_test(a_line_that_is_too_long_is_cut_and_ends_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
