/* tributary apply and revoke: what changes a running cloud. */
#include <stdio.h>
#include <string.h>

#include "cloud/ctl/client.h"
#include "cloud/ctl/command.h"
#include "cloud/ctl/json_value.h"
#include "common/federation/federation.h"

static const ctl_command apply_command, revoke_command; /* at the end of this file */

typedef struct remote_options {
    ctl_connection connection;
    bool discard;
    const char *word;
} remote_options;

/* False: *ret_ended is the exit code. */
static bool options_read(const ctl_command *command, int argc, char **argv,
                         remote_options *ret_options, int *ret_ended) {
    static const struct option known[] = {
        CTL_CONNECTION_OPTIONS, {"discard", no_argument, NULL, 'd'}, {NULL, 0, NULL, 0}};
    *ret_options = (remote_options){0};
    for (int c = 0; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == 'h') {
            *ret_ended = ctl_help(command);
            return false;
        }
        if (c == 'd' && command == &revoke_command) {
            ret_options->discard = true;
        } else if (!ctl_connection_option(c, &ret_options->connection)) {
            *ret_ended = ctl_misused(command, NULL);
            return false;
        }
    }
    if (argc - optind != 1) {
        *ret_ended = ctl_misused(command, "expected one %s",
                                 command == &apply_command ? "federation file" : "gateway");
        return false;
    }
    ret_options->word = argv[optind];
    return true;
}

/* Checked here first, so that a mistake is shown with file, line and column, whether or not a
 * cloud is there. */
static trib_status apply_run(const remote_options *o) {
    TRIB_SCOPED(trib_free_scoped)
    trib_federation *federation = trib_allocate(1, sizeof *federation);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = TRIB_DOCUMENT_MAX_BYTES};
    TRIB_SCOPED(ctl_client_destroy_scoped) ctl_client *client = NULL;
    TRIB_SCOPED(ctl_json_release) json_t *answer = NULL;
    if (federation == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %s", o->word);
    }
    TRIB_TRY(trib_federation_load(o->word, federation, &text));
    TRIB_TRY(ctl_client_create(&o->connection, &client));
    TRIB_TRY(ctl_client_post(client, "application/yaml", trib_buffer_view(&text), &answer,
                             "federations", NULL));
    if (o->connection.json) {
        ctl_json_print(json_incref(answer));
        return TRIB_SUCCESS;
    }
    bool same = strcmp(ctl_json_text(answer, "lineage", ""), "same") == 0;
    bool now = strcmp(ctl_json_text(answer, "from", ""), "now") == 0;
    (void)printf("%s: revision %lld, %s\n", federation->name, ctl_json_integer(answer, "revision"),
                 !same ? "a new lineage: it starts from statistics"
                 : now ? "the same lineage, in force now"
                       : "the same lineage: in force when the open round has ended");
    return TRIB_SUCCESS;
}

static trib_status revoke_run(const remote_options *o) {
    TRIB_SCOPED(ctl_client_destroy_scoped) ctl_client *client = NULL;
    TRIB_SCOPED(ctl_json_release) json_t *answer = NULL;
    TRIB_TRY(ctl_client_create(&o->connection, &client));
    const char *body = o->discard ? "{\"discard\":true}" : "{\"discard\":false}";
    TRIB_TRY(ctl_client_post(client, "application/json", trib_bytes_text(body), &answer, "gateways",
                             o->word, "revoke", NULL));
    if (o->connection.json) {
        ctl_json_print(json_incref(answer));
        return TRIB_SUCCESS;
    }
    (void)printf("%s is revoked: nothing it sends counts from now on%s\n", o->word,
                 o->discard ? ", nor what it sent in the open round" : "");
    (void)printf("so that the broker refuses it too: tributary identity revoke DIR %s\n", o->word);
    return TRIB_SUCCESS;
}

static int run(const ctl_command *command, int argc, char **argv) {
    remote_options options;
    int ended = CTL_DONE;
    if (!options_read(command, argc, argv, &options, &ended)) {
        return ended;
    }
    return ctl_finish(command->name,
                      command == &apply_command ? apply_run(&options) : revoke_run(&options));
}

static const ctl_command apply_command = {
    .name = "apply",
    .summary = "give a federation file to a running cloud",
    .help = "Usage: tributary apply [OPTION...] FILE\n\n"
            "Checks the file as `tributary check` does, then sends it.\n\n" CTL_CONNECTION_HELP
            "\nExamples:\n"
            "  tributary apply plant.yaml\n",
    .run = run,
};

static const ctl_command revoke_command = {
    .name = "revoke",
    .summary = "stop believing a gateway",
    .help =
        "Usage: tributary revoke [OPTION...] GATEWAY\n\n"
        "Nothing that the gateway sends counts from now on. So that the broker refuses it too,\n"
        "revoke its certificate: tributary identity revoke.\n\n"
        "  --discard          take out what it gave to the open round\n" CTL_CONNECTION_HELP
        "\nExamples:\n"
        "  tributary revoke --discard press-07\n",
    .run = run,
};

int ctl_apply_command(int count, char **words) {
    return run(&apply_command, count, words);
}

int ctl_revoke_command(int count, char **words) {
    return run(&revoke_command, count, words);
}
