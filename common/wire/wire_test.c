#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/random.h"
#include "common/wire/topic.h"
#include "common/wire/wire.h"

static void long_fields_go_in_as_views_and_come_out_as_views(void **state) {
    (void)state;
    static uint8_t data[70000], storage[80000];
    memset(data, 0x5a, sizeof data);
    trib_bytes in = trib_bytes_of(data, sizeof data), out;
    trib_wire_UpdateChunk chunk = trib_wire_UpdateChunk_init_zero;
    chunk.round = 1ull << 32 | 7;
    chunk.count = 3;
    TRIB_WIRE_SET_BYTES(chunk.digest, data, 32);
    trib_wire_put(&chunk.data, &in);
    trib_writer writer = trib_writer_of(storage, sizeof storage);
    assert_true(trib_ok(TRIB_WIRE_ENCODE(UpdateChunk, &chunk, &writer)));

    trib_wire_UpdateChunk back = trib_wire_UpdateChunk_init_zero;
    trib_wire_catch(&back.data, &out);
    assert_true(trib_ok(TRIB_WIRE_DECODE(UpdateChunk, trib_written(&writer), &back)));
    assert_int_equal(back.round, chunk.round);
    assert_int_equal(back.count, 3);
    assert_int_equal(back.digest.size, 32);
    assert_true(trib_bytes_equal(in, out));
    assert_true(out.data > storage && out.data + out.size <= storage + writer.size);
}

static void telemetry_comes_out_as_it_went_in(void **state) {
    (void)state;
    static uint8_t times[8 * 1024], numbers[4 * 12288], labels[1024], storage[64 * 1024];
    memset(times, 1, sizeof times);
    memset(numbers, 2, sizeof numbers);
    memset(labels, 3, sizeof labels);
    const trib_bytes in[] = {trib_bytes_of(times, sizeof times),
                             trib_bytes_of(numbers, sizeof numbers),
                             trib_bytes_of(labels, sizeof labels)};
    trib_wire_Telemetry message = trib_wire_Telemetry_init_zero,
                        back = trib_wire_Telemetry_init_zero;
    message.level = trib_wire_TelemetryLevel_TELEMETRY_LEVEL_RAW;
    message.clock_unsure = true;
    message.columns = 12;
    TRIB_WIRE_SET_BYTES(message.meaning, times, 32);
    trib_wire_put(&message.times_us, &in[0]);
    trib_wire_put(&message.values, &in[1]);
    trib_wire_put(&message.labels, &in[2]);
    trib_writer writer = trib_writer_of(storage, sizeof storage);
    assert_true(trib_ok(TRIB_WIRE_ENCODE(Telemetry, &message, &writer))); /* the largest fits */
    trib_bytes out[3];
    trib_wire_catch(&back.times_us, &out[0]);
    trib_wire_catch(&back.values, &out[1]);
    trib_wire_catch(&back.labels, &out[2]);
    assert_true(trib_ok(TRIB_WIRE_DECODE(Telemetry, trib_written(&writer), &back)));
    assert_int_equal(back.level, message.level);
    assert_true(back.clock_unsure);
    assert_int_equal(back.columns, 12);
    assert_int_equal(back.meaning.size, 32);
    for (size_t i = 0; i < 3; i++) {
        assert_true(trib_bytes_equal(in[i], out[i]));
    }
}

static void a_message_cut_anywhere_never_reads_past_its_end(void **state) {
    (void)state;
    uint8_t data[300] = {1}, storage[600];
    trib_bytes in = trib_bytes_of(data, sizeof data);
    trib_wire_Join join = trib_wire_Join_init_zero;
    strcpy(join.federation, "plant");
    strcpy(join.gateway, "press-1");
    join.has_capabilities = true;
    join.capabilities.codecs = 6;
    trib_wire_put(&join.chain, &in);
    trib_writer writer = trib_writer_of(storage, sizeof storage);
    assert_true(trib_ok(TRIB_WIRE_ENCODE(Join, &join, &writer)));
    size_t refused = 0;
    for (size_t cut = 0; cut < writer.size; cut++) {
        static uint8_t copy[600];
        memcpy(copy, storage, cut);
        trib_wire_Join back = trib_wire_Join_init_zero;
        trib_bytes chain;
        trib_wire_catch(&back.chain, &chain);
        refused += !trib_ok(TRIB_WIRE_DECODE(Join, trib_bytes_of(copy, cut), &back));
        assert_true(chain.size == 0 || chain.data + chain.size <= copy + cut);
    }
    assert_true(refused > writer.size / 2);
}

static void a_message_without_room_is_not_written_in_part(void **state) {
    (void)state;
    uint8_t data[40] = {1}, storage[200];
    size_t size = 0;
    trib_bytes in = trib_bytes_of(data, sizeof data), nothing = {NULL, 0};
    trib_wire_Join join = trib_wire_Join_init_zero;
    strcpy(join.gateway, "press-1");
    trib_wire_put(&join.chain, &in);
    assert_true(trib_ok(trib_wire_size(trib_wire_Join_fields, &join, &size)));
    for (size_t room = 0; room <= size; room++) {
        trib_writer writer = trib_writer_of(storage, room);
        assert_int_equal(TRIB_WIRE_ENCODE(Join, &join, &writer).code,
                         room < size ? TRIB_E_LIMIT : TRIB_OK);
        assert_int_equal(writer.size, room < size ? 0 : size);
    }
    trib_writer full = {.data = storage, .capacity = sizeof storage, .overflow = true};
    assert_int_equal(TRIB_WIRE_ENCODE(Join, &join, &full).code, TRIB_E_LIMIT);
    trib_wire_put(&join.chain, &nothing); /* an empty view is a field that is not there */
    size_t without = 0;
    assert_true(trib_ok(trib_wire_size(trib_wire_Join_fields, &join, &without)));
    assert_int_equal(without, size - sizeof data - 2);
    memset(join.gateway, 'x', sizeof join.gateway); /* a text that does not end */
    assert_int_equal(trib_wire_size(trib_wire_Join_fields, &join, &size).code, TRIB_E_ARGUMENT);
}

/* The body of Signed is its field 1. */
static void a_view_of_another_wire_type_is_refused(void **state) {
    (void)state;
    static const uint8_t varint[] = {1 << 3 | 0, 0xff, 0xff, 0xff, 0xff, 0x0f};
    static const uint8_t fixed64[] = {1 << 3 | 1, 1, 2, 3, 4, 5, 6, 7, 8};
    static const uint8_t fixed32[] = {1 << 3 | 5, 1, 2, 3, 4};
    const trib_bytes scalars[] = {trib_bytes_of(varint, sizeof varint),
                                  trib_bytes_of(fixed64, sizeof fixed64),
                                  trib_bytes_of(fixed32, sizeof fixed32)};
    for (size_t i = 0; i < sizeof scalars / sizeof scalars[0]; i++) {
        trib_wire_Signed message = trib_wire_Signed_init_zero;
        trib_bytes body;
        trib_wire_catch(&message.body, &body);
        trib_status status = TRIB_WIRE_DECODE(Signed, scalars[i], &message);
        assert_int_equal(status.code, TRIB_E_CORRUPT);
        assert_int_equal(body.size, 0);
    }
}

static void noise_is_refused_or_decoded_but_never_harmful(void **state) {
    (void)state;
    trib_random random;
    trib_random_init(&random, 11, "", 0, TRIB_PURPOSE_TEST);
    for (int i = 0; i < 20000; i++) {
        uint8_t noise[64];
        for (size_t j = 0; j < sizeof noise; j++) {
            noise[j] = (uint8_t)trib_random_u32(&random);
        }
        trib_wire_Round round = trib_wire_Round_init_zero;
        trib_ignore(TRIB_WIRE_DECODE(
            Round, trib_bytes_of(noise, trib_random_below(&random, sizeof noise)), &round));
        assert_true(round.salt.size <= 16);
    }
}

static void topics_are_read_as_they_are_written(void **state) {
    (void)state;
    for (int kind = 1; kind < TRIB_TOPIC_KIND_END; kind++) {
        trib_topic topic = {.kind = (trib_topic_kind)kind, .federation = "plant-2"};
        if (kind < TRIB_TOPIC_ALL_FEDERATION) {
            strcpy(topic.gateway, "press-1");
        }
        if (kind == TRIB_TOPIC_ALL_OBJECT) {
            memset(topic.object_id, 0xab, sizeof topic.object_id);
            topic.chunk = 1050;
        }
        char text[TRIB_TOPIC_SIZE];
        trib_topic_format(&topic, text);
        trib_topic back;
        assert_true(trib_ok(trib_topic_parse(text, strlen(text), &back)));
        assert_memory_equal(&back, &topic, sizeof topic);
    }
}

static void other_topics_are_refused(void **state) {
    (void)state;
    const char *const bad[] = {
        "",
        "tributary/v1/",
        "tributary/v2/a/b/up/join",
        "tributary/v1/a/b/up/joins",
        "tributary/v1/a/b/up/join/",
        "tributary/v1/A/b/up/join",
        "tributary/v1/a/all/up/join",
        "tributary/v1/all/b/up/join",
        "tributary/v1/a/b/round",
        "tributary/v1/a//up/join",
        "tributary/v1/a/all/object/00112233445566778899aabbccddeeff/",
        "tributary/v1/a/all/object/00112233445566778899aabbccddeeff/01",
        "tributary/v1/a/all/object/00112233445566778899AABBccddeeff/1",
        "tributary/v1/a/all/object/0011223344556677889gaabbccddeeff/1",
        "tributary/v1/a/all/object/00112233445566778899aabbccddeeff/1x",
        "tributary/v1/a/all/object/00112233445566778899aabbccddeeff/1/",
        "tributary/v1/a/b-",
        "tributary/v1/a/alt/round",
        "tributary/v1/a/all/object/00112233445566778899aabbccddeef/12",
        "tributary/v1/a/all/object/00112233445566778899aabbccddeeff/1234567"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        trib_topic topic;
        assert_int_equal(trib_topic_parse(bad[i], strlen(bad[i]), &topic).code, TRIB_E_CORRUPT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_fields_go_in_as_views_and_come_out_as_views),
        cmocka_unit_test(telemetry_comes_out_as_it_went_in),
        cmocka_unit_test(a_message_cut_anywhere_never_reads_past_its_end),
        cmocka_unit_test(a_message_without_room_is_not_written_in_part),
        cmocka_unit_test(a_view_of_another_wire_type_is_refused),
        cmocka_unit_test(noise_is_refused_or_decoded_but_never_harmful),
        cmocka_unit_test(topics_are_read_as_they_are_written),
        cmocka_unit_test(other_topics_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
