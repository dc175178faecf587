/* What an agent must not forget, over restarts and damage. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/database/database.h"
#include "common/wire/wire.h"
#include "edge/outbox/outbox.h"
#include "generated/edge_outbox_migrations.h"
#include "tests/support/power.h"

static char folder[64], path[96];
static edge_outbox *outbox;

static void open_outbox(void) {
    trib_status status = edge_outbox_open(path, &outbox);
    if (!trib_ok(status)) {
        fail_msg("open: %s", trib_message());
    }
}

static void close_outbox(void) {
    edge_outbox_close(outbox);
    outbox = NULL;
}

static void restart(void) {
    close_outbox();
    open_outbox();
}

/* The power goes, and comes back: nothing is left but what was synced. */
static void lose_power(void) {
    power_goes();
    close_outbox();
    power_is_back(POWER_LEAVES_SYNCED);
    open_outbox();
}

static int set_up(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/outbox-test-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/state.db", folder);
    open_outbox();
    power_watch(folder);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    close_outbox();
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static trib_database *look_into(void) {
    trib_database *database = NULL;
    assert_true(trib_ok(trib_database_open(
        path, edge_outbox_migrations,
        sizeof edge_outbox_migrations / sizeof edge_outbox_migrations[0], &database)));
    return database;
}

/* Changes the file behind the outbox's back. */
static void run_sql(const char *sql) {
    close_outbox();
    trib_database *database = look_into();
    assert_true(trib_ok(trib_database_run(database, sql)));
    trib_database_close(database);
    open_outbox();
}

/* ---- updates ------------------------------------------------------------------------------- */

static void put(uint64_t round, const char *update) {
    assert_true(trib_ok(edge_outbox_put(outbox, round, trib_bytes_text(update), 10, 20)));
}

static void decide(uint64_t round, const char *verdict) {
    assert_true(trib_ok(edge_outbox_verdict(outbox, trib_crypto_host(), round, verdict)));
}

static trib_status forget_but(uint64_t closed_through, uint64_t abandoned,
                              uint32_t *ret_taken_back) {
    return edge_outbox_delete(outbox, closed_through, abandoned, ret_taken_back);
}

static trib_status forget(uint64_t closed_through) {
    uint32_t taken_back;
    return forget_but(closed_through, 0, &taken_back);
}

/* The next to send is this one; with NULL: there is none. */
static void next_is(uint64_t round, const char *update) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer storage = {.ceiling = 1 << 20};
    edge_outbox_entry entry = {.round = 0};
    trib_status status = edge_outbox_get(outbox, &storage, &entry);
    if (update == NULL) {
        assert_int_equal(status.code, TRIB_E_NOT_FOUND);
        return;
    }
    assert_true(trib_ok(status));
    assert_int_equal(entry.round, round);
    assert_true(trib_bytes_equal(entry.update, trib_bytes_text(update)));
}

static uint64_t newest(void) {
    uint64_t round = UINT64_MAX;
    assert_true(trib_ok(edge_outbox_newest(outbox, &round)));
    return round;
}

static void the_first_update_of_a_round_is_the_one_that_stays(void **state) {
    (void)state;
    next_is(0, NULL);
    put(6, "the first");
    put(6, "another");
    next_is(6, "the first");
    restart();
    put(6, "another");
    next_is(6, "the first");
    decide(6, "accepted");
    put(6, "another"); /* not even after its verdict */
    next_is(0, NULL);
}

static void updates_are_sent_in_the_order_of_their_rounds_one_after_anothers_verdict(void **state) {
    (void)state;
    put(8, "eight");
    put(6, "six");
    put(7, "seven");
    next_is(6, "six");
    decide(6, "accepted");
    next_is(7, "seven");
    restart();
    next_is(7, "seven");
    decide(8, "late: the round is closed"); /* whatever order the receipts come in */
    next_is(7, "seven");
    decide(7, "refused: NaN");
    next_is(0, NULL);
}

static void an_update_is_deleted_once_it_has_a_verdict_and_its_round_is_closed(void **state) {
    (void)state;
    put(6, "six");
    put(7, "seven");
    put(8, "eight");
    decide(6, "accepted");
    decide(8, "accepted");
    assert_true(trib_ok(forget(7)));
    next_is(7, "seven"); /* closed, but its receipt was lost */
    assert_int_equal(edge_outbox_verdict(outbox, trib_crypto_host(), 6, "accepted").code,
                     TRIB_E_NOT_FOUND);
    decide(8, "abandoned"); /* still there: its round is open */
    decide(7, "duplicate");
    restart();
    assert_true(trib_ok(forget(8)));
    for (uint64_t round = 6; round <= 8; round++) {
        assert_int_equal(edge_outbox_verdict(outbox, trib_crypto_host(), round, "accepted").code,
                         TRIB_E_NOT_FOUND);
    }
}

static void the_newest_round_is_known_also_once_its_update_is_deleted(void **state) {
    (void)state;
    assert_int_equal(newest(), 0);
    put(7, "seven");
    put(6, "six");
    assert_int_equal(newest(), 7);
    decide(7, "accepted");
    assert_true(trib_ok(forget(7)));
    assert_int_equal(newest(), 7); /* its receipt stays */
    restart();
    assert_int_equal(newest(), 7);
    put(((uint64_t)3 << 32) + 1, "of the third incarnation");
    assert_true(newest() == ((uint64_t)3 << 32) + 1);
}

static void past_the_ceiling_the_oldest_updates_go_first(void **state) {
    (void)state;
    char text[32];
    for (uint64_t round = 1; round <= EDGE_OUTBOX_MOST + 3; round++) {
        (void)snprintf(text, sizeof text, "update %u", (unsigned)round);
        put(round, text);
    }
    next_is(4, "update 4");
    put(2, "too old by now");
    next_is(4, "update 4");
    for (uint64_t round = 4; round <= EDGE_OUTBOX_MOST + 3; round++) {
        (void)snprintf(text, sizeof text, "update %u", (unsigned)round);
        next_is(round, text);
        decide(round, "accepted");
    }
    next_is(0, NULL);
}

/* ---- receipts ------------------------------------------------------------------------------ */

typedef struct receipts {
    uint64_t count, oldest, newest;
} receipts;

static receipts look_at_receipts(void) {
    trib_database *database = look_into();
    trib_statement *statement;
    bool row;
    assert_true(trib_ok(trib_database_prepare(
        database, "SELECT count(*), min(round), max(round) FROM receipt", &statement)));
    assert_true(trib_ok(trib_statement_step(statement, &row)));
    const receipts found = {(uint64_t)trib_column_integer(statement, 0),
                            (uint64_t)trib_column_integer(statement, 1),
                            (uint64_t)trib_column_integer(statement, 2)};
    trib_database_close(database);
    return found;
}

static void a_verdict_is_kept_with_the_digest_of_its_update(void **state) {
    (void)state;
    uint8_t digest[TRIB_HASH_BYTES];
    trib_statement *statement;
    bool row;
    put(6, "six");
    decide(6, "accepted");
    decide(6, "abandoned");
    assert_true(trib_ok(forget(6)));
    assert_true(trib_ok(trib_crypto_host()->sha256(trib_bytes_text("six"), digest)));
    trib_database *database = look_into();
    assert_true(trib_ok(
        trib_database_prepare(database, "SELECT round, digest, verdict FROM receipt", &statement)));
    assert_true(trib_ok(trib_statement_step(statement, &row)));
    assert_true(row);
    assert_int_equal(trib_column_integer(statement, 0), 6);
    assert_true(
        trib_bytes_equal(trib_column_bytes(statement, 1), trib_bytes_of(digest, sizeof digest)));
    assert_string_equal(trib_column_text(statement, 2), "abandoned");
    trib_database_close(database);
}

static void an_acceptance_is_taken_back_also_once_its_update_is_deleted(void **state) {
    (void)state;
    uint32_t taken_back = 9;
    const char *const left[] = {"accepted", "abandoned: the round was given up", "discarded",
                                "late"};
    for (uint64_t round = 6; round <= 9; round++) {
        put(round, "an update");
        decide(round, round == 9 ? "late" : "accepted");
    }
    assert_true(trib_ok(forget(6)));
    decide(8, "discarded");
    assert_true(trib_ok(forget_but(9, 1u << 2 | 1u << 1 | 1u, &taken_back))); /* 7, 8 and 9 */
    assert_int_equal(taken_back, 1);
    trib_database *database = look_into();
    trib_statement *statement;
    bool row;
    assert_true(trib_ok(
        trib_database_prepare(database, "SELECT verdict FROM receipt ORDER BY round", &statement)));
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        assert_true(trib_ok(trib_statement_step(statement, &row)) && row);
        assert_string_equal(trib_column_text(statement, 0), left[i]);
    }
    trib_database_close(database);
    assert_true(trib_ok(edge_outbox_verdict(outbox, trib_crypto_host(), 6, "discarded")));
    assert_int_equal(edge_outbox_verdict(outbox, trib_crypto_host(), 6, "discarded").code,
                     TRIB_E_NOT_FOUND);
    assert_true(trib_ok(forget_but(70, 1u, &taken_back)));
    assert_int_equal(taken_back, 0);
}

/* As many as have come in years, then as the next hundreds of rounds bring them. */
static void past_the_ceiling_the_oldest_receipts_go_now_and_then(void **state) {
    (void)state;
    enum { MORE = 64, ROUNDS = 300 };
    uint64_t most = 0;
    run_sql("INSERT INTO receipt WITH RECURSIVE r (n) AS (VALUES (1) UNION ALL"
            " SELECT n + 1 FROM r WHERE n < 4096) SELECT n, x'00', 'accepted' FROM r");
    assert_int_equal(look_at_receipts().count, EDGE_OUTBOX_RECEIPTS);
    for (uint64_t round = EDGE_OUTBOX_RECEIPTS + 1; round <= EDGE_OUTBOX_RECEIPTS + ROUNDS;
         round++) {
        put(round, "an update");
        decide(round, "accepted");
        assert_true(trib_ok(forget(round)));
        const receipts kept = look_at_receipts();
        assert_true(kept.count >= EDGE_OUTBOX_RECEIPTS);
        assert_true(kept.count <= EDGE_OUTBOX_RECEIPTS + MORE);
        assert_int_equal(kept.newest, round);
        assert_int_equal(kept.newest - kept.oldest + 1, kept.count); /* none from in between */
        assert_int_equal(newest(), round);
        most = kept.count > most ? kept.count : most;
    }
    assert_true(most > EDGE_OUTBOX_RECEIPTS + MORE / 2); /* not with each of them */
}

/* ---- numbers and values -------------------------------------------------------------------- */

static void each_start_has_a_number_that_was_never_used(void **state) {
    (void)state;
    for (uint64_t start = 1; start <= 6; start++) {
        uint64_t boot = 0;
        assert_true(trib_ok(edge_outbox_boot(outbox, &boot)));
        assert_int_equal(boot, start);
        if (start % 2 == 0) { /* it is durable at once */
            lose_power();
        } else {
            restart();
        }
    }
}

static void a_start_number_that_could_not_be_made_durable_is_not_handed_out(void **state) {
    (void)state;
    uint64_t boot = 77;
    power_fails_after(0);
    assert_false(trib_ok(edge_outbox_boot(outbox, &boot)));
    lose_power();
    assert_true(trib_ok(edge_outbox_boot(outbox, &boot)));
    assert_int_equal(boot, 1);
}

/* A disk that takes no byte more, at the commit. */
static void a_start_number_that_could_not_be_written_is_not_handed_out(void **state) {
    (void)state;
    struct rlimit room, none;
    uint64_t boot = 77;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &room), 0);
    none = room;
    none.rlim_cur = 0;
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    trib_status status = edge_outbox_boot(outbox, &boot);
    int restored = setrlimit(RLIMIT_FSIZE, &room);
    (void)signal(SIGXFSZ, before);
    assert_int_equal(restored, 0);
    assert_false(trib_ok(status));
    assert_int_equal(boot, 77);
    assert_true(trib_ok(edge_outbox_boot(outbox, &boot)));
    assert_int_equal(boot, 1);
}

static void a_start_number_that_is_lost_or_used_up_is_never_made_up(void **state) {
    (void)state;
    uint64_t boot = 0;
    run_sql("UPDATE value SET value = 4294967293 WHERE key = 'boot'");
    assert_true(trib_ok(edge_outbox_boot(outbox, &boot)));
    assert_true(boot == UINT32_MAX - 1);
    assert_int_equal(edge_outbox_boot(outbox, &boot).code, TRIB_E_CORRUPT);
    run_sql("DELETE FROM value WHERE key = 'boot'");
    assert_int_equal(edge_outbox_boot(outbox, &boot).code, TRIB_E_CORRUPT);
    assert_true(boot == UINT32_MAX - 1);
}

static void session_and_document_come_back_as_they_were_stored(void **state) {
    (void)state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer document = {.ceiling = 1000};
    edge_state_Session session = {.generation = 4, .welcomed = true, .round = 7}, back;
    const uint8_t context[60] = {1, 2, 3};
    assert_int_equal(edge_outbox_load_session(outbox, &back).code, TRIB_E_NOT_FOUND);
    assert_int_equal(edge_outbox_load_document(outbox, &document).code, TRIB_E_NOT_FOUND);
    TRIB_WIRE_SET_BYTES(session.context, context, sizeof context);
    assert_true(trib_ok(edge_outbox_store_session(outbox, &session)));
    session.round = 8;
    session.receipt_next = UINT64_MAX - 1;
    assert_true(trib_ok(edge_outbox_store_session(outbox, &session)));
    assert_true(trib_ok(edge_outbox_store_document(outbox, trib_bytes_text("a: 1\n"))));
    restart();
    assert_true(trib_ok(edge_outbox_load_session(outbox, &back)));
    assert_int_equal(back.generation, 4);
    assert_int_equal(back.round, 8);
    assert_true(back.welcomed && back.receipt_next == UINT64_MAX - 1);
    assert_int_equal(back.context.size, sizeof context);
    assert_memory_equal(back.context.bytes, context, sizeof context);
    assert_true(trib_ok(edge_outbox_load_document(outbox, &document)));
    assert_true(trib_bytes_equal(trib_buffer_view(&document), trib_bytes_text("a: 1\n")));
}

static void a_stored_session_that_cannot_be_read_is_said_and_not_guessed(void **state) {
    (void)state;
    edge_state_Session session = {.generation = 9};
    run_sql("INSERT INTO value VALUES ('session', x'0aff')");
    assert_int_equal(edge_outbox_load_session(outbox, &session).code, TRIB_E_CORRUPT);
    assert_int_equal(session.generation, 9);
}

static void the_active_slot_comes_back_and_one_that_cannot_be_is_said(void **state) {
    (void)state;
    edge_slot slot = {.name = 'a', .release = 3, .digest = {5}}, back = {.name = 'x'};
    assert_int_equal(edge_outbox_load_slot(outbox, &back).code, TRIB_E_NOT_FOUND);
    assert_true(trib_ok(edge_outbox_store_slot(outbox, &slot)));
    slot.name = 'b';
    slot.release = 4;
    assert_true(trib_ok(edge_outbox_store_slot(outbox, &slot)));
    restart();
    assert_true(trib_ok(edge_outbox_load_slot(outbox, &back)));
    assert_int_equal(back.name, 'b');
    assert_int_equal(back.release, 4);
    assert_memory_equal(back.digest, slot.digest, sizeof slot.digest);
    static const char *const damage[] = {"UPDATE slot SET name = 'c'", "UPDATE slot SET name = ''",
                                         "UPDATE slot SET name = 'a', digest = x'00'"};
    for (size_t i = 0; i < 3; i++) {
        run_sql(damage[i]);
        assert_int_equal(edge_outbox_load_slot(outbox, &back).code, TRIB_E_CORRUPT);
        assert_int_equal(back.name, 'b');
    }
}

/* ---- durability ---------------------------------------------------------------------------- */

/* What another connection sees, as if this process had been killed now. */
static uint64_t rounds_seen_from_outside(void) {
    edge_outbox *other = NULL, *mine = outbox;
    assert_true(trib_ok(edge_outbox_open(path, &other)));
    outbox = other;
    uint64_t round = newest();
    edge_outbox_close(other);
    outbox = mine;
    return round;
}

static void changes_of_a_group_are_kept_together_and_alone_at_once(void **state) {
    (void)state;
    const edge_state_Session session = {.generation = 2};
    edge_state_Session back = {.generation = 0};
    edge_outbox *other = NULL;
    put(6, "six");
    assert_int_equal(rounds_seen_from_outside(), 6);
    assert_true(trib_ok(edge_outbox_group(outbox)));
    assert_true(trib_ok(edge_outbox_group(outbox))); /* one is open */
    assert_true(trib_ok(edge_outbox_store_session(outbox, &session)));
    decide(6, "accepted");
    assert_true(trib_ok(edge_outbox_open(path, &other)));
    assert_int_equal(edge_outbox_load_session(other, &back).code, TRIB_E_NOT_FOUND);
    assert_true(trib_ok(edge_outbox_settle(outbox)));
    assert_true(trib_ok(edge_outbox_settle(outbox))); /* nothing is open: nothing to do */
    assert_true(trib_ok(edge_outbox_load_session(other, &back)));
    assert_int_equal(back.generation, 2);
    edge_outbox_close(other);
    assert_true(trib_ok(edge_outbox_group(outbox)));
    put(7, "seven"); /* an update settles what was open, and is kept itself */
    assert_int_equal(rounds_seen_from_outside(), 7);
}

/* One change each, in an order in which they can follow one another. */
static void change_put(void) {
    put(6, "six");
}
static void change_verdict(void) {
    decide(6, "accepted");
}
static void change_delete(void) {
    assert_true(trib_ok(forget(6)));
}
static void change_session(void) {
    const edge_state_Session session = {.generation = 2};
    assert_true(trib_ok(edge_outbox_store_session(outbox, &session)));
}
static void change_document(void) {
    assert_true(trib_ok(edge_outbox_store_document(outbox, trib_bytes_text("a: 1\n"))));
}
static void change_slot(void) {
    const edge_slot slot = {.name = 'a', .release = 3};
    assert_true(trib_ok(edge_outbox_store_slot(outbox, &slot)));
}

/* Which of the changes are there, a letter each. */
static void state_of_all(char ret_text[8]) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer storage = {.ceiling = 1000};
    edge_outbox_entry entry;
    edge_state_Session session;
    edge_slot slot;
    bool waits = trib_ok(edge_outbox_get(outbox, &storage, &entry));
    bool deleted =
        edge_outbox_verdict(outbox, trib_crypto_host(), 6, "accepted").code == TRIB_E_NOT_FOUND;
    (void)snprintf(ret_text, 8, "%c%c%c%c%c%c", newest() == 6 ? 'p' : '-', waits ? 'w' : '-',
                   newest() == 6 && deleted ? 'd' : '-',
                   trib_ok(edge_outbox_load_session(outbox, &session)) ? 's' : '-',
                   trib_ok(edge_outbox_load_document(outbox, &storage)) ? 'o' : '-',
                   trib_ok(edge_outbox_load_slot(outbox, &slot)) ? 'l' : '-');
}

static void state_is(const char *text) {
    char now[8];
    state_of_all(now);
    assert_string_equal(now, text);
}

/* Each change by itself: lost with the power until it is synced, and not after. */
static void what_is_synced_outlives_loss_of_power_and_nothing_else_does(void **state) {
    (void)state;
    static const struct {
        void (*change)(void);
        const char *after;
    } all[] = {{NULL, "------"},          {change_put, "pw----"},     {change_verdict, "p-----"},
               {change_delete, "p-d---"}, {change_session, "p-ds--"}, {change_document, "p-dso-"},
               {change_slot, "p-dsol"}};
    for (size_t i = 1; i < sizeof all / sizeof all[0]; i++) {
        for (int grouped = 0; grouped < 2; grouped++) { /* settled, and in a group that is open */
            if (grouped == 1) {
                assert_true(trib_ok(edge_outbox_group(outbox)));
            }
            all[i].change();
            lose_power();
            state_is(all[i - 1].after);
            lose_power(); /* looking at it may have changed it */
        }
        assert_true(trib_ok(edge_outbox_group(outbox)));
        all[i].change();
        assert_true(trib_ok(edge_outbox_sync(outbox)));
        lose_power();
        state_is(all[i].after);
        lose_power();
    }
}

static void what_power_takes_is_the_newest(void **state) {
    (void)state;
    put(6, "six");
    assert_true(trib_ok(edge_outbox_sync(outbox)));
    put(7, "seven");
    assert_true(trib_ok(edge_outbox_sync(outbox)));
    put(8, "eight");
    decide(6, "accepted");
    lose_power();
    assert_int_equal(newest(), 7);
    next_is(6, "six"); /* its receipt comes again when it is sent again */
}

static void syncing_costs_nothing_when_nothing_has_changed(void **state) {
    (void)state;
    put(6, "six");
    assert_true(trib_ok(edge_outbox_sync(outbox)));
    size_t before = power_syncs();
    assert_true(trib_ok(edge_outbox_sync(outbox)));
    next_is(6, "six");
    assert_int_equal(newest(), 6);
    assert_true(trib_ok(edge_outbox_sync(outbox)));
    assert_int_equal(power_syncs(), before);
    assert_true(trib_ok(edge_outbox_settle(outbox)));
    assert_int_equal(power_syncs(), before);
    decide(6, "accepted");
    assert_true(trib_ok(edge_outbox_settle(outbox))); /* keeping it is cheap as well */
    assert_int_equal(power_syncs(), before);
    assert_true(trib_ok(edge_outbox_sync(outbox)));
    assert_true(power_syncs() > before);
}

static void a_sync_that_failed_is_made_up_for_by_the_next(void **state) {
    (void)state;
    put(6, "six");
    assert_true(trib_ok(edge_outbox_sync(outbox)));
    put(7, "seven");
    power_flickers_after(0);
    assert_false(trib_ok(edge_outbox_sync(outbox)));
    assert_true(power_failed());
    assert_int_equal(rounds_seen_from_outside(), 7); /* kept, and not durable */
    assert_true(trib_ok(edge_outbox_sync(outbox)));
    lose_power();
    assert_int_equal(newest(), 7);
}

/* A log that begins anew is synced by the first commit; here that fails. */
static void a_group_that_cannot_be_kept_leaves_nothing_behind(void **state) {
    (void)state;
    const edge_state_Session session = {.generation = 2};
    edge_state_Session back = {.generation = 0};
    put(6, "six");
    restart();
    assert_true(trib_ok(edge_outbox_group(outbox)));
    assert_true(trib_ok(edge_outbox_store_session(outbox, &session)));
    decide(6, "accepted");
    power_flickers_after(0);
    assert_false(trib_ok(edge_outbox_settle(outbox)));
    assert_true(power_failed());
    assert_int_equal(edge_outbox_load_session(outbox, &back).code, TRIB_E_NOT_FOUND);
    next_is(6, "six");
    assert_true(trib_ok(edge_outbox_group(outbox))); /* the next is none the worse for it */
    assert_true(trib_ok(edge_outbox_store_session(outbox, &session)));
    assert_true(trib_ok(edge_outbox_sync(outbox)));
    lose_power();
    assert_true(trib_ok(edge_outbox_load_session(outbox, &back)));
    next_is(6, "six");
}

static void closing_settles_what_is_open(void **state) {
    (void)state;
    const edge_state_Session session = {.generation = 2};
    edge_state_Session back;
    assert_true(trib_ok(edge_outbox_group(outbox)));
    assert_true(trib_ok(edge_outbox_store_session(outbox, &session)));
    restart();
    assert_true(trib_ok(edge_outbox_load_session(outbox, &back)));
    assert_int_equal(back.generation, 2);
}

static void overwrite(long at, size_t size, int value) {
    FILE *file = fopen(path, "rb+");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(fputc(value, file), value);
    }
    assert_int_equal(fclose(file), 0);
}

static void a_damaged_file_is_refused(void **state) {
    (void)state;
    edge_outbox *damaged = NULL;
    put(6, "six");
    close_outbox();
    overwrite(4096, 64, 0xee); /* the head of the second page */
    assert_int_equal(edge_outbox_open(path, &damaged).code, TRIB_E_CORRUPT);
    overwrite(0, 64, 0xee); /* no database at all */
    assert_int_equal(edge_outbox_open(path, &damaged).code, TRIB_E_CORRUPT);
    assert_null(damaged);
    assert_int_equal(truncate(path, 0), 0); /* as new */
    open_outbox();
    next_is(0, NULL);
}

static void a_file_of_a_newer_program_is_refused(void **state) {
    (void)state;
    trib_database *database = NULL;
    edge_outbox *newer = NULL;
    close_outbox();
    assert_true(trib_ok(trib_database_open(
        path, edge_outbox_migrations,
        sizeof edge_outbox_migrations / sizeof edge_outbox_migrations[0], &database)));
    assert_true(trib_ok(trib_database_run(database, "PRAGMA user_version = 99")));
    trib_database_close(database);
    assert_int_equal(edge_outbox_open(path, &newer).code, TRIB_E_STATE);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(the_first_update_of_a_round_is_the_one_that_stays),
        CASE(updates_are_sent_in_the_order_of_their_rounds_one_after_anothers_verdict),
        CASE(an_update_is_deleted_once_it_has_a_verdict_and_its_round_is_closed),
        CASE(the_newest_round_is_known_also_once_its_update_is_deleted),
        CASE(past_the_ceiling_the_oldest_updates_go_first),
        CASE(a_verdict_is_kept_with_the_digest_of_its_update),
        CASE(an_acceptance_is_taken_back_also_once_its_update_is_deleted),
        CASE(past_the_ceiling_the_oldest_receipts_go_now_and_then),
        CASE(each_start_has_a_number_that_was_never_used),
        CASE(a_start_number_that_could_not_be_made_durable_is_not_handed_out),
        CASE(a_start_number_that_could_not_be_written_is_not_handed_out),
        CASE(a_start_number_that_is_lost_or_used_up_is_never_made_up),
        CASE(session_and_document_come_back_as_they_were_stored),
        CASE(a_stored_session_that_cannot_be_read_is_said_and_not_guessed),
        CASE(the_active_slot_comes_back_and_one_that_cannot_be_is_said),
        CASE(changes_of_a_group_are_kept_together_and_alone_at_once),
        CASE(what_is_synced_outlives_loss_of_power_and_nothing_else_does),
        CASE(what_power_takes_is_the_newest),
        CASE(syncing_costs_nothing_when_nothing_has_changed),
        CASE(a_sync_that_failed_is_made_up_for_by_the_next),
        CASE(a_group_that_cannot_be_kept_leaves_nothing_behind),
        CASE(closing_settles_what_is_open),
        CASE(a_damaged_file_is_refused),
        CASE(a_file_of_a_newer_program_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
