/* Documents, joins, openings, revocations, releases, and the way back from stored models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "cloud/round/round_fixture.h"
#include "common/port/posix/system.h"

/* ---- documents ----------------------------------------------------------------------------- */

static void a_federation_needs_a_name_that_topics_can_carry(void **state) {
    (void)state;
    cloud_live *live = NULL;
    assert_false(trib_ok(cloud_live_create("all", &live)));
    assert_false(trib_ok(cloud_live_create("", &live)));
    assert_null(live);
}

static void a_document_starts_a_lineage_with_a_model_drawn_from_its_seed(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = live_of(document_plain);
    TRIB_SCOPED(drop_live) cloud_live *again = live_of(document_plain);
    assert_int_equal(live->revision, 1);
    assert_int_equal(live->course.stage, TRIB_STAGE_TRAINING);
    assert_int_equal(live->course.model->parameter_count, FIXTURE_PARAMETERS);
    assert_memory_equal(live->course.model->parameters, again->course.model->parameters,
                        FIXTURE_PARAMETERS * sizeof(float));
    assert_true(
        trib_bytes_equal(trib_buffer_view(&live->document), trib_bytes_text(document_plain)));
    TRIB_SCOPED(drop_live) cloud_live *normalised = live_of(document_normalised);
    assert_int_equal(normalised->course.stage, TRIB_STAGE_STATISTICS);
}

/* A trained model and an open round that has counted one update. */
static cloud_live *under_way(void) {
    cloud_live *live = live_of(document_plain);
    const cloud_record_RoundClosed closed = closing_of(1, false);
    TRIB_SCOPED(drop_update) fixture_update update;
    apply_join(live, "press-1", 1, 100);
    open_round(live, 1, 3);
    cloud_live_apply_closed(live, &closed);
    live->course.model->parameters[0] = 42;
    open_round(live, 2, 3);
    make_update(live, "press-1", 10, 1, &update);
    (void)apply_update(live, &update, 20);
    return live;
}

static void a_document_of_the_same_lineage_keeps_the_model_and_the_round(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = under_way();
    assert_int_equal(apply_document(live, document_changed, 2, false), TRIB_OK);
    assert_int_equal(live->revision, 2);
    assert_int_equal(live->federation->rounds.deadline_ms, 20000);
    assert_true(live->course.model->parameters[0] == 42);
    assert_true(live->round_open && live->has_model);
    assert_int_equal(live->sum->updates, 1);
    assert_true(
        trib_bytes_equal(trib_buffer_view(&live->document), trib_bytes_text(document_changed)));
}

static void a_new_lineage_starts_afresh_but_keeps_its_gateways_and_numbers(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = under_way();
    TRIB_SCOPED(drop_live) cloud_live *fresh = live_of(document_other);
    cloud_live_apply_release(live, &(cloud_record_Release){.federation = "plant", .release = 7});
    assert_int_equal(apply_document(live, document_other, 2, true), TRIB_OK);
    assert_false(live->round_open || live->has_model);
    assert_int_equal(live->release.number, 0); /* of a model that means something else */
    assert_int_equal(live->release_count, 7);
    assert_null(live->sum);
    assert_memory_equal(live->course.model->parameters, fresh->course.model->parameters,
                        FIXTURE_PARAMETERS * sizeof(float));
    assert_int_equal(cloud_live_members(live), 1);
    assert_int_equal(live->round_count, 2);
    assert_int_equal(live->closed_through, 1);
}

static void a_document_that_cannot_be_read_changes_nothing(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = under_way();
    TRIB_SCOPED(drop_live) cloud_live *before = under_way();
    assert_int_not_equal(apply_document(live, "federation: plant\nlayers: 3\n", 2, true), TRIB_OK);
    assert_int_not_equal(apply_document(live, "", 2, false), TRIB_OK);
    assert_same_state(live, before);
    assert_true(live->course.model->parameters[0] == 42);
}

/* The ledger's first document was lost to damage: what follows says that its lineage goes on. */
static void a_document_that_goes_on_with_a_lineage_nobody_knows_is_refused(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = NULL;
    assert_true(trib_ok(cloud_live_create("plant", &live)));
    assert_int_equal(apply_document(live, document_plain, 2, false), TRIB_E_CORRUPT);
    assert_int_equal(live->revision, 0);
    assert_int_equal(apply_document(live, document_plain, 3, true), TRIB_OK);
}

static void a_document_waits_until_another_is_in_force(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = under_way();
    const cloud_record_Federation record = {.federation = "plant", .revision = 2};
    assert_true(
        trib_ok(cloud_live_apply_pending(live, &record, trib_bytes_text(document_changed))));
    assert_int_equal(live->revision, 1); /* the open round goes on as it was announced */
    assert_int_equal(live->pending_revision, 2);
    assert_true(
        trib_bytes_equal(trib_buffer_view(&live->pending), trib_bytes_text(document_changed)));
    assert_int_equal(apply_document(live, document_changed, 2, false), TRIB_OK);
    assert_int_equal(live->pending_revision, 0);
    assert_int_equal(live->pending.size, 0);
}

/* ---- gateways ------------------------------------------------------------------------------ */

static void a_join_takes_the_place_of_the_session_before(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = live_of(document_plain);
    assert_int_equal(cloud_live_members(live), 0);
    apply_join(live, "press-2", 1, 100);
    apply_join(live, "press-1", 1, 200);
    assert_int_equal(cloud_live_members(live), 2);
    cloud_gateway *gateway = cloud_gateway_find(&live->gateways, "press-2");
    assert_non_null(gateway);
    gateway->keyed = true;
    gateway->assembly.bytes = trib_allocate(10, 1); /* an update that was on its way */
    apply_join(live, "press-2", 2, 101);
    assert_int_equal(cloud_live_members(live), 2);
    assert_int_equal(gateway->generation, 2);
    assert_int_equal(gateway->session, 101);
    assert_int_equal(gateway->capabilities.max_parameters, 1002);
    assert_string_equal(gateway->serial, "0a");
    assert_false(gateway->keyed);
    assert_null(gateway->assembly.bytes);
    const cloud_record_Join record = {.federation = "plant", .gateway = "press-9"};
    assert_int_equal(
        cloud_live_apply_join(live, trib_crypto_host(), &record, trib_bytes_text("no envelope"))
            .code,
        TRIB_E_CORRUPT);
    assert_null(cloud_gateway_find(&live->gateways, "press-9"));
}

static void whoever_cannot_do_what_is_asked_takes_no_part(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = live_of(document_plain);
    apply_join(live, "press-1", 1, 100);
    apply_join(live, "press-2", 1, 200);
    trib_wire_Capabilities *able = &cloud_gateway_find(&live->gateways, "press-2")->capabilities;
    const trib_wire_Capabilities all = *able;
    const struct {
        trib_wire_Capabilities able;
        const char *said;
    } cases[] = {
        {{.codecs = 0, .layers = all.layers, .max_parameters = all.max_parameters}, "codec"},
        {{.codecs = all.codecs, .layers = 0, .max_parameters = all.max_parameters}, "layer dense"},
        {{.codecs = all.codecs, .layers = all.layers, .max_parameters = FIXTURE_PARAMETERS - 1},
         "parameters"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        *able = cases[i].able;
        assert_int_equal(cloud_live_members(live), 1);
        assert_int_equal(cloud_live_capable(live, able).code, TRIB_E_DENIED);
        assert_non_null(strstr(trib_message(), cases[i].said));
    }
    *able = all;
    able->max_parameters = FIXTURE_PARAMETERS;
    assert_int_equal(cloud_live_members(live), 2);
}

static void a_revocation_leaves_nobody_to_wait_for(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = live_of(document_plain);
    const trib_crypto *crypto = trib_crypto_host();
    apply_join(live, "press-1", 1, 100);
    apply_join(live, "press-2", 1, 200);
    apply_join(live, "press-3", 1, 300);
    open_round(live, 1, 3);
    assert_int_equal(cloud_live_recount(live, crypto), TRIB_ACTION_NONE);
    static const char *const there[] = {"press-1", "press-3"};
    for (uint8_t i = 0; i < 2; i++) {
        fixture_update update;
        make_update(live, there[i], 5, i, &update);
        assert_int_equal(apply_update(live, &update, 10u + i), TRIB_ACTION_NONE);
        drop_update(&update);
    }
    assert_int_equal(cloud_live_recount(live, crypto), TRIB_ACTION_NONE);
    cloud_live_apply_revoked(live, &(cloud_record_Revoked){.gateway = "press-2"});
    assert_int_equal(cloud_live_recount(live, crypto), TRIB_ACTION_CLOSE);
}

/* Five joined; the salt selects some of them by their names. */
static cloud_live *asked_in_part(uint32_t expected, uint32_t *ret_selected) {
    cloud_live *live = live_of(document_plain);
    const char *const there[] = {"press-1", "press-2", "press-3", "press-4", "press-5"};
    for (uint64_t i = 0; i < 5; i++) {
        apply_join(live, there[i], 1, 100 + i);
    }
    cloud_record_RoundOpened record = opening_of(live, 1, expected);
    record.fraction_ppm = TRIB_SELECT_RANGE / 2;
    assert_true(trib_ok(cloud_live_apply_opened(live, &record, 10, 1000)));
    *ret_selected = cloud_live_selected(live, trib_crypto_host(), &live->round.plan);
    return live;
}

static void a_round_waits_for_no_more_than_its_salt_selects(void **state) {
    (void)state;
    uint32_t selected = 0;
    TRIB_SCOPED(drop_live) cloud_live *live = asked_in_part(5, &selected);
    const trib_crypto *crypto = trib_crypto_host();
    assert_in_range(selected, 2, 4);
    assert_int_equal(live->round.awaited, 5);
    assert_int_equal(cloud_live_recount(live, crypto), TRIB_ACTION_NONE);
    assert_int_equal(live->round.awaited, selected);
    for (uint64_t i = 6; i < 30; i++) { /* whoever joins late may be asked too, up to N */
        char name[16];
        (void)snprintf(name, sizeof name, "press-%u", (unsigned)i);
        apply_join(live, name, 1, 100 + i);
        assert_int_equal(cloud_live_recount(live, crypto), TRIB_ACTION_NONE);
        uint32_t now = cloud_live_selected(live, crypto, &live->round.plan);
        assert_int_equal(live->round.awaited, now < 5 ? now : 5);
    }
    assert_int_equal(live->round.awaited, 5);
}

static void an_update_of_another_round_than_the_open_one_counts_nothing(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = live_of(document_plain);
    TRIB_SCOPED(drop_update) fixture_update update = {.bytes = {.ceiling = 0}};
    trib_round_action action = TRIB_ACTION_NONE;
    apply_join(live, "press-1", 1, 100);
    open_round(live, 1, 3);
    make_update(live, "press-1", 5, 1, &update);
    const cloud_record_RoundClosed closing = closing_of(1, true);
    cloud_live_apply_closed(live, &closing);
    trib_bytes bytes = trib_buffer_view(&update.bytes);
    assert_int_equal(cloud_live_apply_update(live, &update.record, bytes, 20, &action).code,
                     TRIB_E_STATE); /* none is open */
    open_round(live, 2, 3);
    assert_int_equal(cloud_live_apply_update(live, &update.record, bytes, 20, &action).code,
                     TRIB_E_STATE);
    assert_int_equal(live->round.accepted, 0);
    assert_int_equal(live->sum->updates, 0);
    assert_int_equal(cloud_gateway_find(&live->gateways, "press-1")->counted_round, 0);
}

static void a_revocation_counts_once_and_ends_membership_for_good(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = live_of(document_plain);
    const cloud_record_Revoked kept = {.gateway = "press-1"};
    const cloud_record_Revoked dropped = {.gateway = "press-1", .discard = true};
    const cloud_record_Revoked stranger = {.gateway = "press-9"};
    apply_join(live, "press-1", 1, 100);
    apply_join(live, "press-2", 1, 200);
    assert_int_equal(live->epoch, 1);
    cloud_live_apply_revoked(live, &kept);
    assert_int_equal(live->epoch, 2); /* models are wrapped anew */
    assert_int_equal(cloud_live_members(live), 1);
    assert_false(cloud_gateway_find(&live->gateways, "press-1")->discarded);
    cloud_live_apply_revoked(live, &dropped);
    assert_int_equal(live->epoch, 2);
    assert_true(cloud_gateway_find(&live->gateways, "press-1")->discarded);
    cloud_live_apply_revoked(live, &stranger); /* before it ever joins */
    assert_int_equal(live->epoch, 3);
    apply_join(live, "press-9", 1, 900);
    apply_join(live, "press-1", 2, 101);
    assert_int_equal(cloud_live_members(live), 1);
}

/* ---- rounds and releases ------------------------------------------------------------------- */

static void a_round_opens_with_what_its_record_says(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = live_of(document_plain);
    cloud_record_RoundOpened record = opening_of(live, 5, 3);
    record.round = (uint64_t)2 << 32 | 5; /* of the cloud's second incarnation */
    record.time_ms = 1234;
    assert_true(trib_ok(cloud_live_apply_opened(live, &record, 77, 1000)));
    assert_true(live->round_open);
    assert_true(live->round.plan.number == record.round);
    assert_int_equal(live->round.plan.quorum, 2);
    assert_int_equal(live->round.plan.fraction_ppm, TRIB_SELECT_RANGE);
    assert_int_equal(live->round.deadline_ms, 11000);
    assert_memory_equal(live->round.plan.salt, record.salt.bytes, TRIB_SELECT_SALT_BYTES);
    assert_int_equal(live->round_count, 5);
    assert_int_equal(live->opened_position, 77);
    assert_int_equal(live->opened_wall_ms, 1234);
    assert_memory_equal(live->base.bytes, record.base_digest.bytes, TRIB_HASH_BYTES);
    assert_int_equal(live->sum->count, FIXTURE_PARAMETERS);
    assert_int_equal(live->sum->updates, 0);
}

static void an_opening_that_cannot_be_ours_is_refused(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = live_of(document_plain);
    cloud_record_RoundOpened record = opening_of(live, 1, 3);
    record.salt.size--;
    assert_int_equal(cloud_live_apply_opened(live, &record, 1, 1).code, TRIB_E_CORRUPT);
    record = opening_of(live, 1, 3);
    record.grid_exponent -= 20; /* its sums could wrap */
    assert_int_equal(cloud_live_apply_opened(live, &record, 1, 1).code, TRIB_E_ARGUMENT);
    record = opening_of(live, 1, 3);
    record.clip_norm = 0;
    assert_int_equal(cloud_live_apply_opened(live, &record, 1, 1).code, TRIB_E_ARGUMENT);
    assert_false(live->round_open);
}

static void a_release_is_kept_with_its_number(void **state) {
    (void)state;
    TRIB_SCOPED(drop_live) cloud_live *live = live_of(document_plain);
    cloud_record_Release record = {
        .federation = "plant", .release = (uint64_t)2 << 32 | 3, .round = 8, .ordinal = 6};
    const uint8_t model[TRIB_HASH_BYTES] = {1, 2, 3};
    TRIB_WIRE_SET_BYTES(record.model_digest, model, sizeof model);
    cloud_live_apply_release(live, &record);
    assert_true(live->release.number == record.release);
    assert_int_equal(live->release.round, 8);
    assert_int_equal(live->release.ordinal, 6);
    assert_int_equal(live->release_count, 3);
    assert_memory_equal(live->release.model.bytes, model, sizeof model);
}

/* ---- from stored models -------------------------------------------------------------------- */

static char folder[64];

static int fresh_folder(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/round-test-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int drop_folder(void **state) {
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void drop_store(cloud_object_store **store) {
    if (*store != NULL) {
        (*store)->destroy(*store);
    }
}

static cloud_object_store *open_store(void) {
    cloud_object_store *store = NULL;
    assert_true(trib_ok(cloud_object_files(trib_posix_disk(), trib_crypto_host(), folder, &store)));
    return store;
}

/* Stores the course's model and strategy, and closes round 1 with them. */
static void close_with_model(cloud_live *live, cloud_object_store *store) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer model = {.ceiling = 1 << 20};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer strategy = {.ceiling = 1 << 20};
    cloud_record_RoundClosed record = closing_of(1, false);
    cloud_digest digest;
    assert_true(trib_ok(trib_model_write(live->course.model, &model)));
    assert_true(trib_ok(trib_strategy_write(&live->course.strategy, &strategy)));
    assert_true(trib_ok(store->put(store, trib_buffer_view(&model), &digest)));
    TRIB_WIRE_SET_BYTES(record.model_digest, digest.bytes, TRIB_HASH_BYTES);
    assert_true(trib_ok(store->put(store, trib_buffer_view(&strategy), &digest)));
    TRIB_WIRE_SET_BYTES(record.strategy_digest, digest.bytes, TRIB_HASH_BYTES);
    cloud_live_apply_closed(live, &record);
}

static void the_course_comes_back_from_what_the_last_close_stored(void **state) {
    (void)state;
    TRIB_SCOPED(drop_store) cloud_object_store *store = open_store();
    TRIB_SCOPED(drop_live) cloud_live *live = live_of(document_plain);
    TRIB_SCOPED(drop_live) cloud_live *back = live_of(document_plain);
    const trib_crypto *crypto = trib_crypto_host();
    assert_true(trib_ok(cloud_live_restore_course(back, crypto, store))); /* as drawn */
    assert_int_equal(back->course.model->round, 0);
    live->course.model->parameters[3] = 0.125f;
    live->course.model->round = 7;
    close_with_model(live, store);
    back->has_model = true;
    back->base = live->base;
    back->strategy = live->strategy;
    assert_true(trib_ok(cloud_live_restore_course(back, crypto, store)));
    assert_int_equal(back->course.model->round, 7);
    assert_memory_equal(back->course.model->parameters, live->course.model->parameters,
                        FIXTURE_PARAMETERS * sizeof(float));
    TRIB_SCOPED(drop_live) cloud_live *other = live_of(document_other);
    other->has_model = true;
    other->base = live->base;
    other->strategy = live->strategy;
    assert_int_equal(cloud_live_restore_course(other, crypto, store).code, TRIB_E_STATE);
    other->base.bytes[0] ^= 1;
    assert_int_equal(cloud_live_restore_course(other, crypto, store).code, TRIB_E_NOT_FOUND);
}

/* The record of the close that made it is damaged, and the view was no help. */
static void an_open_rounds_base_is_the_model_also_when_the_close_before_is_lost(void **state) {
    (void)state;
    TRIB_SCOPED(drop_store) cloud_object_store *store = open_store();
    TRIB_SCOPED(drop_live) cloud_live *live = live_of(document_plain);
    TRIB_SCOPED(drop_live) cloud_live *back = live_of(document_plain);
    live->course.model->parameters[3] = 0.125f;
    live->course.model->round = 7;
    close_with_model(live, store);
    back->round_open = true;
    back->base = live->base;
    assert_true(trib_ok(cloud_live_restore_course(back, trib_crypto_host(), store)));
    assert_int_equal(back->course.model->round, 7);
    assert_memory_equal(back->course.model->parameters, live->course.model->parameters,
                        FIXTURE_PARAMETERS * sizeof(float));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_federation_needs_a_name_that_topics_can_carry),
        cmocka_unit_test(a_document_starts_a_lineage_with_a_model_drawn_from_its_seed),
        cmocka_unit_test(a_document_of_the_same_lineage_keeps_the_model_and_the_round),
        cmocka_unit_test(a_new_lineage_starts_afresh_but_keeps_its_gateways_and_numbers),
        cmocka_unit_test(a_document_that_cannot_be_read_changes_nothing),
        cmocka_unit_test(a_document_that_goes_on_with_a_lineage_nobody_knows_is_refused),
        cmocka_unit_test(a_join_takes_the_place_of_the_session_before),
        cmocka_unit_test(a_document_waits_until_another_is_in_force),
        cmocka_unit_test(whoever_cannot_do_what_is_asked_takes_no_part),
        cmocka_unit_test(a_revocation_leaves_nobody_to_wait_for),
        cmocka_unit_test(a_round_waits_for_no_more_than_its_salt_selects),
        cmocka_unit_test(an_update_of_another_round_than_the_open_one_counts_nothing),
        cmocka_unit_test(a_revocation_counts_once_and_ends_membership_for_good),
        cmocka_unit_test(a_round_opens_with_what_its_record_says),
        cmocka_unit_test(an_opening_that_cannot_be_ours_is_refused),
        cmocka_unit_test(a_release_is_kept_with_its_number),
        cmocka_unit_test_setup_teardown(
            an_open_rounds_base_is_the_model_also_when_the_close_before_is_lost, fresh_folder,
            drop_folder),
        cmocka_unit_test_setup_teardown(the_course_comes_back_from_what_the_last_close_stored,
                                        fresh_folder, drop_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
