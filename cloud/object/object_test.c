/* Objects by their digest: durable, immutable, and never handed out damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "cloud/object/object_store.h"
#include "tests/sim/disk/disk.h"
#include "common/port/posix/system.h"

static char folder[64], objects[96];

/* A disk that counts what is written and says no from one operation on. */
static unsigned appends, syncs, allowed;
static trib_disk disk;

static trib_status counting_append(trib_disk *self, int handle, trib_bytes bytes) {
    (void)self;
    appends++;
    if (allowed == 0) {
        bytes.size /= 2; /* torn */
        TRIB_TRY(trib_posix_disk()->append(trib_posix_disk(), handle, bytes));
        return TRIB_FAIL(TRIB_E_IO, "the disk is full");
    }
    return trib_posix_disk()->append(trib_posix_disk(), handle, bytes);
}

static trib_status counting_sync(trib_disk *self, int handle) {
    (void)self;
    syncs++;
    return allowed > 1 ? trib_posix_disk()->sync(trib_posix_disk(), handle)
                       : TRIB_FAIL(TRIB_E_IO, "the disk does not answer");
}

static cloud_object_store *open_store(void) {
    cloud_object_store *store = NULL;
    assert_true(trib_ok(cloud_object_files(&disk, trib_crypto_host(), objects, &store)));
    return store;
}

static void drop_store(cloud_object_store **store) {
    (*store)->destroy(*store);
}

static int set_up(void **state) {
    (void)state;
    disk = *trib_posix_disk();
    disk.append = counting_append;
    disk.sync = counting_sync;
    appends = syncs = 0;
    allowed = 9;
    (void)snprintf(folder, sizeof folder, "/tmp/object-test-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(objects, sizeof objects, "%s/objects", folder);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static cloud_digest put(cloud_object_store *store, const char *text) {
    cloud_digest digest;
    assert_true(trib_ok(store->put(store, trib_bytes_text(text), &digest)));
    return digest;
}

static void path_of(const cloud_digest *digest, char ret_path[256]) {
    char name[2 * TRIB_HASH_BYTES + 1];
    trib_hex(trib_bytes_of(digest->bytes, sizeof digest->bytes), name);
    (void)snprintf(ret_path, 256, "%s/%s", objects, name);
}

static void holds(cloud_object_store *store, const cloud_digest *digest, const char *text) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer content = {.ceiling = 1000};
    assert_true(trib_ok(store->get(store, digest, &content)));
    assert_true(trib_bytes_equal(trib_buffer_view(&content), trib_bytes_text(text)));
}

static void what_was_put_comes_back_by_its_digest(void **state) {
    (void)state;
    TRIB_SCOPED(drop_store) cloud_object_store *store = open_store();
    uint8_t hash[TRIB_HASH_BYTES];
    cloud_digest first = put(store, "a model"), second = put(store, "another"),
                 empty = put(store, "");
    assert_true(trib_ok(trib_crypto_host()->sha256(trib_bytes_text("a model"), hash)));
    assert_memory_equal(first.bytes, hash, sizeof hash);
    TRIB_SCOPED(drop_store) cloud_object_store *again = open_store();
    holds(again, &first, "a model");
    holds(again, &second, "another");
    holds(again, &empty, "");
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer content = {.ceiling = 1000};
    assert_true(trib_ok(trib_buffer_append(&content, trib_bytes_text("before, "))));
    assert_true(trib_ok(store->get(store, &first, &content))); /* it is appended */
    assert_true(trib_bytes_equal(trib_buffer_view(&content), trib_bytes_text("before, a model")));
}

static void putting_the_same_again_writes_nothing(void **state) {
    (void)state;
    TRIB_SCOPED(drop_store) cloud_object_store *store = open_store();
    struct stat before, after;
    char path[256];
    cloud_digest first = put(store, "a model");
    path_of(&first, path);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(syncs, 1); /* durable before it had its name */
    cloud_digest second = put(store, "a model");
    assert_memory_equal(first.bytes, second.bytes, TRIB_HASH_BYTES);
    assert_int_equal(appends, 1);
    assert_int_equal(stat(path, &after), 0);
    assert_true(before.st_ino == after.st_ino);
    holds(store, &first, "a model");
}

static void what_is_not_there_is_not_found(void **state) {
    (void)state;
    TRIB_SCOPED(drop_store) cloud_object_store *store = open_store();
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer content = {.ceiling = 1000};
    cloud_digest digest = put(store, "a model");
    digest.bytes[31] ^= 1;
    assert_int_equal(store->get(store, &digest, &content).code, TRIB_E_NOT_FOUND);
    assert_int_equal(content.size, 0);
}

static void a_torn_or_altered_object_is_never_handed_out(void **state) {
    (void)state;
    TRIB_SCOPED(drop_store) cloud_object_store *store = open_store();
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer content = {.ceiling = 1000};
    static const char *const damage[] = {"", "a mode", "a modem", "a model!"};
    cloud_digest digest = put(store, "a model");
    char path[256];
    path_of(&digest, path);
    assert_true(trib_ok(trib_buffer_append(&content, trib_bytes_text("kept"))));
    for (size_t i = 0; i < 4; i++) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_true(fputs(damage[i], file) >= 0);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(store->get(store, &digest, &content).code, TRIB_E_CORRUPT);
        assert_true(trib_bytes_equal(trib_buffer_view(&content), trib_bytes_text("kept")));
    }
    (void)put(store, "a model"); /* mends it */
    assert_true(trib_ok(store->get(store, &digest, &content)));
    assert_true(trib_bytes_equal(trib_buffer_view(&content), trib_bytes_text("kepta model")));
    assert_true(trib_ok(store->remove(store, &digest)));
    assert_true(trib_ok(store->remove(store, &digest))); /* fine if it is not there */
    assert_int_equal(store->get(store, &digest, &content).code, TRIB_E_NOT_FOUND);
}

static void a_put_that_fails_leaves_no_name_and_may_be_tried_again(void **state) {
    (void)state;
    TRIB_SCOPED(drop_store) cloud_object_store *store = open_store();
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer content = {.ceiling = 1000};
    cloud_digest digest = put(store, "known"), unmade = digest;
    char path[256];
    assert_true(trib_ok(trib_crypto_host()->sha256(trib_bytes_text("a model"), unmade.bytes)));
    path_of(&unmade, path);
    for (allowed = 0; allowed < 2; allowed++) {
        cloud_digest ignored;
        assert_int_equal(store->put(store, trib_bytes_text("a model"), &ignored).code, TRIB_E_IO);
        assert_int_not_equal(access(path, F_OK), 0);
        assert_int_equal(store->get(store, &unmade, &content).code, TRIB_E_NOT_FOUND);
    }
    cloud_digest made = put(store, "a model");
    assert_memory_equal(made.bytes, unmade.bytes, TRIB_HASH_BYTES);
    holds(store, &made, "a model");
    holds(store, &digest, "known");
}

static void an_object_past_the_readers_ceiling_is_refused(void **state) {
    (void)state;
    TRIB_SCOPED(drop_store) cloud_object_store *store = open_store();
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer content = {.ceiling = 6};
    cloud_digest digest = put(store, "a model");
    assert_int_equal(store->get(store, &digest, &content).code, TRIB_E_LIMIT);
    assert_int_equal(content.size, 0);
}

/* Killed at any operation of a put: the name may be there, and not yet be durable. */
static void what_a_killed_put_has_left_is_durable_once_it_is_put_again(void **state) {
    (void)state;
    const trib_bytes content = trib_bytes_text("a model");
    for (uint64_t operations = 0; operations < 8; operations++) {
        cloud_object_store *store = NULL;
        cloud_digest digest;
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer found = {.ceiling = 100};
        sim_disk *lying = sim_disk_create("cloud", operations);
        trib_disk *port = sim_disk_port(lying);
        assert_true(trib_ok(cloud_object_files(port, trib_crypto_host(), "/cloud/o", &store)));
        assert_true(trib_ok(port->sync_folder(port, "/cloud")));
        sim_disk_die_after(lying, operations);
        trib_ignore(store->put(store, content, &digest));
        store->destroy(store);
        sim_disk_process_killed(lying);
        assert_true(trib_ok(cloud_object_files(port, trib_crypto_host(), "/cloud/o", &store)));
        assert_true(trib_ok(store->put(store, content, &digest)));
        assert_true(trib_ok(store->put(store, content, &digest)));
        sim_disk_power_cycle(lying); /* rates: nothing is kept that was not synced */
        assert_true(trib_ok(store->get(store, &digest, &found)));
        store->destroy(store);
        sim_disk_destroy(lying);
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_killed_put_has_left_is_durable_once_it_is_put_again),
        CASE(what_was_put_comes_back_by_its_digest),
        CASE(putting_the_same_again_writes_nothing),
        CASE(what_is_not_there_is_not_found),
        CASE(a_torn_or_altered_object_is_never_handed_out),
        CASE(a_put_that_fails_leaves_no_name_and_may_be_tried_again),
        CASE(an_object_past_the_readers_ceiling_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
