#include <string.h>

#include "common/base/checked.h"
#include "common/tensor/safetensors_header.h"

typedef struct element_fact {
    const char *name;
    size_t bytes;
} element_fact;

static const element_fact ELEMENTS[] = {
    [TRIB_ELEMENT_F32] = {"F32", 4}, [TRIB_ELEMENT_I8] = {"I8", 1},
    [TRIB_ELEMENT_I16] = {"I16", 2}, [TRIB_ELEMENT_I32] = {"I32", 4},
    [TRIB_ELEMENT_I64] = {"I64", 8}, [TRIB_ELEMENT_U8] = {"U8", 1},
    [TRIB_ELEMENT_U16] = {"U16", 2}, [TRIB_ELEMENT_U32] = {"U32", 4},
    [TRIB_ELEMENT_U64] = {"U64", 8},
};

size_t trib_element_bytes(trib_element element) {
    return ELEMENTS[element].bytes;
}

const char *trib_element_name(trib_element element) {
    return ELEMENTS[element].name;
}

trib_status trib_tensor_count(const trib_tensor_view *tensor, size_t *ret_count) {
    TRIB_ASSERT(tensor->rank <= TRIB_TENSOR_MAX_RANK);
    size_t count = 1;
    for (uint32_t i = 0; i < tensor->rank; i++) {
        if (!trib_mul_size(count, tensor->shape[i], &count)) {
            return TRIB_FAIL(TRIB_E_LIMIT, "the shape of tensor %s overflows", tensor->name);
        }
    }
    *ret_count = count;
    return TRIB_SUCCESS;
}

trib_status trib_tensor_size(const trib_tensor_view *tensor, size_t *ret_bytes) {
    size_t count = 0;
    TRIB_TRY(trib_tensor_count(tensor, &count));
    if (!trib_mul_size(count, trib_element_bytes(tensor->element), ret_bytes)) {
        return TRIB_FAIL(TRIB_E_LIMIT, "the size of tensor %s overflows", tensor->name);
    }
    return TRIB_SUCCESS;
}

trib_status trib_tensor_copy_f32(const trib_tensor_view *tensor, float *ret_values, size_t count) {
    size_t found = 0;
    TRIB_TRY(trib_tensor_count(tensor, &found));
    if (tensor->element != TRIB_ELEMENT_F32 || found != count) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "tensor %s holds %zu of %s where %zu of F32 belong",
                         tensor->name, found, trib_element_name(tensor->element), count);
    }
    if (count > 0) {
        memcpy(ret_values, tensor->bytes.data, count * sizeof *ret_values);
    }
    return TRIB_SUCCESS;
}
