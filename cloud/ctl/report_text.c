/* The tables of a simulation, and what they come to. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cloud/ctl/report.h"

enum { CELL = 8, MODELS = 3 }; /* letters of a cell, the space before it included */

static size_t model_count(const ctl_contest *contest) {
    return 1u + (contest->pooled != NULL) + (contest->local != NULL);
}

/* The contest's models in the order of their columns; how many. */
static size_t models_of(const ctl_contest *contest, const trib_tally *ret_models[MODELS],
                        const char *ret_words[MODELS]) {
    const trib_tally *const all[MODELS] = {contest->federated, contest->pooled, contest->local};
    static const char *const words[MODELS] = {"fed", "pool", "alone"};
    size_t count = 0;
    for (size_t i = 0; i < MODELS; i++) {
        if (all[i] != NULL) {
            ret_models[count] = all[i];
            ret_words[count++] = words[i];
        }
    }
    return count;
}

void ctl_print_groups(const trib_federation *federation, int before, const char *leading,
                      const ctl_contest *contest) {
    ctl_metric metrics[CTL_METRICS];
    const trib_tally *models[MODELS];
    const char *words[MODELS];
    size_t count = ctl_metrics(federation, contest->federated, metrics);
    size_t columns = models_of(contest, models, words);
    if (columns > 1) {
        (void)printf("\n%*s", before, "");
        for (size_t i = 0; i < count; i++) {
            if (!metrics[i].detail) {
                (void)printf("    %-*s", (int)columns * CELL - 2, metrics[i].label);
            }
        }
    }
    (void)printf("\n%-*s", before, leading);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; !metrics[i].detail && j < columns; j++) {
            (void)printf(columns > 1 ? "%s %*s" : "%s%*s", j == 0 ? "  " : "",
                         columns > 1 ? CELL - 1 : CELL + 1,
                         columns > 1 ? words[j] : metrics[i].label);
        }
    }
}

static void print_value(double value) {
    (void)printf(value < 1000 ? " %*.4f" : " %*.4g", CELL - 1, value);
}

void ctl_print_cells(const trib_federation *federation, const ctl_contest *contest) {
    ctl_metric metrics[MODELS][CTL_METRICS];
    const trib_tally *models[MODELS];
    const char *words[MODELS];
    size_t columns = models_of(contest, models, words), count = 0;
    for (size_t j = 0; j < columns; j++) {
        count = ctl_metrics(federation, models[j], metrics[j]);
    }
    for (size_t i = 0; i < count; i++) {
        if (metrics[0][i].detail) {
            continue;
        }
        (void)printf(columns > 1 ? "  " : "   ");
        for (size_t j = 0; j < columns; j++) {
            if (models[j]->examples > 0) {
                print_value(metrics[j][i].value);
            } else {
                (void)printf(" %*s", CELL - 1, "-");
            }
        }
    }
}

void ctl_print_legend(const ctl_contest *contest) {
    if (model_count(contest) > 1) {
        (void)printf("fed: the federated model%s%s.\n",
                     contest->pooled != NULL ? "; pool: trained on all data in one place" : "",
                     contest->local != NULL ? "; alone: trained on one client's data" : "");
    }
}

void ctl_print_contest(const trib_federation *federation, const ctl_contest *contest) {
    ctl_metric metrics[MODELS][CTL_METRICS];
    const trib_tally *models[MODELS];
    const char *words[MODELS];
    size_t columns = models_of(contest, models, words), count = 0;
    (void)printf("\n%-18s %10s%s%s\n", "on test data", "federated",
                 contest->pooled != NULL ? "     pooled" : "",
                 contest->local != NULL ? "      alone" : "");
    for (size_t j = 0; j < columns; j++) {
        count = ctl_metrics(federation, models[j], metrics[j]);
    }
    for (size_t i = 0; i < count; i++) {
        (void)printf("%-18s", metrics[0][i].name);
        for (size_t j = 0; j < columns; j++) {
            (void)printf(" %10.4f", metrics[j][i].value);
        }
        (void)printf("\n");
    }
}

void ctl_print_confusion(const trib_federation *federation, const char *whose,
                         const uint32_t *confusion) {
    uint32_t classes = federation->source.class_count;
    (void)printf("\nconfusion%s%s: a row for each label, a column for each answer\n%-16s",
                 whose[0] != '\0' ? ", " : "", whose, "");
    for (uint32_t j = 0; j < classes; j++) {
        (void)printf(" %8.8s", federation->source.classes[j]);
    }
    for (uint32_t i = 0; i < classes; i++) {
        (void)printf("\n%-16.16s", federation->source.classes[i]);
        for (uint32_t j = 0; j < classes; j++) {
            (void)printf(" %8" PRIu32, confusion[i * classes + j]);
        }
    }
    (void)printf("\n");
}

/* ---- what it comes to ---- */

bool ctl_print_verdict(const trib_federation *federation, double federated, double local) {
    const trib_tally none = {0};
    trib_headline headline = trib_tally_headline(federation, &none);
    if (!headline.comparable) {
        (void)printf("\nWhether federation pays cannot be told: %s.\n",
                     federation->source.anomaly_column[0] == '\0'
                         ? "without source.anomaly nobody knows which alarms are right, and each "
                           "model's errors are in a scale of its own"
                         : "alarms are judged on the part that source.split leaves for testing, "
                           "and there is no split");
        return false;
    }
    bool pays = headline.higher_is_better ? federated > local : federated < local;
    (void)printf("\n%s: %s %.4f federated, %.4f for clients alone.\n",
                 pays ? "Federation pays here" : "Federation does not pay here", headline.name,
                 federated, local);
    return true;
}

static double headline(const trib_federation *federation, const trib_tally *tally) {
    return trib_tally_headline(federation, tally).value;
}

/* What a client's own model is to be compared with: the federated model on the same tests. NULL
 * where there is no such thing. */
static const trib_tally *rival_of(const trib_simulation_result *result,
                                  const trib_simulation_client *client) {
    if (!client->trained || client->local.examples == 0) {
        return NULL;
    }
    return client->tested ? &client->federated : &result->federated;
}

/* Two f1 are not alike where one comes with an alarm on nearly everything. */
static void print_false_alarms(const trib_federation *federation, const trib_tally *tally) {
    if (trib_judges_anomalies(federation)) {
        (void)printf(", with %.4f false alarms", trib_tally_false_alarm_rate(tally));
    }
}

void ctl_print_worse(const trib_federation *federation, const char *name, const trib_tally *alone,
                     const trib_tally *federated) {
    (void)printf("  %s (%.4f alone", name, headline(federation, alone));
    print_false_alarms(federation, alone);
    (void)printf("; %.4f federated", headline(federation, federated));
    print_false_alarms(federation, federated);
    (void)printf(")\n");
}

static void print_verdict(const trib_federation *federation, const trib_simulation_result *result) {
    size_t compared = 0, worse = 0, failed = 0;
    if (!ctl_print_verdict(federation, headline(federation, &result->federated),
                           headline(federation, &result->local))) {
        return;
    }
    for (size_t i = 0; i < result->client_count; i++) {
        const trib_simulation_client *client = &result->clients[i];
        const trib_tally *rival = rival_of(result, client);
        failed += client->local_failed;
        compared += rival != NULL;
        if (rival != NULL && ctl_no_worse(federation, &client->local, rival)) {
            (void)fputs(worse++ == 0 ? "It does not pay for these, no worse off alone:\n" : "",
                        stdout);
            ctl_print_worse(federation, client->name, &client->local, rival);
        }
    }
    (void)printf("%zu of %zu clients are better off with the federated model.\n", compared - worse,
                 compared);
    if (failed > 0) {
        (void)printf("Of %zu more, training alone diverged.\n", failed);
    }
}

/* Models that are no better than a fixed answer have learned nothing of use. */
static void print_floor(const trib_federation *federation, const trib_simulation_result *result) {
    const trib_tally *floor = &result->constant;
    if (trib_judges_anomalies(federation) && result->federated.judged > 0) {
        trib_tally always = {.judged = result->federated.judged};
        always.alarms_true = result->federated.alarms_true + result->federated.missed;
        always.alarms_false = always.judged - always.alarms_true;
        (void)printf("An alarm on every example would have an f1 of %.4f.%s\n",
                     trib_tally_f1(&always),
                     ctl_no_worse(federation, &always, &result->federated)
                         ? " By f1 the federated model is no better."
                         : "");
    } else if (floor->examples > 0) {
        (void)printf("One answer for everything, the %s of training, would have %s %.4f.\n",
                     federation->task == TRIB_TASK_CLASSIFY ? "commonest class" : "mean targets",
                     trib_tally_headline(federation, floor).name, headline(federation, floor));
        if (ctl_no_worse(federation, floor, &result->federated)) {
            (void)printf("The federated model is no better than that.\n");
        }
    }
}

static void print_confusions(const trib_federation *federation,
                             const trib_simulation_result *result) {
    const uint32_t *const matrices[] = {result->confusion, result->pooled_confusion,
                                        result->local_confusion};
    static const char *const words[] = {"federated", "pooled", "clients alone, summed"};
    for (size_t i = 0; i < sizeof matrices / sizeof matrices[0]; i++) {
        if (matrices[i] != NULL) {
            ctl_print_confusion(federation, words[i], matrices[i]);
        }
    }
}

static void print_clients(const trib_federation *federation, const trib_simulation_result *result,
                          ctl_baselines baselines) {
    int width = 12;
    char leading[128];
    for (size_t i = 0; i < result->client_count; i++) {
        int size = (int)strlen(result->clients[i].name);
        width = size > width ? size : width;
    }
    (void)snprintf(leading, sizeof leading, "%-*s %8s %8s", width, "client", "examples", "tests");
    const ctl_contest heading = {&result->federated, baselines.pooled ? &result->pooled : NULL,
                                 baselines.local ? &result->local : NULL};
    ctl_print_groups(federation, (int)strlen(leading), leading, &heading);
    (void)printf("\n");
    for (size_t i = 0; i < result->client_count; i++) {
        const trib_simulation_client *client = &result->clients[i];
        const ctl_contest line = {&client->federated, baselines.pooled ? &client->pooled : NULL,
                                  baselines.local ? &client->local : NULL};
        (void)printf("%-*s %8zu %8" PRIu64, width, client->name, client->examples,
                     client->federated.examples);
        ctl_print_cells(federation, &line);
        (void)printf("\n");
    }
    ctl_print_legend(&heading);
}

void ctl_print_result(const trib_federation *federation, const trib_simulation_result *result,
                      ctl_baselines baselines) {
    if (result->client_count == 0) { /* made-up clients are not listed */
        (void)printf("\nNothing was tested: give --test.\n");
        return;
    }
    print_clients(federation, result, baselines);
    if (result->federated.examples == 0) {
        (void)printf("\nNothing was tested: give --holdout or --test, or set source.split.\n");
        return;
    }
    const ctl_contest contest = {&result->federated, baselines.pooled ? &result->pooled : NULL,
                                 baselines.local ? &result->local : NULL};
    ctl_print_contest(federation, &contest);
    print_floor(federation, result);
    print_confusions(federation, result);
    if (baselines.local) {
        print_verdict(federation, result);
    }
}
