#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/arena.h"
#include "common/base/heap.h"
#include "common/base/span.h"

static void what_was_written_is_read_back(void **state) {
    (void)state;
    uint8_t storage[64];
    trib_writer writer = trib_writer_of(storage, sizeof storage);
    trib_write_u8(&writer, 200);
    trib_write_u16(&writer, 60000);
    trib_write_u32(&writer, 4000000000u);
    trib_write_u64(&writer, 1ull << 63);
    trib_write_f32(&writer, -1.5f);
    trib_write_f64(&writer, 1e300);
    assert_false(writer.overflow);
    assert_int_equal(storage[1], 0x60); /* little-endian on any machine */
    trib_cursor cursor = trib_cursor_of(trib_written(&writer));
    uint8_t a;
    uint16_t b;
    uint32_t c;
    uint64_t d;
    float e;
    double f;
    assert_true(trib_ok(trib_read_u8(&cursor, &a)) && a == 200);
    assert_true(trib_ok(trib_read_u16(&cursor, &b)) && b == 60000);
    assert_true(trib_ok(trib_read_u32(&cursor, &c)) && c == 4000000000u);
    assert_true(trib_ok(trib_read_u64(&cursor, &d)) && d == 1ull << 63);
    assert_true(trib_ok(trib_read_f32(&cursor, &e)) && e == -1.5f);
    assert_true(trib_ok(trib_read_f64(&cursor, &f)) && f == 1e300);
    assert_int_equal(cursor.left, 0);
    a = 77;
    assert_int_equal(trib_read_u8(&cursor, &a).code, TRIB_E_CORRUPT);
    assert_int_equal(a, 77);
}

static void a_full_writer_stays_full(void **state) {
    (void)state;
    uint8_t storage[3] = {0};
    trib_writer writer = trib_writer_of(storage, sizeof storage);
    trib_write_u16(&writer, 1);
    trib_write_u16(&writer, 2);
    trib_write_u8(&writer, 3); /* would fit, but comes after what did not */
    assert_true(writer.overflow);
    assert_int_equal(writer.size, 2);
    assert_int_equal(storage[2], 0);
}

static void hexadecimal_goes_both_ways_and_refuses_other_text(void **state) {
    (void)state;
    const uint8_t bytes[3] = {0x00, 0xab, 0xff};
    char text[7];
    trib_hex(trib_bytes_of(bytes, 3), text);
    assert_string_equal(text, "00abff");
    uint8_t back[3];
    assert_true(trib_ok(trib_unhex("00ABff", back, 3)));
    assert_memory_equal(back, bytes, 3);
    assert_int_equal(trib_unhex("00abf", back, 3).code, TRIB_E_CORRUPT);
    assert_int_equal(trib_unhex("00abfg", back, 3).code, TRIB_E_CORRUPT);
}

static void an_arena_aligns_and_refuses_what_does_not_fit(void **state) {
    (void)state;
    static uint8_t block[1024];
    trib_arena arena;
    trib_arena_init(&arena, block + 1, sizeof block - 1);
    void *first = trib_arena_take(&arena, 3, 1);
    void *second = trib_arena_take(&arena, 10, 8);
    assert_non_null(first);
    assert_int_equal((uintptr_t)second % TRIB_ARENA_ALIGNMENT, 0);
    size_t used = arena.used_bytes;
    assert_null(trib_arena_take(&arena, 1024, 1));
    assert_null(trib_arena_take(&arena, SIZE_MAX / 2, 4));
    assert_int_equal(arena.used_bytes, used);
}

static void a_buffer_grows_to_its_ceiling_and_no_further(void **state) {
    (void)state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer buffer = {.ceiling = 1000};
    uint8_t piece[400];
    memset(piece, 9, sizeof piece);
    assert_true(trib_ok(trib_buffer_append(&buffer, trib_bytes_of(piece, 400))));
    assert_true(trib_ok(trib_buffer_append(&buffer, trib_bytes_of(piece, 400))));
    assert_int_equal(trib_buffer_append(&buffer, trib_bytes_of(piece, 400)).code, TRIB_E_LIMIT);
    assert_int_equal(buffer.size, 800);
    assert_int_equal(buffer.data[799], 9);
    trib_buffer_clear(&buffer);
    assert_true(trib_ok(trib_buffer_print(&buffer, "%s-%d", "x", 42)));
    assert_memory_equal(buffer.data, "x-42", 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(a_full_writer_stays_full),
        cmocka_unit_test(hexadecimal_goes_both_ways_and_refuses_other_text),
        cmocka_unit_test(an_arena_aligns_and_refuses_what_does_not_fit),
        cmocka_unit_test(a_buffer_grows_to_its_ceiling_and_no_further),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
