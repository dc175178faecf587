#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/federation/federation.h"
#include "tests/support/memory.h"

enum { TEXT_CEILING = 4 * TRIB_DOCUMENT_MAX_BYTES };

static trib_federation *new_federation(void) {
    trib_federation *federation = trib_allocate(1, sizeof *federation);
    assert_non_null(federation);
    return federation;
}

/* Everything that can be written, so that printing it back is worth something. */
static const char full[] = "federation: full-1\n"
                           "description: everything at once\n"
                           "seed: 77\n"
                           "source:\n"
                           "  files: \"*.csv\"\n"
                           "  clients: file\n"
                           "  delimiter: tab\n"
                           "  rate_hz: 100\n"
                           "  timestamp: {column: t, unit: ms}\n"
                           "  channels: [ax, ay, az, p]\n"
                           "  label: {column: state, classes: [on, 'off', \"1\"]}\n"
                           "  split: {train_fraction: 0.8}\n"
                           "pipeline:\n"
                           "  resample: {rate_hz: 50, max_gap_s: 0.5}\n"
                           "  fill_rows: 7\n"
                           "  hampel: {half_window: 4, threshold: 2.5}\n"
                           "  filters:\n"
                           "    - {kind: lowpass, frequency_hz: 12.3, channels: [ax, ay]}\n"
                           "    - {kind: notch, frequency_hz: 10, q: 30, channels: p}\n"
                           "  derive:\n"
                           "    - {name: a, kind: magnitude, of: [ax, ay, az]}\n"
                           "    - {name: up, kind: along, of: [ax, ay, az], rate: 0.1}\n"
                           "    - {name: down, kind: direction, of: [ax, ay, az], component: 2}\n"
                           "    - {name: dp, kind: difference, of: p}\n"
                           "    - {name: adp, kind: absolute, of: dp}\n"
                           "  channels: [a, up, down, adp, p]\n"
                           "  window: {rows: 40, hop: 10, context: 40, frames: 2, min_valid: 0.9}\n"
                           "  features: [mean, std, kurtosis, bands]\n"
                           "  bands: {scale: log, hz: [[1, 5], [5, 12.5]]}\n"
                           "  normalise: {clip: 6}\n"
                           "model:\n"
                           "  task: classify\n"
                           "  layers:\n"
                           "    - {kind: dense, units: 12, initial_scale: 0.5}\n"
                           "    - {kind: tanh}\n"
                           "    - {kind: dropout, rate: 0.25}\n"
                           "    - {kind: dense, units: 3}\n"
                           "training: {epochs: 2, batch: 16, optimiser: adam, rate: 0.001}\n"
                           "rounds: {maximum: 5, fraction: 0.5, quorum: 2, gateways: 4}\n"
                           "strategy: {kind: fedavgm, nesterov: true, serve_average: 0.9}\n"
                           "update: {codec: int8, clip_norm: 2}\n"
                           "release: {policy: manual}\n"
                           "telemetry: features\n";

static void meaning_survives(const trib_federation *federation) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer first = {.ceiling = TEXT_CEILING};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer again = {.ceiling = TEXT_CEILING};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer pipeline = {.ceiling = TEXT_CEILING};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer pipeline_again = {.ceiling = TEXT_CEILING};
    TRIB_SCOPED(trib_free_scoped) trib_federation *back = new_federation();
    assert_true(trib_ok(trib_meaning_print(federation, &first)));
    trib_status status = trib_meaning_parse("meaning", trib_buffer_view(&first), back);
    if (!trib_ok(status)) {
        fail_msg("%s: %s", federation->name, trib_message());
    }
    assert_true(trib_ok(trib_meaning_print(back, &again)));
    assert_true(trib_bytes_equal(trib_buffer_view(&first), trib_buffer_view(&again)));
    assert_true(trib_ok(trib_pipeline_print(federation, &pipeline)));
    assert_true(trib_ok(trib_pipeline_print(back, &pipeline_again)));
    assert_true(trib_bytes_equal(trib_buffer_view(&pipeline), trib_buffer_view(&pipeline_again)));
    assert_int_equal(trib_federation_parameter_count(back),
                     trib_federation_parameter_count(federation));
    assert_int_equal(trib_federation_input_count(back), trib_federation_input_count(federation));
    trib_lineage one, two;
    assert_true(trib_ok(trib_federation_lineage(trib_crypto_host(), federation, &one)));
    assert_true(trib_ok(trib_federation_lineage(trib_crypto_host(), back, &two)));
    assert_memory_equal(&one, &two, sizeof one);
}

static void a_full_document_is_read_as_it_says(void **state) {
    (void)state;
    TRIB_SCOPED(trib_free_scoped) trib_federation *federation = new_federation();
    trib_status status = trib_federation_parse("f.yaml", trib_bytes_text(full), federation);
    if (!trib_ok(status)) {
        fail_msg("%s", trib_message());
    }
    assert_string_equal(federation->name, "full-1");
    assert_int_equal(federation->seed, 77);
    assert_true(federation->source.client_per_file);
    assert_int_equal(federation->source.delimiter, '\t');
    assert_int_equal(federation->source.time_unit, TRIB_TIME_MS);
    assert_string_equal(federation->source.classes[2], "1");
    assert_int_equal(federation->source.split, TRIB_SPLIT_FRACTION);
    assert_true(federation->pipeline.resample);
    assert_int_equal(federation->pipeline.filter_count, 3);
    assert_int_equal(federation->pipeline.derive_count, 5);
    assert_int_equal(trib_federation_input_count(federation), 2 * 5 * 5);
    assert_int_equal(trib_federation_parameter_count(federation), 12 * 50 + 12 + 3 * 12 + 3);
    assert_int_equal(federation->training.epochs, 2);
    assert_int_equal(federation->training.schedule.rounds, 5); /* the rounds' maximum */
    assert_int_equal(federation->rounds.gateways, 4);
    assert_int_equal(federation->codec, TRIB_CODEC_INT8);
    assert_false(federation->release_every_round);
    assert_int_equal(federation->telemetry, TRIB_TELEMETRY_FEATURES);
    meaning_survives(federation);
}

/* Each value of the full document in turn is something else altogether: a map, a list of nothing,
 * or a text that is no number. What cannot be read is refused where it stands; nothing else
 * happens. */
static void take_no_other_kinds(const char *document) {
    static const char *const kinds[] = {"{no: way}", "[{}]", "'?'"};
    static char text[4096];
    TRIB_SCOPED(trib_free_scoped) trib_federation *federation = new_federation();
    unsigned refused = 0, values = 0;
    for (const char *at = strstr(document, ": "); at != NULL; at = strstr(at + 1, ": ")) {
        const char *value = at + 2;
        size_t length = strcspn(value, *value == '[' ? "]\n" : *value == '{' ? "}\n" : ",}\n");
        length +=
            (*value == '[' && value[length] == ']') || (*value == '{' && value[length] == '}');
        for (size_t k = 0; k < 3; k++) {
            (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(value - document), document,
                           kinds[k], value + length);
            trib_status status = trib_federation_parse("f.yaml", trib_bytes_text(text), federation);
            assert_true(trib_ok(status) || status.code == TRIB_E_ARGUMENT);
            refused += !trib_ok(status);
            values++;
        }
    }
    assert_true(values > 30 && refused + 15 > values); /* a description, say, is any text */
}

static void no_value_of_another_kind_is_taken(void **state) {
    (void)state;
    /* What the full document cannot have beside the rest. */
    static const char other[] =
        "federation: other-1\n"
        "source:\n"
        "  files: \"*.csv\"\n"
        "  clients: folder\n"
        "  rate_hz: 100\n"
        "  channels: [ax, ay, az]\n"
        "  label: {column: state, classes: [on, 'off']}\n"
        "  anomaly: {column: bad}\n"
        "  split: {train_rows: 80}\n"
        "pipeline:\n"
        "  derive:\n"
        "    - {name: up, kind: along, of: [ax, ay, az], reference: [az, ay, ax], rate: 0.1}\n"
        "  window: {rows: 40, hop: 10}\n"
        "  output: rows\n"
        "  normalise: false\n"
        "model:\n"
        "  task: classify\n"
        "  layers:\n"
        "    - {kind: conv1d, filters: 4, kernel: 3, stride: 2, initial_scale: 0.5}\n"
        "    - {kind: max_pool, size: 2}\n"
        "    - {kind: flatten}\n"
        "    - {kind: dense, units: 2}\n"
        "training:\n"
        "  optimiser: adam\n"
        "  beta1: 0.8\n"
        "  beta2: 0.99\n"
        "  epsilon: 0.001\n"
        "  l2: 0.01\n"
        "  rate: 0.01\n"
        "  schedule: {kind: cosine, floor: 0.001, rounds: 9, warmup_steps: 3}\n"
        "rounds: {over_selection: 1.5, deadline_s: 9, max_weight: 100}\n"
        "strategy: {kind: fedavgm, rate: 0.5, momentum: 0.8}\n";
    static const char drift[] =
        "federation: drift-1\n"
        "source: {rate_hz: 1, delimiter: ';', channels: [x, y], split: {train_rows: 40}}\n"
        "pipeline: {fill_rows: 2, window: {rows: 4, hop: 2}, features: [mean, last], normalise: "
        "false}\n"
        "model: {task: hotelling_t2, significance: 0.99, scale_floor: 0.1}\n"
        "update: {codec: float32, clip_norm: 9}\n";
    static const char error[] =
        "federation: error-1\n"
        "source: {rate_hz: 1, channels: [x, y], targets: [load]}\n"
        "pipeline: {window: {rows: 4, hop: 2}, features: [mean], normalise: true}\n"
        "model: {task: reconstruct, quantile: 0.9, layers: [{kind: dense, units: 2}]}\n"
        "training: {optimiser: momentum, momentum: 0.5, schedule: {kind: exponential, decay: "
        "0.9}}\n"
        "update: {codec: float32, clip_norm: 9}\n";
    const char *const documents[] = {full, other, drift, error};
    for (size_t i = 0; i < 4; i++) {
        TRIB_SCOPED(trib_free_scoped) trib_federation *federation = new_federation();
        if (!trib_ok(trib_federation_parse("f.yaml", trib_bytes_text(documents[i]), federation))) {
            fail_msg("%s", trib_message());
        }
        meaning_survives(federation);
        take_no_other_kinds(documents[i]);
    }
}

static void without_memory_it_says_so(void **state) {
    (void)state;
    TRIB_SCOPED(trib_free_scoped) trib_federation *federation = new_federation();
    unsigned failures = 0;
    MEMORY_FAILS_EACH_TIME {
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer json = {.ceiling = TEXT_CEILING};
        trib_lineage lineage;
        trib_status status = trib_federation_parse("f.yaml", trib_bytes_text(full), federation);
        status = trib_ok(status) ? trib_federation_lineage(trib_crypto_host(), federation, &lineage)
                                 : status;
        status = trib_ok(status) ? trib_meaning_print(federation, &json) : status;
        assert_true(trib_ok(status) || status.code == TRIB_E_IO);
        failures += !trib_ok(status);
    }
    assert_true(failures > 3);
}

/* jansson's heap, of which the allocation after `left` others fails. */
static size_t left;
static bool refused;
static void *jansson_allocates(size_t size) {
    refused = refused || left == 0;
    return left-- == 0 ? NULL : malloc(size);
}

/* A word that is left out for want of memory would make it another model's. */
static void a_description_is_whole_or_none(void **state) {
    (void)state;
    TRIB_SCOPED(trib_free_scoped) trib_federation *federation = new_federation();
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer whole = {.ceiling = TEXT_CEILING};
    assert_true(trib_ok(trib_federation_parse("f.yaml", trib_bytes_text(full), federation)));
    assert_true(trib_ok(trib_meaning_print(federation, &whole)));
    size_t failures = 0;
    refused = true;
    json_set_alloc_funcs(jansson_allocates, free);
    for (size_t at = 0; refused; at++) {
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer json = {.ceiling = TEXT_CEILING};
        left = at;
        refused = false;
        trib_status status = trib_meaning_print(federation, &json);
        failures += !trib_ok(status);
        if (trib_ok(status)) { /* all was there, or could be done without */
            assert_int_equal(json.size, whole.size);
            assert_memory_equal(json.data, whole.data, whole.size);
        } else {
            assert_int_equal(status.code, TRIB_E_IO);
        }
    }
    json_set_alloc_funcs(malloc, free);
    assert_true(failures > 100);
}

/* Changing what a model means starts a new lineage; changing how it is trained does not. */
static void the_lineage_follows_the_meaning_alone(void **state) {
    (void)state;
    TRIB_SCOPED(trib_free_scoped) trib_federation *one = new_federation();
    assert_true(trib_ok(trib_federation_parse("f.yaml", trib_bytes_text(full), one)));
    trib_lineage first, second;
    assert_true(trib_ok(trib_federation_lineage(trib_crypto_host(), one, &first)));
    one->training.epochs = 3;
    one->seed = 5;
    one->rounds.quorum = 1;
    one->source.client_per_file = false;
    one->telemetry = TRIB_TELEMETRY_RAW;
    assert_true(trib_ok(trib_federation_lineage(trib_crypto_host(), one, &second)));
    assert_memory_equal(&first, &second, sizeof first);
    one->pipeline.window_rows = 60;
    assert_true(trib_ok(trib_federation_lineage(trib_crypto_host(), one, &second)));
    assert_memory_not_equal(first.meaning, second.meaning, sizeof first.meaning);
    assert_memory_not_equal(first.pipeline, second.pipeline, sizeof first.pipeline);
}

static void every_example_is_right_and_its_meaning_survives(void **state) {
    (void)state;
    const char *source = getenv("TRIB_SOURCE");
    char folder[1024], path[2048];
    (void)snprintf(folder, sizeof folder, "%s/docs/examples", source != NULL ? source : ".");
    DIR *examples = opendir(folder);
    assert_non_null(examples);
    int seen = 0;
    for (struct dirent *entry; (entry = readdir(examples)) != NULL;) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || strcmp(dot, ".yaml") != 0) {
            continue;
        }
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = TRIB_DOCUMENT_MAX_BYTES};
        TRIB_SCOPED(trib_free_scoped) trib_federation *federation = new_federation();
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        trib_status status = trib_federation_load(path, federation, &text);
        if (!trib_ok(status)) {
            fail_msg("%s", trib_message());
        }
        meaning_survives(federation);
        seen++;
    }
    (void)closedir(examples);
    assert_true(seen >= 6);
}

/* Every key stands in the reference as `key`, `map.key` or `list[].key`. */
static void keys_are_documented(trib_value value, const char *reference) {
    for (size_t i = 0; trib_value_is_map(value) && i < trib_value_count(value); i++) {
        trib_value inner;
        char quoted[128];
        const char *key = trib_value_key(value, i, &inner);
        (void)snprintf(quoted, sizeof quoted, "%s`", key);
        bool found = false;
        for (const char *at = reference; !found && (at = strstr(at, quoted)) != NULL; at++) {
            found = at > reference && (at[-1] == '`' || at[-1] == '.');
        }
        if (!found) {
            fail_msg("docs/federation-file.md does not explain '%s'", key);
        }
        keys_are_documented(inner, reference);
    }
    for (size_t i = 0; trib_value_is_list(value) && i < trib_value_count(value); i++) {
        keys_are_documented(trib_value_item(value, i), reference);
    }
}

static void the_reference_explains_every_key(void **state) {
    (void)state;
    const char *source = getenv("TRIB_SOURCE");
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/docs/federation-file.md", source != NULL ? source : ".");
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer reference = {.ceiling = 1 << 20};
    TRIB_SCOPED(trib_config_destroy_scoped) trib_config *config = NULL;
    assert_true(trib_ok(trib_file_read(path, &reference)));
    assert_true(trib_ok(trib_buffer_append(&reference, trib_bytes_of("", 1))));
    assert_true(trib_ok(trib_config_parse("full", trib_bytes_text(full), &config)));
    keys_are_documented(trib_config_root(config), (const char *)reference.data);
}

/* `from` in the full document becomes `to`, and this must be the complaint's beginning and must
 * stand somewhere in it. */
typedef struct mistake {
    const char *from;
    const char *to;
    const char *place; /* line and column, and the key path */
    const char *says;
} mistake;

static const mistake mistakes[] = {
    /* keys and types */
    {"seed: 77", "sead: 77", "f.yaml:3:1: sead: ", "did you mean 'seed'"},
    {"federation: full-1\n", "", "f.yaml:1:1: ", "federation"},
    {"federation: full-1", "federation: Full 1", "f.yaml:1:13: federation: ", "Full 1"},
    {"federation: full-1", "federation: all", "f.yaml:1:13: federation: ", "all"},
    {"rate_hz: 100\n", "rate_hz: fast\n", "f.yaml:8:12: source.rate_hz: ", "'fast'"},
    {"rate_hz: 100\n", "rate_hz: -1\n", "f.yaml:8:12: source.rate_hz: ", "-1"},
    {"fill_rows: 7", "fill_rows: 1.5", "f.yaml:15:14: pipeline.fill_rows: ", "'1.5'"},
    {"nesterov: true", "nesterov: maybe", "f.yaml:40:37: strategy.nesterov: ", "'maybe'"},
    {"epochs: 2", "epochs: 0", "f.yaml:38:20: training.epochs: ", "found '0'"},
    {"train_fraction: 0.8", "train_fraction: 1",
     "f.yaml:12:27: source.split.train_fraction: ", "found '1'"},
    {"fraction: 0.5", "fraction: 0", "f.yaml:39:32: rounds.fraction: ", "found '0'"},
    {"codec: int8", "codec: int4", "f.yaml:41:17: update.codec: ", "int8"},
    {"optimiser: adam", "optimiser: adan", "f.yaml:38:45: training.optimiser: ", "adam"},
    {"policy: manual", "policy: never", "f.yaml:42:19: release.policy: ", "every_round"},
    {"telemetry: features", "telemetry: all",
     "f.yaml:43:12: telemetry: ", "one of none, features, raw"},
    {"telemetry: features", "telemetry: {level: raw}",
     "f.yaml:43:12: telemetry: ", "one of none, features, raw"},
    /* columns */
    {"clients: file", "clients: each", "f.yaml:6:12: source.clients: ", "folder"},
    {"delimiter: tab", "delimiter: '::'", "f.yaml:7:14: source.delimiter: ", "one character"},
    {"unit: ms", "unit: minutes", "f.yaml:9:32: source.timestamp.unit: ", "iso8601"},
    {"[ax, ay, az, p]", "[ax, ay, ax, p]", "f.yaml:10:22: source.channels[2]: ", "'ax'"},
    {"[ax, ay, az, p]", "[]", "f.yaml:10:13: source.channels: ", "list of 1 to"},
    {"{column: state, classes: [on, 'off', \"1\"]}", "{column: state}",
     "f.yaml:11:10: source.label: ", "classes"},
    {"{train_fraction: 0.8}", "{train_fraction: 0.8, train_rows: 5}",
     "f.yaml:12:10: source.split: ", "both"},
    /* pipeline */
    {"timestamp: {column: t, unit: ms}\n", "files: x\n",
     "f.yaml:9:3: source.files: ", "second time"},
    {"channels: p}", "channels: q}", "f.yaml:19:56: pipeline.filters[1].channels: ", "'q'"},
    {"of: dp}", "of: later}", "f.yaml:25:39: pipeline.derive[4].of: ", "'later'"},
    {"of: dp}", "of: {a: 1}}", "f.yaml:25:39: pipeline.derive[4].of: ", "found a mapping"},
    {"channels: p}", "channels: {p: 1}}",
     "f.yaml:19:56: pipeline.filters[1].channels: ", "found a mapping"},
    {"[a, up, down, adp, p]", "{a: 1}", "f.yaml:26:13: pipeline.channels: ", "found a mapping"},
    {"name: adp", "name: p", "f.yaml:25:14: pipeline.derive[4].name: ", "'p'"},
    {"of: [ax, ay, az]}\n", "of: ax}\n", "f.yaml:21:38: pipeline.derive[0].of: ", "2 or 3"},
    {"kind: difference", "kind: integral", "f.yaml:24:24: pipeline.derive[3].kind: ", "difference"},
    {"[a, up, down, adp, p]", "[a, up, side]", "f.yaml:26:21: pipeline.channels[2]: ", "'side'"},
    {"frequency_hz: 12.3", "frequency_hz: 40",
     "f.yaml:18:37: pipeline.filters[0].frequency_hz: ", "40"},
    {"frames: 2", "frames: 3", "f.yaml:27:11: pipeline.window: ", "do not divide into 3 frames"},
    {"rows: 40", "rows: 0", "f.yaml:27:18: pipeline.window.rows: ", "found '0'"},
    {"  bands: {scale: log, hz: [[1, 5], [5, 12.5]]}\n", "",
     "f.yaml:14:3: pipeline: ", "needs the key 'bands'"},
    {"kurtosis, bands]", "kurtosis]", "f.yaml:29:10: pipeline.bands: ", "add 'bands'"},
    {"[5, 12.5]]", "[12.5, 5]]", "f.yaml:29:43: pipeline.bands.hz[1][1]: ", "5"},
    {"kurtosis, bands]", "curtosis, bands]", "f.yaml:28:25: pipeline.features[2]: ", "kurtosis"},
    {"  features: [mean, std, kurtosis, bands]\n", "", "f.yaml:14:3: pipeline: ", "features"},
    {"clip: 6", "clip: -6", "f.yaml:30:21: pipeline.normalise.clip: ", "-6"},
    /* model */
    {"task: classify", "task: guess", "f.yaml:32:9: model.task: ", "classify"},
    {"task: classify", "task: regress", "f.yaml:32:3: model: ", "source.targets"},
    {"units: 3}", "units: 4}", "f.yaml:34:5: model.layers: ", "gives 4 values, the task needs 3"},
    {"{kind: tanh}", "{kind: tan}", "f.yaml:35:14: model.layers[1].kind: ", "tanh"},
    {"{kind: tanh}", "{units: 5}", "f.yaml:35:7: model.layers[1]: ", "kind"},
    {"{kind: tanh}", "{kind: conv1d, filters: 4, kernel: 3}",
     "f.yaml:34:5: model.layers: ", "conv1d"},
    {"rate: 0.25", "rate: 1", "f.yaml:36:29: model.layers[2].rate: ", "found '1'"},
    /* keys that would be read and forgotten */
    {"{kind: tanh}", "{kind: tanh, units: 5}",
     "f.yaml:35:27: model.layers[1].units: ", "means nothing with kind: tanh"},
    {"{kind: dropout, rate: 0.25}", "{kind: dropout, rate: 0.25, stride: 2}",
     "f.yaml:36:43: model.layers[2].stride: ", "with kind: dropout"},
    {"task: classify", "task: classify\n  quantile: 0.9",
     "f.yaml:33:13: model.quantile: ", "with task: classify"},
    {"optimiser: adam", "optimiser: sgd, momentum: 0.9",
     "f.yaml:38:60: training.momentum: ", "with optimiser: sgd"},
    {"optimiser: adam", "optimiser: momentum, beta1: 0.9",
     "f.yaml:38:62: training.beta1: ", "with optimiser: momentum"},
    {"rate: 0.001", "rate: 0.001, schedule: {decay: 0.9}",
     "f.yaml:38:82: training.schedule.decay: ", "with kind: constant"},
    {"kind: fedavgm, nesterov", "kind: fedavg, nesterov",
     "f.yaml:40:36: strategy.nesterov: ", "with kind: fedavg"},
    {"of: [ax, ay, az]}\n", "of: [ax, ay, az], rate: 0.1}\n",
     "f.yaml:21:58: pipeline.derive[0].rate: ", "with kind: magnitude"},
    {"  features: [mean, std, kurtosis, bands]\n", "  output: rows\n",
     "f.yaml:29:10: pipeline.bands: ", "with output: rows"},
    /* parts that say nothing */
    {"files: \"*.csv\"", "files: \"\"", "f.yaml:5:10: source.files: ", "a glob such as"},
    {"column: t,", "column: '',", "f.yaml:9:23: source.timestamp.column: ", "found ''"},
    {"column: state,", "column: '',", "f.yaml:11:19: source.label.column: ", "found ''"},
    {"[on, 'off', \"1\"]", "[on]",
     "f.yaml:11:35: source.label.classes: ", "a list of 2 to 64 names, found a list of 1"},
    {"{train_fraction: 0.8}", "{}", "f.yaml:12:10: source.split: ", "found neither"},
    {"  split:", "  anomaly: {}\n  split:", "f.yaml:12:12: source.anomaly: ", "column"},
    {"[a, up, down, adp, p]", "[a, up, a]", "f.yaml:26:21: pipeline.channels[2]: ", "twice"},
    {"context: 40", "context: 8160", "f.yaml:27:11: pipeline.window: ", "at most 8192 rows"},
    /* rules across parts */
    {"gateways: 4", "gateways: 1", "f.yaml:39:9: rounds: ", "the quorum 2 is more than the 1"},
    {"clip_norm: 2", "clip_norm: 0", "f.yaml:41:34: update.clip_norm: ", "found '0'"},
};

static void every_mistake_is_found_where_it_is(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        const mistake *one = &mistakes[i];
        const char *at = strstr(full, one->from);
        assert_non_null(at);
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = TEXT_CEILING};
        TRIB_SCOPED(trib_free_scoped) trib_federation *federation = new_federation();
        assert_true(trib_ok(trib_buffer_append(&text, trib_bytes_of(full, (size_t)(at - full)))));
        assert_true(trib_ok(trib_buffer_append(&text, trib_bytes_text(one->to))));
        assert_true(trib_ok(trib_buffer_append(&text, trib_bytes_text(at + strlen(one->from)))));
        trib_status status = trib_federation_parse("f.yaml", trib_buffer_view(&text), federation);
        if (status.code != TRIB_E_ARGUMENT ||
            strncmp(trib_message(), one->place, strlen(one->place)) != 0 ||
            strstr(trib_message(), one->says) == NULL) {
            fail_msg("mistake %zu ('%s'): expected '%s...%s', found code %d, '%s'", i, one->to,
                     one->place, one->says, (int)status.code,
                     trib_ok(status) ? "it is accepted" : trib_message());
        }
        assert_int_equal(federation->source.channel_count, 0); /* untouched */
    }
}

static const char statistic[] = "federation: s\n"
                                "source: {rate_hz: 1, channels: [a, b, c]}\n"
                                "pipeline:\n"
                                "  window: {rows: 20, hop: 1}\n"
                                "  features: [mean, last]\n"
                                "  normalise: false\n"
                                "model: {task: hotelling_t2}\n"
                                "update: {codec: float32}\n";

static const char of_rows[] = "federation: r\n"
                              "source: {rate_hz: 1, channels: [a, b], targets: [c]}\n"
                              "pipeline: {window: {rows: 20}, output: rows}\n"
                              "model: {task: regress, layers: [{kind: flatten}, {kind: dense, "
                              "units: 1}]}\n";

/* Features of a pipeline that makes none would be the rows themselves. */
static void features_are_asked_for_where_there_are_some(void **state) {
    (void)state;
    static const char *const words[] = {"", "telemetry: none\n", "telemetry: raw\n",
                                        "telemetry: features\n"};
    TRIB_SCOPED(trib_free_scoped) trib_federation *federation = new_federation();
    trib_lineage first, other;
    for (size_t i = 0; i < 4; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, "%s%s", of_rows, words[i]);
        trib_status status = trib_federation_parse("r.yaml", trib_bytes_text(text), federation);
        assert_int_equal(status.code, i < 3 ? TRIB_OK : TRIB_E_ARGUMENT);
        assert_int_equal(federation->telemetry, i < 2 ? TRIB_TELEMETRY_NONE : TRIB_TELEMETRY_RAW);
        assert_true(trib_ok(
            trib_federation_lineage(trib_crypto_host(), federation, i == 0 ? &first : &other)));
        assert_true(i == 0 || memcmp(&first, &other, sizeof first) == 0);
    }
    assert_non_null(strstr(trib_message(), "r.yaml:5:12: telemetry: "));
    assert_non_null(strstr(trib_message(), "say raw or none, or 'output: features'"));
    assert_false(trib_federation_has_features(federation));
}

static void features_that_fit_no_message_are_not_asked_for(void **state) {
    (void)state;
    char text[1024];
    TRIB_SCOPED(trib_free_scoped) trib_federation *federation = new_federation();
    for (unsigned bands = 24; bands <= 32; bands += 8) { /* 64 frames of 8 channels */
        int at = snprintf(text, sizeof text,
                          "federation: r\nsource: {rate_hz: 64, channels: [a, b, c, d, e, f, g, "
                          "h], targets: [z]}\n"
                          "pipeline: {window: {rows: 8192, frames: 64}, features: [bands], bands: "
                          "{hz: [[1, 2]");
        for (unsigned i = 1; i < bands; i++) {
            at += snprintf(text + at, sizeof text - (size_t)at, ",[%u,%u]", 1 + i % 30, 2 + i % 30);
        }
        (void)snprintf(text + at, sizeof text - (size_t)at,
                       "]}}\nmodel: {task: regress, layers: [{kind: dense, units: 1}]}\n"
                       "telemetry: features\n");
        trib_status status = trib_federation_parse("r.yaml", trib_bytes_text(text), federation);
        if (!trib_ok(status) && strstr(trib_message(), "at most 12288 fit a message") == NULL) {
            fail_msg("%s", trib_message());
        }
        assert_int_equal(status.code, bands == 24 ? TRIB_OK : TRIB_E_ARGUMENT);
    }
}

/* In the order of the values: see trib_pipeline_spec. */
static void features_have_names(void **state) {
    (void)state;
    static const struct {
        uint32_t index;
        const char *name;
    } named[] = {{0, "0/a.mean"},     {1, "0/a.std"},     {2, "0/a.kurtosis"},
                 {3, "0/a.bands.0"},  {4, "0/a.bands.1"}, {5, "0/up.mean"},
                 {24, "0/p.bands.1"}, {25, "1/a.mean"},   {49, "1/p.bands.1"}};
    char name[TRIB_FEATURE_NAME_SIZE];
    TRIB_SCOPED(trib_free_scoped) trib_federation *federation = new_federation();
    assert_true(trib_ok(trib_federation_parse("f.yaml", trib_bytes_text(full), federation)));
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        trib_federation_feature_name(federation, named[i].index, name);
        assert_string_equal(name, named[i].name);
    }
    assert_true(trib_ok(trib_federation_parse("s.yaml", trib_bytes_text(statistic), federation)));
    trib_federation_feature_name(federation, 5, name);
    assert_string_equal(name, "c.last");
}

static void a_statistic_has_a_moment_for_parameters(void **state) {
    (void)state;
    TRIB_SCOPED(trib_free_scoped) trib_federation *federation = new_federation();
    assert_true(trib_ok(trib_federation_parse("s.yaml", trib_bytes_text(statistic), federation)));
    assert_int_equal(trib_federation_parameter_count(federation), 6);
    assert_int_equal(trib_federation_input_count(federation), 6);
    meaning_survives(federation);
}

static void a_statistic_refuses_what_it_cannot_use(void **state) {
    (void)state;
    static const char *const wrong[][3] = {
        {"[mean, last]", "[mean, std]", "needs features [mean, last]"},
        {"  normalise: false\n", "", "'normalise: false'"},
        {"codec: float32", "codec: int8", "needs update.codec float32"},
        {"{task: hotelling_t2}", "{task: hotelling_t2, layers: [{kind: relu}]}", "has no layers"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[1024];
        const char *at = strstr(statistic, wrong[i][0]);
        assert_non_null(at);
        (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - statistic), statistic, wrong[i][1],
                       at + strlen(wrong[i][0]));
        TRIB_SCOPED(trib_free_scoped) trib_federation *federation = new_federation();
        assert_int_equal(trib_federation_parse("s.yaml", trib_bytes_text(text), federation).code,
                         TRIB_E_ARGUMENT);
        assert_non_null(strstr(trib_message(), wrong[i][2]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_document_is_read_as_it_says),
        cmocka_unit_test(a_description_is_whole_or_none),
        cmocka_unit_test(the_lineage_follows_the_meaning_alone),
        cmocka_unit_test(no_value_of_another_kind_is_taken),
        cmocka_unit_test(without_memory_it_says_so),
        cmocka_unit_test(every_example_is_right_and_its_meaning_survives),
        cmocka_unit_test(the_reference_explains_every_key),
        cmocka_unit_test(every_mistake_is_found_where_it_is),
        cmocka_unit_test(features_are_asked_for_where_there_are_some),
        cmocka_unit_test(features_that_fit_no_message_are_not_asked_for),
        cmocka_unit_test(features_have_names),
        cmocka_unit_test(a_statistic_has_a_moment_for_parameters),
        cmocka_unit_test(a_statistic_refuses_what_it_cannot_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
