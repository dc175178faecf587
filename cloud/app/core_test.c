/* A core without a broker: what records lead to, live and after a restart, and where it stops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "cloud/app/core.h"
#include "cloud/round/round_fixture.h"

static char folder[64];
static cloud_core *core;

static void begin(bool rebuild) {
    cloud_config config = {.broker_uri = "tcp://127.0.0.1:1"};
    (void)snprintf(config.state, sizeof config.state, "%s", folder);
    (void)snprintf(config.authorities, sizeof config.authorities, "%s/ca.pem", folder);
    if (!trib_ok(cloud_core_create(&config, rebuild, &core))) {
        fail_msg("start: %s", trib_message());
    }
}

static void restart(bool rebuild) {
    cloud_core_destroy(core);
    begin(rebuild);
}

static int set_up(void **state) {
    (void)state;
    char authorities[96];
    (void)snprintf(folder, sizeof folder, "/tmp/core-test-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(authorities, sizeof authorities, "%s/ca.pem", folder);
    FILE *file = fopen(authorities, "wb");
    if (file == NULL || fputs("nobody's\n", file) < 0 || fclose(file) != 0) {
        return -1;
    }
    trib_log_setup("core-test", TRIB_LOG_TEXT, TRIB_LOG_ERROR);
    begin(false);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    cloud_core_destroy(core);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static cloud_live *plant(void) {
    cloud_member *member = cloud_find(core, "plant");
    assert_non_null(member);
    return member->live;
}

static cloud_applied apply(const char *document) {
    cloud_applied applied;
    if (!trib_ok(cloud_apply_document(core, "plant", trib_bytes_text(document), &applied))) {
        fail_msg("document: %s", trib_message());
    }
    assert_true(trib_ok(cloud_settle(core)));
    return applied;
}

/* As a verified join is taken. */
static void join(const char *gateway) {
    uint8_t bytes[2048];
    uint64_t position;
    trib_writer storage = trib_writer_of(bytes, sizeof bytes);
    cloud_record_Join record;
    make_join(gateway, 1, 7, &record, &storage);
    trib_bytes envelope = trib_written(&storage);
    trib_wire_put(&record.envelope, &envelope);
    assert_true(trib_ok(cloud_append(core, cloud_record_Type_TYPE_JOIN, cloud_record_Join_fields,
                                     &record, &position)));
    assert_true(trib_ok(cloud_live_apply_join(plant(), core->crypto, &record, envelope)));
    cloud_find(core, "plant")->recount_due = true;
    cloud_consider_round(core, cloud_find(core, "plant"));
    assert_true(trib_ok(cloud_settle(core)));
}

static void append_update(fixture_update *update, uint64_t round, uint64_t *ret_position) {
    trib_bytes whole = trib_buffer_view(&update->bytes);
    trib_wire_put(&update->record.update, &whole);
    assert_true(trib_ok(cloud_append(core, cloud_record_Type_TYPE_UPDATE,
                                     cloud_record_Update_fields, &update->record, ret_position)));
    assert_true(trib_ok(cloud_keep_update(core, &update->record, round, *ret_position)));
}

/* As an update that was admitted is counted. */
static void count(const char *gateway) {
    TRIB_SCOPED(drop_update) fixture_update update = {.bytes = {.ceiling = 0}};
    uint64_t position;
    make_update(plant(), gateway, 5, 3, &update);
    append_update(&update, plant()->round.plan.number, &position);
    trib_round_action action = apply_update(plant(), &update, position);
    if (action != TRIB_ACTION_NONE) {
        cloud_find(core, "plant")->pending = action;
    }
}

/* Two gateways in their first round, which waits for both. */
static void under_way(void) {
    (void)apply(document_plain);
    join("press-1");
    join("press-2");
    assert_true(plant()->round_open);
    assert_int_equal(plant()->round.plan.number & UINT32_MAX, 1);
}

static void complete(void) {
    count("press-1");
    count("press-2");
    assert_true(trib_ok(cloud_complete_rounds(core)));
    assert_true(trib_ok(cloud_settle(core)));
}

/* As if a broker was there: what is published goes nowhere. */
static void connect(void) {
    bool known = false;
    trib_mqtt_run(core->mqtt);
    for (uint64_t epoch = 0; epoch < 4 && !known; epoch++) {
        known = trib_mqtt_handle(core->mqtt,
                                 &(trib_mqtt_event){.kind = TRIB_MQTT_CONNECTED, .epoch = epoch});
    }
    assert_true(known && trib_mqtt_connected(core->mqtt));
}

/* Flips a bit in the last record of a kind. */
static void damage_last(uint32_t kind) {
    static uint8_t bytes[1 << 20];
    char path[128];
    long found = -1;
    (void)snprintf(path, sizeof path, "%s/ledger/%020d.ledger", folder, 1);
    FILE *file = fopen(path, "rb+");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    for (size_t at = 0; at + 32 <= size; at += 32 + trib_load_u32(bytes + at + 4)) {
        found = trib_load_u32(bytes + at + 8) == kind ? (long)at : found;
    }
    assert_true(found >= 0);
    assert_int_equal(fseek(file, found + 40, SEEK_SET), 0);
    assert_int_not_equal(fputc(bytes[found + 40] ^ 1, file), EOF);
    assert_int_equal(fclose(file), 0);
}

static void forget_view(void) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/registry.db", folder);
    assert_int_equal(unlink(path), 0);
}

/* ---- records and rounds -------------------------------------------------------------------- */

static void a_restart_leads_to_the_same_state(void **state) {
    (void)state;
    under_way();
    complete();
    count("press-1");
    assert_true(trib_ok(cloud_settle(core)));
    for (int rebuild = 0; rebuild < 2; rebuild++) {
        restart(rebuild != 0);
        assert_true(plant()->round_open && plant()->has_model);
        assert_int_equal(plant()->round.plan.number & UINT32_MAX, 2);
        assert_int_equal(plant()->round.accepted, 1);
        assert_int_equal(plant()->release_count, 1);
        assert_int_equal(core->gaps, 0);
    }
}

static void nothing_is_closed_or_receipted_once_the_core_has_failed(void **state) {
    (void)state;
    under_way();
    count("press-1");
    count("press-2"); /* which completes the round */
    uint64_t end = cloud_ledger_end(core->ledger);
    core->reply_count = 1; /* would be looked at */
    core->replies[0] = (cloud_reply){.live = NULL};
    assert_false(trib_ok(
        cloud_fail(core, TRIB_FAIL(TRIB_E_IO, "no memory for what comes after an append"))));
    assert_int_equal(cloud_settle(core).code, TRIB_E_STATE);
    cloud_tick(core);
    assert_true(plant()->round_open);
    core->stop = false;
    assert_int_equal(cloud_core_run(core).code, TRIB_E_STATE); /* it leaves at once */
    assert_true(plant()->round_open);
    assert_int_equal(cloud_ledger_end(core->ledger), end);
    core->reply_count = 0;
    restart(false); /* and a restart counts what the ledger has */
    assert_true(trib_ok(cloud_complete_rounds(core)));
    assert_int_equal(plant()->round.plan.number & UINT32_MAX, 2);
    assert_true(plant()->has_model);
}

static void a_complete_round_closes_before_a_new_lineage_begins(void **state) {
    (void)state;
    under_way();
    count("press-1");
    count("press-2");
    assert_true(apply(document_other).new_lineage); /* in the same batch */
    assert_int_equal(core->member_count, 1);
    assert_int_equal(plant()->release_count, 1); /* the round gave a model */
    assert_true(plant()->round_open);
    uint64_t number = plant()->round.plan.number;
    cloud_tick(core);
    assert_true(plant()->round_open);
    assert_int_equal(plant()->round.plan.number, number);
    assert_int_equal(plant()->round.accepted, 0);
}

static void a_new_lineage_has_no_release_and_uses_no_number_again(void **state) {
    (void)state;
    under_way();
    complete();
    assert_int_equal(plant()->release.number & UINT32_MAX, 1);
    (void)apply(document_other);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(plant()->release.number, 0);
        assert_int_equal(plant()->release_count, 1);
        restart(i == 1);
    }
    complete();
    assert_int_equal(plant()->release.number & UINT32_MAX, 2);
}

/* So that whoever sends an update of it again is told that it is late, not that it never was. */
static void a_round_of_an_ended_lineage_is_still_known_after_a_restart(void **state) {
    (void)state;
    const char *reason = "";
    under_way();
    uint64_t number = plant()->round.plan.number;
    assert_true(trib_ok(cloud_revoke(core, "press-1", false))); /* one is no quorum */
    (void)apply(document_other);
    const trib_candidate again = {.round = number};
    for (int i = 0; i < 3; i++) {
        assert_false(plant()->round_open);
        assert_int_equal(plant()->round.plan.number, number);
        assert_int_equal(trib_round_admit(&plant()->round, &again, &reason), TRIB_VERDICT_LATE);
        restart(i == 1);
    }
}

static void a_round_waits_for_those_it_selects(void **state) {
    (void)state;
    char text[2048], name[16];
    const char *rounds = strstr(document_plain, "quorum: 2, gateways: 2");
    assert_non_null(rounds);
    (void)snprintf(text, sizeof text, "%.*sfraction: 0.5, quorum: 2, gateways: 8%s",
                   (int)(rounds - document_plain), document_plain,
                   rounds + strlen("quorum: 2, gateways: 2"));
    (void)apply(text);
    for (int i = 1; i <= 8; i++) {
        (void)snprintf(name, sizeof name, "press-%d", i);
        join(name);
    }
    for (int round = 1; round < 9; round++) { /* each closes without its deadline */
        uint32_t selected = cloud_live_selected(plant(), core->crypto, &plant()->round.plan);
        assert_true(plant()->round_open);
        assert_int_equal(plant()->round.plan.expected, 4);
        assert_int_equal(plant()->round.awaited, selected < 4 ? selected : 4);
        assert_in_range(selected, 2, 8); /* the salt is drawn until there is a quorum */
        if (round == 4) {
            restart(false);
            assert_int_equal(plant()->round.awaited, selected < 4 ? selected : 4);
        }
        for (uint32_t i = 0; i < (selected < 4 ? selected : 4); i++) {
            (void)snprintf(name, sizeof name, "press-%u", (unsigned)i + 1);
            count(name);
        }
        assert_true(trib_ok(cloud_complete_rounds(core)));
        assert_int_equal(plant()->round.plan.number & UINT32_MAX, (unsigned)round + 1);
    }
}

static void a_join_is_counted_in_with_the_next_tick(void **state) {
    (void)state;
    under_way();
    assert_int_equal(plant()->round.awaited, 2);
    plant()->round.awaited = 1; /* as if the other had not been there */
    join("press-3");
    cloud_tick(core);
    assert_int_equal(plant()->round.awaited, 2); /* at most as many as are expected */
}

static void a_deadline_is_as_far_off_as_the_document_says(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        if (i == 0) {
            under_way();
        } else {
            restart(false);
        }
        uint64_t wait_ms = trib_round_wait_ms(&plant()->round, trib_monotonic_ms(core->clock));
        assert_true(wait_ms > 0 && wait_ms <= plant()->round.plan.deadline_ms);
    }
}

static uint64_t published_before_sync;
static trib_status sync_result;
static trib_status sync_noting_what_was_published(trib_disk *disk, int handle) {
    (void)disk;
    (void)handle;
    published_before_sync = trib_mqtt_mark(core->mqtt);
    return sync_result;
}

static void a_receipt_waits_for_the_sync_of_its_record(void **state) {
    (void)state;
    trib_disk *disk = core->disk;
    trib_status (*sync)(trib_disk *, int) = disk->sync;
    under_way();
    connect();
    cloud_gateway *gateway = cloud_gateway_find(&plant()->gateways, "press-1");
    gateway->keyed = true; /* under a key of zeros */
    gateway->receipt.kind = TRIB_TOPIC_DOWN_RECEIPT;
    for (int fails = 0; fails < 2; fails++) {
        uint64_t before = trib_mqtt_mark(core->mqtt);
        count(fails ? "press-2" : "press-1");
        core->replies[core->reply_count++] =
            (cloud_reply){plant(), gateway, trib_wire_Receipt_init_zero};
        published_before_sync = UINT64_MAX;
        sync_result = fails ? TRIB_FAIL(TRIB_E_IO, "the disk is gone") : TRIB_SUCCESS;
        disk->sync = sync_noting_what_was_published;
        trib_status status = cloud_settle(core);
        disk->sync = sync;
        assert_int_equal(published_before_sync, before);
        assert_int_equal(status.code, fails ? TRIB_E_IO : TRIB_OK);
        assert_int_equal(trib_mqtt_mark(core->mqtt), fails ? before : before + 1);
    }
    core->reply_count = 0;
}

static void no_notice_names_what_the_broker_did_not_take(void **state) {
    (void)state;
    under_way();
    connect(); /* to a broker that takes nothing */
    cloud_all_due(core);
    cloud_publish_due(core);
    const cloud_member *member = cloud_find(core, "plant");
    assert_false(member->federation_due);
    assert_true(member->round_due && member->release_due);
    assert_true(member->retry_ms > trib_monotonic_ms(core->clock)); /* the chunks, again */
    assert_int_equal(core->signatures, 1);
}

static void objects_that_dead_starts_left_do_not_keep_notices_back(void **state) {
    (void)state;
    under_way();
    for (uint8_t i = 0; i < CLOUD_MAX_PUBLISHED; i++) {
        const uint8_t id[16] = {i, 1};
        assert_true(trib_ok(cloud_registry_note_published(core->registry, "plant", id, 1)));
    }
    restart(false);
    const cloud_member *member = cloud_find(core, "plant");
    assert_int_equal(member->published_count, CLOUD_MAX_PUBLISHED);
    connect();
    cloud_all_due(core);
    cloud_publish_due(core);
    assert_in_range(member->published_count, 1, 2); /* the round's base, and what is released */
}

static bool stored(const cloud_digest *digest) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = 1 << 20};
    return trib_ok(core->objects->get(core->objects, digest, &file));
}

/* Equal states are one file, and the view may not know yet that another federation has it. */
static void a_superseded_state_goes_unless_another_federation_goes_on_from_it(void **state) {
    (void)state;
    char text[2048];
    const char *name = strstr(document_plain, "plant");
    const char *rounds = strstr(document_plain, "maximum: 9");
    assert_true(name != NULL && rounds != NULL);
    (void)snprintf(text, sizeof text, "%.*smaximum: 99%s", (int)(rounds - document_plain),
                   document_plain, rounds + strlen("maximum: 9"));
    (void)apply(text);
    join("press-1");
    join("press-2");
    complete();
    const cloud_digest first = plant()->strategy;
    cloud_applied applied;
    (void)snprintf(text, sizeof text, "%.*sother%s", (int)(name - document_plain), document_plain,
                   name + strlen("plant"));
    assert_true(trib_ok(cloud_apply_document(core, "other", trib_bytes_text(text), &applied)));
    cloud_live *other = cloud_find(core, "other")->live;
    other->has_model = true;
    other->strategy = first;
    for (int i = 0; i < CLOUD_STRATEGIES; i++) {
        cloud_prune(core);
        assert_true(stored(&first));
        complete();
    }
    cloud_prune(core);
    assert_true(stored(&first));
    other->has_model = false;
    cloud_find(core, "plant")->closed = true;
    cloud_prune(core);
    assert_false(stored(&first));
    assert_true(stored(&plant()->strategy));
}

/* ---- revocations --------------------------------------------------------------------------- */

static void who_was_revoked_before_any_federation_takes_no_part_in_it(void **state) {
    (void)state;
    assert_true(trib_ok(cloud_revoke(core, "press-1", false)));
    (void)apply(document_plain);
    join("press-1");
    join("press-2");
    for (int i = 0; i < 3; i++) {
        assert_true(cloud_revoked_has(&core->revoked, "press-1")); /* what joins.c asks */
        assert_int_equal(cloud_live_members(plant()), 1);
        assert_int_equal(plant()->epoch, 2);
        assert_false(plant()->round_open);
        restart(i == 1);
    }
    uint64_t end = cloud_ledger_end(core->ledger);
    assert_true(trib_ok(cloud_revoke(core, "press-1", false))); /* once is enough */
    assert_int_equal(cloud_ledger_end(core->ledger), end);
}

static void what_a_revocation_took_out_stays_out_after_a_restart(void **state) {
    (void)state;
    under_way();
    count("press-1");
    assert_true(trib_ok(cloud_settle(core)));
    assert_true(trib_ok(cloud_revoke(core, "press-1", true)));
    for (int i = 0; i < 3; i++) {
        assert_true(plant()->round_open);
        assert_int_equal(plant()->round.accepted, 0);
        assert_int_equal(plant()->sum->updates, 0);
        assert_int_equal(plant()->sum->weight, 0);
        restart(i == 1);
    }
}

static void what_a_revoked_gateway_had_counted_stays_unless_it_is_taken_out(void **state) {
    (void)state;
    under_way();
    count("press-1");
    assert_true(trib_ok(cloud_settle(core)));
    assert_true(trib_ok(cloud_revoke(core, "press-1", false)));
    for (int i = 0; i < 3; i++) {
        assert_true(plant()->round_open);
        assert_int_equal(plant()->round.accepted, 1);
        assert_int_equal(plant()->sum->updates, 1);
        restart(i == 1);
    }
}

/* ---- damage -------------------------------------------------------------------------------- */

static void a_round_whose_close_is_lost_is_abandoned_once_senders_can_be_told(void **state) {
    (void)state;
    char text[2048];
    const char *rounds = strstr(document_plain, "maximum: 9");
    assert_non_null(rounds);
    (void)snprintf(text, sizeof text, "%.*smaximum: 1%s", (int)(rounds - document_plain),
                   document_plain, rounds + strlen("maximum: 9"));
    (void)apply(text);
    join("press-1");
    join("press-2");
    complete();
    assert_false(plant()->round_open); /* it was the last one */
    cloud_core_destroy(core);
    damage_last(cloud_record_Type_TYPE_ROUND_CLOSED);
    begin(true);
    assert_int_equal(core->gaps, 1);
    assert_int_equal(core->gap_records, 1);
    assert_true(plant()->round_open);
    cloud_tick(core); /* nobody could be told */
    assert_true(plant()->round_open);
    assert_int_equal(plant()->round.plan.number & UINT32_MAX, 1);
    assert_int_equal(cloud_tick_wait_ms(core), 1000);
    connect();
    cloud_tick(core);
    assert_true(trib_ok(cloud_settle(core)));
    assert_true(plant()->round_open); /* the one that takes its place */
    assert_int_equal(plant()->round.plan.number, trib_round_number(2, 2));
    assert_int_equal(plant()->closed_through, trib_round_number(1, 1));
    assert_int_equal(plant()->round.accepted, 0);
    assert_false(cloud_find(core, "plant")->damaged);
    complete();
    assert_false(plant()->round_open);
}

/* The round's close is there, its release is not: a crash between two records, or a full disk. */
static void a_release_that_a_crash_prevented_is_made_up_for(void **state) {
    (void)state;
    under_way();
    complete();
    uint64_t opened = plant()->round.plan.number;
    cloud_core_destroy(core);
    damage_last(cloud_record_Type_TYPE_ROUND_OPENED);
    forget_view(); /* which has not seen that either */
    begin(true);   /* a torn tail, cut */
    cloud_core_destroy(core);
    damage_last(cloud_record_Type_TYPE_RELEASE);
    forget_view();
    begin(true);
    assert_int_equal(core->gaps, 0);
    assert_int_equal(plant()->release.number, 0);
    cloud_member *member = cloud_find(core, "plant");
    for (int i = 0; i < 2; i++) { /* once is enough */
        assert_true(trib_ok(cloud_mend_release(core, member)));
        assert_int_equal(plant()->release.number, trib_round_number(1, 1));
        assert_int_equal(plant()->release.ordinal, plant()->course.model->round);
    }
    cloud_consider_round(core, member);
    assert_int_equal(plant()->round.plan.number, opened);
}

/* The view has seen records that the ledger has no more: gateways may have heard of them. */
static void numbers_of_a_lost_end_are_not_used_again(void **state) {
    (void)state;
    under_way();
    complete();
    uint32_t before = core->incarnation;
    cloud_core_destroy(core);
    core = NULL;
    damage_last(cloud_record_Type_TYPE_ROUND_OPENED); /* at the end: cut as if it was torn */
    cloud_config config = {.broker_uri = "tcp://127.0.0.1:1"};
    (void)snprintf(config.state, sizeof config.state, "%s", folder);
    (void)snprintf(config.authorities, sizeof config.authorities, "%s/ca.pem", folder);
    assert_int_equal(cloud_core_create(&config, false, &core).code, TRIB_E_CORRUPT);
    begin(true);
    assert_int_equal(core->incarnation, before + 1);
    restart(true); /* now they agree */
    assert_int_equal(core->incarnation, before + 1);
}

static void numbers_that_a_gap_may_have_held_are_not_used_again(void **state) {
    (void)state;
    under_way();
    complete();
    complete(); /* its release is the last record but for the third opening */
    uint64_t opened = plant()->round.plan.number, released = plant()->release_count;
    assert_int_equal(released, 2);
    join("press-3");
    cloud_core_destroy(core);
    damage_last(cloud_record_Type_TYPE_ROUND_OPENED);
    damage_last(cloud_record_Type_TYPE_RELEASE);
    begin(true);
    assert_int_equal(core->gap_records, 2);
    assert_false(plant()->round_open);
    cloud_consider_round(core, cloud_find(core, "plant"));
    assert_true(plant()->round_open && plant()->round.plan.number > opened);
    cloud_core_destroy(core); /* before anything else was recorded of it */
    damage_last(cloud_record_Type_TYPE_ROUND_OPENED);
    begin(true);
    assert_int_equal(core->incarnation, 3);
    cloud_consider_round(core, cloud_find(core, "plant"));
    assert_true(plant()->round_open && plant()->round.plan.number > opened);
    count("press-3");
    complete();
    assert_true(plant()->release.number > trib_round_number(1, (uint32_t)released));
}

static void a_round_that_starts_from_a_lost_close_is_abandoned_too(void **state) {
    (void)state;
    under_way();
    complete();
    count("press-1");
    assert_true(trib_ok(cloud_settle(core)));
    cloud_core_destroy(core);
    damage_last(cloud_record_Type_TYPE_ROUND_CLOSED);
    begin(true);
    assert_int_equal(plant()->round.plan.number & UINT32_MAX, 2);
    connect();
    cloud_tick(core);
    assert_true(plant()->round_open);
    assert_int_equal(plant()->round.plan.number & UINT32_MAX, 3);
    assert_int_equal(plant()->round.plan.ordinal, 2); /* from the base that it had named */
    complete();
    assert_int_equal(plant()->course.model->round, 2);
}

static void damage_of_before_does_not_end_a_round_that_opens_now(void **state) {
    (void)state;
    (void)apply(document_plain);
    cloud_find(core, "plant")->damaged = true;
    join("press-1");
    join("press-2");
    connect();
    cloud_tick(core);
    assert_true(plant()->round_open);
    assert_int_equal(plant()->round.plan.number & UINT32_MAX, 1);
}

static void a_damaged_revocation_holds_as_long_as_the_view_knows_it(void **state) {
    (void)state;
    under_way();
    assert_true(trib_ok(cloud_revoke(core, "press-1", false)));
    join("press-3"); /* behind it, or it was a torn tail */
    cloud_core_destroy(core);
    damage_last(cloud_record_Type_TYPE_REVOKED);
    begin(false);
    assert_int_equal(core->gaps, 1);
    assert_true(cloud_revoked_has(&core->revoked, "press-1"));
    assert_int_equal(cloud_live_members(plant()), 2);
    restart(true);
    assert_int_equal(core->gaps, 1);
    assert_false(cloud_revoked_has(&core->revoked, "press-1")); /* what the log then warns of */
}

static void a_recorded_update_whose_rounds_opening_is_lost_is_skipped(void **state) {
    (void)state;
    under_way();
    TRIB_SCOPED(drop_update) fixture_update update = {.bytes = {.ceiling = 0}};
    uint64_t position;
    plant()->round.plan.number++;
    make_update(plant(), "press-1", 5, 3, &update);
    plant()->round.plan.number--;
    append_update(&update, plant()->round.plan.number + 1, &position);
    assert_true(trib_ok(cloud_settle(core)));
    restart(false);
    assert_true(plant()->round_open);
    assert_int_equal(plant()->round.accepted, 0);
    assert_int_equal(plant()->sum->updates, 0);
}

/* ---- requests ------------------------------------------------------------------------------ */

static unsigned ask(const char *method, const char *path, trib_buffer *ret_answer) {
    cloud_request request = {.after = -1, .answer.ceiling = 1 << 16};
    (void)snprintf(request.method, sizeof request.method, "%s", method);
    (void)snprintf(request.path, sizeof request.path, "%s", path);
    cloud_handle_request(core, &request);
    *ret_answer = request.answer;
    assert_true(trib_ok(trib_buffer_append(ret_answer, trib_bytes_of("", 1))));
    return request.status;
}

static void a_document_without_a_byte_is_refused(void **state) {
    (void)state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer answer = {.ceiling = 0};
    assert_int_equal(ask("POST", "/v1/federations", &answer), 400);
    assert_int_equal(core->member_count, 0);
}

/* A gateway writes its version and its labels, whoever asks writes names: JSON holds only UTF-8. */
static void what_is_no_utf8_hides_neither_a_gateway_nor_an_answer(void **state) {
    (void)state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer list = {.ceiling = 0};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer refusal = {.ceiling = 0};
    under_way();
    cloud_gateway *gateway = cloud_gateway_find(&plant()->gateways, "press-1");
    assert_non_null(gateway);
    (void)snprintf(gateway->capabilities.agent_version, sizeof gateway->capabilities.agent_version,
                   "1.\xd8");
    (void)snprintf(gateway->last_label, sizeof gateway->last_label, "idle \xff");
    assert_int_equal(ask("GET", "/v1/federations/plant/gateways", &list), 200);
    assert_non_null(strstr((const char *)list.data, "\"press-1\""));
    assert_non_null(strstr((const char *)list.data, "\"1.?\""));
    assert_non_null(strstr((const char *)list.data, "\"idle ?\""));
    assert_int_equal(ask("POST", "/v1/gateways/pr\xd8ss/revoke", &refusal), 400);
    assert_non_null(strstr((const char *)refusal.data, "'pr?ss' is no gateway's name"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_restart_leads_to_the_same_state),
        CASE(nothing_is_closed_or_receipted_once_the_core_has_failed),
        CASE(a_complete_round_closes_before_a_new_lineage_begins),
        CASE(a_new_lineage_has_no_release_and_uses_no_number_again),
        CASE(a_round_of_an_ended_lineage_is_still_known_after_a_restart),
        CASE(a_round_waits_for_those_it_selects),
        CASE(a_join_is_counted_in_with_the_next_tick),
        CASE(a_deadline_is_as_far_off_as_the_document_says),
        CASE(a_receipt_waits_for_the_sync_of_its_record),
        CASE(no_notice_names_what_the_broker_did_not_take),
        CASE(objects_that_dead_starts_left_do_not_keep_notices_back),
        CASE(a_superseded_state_goes_unless_another_federation_goes_on_from_it),
        CASE(who_was_revoked_before_any_federation_takes_no_part_in_it),
        CASE(what_a_revocation_took_out_stays_out_after_a_restart),
        CASE(what_a_revoked_gateway_had_counted_stays_unless_it_is_taken_out),
        CASE(a_round_whose_close_is_lost_is_abandoned_once_senders_can_be_told),
        CASE(a_release_that_a_crash_prevented_is_made_up_for),
        CASE(numbers_of_a_lost_end_are_not_used_again),
        CASE(numbers_that_a_gap_may_have_held_are_not_used_again),
        CASE(a_round_that_starts_from_a_lost_close_is_abandoned_too),
        CASE(damage_of_before_does_not_end_a_round_that_opens_now),
        CASE(a_damaged_revocation_holds_as_long_as_the_view_knows_it),
        CASE(a_recorded_update_whose_rounds_opening_is_lost_is_skipped),
        CASE(a_document_without_a_byte_is_refused),
        CASE(what_is_no_utf8_hides_neither_a_gateway_nor_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
