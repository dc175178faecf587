#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/tensor/safetensors.h"

static const float WEIGHTS[6] = {1, 2, 3, 4, 5, 6};
static const int8_t SMALL[3] = {-1, 0, 1};
static const float SCALAR[1] = {0.5f};

static trib_bytes view_of(const void *data, size_t size) {
    return trib_bytes_of(data, size);
}

static void make_tensors(trib_tensor_view ret_tensors[3]) {
    ret_tensors[0] = (trib_tensor_view){"small", TRIB_ELEMENT_I8, 1, {3}, view_of(SMALL, 3)};
    ret_tensors[1] =
        (trib_tensor_view){"weights", TRIB_ELEMENT_F32, 2, {2, 3}, view_of(WEIGHTS, 24)};
    ret_tensors[2] = (trib_tensor_view){"bias", TRIB_ELEMENT_F32, 0, {0}, view_of(SCALAR, 4)};
}

static void write_sample(trib_buffer *out) {
    trib_tensor_view tensors[3];
    make_tensors(tensors);
    const trib_metadata_entry metadata[] = {{"model", "{\"layers\":[]}"}, {"labels", "ok,worn"}};
    trib_safetensors_content content = {tensors, 3, metadata, 2};
    assert_true(trib_ok(trib_safetensors_write(&content, out)));
}

static void a_written_file_reads_back(void **state) {
    (void)state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = 4096};
    write_sample(&file);
    TRIB_SCOPED(trib_safetensors_close_scoped) trib_safetensors *tensors = NULL;
    assert_true(trib_ok(trib_safetensors_open(trib_buffer_view(&file), &tensors)));
    assert_int_equal(trib_safetensors_count(tensors), 3);
    assert_string_equal(trib_safetensors_at(tensors, 0)->name, "bias");
    assert_string_equal(trib_safetensors_at(tensors, 2)->name, "small");
    const trib_tensor_view *weights = trib_safetensors_find(tensors, "weights");
    assert_non_null(weights);
    assert_int_equal(weights->rank, 2);
    assert_int_equal(weights->shape[0], 2);
    assert_int_equal(weights->shape[1], 3);
    assert_true(weights->bytes.data > file.data && weights->bytes.data < file.data + file.size);
    float copy[6];
    assert_true(trib_ok(trib_tensor_copy_f32(weights, copy, 6)));
    assert_memory_equal(copy, WEIGHTS, sizeof WEIGHTS);
    assert_int_equal(trib_tensor_copy_f32(weights, copy, 5).code, TRIB_E_CORRUPT);
    const trib_tensor_view *small = trib_safetensors_find(tensors, "small");
    assert_memory_equal(small->bytes.data, SMALL, sizeof SMALL);
    assert_int_equal(trib_tensor_copy_f32(small, copy, 3).code, TRIB_E_CORRUPT);
    assert_string_equal(trib_safetensors_metadata(tensors, "labels"), "ok,worn");
    assert_string_equal(trib_safetensors_metadata(tensors, "model"), "{\"layers\":[]}");
    assert_null(trib_safetensors_metadata(tensors, "nothing"));
    assert_null(trib_safetensors_find(tensors, "nothing"));
}

static void equal_content_gives_equal_bytes_in_any_order(void **state) {
    (void)state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer first = {.ceiling = 4096};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer second = {.ceiling = 4096};
    write_sample(&first);
    trib_tensor_view tensors[3];
    make_tensors(tensors);
    trib_tensor_view turned[3] = {tensors[2], tensors[1], tensors[0]};
    const trib_metadata_entry metadata[] = {{"labels", "ok,worn"}, {"model", "{\"layers\":[]}"}};
    trib_safetensors_content content = {turned, 3, metadata, 2};
    assert_true(trib_ok(trib_safetensors_write(&content, &second)));
    assert_true(trib_bytes_equal(trib_buffer_view(&first), trib_buffer_view(&second)));
    static const char HEADER[] =
        "{\"__metadata__\":{\"labels\":\"ok,worn\",\"model\":\"{\\\"layers\\\":[]}\"},"
        "\"bias\":{\"data_offsets\":[0,4],\"dtype\":\"F32\",\"shape\":[]},"
        "\"small\":{\"data_offsets\":[28,31],\"dtype\":\"I8\",\"shape\":[3]},"
        "\"weights\":{\"data_offsets\":[4,28],\"dtype\":\"F32\",\"shape\":[2,3]}}";
    assert_int_equal(trib_load_u64(first.data) % 8, 0);
    assert_memory_equal(first.data + 8, HEADER, sizeof HEADER - 1);
    assert_int_equal(first.size, 8 + trib_load_u64(first.data) + 31);
}

static void what_cannot_be_written_leaves_the_buffer_alone(void **state) {
    (void)state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer out = {.ceiling = 4096};
    assert_true(trib_ok(trib_buffer_append(&out, trib_bytes_text("before"))));
    trib_tensor_view tensors[3];
    make_tensors(tensors);
    trib_safetensors_content content = {tensors, 3, NULL, 0};
    tensors[0].bytes.size = 2;
    assert_int_equal(trib_safetensors_write(&content, &out).code, TRIB_E_ARGUMENT);
    make_tensors(tensors);
    tensors[0].name = "weights";
    assert_int_equal(trib_safetensors_write(&content, &out).code, TRIB_E_ARGUMENT);
    tensors[0].name = "__metadata__";
    assert_int_equal(trib_safetensors_write(&content, &out).code, TRIB_E_ARGUMENT);
    tensors[0].name = "\xff";
    assert_int_equal(trib_safetensors_write(&content, &out).code, TRIB_E_ARGUMENT);
    make_tensors(tensors);
    const trib_metadata_entry doubled[] = {{"a", "1"}, {"a", "2"}};
    trib_safetensors_content with_doubled = {tensors, 3, doubled, 2};
    assert_int_equal(trib_safetensors_write(&with_doubled, &out).code, TRIB_E_ARGUMENT);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer narrow = {.ceiling = 64};
    assert_int_equal(trib_safetensors_write(&content, &narrow).code, TRIB_E_LIMIT);
    assert_int_equal(narrow.size, 0);
    assert_int_equal(out.size, 6);
}

typedef struct hostile_file {
    const char *header;
    size_t data_bytes;
    trib_code expected;
} hostile_file;

static trib_code open_header(const char *header, size_t data_bytes) {
    static const uint8_t zeros[64] = {0};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = 1 << 22};
    uint8_t size[8];
    trib_store_u64(size, strlen(header));
    assert_true(trib_ok(trib_buffer_append(&file, trib_bytes_of(size, 8))));
    assert_true(trib_ok(trib_buffer_append(&file, trib_bytes_text(header))));
    assert_true(trib_ok(trib_buffer_append(&file, trib_bytes_of(zeros, data_bytes))));
    TRIB_SCOPED(trib_safetensors_close_scoped) trib_safetensors *tensors = NULL;
    trib_status status = trib_safetensors_open(trib_buffer_view(&file), &tensors);
    assert_int_equal(trib_ok(status), tensors != NULL);
    return status.code;
}

#define F32(name, shape, begin, end)                                                               \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

static void hostile_headers_are_refused(void **state) {
    (void)state;
    static const hostile_file files[] = {
        {"{" F32("a", "[2]", "0", "8") "}", 8, TRIB_OK},
        {"{" F32("a", "[2]", "0", "8") "}   ", 8, TRIB_OK},
        {"{" F32("a", "[0]", "0", "0") "," F32("b", "[1]", "0", "4") "}", 4, TRIB_OK},
        {"{}", 0, TRIB_OK},
        {"{}", 1, TRIB_E_CORRUPT},                               /* bytes of nobody */
        {" {" F32("a", "[2]", "0", "8") "}", 8, TRIB_E_CORRUPT}, /* begins with a space */
        {"[]", 0, TRIB_E_CORRUPT},
        {"{\"a\":", 0, TRIB_E_CORRUPT},
        {"{\"a\":1}", 0, TRIB_E_CORRUPT},
        {"{" F32("a", "[2]", "0", "8") "}", 7, TRIB_E_CORRUPT},  /* past the end */
        {"{" F32("a", "[2]", "0", "8") "}", 12, TRIB_E_CORRUPT}, /* hole at the end */
        {"{" F32("a", "[1]", "4", "8") "}", 8, TRIB_E_CORRUPT},  /* hole at the start */
        {"{" F32("a", "[1]", "8", "4") "}", 8, TRIB_E_CORRUPT},  /* backwards */
        {"{" F32("a", "[2]", "-8", "0") "}", 8, TRIB_E_CORRUPT},
        {"{" F32("a", "[3]", "0", "8") "}", 8, TRIB_E_CORRUPT}, /* shape and size differ */
        {"{" F32("a", "[-2]", "0", "8") "}", 8, TRIB_E_CORRUPT},
        {"{" F32("a", "[2.0]", "0", "8") "}", 8, TRIB_E_CORRUPT},
        {"{" F32("a", "2", "0", "8") "}", 8, TRIB_E_CORRUPT},
        {"{" F32("a", "[4294967296,4294967296,4]", "0", "0") "}", 0, TRIB_E_LIMIT},
        {"{" F32("a", "[9223372036854775807,2]", "0", "0") "}", 0, TRIB_E_LIMIT},
        {"{" F32("a", "[1,1,1,1,1,1,1,1,2]", "0", "8") "}", 8, TRIB_E_LIMIT},
        {"{" F32("a", "[1]", "0", "4") "," F32("b", "[1]", "0", "4") "}", 4, TRIB_E_CORRUPT},
        {"{" F32("a", "[2]", "0", "8") "," F32("b", "[1]", "4", "8") "}", 8, TRIB_E_CORRUPT},
        {"{" F32("a", "[1]", "0", "4") "," F32("b", "[1]", "8", "12") "}", 12, TRIB_E_CORRUPT},
        {"{" F32("a", "[1]", "0", "4") "," F32("a", "[1]", "4", "8") "}", 8, TRIB_E_CORRUPT},
        {"{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, TRIB_E_CORRUPT},
        {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, TRIB_E_CORRUPT},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, TRIB_E_CORRUPT},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, TRIB_E_CORRUPT},
        {"{\"__metadata__\":[]}", 0, TRIB_E_CORRUPT},
        {"{\"__metadata__\":{\"a\":1}}", 0, TRIB_E_CORRUPT},
        {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, TRIB_E_CORRUPT},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        trib_code code = open_header(files[i].header, files[i].data_bytes);
        if (code != files[i].expected) {
            fail_msg("%s with %zu bytes: %s", files[i].header, files[i].data_bytes,
                     trib_code_name(code));
        }
    }
}

static void header_sizes_that_lie_are_refused(void **state) {
    (void)state;
    uint8_t file[16] = {0};
    trib_safetensors *tensors = NULL;
    assert_int_equal(trib_safetensors_open(trib_bytes_of(file, 7), &tensors).code, TRIB_E_CORRUPT);
    assert_int_equal(trib_safetensors_open(trib_bytes_of(file, 8), &tensors).code, TRIB_E_CORRUPT);
    trib_store_u64(file, 9);
    assert_int_equal(trib_safetensors_open(trib_bytes_of(file, 16), &tensors).code, TRIB_E_CORRUPT);
    trib_store_u64(file, UINT64_MAX);
    assert_int_equal(trib_safetensors_open(trib_bytes_of(file, 16), &tensors).code, TRIB_E_LIMIT);
    assert_null(tensors);
}

static void every_cut_of_a_file_is_refused(void **state) {
    (void)state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = 4096};
    write_sample(&file);
    for (size_t size = 0; size < file.size; size++) {
        trib_safetensors *tensors = NULL;
        assert_false(trib_ok(trib_safetensors_open(trib_bytes_of(file.data, size), &tensors)));
        assert_null(tensors);
    }
}

static void too_many_tensors_are_refused(void **state) {
    (void)state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer header = {.ceiling = 1 << 16};
    assert_true(trib_ok(trib_buffer_print(&header, "{")));
    for (int i = 0; i <= TRIB_SAFETENSORS_MAX_TENSORS; i++) {
        assert_true(trib_ok(trib_buffer_print(
            &header, "%s\"t%d\":{\"dtype\":\"I8\",\"shape\":[0],\"data_offsets\":[0,0]}",
            i == 0 ? "" : ",", i)));
    }
    assert_true(trib_ok(trib_buffer_print(&header, "}%c", 0)));
    assert_int_equal(open_header((const char *)header.data, 0), TRIB_E_LIMIT);
}

static void python_reads_what_we_write(void **state) {
    (void)state;
    static const char READ[] =
        "python3 -c \"import sys; from safetensors import safe_open\n"
        "f = safe_open(sys.argv[1], 'numpy')\n"
        "assert f.metadata() == {'labels': 'ok,worn', 'model': '{\\\"layers\\\":[]}'}\n"
        "assert sorted(f.keys()) == ['bias', 'small', 'weights']\n"
        "assert f.get_tensor('weights').tolist() == [[1, 2, 3], [4, 5, 6]]\n"
        "assert f.get_tensor('small').tolist() == [-1, 0, 1]\n"
        "assert float(f.get_tensor('bias')) == 0.5\n\" ";
    if (system("python3 -c 'import numpy, safetensors' 2>/dev/null") != 0) {
        print_message("python3 has no safetensors and numpy: pip install safetensors numpy\n");
        skip();
    }
    char path[] = "/tmp/trib-safetensors-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = 4096};
    write_sample(&file);
    assert_int_equal(write(descriptor, file.data, file.size), (ssize_t)file.size);
    (void)close(descriptor);
    char command[1024];
    (void)snprintf(command, sizeof command, "%s%s", READ, path);
    int result = system(command);
    (void)unlink(path);
    assert_int_equal(result, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_written_file_reads_back),
        cmocka_unit_test(equal_content_gives_equal_bytes_in_any_order),
        cmocka_unit_test(what_cannot_be_written_leaves_the_buffer_alone),
        cmocka_unit_test(hostile_headers_are_refused),
        cmocka_unit_test(header_sizes_that_lie_are_refused),
        cmocka_unit_test(every_cut_of_a_file_is_refused),
        cmocka_unit_test(too_many_tensors_are_refused),
        cmocka_unit_test(python_reads_what_we_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
