/* The safetensors file: named tensors and string metadata, readable by Python, Rust, JavaScript.
 *
 * An 8-byte little-endian header size, a JSON header, then the tensors' bytes without holes.
 * Reading is strict, since files come from elsewhere: sizes and shapes must agree, tensors must
 * cover the data exactly once, names must differ. Writing is canonical: equal content, equal bytes
 * (keys sorted, wider elements first and then by name, header padded with spaces to 8 bytes).
 *
 * source   https://github.com/huggingface/safetensors, "Format"
 * threads  an open file is read-only and may be shared
 */
#ifndef TRIB_TENSOR_SAFETENSORS_H
#define TRIB_TENSOR_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/heap.h"
#include "common/base/span.h"
#include "common/base/status.h"

enum {
    TRIB_TENSOR_MAX_RANK = 8,
    TRIB_SAFETENSORS_MAX_TENSORS = 256,
    TRIB_SAFETENSORS_MAX_NAME = 255,          /* bytes of a tensor's name */
    TRIB_SAFETENSORS_MAX_HEADER = 1024 * 1024 /* bytes; holds the metadata too */
};

/* float32 and the integers; F16, BF16 and F64 are refused by name. */
typedef enum trib_element {
    TRIB_ELEMENT_F32,
    TRIB_ELEMENT_I8,
    TRIB_ELEMENT_I16,
    TRIB_ELEMENT_I32,
    TRIB_ELEMENT_I64,
    TRIB_ELEMENT_U8,
    TRIB_ELEMENT_U16,
    TRIB_ELEMENT_U32,
    TRIB_ELEMENT_U64
} trib_element;

size_t trib_element_bytes(trib_element element);
const char *trib_element_name(trib_element element); /* "F32", "I8", ... */

typedef struct trib_tensor_view {
    const char *name;
    trib_element element;
    uint32_t rank; /* 0 is a scalar */
    size_t shape[TRIB_TENSOR_MAX_RANK];
    trib_bytes bytes; /* row-major, little-endian; not aligned in files of others */
} trib_tensor_view;

typedef struct trib_metadata_entry {
    const char *key;
    const char *value;
} trib_metadata_entry;

/* Product of the shape; 1 for a scalar. errors TRIB_E_LIMIT if it does not fit. */
TRIB_MUST_CHECK trib_status trib_tensor_count(const trib_tensor_view *tensor, size_t *ret_count);

/* Copies an F32 tensor of exactly `count` values.
 * errors   TRIB_E_CORRUPT for another element or count */
TRIB_MUST_CHECK
trib_status trib_tensor_copy_f32(const trib_tensor_view *tensor, float *ret_values, size_t count);

typedef struct trib_safetensors trib_safetensors;

/* Views into `file`, which must outlive the result.
 * errors   TRIB_E_CORRUPT naming what is wrong, TRIB_E_LIMIT past the ceilings above, TRIB_E_IO */
TRIB_MUST_CHECK
trib_status trib_safetensors_open(trib_bytes file, trib_safetensors **ret_tensors);
void trib_safetensors_close(trib_safetensors *tensors);
void trib_safetensors_close_scoped(trib_safetensors **tensors); /* for TRIB_SCOPED */

size_t trib_safetensors_count(const trib_safetensors *tensors);
/* In the order of the data. */
const trib_tensor_view *trib_safetensors_at(const trib_safetensors *tensors, size_t index);
/* NULL if there is no such tensor or key. Valid until close. */
const trib_tensor_view *trib_safetensors_find(const trib_safetensors *tensors, const char *name);
const char *trib_safetensors_metadata(const trib_safetensors *tensors, const char *key);

/* What a file holds; lists in any order. */
typedef struct trib_safetensors_content {
    const trib_tensor_view *tensors;
    size_t tensor_count;
    const trib_metadata_entry *metadata;
    size_t metadata_count;
} trib_safetensors_content;

/* Appends the file to `out`, which is unchanged on failure.
 * errors   TRIB_E_ARGUMENT for doubled or unreadable names and bytes that are not of the shape's
 *          size, TRIB_E_LIMIT past the ceilings or the buffer's, TRIB_E_IO for memory */
TRIB_MUST_CHECK
trib_status trib_safetensors_write(const trib_safetensors_content *content, trib_buffer *out);

#endif
