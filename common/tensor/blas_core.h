/* Makes OpenBLAS use the kernels that the processor is good for.
 *
 * OpenBLAS picks its kernels by a list of processor models; on a processor newer than the library
 * it falls back to SSE3 and runs eight times slower than it can. It reads OPENBLAS_CORETYPE when
 * it is loaded, so a program can only set it and start itself anew, before anything else.
 *
 * threads  from main, before there are others
 */
#ifndef TRIB_TENSOR_BLAS_CORE_H
#define TRIB_TENSOR_BLAS_CORE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/status.h"

/* What cpuid (and the kernel, which must save the registers) offers. */
typedef struct trib_processor {
    bool avx2_fma;
    bool avx512; /* F, BW, DQ, VL and CD: what the SkylakeX kernels use */
} trib_processor;

trib_processor trib_processor_here(void);

/* The OPENBLAS_CORETYPE that suits `processor` better than the core OpenBLAS chose, or NULL if
 * that is as good. Pure; static storage. */
const char *trib_blas_core_better(const char *chosen, trib_processor processor);

/* Call first in main, before threads and open files. If OpenBLAS chose too old a core, sets the
 * variable and executes /proc/self/exe with `argv`, in the same process; does not return then. A
 * variable that is set already is the user's choice and is left alone, and a second variable,
 * TRIBUTARY_BLAS_CORE, prevents a second time.
 *
 * says     ret_said (size_bytes > 0) gets one line for the log
 * errors   TRIB_E_IO if the variable cannot be set or the program cannot be executed: go on, slower
 */
TRIB_MUST_CHECK
trib_status trib_blas_reexecute(char **argv, char *ret_said, size_t size_bytes);

#endif
