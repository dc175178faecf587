/* tributary: federations from the command line. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/ctl/command.h"
#include "common/tensor/blas_core.h"

static const ctl_command identity = {
    .name = "identity",
    .summary = "make and renew the identities of gateways and cloud",
    .plain = ctl_identity_command,
};
static const ctl_command apply = {
    .name = "apply",
    .summary = "give a running cloud a federation file",
    .plain = ctl_apply_command,
};
static const ctl_command status_command = {
    .name = "status",
    .summary = "federations, rounds and gateways of a running cloud",
    .plain = ctl_status_command,
};
static const ctl_command watch = {
    .name = "watch",
    .summary = "follow a federation's rounds as they close",
    .plain = ctl_watch_command,
};
static const ctl_command revoke = {
    .name = "revoke",
    .summary = "take a gateway out of a federation",
    .plain = ctl_revoke_command,
};

static const ctl_command *const commands[] = {
    &ctl_check,  &ctl_simulate, &ctl_score,      &ctl_model,   &ctl_generate,
    &identity,   &apply,        &status_command, &watch,       &revoke,
    &ctl_bridge, &ctl_object,   &ctl_backup,     &ctl_restore,
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

int ctl_misused(const ctl_command *command, const char *format, ...) {
    if (format != NULL) {
        va_list arguments;
        va_start(arguments, format);
        (void)fprintf(stderr, "tributary %s: ", command->name);
        (void)vfprintf(stderr, format, arguments);
        (void)fprintf(stderr, "\n");
        va_end(arguments);
    }
    (void)fprintf(stderr, "See: tributary %s --help\n", command->name);
    return CTL_USAGE;
}

int ctl_help(const ctl_command *command) {
    (void)fputs(command->help, stdout);
    return CTL_DONE;
}

bool ctl_read_number(const char *text, uint64_t least, uint64_t most, uint64_t *ret_value) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < least ||
        value > most) {
        return false;
    }
    *ret_value = value;
    return true;
}

trib_status ctl_load_federation(const char *path, trib_federation **ret_federation) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = TRIB_DOCUMENT_MAX_BYTES};
    TRIB_SCOPED(trib_free_scoped)
    trib_federation *federation = trib_allocate(1, sizeof *federation);
    if (federation == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a federation");
    }
    TRIB_TRY(trib_federation_load(path, federation, &text));
    *ret_federation = federation;
    federation = NULL;
    return TRIB_SUCCESS;
}

trib_status ctl_write_file(const char *path, trib_bytes bytes) {
    FILE *file = fopen(path, "wb");
    bool written = file != NULL && fwrite(bytes.data, 1, bytes.size, file) == bytes.size;
    written = (file != NULL && fclose(file) == 0) && written;
    return written ? TRIB_SUCCESS : TRIB_FAIL(TRIB_E_IO, "write %s: %s", path, strerror(errno));
}

static void print_usage(FILE *to) {
    (void)fputs("Usage: tributary COMMAND [OPTION...]\n\n"
                "Federated learning from edge to cloud.\n\nCommands:\n",
                to);
    for (size_t i = 0; i < COMMANDS; i++) {
        (void)fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    (void)fputs(
        "\nSee 'tributary COMMAND --help' for options and examples.\n"
        "Exit codes: 0 it worked, 1 it failed, 2 it was called wrongly, 130 Ctrl-C ended it.\n"
        "\nExamples:\n"
        "  tributary generate --out machines --held-out 4\n"
        "  tributary simulate rotating-machine.yaml --data machines --test machines-test\n"
        "  tributary --version\n",
        to);
}

int main(int argc, char **argv) {
    char said[128];
    trib_ignore(trib_blas_reexecute(argv, said, sizeof said)); /* slower without, that is all */
    if (argc < 2) {
        print_usage(stderr);
        return CTL_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return CTL_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)puts("tributary " TRIB_VERSION);
        return CTL_DONE;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i]->name) == 0) {
            char words[32]; /* what getopt_long begins its complaints with */
            (void)snprintf(words, sizeof words, "tributary %s", commands[i]->name);
            argv[1] = words;
            return commands[i]->plain != NULL ? commands[i]->plain(argc - 1, argv + 1)
                                              : commands[i]->run(commands[i], argc - 1, argv + 1);
        }
    }
    (void)fprintf(stderr, "tributary: there is no command '%s'\n\n", argv[1]);
    print_usage(stderr);
    return CTL_USAGE;
}
