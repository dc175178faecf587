/* Files replaced and written over, and what loss of power leaves of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/port/posix/system.h"
#include "tests/support/power.h"

static char folder[64];
enum { LARGEST = 5000 };
static uint8_t large[LARGEST + 32];

static int set_up(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/disk-test-XXXXXX");
    for (size_t i = 0; i < sizeof large; i++) {
        large[i] = (uint8_t)(i * 13);
    }
    return mkdtemp(folder) == NULL;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* ---- what a test looks at ------------------------------------------------------------------ */

static const char *path_of_file(void) {
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/file", folder);
    return path;
}

static trib_status read_file(trib_buffer *ret_bytes) {
    *ret_bytes = (trib_buffer){.ceiling = 1 << 20};
    return trib_disk_read(trib_posix_disk(), path_of_file(), ret_bytes);
}

static bool holds(trib_bytes expected) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer bytes = {.ceiling = 0};
    trib_status status = read_file(&bytes);
    return trib_ok(status) ? trib_bytes_equal(trib_buffer_view(&bytes), expected)
                           : status.code == TRIB_E_NOT_FOUND && expected.data == NULL;
}

typedef trib_status (*writer)(trib_disk *disk, const char *folder, const char *name,
                              trib_bytes bytes);
static const writer writers[] = {trib_disk_replace, trib_disk_overwrite};

/* Some contents in turn, of other and of the same sizes; none: the file is not there. */
static trib_bytes content(size_t index) {
    static const size_t sizes[] = {700, LARGEST, 1, 1, 0, 300};
    return index == 0 ? (trib_bytes){NULL, 0}
                      : trib_bytes_of(large + index, sizes[(index - 1) % 6]);
}

static void writing_over_and_replacing_leave_exactly_the_new_content(void **state) {
    (void)state;
    for (size_t way = 0; way < 2; way++) {
        for (size_t i = 1; i < 20; i++) {
            assert_true(trib_ok(writers[way](trib_posix_disk(), folder, "file", content(i))));
            assert_true(holds(content(i)));
        }
    }
}

static void a_file_that_was_written_outlives_loss_of_power(void **state) {
    (void)state;
    for (size_t way = 0; way < 2; way++) {
        power_watch(folder);
        for (size_t i = 1; i < 14; i++) {
            assert_true(trib_ok(writers[way](trib_posix_disk(), folder, "file", content(i))));
            power_goes();
            power_is_back(POWER_LEAVES_SYNCED);
            assert_true(holds(content(i)));
        }
        assert_int_equal(unlink(path_of_file()), 0);
    }
}

/* What is written over may be a mixture until then: no one may rely on it. */
static void a_replacement_leaves_the_old_content_or_the_new_at_any_moment(void **state) {
    (void)state;
    for (power_leaves leaves = 0; leaves < POWER_WAYS; leaves++) {
        power_watch(folder);
        for (size_t i = 1; i < 7; i++) {
            size_t operations = 0;
            for (bool failing = true; failing; operations++) {
                power_fails_after(operations);
                trib_status status = trib_disk_replace(power_disk(), folder, "file", content(i));
                failing = power_failed();
                assert_true(trib_ok(status) != failing);
                power_goes();
                power_is_back(leaves);
                bool renewed = holds(content(i));
                assert_true(renewed || (failing && holds(content(i - 1))));
                if (failing && renewed) { /* from the old content once more */
                    trib_status back =
                        i == 1
                            ? trib_posix_disk()->remove(trib_posix_disk(), path_of_file())
                            : trib_disk_replace(trib_posix_disk(), folder, "file", content(i - 1));
                    assert_true(trib_ok(back));
                    power_watch(folder);
                }
            }
            assert_true(operations >= 5); /* open, write, sync, rename, the folder's sync */
        }
        assert_true(trib_ok(trib_posix_disk()->remove(trib_posix_disk(), path_of_file())));
    }
}

static void a_failure_names_the_path_and_a_path_too_long_is_refused(void **state) {
    (void)state;
    char name[5000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    for (size_t way = 0; way < 2; way++) {
        assert_int_equal(writers[way](trib_posix_disk(), folder, name, content(1)).code,
                         TRIB_E_LIMIT);
        assert_int_equal(
            writers[way](trib_posix_disk(), "/tmp/no-such-folder", "file", content(1)).code,
            TRIB_E_NOT_FOUND);
        assert_non_null(strstr(trib_message(), "/tmp/no-such-folder/file"));
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(writing_over_and_replacing_leave_exactly_the_new_content),
        CASE(a_file_that_was_written_outlives_loss_of_power),
        CASE(a_replacement_leaves_the_old_content_or_the_new_at_any_moment),
        CASE(a_failure_names_the_path_and_a_path_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
