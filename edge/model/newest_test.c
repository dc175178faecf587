/* One model for one file, as long as somebody has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/heap.h"
#include "edge/model/newest.h"

static const char document[] =
    "federation: plant\nseed: 11\n"
    "source: {rate_hz: 10, timestamp: {column: t, unit: ms}, channels: [x, y], targets: [load]}\n"
    "pipeline: {window: {rows: 4, hop: 2}, features: [mean], normalise: false}\n"
    "model: {task: regress, layers: [{kind: dense, units: 1}]}\n"
    "training: {epochs: 1, batch: 8, optimiser: sgd, rate: 0.05}\n"
    "rounds: {maximum: 9, quorum: 2, gateways: 2, deadline_s: 10}\n"
    "strategy: {kind: fedavg}\nupdate: {codec: float32, clip_norm: 4}\n";

static const trib_crypto *crypto;

static void make_file(float value, trib_buffer *ret_file) {
    trib_federation *federation = trib_allocate(1, sizeof *federation);
    trib_model *model = NULL;
    *ret_file = (trib_buffer){.ceiling = 1 << 20};
    assert_true(trib_ok(trib_federation_parse("test", trib_bytes_text(document), federation)));
    assert_true(trib_ok(trib_model_create(crypto, federation, &model)));
    model->parameters[0] = value;
    assert_true(trib_ok(trib_model_write(model, ret_file)));
    trib_model_destroy(model);
    trib_free(federation);
}

static trib_model *read_file(edge_newest *newest, const trib_buffer *file) {
    uint8_t digest[TRIB_HASH_BYTES], expected[TRIB_HASH_BYTES];
    trib_model *model = NULL;
    assert_true(trib_ok(edge_newest_read(newest, crypto, trib_buffer_view(file), &model, digest)));
    assert_true(trib_ok(crypto->sha256(trib_buffer_view(file), expected)));
    assert_memory_equal(digest, expected, sizeof digest);
    return model;
}

static void same_file_is_one_model(void **state) {
    (void)state;
    edge_newest newest = {0};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {0};
    make_file(3, &file);
    trib_model *base = read_file(&newest, &file), *release = read_file(&newest, &file);
    assert_ptr_equal(base, release);
    edge_newest_forget(&newest);
    trib_model_destroy(base);
    assert_true(release->parameters[0] == 3); /* what is freed is written over in tests */
    trib_model_destroy(release);
}

static void another_file_is_another_model(void **state) {
    (void)state;
    edge_newest newest = {0};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer first = {0}, second = {0};
    make_file(3, &first);
    make_file(4, &second);
    trib_model *before = read_file(&newest, &first), *after = read_file(&newest, &second);
    assert_true(before->parameters[0] == 3 && after->parameters[0] == 4);
    trib_model_destroy(before);
    trib_model_destroy(after);
    edge_newest_forget(&newest);
}

static void damaged_file_gives_none_and_says_so(void **state) {
    (void)state;
    edge_newest newest = {0};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {0};
    make_file(3, &file);
    trib_model_destroy(read_file(&newest, &file));
    file.data[file.size - 1] = 0xff;
    file.data[file.size - 2] = 0xff; /* a NaN */
    uint8_t digest[TRIB_HASH_BYTES];
    trib_model *model = NULL;
    assert_int_equal(
        edge_newest_read(&newest, crypto, trib_buffer_view(&file), &model, digest).code,
        TRIB_E_CORRUPT);
    assert_null(model);
    edge_newest_forget(&newest);
}

int main(void) {
    crypto = trib_crypto_host();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_file_is_one_model),
        cmocka_unit_test(another_file_is_another_model),
        cmocka_unit_test(damaged_file_gives_none_and_says_so),
    };
    return cmocka_run_group_tests_name("newest", tests, NULL, NULL);
}
