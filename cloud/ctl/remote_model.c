/* tributary model list, export, release. */
#include "cloud/ctl/remote_model.h"

#include <stdio.h>
#include <string.h>

#include "cloud/ctl/command.h"
#include "cloud/ctl/json_value.h"
#include "common/crypto/crypto.h"
#include "common/port/posix/system.h"

enum { DIGEST_DIGITS = 2 * TRIB_HASH_BYTES, LEAST_DIGITS = 8 };

trib_status ctl_remote_model_fetch(ctl_client *client, const char *digest, trib_buffer *ret_file) {
    uint8_t wanted[TRIB_HASH_BYTES], got[TRIB_HASH_BYTES];
    size_t before = ret_file->size;
    TRIB_TRY(trib_unhex(digest, wanted, sizeof wanted));
    TRIB_TRY(ctl_client_fetch(client, ret_file, "models", digest, NULL));
    trib_bytes file = trib_bytes_of(ret_file->data + before, ret_file->size - before);
    trib_status status = trib_crypto_host()->sha256(file, got);
    if (trib_ok(status) && memcmp(wanted, got, sizeof got) != 0) {
        status =
            TRIB_FAIL(TRIB_E_CORRUPT, "model %.12s came damaged: its digest is another", digest);
    }
    if (!trib_ok(status)) {
        ret_file->size = before;
    }
    return status;
}

const char *ctl_remote_model_served(const json_t *row, const char *other) {
    const char *served = ctl_json_text(row, "served", "");
    return *served == 0 ? ctl_json_text(row, other, "") : served;
}

/* At the end of this file. */
static const ctl_command model_list_command, model_export_command, model_release_command;

typedef struct model_options {
    ctl_connection connection;
    const char *out;
    long long round; /* -1: the newest */
    bool base;
    const char *federation;
    const char *digest;
} model_options;

/* False: *ret_ended is the exit code. */
static bool options_read(const ctl_command *command, int argc, char **argv,
                         model_options *ret_options, int *ret_ended) {
    static const struct option known[] = {CTL_CONNECTION_OPTIONS,
                                          {"out", required_argument, NULL, 'o'},
                                          {"round", required_argument, NULL, 'r'},
                                          {"base", no_argument, NULL, 'b'},
                                          {NULL, 0, NULL, 0}};
    bool exports = command == &model_export_command;
    *ret_options = (model_options){.round = -1};
    for (int c = 0; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        uint64_t round = 0;
        if (c == 'h') {
            *ret_ended = ctl_help(command);
            return false;
        }
        if (c == 'r' && exports && ctl_read_number(optarg, 0, UINT32_MAX, &round)) {
            ret_options->round = (long long)round;
        } else if (c == 'o' && exports) {
            ret_options->out = optarg;
        } else if (c == 'b' && exports) {
            ret_options->base = true;
        } else if (!ctl_connection_option(c, &ret_options->connection)) {
            *ret_ended = ctl_misused(command, NULL);
            return false;
        }
    }
    int wanted = command == &model_release_command ? 2 : 1;
    if (argc - optind != wanted || (exports && ret_options->out == NULL)) {
        *ret_ended = ctl_misused(command, "expected a federation%s",
                                 exports       ? " and --out FILE"
                                 : wanted == 2 ? " and a model's digest"
                                               : "");
        return false;
    }
    ret_options->federation = argv[optind];
    ret_options->digest = wanted == 2 ? argv[optind + 1] : NULL;
    return true;
}

static trib_status models_get(ctl_client *client, const char *federation, json_t **ret_answer) {
    TRIB_SCOPED(ctl_json_release) json_t *answer = NULL;
    TRIB_TRY(ctl_client_get(client, &answer, "federations", federation, "models", NULL));
    if (!json_is_array(json_object_get(answer, "models"))) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "the cloud's answer has no list of models");
    }
    *ret_answer = json_incref(answer);
    return TRIB_SUCCESS;
}

static trib_status list_run(const model_options *o) {
    TRIB_SCOPED(ctl_client_destroy_scoped) ctl_client *client = NULL;
    TRIB_SCOPED(ctl_json_release) json_t *answer = NULL;
    TRIB_TRY(ctl_client_create(&o->connection, &client));
    TRIB_TRY(models_get(client, o->federation, &answer));
    if (o->connection.json) {
        ctl_json_print(json_incref(answer));
        return TRIB_SUCCESS;
    }
    (void)printf("%6s  %-12s  %-12s  %9s  %7s  %s\n", "round", "model", "served", "loss", "updates",
                 "released");
    size_t index;
    json_t *row;
    json_array_foreach(json_object_get(answer, "models"), index, row) {
        (void)printf("%6lld  %-12.12s  %-12.12s  %9.5f  %7lld  %s\n",
                     ctl_json_integer(row, "round"), ctl_json_text(row, "digest", ""),
                     ctl_remote_model_served(row, "digest"), ctl_json_number(row, "loss"),
                     ctl_json_integer(row, "updates"), ctl_json_flag(row, "released") ? "yes" : "");
    }
    return TRIB_SUCCESS;
}

/* The row of a round, or the newest. */
static trib_status row_of_round(const json_t *models, const model_options *o,
                                const json_t **ret_row) {
    size_t index;
    const json_t *row;
    json_array_foreach(models, index, row) {
        if (o->round < 0 || ctl_json_integer(row, "round") == o->round) {
            *ret_row = row;
            return TRIB_SUCCESS;
        }
    }
    if (o->round < 0) {
        return TRIB_FAIL(TRIB_E_NOT_FOUND, "%s has no model yet: no round has closed",
                         o->federation);
    }
    return TRIB_FAIL(TRIB_E_NOT_FOUND, "%s has no model of round %lld (see: tributary model list)",
                     o->federation, o->round);
}

static trib_status file_save(const char *path, trib_bytes bytes) {
    char folder[4096] = ".";
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    size_t size = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    if (*name == 0 || size >= sizeof folder) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "--out %s: expected a file", path);
    }
    if (size > 0) {
        memcpy(folder, path, size);
        folder[size] = 0;
    }
    FILE *there = fopen(path, "rb");
    if (there != NULL) {
        (void)fclose(there);
        return TRIB_FAIL(TRIB_E_STATE, "%s is there already: name another file", path);
    }
    return trib_disk_replace(trib_posix_disk(), folder, name, bytes);
}

static trib_status export_run(const model_options *o) {
    TRIB_SCOPED(ctl_client_destroy_scoped) ctl_client *client = NULL;
    TRIB_SCOPED(ctl_json_release) json_t *answer = NULL;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = CTL_MODEL_CEILING};
    const json_t *row = NULL;
    TRIB_TRY(ctl_client_create(&o->connection, &client));
    TRIB_TRY(models_get(client, o->federation, &answer));
    TRIB_TRY(row_of_round(json_object_get(answer, "models"), o, &row));
    const char *digest =
        o->base ? ctl_json_text(row, "digest", "") : ctl_remote_model_served(row, "digest");
    TRIB_TRY(ctl_remote_model_fetch(client, digest, &file));
    TRIB_TRY(file_save(o->out, trib_buffer_view(&file)));
    if (o->connection.json) {
        ctl_json_print(json_pack("{s:s, s:s, s:I, s:I}", "file", o->out, "digest", digest, "round",
                                 (json_int_t)ctl_json_integer(row, "round"), "bytes",
                                 (json_int_t)file.size));
        return TRIB_SUCCESS;
    }
    (void)printf("%s: round %lld, %zu bytes, SHA-256 %s\n", o->out, ctl_json_integer(row, "round"),
                 file.size, digest);
    return TRIB_SUCCESS;
}

/* The whole digest of the one model whose digest, or whose served model's, starts like this. */
static trib_status digest_find(const json_t *models, const char *start, char *ret_digest) {
    size_t index, found = 0;
    const json_t *row;
    ret_digest[0] = 0;
    json_array_foreach(models, index, row) {
        const char *digests[] = {ctl_json_text(row, "digest", ""),
                                 ctl_json_text(row, "served", "")};
        for (size_t i = 0; i < 2; i++) {
            if (strlen(digests[i]) == DIGEST_DIGITS &&
                strncmp(digests[i], start, strlen(start)) == 0 &&
                strcmp(digests[i], ret_digest) != 0) {
                memcpy(ret_digest, digests[i], DIGEST_DIGITS + 1);
                found++;
            }
        }
    }
    if (found == 0) {
        return TRIB_FAIL(TRIB_E_NOT_FOUND, "no model starts with %s (see: tributary model list)",
                         start);
    }
    return found == 1 ? TRIB_SUCCESS
                      : TRIB_FAIL(TRIB_E_ARGUMENT, "%zu models start with %s: give more digits",
                                  found, start);
}

static trib_status release_run(const model_options *o) {
    TRIB_SCOPED(ctl_client_destroy_scoped) ctl_client *client = NULL;
    TRIB_SCOPED(ctl_json_release) json_t *models = NULL;
    TRIB_SCOPED(ctl_json_release) json_t *answer = NULL;
    char digest[DIGEST_DIGITS + 1], body[DIGEST_DIGITS + 32];
    if (strlen(o->digest) < LEAST_DIGITS) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "'%s' is too short: give %d digits or more", o->digest,
                         LEAST_DIGITS);
    }
    TRIB_TRY(ctl_client_create(&o->connection, &client));
    TRIB_TRY(models_get(client, o->federation, &models));
    TRIB_TRY(digest_find(json_object_get(models, "models"), o->digest, digest));
    (void)snprintf(body, sizeof body, "{\"digest\":\"%s\"}", digest);
    TRIB_TRY(ctl_client_post(client, "application/json", trib_bytes_text(body), &answer,
                             "federations", o->federation, "release", NULL));
    if (o->connection.json) {
        ctl_json_print(json_incref(answer));
        return TRIB_SUCCESS;
    }
    (void)printf("release %lld of %s is %.12s: gateways take it up as they hear of it\n",
                 ctl_json_integer(answer, "release") & 0xffffffff, o->federation, digest);
    return TRIB_SUCCESS;
}

static int run(const ctl_command *command, int argc, char **argv) {
    model_options options;
    int ended = CTL_DONE;
    if (!options_read(command, argc, argv, &options, &ended)) {
        return ended;
    }
    if (command == &model_list_command) {
        return ctl_finish(command->name, list_run(&options));
    }
    return ctl_finish(command->name, command == &model_export_command ? export_run(&options)
                                                                      : release_run(&options));
}

static const ctl_command model_list_command = {
    .name = "model list",
    .summary = "models of a federation, the newest first",
    .help =
        "Usage: tributary model list [OPTION...] FEDERATION\n\n" CTL_CONNECTION_HELP "\nExamples:\n"
        "  tributary model list plant\n"
        "  tributary model list --json plant | jq -r '.models[0].digest'\n",
    .run = run,
};

static const ctl_command model_export_command = {
    .name = "model export",
    .summary = "fetch a model of a federation into a file",
    .help = "Usage: tributary model export [OPTION...] --out FILE FEDERATION\n\n"
            "FILE is never overwritten.\n\n"
            "  --out FILE         where to\n"
            "  --round N          of this round; without it the newest\n"
            "  --base             what the next round trains on, where that is another model than\n"
            "                     gateways predict with\n" CTL_CONNECTION_HELP "\nExamples:\n"
            "  tributary model export --out plant.safetensors plant\n",
    .run = run,
};

static const ctl_command model_release_command = {
    .name = "model release",
    .summary = "give gateways a model to run",
    .help = "Usage: tributary model release [OPTION...] FEDERATION DIGEST\n\n"
            "DIGEST: the first 8 digits or more, as `tributary model list` shows "
            "them.\n\n" CTL_CONNECTION_HELP "\nExamples:\n"
            "  tributary model release plant 5a37f0755f12\n",
    .run = run,
};

int ctl_model_list_command(int count, char **words) {
    return run(&model_list_command, count, words);
}

int ctl_model_export_command(int count, char **words) {
    return run(&model_export_command, count, words);
}

int ctl_model_release_command(int count, char **words) {
    return run(&model_release_command, count, words);
}
