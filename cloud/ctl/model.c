/* tributary model: `show` looks into a model file; list, export and release ask a cloud. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cloud/ctl/command.h"
#include "cloud/ctl/report.h"
#include "common/base/file.h"
#include "common/model/model.h"
#include "common/tensor/safetensors.h"

enum { MODEL_CEILING = 256 * 1024 * 1024 };

static const char *const metadata_keys[] = {"format",         "federation",      "round",
                                            "lineage_sha256", "pipeline_sha256", NULL};

typedef struct value_spread {
    double least;
    double most;
    double norm;
} value_spread;

static trib_status spread_of(const trib_tensor_view *tensor, size_t count,
                             value_spread *ret_spread) {
    TRIB_SCOPED(trib_free_scoped) float *values = trib_allocate(count, sizeof *values);
    if (values == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %zu values", count);
    }
    TRIB_TRY(trib_tensor_copy_f32(tensor, values, count));
    value_spread spread = {HUGE_VAL, -HUGE_VAL, 0};
    for (size_t i = 0; i < count; i++) {
        double value = (double)values[i];
        spread.least = value < spread.least ? value : spread.least;
        spread.most = value > spread.most ? value : spread.most;
        spread.norm += value * value;
    }
    spread.norm = sqrt(spread.norm);
    *ret_spread = spread;
    return TRIB_SUCCESS;
}

static trib_status tensor_json(const trib_tensor_view *tensor, json_t **ret_tensor) {
    size_t count = 1;
    json_t *shape = json_array();
    for (uint32_t i = 0; i < tensor->rank; i++) {
        count *= tensor->shape[i];
        json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i]));
    }
    value_spread spread;
    trib_status status = spread_of(tensor, count, &spread);
    if (!trib_ok(status)) {
        json_decref(shape);
        return status;
    }
    *ret_tensor = json_pack("{s:s, s:o, s:f, s:f, s:f}", "name", tensor->name, "shape", shape,
                            "least", spread.least, "most", spread.most, "norm", spread.norm);
    return TRIB_SUCCESS;
}

/* {metadata: {...}, meaning: {...}, parameters: n, tensors: [...]} */
static trib_status describe(const char *path, json_t *report) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer bytes = {.ceiling = MODEL_CEILING};
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = NULL;
    TRIB_SCOPED(trib_safetensors_close_scoped) trib_safetensors *file = NULL;
    TRIB_TRY(trib_file_read(path, &bytes));
    TRIB_TRY(trib_context(trib_model_read(trib_crypto_host(), trib_buffer_view(&bytes), &model),
                          "%s", path));
    TRIB_TRY(trib_safetensors_open(trib_buffer_view(&bytes), &file));
    json_t *metadata = json_object(), *tensors = json_array();
    json_object_set_new(report, "metadata", metadata);
    json_object_set_new(report, "tensors", tensors);
    json_object_set_new(report, "parameters", json_integer(model->parameter_count));
    for (size_t i = 0; metadata_keys[i] != NULL; i++) {
        json_object_set_new(metadata, metadata_keys[i],
                            json_string(trib_safetensors_metadata(file, metadata_keys[i])));
    }
    json_object_set_new(report, "meaning",
                        json_loads(trib_safetensors_metadata(file, "meaning"), 0, NULL));
    for (size_t i = 0; i < trib_safetensors_count(file); i++) {
        json_t *tensor = NULL;
        TRIB_TRY(tensor_json(trib_safetensors_at(file, i), &tensor));
        json_array_append_new(tensors, tensor);
    }
    return TRIB_SUCCESS;
}

static void print_description(const json_t *report) {
    const char *key;
    const json_t *value;
    size_t index;
    json_t *metadata = json_object_get(report, "metadata");
    json_object_foreach(metadata, key, value) {
        (void)printf("%-16s %s\n", key, json_string_value(value));
    }
    (void)printf("%-16s %" JSON_INTEGER_FORMAT "\n", "parameters",
                 json_integer_value(json_object_get(report, "parameters")));
    (void)printf("\n%-28s %-16s %12s %12s %12s\n", "tensor", "shape", "least", "most", "norm");
    json_array_foreach(json_object_get(report, "tensors"), index, value) {
        char shape[64] = "";
        size_t used = 0, axis;
        const json_t *size;
        json_array_foreach(json_object_get(value, "shape"), axis, size) {
            int more = snprintf(shape + used, sizeof shape - used, "%s%" JSON_INTEGER_FORMAT,
                                axis > 0 ? "x" : "", json_integer_value(size));
            used += more > 0 && (size_t)more < sizeof shape - used ? (size_t)more : 0;
        }
        (void)printf("%-28s %-16s %12.5g %12.5g %12.5g\n",
                     json_string_value(json_object_get(value, "name")), shape,
                     json_number_value(json_object_get(value, "least")),
                     json_number_value(json_object_get(value, "most")),
                     json_number_value(json_object_get(value, "norm")));
    }
    (void)printf("\nmeaning ");
    (void)json_dumpf(json_object_get(report, "meaning"), stdout, JSON_INDENT(2));
    (void)printf("\n");
}

static int show(const ctl_command *command, int count, char **words) {
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
        return ctl_misused(command, "expected one model file");
    }
    json_t *report = json_object();
    trib_status status = describe(words[optind], report);
    if (trib_ok(status) && json) {
        return ctl_finish("model show", ctl_print_json(report));
    }
    if (trib_ok(status)) {
        print_description(report);
    }
    json_decref(report);
    return ctl_finish("model show", status);
}

static int run(const ctl_command *command, int count, char **words) {
    static const ctl_command remote[] = {
        {.name = "list", .plain = ctl_model_list_command},
        {.name = "export", .plain = ctl_model_export_command},
        {.name = "release", .plain = ctl_model_release_command},
    };
    if (count >= 2 && strcmp(words[1], "show") == 0) {
        char name[] = "tributary model show"; /* what getopt_long begins its complaints with */
        words[1] = name;
        return show(command, count - 1, words + 1);
    }
    for (size_t i = 0; count >= 2 && i < sizeof remote / sizeof remote[0]; i++) {
        if (strcmp(words[1], remote[i].name) == 0) {
            char name[32]; /* what getopt_long begins its complaints with */
            (void)snprintf(name, sizeof name, "tributary model %s", remote[i].name);
            words[1] = name;
            return remote[i].plain(count - 1, words + 1);
        }
    }
    if (count >= 2 && strcmp(words[1], "--help") == 0) {
        return ctl_help(command);
    }
    return ctl_misused(command, "expected show, list, export or release");
}

const ctl_command ctl_model = {
    .name = "model",
    .summary = "show a model file; list, export and release those of a cloud",
    .help = "Usage: tributary model show [--json] FILE\n"
            "       tributary model list|export|release ...\n\n"
            "show checks a model file and prints its metadata, tensors and meaning; no cloud is\n"
            "asked. The others ask a running cloud; each has a --help of its own.\n\n"
            "  --json   as JSON\n\n"
            "Examples:\n"
            "  tributary model list plant\n"
            "  tributary model export plant --out plant.safetensors\n"
            "  tributary model release plant 5a37f0755f12\n"
            "  tributary model show plant.safetensors\n"
            "  tributary model show --json plant.safetensors | jq .meaning.model\n",
    .run = run,
};
