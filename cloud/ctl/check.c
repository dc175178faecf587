/* tributary check: is a federation file right, what does it come to, and what do recordings give?
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/ctl/command.h"
#include "cloud/ctl/report.h"
#include "common/signal/check.h"

static const char *const tasks[] = {"", "classify", "regress", "reconstruct", "hotelling_t2"};

typedef struct check_summary {
    trib_federation *federation;
    char lineage[2 * TRIB_HASH_BYTES + 1];
    uint32_t inputs;
    uint32_t outputs;
    uint32_t parameters;
    size_t update_bytes;
    double hop_s;          /* between windows: a prediction each */
    trib_client_list list; /* empty without --data */
    trib_dataset data;     /* the same clients in the same order */
} check_summary;

static void summary_deinit(check_summary *summary) {
    trib_free(summary->federation);
    trib_client_list_deinit(&summary->list);
    trib_dataset_deinit(&summary->data);
}

static trib_status summarise(const char *path, const char *folder, check_summary *summary) {
    trib_lineage lineage;
    TRIB_TRY(ctl_load_federation(path, &summary->federation));
    const trib_federation *federation = summary->federation;
    TRIB_TRY(trib_federation_lineage(trib_crypto_host(), federation, &lineage));
    trib_hex(trib_bytes_of(lineage.meaning, sizeof lineage.meaning), summary->lineage);
    summary->inputs = trib_federation_input_count(federation);
    summary->parameters = trib_federation_parameter_count(federation);
    summary->outputs = federation->plan.output_count;
    summary->update_bytes = trib_update_packed_size(federation->codec, summary->parameters);
    summary->hop_s = (double)federation->pipeline.hop_rows / (double)federation->pipeline.rate_hz;
    if (folder != NULL) {
        TRIB_TRY(trib_client_list_read(folder, &federation->source, &summary->list));
        TRIB_TRY(trib_dataset_load(federation, folder, false, &summary->data));
        TRIB_ASSERT(summary->list.count == summary->data.count);
        ctl_print_notes(federation, &summary->data);
    }
    return TRIB_SUCCESS;
}

static void print_clients(const check_summary *summary) {
    size_t active = 0;
    int width = 12;
    for (size_t i = 0; i < summary->data.count; i++) {
        int size = (int)strlen(summary->data.clients[i].name);
        width = size > width ? size : width;
    }
    (void)printf("\n%-*s %6s %9s %9s %9s %10s %9s\n", width, "client", "files", "rows", "training",
                 "tests", "unlabelled", "malformed");
    for (size_t i = 0; i < summary->data.count; i++) {
        const trib_client_data *client = &summary->data.clients[i];
        (void)printf("%-*s %6zu %9" PRIu64 " %9zu %9zu %10" PRIu64 " %9" PRIu64 "\n", width,
                     client->name, summary->list.clients[i].count, client->rows,
                     client->train.count, client->test.count, client->unlabelled, client->refused);
        active += trib_takes_part(summary->federation, client);
    }
    (void)printf(
        "%zu of %zu clients can take part in training. Training, tests and unlabelled count "
        "windows,\nmalformed counts lines that are left out.\n",
        active, summary->data.count);
}

static json_t *clients_json(const check_summary *summary) {
    json_t *list = json_array();
    for (size_t i = 0; i < summary->data.count; i++) {
        const trib_client_data *client = &summary->data.clients[i];
        const trib_client_files *files = &summary->list.clients[i];
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "client", client->name,
                            "place", files->place, "takes_part",
                            trib_takes_part(summary->federation, client) ? 1 : 0, "files",
                            (json_int_t)files->count, "rows", (json_int_t)client->rows,
                            "training_examples", (json_int_t)client->train.count, "test_examples",
                            (json_int_t)client->test.count, "unlabelled_windows",
                            (json_int_t)client->unlabelled, "malformed_lines",
                            (json_int_t)client->refused));
    }
    return list;
}

static void print_text(const char *path, const check_summary *summary) {
    const trib_federation *federation = summary->federation;
    trib_shape shape = trib_pipeline_shape(&federation->pipeline);
    double seconds =
        (double)federation->pipeline.window_rows / (double)federation->pipeline.rate_hz;
    (void)printf("%s is a federation file.\n", path);
    (void)printf("  federation  %s\n", federation->name);
    (void)printf("  lineage     %.16s\n", summary->lineage);
    (void)printf("  task        %s\n", tasks[federation->task]);
    (void)printf("  inputs      %" PRIu32 " (%" PRIu32 " steps x %" PRIu32 " channels x %" PRIu32
                 " features), a window of %g s\n",
                 summary->inputs, shape.steps, shape.channels, shape.features, seconds);
    (void)printf("  predictions one each %g s\n", summary->hop_s);
    if (federation->task != TRIB_TASK_HOTELLING_T2) {
        (void)printf("  outputs     %" PRIu32 "\n", summary->outputs);
    }
    (void)printf("  parameters  %" PRIu32 "\n", summary->parameters);
    (void)printf("  update      %zu bytes a gateway and round\n", summary->update_bytes);
    (void)printf("  rounds      %" PRIu32 ", %g of the gateways each, a quorum of %" PRIu32 "\n",
                 federation->rounds.maximum, federation->rounds.fraction,
                 federation->rounds.quorum);
    if (federation->telemetry != TRIB_TELEMETRY_NONE) {
        (void)printf(
            "  telemetry   asks for %s; what leaves a gateway is up to its own config, too\n",
            trib_telemetry_words[federation->telemetry]);
    }
}

static trib_status print_json(const check_summary *summary) {
    const trib_federation *federation = summary->federation;
    json_t *map = json_pack(
        "{s:b, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:s}", "valid", 1, "federation",
        federation->name, "lineage_sha256", summary->lineage, "task", tasks[federation->task],
        "inputs", (json_int_t)summary->inputs, "outputs", (json_int_t)summary->outputs,
        "parameters", (json_int_t)summary->parameters, "update_bytes",
        (json_int_t)summary->update_bytes, "rounds", (json_int_t)federation->rounds.maximum,
        "hop_s", summary->hop_s, "telemetry", trib_telemetry_words[federation->telemetry]);
    if (map != NULL && summary->data.count > 0) {
        json_object_set_new(map, "clients", clients_json(summary));
    }
    return ctl_print_json(map);
}

static trib_status check(const char *path, const char *folder, bool json) {
    TRIB_SCOPED(summary_deinit) check_summary summary = {0};
    TRIB_TRY(summarise(path, folder, &summary));
    if (json) {
        return print_json(&summary);
    }
    print_text(path, &summary);
    if (folder != NULL) {
        print_clients(&summary);
    }
    return TRIB_SUCCESS;
}

static int run(const ctl_command *command, int count, char **words) {
    static const struct option options[] = {{"data", required_argument, NULL, 'd'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    bool json = false;
    const char *folder = NULL;
    for (int option; (option = getopt_long(count, words, "", options, NULL)) != -1;) {
        switch (option) {
        case 'd':
            folder = optarg;
            break;
        case 'j':
            json = true;
            break;
        case 'h':
            return ctl_help(command);
        default:
            return ctl_misused(command, NULL);
        }
    }
    if (count - optind != 1) {
        return ctl_misused(command, "expected one federation file");
    }
    return ctl_finish("check", check(words[optind], folder, json));
}

const ctl_command ctl_check = {
    .name = "check",
    .summary = "check a federation file and say what it comes to",
    .help =
        "Usage: tributary check [--json] [--data DIR] FILE\n\n"
        "Checks a federation file; complaints name file, line, column and key.\n\n"
        "  --data DIR   also read the recordings in DIR: which clients there are, and what each\n"
        "               gives to train and to test on\n"
        "  --json       the summary as JSON\n\n"
        "Examples:\n"
        "  tributary check plant.yaml\n"
        "  tributary check plant.yaml --data recordings\n"
        "  tributary check --json plant.yaml | jq .parameters\n",
    .run = run,
};
