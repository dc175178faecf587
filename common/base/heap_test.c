/* Buffers that grow, up to their ceiling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/heap.h"

static void what_is_asked_for_first_is_reserved_exactly(void **state) {
    (void)state;
    const size_t sizes[] = {1, 63, 1000, 123457, 1 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer buffer = {.ceiling = 1 << 20};
        assert_true(trib_ok(trib_buffer_reserve(&buffer, sizes[i])));
        assert_int_equal(buffer.capacity, sizes[i]);
        assert_int_equal(buffer.size, 0);
        const uint8_t *data = buffer.data;
        assert_true(trib_ok(trib_buffer_reserve(&buffer, sizes[i]))); /* there is room */
        assert_ptr_equal(buffer.data, data);
    }
    trib_buffer none = {.ceiling = 10};
    assert_true(trib_ok(trib_buffer_reserve(&none, 0)));
    assert_null(none.data);
}

/* So that appending byte by byte copies each only a few times. */
static void whoever_goes_on_gets_twice_as_much(void **state) {
    (void)state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer buffer = {.ceiling = 1 << 20};
    size_t moves = 0;
    for (size_t i = 0; i < 100000; i++) {
        const uint8_t byte = (uint8_t)(i * 7);
        size_t before = buffer.capacity;
        assert_true(trib_ok(trib_buffer_append(&buffer, trib_bytes_of(&byte, 1))));
        moves += buffer.capacity != before;
    }
    assert_true(moves <= 18);
    for (size_t i = 0; i < 100000; i++) {
        assert_int_equal(buffer.data[i], (uint8_t)(i * 7));
    }
}

static void a_large_piece_is_made_room_for_at_once(void **state) {
    (void)state;
    static const uint8_t piece[5000] = {1, 2, 3};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer buffer = {.ceiling = 1 << 20};
    assert_true(trib_ok(trib_buffer_append(&buffer, trib_bytes_text("ab"))));
    assert_true(trib_ok(trib_buffer_append(&buffer, trib_bytes_of(piece, sizeof piece))));
    assert_int_equal(buffer.size, 5002);
    assert_true(buffer.capacity >= 5002 && buffer.capacity < 2 * 5002);
    assert_memory_equal(buffer.data, "ab", 2);
    assert_memory_equal(buffer.data + 2, piece, sizeof piece);
}

static void nothing_grows_past_its_ceiling_and_all_of_that_may_be_used(void **state) {
    (void)state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer buffer = {.ceiling = 100};
    for (size_t size = 0; size < 100; size++) {
        assert_true(trib_ok(trib_buffer_append(&buffer, trib_bytes_text("x"))));
        assert_true(buffer.capacity <= 100);
    }
    const size_t too_much[] = {1, 64, SIZE_MAX - 99, SIZE_MAX};
    for (size_t i = 0; i < sizeof too_much / sizeof too_much[0]; i++) {
        assert_int_equal(trib_buffer_reserve(&buffer, too_much[i]).code, TRIB_E_LIMIT);
    }
    assert_int_equal(trib_buffer_append(&buffer, trib_bytes_text("x")).code, TRIB_E_LIMIT);
    assert_int_equal(buffer.size, 100);
    trib_buffer fresh = {.ceiling = 100};
    assert_int_equal(trib_buffer_reserve(&fresh, 101).code, TRIB_E_LIMIT);
    assert_null(fresh.data);
}

/* A piece that takes it from below half its ceiling to just below the whole. */
static void the_last_growth_ends_at_the_ceiling(void **state) {
    (void)state;
    static const uint8_t piece[60];
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer buffer = {.ceiling = 100};
    assert_true(trib_ok(trib_buffer_append(&buffer, trib_bytes_of(piece, 30))));
    assert_true(trib_ok(trib_buffer_append(&buffer, trib_bytes_of(piece, 60))));
    assert_int_equal(buffer.size, 90);
    assert_int_equal(buffer.capacity, 100);
}

static void printing_appends_text_and_room_for_its_zero_alone(void **state) {
    (void)state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer buffer = {.ceiling = 10};
    assert_true(trib_ok(trib_buffer_print(&buffer, "%d-%s", 12, "ab")));
    assert_int_equal(buffer.capacity, 6);
    assert_true(trib_ok(trib_buffer_print(&buffer, "%s", "cdef")));
    assert_true(trib_bytes_equal(trib_buffer_view(&buffer), trib_bytes_text("12-abcdef")));
    assert_int_equal(trib_buffer_print(&buffer, "%s", "g").code, TRIB_E_LIMIT);
    trib_buffer_clear(&buffer);
    assert_non_null(buffer.data); /* its storage is kept */
    trib_buffer_deinit(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.ceiling, 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_for_first_is_reserved_exactly),
        cmocka_unit_test(whoever_goes_on_gets_twice_as_much),
        cmocka_unit_test(a_large_piece_is_made_room_for_at_once),
        cmocka_unit_test(nothing_grows_past_its_ceiling_and_all_of_that_may_be_used),
        cmocka_unit_test(the_last_growth_ends_at_the_ceiling),
        cmocka_unit_test(printing_appends_text_and_room_for_its_zero_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
