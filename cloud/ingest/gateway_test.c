/* The table of gateways, and updates put together from their chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "cloud/ingest/gateway.h"

enum { MOST = 1000, CHUNK = 300, ROOM = 2048 };

static const trib_crypto *crypto;
static cloud_gateway_table table;
static cloud_gateway *gateway;

static int set_up(void **state) {
    (void)state;
    crypto = trib_crypto_host();
    table = (cloud_gateway_table){.ceiling = 40};
    assert_true(trib_ok(cloud_gateway_add(&table, "press-1", &gateway)));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    cloud_gateway_table_deinit(&table);
    return 0;
}

/* ---- the table ----------------------------------------------------------------------------- */

static void gateways_are_found_by_name_and_kept_in_its_order(void **state) {
    (void)state;
    for (unsigned i = 0; i < 39; i++) {
        char name[TRIB_NAME_SIZE];
        cloud_gateway *added, *again;
        (void)snprintf(name, sizeof name, "g%u", (i * 17) % 39);
        assert_true(trib_ok(cloud_gateway_add(&table, name, &added)));
        assert_string_equal(added->name, name);
        assert_true(trib_ok(cloud_gateway_add(&table, name, &again)));
        assert_ptr_equal(added, again);
    }
    assert_int_equal(table.count, 40);
    for (size_t i = 0; i < table.count; i++) {
        assert_true(i == 0 || strcmp(table.gateways[i - 1]->name, table.gateways[i]->name) < 0);
        assert_ptr_equal(cloud_gateway_find(&table, table.gateways[i]->name), table.gateways[i]);
    }
    assert_ptr_equal(cloud_gateway_find(&table, "press-1"), gateway); /* it has not moved */
    assert_null(cloud_gateway_find(&table, "g39"));
    assert_null(cloud_gateway_find(&table, ""));
}

static void a_full_table_and_names_that_cannot_be_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", "all", "Press", "a/b", "a+"};
    cloud_gateway *added = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(cloud_gateway_add(&table, bad[i], &added).code, TRIB_E_LIMIT);
    }
    table.ceiling = 2;
    assert_true(trib_ok(cloud_gateway_add(&table, "press-2", &added)));
    assert_int_equal(cloud_gateway_add(&table, "press-3", &added).code, TRIB_E_LIMIT);
    assert_true(trib_ok(cloud_gateway_add(&table, "press-1", &added))); /* that is there */
    assert_int_equal(table.count, 2);
}

/* ---- chunks -------------------------------------------------------------------------------- */

/* An update of `size` bytes that follow from `seed`, and how its chunks say what they are. */
typedef struct sender {
    uint8_t bytes[MOST + 1];
    trib_wire_UpdateChunk chunk;
    trib_bytes data;
} sender;

static void make(sender *from, uint64_t round, uint8_t seed, uint32_t size) {
    uint8_t digest[TRIB_HASH_BYTES];
    for (uint32_t i = 0; i < size; i++) {
        from->bytes[i] = (uint8_t)(i * 5 + seed);
    }
    assert_true(trib_ok(crypto->sha256(trib_bytes_of(from->bytes, size), digest)));
    from->chunk = (trib_wire_UpdateChunk)trib_wire_UpdateChunk_init_zero;
    from->chunk.round = round;
    from->chunk.size = size;
    from->chunk.count = (size + CHUNK - 1) / CHUNK;
    TRIB_WIRE_SET_BYTES(from->chunk.digest, digest, sizeof digest);
}

static void point_to(sender *from, uint32_t index) {
    uint32_t first = index * CHUNK, left = from->chunk.size - first;
    from->chunk.index = index;
    from->data = trib_bytes_of(from->bytes + first, left < CHUNK ? left : CHUNK);
}

/* Gives the chunk as it stands to the gateway. */
static trib_code give(sender *from, trib_bytes *ret_whole) {
    uint8_t storage[ROOM];
    trib_writer writer = trib_writer_of(storage, sizeof storage);
    trib_wire_put(&from->chunk.data, &from->data);
    assert_true(trib_ok(TRIB_WIRE_ENCODE(UpdateChunk, &from->chunk, &writer)));
    return cloud_gateway_chunk(crypto, gateway, trib_written(&writer), MOST, ret_whole).code;
}

static trib_code give_chunk(sender *from, uint32_t index, trib_bytes *ret_whole) {
    point_to(from, index);
    return give(from, ret_whole);
}

static bool nothing_is_under_way(void) {
    return gateway->assembly.bytes == NULL;
}

/* From its first chunk to its last, it comes together. */
static void goes_through(sender *from) {
    trib_bytes whole;
    for (uint32_t i = 0; i < from->chunk.count; i++) {
        assert_int_equal(give_chunk(from, i, &whole), TRIB_OK);
        assert_int_equal(whole.size, i + 1 < from->chunk.count ? 0 : from->chunk.size);
    }
    assert_memory_equal(whole.data, from->bytes, from->chunk.size);
}

static void chunks_in_order_make_the_whole(void **state) {
    (void)state;
    sender from;
    const uint32_t sizes[] = {1, CHUNK, CHUNK + 1, 3 * CHUNK, MOST};
    for (size_t i = 0; i < 5; i++) {
        make(&from, 6, (uint8_t)i, sizes[i]);
        goes_through(&from);
        assert_int_equal(gateway->assembly.round, 6);
        assert_memory_equal(gateway->assembly.digest, from.chunk.digest.bytes, TRIB_HASH_BYTES);
        cloud_gateway_forget_assembly(gateway);
    }
}

static void a_chunk_that_does_not_follow_is_refused_and_drops_what_was_under_way(void **state) {
    (void)state;
    sender from;
    trib_bytes whole;
    make(&from, 6, 1, 3 * CHUNK);
    for (int way = 0; way < 6; way++) {
        assert_int_equal(give_chunk(&from, 0, &whole), TRIB_OK);
        sender other = from;
        point_to(&other, way == 0 ? 2 : 1); /* 0: one was left out */
        other.chunk.round += way == 1;
        other.chunk.count += way == 2;
        other.chunk.size += way == 3;
        other.chunk.digest.bytes[31] ^= way == 4;
        if (way == 5) { /* the same again */
            assert_int_equal(give(&other, &whole), TRIB_OK);
        }
        assert_int_equal(give(&other, &whole), TRIB_E_CORRUPT);
        assert_true(nothing_is_under_way());
        assert_int_equal(give_chunk(&from, 1, &whole), TRIB_E_CORRUPT);
        assert_int_equal(give_chunk(&from, 2, &whole), TRIB_E_CORRUPT);
    }
    goes_through(&from);
}

static void a_chunk_whose_sizes_cannot_be_is_refused_and_leaves_the_rest_alone(void **state) {
    (void)state;
    sender from, other;
    trib_bytes whole;
    make(&from, 6, 1, 2 * CHUNK);
    assert_int_equal(give_chunk(&from, 0, &whole), TRIB_OK);
    for (int way = 0; way < 8; way++) {
        make(&other, 7, 2, 2 * CHUNK);
        point_to(&other, 0);
        switch (way) {
        case 0:
            other.chunk.size = 0;
            break;
        case 1:
            other.chunk.size = MOST + 1;
            break;
        case 2:
            other.chunk.size = UINT32_MAX;
            break;
        case 3:
            other.chunk.count = 0;
            break;
        case 4:
            other.chunk.index = other.chunk.count;
            break;
        case 5:
            other.data.size = 0;
            break;
        case 6:
            other.chunk.size = (uint32_t)other.data.size - 1;
            break;
        default:
            other.chunk.digest.size--;
            break;
        }
        assert_int_equal(give(&other, &whole), TRIB_E_CORRUPT);
        assert_int_equal(gateway->assembly.round, 6);
    }
    assert_int_equal(give_chunk(&from, 1, &whole), TRIB_OK);
    assert_int_equal(whole.size, from.chunk.size);
}

static void a_whole_shorter_or_longer_than_promised_is_refused(void **state) {
    (void)state;
    sender from;
    trib_bytes whole;
    make(&from, 6, 1, 2 * CHUNK);
    assert_int_equal(give_chunk(&from, 0, &whole), TRIB_OK);
    point_to(&from, 1);
    from.data.size--;
    assert_int_equal(give(&from, &whole), TRIB_E_CORRUPT);
    assert_true(nothing_is_under_way());
    assert_int_equal(give_chunk(&from, 0, &whole), TRIB_OK);
    point_to(&from, 1);
    from.data.size++;
    assert_int_equal(give(&from, &whole), TRIB_E_CORRUPT);
    assert_true(nothing_is_under_way());
    goes_through(&from);
}

static void a_chunk_with_more_than_is_left_is_refused_at_once(void **state) {
    (void)state;
    sender from;
    trib_bytes whole;
    make(&from, 6, 1, 3 * CHUNK);
    from.chunk.size = 2 * CHUNK; /* of three chunks */
    for (uint32_t i = 0; i < 2; i++) {
        point_to(&from, i);
        from.data = trib_bytes_of(from.bytes, i == 0 ? CHUNK : CHUNK + 1);
        assert_int_equal(give(&from, &whole), i == 0 ? TRIB_OK : TRIB_E_CORRUPT);
    }
    assert_true(nothing_is_under_way());
}

static void a_whole_that_is_not_its_digest_is_refused(void **state) {
    (void)state;
    sender from;
    trib_bytes whole;
    make(&from, 6, 1, 2 * CHUNK);
    assert_int_equal(give_chunk(&from, 0, &whole), TRIB_OK);
    from.bytes[CHUNK + 7] ^= 1;
    assert_int_equal(give_chunk(&from, 1, &whole), TRIB_E_CORRUPT);
    assert_true(nothing_is_under_way());
    from.bytes[CHUNK + 7] ^= 1;
    goes_through(&from);
}

static void another_updates_first_chunk_starts_anew(void **state) {
    (void)state;
    sender first, second;
    trib_bytes whole;
    make(&first, 6, 1, 3 * CHUNK);
    make(&second, 7, 2, 2 * CHUNK);
    assert_int_equal(give_chunk(&first, 0, &whole), TRIB_OK);
    assert_int_equal(give_chunk(&first, 1, &whole), TRIB_OK);
    goes_through(&second);
    assert_int_equal(give_chunk(&second, 0, &whole), TRIB_OK);
    assert_int_equal(give_chunk(&first, 2, &whole), TRIB_E_CORRUPT); /* of what was interrupted */
    assert_int_equal(give_chunk(&second, 1, &whole), TRIB_E_CORRUPT);
    goes_through(&first);                                     /* sent again from the start */
    assert_int_equal(give_chunk(&first, 0, &whole), TRIB_OK); /* and again in mid-air */
    goes_through(&first);
}

static void bytes_that_are_no_chunk_are_refused_at_any_length(void **state) {
    (void)state;
    sender from;
    trib_bytes whole;
    uint8_t storage[ROOM];
    make(&from, 6, 1, CHUNK);
    point_to(&from, 0);
    trib_writer writer = trib_writer_of(storage, sizeof storage);
    trib_wire_put(&from.chunk.data, &from.data);
    assert_true(trib_ok(TRIB_WIRE_ENCODE(UpdateChunk, &from.chunk, &writer)));
    for (size_t cut = 0; cut < writer.size; cut++) {
        assert_int_equal(
            cloud_gateway_chunk(crypto, gateway, trib_bytes_of(storage, cut), MOST, &whole).code,
            TRIB_E_CORRUPT);
    }
    assert_true(nothing_is_under_way());
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(gateways_are_found_by_name_and_kept_in_its_order),
        CASE(a_full_table_and_names_that_cannot_be_are_refused),
        CASE(chunks_in_order_make_the_whole),
        CASE(a_chunk_that_does_not_follow_is_refused_and_drops_what_was_under_way),
        CASE(a_chunk_whose_sizes_cannot_be_is_refused_and_leaves_the_rest_alone),
        CASE(a_whole_shorter_or_longer_than_promised_is_refused),
        CASE(a_chunk_with_more_than_is_left_is_refused_at_once),
        CASE(a_whole_that_is_not_its_digest_is_refused),
        CASE(another_updates_first_chunk_starts_anew),
        CASE(bytes_that_are_no_chunk_are_refused_at_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
