/* tributary-cloud: reads its config, recovers, serves until told to stop. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cloud/api/server.h"
#include "cloud/app/core.h"

static cloud_core *running;
static volatile sig_atomic_t stop_asked; /* before there was anything to stop */

static void stop(int signal_number) {
    (void)signal_number;
    stop_asked = 1;
    if (running != NULL) {
        running->stop = true; /* the loop looks at it at least once a second */
    }
}

static void usage(FILE *to) {
    (void)fputs("usage: tributary-cloud --config FILE [--init | --check | --rebuild]\n"
                "\n"
                "Federates the updates of gateways into models.\n"
                "\n"
                "  --config FILE  the config file (docs/cloud-config.md)\n"
                "  --init         make the state folder and keys, then exit\n"
                "  --check        read the config, then exit\n"
                "  --rebuild      make the registry again from the ledger, then serve\n"
                "  --version\n"
                "  --help\n"
                "\n"
                "examples:\n"
                "  tributary-cloud --config /etc/tributary/cloud.yaml --init\n"
                "  tributary-cloud --config /etc/tributary/cloud.yaml\n",
                to);
}

static int fail(const char *what, int code) {
    (void)fprintf(stderr, "tributary-cloud: %s: %s\n", what, trib_message());
    return code;
}

static int serve(const cloud_config *config, bool rebuild, bool init) {
    cloud_core *core = NULL;
    cloud_server *server = NULL;
    if (!trib_ok(cloud_core_create(config, rebuild, &core))) {
        return fail("cannot start", 1);
    }
    if (init) {
        (void)printf("%s/signing.pub.pem\n", config->state);
        cloud_core_destroy(core);
        return 0;
    }
    running = core;
    core->stop = stop_asked != 0;
    if (!trib_ok(cloud_server_start(core, &server))) {
        cloud_core_destroy(core);
        return fail("cannot start", 1);
    }
    trib_log(TRIB_LOG_INFO, "serving", "api=%s:%u broker=%s key=%s", config->api_host,
             config->api_port, config->broker_uri, core->secrets.signing_id.text);
    trib_status status = cloud_core_run(core);
    bool failed = core->failed || !trib_ok(status);
    cloud_server_stop(server);
    running = NULL;
    if (!trib_ok(status)) {
        trib_log(TRIB_LOG_ERROR, "stopped", "why=%s", trib_message());
    } else {
        trib_log(TRIB_LOG_INFO, "stopped", "%s", "");
    }
    cloud_core_destroy(core);
    return failed ? 1 : 0; /* a restart recovers */
}

int main(int count, char **arguments) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"init", no_argument, NULL, 'i'},
                                            {"check", no_argument, NULL, 'k'},
                                            {"rebuild", no_argument, NULL, 'r'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *path = NULL;
    bool init = false, check = false, rebuild = false;
    for (int option; (option = getopt_long(count, arguments, "c:h", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 'i':
            init = true;
            break;
        case 'k':
            check = true;
            break;
        case 'r':
            rebuild = true;
            break;
        case 'v':
            (void)puts("tributary-cloud " TRIB_VERSION);
            return 0;
        case 'h':
            usage(stdout);
            return 0;
        default:
            usage(stderr);
            return 2;
        }
    }
    cloud_config config;
    if (path == NULL || optind < count) {
        usage(stderr);
        return 2;
    }
    if (!trib_ok(cloud_config_load(path, &config))) {
        return fail("config", 2);
    }
    trib_log_setup("tributary-cloud", config.log_format, config.log_level);
    if (check) {
        cloud_config_deinit(&config);
        return 0;
    }
    struct sigaction action = {.sa_handler = stop};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    int result = serve(&config, rebuild, init);
    cloud_config_deinit(&config);
    return result;
}
