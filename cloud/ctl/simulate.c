/* tributary simulate: a federation file over a folder of recordings, in this process. */
#include <string.h>

#include "cloud/ctl/command.h"
#include "cloud/ctl/scene.h"

static trib_status run_once(ctl_scene *scene) {
    const ctl_simulate_request *request = scene->request;
    TRIB_SCOPED(trib_simulation_result_deinit) trib_simulation_result result = {0};
    TRIB_TRY(ctl_scene_divide(scene, NULL));
    TRIB_TRY(ctl_scene_simulate(scene, !request->json, &result));
    if (request->model != NULL) {
        TRIB_SCOPED(trib_buffer_deinit)
        trib_buffer file = {.ceiling = trib_model_file_ceiling(scene->federation)};
        TRIB_TRY(trib_model_write(result.model, &file));
        TRIB_TRY(ctl_write_file(request->model, trib_buffer_view(&file)));
    }
    if (request->json) {
        json_t *report = ctl_result_json(scene->federation, &result, request->baselines);
        json_object_set_new(report, "notes", ctl_notes_json(scene->federation, &scene->data));
        return ctl_print_json(report);
    }
    ctl_print_result(scene->federation, &result, request->baselines);
    return TRIB_SUCCESS;
}

static bool read_baselines(const char *text, ctl_baselines *ret_baselines) {
    ctl_baselines baselines = {false, false};
    if (*text == '\0') {
        return false;
    }
    while (*text != '\0') {
        size_t size = strcspn(text, ",");
        bool pooled = size == 6 && strncmp(text, "pooled", 6) == 0;
        bool local = size == 5 && strncmp(text, "local", 5) == 0;
        if (!pooled && !local) {
            return false;
        }
        baselines.pooled |= pooled;
        baselines.local |= local;
        text += size + (text[size] == ',');
    }
    *ret_baselines = baselines;
    return true;
}

static bool take_holdout(ctl_simulate_request *request, const char *text) {
    if (strcmp(text, "each") == 0) {
        request->each = true;
        return true;
    }
    if (request->holdout_count == CTL_MOST_HOLDOUTS) {
        return false;
    }
    request->holdouts[request->holdout_count++] = text;
    return true;
}

/* What was expected of the option, if its value is wrong; NULL if it is taken. */
static const char *take_option(ctl_simulate_request *request, int option, const char *text) {
    switch (option) {
    case 'd':
        request->data = text;
        return NULL;
    case 'o':
        return take_holdout(request, text) ? NULL : "at most 64 of them: use a glob";
    case 't':
        request->test = text;
        return NULL;
    case 'b':
        return read_baselines(text, &request->baselines) ? NULL : "pooled, local or pooled,local";
    case 's':
        request->has_seed = true;
        return ctl_read_number(text, 0, INT64_MAX, &request->seed)
                   ? NULL
                   : "a whole number from 0 to 9223372036854775807";
    case 'r':
        return ctl_read_number(text, 1, 1 << 20, &request->rounds)
                   ? NULL
                   : "a whole number from 1 to 1048576";
    case 'g':
        return ctl_read_number(text, 1, 1 << 24, &request->generate)
                   ? NULL
                   : "a whole number from 1 to 16777216";
    case 'n':
        return ctl_read_number(text, 1, 4096, &request->samples) ? NULL
                                                                 : "a whole number from 1 to 4096";
    case 'p':
        return ctl_read_number(text, 1, 64, &request->threads) ? NULL
                                                               : "a whole number from 1 to 64";
    case 'j':
        request->json = true;
        return NULL;
    case 'm':
        request->model = text;
        return NULL;
    default:
        return "another option";
    }
}

/* What does not go together in a request; NULL if all of it does. */
static const char *what_clashes(const ctl_simulate_request *request) {
    bool holds_out = request->each || request->holdout_count > 0;
    if ((request->data == NULL) == (request->generate == 0)) {
        return "expected one federation file and --data DIR or --generate N";
    }
    if (request->generate == 0 && (request->samples > 0 || request->threads > 0)) {
        return "--samples and --threads go with --generate";
    }
    if (request->generate > 0 &&
        (holds_out || request->baselines.pooled || request->baselines.local)) {
        return "--generate goes with neither --holdout nor --baseline: its clients are forgotten";
    }
    if (request->each &&
        (request->model != NULL || request->test != NULL || request->holdout_count > 0)) {
        return "--holdout each goes with none of --model, --test, other --holdout";
    }
    return NULL;
}

static int run(const ctl_command *command, int count, char **words) {
    static const struct option options[] = {{"data", required_argument, NULL, 'd'},
                                            {"holdout", required_argument, NULL, 'o'},
                                            {"test", required_argument, NULL, 't'},
                                            {"baseline", required_argument, NULL, 'b'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"rounds", required_argument, NULL, 'r'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"model", required_argument, NULL, 'm'},
                                            {"generate", required_argument, NULL, 'g'},
                                            {"samples", required_argument, NULL, 'n'},
                                            {"threads", required_argument, NULL, 'p'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    ctl_simulate_request request = {0};
    for (int option, index = 0; (option = getopt_long(count, words, "", options, &index)) != -1;) {
        if (option == 'h') {
            return ctl_help(command);
        }
        if (option == '?') {
            return ctl_misused(command, NULL);
        }
        const char *expected = take_option(&request, option, optarg);
        if (expected != NULL) {
            return ctl_misused(command, "--%s %s: expected %s", options[index].name, optarg,
                               expected);
        }
    }
    const char *wrong = count - optind != 1
                            ? "expected one federation file and --data DIR or --generate N"
                            : what_clashes(&request);
    if (wrong != NULL) {
        return ctl_misused(command, "%s", wrong);
    }
    request.file = words[optind];
    TRIB_SCOPED(ctl_scene_deinit) ctl_scene scene = {.request = &request};
    trib_status status = ctl_scene_load(&request, &scene);
    if (trib_ok(status)) {
        status = request.each ? ctl_run_each(&scene) : run_once(&scene);
    }
    return ctl_finish("simulate", status);
}

const ctl_command ctl_simulate = {
    .name = "simulate",
    .summary = "run a federation over a folder of recordings, in this process",
    .help =
        "Usage: tributary simulate FILE --data DIR [OPTION...]\n"
        "       tributary simulate FILE --generate N [OPTION...]\n\n"
        "Runs a federation file over recordings with the code of the deployed programs, and says\n"
        "how the federated model does. Each file of DIR, or each folder in it, is a client; which\n"
        "files count, and their columns, the federation file says. `tributary check FILE --data "
        "DIR`\n"
        "lists the clients and what their recordings give.\n\n"
        "  --data DIR         recordings of the clients\n"
        "  --generate N       N made-up machines instead (see `tributary generate`), each "
        "forgotten\n"
        "                     once it has contributed: memory does not grow with N\n"
        "  --samples N        examples of each made-up machine (8)\n"
        "  --threads N        for made-up machines (as many as processors): the model is the same\n"
        "  --holdout NAME     do not train this client, test on it; a glob; may be repeated\n"
        "  --holdout each     hold out every client in turn; with none of the others\n"
        "  --test DIR         test on the recordings of this folder, which train nothing\n"
        "  --baseline LIST    pooled (all data in one place), local (each client alone), or both\n"
        "  --seed N           instead of the file's\n"
        "  --rounds N         instead of the file's\n"
        "  --model OUT        write the final model there\n"
        "  --json             the result as JSON\n\n"
        "Without --holdout and --test, the test part that source.split makes is tested. A "
        "client's\n"
        "own model is tested on its own test part then, else on all tests, as the others are.\n"
        "Malformed lines are left out, as a gateway leaves them out, and said.\n\n"
        "Examples:\n"
        "  tributary simulate plant.yaml --data recordings --baseline pooled,local\n"
        "  tributary simulate plant.yaml --data recordings --holdout 'line-3*' --model "
        "plant.safetensors\n"
        "  tributary simulate people.yaml --data people --holdout each --json\n"
        "  tributary simulate rotating-machine.yaml --generate 100000 --rounds 5\n",
    .run = run,
};
