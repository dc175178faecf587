/* tributary status: every federation, one with its gateways, or one gateway. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cloud/ctl/client.h"
#include "cloud/ctl/command.h"
#include "cloud/ctl/json_value.h"

/* "2026-11-22 10:15:00", local time, or "never". */
typedef struct time_text {
    char text[32];
} time_text;

static time_text time_of(const json_t *object, const char *key) {
    time_text shown = {"never"};
    time_t seconds = (time_t)(ctl_json_integer(object, key) / 1000);
    struct tm parts;
    if (seconds > 0 && localtime_r(&seconds, &parts) != NULL) {
        (void)strftime(shown.text, sizeof shown.text, "%Y-%m-%d %H:%M:%S", &parts);
    }
    return shown;
}

static void federation_row(const json_t *f) {
    const json_t *round = json_object_get(f, "round");
    const json_t *release = json_object_get(f, "release");
    char progress[32] = "-", released[32] = "-";
    if (json_is_object(round)) {
        (void)snprintf(progress, sizeof progress, "%lld/%lld", ctl_json_integer(round, "accepted"),
                       ctl_json_integer(round, "expected"));
    }
    if (json_is_object(release)) {
        (void)snprintf(released, sizeof released, "%lld (round %lld)",
                       ctl_json_integer(release, "number") & 0xffffffff,
                       ctl_json_integer(release, "round"));
    }
    char rounds[32];
    (void)snprintf(rounds, sizeof rounds, "%lld/%lld", ctl_json_integer(round, "ordinal"),
                   ctl_json_integer(f, "rounds_maximum"));
    (void)printf("%-24s  %8lld  %-10s  %7s  %8s  %8lld  %6lld  %s\n",
                 ctl_json_text(f, "federation", "?"), ctl_json_integer(f, "revision"),
                 ctl_json_text(f, "stage", "?"), rounds, progress, ctl_json_integer(f, "gateways"),
                 ctl_json_integer(f, "online"), released);
}

static void federation_heading(void) {
    (void)printf("%-24s  %8s  %-10s  %7s  %8s  %8s  %6s  %s\n", "federation", "revision", "stage",
                 "round", "accepted", "gateways", "online", "release");
}

static const char *gateway_state(const json_t *g) {
    if (ctl_json_flag(g, "revoked")) {
        return "revoked";
    }
    if (!ctl_json_flag(g, "online")) {
        return "offline";
    }
    return ctl_json_flag(g, "session") ? "online" : "joining";
}

static void gateway_table(const json_t *gateways) {
    (void)printf("\n%-24s  %-8s  %-6s  %8s  %6s  %7s  %8s  %11s  %s\n", "gateway", "state", "round",
                 "accepted", "late", "refused", "replayed", "predictions", "why");
    size_t index;
    const json_t *g;
    json_array_foreach(gateways, index, g) {
        (void)printf("%-24s  %-8s  %-6s  %8lld  %6lld  %7lld  %8lld  %11lld  %s\n",
                     ctl_json_text(g, "gateway", "?"), gateway_state(g),
                     ctl_json_flag(g, "in_round") ? "in" : "out", ctl_json_integer(g, "accepted"),
                     ctl_json_integer(g, "late"), ctl_json_integer(g, "refused"),
                     ctl_json_integer(g, "replayed"), ctl_json_integer(g, "predictions"),
                     ctl_json_text(g, "why", ""));
    }
}

static void show_bridge(const json_t *bridge) {
    const json_t *backlog = json_object_get(bridge, "backlog"), *waiting;
    const char *log, *trouble = ctl_json_text(bridge, "trouble", "");
    long long records = 0;
    json_object_foreach((json_t *)(uintptr_t)backlog, log, waiting) {
        records += json_integer_value(waiting);
    }
    (void)printf("bridge to Kafka: %s, %lld events sent, %lld records wait, %lld dropped%s%s\n\n",
                 ctl_json_flag(bridge, "connected") ? "connected" : "not connected",
                 ctl_json_integer(bridge, "sent"), records, ctl_json_integer(bridge, "dropped"),
                 trouble[0] != '\0' ? "; " : "", trouble);
}

/* A cloud that its broker does not hear looks idle otherwise. */
static void show_health(const json_t *health) {
    const char *broker = ctl_json_text(health, "broker", "connected");
    if (strcmp(broker, "connected") != 0) {
        (void)printf("the cloud has no connection to its broker (%s): its log says why\n", broker);
    }
    if (json_is_object(json_object_get(health, "bridge"))) {
        show_bridge(json_object_get(health, "bridge"));
    }
}

static trib_status show_all(ctl_client *client, bool json) {
    TRIB_SCOPED(ctl_json_release) json_t *answer = NULL;
    TRIB_SCOPED(ctl_json_release) json_t *health = NULL;
    TRIB_TRY(ctl_client_get(client, &answer, "federations", NULL));
    TRIB_TRY(ctl_client_get(client, &health, "health", NULL));
    if (json) {
        (void)json_object_set(answer, "health", health);
        ctl_json_print(json_incref(answer));
        return TRIB_SUCCESS;
    }
    show_health(health);
    const json_t *federations = json_object_get(answer, "federations");
    if (json_array_size(federations) == 0) {
        (void)printf("no federations yet: tributary apply FILE\n");
        return TRIB_SUCCESS;
    }
    federation_heading();
    size_t index;
    const json_t *federation;
    json_array_foreach(federations, index, federation) {
        federation_row(federation);
    }
    return TRIB_SUCCESS;
}

static trib_status show_federation(ctl_client *client, const char *name, bool json) {
    TRIB_SCOPED(ctl_json_release) json_t *federation = NULL;
    TRIB_SCOPED(ctl_json_release) json_t *answer = NULL;
    TRIB_TRY(ctl_client_get(client, &federation, "federations", name, NULL));
    TRIB_TRY(ctl_client_get(client, &answer, "federations", name, "gateways", NULL));
    const json_t *gateways = json_object_get(answer, "gateways");
    if (json) {
        ctl_json_print(json_pack("{s:O, s:O*}", "status", federation, "gateways", gateways));
        return TRIB_SUCCESS;
    }
    federation_heading();
    federation_row(federation);
    const json_t *round = json_object_get(federation, "round");
    if (strcmp(ctl_json_text(round, "phase", ""), "open") == 0) {
        (void)printf("the open round needs %lld of %lld, and closes in %.1f s at the latest\n",
                     ctl_json_integer(round, "quorum"), ctl_json_integer(round, "expected"),
                     (double)ctl_json_integer(round, "remaining_ms") / 1000.0);
    }
    gateway_table(gateways);
    return TRIB_SUCCESS;
}

static void print_gateway(const json_t *g, const char *name) {
    static const char *const counts[] = {"accepted", "duplicates", "late",       "refused",
                                         "replayed", "garbage",    "predictions"};
    (void)printf("%-13s %s, agent %s\n", ctl_json_text(g, "gateway", name), gateway_state(g),
                 ctl_json_text(g, "agent_version", "unknown"));
    (void)printf("%-13s %s\n", ctl_json_flag(g, "in_round") ? "in the round" : "not in it",
                 ctl_json_text(g, "why", "the cloud does not say why"));
    (void)printf("%-13s %s\n", "seen", time_of(g, "seen_ms").text);
    (void)printf("%-13s %s\n", "joined", time_of(g, "joined_ms").text);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        (void)printf("%-13s %lld\n", counts[i], ctl_json_integer(g, counts[i]));
    }
    (void)printf("%-13s %s\n", "last label", ctl_json_text(g, "last_label", "-"));
    const json_t *values = json_object_get(g, "last_values");
    for (size_t i = 0; i < json_array_size(values); i++) {
        (void)printf("%-13s %g\n", i == 0 ? "last values" : "",
                     json_number_value(json_array_get(values, i)));
    }
    (void)printf("%-13s %s\n", "last verdict", ctl_json_text(g, "last_verdict", "-"));
    (void)printf("%-13s %lld\n", "release", ctl_json_integer(g, "release") & 0xffffffff);
}

static trib_status show_gateway(ctl_client *client, const char *federation, const char *name,
                                bool json) {
    TRIB_SCOPED(ctl_json_release) json_t *g = NULL;
    TRIB_TRY(ctl_client_get(client, &g, "federations", federation, "gateways", name, NULL));
    if (json) {
        ctl_json_print(json_incref(g));
        return TRIB_SUCCESS;
    }
    print_gateway(g, name);
    return TRIB_SUCCESS;
}

/* A gateway by its name alone: in each federation that knows it. */
static trib_status find_gateway(ctl_client *client, const char *name, bool json) {
    TRIB_SCOPED(ctl_json_release) json_t *answer = NULL;
    TRIB_SCOPED(ctl_json_release) json_t *found = json_object();
    TRIB_TRY(ctl_client_get(client, &answer, "federations", NULL));
    const json_t *federations = json_object_get(answer, "federations");
    size_t index;
    const json_t *federation;
    json_array_foreach(federations, index, federation) {
        json_t *gateway = NULL;
        const char *in = ctl_json_text(federation, "federation", "");
        trib_status status =
            ctl_client_get(client, &gateway, "federations", in, "gateways", name, NULL);
        if (!trib_ok(status) && status.code != TRIB_E_NOT_FOUND) {
            return status;
        }
        if (trib_ok(status)) {
            (void)json_object_set_new(found, in, gateway);
        }
    }
    if (json_object_size(found) == 0) {
        return TRIB_FAIL(TRIB_E_NOT_FOUND,
                         "there is no federation '%s', and no gateway of that name "
                         "has joined one",
                         name);
    }
    if (json) {
        ctl_json_print(json_incref(found));
        return TRIB_SUCCESS;
    }
    const char *in;
    json_t *gateway;
    json_object_foreach(found, in, gateway) {
        (void)printf("%-13s %s\n", "federation", in);
        print_gateway(gateway, name);
    }
    return TRIB_SUCCESS;
}

static trib_status show_named(ctl_client *client, const char *name, bool json) {
    trib_status status = show_federation(client, name, json);
    return status.code == TRIB_E_NOT_FOUND ? find_gateway(client, name, json) : status;
}

static trib_status status_run(const ctl_connection *connection, int count, char **words) {
    TRIB_SCOPED(ctl_client_destroy_scoped) ctl_client *client = NULL;
    TRIB_TRY(ctl_client_create(connection, &client));
    if (count == 0) {
        return show_all(client, connection->json);
    }
    return count == 1 ? show_named(client, words[0], connection->json)
                      : show_gateway(client, words[0], words[1], connection->json);
}

static int run(const ctl_command *command, int argc, char **argv) {
    static const struct option known[] = {CTL_CONNECTION_OPTIONS, {NULL, 0, NULL, 0}};
    ctl_connection connection = {0};
    for (int c = 0; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == 'h') {
            return ctl_help(command);
        }
        if (!ctl_connection_option(c, &connection)) {
            return ctl_misused(command, NULL);
        }
    }
    if (argc - optind > 2) {
        return ctl_misused(command, "expected a federation and a gateway at most");
    }
    return ctl_finish(command->name, status_run(&connection, argc - optind, argv + optind));
}

static const ctl_command status_command = {
    .name = "status",
    .summary = "what a cloud's federations and gateways are doing",
    .help = "Usage: tributary status [OPTION...] [FEDERATION | GATEWAY | FEDERATION GATEWAY]\n\n"
            "All federations; or one with its gateways; or one gateway, in the federations that\n"
            "know it or in the one named, and why it is not in the round.\n\n" CTL_CONNECTION_HELP
            "\nExamples:\n"
            "  tributary status\n"
            "  tributary status press-07\n"
            "  tributary status plant press-07\n",
    .run = run,
};

int ctl_status_command(int count, char **words) {
    return run(&status_command, count, words);
}
