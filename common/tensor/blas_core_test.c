#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/tensor/blas_core.h"

static const trib_processor OLD = {false, false};
static const trib_processor AVX2 = {true, false};
static const trib_processor AVX512 = {true, true};

static void a_core_too_old_for_the_processor_is_replaced(void **state) {
    (void)state;
    assert_string_equal(trib_blas_core_better("Prescott", AVX512), "SkylakeX");
    assert_string_equal(trib_blas_core_better("Haswell", AVX512), "SkylakeX");
    assert_string_equal(trib_blas_core_better("Prescott", AVX2), "Haswell");
    assert_string_equal(trib_blas_core_better("Sandybridge", AVX2), "Haswell");
}

static void a_core_that_fits_the_processor_is_kept(void **state) {
    (void)state;
    assert_null(trib_blas_core_better("Prescott", OLD));
    assert_null(trib_blas_core_better("Haswell", AVX2));
    assert_null(trib_blas_core_better("Zen", AVX2));
    assert_null(trib_blas_core_better("SkylakeX", AVX512));
    assert_null(trib_blas_core_better("Cooperlake", AVX512));
    assert_null(trib_blas_core_better("SapphireRapids", AVX512));
}

/* Runs this program again as its own child, whose only work is trib_blas_reexecute. */
static void run_child(const char *environment, char *ret_said, int size) {
    char path[512];
    char command[1024];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(length > 0);
    path[length] = '\0';
    (void)snprintf(command, sizeof command,
                   "env -u OPENBLAS_CORETYPE -u TRIBUTARY_BLAS_CORE %s '%s' child", environment,
                   path);
    FILE *output = popen(command, "r");
    assert_non_null(output);
    assert_non_null(fgets(ret_said, size, output));
    assert_int_equal(pclose(output), 0);
}

static void the_program_starts_itself_anew_with_a_core_that_fits(void **state) {
    (void)state;
    char said[256];
    char core[64];
    run_child("", said, sizeof said);
    assert_int_equal(sscanf(said, "OpenBLAS core: %63[^, \n]", core), 1);
    assert_null(trib_blas_core_better(core, trib_processor_here()));
}

static void a_core_that_the_user_set_is_left_alone(void **state) {
    (void)state;
    char said[256];
    run_child("OPENBLAS_CORETYPE=Prescott", said, sizeof said);
    assert_string_equal(said, "OpenBLAS core: Prescott, since OPENBLAS_CORETYPE is Prescott");
}

static void a_program_that_was_executed_anew_goes_on(void **state) {
    (void)state;
    char said[256];
    run_child("OPENBLAS_CORETYPE=Prescott TRIBUTARY_BLAS_CORE=Nehalem", said, sizeof said);
    assert_string_equal(said, "OpenBLAS core: Prescott, asked for since it chose Nehalem");
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "child") == 0) {
        char said[256];
        trib_status status = trib_blas_reexecute(argv, said, sizeof said);
        (void)fputs(said, stdout);
        return trib_ok(status) ? 0 : 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_core_too_old_for_the_processor_is_replaced),
        cmocka_unit_test(a_core_that_fits_the_processor_is_kept),
#if defined(__x86_64__)
        cmocka_unit_test(the_program_starts_itself_anew_with_a_core_that_fits),
        cmocka_unit_test(a_core_that_the_user_set_is_left_alone),
        cmocka_unit_test(a_program_that_was_executed_anew_goes_on),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
