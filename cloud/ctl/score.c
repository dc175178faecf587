/* tributary score: a model file over recordings. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cloud/ctl/command.h"
#include "cloud/ctl/report.h"
#include "common/base/file.h"
#include "common/simulate/scoring.h"

enum { MODEL_CEILING = 256 * 1024 * 1024 };

typedef struct score_request {
    const char *model;
    const char *data;
    const char *federation; /* may be NULL */
    bool json;
} score_request;

/* A model knows its columns, not which files hold them, how they split or which rows are anomalies:
 * that is the federation file's, if one is given. */
static trib_status complete_meaning(const score_request *request, trib_model *model) {
    if (request->federation == NULL) {
        return TRIB_SUCCESS;
    }
    TRIB_SCOPED(trib_free_scoped) trib_federation *federation = NULL;
    trib_lineage lineage;
    TRIB_TRY(ctl_load_federation(request->federation, &federation));
    TRIB_TRY(trib_federation_lineage(trib_crypto_host(), federation, &lineage));
    if (memcmp(&lineage, &model->lineage, sizeof lineage) != 0) {
        return TRIB_FAIL(TRIB_E_STATE, "%s is of another lineage than %s", request->model,
                         request->federation);
    }
    model->meaning.source = federation->source;
    return TRIB_SUCCESS;
}

/* What a trainer needs to be made; nothing is trained with it. */
static void plan_nothing(trib_federation *meaning) {
    meaning->training = (trib_train_plan){
        .epochs = 1,
        .batch_size = 256,
        .optimiser = {.kind = TRIB_OPTIMISER_SGD},
        .schedule = {.kind = TRIB_SCHEDULE_CONSTANT, .rate = 0.01f, .decay = 1, .rounds = 1}};
    meaning->codec = TRIB_CODEC_FLOAT32;
}

static trib_status load_model(const score_request *request, trib_model **ret_model) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer bytes = {.ceiling = MODEL_CEILING};
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = NULL;
    TRIB_TRY(trib_file_read(request->model, &bytes));
    TRIB_TRY(trib_context(trib_model_read(trib_crypto_host(), trib_buffer_view(&bytes), &model),
                          "%s", request->model));
    TRIB_TRY(complete_meaning(request, model));
    plan_nothing(&model->meaning);
    *ret_model = model;
    model = NULL;
    return TRIB_SUCCESS;
}

static void print_text(const trib_federation *federation, const trib_dataset *data,
                       const trib_tally *tallies, const trib_tally *sum,
                       const uint32_t *confusion) {
    const ctl_contest all = {.federated = sum};
    char leading[128];
    int width = 12;
    for (size_t i = 0; i < data->count; i++) {
        int size = (int)strlen(data->clients[i].name);
        width = size > width ? size : width;
    }
    (void)snprintf(leading, sizeof leading, "%-*s %9s", width, "client", "examples");
    ctl_print_groups(federation, (int)strlen(leading), leading, &all);
    for (size_t i = 0; i < data->count; i++) {
        const ctl_contest one = {.federated = &tallies[i]};
        (void)printf("\n%-*s %9" PRIu64, width, data->clients[i].name, tallies[i].examples);
        ctl_print_cells(federation, &one);
    }
    (void)printf("\n%-*s %9" PRIu64, width, "all", sum->examples);
    ctl_print_cells(federation, &all);
    (void)printf("\n");
    if (confusion != NULL) {
        ctl_print_confusion(federation, "", confusion);
    }
}

static trib_status print_json(const trib_federation *federation, const trib_dataset *data,
                              const trib_tally *tallies, const trib_tally *sum,
                              const uint32_t *confusion) {
    json_t *list = json_array();
    for (size_t i = 0; i < data->count; i++) {
        json_t *map = ctl_tally_json(federation, &tallies[i]);
        json_object_set_new(map, "client", json_string(data->clients[i].name));
        json_array_append_new(list, map);
    }
    json_t *report = json_pack("{s:s, s:o, s:o}", "federation", federation->name, "clients", list,
                               "all", ctl_tally_json(federation, sum));
    if (confusion != NULL) {
        json_object_set_new(report, "confusion", ctl_confusion_json(federation, confusion));
    }
    return ctl_print_json(report);
}

static trib_status score(const score_request *request) {
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = NULL;
    TRIB_SCOPED(trib_dataset_deinit) trib_dataset data = {0};
    TRIB_SCOPED(trib_contributor_destroy_scoped) trib_contributor *contributor = NULL;
    TRIB_TRY(load_model(request, &model));
    const trib_federation *meaning = &model->meaning;
    char said[160];
    trib_kernels kernels = trib_kernels_choose(said, sizeof said);
    TRIB_TRY(trib_contributor_create(meaning, &kernels, &contributor));
    TRIB_TRY(trib_dataset_load(meaning, request->data, false, &data));
    ctl_print_malformed(&data);
    size_t classes = meaning->task == TRIB_TASK_CLASSIFY ? meaning->source.class_count : 0;
    TRIB_SCOPED(trib_free_scoped)
    uint32_t *confusion = classes > 0 ? trib_allocate(classes * classes, sizeof *confusion) : NULL;
    TRIB_SCOPED(trib_free_scoped) trib_tally *tallies = trib_allocate(data.count, sizeof *tallies);
    if (tallies == NULL || (classes > 0 && confusion == NULL)) {
        return TRIB_FAIL(TRIB_E_IO, "no memory to score %zu clients", data.count);
    }
    const trib_scoring scoring = {
        .federation = meaning, .contributor = contributor, .model = model, .confusion = confusion};
    trib_tally sum;
    TRIB_TRY(trib_score_dataset(&scoring, &data, tallies, &sum));
    if (request->json) {
        return print_json(meaning, &data, tallies, &sum, confusion);
    }
    print_text(meaning, &data, tallies, &sum, confusion);
    return TRIB_SUCCESS;
}

static int run(const ctl_command *command, int count, char **words) {
    static const struct option options[] = {{"data", required_argument, NULL, 'd'},
                                            {"federation", required_argument, NULL, 'f'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    score_request request = {0};
    for (int option; (option = getopt_long(count, words, "", options, NULL)) != -1;) {
        switch (option) {
        case 'd':
            request.data = optarg;
            break;
        case 'f':
            request.federation = optarg;
            break;
        case 'j':
            request.json = true;
            break;
        case 'h':
            return ctl_help(command);
        default:
            return ctl_misused(command, NULL);
        }
    }
    if (count - optind != 1 || request.data == NULL) {
        return ctl_misused(command, "expected one model file and --data DIR");
    }
    request.model = words[optind];
    return ctl_finish("score", score(&request));
}

const ctl_command ctl_score = {
    .name = "score",
    .summary = "score recordings with a model file",
    .help =
        "Usage: tributary score MODEL --data DIR [--federation FILE] [--json]\n\n"
        "Scores each client's recordings in DIR with a model file.\n\n"
        "  --data DIR          recordings, laid out as for `simulate`\n"
        "  --federation FILE   which files, delimiter, split and anomaly column to use; needed\n"
        "                      to judge anomalies\n"
        "  --json              the result as JSON\n\n"
        "Examples:\n"
        "  tributary score plant.safetensors --data recordings\n"
        "  tributary score pump.safetensors --federation pump.yaml --data pumps --json\n",
    .run = run,
};
