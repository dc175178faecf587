/* What waits for the registry: bounded, and never lost, since the ledger has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "cloud/registry/view.h"
#include "common/base/heap.h"
#include "common/port/posix/system.h"
#include "common/wire/wire.h"

static char folder[64], path[96];
static cloud_view view;

static int set_up(void **state) {
    (void)state;
    char records[96];
    (void)snprintf(folder, sizeof folder, "/tmp/view-test-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/registry.db", folder);
    (void)snprintf(records, sizeof records, "%s/ledger", folder);
    view = (cloud_view){.kept = NULL};
    return !trib_ok(cloud_registry_open(path, &view.registry)) ||
           !trib_ok(cloud_ledger_open(trib_posix_disk(), records, 42, &view.ledger));
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    cloud_registry_close(view.registry);
    cloud_ledger_close(view.ledger);
    cloud_view_deinit(&view);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void append(uint32_t type, const pb_msgdesc_t *fields, const void *message) {
    uint8_t bytes[512];
    uint64_t position = 0;
    trib_writer writer = trib_writer_of(bytes, sizeof bytes);
    assert_true(trib_ok(trib_wire_encode(fields, message, &writer)));
    trib_bytes payload = trib_written(&writer);
    assert_true(trib_ok(cloud_ledger_append(view.ledger, type, &payload, 1, &position)));
    cloud_view_keep(&view, &(cloud_record){.type = type, .position = position, .payload = payload});
}

static void append_update(const char *gateway, uint64_t round) {
    uint8_t bytes[64];
    const uint8_t digest[32] = {1};
    cloud_record_Update record = {.federation = "plant"};
    const trib_wire_Update update = {.round = round};
    trib_writer writer = trib_writer_of(bytes, sizeof bytes);
    assert_true(trib_ok(TRIB_WIRE_ENCODE(Update, &update, &writer)));
    trib_bytes whole = trib_written(&writer);
    (void)snprintf(record.gateway, sizeof record.gateway, "%s", gateway);
    TRIB_WIRE_SET_BYTES(record.digest, digest, sizeof digest);
    trib_wire_put(&record.update, &whole);
    append(cloud_record_Type_TYPE_UPDATE, cloud_record_Update_fields, &record);
}

static void append_opened(uint64_t round) {
    const cloud_record_RoundOpened record = {.federation = "plant", .round = round};
    append(cloud_record_Type_TYPE_ROUND_OPENED, cloud_record_RoundOpened_fields, &record);
}

static void refresh(void) {
    assert_true(trib_ok(cloud_ledger_sync(view.ledger)));
    if (!trib_ok(cloud_view_refresh(&view))) {
        fail_msg("refresh: %s", trib_message());
    }
    assert_int_equal(view.kept_count, 0);
    assert_int_equal(view.kept_bytes, 0);
    assert_false(view.due || view.behind);
}

static trib_status last_counted(void *context, const cloud_counted_row *row) {
    *(uint64_t *)context = row->round;
    return TRIB_SUCCESS;
}

/* The registry has all that the ledger has. */
static void assert_whole(uint64_t opened, uint64_t counted) {
    uint64_t position = 0, round = 0, last = 0;
    assert_true(trib_ok(cloud_registry_position(view.registry, &position)));
    assert_int_equal(position, cloud_ledger_end(view.ledger));
    assert_true(trib_ok(cloud_registry_last_round(view.registry, "plant", false, &last)));
    assert_int_equal(last, opened);
    assert_true(trib_ok(cloud_registry_counted(view.registry, "plant", last_counted, &round)));
    assert_int_equal(round, counted);
}

static void what_people_ask_for_is_due_and_updates_wait(void **state) {
    (void)state;
    append_update("press-1", 1);
    assert_false(view.due);
    append_opened(2);
    assert_true(view.due);
    refresh();
    assert_whole(2, 1);
    for (unsigned i = 0; i <= CLOUD_VIEW_UPDATES; i++) {
        assert_false(view.due);
        append_update("press-1", 3);
    }
    assert_true(view.due);
    refresh();
    assert_whole(2, 3);
}

static void nothing_to_take_is_fine(void **state) {
    (void)state;
    refresh();
    assert_whole(0, 0);
    append_update("press-1", 1);
    refresh();
    refresh();
    assert_whole(0, 1);
}

static void past_its_ceiling_it_keeps_nothing_and_the_ledger_has_it(void **state) {
    (void)state;
    append_opened(1);
    for (uint64_t i = 1; i <= CLOUD_VIEW_RECORDS + 10; i++) {
        append_update("press-1", i);
    }
    assert_true(view.behind && view.due);
    assert_int_equal(view.kept_count, 0);
    append_opened(2); /* while it is behind */
    assert_int_equal(view.kept_count, 0);
    refresh();
    assert_whole(2, CLOUD_VIEW_RECORDS + 10);
    append_update("press-1", 77777); /* and it keeps again */
    assert_int_equal(view.kept_count, 1);
    refresh();
    assert_whole(2, 77777);
}

static void bytes_have_a_ceiling_too(void **state) {
    (void)state;
    static uint8_t large[CLOUD_VIEW_BYTES / 2 + 1];
    append_opened(1);
    for (int i = 0; i < 2; i++) { /* of a kind that only a newer program knows */
        uint64_t position = 0;
        trib_bytes payload = trib_bytes_of(large, sizeof large);
        assert_false(view.behind);
        assert_true(trib_ok(cloud_ledger_append(view.ledger, 99, &payload, 1, &position)));
        cloud_view_keep(&view,
                        &(cloud_record){.type = 99, .position = position, .payload = payload});
    }
    assert_true(view.behind);
    assert_int_equal(view.kept_bytes, 0);
    refresh();
    assert_whole(1, 0);
}

static void a_registry_that_cannot_be_written_loses_nothing(void **state) {
    (void)state;
    for (unsigned times = 0; times < 2; times++) {
        append_opened(1 + times);
        append_update("press-1", 1 + times);
        view.behind = times == 1;
        assert_true(trib_ok(cloud_registry_begin(view.registry))); /* a second one cannot */
        assert_true(trib_ok(cloud_ledger_sync(view.ledger)));
        assert_false(trib_ok(cloud_view_refresh(&view)));
        cloud_registry_rollback(view.registry);
        assert_true(view.due);
        refresh();
        assert_whole(1 + times, 1 + times);
    }
}

static void what_could_not_be_taken_is_kept(void **state) {
    (void)state;
    append_opened(1);
    append_update("press-1", 1);
    uint64_t position = 0;
    trib_bytes payload = trib_bytes_text("no message");
    assert_true(trib_ok(cloud_ledger_append(view.ledger, 99, &payload, 1, &position)));
    cloud_view_keep(&view, &(cloud_record){.type = (uint32_t)cloud_record_Type_TYPE_UPDATE,
                                           .position = position,
                                           .payload = payload});
    assert_true(trib_ok(cloud_ledger_sync(view.ledger)));
    for (int times = 0; times < 2; times++) {
        assert_int_equal(cloud_view_refresh(&view).code, TRIB_E_CORRUPT);
        assert_int_equal(view.kept_count, 3);
        assert_true(view.due);
    }
    view.kept[2].type = 99; /* as the ledger has it */
    refresh();
    assert_whole(1, 1);
}

static void what_it_lacks_is_taken_from_the_first_record_on(void **state) {
    (void)state;
    append_opened(1);
    refresh();
    view.behind = true;
    append_update("press-1", 1); /* the only one that it lacks */
    refresh();
    assert_whole(1, 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(what_people_ask_for_is_due_and_updates_wait),
        CASE(nothing_to_take_is_fine),
        CASE(past_its_ceiling_it_keeps_nothing_and_the_ledger_has_it),
        CASE(bytes_have_a_ceiling_too),
        CASE(a_registry_that_cannot_be_written_loses_nothing),
        CASE(what_could_not_be_taken_is_kept),
        CASE(what_it_lacks_is_taken_from_the_first_record_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
