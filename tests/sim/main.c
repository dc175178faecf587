/* tributary-sim: one world from its seed, or a swarm of them. tests/sim/run builds and runs it. */
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/log/log.h"
#include "tests/sim/swarm.h"

enum {
    OPTION_SEED = 256,
    OPTION_SWARM,
    OPTION_FIRST,
    OPTION_JOBS,
    OPTION_WITHOUT,
    OPTION_GATEWAYS,
    OPTION_FAULTS,
    OPTION_REAL,
    OPTION_QUIET,
    OPTION_LOG,
    OPTION_NO_SHRINK
};

enum { KEPT_BYTES = 256 << 20 };

static void usage(FILE *to) {
    (void)fputs(
        "usage: tributary-sim --seed N [--quiet] [--log] [--without FAULT]... [--gateways N]\n"
        "                     [--faults N] [--real-keys]\n"
        "       tributary-sim --swarm N [--first SEED] [--jobs N] [--no-shrink]\n"
        "\n"
        "One cloud and its gateways in a world of faults, from a seed.\n"
        "\n"
        "  --seed N         run that world, and tell what happens in it\n"
        "  --quiet          only whether it held\n"
        "  --log            the programs' own logs, too\n"
        "  --without FAULT  leave a fault out (\"list\" lists them); repeatable\n"
        "  --gateways N     at most so many\n"
        "  --faults N       no more after so many\n"
        "  --swarm N        run N worlds on all processors; count faults and checks\n"
        "  --first SEED     from this seed on (1)\n"
        "  --jobs N         processes (all processors)\n"
        "\n"
        "Exit status 1: something that must hold did not, or a fault or check never came up.\n"
        "\n"
        "examples:\n"
        "  tests/sim/run --swarm 500\n"
        "  tests/sim/run --seed 4711 | less\n",
        to);
}

static uint64_t number_of(const char *text) {
    char *end = NULL;
    uint64_t number = strtoull(text, &end, 10);
    if (end == text || *end != '\0') {
        (void)fprintf(stderr, "tributary-sim: '%s' is no number\n", text);
        exit(2);
    }
    return number;
}

static uint64_t fault_bit(const char *name) {
    bool list = strcmp(name, "list") == 0;
    for (int i = 0; i < SIM_FAULTS; i++) {
        if (list) {
            (void)puts(sim_fault_name((sim_fault)i));
        } else if (strcmp(name, sim_fault_name((sim_fault)i)) == 0) {
            return 1ull << i;
        }
    }
    if (!list) {
        (void)fprintf(stderr, "tributary-sim: no fault '%s'; see --without list\n", name);
    }
    exit(list ? 0 : 2);
}

/* ---- a swarm ------------------------------------------------------------------------------- */

enum { MOST_FAILURES = 20 };

static sim_outcome sums, failures[MOST_FAILURES];
static uint64_t failure_count, worlds;

static bool take(const sim_outcome *outcome) {
    worlds++;
    sums.events += outcome->events;
    for (int i = 0; i < SIM_FAULTS; i++) {
        sums.injected[i] += outcome->injected[i];
    }
    for (int i = 0; i < SIM_CHECKS; i++) {
        sums.checked[i] += outcome->checked[i];
    }
    if (outcome->failed) {
        (void)printf("seed %" PRIu64 ": %s\n", outcome->seed, outcome->failure);
        (void)fflush(stdout);
        if (failure_count < MOST_FAILURES) {
            failures[failure_count] = *outcome;
        }
        failure_count++;
    }
    return failure_count < MOST_FAILURES;
}

static double seconds_now(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool print_counts(void) {
    bool all = true;
    for (int i = 0; i < SIM_FAULTS; i++) {
        (void)printf("%12" PRIu64 "  %s\n", sums.injected[i], sim_fault_name((sim_fault)i));
        all = all && sums.injected[i] > 0;
    }
    (void)puts("checks made:");
    for (int i = 0; i < SIM_CHECKS; i++) {
        (void)printf("%12" PRIu64 "  %s\n", sums.checked[i], sim_check_name((sim_check)i));
        all = all && sums.checked[i] > 0;
    }
    if (!all) {
        (void)puts("FAILED: a fault or a check that never came up has not been looked at");
    }
    return all;
}

static void print_schedule(const sim_options *least) {
    const char *commit = getenv("TRIB_COMMIT");
    (void)printf("commit %s\nagain: tests/sim/run --seed %" PRIu64,
                 commit != NULL ? commit : "unknown", least->seed);
    for (int i = 0; i < SIM_FAULTS; i++) {
        if ((least->without >> i & 1) != 0) {
            (void)printf(" --without \"%s\"", sim_fault_name((sim_fault)i));
        }
    }
    if (least->most_gateways > 0) {
        (void)printf(" --gateways %u", least->most_gateways);
    }
    if (least->most_faults > 0) {
        (void)printf(" --faults %u", least->most_faults);
    }
    sim_outcome last = sim_outcome_of(least);
    (void)printf("\n%s\nafter:\n", last.failure);
    for (int i = 0; i < SIM_FAULTS; i++) {
        if (last.injected[i] > 0) {
            (void)printf("%12" PRIu64 "  %s\n", last.injected[i], sim_fault_name((sim_fault)i));
        }
    }
}

static int run_swarm(uint64_t first, uint64_t count, unsigned jobs, bool shrink) {
    double began = seconds_now();
    sim_swarm(first, count, jobs, take);
    double seconds = seconds_now() - began;
    (void)printf("%" PRIu64 " worlds, %" PRIu64 " events in %.1f s: %.0f events/s\n"
                 "faults injected:\n",
                 worlds, sums.events, seconds, (double)sums.events / seconds);
    bool all = print_counts();
    if (failure_count > 0 && shrink) {
        const sim_options least = sim_shrink(&failures[0]);
        print_schedule(&least);
    }
    (void)printf("%" PRIu64 " of %" PRIu64 " worlds failed\n", failure_count, worlds);
    return failure_count == 0 && all ? 0 : 1;
}

typedef struct sim_command {
    sim_options one;
    uint64_t swarm, first;
    unsigned jobs;
    bool seeded, shrink, log;
} sim_command;

static bool take_option(sim_command *command, int option) {
    switch (option) {
    case OPTION_SEED:
        command->one.seed = number_of(optarg);
        command->seeded = true;
        return true;
    case OPTION_SWARM:
        command->swarm = number_of(optarg);
        return true;
    case OPTION_FIRST:
        command->first = number_of(optarg);
        return true;
    case OPTION_JOBS:
        command->jobs = (unsigned)number_of(optarg);
        return true;
    case OPTION_WITHOUT:
        command->one.without |= fault_bit(optarg);
        return true;
    case OPTION_GATEWAYS:
        command->one.most_gateways = (uint32_t)number_of(optarg);
        return true;
    case OPTION_FAULTS:
        command->one.most_faults = (uint32_t)number_of(optarg);
        return true;
    case OPTION_REAL:
        command->one.real_keys = true;
        return true;
    case OPTION_QUIET:
        command->one.trace = NULL;
        return true;
    case OPTION_LOG:
        command->log = true;
        return true;
    case OPTION_NO_SHRINK:
        command->shrink = false;
        return true;
    case 'h':
        usage(stdout);
        exit(0);
    default:
        return false;
    }
}

static bool read_command(int count, char **arguments, sim_command *ret_command) {
    static const struct option options[] = {{"seed", required_argument, NULL, OPTION_SEED},
                                            {"swarm", required_argument, NULL, OPTION_SWARM},
                                            {"first", required_argument, NULL, OPTION_FIRST},
                                            {"jobs", required_argument, NULL, OPTION_JOBS},
                                            {"without", required_argument, NULL, OPTION_WITHOUT},
                                            {"gateways", required_argument, NULL, OPTION_GATEWAYS},
                                            {"faults", required_argument, NULL, OPTION_FAULTS},
                                            {"real-keys", no_argument, NULL, OPTION_REAL},
                                            {"quiet", no_argument, NULL, OPTION_QUIET},
                                            {"log", no_argument, NULL, OPTION_LOG},
                                            {"no-shrink", no_argument, NULL, OPTION_NO_SHRINK},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(count, arguments, "h", options, NULL)) != -1;) {
        if (!take_option(ret_command, option)) {
            return false;
        }
    }
    return ret_command->seeded != (ret_command->swarm > 0) && ret_command->jobs > 0 &&
           optind == count;
}

/* Worlds take and give back the same few megabytes thousands of times: asking the system each time
 * took some 6 % of the processor's time. */
static void keep_memory(void) {
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, KEPT_BYTES / 8);
    (void)mallopt(M_TOP_PAD, KEPT_BYTES / 8);
}

int main(int count, char **arguments) {
    sim_command command = {.one = {.trace = stdout},
                           .first = 1,
                           .jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN),
                           .shrink = true};
    if (!read_command(count, arguments, &command)) {
        usage(stderr);
        return 2;
    }
    keep_memory();
    trib_log_setup("sim", TRIB_LOG_TEXT, command.log ? TRIB_LOG_DEBUG : TRIB_LOG_ERROR + 1);
    if (command.swarm > 0) {
        return run_swarm(command.first, command.swarm, command.jobs, command.shrink);
    }
    bool held = sim_run(&command.one);
    (void)printf("seed %" PRIu64 ": %s\n", command.one.seed, held ? "all of it held" : sim.failure);
    return held ? 0 : 1;
}
