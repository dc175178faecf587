#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/recording/posix/client_list.h"

typedef struct test_folder {
    char path[64];
    char made[16][128]; /* in the order of making */
    size_t count;
} test_folder;

static void add(test_folder *folder, const char *name, bool is_folder) {
    char *path = folder->made[folder->count++];
    strcpy(path, folder->path);
    strcat(path, "/");
    strcat(path, name);
    if (is_folder) {
        assert_int_equal(mkdir(path, 0700), 0);
        return;
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fclose(file);
}

static void begin(test_folder *folder) {
    folder->count = 0;
    strcpy(folder->path, "/tmp/trib-clients-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
}

static void end(test_folder *folder) {
    while (folder->count > 0) {
        assert_int_equal(remove(folder->made[--folder->count]), 0);
    }
    assert_int_equal(rmdir(folder->path), 0);
}

static void files_and_folders_are_clients_in_the_order_of_names(void **state) {
    (void)state;
    test_folder folder;
    begin(&folder);
    add(&folder, "s02", true);
    add(&folder, "s02/b.csv", false);
    add(&folder, "s02/a.csv", false);
    add(&folder, "s02/readme.txt", false);
    add(&folder, "Press 4 (Hall B).csv", false);
    add(&folder, "empty", true);
    add(&folder, ".hidden.csv", false);
    trib_source_spec source = {.files = "*.csv"};
    trib_client_list list;
    assert_true(trib_ok(trib_client_list_read(folder.path, &source, &list)));
    assert_int_equal(list.count, 2);
    assert_string_equal(list.clients[0].name, "press-4-hall-b");
    assert_int_equal(list.clients[0].count, 1);
    assert_non_null(strstr(list.clients[0].place, "/Press 4 (Hall B).csv"));
    assert_string_equal(list.clients[1].place + strlen(folder.path), "/s02");
    assert_string_equal(list.clients[1].name, "s02");
    assert_int_equal(list.clients[1].count, 2);
    assert_non_null(strstr(list.clients[1].paths[0], "/s02/a.csv"));
    assert_non_null(strstr(list.clients[1].paths[1], "/s02/b.csv"));
    trib_client_list_deinit(&list);
    end(&folder);
}

static void every_file_may_be_a_client(void **state) {
    (void)state;
    test_folder folder;
    begin(&folder);
    add(&folder, "valve1", true);
    add(&folder, "valve1/10.csv", false);
    add(&folder, "valve1/2.csv", false);
    add(&folder, "valve1/x.csv", false);
    trib_source_spec source = {.files = "[0-9]*.csv", .client_per_file = true};
    trib_client_list list;
    assert_true(trib_ok(trib_client_list_read(folder.path, &source, &list)));
    assert_int_equal(list.count, 2);
    assert_string_equal(list.clients[0].name, "valve1-10");
    assert_string_equal(list.clients[1].name, "valve1-2");
    assert_string_equal(list.clients[1].place + strlen(folder.path), "/valve1/2.csv");
    trib_client_list_deinit(&list);
    end(&folder);
}

static void equal_names_and_empty_folders_are_refused(void **state) {
    (void)state;
    test_folder folder;
    begin(&folder);
    trib_source_spec source = {.files = "*.csv"};
    trib_client_list list;
    assert_int_equal(trib_client_list_read(folder.path, &source, &list).code, TRIB_E_NOT_FOUND);
    assert_int_equal(trib_client_list_read("/nowhere", &source, &list).code, TRIB_E_NOT_FOUND);
    add(&folder, "A 1.csv", false);
    add(&folder, "a-1.csv", false);
    assert_int_equal(trib_client_list_read(folder.path, &source, &list).code, TRIB_E_ARGUMENT);
    assert_non_null(strstr(trib_message(), "would both be client 'a-1'"));
    end(&folder);
    begin(&folder);
    add(&folder, "All.csv", false);
    assert_int_equal(trib_client_list_read(folder.path, &source, &list).code, TRIB_E_ARGUMENT);
    end(&folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_and_folders_are_clients_in_the_order_of_names),
        cmocka_unit_test(every_file_may_be_a_client),
        cmocka_unit_test(equal_names_and_empty_folders_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
