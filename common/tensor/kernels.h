/* The few products that training needs, behind one table, so that the same layers run on plain C
 * and on OpenBLAS.
 *
 * Matrices are row-major float32 without gaps. The reference is plain C and portable; it sums in
 * index order and gives the same bits on every processor. OpenBLAS (hosts) is checked against it.
 * Training bits depend on the table, so its name belongs into the model card.
 *
 * threads  a table is plain data without state, and the reference's functions are pure. OpenBLAS
 * built without threads, as Debian builds the serial one, does not guard its buffers: two threads
 * in its products at once get wrong sums. One thread of a process uses its table, or all of them
 * use that of trib_kernels_shared
 */
#ifndef TRIB_TENSOR_KERNELS_H
#define TRIB_TENSOR_KERNELS_H

#include <stddef.h>

#include "common/base/status.h"

/* c = alpha * a.b + beta * c, with c [rows, columns] and sums over depth. With beta 0, c is only
 * written, so it may hold anything. Every size is at least 1 and at most INT_MAX. */
typedef struct trib_product {
    size_t rows;
    size_t columns;
    size_t depth;
    float alpha;
    float beta;
} trib_product;

typedef void trib_product_kernel(const trib_product *product, const float *a, const float *b,
                                 float *c);

typedef struct trib_kernels {
    char name[40];                   /* "reference", or e.g. "openblas-SkylakeX+narrow" */
    trib_product_kernel *product_nt; /* a [rows, depth]  b [columns, depth]: y = x.w^T */
    trib_product_kernel *product_nn; /* a [rows, depth]  b [depth, columns]: dx = dy.w */
    trib_product_kernel *product_tn; /* a [depth, rows]  b [depth, columns]: dw = dy^T.x */
    void (*axpy)(size_t count, float alpha, const float *x, float *y); /* y += alpha * x */
} trib_kernels;

trib_kernels trib_kernels_reference(void);

/* Hosts only. Whatever OpenBLAS chose when it was loaded: see blas_core.h. */
trib_kernels trib_kernels_openblas(void);

/* The same table for several threads: where it is OpenBLAS that computes a product, one thread
 * waits for another. The same name and the same bits. */
trib_kernels trib_kernels_shared(const trib_kernels *kernels);

/* OK if every kernel of `candidate` agrees with the reference on small products of odd sizes.
 * errors   TRIB_E_INTERNAL naming the kernel and the two values */
TRIB_MUST_CHECK
trib_status trib_kernels_verify(const trib_kernels *candidate);

/* Hosts only: OpenBLAS if it verifies, the reference if not. `ret_said` (size_bytes, may be NULL)
 * gets one line for the log, which tells why when it fell back. */
trib_kernels trib_kernels_choose(char *ret_said, size_t size_bytes);

#endif
