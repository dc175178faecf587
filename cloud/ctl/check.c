/* tributary check: is a federation file right, and what does it come to? */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "cloud/ctl/command.h"
#include "common/signal/check.h"

static const char *const tasks[] = {"", "classify", "regress", "reconstruct", "hotelling_t2"};

typedef struct check_summary {
    trib_federation *federation;
    char lineage[2 * TRIB_HASH_BYTES + 1];
    uint32_t inputs;
    uint32_t outputs;
    uint32_t parameters;
    size_t update_bytes;
} check_summary;

static trib_status summarise(const char *path, check_summary *ret_summary) {
    check_summary summary = {0};
    trib_lineage lineage;
    TRIB_TRY(ctl_load_federation(path, &summary.federation));
    trib_status status = trib_federation_lineage(trib_crypto_host(), summary.federation, &lineage);
    if (!trib_ok(status)) {
        trib_free(summary.federation);
        return status;
    }
    trib_hex(trib_bytes_of(lineage.meaning, sizeof lineage.meaning), summary.lineage);
    summary.inputs = trib_federation_input_count(summary.federation);
    summary.parameters = trib_federation_parameter_count(summary.federation);
    summary.outputs = summary.federation->plan.output_count;
    summary.update_bytes = trib_update_packed_size(summary.federation->codec, summary.parameters);
    *ret_summary = summary;
    return TRIB_SUCCESS;
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
    if (federation->task != TRIB_TASK_HOTELLING_T2) {
        (void)printf("  outputs     %" PRIu32 "\n", summary->outputs);
    }
    (void)printf("  parameters  %" PRIu32 "\n", summary->parameters);
    (void)printf("  update      %zu bytes a gateway and round\n", summary->update_bytes);
    (void)printf("  rounds      %" PRIu32 ", %g of the gateways each, a quorum of %" PRIu32 "\n",
                 federation->rounds.maximum, federation->rounds.fraction,
                 federation->rounds.quorum);
}

static trib_status print_json(const check_summary *summary) {
    const trib_federation *federation = summary->federation;
    json_t *map = json_pack(
        "{s:b, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "valid", 1, "federation", federation->name,
        "lineage_sha256", summary->lineage, "task", tasks[federation->task], "inputs",
        (json_int_t)summary->inputs, "outputs", (json_int_t)summary->outputs, "parameters",
        (json_int_t)summary->parameters, "update_bytes", (json_int_t)summary->update_bytes,
        "rounds", (json_int_t)federation->rounds.maximum);
    if (map == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a summary");
    }
    int written = json_dumpf(map, stdout, JSON_INDENT(2));
    json_decref(map);
    (void)printf("\n");
    return written == 0 ? TRIB_SUCCESS : TRIB_FAIL(TRIB_E_IO, "standard output cannot be written");
}

static int run(const ctl_command *command, int count, char **words) {
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    bool json = false;
    for (int option; (option = getopt_long(count, words, "", options, NULL)) != -1;) {
        if (option == 'h') {
            return ctl_help(command);
        }
        if (option != 'j') {
            return ctl_misused(command, NULL);
        }
        json = true;
    }
    if (count - optind != 1) {
        return ctl_misused(command, "expected one federation file");
    }
    check_summary summary;
    trib_status status = summarise(words[optind], &summary);
    if (trib_ok(status)) {
        if (json) {
            status = print_json(&summary);
        } else {
            print_text(words[optind], &summary);
        }
        trib_free(summary.federation);
    }
    return ctl_finish("check", status);
}

const ctl_command ctl_check = {
    .name = "check",
    .summary = "check a federation file and say what it comes to",
    .help = "Usage: tributary check [--json] FILE\n\n"
            "Checks a federation file; complaints name file, line, column and key.\n\n"
            "  --json   the summary as JSON\n\n"
            "Examples:\n"
            "  tributary check plant.yaml\n"
            "  tributary check --json plant.yaml | jq .parameters\n",
    .run = run,
};
