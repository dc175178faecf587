#include <cblas.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>

#include "common/tensor/kernels.h"
#include "common/tensor/narrow_product.h"

static blasint integer_of(size_t size) {
    TRIB_ASSERT(size <= INT_MAX);
    return (blasint)size;
}

static void product_nt(const trib_product *product, const float *a, const float *b, float *c) {
    blasint columns = integer_of(product->columns);
    blasint depth = integer_of(product->depth);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, integer_of(product->rows), columns, depth,
                product->alpha, a, depth, b, depth, product->beta, c, columns);
}

static void product_nt_or_narrow(const trib_product *product, const float *a, const float *b,
                                 float *c) {
    if (trib_narrow_product_suits(product)) {
        trib_narrow_product_for(trib_processor_here())(product, a, b, c);
    } else {
        product_nt(product, a, b, c);
    }
}

static void product_nn(const trib_product *product, const float *a, const float *b, float *c) {
    blasint columns = integer_of(product->columns);
    blasint depth = integer_of(product->depth);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, integer_of(product->rows), columns,
                depth, product->alpha, a, depth, b, columns, product->beta, c, columns);
}

static void product_tn(const trib_product *product, const float *a, const float *b, float *c) {
    blasint rows = integer_of(product->rows);
    blasint columns = integer_of(product->columns);
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, rows, columns, integer_of(product->depth),
                product->alpha, a, rows, b, columns, product->beta, c, columns);
}

static void axpy(size_t count, float alpha, const float *x, float *y) {
    cblas_saxpy(integer_of(count), alpha, x, 1, y, 1);
}

static pthread_mutex_t openblas_lock = PTHREAD_MUTEX_INITIALIZER; /* its packing buffers */

static void product_locked(trib_product_kernel *kernel, const trib_product *product, const float *a,
                           const float *b, float *c) {
    int locked = pthread_mutex_lock(&openblas_lock);
    TRIB_ASSERT(locked == 0);
    kernel(product, a, b, c);
    int unlocked = pthread_mutex_unlock(&openblas_lock);
    TRIB_ASSERT(unlocked == 0);
}

static void shared_nt(const trib_product *product, const float *a, const float *b, float *c) {
    product_locked(product_nt, product, a, b, c);
}

static void shared_nt_or_narrow(const trib_product *product, const float *a, const float *b,
                                float *c) {
    if (trib_narrow_product_suits(product)) {
        product_nt_or_narrow(product, a, b, c);
    } else {
        shared_nt(product, a, b, c);
    }
}

static void shared_nn(const trib_product *product, const float *a, const float *b, float *c) {
    product_locked(product_nn, product, a, b, c);
}

static void shared_tn(const trib_product *product, const float *a, const float *b, float *c) {
    product_locked(product_tn, product, a, b, c);
}

trib_kernels trib_kernels_shared(const trib_kernels *kernels) {
    trib_kernels shared = *kernels;
    if (kernels->product_nn == product_nn) {
        shared.product_nt = kernels->product_nt == product_nt ? shared_nt : shared_nt_or_narrow;
        shared.product_nn = shared_nn;
        shared.product_tn = shared_tn;
    }
    return shared;
}

trib_kernels trib_kernels_openblas(void) {
    trib_kernels kernels = {
        .product_nt = product_nt, .product_nn = product_nn, .product_tn = product_tn, .axpy = axpy};
    bool narrow = trib_narrow_product_for(trib_processor_here()) != NULL;
    if (narrow) {
        kernels.product_nt = product_nt_or_narrow;
    }
    /* "+narrow" because training bits depend on it as on the core. */
    (void)snprintf(kernels.name, sizeof kernels.name, "openblas-%s%s", openblas_get_corename(),
                   narrow ? "+narrow" : "");
    return kernels;
}

trib_kernels trib_kernels_choose(char *ret_said, size_t size_bytes) {
    trib_kernels kernels = trib_kernels_openblas();
    trib_status verdict = trib_kernels_verify(&kernels);
    if (ret_said != NULL && trib_ok(verdict)) {
        (void)snprintf(ret_said, size_bytes, "kernels: %s", kernels.name);
    } else if (ret_said != NULL) {
        (void)snprintf(ret_said, size_bytes, "kernels: reference, since %s computes wrong: %s",
                       kernels.name, trib_message());
    }
    return trib_ok(verdict) ? kernels : trib_kernels_reference();
}
