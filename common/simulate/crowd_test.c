#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/simulate/dataset.h"
#include "common/simulate/made_up.h"
#include "common/simulate/simulate.h"

enum { CLIENTS = 300, SAMPLES = 6 };

static const char document[] =
    "federation: crowd\n"
    "seed: 5\n"
    "source: {rate_hz: 500, channels: [vib_x, vib_y, current],\n"
    "         label: {column: state, classes: [healthy, imbalance, misalignment, bearing_wear]}}\n"
    "pipeline: {window: {rows: 4}, features: [mean, std, max]}\n"
    "model: {task: classify, layers: [{kind: dense, units: 16}, {kind: relu},\n"
    "                                 {kind: dense, units: 4}]}\n"
    "training: {batch: 4, optimiser: momentum, rate: 0.05}\n"
    "rounds: {maximum: 3, quorum: 2, gateways: 2}\n"
    "update: {codec: int8, clip_norm: 10}\n";

typedef struct fixture {
    trib_federation *federation;
    trib_kernels kernels;
} fixture;

static void begin(fixture *crowd, const char *text) {
    char said[160];
    crowd->kernels = trib_kernels_choose(said, sizeof said);
    crowd->federation = trib_allocate(1, sizeof(trib_federation));
    assert_non_null(crowd->federation);
    if (!trib_ok(trib_federation_parse("c.yaml", trib_bytes_text(text), crowd->federation))) {
        fail_msg("%s", trib_message());
    }
}

static trib_simulation setup_of(const fixture *crowd, uint32_t threads) {
    return (trib_simulation){.federation = crowd->federation,
                             .crypto = trib_crypto_host(),
                             .kernels = &crowd->kernels,
                             .crowd = {CLIENTS, SAMPLES, threads}};
}

static trib_buffer model_of(const trib_simulation *setup, trib_simulation_round *ret_last) {
    trib_simulation_result result;
    trib_buffer bytes = {.ceiling = 1 << 22};
    if (!trib_ok(trib_simulate(setup, &result))) {
        fail_msg("%s", trib_message());
    }
    assert_true(trib_ok(trib_model_write(result.model, &bytes)));
    *ret_last = result.rounds[result.round_count - 1];
    trib_simulation_result_deinit(&result);
    return bytes;
}

static void assert_same(const trib_buffer *one, const trib_buffer *other) {
    assert_int_equal(one->size, other->size);
    assert_memory_equal(one->data, other->data, one->size);
}

/* The same clients in memory all at once, as a folder would give them. */
static trib_buffer model_of_given_clients(const fixture *crowd, trib_simulation_round *ret_last) {
    trib_dataset data;
    trib_made_up *maker = NULL;
    const trib_client_data *clients[CLIENTS];
    assert_true(trib_ok(trib_dataset_create(crowd->federation, CLIENTS, &data)));
    assert_true(trib_ok(trib_made_up_create(crowd->federation, &maker)));
    for (uint32_t i = 0; i < CLIENTS; i++) {
        trib_client_data *client = &data.clients[i];
        trib_made_up_name(i + 1, client->name);
        assert_true(
            trib_ok(trib_made_up_examples(maker, client->name, i + 1, SAMPLES, &client->train)));
        clients[i] = client;
    }
    trib_simulation setup = setup_of(crowd, 1);
    setup.crowd = (trib_crowd_setup){0};
    setup.clients = clients;
    setup.client_count = CLIENTS;
    trib_buffer bytes = model_of(&setup, ret_last);
    trib_made_up_destroy(maker);
    trib_dataset_deinit(&data);
    return bytes;
}

static void check_models(const char *rounds) {
    char text[sizeof document + 80];
    fixture crowd;
    trib_simulation_round given, last;
    (void)snprintf(text, sizeof text, "%.*s%s", (int)(strstr(document, "rounds:") - document),
                   document, rounds);
    begin(&crowd, text);
    trib_buffer wanted = model_of_given_clients(&crowd, &given);
    for (uint32_t threads = 1; threads <= 3; threads++) {
        trib_simulation setup = setup_of(&crowd, threads);
        trib_buffer made = model_of(&setup, &last);
        assert_same(&made, &wanted);
        assert_int_equal(last.clients, given.clients);
        assert_int_equal(last.examples, given.examples);
        assert_int_equal(last.bytes, given.bytes);
        assert_true(last.loss > given.loss * (1 - 1e-12) && last.loss < given.loss * (1 + 1e-12));
        trib_buffer_deinit(&made);
    }
    trib_buffer_deinit(&wanted);
    trib_free(crowd.federation);
}

static void made_up_clients_make_the_model_of_given_ones_on_any_number_of_threads(void **state) {
    (void)state;
    check_models("rounds: {maximum: 3, quorum: 2, gateways: 2}\n");
}

static void a_part_of_them_is_the_same_part(void **state) {
    (void)state;
    check_models("rounds: {maximum: 3, fraction: 0.2, quorum: 2, gateways: 2}\n");
    /* more are selected than the round takes */
    check_models(
        "rounds: {maximum: 3, fraction: 0.1, over_selection: 4, quorum: 2, gateways: 2}\n");
}

static void what_made_up_machines_cannot_give_is_said(void **state) {
    (void)state;
    static const struct {
        const char *of, *to, *says;
    } wrong[] = {
        {"rate_hz: 500", "rate_hz: 250", "500 rows a second, and source.rate_hz is 250"},
        {"current", "voltage", "no channel 'voltage'"},
        {"[healthy, imbalance, misalignment, bearing_wear]", "[good, bad, ugly, worse]",
         "no class is a state"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[sizeof document + 80];
        const char *at = strstr(document, wrong[i].of);
        fixture crowd;
        trib_simulation_result result;
        (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - document), document, wrong[i].to,
                       at + strlen(wrong[i].of));
        begin(&crowd, text);
        trib_simulation setup = setup_of(&crowd, 2);
        assert_int_equal(trib_simulate(&setup, &result).code, TRIB_E_ARGUMENT);
        assert_non_null(strstr(trib_message(), wrong[i].says));
        trib_free(crowd.federation);
    }
}

static void counts_have_limits(void **state) {
    (void)state;
    fixture crowd;
    trib_simulation_result result;
    begin(&crowd, document);
    trib_simulation setup = setup_of(&crowd, 0);
    assert_int_equal(trib_simulate(&setup, &result).code, TRIB_E_ARGUMENT);
    setup = setup_of(&crowd, 65);
    assert_int_equal(trib_simulate(&setup, &result).code, TRIB_E_ARGUMENT);
    setup = setup_of(&crowd, 1);
    setup.crowd.samples = 0;
    assert_int_equal(trib_simulate(&setup, &result).code, TRIB_E_ARGUMENT);
    setup = setup_of(&crowd, 1);
    setup.crowd.clients = (1 << 24) + 1;
    assert_int_equal(trib_simulate(&setup, &result).code, TRIB_E_ARGUMENT);
    trib_free(crowd.federation);
}

static void failures_of_threads_name_client_and_round(void **state) {
    (void)state;
    fixture crowd;
    trib_simulation_result result;
    begin(&crowd, document);
    crowd.federation->training.schedule.rate = 100; /* times l2: weights grow by 99 each step */
    crowd.federation->training.optimiser.l2 = 1;
    crowd.federation->training.epochs = 200;
    trib_simulation setup = setup_of(&crowd, 2);
    assert_false(trib_ok(trib_simulate(&setup, &result)));
    assert_non_null(strstr(trib_message(), "client machine-"));
    assert_non_null(strstr(trib_message(), "round 1: "));
    trib_free(crowd.federation);
}

static void a_machine_that_shows_no_class_is_named(void **state) {
    (void)state;
    char text[2 * sizeof document + 32];
    const char *at = strstr(document, "[healthy, ");
    fixture crowd;
    trib_simulation_result result;
    (void)snprintf(text, sizeof text, "%.*s[healthy, odd, other, else]%s", (int)(at - document),
                   document, strchr(at, ']') + 1);
    begin(&crowd, text);
    trib_simulation setup = setup_of(&crowd, 2); /* some of them are never healthy */
    assert_int_equal(trib_simulate(&setup, &result).code, TRIB_E_STATE);
    assert_non_null(strstr(trib_message(), "gives 0 of 6 examples"));
    trib_free(crowd.federation);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_up_clients_make_the_model_of_given_ones_on_any_number_of_threads),
        cmocka_unit_test(a_part_of_them_is_the_same_part),
        cmocka_unit_test(what_made_up_machines_cannot_give_is_said),
        cmocka_unit_test(counts_have_limits),
        cmocka_unit_test(failures_of_threads_name_client_and_round),
        cmocka_unit_test(a_machine_that_shows_no_class_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
