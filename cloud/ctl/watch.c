/* tributary watch: rounds as they close. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cloud/ctl/command.h"
#include "cloud/ctl/held_out.h"
#include "cloud/ctl/json_value.h"
#include "cloud/ctl/remote_model.h"

enum {
    POLL_MS = 300,
    PATIENCE = 100 /* polls without an answer before giving up: half a minute */
};

typedef struct watch_options {
    ctl_connection connection;
    const char *federation;
    const char *score;
    const char *scored_as; /* a federation file; NULL: as the model says */
    const char *baselines; /* what `tributary simulate --json` wrote; NULL: none */
    const char *record;
    bool until_done;
} watch_options;

/* What models reach that are not federated, to stand beside each round. */
typedef struct watch_baselines {
    char metric[24]; /* "" without */
    bool has_local, has_pooled;
    double local, pooled;
} watch_baselines;

typedef struct watch {
    const watch_options *options;
    ctl_client *client;
    ctl_held_out *held_out; /* NULL: no scoring */
    FILE *record;           /* NULL: none */
    watch_baselines baselines;
    long long last; /* number of the newest round shown; -1: none */
    bool terminal;  /* a live line at the bottom makes sense */
    bool done;
    long long predictions; /* of all gateways, when they were counted last */
    double counted_s;      /* then; 0: not yet */
    char scored[80];       /* digest of the model that `score` is of */
    ctl_held_out_score score;
} watch;

/* Ctrl-C only says so: the loop ends where it is safe. */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

static void record_close(FILE **file) {
    if (*file != NULL) {
        (void)fclose(*file);
    }
}

static void live_clear(const watch *w) {
    if (w->terminal) {
        (void)fputs("\r\033[K", stdout);
    }
}

static double now_s(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Once the rounds are over, what goes on is predicting. Asked for once a second: the answer names
 * every gateway. */
static void predictions_show(watch *w, const json_t *federation) {
    double now = now_s();
    TRIB_SCOPED(ctl_json_release) json_t *answer = NULL;
    if (now - w->counted_s < 1 ||
        !trib_ok(ctl_client_get(w->client, &answer, "federations", w->options->federation,
                                "gateways", NULL))) {
        return; /* the next look may have it */
    }
    long long sum = 0;
    size_t index;
    const json_t *gateway;
    json_array_foreach(json_object_get(answer, "gateways"), index, gateway) {
        sum += ctl_json_integer(gateway, "predictions");
    }
    live_clear(w);
    (void)printf("done: %lld of %lld gateways online, %lld predictions",
                 ctl_json_integer(federation, "online"), ctl_json_integer(federation, "gateways"),
                 sum);
    if (w->counted_s > 0 && sum >= w->predictions) {
        (void)printf(", %.1f a second", (double)(sum - w->predictions) / (now - w->counted_s));
    }
    (void)fflush(stdout);
    w->predictions = sum;
    w->counted_s = now;
}

static void live_show(watch *w, const json_t *federation) {
    const json_t *round = json_object_get(federation, "round");
    if (!w->terminal) {
        return;
    }
    if (w->done) {
        predictions_show(w, federation);
        return;
    }
    live_clear(w);
    if (strcmp(ctl_json_text(round, "phase", ""), "open") == 0) {
        (void)printf("round %lld: %lld of %lld accepted, %lld of %lld gateways online, %.0f s left",
                     ctl_json_integer(round, "ordinal"), ctl_json_integer(round, "accepted"),
                     ctl_json_integer(round, "expected"), ctl_json_integer(federation, "online"),
                     ctl_json_integer(federation, "gateways"),
                     (double)ctl_json_integer(round, "remaining_ms") / 1000.0);
    } else {
        (void)printf("%s: %lld of %lld gateways online", ctl_json_text(federation, "stage", "?"),
                     ctl_json_integer(federation, "online"),
                     ctl_json_integer(federation, "gateways"));
    }
    (void)fflush(stdout);
}

static trib_status baselines_load(const char *path, watch_baselines *ret_baselines) {
    watch_baselines found = {.metric = ""};
    json_error_t error;
    TRIB_SCOPED(ctl_json_release) json_t *report = json_load_file(path, 0, &error);
    if (report == NULL) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "--baselines %s: line %d: %s", path, error.line,
                         error.text);
    }
    (void)snprintf(found.metric, sizeof found.metric, "%s", ctl_json_text(report, "metric", ""));
    const json_t *local = json_object_get(json_object_get(report, "local"), found.metric);
    const json_t *pooled = json_object_get(json_object_get(report, "pooled"), found.metric);
    found.has_local = json_is_number(local);
    found.has_pooled = json_is_number(pooled);
    found.local = json_number_value(local);
    found.pooled = json_number_value(pooled);
    if (found.metric[0] == '\0' || (!found.has_local && !found.has_pooled)) {
        return TRIB_FAIL(
            TRIB_E_ARGUMENT,
            "--baselines %s: expected what `tributary simulate --baseline pooled,local "
            "--json` prints, found no metric with a pooled or local value",
            path);
    }
    *ret_baselines = found;
    return TRIB_SUCCESS;
}

static void heading_show(const watch *w) {
    if (w->options->connection.json) {
        return;
    }
    (void)printf("%6s  %12s  %9s", "round", "participants", "loss");
    if (w->held_out != NULL) {
        (void)printf("  %8s", "unseen");
    }
    if (w->baselines.has_local) {
        (void)printf("  %8s", "alone");
    }
    if (w->baselines.has_pooled) {
        (void)printf("  %8s", "pooled");
    }
    (void)printf("  %10s  %8s\n", "bytes up", "seconds");
    (void)fflush(stdout);
}

static void number_print(bool there, double value) {
    if (there) {
        (void)printf("  %8.4f", value);
    }
}

static bool is_statistics(const json_t *round) {
    return strcmp(ctl_json_text(round, "kind", ""), "statistics") == 0;
}

/* Scores the round's model, if it has one and has not been scored. A model that has gone or cannot
 * be scored leaves the column empty and does not end the watch; why is said once a round. */
static bool round_score(watch *w, const json_t *round) {
    const char *digest = ctl_remote_model_served(round, "model");
    if (w->held_out == NULL || *digest == 0 || strlen(digest) >= sizeof w->scored) {
        return false;
    }
    if (strcmp(digest, w->scored) == 0) {
        return true;
    }
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = CTL_MODEL_CEILING};
    trib_status status = ctl_remote_model_fetch(w->client, digest, &file);
    if (trib_ok(status)) {
        status = ctl_held_out_measure(w->held_out, trib_buffer_view(&file), &w->score);
    }
    if (status.code == TRIB_E_STATE && is_statistics(round)) {
        return false; /* some models are nothing before they are trained */
    }
    if (!trib_ok(status)) {
        live_clear(w);
        (void)fprintf(stderr, "tributary watch: round %lld is not scored: %s\n",
                      ctl_json_integer(round, "ordinal"), trib_message());
        return false;
    }
    (void)snprintf(w->scored, sizeof w->scored, "%s", digest);
    return true;
}

static void round_print(const watch *w, const json_t *round, long long expected, bool scored) {
    const char *outcome = ctl_json_text(round, "outcome", "");
    const char *reason = ctl_json_text(round, "reason", "");
    bool statistics = is_statistics(round);
    live_clear(w);
    (void)printf("%6lld  %5lld of %-4lld", ctl_json_integer(round, "ordinal"),
                 ctl_json_integer(round, "updates"), expected);
    if (statistics) {
        (void)printf("  %9s", "-"); /* nothing has been trained yet */
    } else {
        (void)printf("  %9.5f", ctl_json_number(round, "loss"));
    }
    if (w->held_out != NULL && !scored) {
        (void)printf("  %8s", "-");
    }
    number_print(scored, w->score.value);
    number_print(w->baselines.has_local, w->baselines.local);
    number_print(w->baselines.has_pooled, w->baselines.pooled);
    (void)printf("  %10lld  %8.2f", ctl_json_integer(round, "bytes_up"),
                 ctl_json_number(round, "seconds"));
    (void)printf("%s%s%s%s\n", statistics || strcmp(outcome, "closed") != 0 ? "  " : "",
                 strcmp(outcome, "closed") != 0 ? outcome
                 : statistics                   ? "statistics"
                                                : "",
                 *reason == 0 ? "" : ": ", reason);
    (void)fflush(stdout);
}

/* A line of JSON: the cloud's own object, and the score beside it. */
static void round_write(const watch *w, json_t *round, bool scored) {
    if (scored) {
        (void)json_object_set_new(round, w->score.name, json_real(w->score.value));
        (void)json_object_set_new(round, "scored_examples",
                                  json_integer((json_int_t)w->score.examples));
    }
    FILE *const files[] = {w->record, w->options->connection.json ? stdout : NULL};
    for (size_t i = 0; i < 2; i++) {
        if (files[i] != NULL) {
            (void)json_dumpf(round, files[i], JSON_SORT_KEYS);
            (void)fputc('\n', files[i]);
            (void)fflush(files[i]);
        }
    }
}

/* Numbers of two metrics must not stand side by side. */
static trib_status metrics_compare(const watch *w, bool scored) {
    if (!scored || w->baselines.metric[0] == '\0' ||
        strcmp(w->baselines.metric, w->score.name) == 0) {
        return TRIB_SUCCESS;
    }
    return TRIB_FAIL(TRIB_E_ARGUMENT, "--baselines %s: its metric is %s, that of --score is %s",
                     w->options->baselines, w->baselines.metric, w->score.name);
}

/* A page of the rounds that have ended since the last look. */
static trib_status rounds_show(watch *w, const json_t *federation, bool *ret_more) {
    TRIB_SCOPED(ctl_json_release) json_t *answer = NULL;
    char query[48];
    (void)snprintf(query, sizeof query, "after=%lld", w->last);
    TRIB_TRY(ctl_client_get_query(w->client, query, &answer, "federations", w->options->federation,
                                  "rounds", NULL));
    long long expected = ctl_json_integer(json_object_get(federation, "round"), "expected");
    size_t index;
    json_t *round;
    *ret_more = false;
    json_array_foreach(json_object_get(answer, "rounds"), index, round) {
        long long number = ctl_json_integer(round, "number");
        if (interrupted || number <= w->last) {
            break;
        }
        bool scored = round_score(w, round);
        TRIB_TRY(metrics_compare(w, scored));
        if (!w->options->connection.json) {
            long long updates = ctl_json_integer(round, "updates");
            round_print(w, round, expected > updates ? expected : updates, scored);
        }
        round_write(w, round, scored);
        w->last = number;
        *ret_more = true;
    }
    return TRIB_SUCCESS;
}

static trib_status look(watch *w) {
    TRIB_SCOPED(ctl_json_release) json_t *federation = NULL;
    TRIB_TRY(ctl_client_get(w->client, &federation, "federations", w->options->federation, NULL));
    for (bool more = true; more && !interrupted;) {
        TRIB_TRY(rounds_show(w, federation, &more));
    }
    /* The stage was read before the rounds: when it said done, all of them have been shown. */
    w->done = strcmp(ctl_json_text(federation, "stage", ""), "done") == 0;
    if (!w->done || !w->options->until_done) {
        live_show(w, federation);
    }
    return TRIB_SUCCESS;
}

static void pause_ms(long milliseconds) {
    struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    (void)nanosleep(&left, NULL); /* an interrupt ends it early, as it should */
}

/* A cloud that restarts is waited for; one that never answered, or says no, is not. */
static trib_status watch_loop(watch *w) {
    int silent = PATIENCE;
    while (!interrupted) {
        trib_status status = look(w);
        if (trib_ok(status)) {
            silent = 0;
        } else if (status.code != TRIB_E_RETRY || ++silent > PATIENCE) {
            live_clear(w);
            return interrupted ? TRIB_SUCCESS : status;
        }
        if (w->done && w->options->until_done) {
            break;
        }
        pause_ms(POLL_MS);
    }
    live_clear(w);
    (void)fflush(stdout);
    return TRIB_SUCCESS;
}

static trib_status watch_run(const watch_options *o) {
    TRIB_SCOPED(ctl_client_destroy_scoped) ctl_client *client = NULL;
    TRIB_SCOPED(ctl_held_out_destroy_scoped) ctl_held_out *held_out = NULL;
    TRIB_SCOPED(record_close) FILE *record = NULL;
    TRIB_TRY(ctl_client_create(&o->connection, &client));
    if (o->score != NULL) {
        TRIB_TRY(ctl_held_out_create(o->score, o->scored_as, &held_out));
    }
    watch_baselines baselines = {.metric = ""};
    if (o->baselines != NULL) {
        TRIB_TRY(baselines_load(o->baselines, &baselines));
    }
    if (o->record != NULL && (record = fopen(o->record, "w")) == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "--record %s: %s", o->record, strerror(errno));
    }
    watch w = {.options = o,
               .client = client,
               .held_out = held_out,
               .record = record,
               .baselines = baselines,
               .last = -1,
               .terminal = !o->connection.json && isatty(STDOUT_FILENO) == 1};
    struct sigaction action = {.sa_handler = on_interrupt};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    heading_show(&w);
    return watch_loop(&w);
}

/* False: *ret_ended is the exit code. */
static bool options_read(const ctl_command *command, int argc, char **argv,
                         watch_options *ret_options, int *ret_ended) {
    static const struct option known[] = {CTL_CONNECTION_OPTIONS,
                                          {"until-done", no_argument, NULL, 'u'},
                                          {"score", required_argument, NULL, 's'},
                                          {"federation", required_argument, NULL, 'f'},
                                          {"baselines", required_argument, NULL, 'b'},
                                          {"record", required_argument, NULL, 'r'},
                                          {NULL, 0, NULL, 0}};
    for (int c = 0; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == 'h') {
            *ret_ended = ctl_help(command);
            return false;
        }
        if (c == 'u') {
            ret_options->until_done = true;
        } else if (c == 's') {
            ret_options->score = optarg;
        } else if (c == 'f') {
            ret_options->scored_as = optarg;
        } else if (c == 'b') {
            ret_options->baselines = optarg;
        } else if (c == 'r') {
            ret_options->record = optarg;
        } else if (!ctl_connection_option(c, &ret_options->connection)) {
            *ret_ended = ctl_misused(command, NULL);
            return false;
        }
    }
    if (argc - optind != 1) {
        *ret_ended = ctl_misused(command, "expected one federation");
        return false;
    }
    ret_options->federation = argv[optind];
    return true;
}

static int run(const ctl_command *command, int argc, char **argv) {
    watch_options options = {0};
    int ended = CTL_DONE;
    if (!options_read(command, argc, argv, &options, &ended)) {
        return ended;
    }
    ended = ctl_finish(command->name, watch_run(&options));
    return interrupted ? 128 + SIGINT : ended;
}

static const ctl_command watch_command = {
    .name = "watch",
    .summary = "rounds of a federation as they close",
    .help =
        "Usage: tributary watch [OPTION...] FEDERATION\n\n"
        "  --until-done       end when the federation's last round has closed\n"
        "  --score DIR        score each new model on the recordings in DIR\n"
        "  --federation FILE  which files, delimiter, split and anomaly column to score with\n"
        "  --baselines FILE   show beside each round what the same data reaches otherwise: FILE\n"
        "                     is what `tributary simulate --baseline pooled,local --json` wrote.\n"
        "                     `alone` is the mean over models that each trained on one gateway's\n"
        "                     data, `pooled` the model trained on all of it in one place\n"
        "  --record FILE      write each round as a line of JSON to FILE as "
        "well\n" CTL_CONNECTION_HELP "\nColumns: the round; gateways whose update came, of those "
        "asked; the mean loss in training;\n`unseen`, the headline metric of the new model on the "
        "recordings of --score; `alone` and\n`pooled`, see --baselines; bytes of all updates; "
        "seconds from the round's opening to its close.\n"
        "\nExamples:\n"
        "  tributary watch plant\n"
        "  tributary watch --until-done --score held-out plant\n"
        "  tributary simulate plant.yaml --data recordings --test held-out --baseline local --json "
        "\\\n"
        "      >baselines.json\n"
        "  tributary watch --score held-out --baselines baselines.json plant\n",
    .run = run,
};

int ctl_watch_command(int count, char **words) {
    return run(&watch_command, count, words);
}
