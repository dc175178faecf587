/* The model file: what comes back from it, and what is not taken for one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/heap.h"
#include "common/model/model.h"
#include "common/tensor/safetensors.h"
#include "tests/support/memory.h"

static const char network[] =
    "federation: plant\nseed: 11\n"
    "source: {rate_hz: 10, channels: [x, y], label: {column: l, classes: [a, b]}}\n"
    "pipeline: {window: {rows: 8, hop: 8}, output: rows, channels: [x, y]}\n"
    "model: {task: classify, layers: [{kind: conv1d, filters: 3, kernel: 2}, {kind: relu},\n"
    "        {kind: flatten}, {kind: dense, units: 2}]}\n";
static const char other_pipeline[] =
    "federation: plant\nseed: 11\n"
    "source: {rate_hz: 10, channels: [x, y], label: {column: l, classes: [a, b]}}\n"
    "pipeline: {window: {rows: 8, hop: 4}, output: rows, channels: [x, y]}\n"
    "model: {task: classify, layers: [{kind: conv1d, filters: 3, kernel: 2}, {kind: relu},\n"
    "        {kind: flatten}, {kind: dense, units: 2}]}\n";
static const char statistic[] =
    "federation: drift\nseed: 11\n"
    "source: {rate_hz: 10, channels: [x, y]}\n"
    "pipeline: {window: {rows: 8, hop: 4}, features: [mean, last], normalise: false}\n"
    "model: {task: hotelling_t2}\n"
    "update: {codec: float32, clip_norm: 100}\n";

static trib_model *model_of(const char *document) {
    TRIB_SCOPED(trib_free_scoped)
    trib_federation *federation = trib_allocate(1, sizeof *federation);
    trib_model *model = NULL;
    if (!trib_ok(trib_federation_parse("f", trib_bytes_text(document), federation))) {
        fail_msg("%s", trib_message());
    }
    assert_true(trib_ok(trib_model_create(trib_crypto_host(), federation, &model)));
    for (uint32_t i = 0; i < model->parameter_count; i++) {
        model->parameters[i] = 0.5f - (float)i;
    }
    for (uint32_t i = 0; i < model->column_count; i++) {
        model->mean[i] = (float)i;
        model->deviation[i] = 1 + (float)i;
        model->spread[i] = 2 + (float)i;
    }
    model->round = 7;
    return model;
}

static void write(const trib_model *model, trib_buffer *ret_file) {
    *ret_file = (trib_buffer){.ceiling = trib_model_file_ceiling(&model->meaning)};
    assert_true(trib_ok(trib_model_write(model, ret_file)));
}

static trib_code read_code(trib_bytes file) {
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = NULL;
    return trib_model_read(trib_crypto_host(), file, &model).code;
}

static void assert_equal_models(const trib_model *left, const trib_model *right) {
    assert_int_equal(left->round, right->round);
    assert_int_equal(left->parameter_count, right->parameter_count);
    assert_int_equal(left->column_count, right->column_count);
    assert_memory_equal(&left->lineage, &right->lineage, sizeof left->lineage);
    assert_memory_equal(left->parameters, right->parameters, 4 * (size_t)left->parameter_count);
    assert_memory_equal(left->mean, right->mean, 4 * (size_t)left->column_count);
    assert_memory_equal(left->deviation, right->deviation, 4 * (size_t)left->column_count);
    assert_memory_equal(left->spread, right->spread, 4 * (size_t)left->column_count);
}

static void a_model_comes_back_and_is_written_to_the_same_bytes(void **state) {
    (void)state;
    const char *const documents[] = {network, statistic};
    for (size_t i = 0; i < 2; i++) {
        TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = model_of(documents[i]);
        TRIB_SCOPED(trib_model_destroy_scoped) trib_model *back = NULL;
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer file, again;
        write(model, &file);
        assert_true(trib_ok(trib_model_read(trib_crypto_host(), trib_buffer_view(&file), &back)));
        assert_equal_models(model, back);
        assert_string_equal(back->meaning.name, model->meaning.name);
        write(back, &again);
        assert_true(trib_bytes_equal(trib_buffer_view(&file), trib_buffer_view(&again)));
    }
}

static void a_copy_is_its_own_and_a_shared_model_outlives_one_owner(void **state) {
    (void)state;
    trib_model *model = model_of(network), *copy = NULL;
    assert_true(trib_ok(trib_model_copy(model, &copy)));
    assert_equal_models(model, copy);
    copy->parameters[0]++;
    assert_true(model->parameters[0] == 0.5f);
    trib_model_destroy(copy);
    trib_model *shared = trib_model_share(model);
    trib_model_destroy(model);
    assert_true(shared->parameters[0] == 0.5f);
    trib_model_destroy(shared);
    trib_model_destroy(NULL);
}

/* Each number of the file in turn. */
static void a_model_that_holds_no_number_or_spreads_nothing_is_refused(void **state) {
    (void)state;
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = model_of(network);
    const float bad[] = {NAN, INFINITY, -INFINITY};
    const struct {
        float *values;
        uint32_t count;
        bool positive;
    } all[] = {{model->parameters, model->parameter_count, false},
               {model->mean, model->column_count, false},
               {model->deviation, model->column_count, true},
               {model->spread, model->column_count, true}};
    for (size_t i = 0; i < 4; i++) {
        for (uint32_t j = 0; j < all[i].count; j++) {
            float kept = all[i].values[j];
            for (int k = 0; k < 5; k++) {
                TRIB_SCOPED(trib_buffer_deinit) trib_buffer file;
                all[i].values[j] = k < 3 ? bad[k] : k == 3 ? 0 : -1;
                write(model, &file);
                assert_int_equal(read_code(trib_buffer_view(&file)),
                                 k < 3 || all[i].positive ? TRIB_E_CORRUPT : TRIB_OK);
            }
            all[i].values[j] = kept;
        }
    }
}

/* The file again, with one text in place of another of the same length. */
static trib_code code_with(const trib_buffer *file, const char *old, const char *new) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer changed = {.ceiling = file->size};
    assert_true(trib_ok(trib_buffer_append(&changed, trib_buffer_view(file))));
    size_t length = strlen(old), places = 0;
    assert_int_equal(length, strlen(new));
    for (size_t i = 0; i + length <= changed.size; i++) {
        if (memcmp(changed.data + i, old, length) == 0) {
            memcpy(changed.data + i, new, length);
            places++;
        }
    }
    assert_true(places > 0);
    return read_code(trib_buffer_view(&changed));
}

static void metadata_that_is_lacking_or_does_not_fit_is_refused(void **state) {
    (void)state;
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = model_of(network);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer file;
    write(model, &file);
    static const char *const changes[][2] = {
        {"tributary/1", "tributary/2"},
        {"\"format\"", "\"farmot\""},
        {"\"meaning\":", "\"meening\":"},
        {"\"federation\"", "\"federatiom\""},
        {"\"round\":\"7\"", "\"rounf\":\"7\""},
        {"pipeline_sha256", "pipeline_sha257"},
        {"lineage_sha256", "lineage_sha257"},
        {"layers.00.bias", "layers.00.bios"},
        {"[3,2,2]", "[2,3,2]"},
        {"\\\"hop\\\":8", "\\\"hop\\\":4"},
        {"\\\"units\\\":2", "\\\"units\\\":3"},
        {"\\\"kind\\\":\\\"relu", "\\\"kind\\\":\\\"rele"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        if (code_with(&file, changes[i][0], changes[i][1]) != TRIB_E_CORRUPT) {
            fail_msg("%s for %s was taken", changes[i][1], changes[i][0]);
        }
    }
    assert_int_equal(code_with(&file, "\"round\":\"7\"", "\"round\":\"8\""), TRIB_OK);
    for (size_t cut = 0; cut < file.size; cut += 7) {
        assert_int_equal(read_code(trib_bytes_of(file.data, cut)), TRIB_E_CORRUPT);
    }
}

static void hashes_are_those_of_the_meaning_in_the_file(void **state) {
    (void)state;
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = model_of(network);
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *other = model_of(other_pipeline);
    for (int way = 0; way < 2; way++) {
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer file;
        trib_lineage kept = model->lineage;
        memcpy(way ? model->lineage.meaning : model->lineage.pipeline,
               way ? other->lineage.meaning : other->lineage.pipeline, TRIB_HASH_BYTES);
        write(model, &file);
        model->lineage = kept;
        assert_int_equal(read_code(trib_buffer_view(&file)), TRIB_E_CORRUPT);
    }
}

static void a_tensor_too_many_is_refused(void **state) {
    (void)state;
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = model_of(network);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer file, more = {.ceiling = 1 << 20};
    TRIB_SCOPED(trib_safetensors_close_scoped) trib_safetensors *tensors = NULL;
    trib_tensor_view views[16] = {{0}};
    trib_metadata_entry metadata[8];
    static const char *const keys[] = {"federation", "format",          "lineage_sha256",
                                       "meaning",    "pipeline_sha256", "round"};
    write(model, &file);
    assert_true(trib_ok(trib_safetensors_open(trib_buffer_view(&file), &tensors)));
    size_t count = trib_safetensors_count(tensors);
    assert_in_range(count, 1, 15);
    for (size_t i = 0; i < count; i++) {
        views[i] = *trib_safetensors_at(tensors, i);
    }
    for (size_t i = 0; i < 6; i++) {
        metadata[i] = (trib_metadata_entry){keys[i], trib_safetensors_metadata(tensors, keys[i])};
    }
    views[count] = views[count - 1];
    views[count].name = "zzz";
    const trib_safetensors_content content = {views, count + 1, metadata, 6};
    assert_true(trib_ok(trib_safetensors_write(&content, &more)));
    assert_int_equal(read_code(trib_buffer_view(&more)), TRIB_E_CORRUPT);
}

static void without_memory_it_says_so(void **state) {
    (void)state;
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = model_of(network);
    int failures = 0;
    MEMORY_FAILS_EACH_TIME {
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = 1 << 20};
        TRIB_SCOPED(trib_model_destroy_scoped) trib_model *made = NULL;
        TRIB_SCOPED(trib_model_destroy_scoped) trib_model *back = NULL;
        TRIB_SCOPED(trib_model_destroy_scoped) trib_model *copy = NULL;
        trib_status status = trib_model_create(trib_crypto_host(), &model->meaning, &made);
        status = trib_ok(status) ? trib_model_write(model, &file) : status;
        status = trib_ok(status)
                     ? trib_model_read(trib_crypto_host(), trib_buffer_view(&file), &back)
                     : status;
        status = trib_ok(status) ? trib_model_copy(model, &copy) : status;
        assert_true(trib_ok(status) ? copy != NULL : status.code == TRIB_E_IO);
        failures += !trib_ok(status);
    }
    assert_true(failures > 15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_comes_back_and_is_written_to_the_same_bytes),
        cmocka_unit_test(a_copy_is_its_own_and_a_shared_model_outlives_one_owner),
        cmocka_unit_test(a_model_that_holds_no_number_or_spreads_nothing_is_refused),
        cmocka_unit_test(metadata_that_is_lacking_or_does_not_fit_is_refused),
        cmocka_unit_test(hashes_are_those_of_the_meaning_in_the_file),
        cmocka_unit_test(a_tensor_too_many_is_refused),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
