#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/config/config.h"
#include "common/config/secret.h"

static trib_config *parse(const char *text) {
    trib_config *config = NULL;
    trib_status status = trib_config_parse("f.yaml", trib_bytes_text(text), &config);
    assert_true(trib_ok(status) == (config != NULL));
    return config;
}

static void values_are_read_and_absent_keys_keep_their_default(void **state) {
    (void)state;
    trib_config *config = parse("a: {b: 7, c: 0.5}\nlist: [x, y]\nflag: true\nname: press-4\n");
    trib_value a, list, value;
    assert_true(trib_ok(trib_value_need(trib_config_root(config), "a", &a)));
    uint32_t b = 1, absent = 42;
    float c = 0;
    assert_true(trib_ok(trib_config_u32(a, "b", 1, 10, &b)) && b == 7);
    assert_true(trib_ok(trib_config_u32(a, "z", 1, 10, &absent)) && absent == 42);
    assert_true(trib_ok(trib_config_f32(a, "c", 0, 1, &c)) && c == 0.5f);
    assert_true(trib_ok(trib_value_need(trib_config_root(config), "list", &list)));
    assert_int_equal(trib_value_count(list), 2);
    assert_string_equal(trib_value_text(trib_value_item(list, 1)), "y");
    char name[64];
    assert_true(trib_ok(trib_value_need(trib_config_root(config), "name", &value)));
    assert_true(trib_ok(trib_value_name(value, name)));
    assert_string_equal(name, "press-4");
    trib_config_destroy(config);
}

static void a_wrong_value_is_named_with_line_column_path_and_both_sides(void **state) {
    (void)state;
    trib_config *config = parse("pipeline:\n  window:\n    hop: often\n");
    trib_value pipeline, window;
    assert_true(trib_ok(trib_value_need(trib_config_root(config), "pipeline", &pipeline)));
    assert_true(trib_ok(trib_value_need(pipeline, "window", &window)));
    uint32_t hop = 3;
    assert_int_equal(trib_config_u32(window, "hop", 1, 8192, &hop).code, TRIB_E_ARGUMENT);
    assert_int_equal(hop, 3);
    assert_string_equal(trib_message(), "f.yaml:3:10: pipeline.window.hop: expected a whole number "
                                        "from 1 to 8192, found 'often'");
    trib_config_destroy(config);
}

static void a_misspelt_key_gets_a_suggestion(void **state) {
    (void)state;
    trib_config *config = parse("quorum: 3\ndeadlin_s: 5\n");
    const char *const keys[] = {"quorum", "deadline_s", NULL};
    assert_int_equal(trib_config_only(trib_config_root(config), keys).code, TRIB_E_ARGUMENT);
    assert_string_equal(trib_message(),
                        "f.yaml:2:1: deadlin_s: unknown key; did you mean 'deadline_s'?");
    trib_config_destroy(config);
}

static void a_key_like_no_other_is_told_the_keys_that_there_are(void **state) {
    (void)state;
    trib_config *config = parse("quorum: 3\ncolour: red\n");
    assert_non_null(config);
    const char *const keys[] = {"quorum", "deadline_s", NULL};
    assert_int_equal(trib_config_only(trib_config_root(config), keys).code, TRIB_E_ARGUMENT);
    assert_string_equal(trib_message(),
                        "f.yaml:2:1: colour: unknown key; expected one of quorum, deadline_s");
    trib_config_destroy(config);
}

static void what_is_not_plain_yaml_is_refused_with_its_place(void **state) {
    (void)state;
    const char *const bad[] = {
        "a: [1, 2",       "a: 1\na: 2\n", "- 1\n- 2\n", "", "a: &x {b: 1}\nc: *x\n",
        "a: 1\n\tb: 2\n", "? [a]\n: 1\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null(parse(bad[i]));
        assert_non_null(strstr(trib_message(), "f.yaml:"));
    }
    char deep[200] = "a: ";
    for (int i = 0; i < 40; i++) {
        strcat(deep, "[");
    }
    for (int i = 0; i < 40; i++) {
        strcat(deep, "]");
    }
    assert_null(parse(deep));
}

static void no_text_at_all_is_refused_as_an_empty_one_is(void **state) {
    (void)state;
    trib_config *config = NULL;
    const trib_bytes none[] = {{NULL, 0}, trib_bytes_text("")};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(trib_config_parse("f.yaml", none[i], &config).code, TRIB_E_ARGUMENT);
        assert_string_equal(trib_message(), "f.yaml:1:1: expected keys and values, found nothing");
        assert_null(config);
    }
}

static void names_that_cannot_be_topic_levels_are_refused(void **state) {
    (void)state;
    const char *const bad[] = {"a: all", "a: A", "a: x/y", "a: ''", "a: '+'", "a: é", "a: [b]"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        trib_config *config = parse(bad[i]);
        trib_value value;
        char name[64];
        assert_true(trib_ok(trib_value_need(trib_config_root(config), "a", &value)));
        assert_int_equal(trib_value_name(value, name).code, TRIB_E_ARGUMENT);
        trib_config_destroy(config);
    }
}

static void a_relative_path_is_below_the_configs_folder(void **state) {
    (void)state;
    trib_config *config = parse("near: keys/ca.pem\nfar: /etc/ca.pem\nnone: ''\n");
    trib_value value;
    char path[24];
    assert_true(trib_ok(trib_value_need(trib_config_root(config), "near", &value)));
    assert_true(trib_ok(trib_value_path(value, "/opt/f.yaml", path, sizeof path)));
    assert_string_equal(path, "/opt/keys/ca.pem");
    assert_true(trib_ok(trib_value_path(value, "f.yaml", path, sizeof path)));
    assert_string_equal(path, "keys/ca.pem");
    assert_int_equal(trib_value_path(value, "/somewhere/deeper/f.yaml", path, sizeof path).code,
                     TRIB_E_ARGUMENT);
    assert_true(trib_ok(trib_value_need(trib_config_root(config), "far", &value)));
    assert_true(trib_ok(trib_value_path(value, "/opt/f.yaml", path, sizeof path)));
    assert_string_equal(path, "/etc/ca.pem");
    assert_true(trib_ok(trib_value_need(trib_config_root(config), "none", &value)));
    assert_int_equal(trib_value_path(value, "/opt/f.yaml", path, sizeof path).code,
                     TRIB_E_ARGUMENT);
    trib_config_destroy(config);
}

static trib_status secret_of(const char *text, trib_buffer *ret_text) {
    trib_config *config = parse(text);
    trib_value value;
    assert_true(trib_ok(trib_value_need(trib_config_root(config), "key", &value)));
    trib_status status = trib_value_secret(value, "/tmp/f.yaml", ret_text);
    trib_config_destroy(config);
    return status;
}

static void a_secret_stands_here_or_in_a_file_or_in_the_environment(void **state) {
    (void)state;
    static const char *const contents[] = {"first\nsecond\n", "-----BEGIN X-----\nY\n", "{\n}\n"};
    static const char *const read[] = {"first", "-----BEGIN X-----\nY\n", "{\n}\n"};
    for (size_t i = 0; i < 3; i++) {
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = 64};
        char path[] = "/tmp/secret-test-XXXXXX", yaml[64];
        int file = mkstemp(path);
        assert_true(file >= 0);
        assert_int_equal(write(file, contents[i], strlen(contents[i])), strlen(contents[i]));
        (void)close(file);
        (void)snprintf(yaml, sizeof yaml, "key: {file: '%s'}\n", path + sizeof "/tmp/" - 1);
        assert_true(trib_ok(secret_of(yaml, &text)));
        assert_string_equal((const char *)text.data, read[i]);
        (void)unlink(path);
    }
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer plain = {.ceiling = 64};
    assert_true(trib_ok(secret_of("key: plain\n", &plain)));
    assert_string_equal((const char *)plain.data, "plain");
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer variable = {.ceiling = 64};
    assert_int_equal(setenv("SECRET_TEST", "hidden", 1), 0);
    assert_true(trib_ok(secret_of("key: {environment: SECRET_TEST}\n", &variable)));
    assert_string_equal((const char *)variable.data, "hidden");
}

static void what_is_no_secret_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"key: {}\n",
                                        "key: [a]\n",
                                        "key: {file: a, environment: B}\n",
                                        "key: {fiel: a}\n",
                                        "key: {file: nowhere-at-all}\n",
                                        "key: {file: [a]}\n",
                                        "key: {environment: [a]}\n",
                                        "key: {environment: NONE_SUCH}\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = 64};
        assert_int_equal(secret_of(wrong[i], &text).code, TRIB_E_ARGUMENT);
    }
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer small = {.ceiling = 3};
    assert_int_equal(secret_of("key: longer\n", &small).code, TRIB_E_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_relative_path_is_below_the_configs_folder),
        cmocka_unit_test(a_secret_stands_here_or_in_a_file_or_in_the_environment),
        cmocka_unit_test(what_is_no_secret_is_refused),
        cmocka_unit_test(values_are_read_and_absent_keys_keep_their_default),
        cmocka_unit_test(a_wrong_value_is_named_with_line_column_path_and_both_sides),
        cmocka_unit_test(a_misspelt_key_gets_a_suggestion),
        cmocka_unit_test(a_key_like_no_other_is_told_the_keys_that_there_are),
        cmocka_unit_test(what_is_not_plain_yaml_is_refused_with_its_place),
        cmocka_unit_test(no_text_at_all_is_refused_as_an_empty_one_is),
        cmocka_unit_test(names_that_cannot_be_topic_levels_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
