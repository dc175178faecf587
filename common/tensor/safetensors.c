#include "common/tensor/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/tensor/safetensors_header.h"

typedef struct placed_tensor {
    trib_tensor_view view;
    size_t begin; /* within the data */
    size_t end;
} placed_tensor;

struct trib_safetensors {
    json_t *header;   /* owned; the names and the metadata point into it */
    json_t *metadata; /* borrowed from header; NULL if the file has none */
    size_t count;
    placed_tensor tensors[TRIB_SAFETENSORS_MAX_TENSORS];
};

static trib_status read_size(const json_t *value, const char *name, size_t *ret_size) {
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "tensor %s: sizes must be whole numbers from 0", name);
    }
    *ret_size = (size_t)json_integer_value(value);
    return TRIB_SUCCESS;
}

static trib_status read_element(const json_t *entry, trib_tensor_view *view) {
    const char *text = json_string_value(json_object_get(entry, "dtype"));
    if (text == NULL) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "tensor %s has no dtype", view->name);
    }
    for (int element = TRIB_ELEMENT_F32; element <= TRIB_ELEMENT_U64; element++) {
        if (strcmp(text, trib_element_name((trib_element)element)) == 0) {
            view->element = (trib_element)element;
            return TRIB_SUCCESS;
        }
    }
    return TRIB_FAIL(TRIB_E_CORRUPT, "tensor %s has dtype %.16s: save it as F32 or an integer type",
                     view->name, text);
}

static trib_status read_shape(const json_t *entry, trib_tensor_view *view) {
    const json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape)) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "tensor %s has no shape", view->name);
    }
    if (json_array_size(shape) > TRIB_TENSOR_MAX_RANK) {
        return TRIB_FAIL(TRIB_E_LIMIT, "tensor %s has %zu dimensions, more than %d", view->name,
                         json_array_size(shape), TRIB_TENSOR_MAX_RANK);
    }
    view->rank = (uint32_t)json_array_size(shape);
    for (uint32_t i = 0; i < view->rank; i++) {
        TRIB_TRY(read_size(json_array_get(shape, i), view->name, &view->shape[i]));
    }
    return TRIB_SUCCESS;
}

static trib_status read_offsets(const json_t *entry, trib_bytes data, placed_tensor *tensor) {
    const char *name = tensor->view.name;
    const json_t *offsets = json_object_get(entry, "data_offsets");
    if (!json_is_array(offsets) || json_array_size(offsets) != 2) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "tensor %s needs data_offsets [begin, end]", name);
    }
    TRIB_TRY(read_size(json_array_get(offsets, 0), name, &tensor->begin));
    TRIB_TRY(read_size(json_array_get(offsets, 1), name, &tensor->end));
    if (tensor->begin > tensor->end || tensor->end > data.size) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "tensor %s lies at [%zu, %zu) of %zu bytes of data", name,
                         tensor->begin, tensor->end, data.size);
    }
    size_t size = 0;
    TRIB_TRY(trib_tensor_size(&tensor->view, &size));
    if (size != tensor->end - tensor->begin) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "tensor %s: shape and dtype need %zu bytes, it has %zu",
                         name, size, tensor->end - tensor->begin);
    }
    tensor->view.bytes = trib_bytes_of(data.data + tensor->begin, size);
    return TRIB_SUCCESS;
}

static trib_status read_tensor(const char *name, const json_t *entry, trib_bytes data,
                               placed_tensor *tensor) {
    if (strlen(name) > TRIB_SAFETENSORS_MAX_NAME) {
        return TRIB_FAIL(TRIB_E_LIMIT, "a tensor's name is longer than %d bytes",
                         TRIB_SAFETENSORS_MAX_NAME);
    }
    if (!json_is_object(entry)) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "tensor %s is not described by an object", name);
    }
    tensor->view.name = name;
    TRIB_TRY(read_element(entry, &tensor->view));
    TRIB_TRY(read_shape(entry, &tensor->view));
    return read_offsets(entry, data, tensor);
}

static trib_status read_metadata(json_t *metadata) {
    if (!json_is_object(metadata)) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "__metadata__ is not an object of strings");
    }
    const char *key;
    json_t *value;
    json_object_foreach(metadata, key, value) {
        if (!json_is_string(value)) {
            return TRIB_FAIL(TRIB_E_CORRUPT, "metadata %.64s is not a string", key);
        }
    }
    return TRIB_SUCCESS;
}

static trib_status read_entries(trib_safetensors *tensors, trib_bytes data) {
    const char *key;
    json_t *value;
    json_object_foreach(tensors->header, key, value) {
        if (strcmp(key, TRIB_SAFETENSORS_METADATA) == 0) {
            TRIB_TRY(read_metadata(value));
            tensors->metadata = value;
            continue;
        }
        if (tensors->count == TRIB_SAFETENSORS_MAX_TENSORS) {
            return TRIB_FAIL(TRIB_E_LIMIT, "more than %d tensors", TRIB_SAFETENSORS_MAX_TENSORS);
        }
        TRIB_TRY(read_tensor(key, value, data, &tensors->tensors[tensors->count]));
        tensors->count++;
    }
    return TRIB_SUCCESS;
}

/* By place; of two at one place the empty one first, so that it is not taken for an overlap. */
static int compare_places(const void *left, const void *right) {
    const placed_tensor *a = left;
    const placed_tensor *b = right;
    if (a->begin != b->begin) {
        return a->begin < b->begin ? -1 : 1;
    }
    if (a->end != b->end) {
        return a->end < b->end ? -1 : 1;
    }
    return strcmp(a->view.name, b->view.name);
}

static trib_status check_places(trib_safetensors *tensors, size_t data_bytes) {
    qsort(tensors->tensors, tensors->count, sizeof *tensors->tensors, compare_places);
    size_t at = 0;
    for (size_t i = 0; i < tensors->count; i++) {
        const placed_tensor *tensor = &tensors->tensors[i];
        if (tensor->begin != at) {
            return TRIB_FAIL(TRIB_E_CORRUPT, "tensor %s begins at %zu, the one before ends at %zu",
                             tensor->view.name, tensor->begin, at);
        }
        at = tensor->end;
    }
    if (at != data_bytes) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "tensors end at %zu of %zu bytes of data", at, data_bytes);
    }
    return TRIB_SUCCESS;
}

static trib_status split(trib_bytes file, trib_bytes *ret_header, trib_bytes *ret_data) {
    trib_cursor cursor = trib_cursor_of(file);
    uint64_t size = 0;
    TRIB_TRY(trib_context(trib_read_u64(&cursor, &size), "safetensors header size"));
    if (size > TRIB_SAFETENSORS_MAX_HEADER) {
        return TRIB_FAIL(TRIB_E_LIMIT, "a safetensors header of %llu bytes is more than %d",
                         (unsigned long long)size, TRIB_SAFETENSORS_MAX_HEADER);
    }
    TRIB_TRY(trib_context(trib_read_bytes(&cursor, (size_t)size, ret_header),
                          "safetensors header of %llu bytes", (unsigned long long)size));
    if (size == 0 || ret_header->data[0] != '{') {
        return TRIB_FAIL(TRIB_E_CORRUPT, "a safetensors header begins with {");
    }
    *ret_data = trib_bytes_of(cursor.at, cursor.left);
    return TRIB_SUCCESS;
}

trib_status trib_safetensors_open(trib_bytes file, trib_safetensors **ret_tensors) {
    trib_bytes header = {0};
    trib_bytes data = {0};
    TRIB_TRY(split(file, &header, &data));
    TRIB_SCOPED(trib_safetensors_close_scoped)
    trib_safetensors *tensors = trib_allocate(1, sizeof *tensors);
    if (tensors == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a safetensors file");
    }
    json_error_t error;
    tensors->header =
        json_loadb((const char *)header.data, header.size, JSON_REJECT_DUPLICATES, &error);
    if (tensors->header == NULL) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "safetensors header, byte %d: %s", error.position,
                         error.text);
    }
    if (!json_is_object(tensors->header)) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "the safetensors header is not an object");
    }
    TRIB_TRY(read_entries(tensors, data));
    TRIB_TRY(check_places(tensors, data.size));
    *ret_tensors = tensors;
    tensors = NULL;
    return TRIB_SUCCESS;
}

void trib_safetensors_close(trib_safetensors *tensors) {
    if (tensors != NULL) {
        json_decref(tensors->header);
        trib_free(tensors);
    }
}

void trib_safetensors_close_scoped(trib_safetensors **tensors) {
    trib_safetensors_close(*tensors);
}

size_t trib_safetensors_count(const trib_safetensors *tensors) {
    return tensors->count;
}

const trib_tensor_view *trib_safetensors_at(const trib_safetensors *tensors, size_t index) {
    TRIB_ASSERT(index < tensors->count);
    return &tensors->tensors[index].view;
}

const trib_tensor_view *trib_safetensors_find(const trib_safetensors *tensors, const char *name) {
    for (size_t i = 0; i < tensors->count; i++) {
        if (strcmp(tensors->tensors[i].view.name, name) == 0) {
            return &tensors->tensors[i].view;
        }
    }
    return NULL;
}

const char *trib_safetensors_metadata(const trib_safetensors *tensors, const char *key) {
    return json_string_value(json_object_get(tensors->metadata, key));
}
