#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>

#include "common/tensor/json_text.h"
#include "common/tensor/safetensors.h"

/* jansson's heap, of which the allocation after `left` others fails. */
static size_t left;
static bool refused;
static void *jansson_allocates(size_t size) {
    refused = refused || left == 0;
    return left-- == 0 ? NULL : malloc(size);
}

static trib_status print_value(trib_buffer *ret_text) {
    json_t *value = json_pack("{s:{s:f,s:i},s:[s,b]}", "later", "half", (double)0.1f, "one", 1,
                              "first", "a word", 1);
    trib_status status = trib_json_print(value, ret_text);
    json_decref(value);
    return status;
}

static trib_status write_file(trib_buffer *ret_file) {
    static const float values[4] = {1, 2, 3, 4};
    const trib_tensor_view tensors[] = {{.name = "weights",
                                         .element = TRIB_ELEMENT_F32,
                                         .rank = 2,
                                         .shape = {2, 2},
                                         .bytes = {(const uint8_t *)values, sizeof values}}};
    const trib_metadata_entry metadata[] = {{"labels", "ok,worn"}, {"model", "{\"layers\":[]}"}};
    return trib_safetensors_write(&(trib_safetensors_content){tensors, 1, metadata, 2}, ret_file);
}

static void is_whole_or_none(trib_status (*make)(trib_buffer *)) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer whole = {.ceiling = 4096};
    assert_true(trib_ok(make(&whole)));
    size_t failures = 0;
    refused = true;
    json_set_alloc_funcs(jansson_allocates, free);
    for (size_t at = 0; refused; at++) {
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = 4096};
        left = at;
        refused = false;
        trib_status status = make(&text);
        failures += !trib_ok(status);
        assert_int_equal(text.size, trib_ok(status) ? whole.size : 0);
        assert_true(!trib_ok(status) ||
                    trib_bytes_equal(trib_buffer_view(&text), trib_buffer_view(&whole)));
    }
    json_set_alloc_funcs(malloc, free);
    assert_true(failures > 10);
}

static void without_memory_a_text_is_whole_or_none(void **state) {
    (void)state;
    is_whole_or_none(print_value);
    is_whole_or_none(write_file);
}

static void keys_are_sorted_and_numbers_come_back(void **state) {
    (void)state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = 4096};
    assert_true(trib_ok(print_value(&text)));
    static const char expected[] =
        "{\"first\":[\"a word\",true],\"later\":{\"half\":0.100000001,\"one\":1}}";
    assert_int_equal(text.size, sizeof expected - 1);
    assert_memory_equal(text.data, expected, text.size);
    text.ceiling = text.size + 4;
    assert_int_equal(print_value(&text).code, TRIB_E_LIMIT);
    assert_int_equal(trib_json_print(NULL, &text).code, TRIB_E_IO);
    assert_int_equal(text.size, sizeof expected - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_a_text_is_whole_or_none),
        cmocka_unit_test(keys_are_sorted_and_numbers_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
