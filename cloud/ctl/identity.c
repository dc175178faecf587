/* tributary identity: keys, certificates and the list of the revoked. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cloud/ctl/authority_folder.h"
#include "cloud/ctl/command.h"
#include "cloud/ctl/json_value.h"
#include "common/base/file.h"
#include "common/port/posix/system.h"

enum { MAX_WORDS = 4 };

typedef struct identity_options {
    const char *words[MAX_WORDS]; /* the verb and what follows it, without options */
    int word_count;
    const char *name;
    const char *out;
    const char *ca;
    const char *dns[TRIB_MAX_ALTERNATIVES];
    size_t dns_count;
    const char *ip[TRIB_MAX_ALTERNATIVES];
    size_t ip_count;
    uint64_t days;
    bool renew;
    bool json;
    int64_t now_s;
} identity_options;

static trib_status add_alternative(const char **list, size_t *count, const char *text) {
    if (*count == TRIB_MAX_ALTERNATIVES) {
        return TRIB_FAIL(TRIB_E_LIMIT, "more than %d names or addresses", TRIB_MAX_ALTERNATIVES);
    }
    list[(*count)++] = text;
    return TRIB_SUCCESS;
}

static trib_status option_take(int option, identity_options *o) {
    switch (option) {
    case 'n':
        o->name = optarg;
        return TRIB_SUCCESS;
    case 'o':
        o->out = optarg;
        return TRIB_SUCCESS;
    case 'c':
        o->ca = optarg;
        return TRIB_SUCCESS;
    case 'd':
        return add_alternative(o->dns, &o->dns_count, optarg);
    case 'i':
        return add_alternative(o->ip, &o->ip_count, optarg);
    case 'y':
        return ctl_whole_number("--days", optarg, 1, 36500, &o->days);
    case 'r':
        o->renew = true;
        return TRIB_SUCCESS;
    case 'j':
        o->json = true;
        return TRIB_SUCCESS;
    default:
        return TRIB_FAIL(TRIB_E_ARGUMENT, "wrong options");
    }
}

/* False: *ret_ended is the exit code. */
static bool options_read(const ctl_command *command, int argc, char **argv,
                         identity_options *ret_options, int *ret_ended) {
    static const struct option known[] = {
        {"name", required_argument, NULL, 'n'}, {"out", required_argument, NULL, 'o'},
        {"ca", required_argument, NULL, 'c'},   {"dns", required_argument, NULL, 'd'},
        {"ip", required_argument, NULL, 'i'},   {"days", required_argument, NULL, 'y'},
        {"renew", no_argument, NULL, 'r'},      {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0}};
    for (int c = 0; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == 'h') {
            *ret_ended = ctl_help(command);
            return false;
        }
        if (!trib_ok(option_take(c, ret_options))) {
            *ret_ended = ctl_misused(command, "%s", trib_message());
            return false;
        }
    }
    while (optind < argc && ret_options->word_count < MAX_WORDS) {
        ret_options->words[ret_options->word_count++] = argv[optind++];
    }
    ret_options->now_s = (int64_t)(trib_wall_ms(trib_posix_clock()) / 1000);
    return true;
}

static void print_time(const char *what, int64_t time_s) {
    char text[40] = "?";
    struct tm parts;
    time_t time = (time_t)time_s;
    if (gmtime_r(&time, &parts) != NULL) {
        (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
    }
    (void)printf("%-12s %s\n", what, text);
}

/* `key`: "" if there is none to speak of. */
static trib_status print_issued(const identity_options *o, const char *what,
                                const ctl_issued *issued) {
    if (o->json) {
        ctl_json_print(json_pack("{s:s, s:s*}", what, issued->certificate, "key",
                                 issued->key[0] == 0 ? NULL : issued->key));
        return TRIB_SUCCESS;
    }
    (void)printf("%-12s %s\n", what, issued->certificate);
    if (issued->key[0] != 0) {
        (void)printf("%-12s %s\n", "key", issued->key);
    }
    return TRIB_SUCCESS;
}

static trib_status run_init(const identity_options *o, ctl_authority *unused) {
    (void)unused;
    ctl_issued made;
    TRIB_TRY(ctl_authority_init(o->words[1], o->name == NULL ? "Tributary authority" : o->name,
                                o->now_s));
    TRIB_TRY(ctl_path_join(o->words[1], "ca", ".pem", made.certificate, sizeof made.certificate));
    TRIB_TRY(ctl_path_join(o->words[1], "ca", ".key", made.key, sizeof made.key));
    return print_issued(o, "certificate", &made);
}

static trib_status run_server(const identity_options *o, ctl_authority *authority) {
    ctl_issued made;
    if (o->dns_count + o->ip_count == 0) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "say under which names clients reach it: --dns or --ip");
    }
    TRIB_TRY(ctl_authority_server(authority, o->name, o->dns, o->dns_count, o->ip, o->ip_count,
                                  (uint32_t)o->days, &made));
    return print_issued(o, "certificate", &made);
}

static trib_status run_gateway(const identity_options *o, ctl_authority *authority) {
    ctl_issued made;
    TRIB_TRY(ctl_authority_gateway(authority, o->words[2], (uint32_t)o->days, &made));
    return print_issued(o, "certificate", &made);
}

static trib_status run_request(const identity_options *o, ctl_authority *unused) {
    (void)unused;
    ctl_issued made;
    TRIB_TRY(ctl_request_make(o->out == NULL ? "." : o->out, o->words[1], &made));
    return print_issued(o, "request", &made);
}

static trib_status run_enrol(const identity_options *o, ctl_authority *authority) {
    ctl_issued made;
    TRIB_TRY(
        ctl_authority_enrol(authority, o->words[2], o->name, (uint32_t)o->days, o->renew, &made));
    return print_issued(o, "certificate", &made);
}

static trib_status run_revoke(const identity_options *o, ctl_authority *authority) {
    size_t count = 0;
    uint32_t days = o->days == 0 ? CTL_LIST_DAYS : (uint32_t)o->days;
    TRIB_TRY(ctl_authority_revoke(authority, o->words[2], days, &count));
    if (o->json) {
        ctl_json_print(
            json_pack("{s:s, s:I}", "revoked", o->words[2], "certificates", (json_int_t)count));
        return TRIB_SUCCESS;
    }
    (void)printf("revoked      %s (%zu certificate%s)\n", o->words[2], count,
                 count == 1 ? "" : "s");
    (void)printf("list         %s/crl.pem: give it to the broker and reload it (SIGHUP),\n"
                 "             and tell the cloud: tributary revoke %s\n",
                 authority->folder, o->words[2]);
    return TRIB_SUCCESS;
}

static trib_status run_show(const identity_options *o, ctl_authority *unused) {
    (void)unused;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer pem = {.ceiling = TRIB_MAX_CHAIN_BYTES};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer ca = {.ceiling = TRIB_MAX_CHAIN_BYTES};
    trib_identity identity;
    TRIB_TRY(trib_file_read(o->words[1], &pem));
    TRIB_TRY(
        trib_context(trib_identity_read(trib_buffer_view(&pem), &identity), "%s", o->words[1]));
    if (o->ca != NULL) {
        TRIB_TRY(trib_file_read(o->ca, &ca));
        TRIB_TRY(trib_context(trib_identity_verify(trib_buffer_view(&pem), trib_buffer_view(&ca),
                                                   o->now_s, &identity),
                              "%s", o->words[1]));
        bool revoked = false;
        TRIB_TRY(ctl_revoked_beside(o->ca, identity.serial, &revoked));
        if (revoked) {
            return TRIB_FAIL(TRIB_E_DENIED, "%s: the authority has revoked it (serial %s)",
                             o->words[1], identity.serial);
        }
    }
    char fingerprint[2 * TRIB_HASH_BYTES + 1];
    trib_hex(trib_bytes_of(identity.fingerprint, TRIB_HASH_BYTES), fingerprint);
    if (o->json) {
        ctl_json_print(json_pack("{s:s, s:s, s:s, s:I, s:I, s:b}", "name", identity.name, "serial",
                                 identity.serial, "fingerprint", fingerprint, "not_before_s",
                                 (json_int_t)identity.not_before_s, "not_after_s",
                                 (json_int_t)identity.not_after_s, "verified", o->ca != NULL));
        return TRIB_SUCCESS;
    }
    (void)printf("%-12s %s\n%-12s %s\n%-12s %s\n", "name", identity.name, "serial", identity.serial,
                 "fingerprint", fingerprint);
    print_time("from", identity.not_before_s);
    print_time("until", identity.not_after_s);
    if (o->ca != NULL) {
        (void)printf("%-12s by %s\n", "vouched for", o->ca);
    }
    return TRIB_SUCCESS;
}

typedef struct identity_verb {
    const char *name;
    int word_count;
    bool needs_name;
    bool needs_authority; /* whose folder is the first word */
    trib_status (*run)(const identity_options *options, ctl_authority *authority);
} identity_verb;

static const identity_verb verbs[] = {
    {"init", 1, false, false, run_init},      {"server", 1, true, true, run_server},
    {"gateway", 2, false, true, run_gateway}, {"request", 1, false, false, run_request},
    {"enrol", 2, true, true, run_enrol},      {"revoke", 2, false, true, run_revoke},
    {"show", 1, false, false, run_show},
};

static trib_status verb_run(const identity_verb *verb, const identity_options *options) {
    TRIB_SCOPED(ctl_authority_close) ctl_authority authority = {0};
    if (verb->needs_authority) {
        TRIB_TRY(ctl_authority_open(options->words[1], options->now_s, &authority));
    }
    return verb->run(options, &authority);
}

static const identity_verb *verb_find(const identity_options *options) {
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (options->word_count > 0 && strcmp(options->words[0], verbs[i].name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static int run(const ctl_command *command, int argc, char **argv) {
    identity_options options = {0};
    int ended = CTL_DONE;
    if (!options_read(command, argc, argv, &options, &ended)) {
        return ended;
    }
    const identity_verb *verb = verb_find(&options);
    if (verb == NULL) {
        return ctl_misused(command, "say init, server, gateway, request, enrol, revoke or show");
    }
    if (options.word_count != verb->word_count + 1) {
        return ctl_misused(command, "%s takes %d word%s", verb->name, verb->word_count,
                           verb->word_count == 1 ? "" : "s");
    }
    if (verb->needs_name && options.name == NULL) {
        return ctl_misused(command, "%s needs --name", verb->name);
    }
    return ctl_finish(command->name, verb_run(verb, &options));
}

static const ctl_command identity_command = {
    .name = "identity",
    .summary = "keys and certificates of gateways, broker and cloud",
    .help =
        "Usage: tributary identity init DIR [--name TEXT]\n"
        "       tributary identity server DIR --name NAME [--dns NAME].. [--ip ADDRESS]..\n"
        "       tributary identity gateway DIR NAME\n"
        "       tributary identity request NAME [--out DIR]\n"
        "       tributary identity enrol DIR CSR --name NAME [--renew]\n"
        "       tributary identity revoke DIR NAME|CERTIFICATE\n"
        "       tributary identity show CERTIFICATE [--ca FILE]\n\n"
        "DIR is an authority's folder. Keys are never overwritten.\n\n"
        "  init      make an authority: ca.pem, ca.key and an empty crl.pem\n"
        "  server    a key and certificate for the broker: NAME.pem, NAME.key\n"
        "  gateway   a key and certificate in one go, for development and for the cloud itself\n"
        "  request   on a gateway: a key that stays there, and a request to take away\n"
        "  enrol     a certificate for a request; the name must be the request's own\n"
        "  revoke    refuse a certificate, or all of a name's, from now on: writes crl.pem\n"
        "  show      what a certificate says; with --ca, whether it is believed (and not revoked,\n"
        "            where the CA's file lies in its authority's folder)\n\n"
        "  --days N  how long a certificate (365), or the list of the revoked (3650), holds\n"
        "  --json    the answer as JSON\n\n"
        "Examples:\n"
        "  tributary identity init authority\n"
        "  tributary identity server authority --name broker --dns localhost\n"
        "  tributary identity gateway authority cloud\n"
        "  tributary identity request press-07 --out /etc/tributary\n"
        "  tributary identity enrol authority press-07.csr --name press-07 --days 90\n",
    .run = run,
};

int ctl_identity_command(int count, char **words) {
    return run(&identity_command, count, words);
}
