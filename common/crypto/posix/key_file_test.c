#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/crypto/posix/key_file.h"

/* In the way of the real one: the process ends before what it wrote is durable. */
static int dies_at_sync;
int fsync(int descriptor) {
    (void)descriptor;
    if (dies_at_sync) {
        _exit(7);
    }
    return 0;
}

static char folder[64];
static char path[128];

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/trib-key-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/signing.pem", folder);
    return 0;
}

static int drop_folder(void **state) {
    char fresh[160];
    (void)state;
    snprintf(fresh, sizeof fresh, "%s.new", path);
    unlink(fresh);
    unlink(path);
    return rmdir(folder);
}

static void a_saved_key_is_its_owners_alone_and_loads_again(void **state) {
    (void)state;
    trib_key_pair pair;
    trib_key_pair read;
    assert_true(trib_ok(trib_crypto_host()->generate(&pair)));
    umask(0); /* whatever the umask allows */
    assert_true(trib_ok(trib_key_file_save(path, &pair)));
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777u, 0600);
    assert_true(trib_ok(trib_key_file_load(path, &read)));
    assert_memory_equal(&read, &pair, sizeof pair);
}

static void a_key_file_is_never_replaced(void **state) {
    (void)state;
    trib_key_pair first;
    trib_key_pair second;
    trib_key_pair read;
    assert_true(trib_ok(trib_crypto_host()->generate(&first)));
    assert_true(trib_ok(trib_crypto_host()->generate(&second)));
    assert_true(trib_ok(trib_key_file_save(path, &first)));
    assert_int_equal(trib_key_file_save(path, &second).code, TRIB_E_STATE);
    assert_true(trib_ok(trib_key_file_load(path, &read)));
    assert_memory_equal(&read, &first, sizeof first);
}

static void whoever_dies_while_saving_leaves_no_half_a_key(void **state) {
    (void)state;
    trib_key_pair pair;
    trib_key_pair read;
    int how = 0;
    assert_true(trib_ok(trib_crypto_host()->generate(&pair)));
    pid_t child = fork();
    if (child == 0) {
        dies_at_sync = 1;
        _exit(trib_ok(trib_key_file_save(path, &pair)) ? 1 : 2);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 7);
    assert_int_equal(trib_key_file_load(path, &read).code, TRIB_E_NOT_FOUND);
    assert_true(trib_ok(trib_key_file_save(path, &pair)));
    assert_true(trib_ok(trib_key_file_load(path, &read)));
    assert_memory_equal(&read, &pair, sizeof pair);
    char fresh[160];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    assert_int_not_equal(access(fresh, F_OK), 0);
}

static void a_private_key_that_others_may_read_is_refused(void **state) {
    (void)state;
    trib_key_pair pair;
    assert_true(trib_ok(trib_crypto_host()->generate(&pair)));
    assert_true(trib_ok(trib_key_file_save(path, &pair)));
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(trib_key_file_load(path, &pair).code, TRIB_E_DENIED);
    assert_int_equal(chmod(path, 0400), 0);
    assert_true(trib_ok(trib_key_file_load(path, &pair)));
}

static void public_keys_load_and_missing_or_wrong_files_say_so(void **state) {
    (void)state;
    trib_key_pair pair;
    trib_public_key read;
    assert_true(trib_ok(trib_crypto_host()->generate(&pair)));
    assert_int_equal(trib_public_key_file_load(path, &read).code, TRIB_E_NOT_FOUND);
    assert_int_equal(trib_public_key_file_load(folder, &read).code, TRIB_E_IO);
    assert_true(trib_ok(trib_public_key_file_save(path, &pair.public)));
    assert_true(trib_ok(trib_public_key_file_load(path, &read)));
    assert_memory_equal(&read, &pair.public, sizeof read);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 5000; i++) {
        fputc('x', file);
    }
    fclose(file);
    assert_int_equal(trib_public_key_file_load(path, &read).code, TRIB_E_LIMIT);
    assert_int_equal(trib_key_file_save("/nowhere/key.pem", &pair).code, TRIB_E_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_saved_key_is_its_owners_alone_and_loads_again,
                                        make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_key_file_is_never_replaced, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(whoever_dies_while_saving_leaves_no_half_a_key, make_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(a_private_key_that_others_may_read_is_refused, make_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(public_keys_load_and_missing_or_wrong_files_say_so,
                                        make_folder, drop_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
