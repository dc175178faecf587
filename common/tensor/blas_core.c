#include "common/tensor/blas_core.h"

#include <cblas.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char CORE_VARIABLE[] = "OPENBLAS_CORETYPE";
static const char GUARD_VARIABLE[] =
    "TRIBUTARY_BLAS_CORE"; /* holds the core that was chosen first */

trib_processor trib_processor_here(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    return (trib_processor){
        .avx2_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"),
        .avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                  __builtin_cpu_supports("avx512cd"),
    };
#else
    return (trib_processor){false, false};
#endif
}

static bool is_one_of(const char *name, const char *const *list) {
    for (; *list != NULL; list++) {
        if (strcmp(name, *list) == 0) {
            return true;
        }
    }
    return false;
}

const char *trib_blas_core_better(const char *chosen, trib_processor processor) {
    static const char *const with_avx512[] = {"SkylakeX", "Cooperlake", "SapphireRapids", NULL};
    static const char *const with_avx2[] = {"Haswell", "Zen", "Excavator", NULL};
    if (is_one_of(chosen, with_avx512)) {
        return NULL;
    }
    if (processor.avx512 && processor.avx2_fma) {
        return "SkylakeX";
    }
    if (processor.avx2_fma && !is_one_of(chosen, with_avx2)) {
        return "Haswell";
    }
    return NULL;
}

trib_status trib_blas_reexecute(char **argv, char *ret_said, size_t size_bytes) {
    const char *chosen = openblas_get_corename();
    const char *first = getenv(GUARD_VARIABLE);
    const char *set = getenv(CORE_VARIABLE);
    if (first != NULL) {
        (void)snprintf(ret_said, size_bytes, "OpenBLAS core: %s, asked for since it chose %s",
                       chosen, first);
        return TRIB_SUCCESS;
    }
    if (set != NULL) {
        (void)snprintf(ret_said, size_bytes, "OpenBLAS core: %s, since %s is %s", chosen,
                       CORE_VARIABLE, set);
        return TRIB_SUCCESS;
    }
    const char *better = trib_blas_core_better(chosen, trib_processor_here());
    (void)snprintf(ret_said, size_bytes, "OpenBLAS core: %s", chosen);
    if (better == NULL) {
        return TRIB_SUCCESS;
    }
    if (setenv(GUARD_VARIABLE, chosen, 1) != 0 || setenv(CORE_VARIABLE, better, 1) != 0) {
        return TRIB_FAIL(TRIB_E_IO, "setting %s failed: %s", CORE_VARIABLE, strerror(errno));
    }
    (void)execv("/proc/self/exe", argv);
    return TRIB_FAIL(TRIB_E_IO, "executing /proc/self/exe failed (%s): set %s=%s yourself",
                     strerror(errno), CORE_VARIABLE, better);
}
