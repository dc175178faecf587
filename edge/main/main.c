/* tributary-edge: reads its config, senses, trains, and talks to the cloud until told to stop. */
#include <getopt.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/database/database.h"
#include "common/log/log.h"
#include "common/tensor/blas_core.h"
#include "edge/app/agent.h"

enum { LARGE_BYTES = 32 * 1024 };

static edge_agent *running;
static volatile sig_atomic_t stop_asked; /* before there was anything to stop */

static void stop(int signal_number) {
    (void)signal_number;
    stop_asked = 1;
    if (running != NULL) {
        running->stop = true; /* the loop looks at it at least twice a second */
    }
}

static void usage(FILE *to) {
    (void)fputs("usage: tributary-edge --config FILE [--check]\n"
                "\n"
                "Learns from a sensor stream where it is, and takes part in a federation.\n"
                "\n"
                "  --config FILE  the config file (docs/edge-config.md)\n"
                "  --check        read the config, then exit\n"
                "  --version\n"
                "  --help\n"
                "\n"
                "examples:\n"
                "  tributary-edge --config /etc/tributary/edge.yaml\n"
                "  sensors | tributary-edge --config edge.yaml     # source: {kind: stdin}\n",
                to);
}

static int serve(const edge_config *config, const char *said) {
    char kernels_said[256];
    trib_kernels kernels = trib_kernels_choose(kernels_said, sizeof kernels_said);
    edge_agent *agent = NULL;
    if (!trib_ok(edge_agent_create(config, &kernels, &agent))) {
        (void)fprintf(stderr, "tributary-edge: cannot start: %s\n", trib_message());
        return 1;
    }
    running = agent;
    agent->stop = stop_asked != 0;
    if (said[0] != '\0') {
        trib_log(TRIB_LOG_INFO, "OpenBLAS", "what=%s", said);
    }
    trib_log(TRIB_LOG_INFO, "started", "gateway=%s federation=%s kernels=%s",
             agent->identity.gateway, agent->identity.federation, kernels_said);
    edge_agent_run(agent);
    running = NULL;
    edge_agent_destroy(agent);
    trib_log(TRIB_LOG_INFO, "stopped", "%s", "");
    return 0;
}

/* A gateway has little memory and few threads. One arena for all of them, and whatever is large in
 * a mapping of its own, which goes back to the system when it is freed: models come and go each
 * round. */
static void keep_memory_small(void) {
    trib_database_keep_small();
#ifdef __GLIBC__
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
#endif
}

int main(int count, char **arguments) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"check", no_argument, NULL, 'k'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    char said[256] = "";
    const char *path = NULL;
    bool check = false;
    keep_memory_small();
    trib_ignore(trib_blas_reexecute(arguments, said, sizeof said)); /* slower kernels, then */
    for (int option; (option = getopt_long(count, arguments, "c:h", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 'k':
            check = true;
            break;
        case 'v':
            (void)puts("tributary-edge " TRIB_VERSION);
            return 0;
        case 'h':
            usage(stdout);
            return 0;
        default:
            usage(stderr);
            return 2;
        }
    }
    if (path == NULL || optind < count) {
        usage(stderr);
        return 2;
    }
    edge_config *config = calloc(1, sizeof *config);
    if (config == NULL || !trib_ok(edge_config_load(path, config))) {
        (void)fprintf(stderr, "tributary-edge: config: %s\n",
                      config == NULL ? "no memory" : trib_message());
        free(config);
        return 2;
    }
    trib_log_setup("tributary-edge", (trib_log_format)config->log_format,
                   (trib_log_level)config->log_level);
    struct sigaction action = {.sa_handler = stop};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    int code = check ? 0 : serve(config, said);
    free(config);
    return code;
}
