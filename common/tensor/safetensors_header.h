/* What reading and writing safetensors share. Private to the room. */
#ifndef TRIB_TENSOR_SAFETENSORS_HEADER_H
#define TRIB_TENSOR_SAFETENSORS_HEADER_H

#include "common/tensor/safetensors.h"

#define TRIB_SAFETENSORS_METADATA "__metadata__"

/* Bytes of a tensor by its shape and element; TRIB_E_LIMIT if they do not fit into size_t. */
TRIB_MUST_CHECK
trib_status trib_tensor_size(const trib_tensor_view *tensor, size_t *ret_bytes);

#endif
