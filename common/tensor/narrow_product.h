/* y = x.w^T for few rows of x and long rows of w: the forward pass of a dense layer over a small
 * batch, where OpenBLAS spends most of its time laying out w. Private to the room; x86-64 only.
 *
 * Sixteen sums run side by side with fused multiply-adds and are added up in a fixed order, so
 * AVX2 and AVX-512 give the same bits.
 * threads  pure
 */
#ifndef TRIB_TENSOR_NARROW_PRODUCT_H
#define TRIB_TENSOR_NARROW_PRODUCT_H

#include "common/tensor/blas_core.h"
#include "common/tensor/kernels.h"

/* The kernel for such a processor, or NULL if it has no fused multiply-add. It needs depth >= 16.
 */
trib_product_kernel *trib_narrow_product_for(trib_processor processor);

/* Whether the kernel is worth it: measured against OpenBLAS 0.3.21. */
static inline bool trib_narrow_product_suits(const trib_product *product) {
    return product->rows <= 64 && product->columns >= 32 && product->depth >= 128;
}

#endif
