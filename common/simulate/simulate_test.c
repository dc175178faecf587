#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/simulate/dataset.h"
#include "common/simulate/scoring.h"
#include "common/simulate/simulate.h"
#include "tests/support/memory.h"

enum { CLIENTS = 6, EACH = 60 };

static const char document[] =
    "federation: blobs\n"
    "seed: 3\n"
    "source: {rate_hz: 1, channels: [x, y], label: {column: l, classes: [a, b, c]}}\n"
    "pipeline: {window: {rows: 1}, features: [last]}\n"
    "model: {task: classify, layers: [{kind: dense, units: 8}, {kind: relu},\n"
    "                                 {kind: dense, units: 3}]}\n"
    "training: {batch: 10, optimiser: momentum, rate: 0.05}\n"
    "rounds: {maximum: 12, quorum: 2, gateways: 6}\n"
    "update: {codec: int8, clip_norm: 10}\n";

typedef struct blob_fixture {
    trib_federation *federation;
    trib_dataset data;
    trib_dataset test;
    const trib_client_data *clients[CLIENTS];
    const trib_client_data *tests[1];
    trib_kernels kernels;
} blob_fixture;

/* Three blobs around a triangle; a client sees but two of them. */
static void fill(trib_examples *examples, uint64_t seed, int missing) {
    static const float centres[3][2] = {{0, 2}, {-2, -1}, {2, -1}};
    trib_random random;
    trib_random_init(&random, seed, "blobs", 0, TRIB_PURPOSE_TEST);
    for (int i = 0; i < EACH; i++) {
        int label = (int)trib_random_below(&random, 3);
        label = label == missing ? (label + 1) % 3 : label;
        float point[2] = {centres[label][0] + 0.7f * trib_random_normal(&random),
                          centres[label][1] + 0.7f * trib_random_normal(&random)};
        assert_true(trib_ok(trib_examples_append(examples, point, label, NULL)));
    }
}

static void begin(blob_fixture *blobs) {
    blobs->federation = trib_allocate(1, sizeof(trib_federation));
    blobs->kernels = trib_kernels_reference();
    trib_status status =
        trib_federation_parse("b.yaml", trib_bytes_text(document), blobs->federation);
    if (!trib_ok(status)) {
        fail_msg("%s", trib_message());
    }
    assert_true(trib_ok(trib_dataset_create(blobs->federation, CLIENTS, &blobs->data)));
    assert_true(trib_ok(trib_dataset_create(blobs->federation, 1, &blobs->test)));
    for (size_t i = 0; i < CLIENTS; i++) {
        (void)snprintf(blobs->data.clients[i].name, 64, "client-%zu", i);
        fill(&blobs->data.clients[i].train, i, (int)(i % 3));
        blobs->clients[i] = &blobs->data.clients[i];
    }
    strcpy(blobs->test.clients[0].name, "unseen");
    fill(&blobs->test.clients[0].train, 99, -1);
    blobs->tests[0] = &blobs->test.clients[0];
}

static void end(blob_fixture *blobs) {
    trib_dataset_deinit(&blobs->data);
    trib_dataset_deinit(&blobs->test);
    trib_free(blobs->federation);
}

static trib_simulation setup_of(const blob_fixture *blobs) {
    return (trib_simulation){.federation = blobs->federation,
                             .crypto = trib_crypto_host(),
                             .kernels = &blobs->kernels,
                             .clients = blobs->clients,
                             .client_count = CLIENTS,
                             .tests = blobs->tests,
                             .test_count = 1,
                             .test_every_round = true};
}

static void run(const trib_simulation *setup, trib_simulation_result *result) {
    trib_status status = trib_simulate(setup, result);
    if (!trib_ok(status)) {
        fail_msg("%s", trib_message());
    }
}

static void model_bytes(const trib_simulation_result *result, trib_buffer *bytes) {
    *bytes = (trib_buffer){.ceiling = 1 << 22};
    assert_true(trib_ok(trib_model_write(result->model, bytes)));
}

static void clients_learn_together_what_none_has_seen_whole(void **state) {
    (void)state;
    blob_fixture blobs;
    begin(&blobs);
    trib_simulation setup = setup_of(&blobs);
    setup.pooled = setup.local = true;
    trib_simulation_result result;
    run(&setup, &result);
    assert_int_equal(result.round_count, 12);
    assert_int_equal(result.client_count, CLIENTS + 1);
    assert_true(trib_tally_accuracy(&result.federated) > 0.9);
    assert_true(trib_tally_accuracy(&result.pooled) > 0.9);
    assert_true(trib_tally_accuracy(&result.local) < 0.8);
    assert_int_equal(result.federated.examples, EACH);
    assert_int_equal(result.local.examples, CLIENTS * EACH);
    assert_true(result.rounds[11].loss < result.rounds[0].loss);
    assert_int_equal(result.rounds[11].test.right, result.federated.right);
    uint32_t right = 0, all = 0;
    for (size_t i = 0; i < 9; i++) {
        all += result.confusion[i];
        right += i % 4 == 0 ? result.confusion[i] : 0;
    }
    assert_int_equal(all, EACH);
    assert_int_equal(right, result.federated.right);
    assert_true(result.clients[CLIENTS].tested && !result.clients[CLIENTS].trained);
    assert_int_equal(result.clients[CLIENTS].pooled.right, result.pooled.right);
    assert_memory_equal(result.clients[CLIENTS].confusion, result.confusion,
                        9 * sizeof *result.confusion);
    assert_null(result.clients[0].confusion); /* it was not tested */
    uint32_t alone = 0, pooled = 0;
    for (size_t i = 0; i < 9; i++) {
        alone += result.local_confusion[i];
        pooled += i % 4 == 0 ? result.pooled_confusion[i] : 0;
    }
    assert_int_equal(alone, CLIENTS * EACH);
    assert_int_equal(pooled, result.pooled.right);
    trib_simulation_result_deinit(&result);
    end(&blobs);
}

static void without_memory_it_says_so(void **state) {
    (void)state;
    blob_fixture blobs;
    begin(&blobs);
    trib_simulation setup = setup_of(&blobs);
    setup.pooled = setup.local = true;
    unsigned failures = 0;
    blobs.federation->rounds.maximum = 1;
    MEMORY_FAILS_EACH_TIME {
        trib_simulation_result result = {.round_count = 0};
        trib_status status = trib_simulate(&setup, &result);
        assert_true(trib_ok(status) || status.code == TRIB_E_IO);
        failures += !trib_ok(status);
        if (trib_ok(status)) {
            trib_simulation_result_deinit(&result);
        }
    }
    assert_true(failures > 30);
    end(&blobs);
}

/* The floor: the commonest class of training, counted by hand. */
static void one_answer_for_everything_is_scored_too(void **state) {
    (void)state;
    blob_fixture blobs;
    begin(&blobs);
    size_t trained[3] = {0}, tested[3] = {0};
    for (size_t i = 0; i < CLIENTS; i++) {
        for (size_t j = 0; j < EACH; j++) {
            trained[blobs.data.clients[i].train.labels[j]]++;
        }
    }
    for (size_t j = 0; j < EACH; j++) {
        tested[blobs.test.clients[0].train.labels[j]]++;
    }
    size_t best = trained[1] > trained[0] ? 1 : 0;
    best = trained[2] > trained[best] ? 2 : best;
    trib_simulation setup = setup_of(&blobs);
    trib_simulation_result result;
    run(&setup, &result);
    assert_int_equal(result.constant.examples, EACH);
    assert_int_equal(result.constant.right, tested[best]);
    assert_int_equal(result.local.examples, 0); /* not asked for */
    trib_simulation_result_deinit(&result);
    end(&blobs);
}

static void the_same_seed_gives_the_same_bytes_and_another_others(void **state) {
    (void)state;
    blob_fixture blobs;
    begin(&blobs);
    trib_simulation setup = setup_of(&blobs);
    trib_simulation_result first, second, third;
    trib_buffer one, two, three;
    run(&setup, &first);
    setup.test_every_round = false; /* looking changes nothing */
    setup.local = true;
    run(&setup, &second);
    blobs.federation->seed = 4;
    run(&setup, &third);
    model_bytes(&first, &one);
    model_bytes(&second, &two);
    model_bytes(&third, &three);
    assert_true(trib_bytes_equal(trib_buffer_view(&one), trib_buffer_view(&two)));
    assert_false(trib_bytes_equal(trib_buffer_view(&one), trib_buffer_view(&three)));
    trib_buffer_deinit(&one);
    trib_buffer_deinit(&two);
    trib_buffer_deinit(&three);
    trib_simulation_result_deinit(&first);
    trib_simulation_result_deinit(&second);
    trib_simulation_result_deinit(&third);
    end(&blobs);
}

/* Sums are exact, so a client without examples, or the others' order, leaves no trace in them. */
static void clients_without_examples_take_no_part(void **state) {
    (void)state;
    blob_fixture blobs;
    begin(&blobs);
    trib_simulation setup = setup_of(&blobs);
    trib_examples_clear(&blobs.data.clients[2].train);
    trib_simulation_result with, without;
    run(&setup, &with);
    memmove(blobs.clients + 2, blobs.clients + 3, 3 * sizeof blobs.clients[0]);
    setup.client_count = CLIENTS - 1;
    run(&setup, &without);
    assert_int_equal(with.rounds[0].clients, CLIENTS - 1);
    assert_memory_equal(with.model->parameters, without.model->parameters,
                        with.model->parameter_count * sizeof(float));
    trib_simulation_result_deinit(&with);
    trib_simulation_result_deinit(&without);
    end(&blobs);
}

static void a_fraction_selects_a_changing_cohort(void **state) {
    (void)state;
    blob_fixture blobs;
    begin(&blobs);
    blobs.federation->rounds.fraction = 0.5;
    blobs.federation->rounds.over_selection = 1.5;
    blobs.federation->rounds.maximum = 30;
    trib_simulation setup = setup_of(&blobs);
    trib_simulation_result result;
    run(&setup, &result);
    uint32_t least = CLIENTS, most = 0;
    for (size_t i = 0; i < result.round_count; i++) {
        least = result.rounds[i].clients < least ? result.rounds[i].clients : least;
        most = result.rounds[i].clients > most ? result.rounds[i].clients : most;
    }
    assert_int_equal(result.round_count, 30);
    assert_int_equal(most, 3); /* as many as are expected, though more are selected */
    assert_in_range(least, 2, 3);
    assert_true(trib_tally_accuracy(&result.federated) > 0.9);
    trib_simulation_result_deinit(&result);
    end(&blobs);
}

static void a_quorum_that_cannot_be_met_is_said(void **state) {
    (void)state;
    blob_fixture blobs;
    begin(&blobs);
    blobs.federation->rounds.quorum = CLIENTS + 1;
    trib_simulation setup = setup_of(&blobs);
    trib_simulation_result result = {.round_count = 77};
    assert_int_equal(trib_simulate(&setup, &result).code, TRIB_E_STATE);
    assert_non_null(strstr(trib_message(), "never met its quorum of 7"));
    assert_int_equal(result.round_count, 77);
    end(&blobs);
}

static void training_that_diverges_names_client_and_round(void **state) {
    (void)state;
    blob_fixture blobs;
    begin(&blobs);
    blobs.federation->training.schedule.rate = 100;
    blobs.federation->training.epochs = 200;
    trib_simulation setup = setup_of(&blobs);
    trib_simulation_result result;
    trib_status status = trib_simulate(&setup, &result);
    assert_int_equal(status.code, TRIB_E_STATE);
    assert_non_null(strstr(trib_message(), "client client-0, round 1: "));
    end(&blobs);
}

static const char reconstruct[] =
    "federation: line\n"
    "source: {rate_hz: 1, channels: [x, y, z], anomaly: {column: odd}, split: {train_rows: 9}}\n"
    "pipeline: {window: {rows: 1}, features: [last]}\n"
    "model: {task: reconstruct, quantile: 0.98,\n"
    "        layers: [{kind: dense, units: 1}, {kind: dense, units: 3}]}\n"
    "training: {batch: 5, optimiser: adam, rate: 0.02}\n"
    "rounds: {maximum: 40}\n";

/* Normal points lie on a line through space, which one number can tell; anomalies lie beside it. */
static void fill_line(trib_client_data *client, uint64_t seed) {
    trib_random random;
    trib_random_init(&random, seed, "line", 0, TRIB_PURPOSE_TEST);
    client->anomalies = trib_allocate(2 * EACH, 1);
    assert_non_null(client->anomalies);
    for (int i = 0; i < 3 * EACH; i++) {
        bool test = i >= EACH, odd = test && i % 2 == 1;
        float t = trib_random_normal(&random), off = odd ? 2.5f : 0.05f;
        float point[3] = {t + off * trib_random_normal(&random), 2 * t + (odd ? 3.0f : 0.0f), -t};
        trib_examples *to = test ? &client->test : &client->train;
        if (test) {
            client->anomalies[client->test.count] = odd;
        }
        assert_true(trib_ok(trib_examples_append(to, point, 0, NULL)));
    }
}

static void thresholds_come_from_each_clients_own_training_part(void **state) {
    (void)state;
    blob_fixture line = {.federation = trib_allocate(1, sizeof(trib_federation)),
                         .kernels = trib_kernels_reference()};
    assert_true(
        trib_ok(trib_federation_parse("l.yaml", trib_bytes_text(reconstruct), line.federation)));
    assert_true(trib_ok(trib_dataset_create(line.federation, 3, &line.data)));
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(line.data.clients[i].name, 64, "line-%zu", i);
        fill_line(&line.data.clients[i], i);
        line.clients[i] = &line.data.clients[i];
    }
    trib_simulation setup = setup_of(&line);
    setup.client_count = setup.test_count = 3;
    setup.tests = line.clients;
    setup.local = setup.pooled = true;
    trib_simulation_result result;
    run(&setup, &result);
    assert_int_equal(result.federated.judged, 3 * 2 * EACH);
    assert_int_equal(result.federated.alarms_true + result.federated.missed, 3 * EACH);
    assert_true(trib_tally_f1(&result.federated) > 0.9);
    assert_true(trib_tally_false_alarm_rate(&result.federated) < 0.1);
    assert_true(trib_tally_f1(&result.pooled) > 0.9);
    assert_int_equal(result.local.judged, 3 * 2 * EACH);
    trib_simulation_result_deinit(&result);
    end(&line);
}

/* Columns that stand side by side are of the same tests. */
static void clients_alone_are_tested_on_what_the_federated_model_is_tested_on(void **state) {
    (void)state;
    blob_fixture line = {.federation = trib_allocate(1, sizeof(trib_federation)),
                         .kernels = trib_kernels_reference()};
    assert_true(
        trib_ok(trib_federation_parse("l.yaml", trib_bytes_text(reconstruct), line.federation)));
    assert_true(trib_ok(trib_dataset_create(line.federation, 3, &line.data)));
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(line.data.clients[i].name, 64, "line-%zu", i);
        fill_line(&line.data.clients[i], i);
        line.clients[i] = &line.data.clients[i];
    }
    trib_simulation setup = setup_of(&line);
    setup.client_count = 2; /* the third is held out */
    setup.tests = line.clients + 2;
    setup.test_count = 1;
    setup.local = true;
    trib_simulation_result result;
    run(&setup, &result);
    assert_int_equal(result.federated.judged, 2 * EACH);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(result.clients[i].local.judged, 2 * EACH);
        assert_int_equal(result.clients[i].local.alarms_true + result.clients[i].local.missed,
                         EACH);
    }
    assert_int_equal(result.local.judged, 2 * 2 * EACH);
    assert_int_equal(result.federated.watched, 2 * EACH);
    assert_int_equal(result.federated.alarms,
                     result.federated.alarms_true + result.federated.alarms_false);
    trib_simulation_result_deinit(&result);
    end(&line);
}

/* Steps that are too long triple the error each time: a round's clipped update bears that, forty
 * passes on end do not. */
static const char unstable[] = "federation: steep\n"
                               "source: {rate_hz: 1, channels: [x], targets: [y]}\n"
                               "pipeline: {window: {rows: 1}, features: [last], normalise: false}\n"
                               "model: {task: regress, layers: [{kind: dense, units: 1}]}\n"
                               "training: {batch: 20, optimiser: sgd, rate: 2}\n"
                               "rounds: {maximum: 200}\nupdate: {codec: float32, clip_norm: 1}\n";

static void training_alone_may_diverge_without_ending_the_simulation(void **state) {
    (void)state;
    blob_fixture steep = {.federation = trib_allocate(1, sizeof(trib_federation)),
                          .kernels = trib_kernels_reference()};
    assert_true(
        trib_ok(trib_federation_parse("s.yaml", trib_bytes_text(unstable), steep.federation)));
    assert_true(trib_ok(trib_dataset_create(steep.federation, 2, &steep.data)));
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(steep.data.clients[i].name, 64, "steep-%zu", i);
        steep.clients[i] = &steep.data.clients[i];
        for (int j = 0; j < 20; j++) {
            float x = j % 2 == 0 ? 1.0f : -1.0f, y = 2 * x;
            assert_true(trib_ok(trib_examples_append(&steep.data.clients[i].train, &x, 0, &y)));
        }
    }
    trib_simulation setup = setup_of(&steep);
    setup.client_count = setup.test_count = 2;
    setup.tests = steep.clients;
    setup.local = true;
    trib_simulation_result result;
    run(&setup, &result);
    assert_int_equal(result.federated.examples, 40);
    assert_true(result.clients[0].local_failed && result.clients[1].local_failed);
    assert_int_equal(result.local.examples, 0);
    assert_true(fabs(trib_tally_rmse(&result.constant) - 2) < 1e-6); /* the mean target is 0 */
    trib_simulation_result_deinit(&result);
    end(&steep);
}

static void headlines_say_whether_they_compare(void **state) {
    (void)state;
    trib_federation *federation = trib_allocate(1, sizeof *federation);
    const trib_tally tally = {.watched = 8, .alarms = 2, .values = 4, .squares = 16};
    assert_true(trib_ok(trib_federation_parse("l.yaml", trib_bytes_text(reconstruct), federation)));
    assert_true(trib_judges_anomalies(federation));
    assert_string_equal(trib_tally_headline(federation, &tally).name, "f1");
    federation->source.split = TRIB_SPLIT_NONE; /* no training part sets a threshold */
    assert_false(trib_judges_anomalies(federation));
    trib_headline headline = trib_tally_headline(federation, &tally);
    assert_string_equal(headline.name, "rmse");
    assert_true(headline.value == 2 && !headline.comparable);
    federation->task = TRIB_TASK_HOTELLING_T2;
    headline = trib_tally_headline(federation, &tally);
    assert_string_equal(headline.name, "alarm_rate");
    assert_true(headline.value == 0.25 && !headline.comparable);
    federation->task = TRIB_TASK_REGRESS;
    assert_true(trib_tally_headline(federation, &tally).comparable);
    trib_free(federation);
}

static void clients_that_cannot_be_scored_are_left_out(void **state) {
    (void)state;
    blob_fixture blobs;
    begin(&blobs);
    trib_simulation setup = setup_of(&blobs);
    trib_simulation_result result;
    run(&setup, &result);
    trib_contributor *contributor = NULL;
    assert_true(trib_ok(trib_contributor_create(blobs.federation, &blobs.kernels, &contributor)));
    const trib_scoring scoring = {
        .federation = blobs.federation, .contributor = contributor, .model = result.model};
    trib_tally each[CLIENTS], sum;
    trib_examples_clear(&blobs.data.clients[1].train);
    assert_true(trib_ok(trib_score_dataset(&scoring, &blobs.data, each, &sum)));
    assert_int_equal(sum.examples, (CLIENTS - 1) * EACH);
    assert_int_equal(each[1].examples, 0);
    assert_int_equal(each[2].examples, EACH);
    for (size_t i = 0; i < CLIENTS; i++) {
        trib_examples_clear(&blobs.data.clients[i].train);
    }
    assert_int_equal(trib_score_dataset(&scoring, &blobs.data, NULL, &sum).code, TRIB_E_STATE);
    trib_contributor_destroy(contributor);
    trib_simulation_result_deinit(&result);
    end(&blobs);
}

static void rates_are_those_worked_out_by_hand(void **state) {
    (void)state;
    const trib_tally tally = {.examples = 20,
                              .right = 15,
                              .values = 40,
                              .squares = 160,
                              .absolutes = 60,
                              .judged = 20,
                              .alarms_true = 6,
                              .alarms_false = 2,
                              .missed = 3};
    assert_true(trib_tally_accuracy(&tally) == 0.75);
    assert_true(trib_tally_rmse(&tally) == 2);
    assert_true(trib_tally_mae(&tally) == 1.5);
    assert_true(fabs(trib_tally_f1(&tally) - 12.0 / 17) < 1e-15);
    assert_true(fabs(trib_tally_false_alarm_rate(&tally) - 2.0 / 11) < 1e-15);
    assert_true(fabs(trib_tally_miss_rate(&tally) - 1.0 / 3) < 1e-15);
    const trib_tally none = {0};
    assert_true(trib_tally_f1(&none) == 0 && trib_tally_accuracy(&none) == 0);
    trib_tally twice = tally;
    trib_tally_add(&twice, &tally);
    assert_int_equal(twice.examples, 40);
    assert_true(trib_tally_f1(&twice) == trib_tally_f1(&tally));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_it_says_so),
        cmocka_unit_test(clients_learn_together_what_none_has_seen_whole),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes_and_another_others),
        cmocka_unit_test(clients_without_examples_take_no_part),
        cmocka_unit_test(a_fraction_selects_a_changing_cohort),
        cmocka_unit_test(a_quorum_that_cannot_be_met_is_said),
        cmocka_unit_test(training_that_diverges_names_client_and_round),
        cmocka_unit_test(thresholds_come_from_each_clients_own_training_part),
        cmocka_unit_test(one_answer_for_everything_is_scored_too),
        cmocka_unit_test(clients_alone_are_tested_on_what_the_federated_model_is_tested_on),
        cmocka_unit_test(training_alone_may_diverge_without_ending_the_simulation),
        cmocka_unit_test(headlines_say_whether_they_compare),
        cmocka_unit_test(clients_that_cannot_be_scored_are_left_out),
        cmocka_unit_test(rates_are_those_worked_out_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
