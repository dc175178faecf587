#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/tensor/json_text.h"
#include "common/tensor/safetensors_header.h"

enum { HEADER_ALIGNMENT = 8 };

static void release_json(json_t **value) {
    json_decref(*value);
}

/* Wider elements first, so that each tensor is aligned to its own element. */
static int compare_tensors(const void *left, const void *right) {
    const trib_tensor_view *a = *(const trib_tensor_view *const *)left;
    const trib_tensor_view *b = *(const trib_tensor_view *const *)right;
    size_t a_bytes = trib_element_bytes(a->element);
    size_t b_bytes = trib_element_bytes(b->element);
    if (a_bytes != b_bytes) {
        return a_bytes > b_bytes ? -1 : 1;
    }
    return strcmp(a->name, b->name);
}

static trib_status check_tensor(const trib_tensor_view *tensor) {
    size_t size = 0;
    TRIB_TRY(trib_tensor_size(tensor, &size));
    if (size != tensor->bytes.size) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "tensor %s has %zu bytes, its shape needs %zu",
                         tensor->name, tensor->bytes.size, size);
    }
    if (strcmp(tensor->name, TRIB_SAFETENSORS_METADATA) == 0) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "a tensor cannot be named %s", tensor->name);
    }
    if (strlen(tensor->name) > TRIB_SAFETENSORS_MAX_NAME) {
        return TRIB_FAIL(TRIB_E_LIMIT, "tensor name %.32s... is longer than %d bytes", tensor->name,
                         TRIB_SAFETENSORS_MAX_NAME);
    }
    return TRIB_SUCCESS;
}

/* Adds a key that must be new; takes the value, which may be NULL if it could not be made. */
static trib_status add_key(json_t *object, const char *key, json_t *value) {
    bool doubled = json_object_get(object, key) != NULL;
    if (doubled || json_object_set_new(object, key, value) != 0) {
        if (doubled) {
            json_decref(value);
        }
        return TRIB_FAIL(TRIB_E_ARGUMENT, "\"%.64s\" %s", key,
                         doubled ? "is there twice" : "or its value is not UTF-8");
    }
    return TRIB_SUCCESS;
}

static trib_status add_tensor(json_t *header, const trib_tensor_view *tensor, size_t begin) {
    TRIB_SCOPED(release_json) json_t *shape = json_array();
    for (uint32_t i = 0; i < tensor->rank; i++) {
        if (json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i])) != 0) {
            return TRIB_FAIL(TRIB_E_IO, "no memory for the shape of tensor %s", tensor->name);
        }
    }
    json_t *entry = json_pack("{s:s, s:O, s:[I, I]}", "dtype", trib_element_name(tensor->element),
                              "shape", shape, "data_offsets", (json_int_t)begin,
                              (json_int_t)begin + (json_int_t)tensor->bytes.size);
    return add_key(header, tensor->name, entry);
}

static trib_status add_metadata(json_t *header, const trib_safetensors_content *content) {
    if (content->metadata_count == 0) {
        return TRIB_SUCCESS;
    }
    json_t *metadata = json_object();
    TRIB_TRY(add_key(header, TRIB_SAFETENSORS_METADATA, metadata));
    for (size_t i = 0; i < content->metadata_count; i++) {
        TRIB_TRY(
            add_key(metadata, content->metadata[i].key, json_string(content->metadata[i].value)));
    }
    return TRIB_SUCCESS;
}

static trib_status write_header(json_t *header, trib_buffer *out) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = TRIB_SAFETENSORS_MAX_HEADER};
    trib_status status = trib_json_print(header, &text);
    size_t padding = (HEADER_ALIGNMENT - text.size % HEADER_ALIGNMENT) % HEADER_ALIGNMENT;
    if (status.code == TRIB_E_LIMIT || text.size + padding > TRIB_SAFETENSORS_MAX_HEADER) {
        return TRIB_FAIL(TRIB_E_LIMIT, "a safetensors header is more than %d bytes: %s",
                         TRIB_SAFETENSORS_MAX_HEADER, "keep less in the metadata");
    }
    TRIB_TRY(status);
    uint8_t prefix[8];
    trib_store_u64(prefix, text.size + padding);
    TRIB_TRY(trib_buffer_append(out, trib_bytes_of(prefix, sizeof prefix)));
    TRIB_TRY(trib_buffer_append(out, trib_buffer_view(&text)));
    return trib_buffer_append(out, trib_bytes_of("        ", padding));
}

static trib_status write_sorted(const trib_tensor_view *const *sorted,
                                const trib_safetensors_content *content, trib_buffer *out) {
    TRIB_SCOPED(release_json) json_t *header = json_object();
    TRIB_TRY(add_metadata(header, content));
    size_t at = 0;
    for (size_t i = 0; i < content->tensor_count; i++) {
        TRIB_TRY(add_tensor(header, sorted[i], at));
        if (!trib_add_size(at, sorted[i]->bytes.size, &at)) {
            return TRIB_FAIL(TRIB_E_LIMIT, "the tensors' sizes overflow");
        }
    }
    TRIB_TRY(write_header(header, out));
    TRIB_TRY(trib_buffer_reserve(out, at));
    for (size_t i = 0; i < content->tensor_count; i++) {
        TRIB_TRY(trib_buffer_append(out, sorted[i]->bytes));
    }
    return TRIB_SUCCESS;
}

trib_status trib_safetensors_write(const trib_safetensors_content *content, trib_buffer *out) {
    if (content->tensor_count > TRIB_SAFETENSORS_MAX_TENSORS) {
        return TRIB_FAIL(TRIB_E_LIMIT, "%zu tensors are more than %d", content->tensor_count,
                         TRIB_SAFETENSORS_MAX_TENSORS);
    }
    const trib_tensor_view *sorted[TRIB_SAFETENSORS_MAX_TENSORS];
    for (size_t i = 0; i < content->tensor_count; i++) {
        TRIB_TRY(check_tensor(&content->tensors[i]));
        sorted[i] = &content->tensors[i];
    }
    qsort(sorted, content->tensor_count, sizeof *sorted, compare_tensors);
    size_t before = out->size;
    trib_status status = write_sorted(sorted, content, out);
    if (!trib_ok(status)) {
        out->size = before;
    }
    return status;
}
