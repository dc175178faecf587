/* tributary generate: made-up rotating machines, as files or live. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cloud/ctl/command.h"
#include "common/generate/machine.h"

enum { ALL_STATES = (1u << TRIB_MACHINE_STATES) - 1 };

typedef struct generate_request {
    const char *out;
    const char *live;
    uint64_t gateways;
    uint64_t held_out;
    uint64_t seconds;
    uint64_t seed;
} generate_request;

static const char header[] = "time_ms,vib_x,vib_y,vib_z,current,temperature,state\n";

static bool print_row(FILE *to, const trib_machine_row *row) {
    return fprintf(to, "%" PRIu64 ",%.4f,%.4f,%.4f,%.3f,%.2f,%s\n", row->time_ms, row->vibration[0],
                   row->vibration[1], row->vibration[2], row->current, row->temperature,
                   trib_machine_state_name(row->state)) > 0;
}

static trib_status write_machine(const generate_request *request, const char *folder,
                                 const char *name, uint32_t states) {
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/%s.csv", folder, name);
    if (size < 0 || (size_t)size >= sizeof path) {
        return TRIB_FAIL(TRIB_E_LIMIT, "the path %s is too long", folder);
    }
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "write %s: %s", path, strerror(errno));
    }
    trib_machine machine;
    trib_machine_init(&machine, request->seed, name, states);
    bool written = fputs(header, file) >= 0;
    for (uint64_t i = 0; written && i < request->seconds * TRIB_MACHINE_RATE_HZ; i++) {
        trib_machine_row row;
        trib_machine_next(&machine, &row);
        written = print_row(file, &row);
    }
    written = fclose(file) == 0 && written;
    return written ? TRIB_SUCCESS : TRIB_FAIL(TRIB_E_IO, "write %s: %s", path, strerror(errno));
}

static trib_status make_folder(const char *path) {
    return mkdir(path, 0777) == 0 || errno == EEXIST
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_IO, "make folder %s: %s", path, strerror(errno));
}

static trib_status write_folder(const generate_request *request, const char *folder,
                                const char *prefix, uint64_t count, bool every_state) {
    TRIB_TRY(make_folder(folder));
    for (uint64_t i = 1; i <= count; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "%s-%" PRIu64, prefix, i);
        uint32_t states =
            every_state ? (uint32_t)ALL_STATES : trib_machine_some_states(request->seed, i);
        TRIB_TRY(write_machine(request, folder, name, states));
    }
    return TRIB_SUCCESS;
}

static trib_status write_files(const generate_request *request) {
    TRIB_TRY(write_folder(request, request->out, "machine", request->gateways, false));
    if (request->held_out > 0) {
        char test[PATH_MAX];
        int size = snprintf(test, sizeof test, "%s-test", request->out);
        if (size < 0 || (size_t)size >= sizeof test) {
            return TRIB_FAIL(TRIB_E_LIMIT, "the path %s is too long", request->out);
        }
        TRIB_TRY(write_folder(request, test, "unseen", request->held_out, true));
    }
    return TRIB_SUCCESS;
}

/* The number that a name ends with: machine-3 shows live what its file shows. 0 for none. */
static uint64_t number_of(const char *name) {
    size_t size = strlen(name), digits = 0;
    while (digits < size && name[size - 1 - digits] >= '0' && name[size - 1 - digits] <= '9') {
        digits++;
    }
    uint64_t number = 0;
    return ctl_read_number(name + size - digits, 0, UINT32_MAX, &number) ? number : 0;
}

/* A row every 2 ms of real time, with real timestamps. Ends when nobody reads any more. */
static trib_status stream(const generate_request *request) {
    struct timespec now, due;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)clock_gettime(CLOCK_MONOTONIC, &due);
    uint64_t start_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    trib_machine machine;
    trib_machine_init(&machine, request->seed, request->live,
                      trib_machine_some_states(request->seed, number_of(request->live)));
    uint64_t rows = request->seconds * TRIB_MACHINE_RATE_HZ;
    bool written = fputs(header, stdout) >= 0;
    for (uint64_t i = 0; written && (request->seconds == 0 || i < rows); i++) {
        trib_machine_row row;
        trib_machine_next(&machine, &row);
        row.time_ms += start_ms;
        due.tv_nsec += 1000000000 / TRIB_MACHINE_RATE_HZ;
        if (due.tv_nsec >= 1000000000) {
            due.tv_nsec -= 1000000000;
            due.tv_sec++;
        }
        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        written = print_row(stdout, &row) && fflush(stdout) == 0;
    }
    return written ? TRIB_SUCCESS : TRIB_FAIL(TRIB_E_IO, "standard output: %s", strerror(errno));
}

static bool take_option(generate_request *request, int option, const char *text) {
    switch (option) {
    case 'o':
        request->out = text;
        return true;
    case 'l':
        request->live = text;
        return strlen(text) < 64;
    case 'g':
        return ctl_read_number(text, 1, 10000, &request->gateways);
    case 'u':
        return ctl_read_number(text, 0, 10000, &request->held_out);
    case 't':
        return ctl_read_number(text, 0, 86400, &request->seconds);
    case 's':
        return ctl_read_number(text, 0, INT64_MAX, &request->seed);
    default:
        return false;
    }
}

static int run(const ctl_command *command, int count, char **words) {
    static const struct option options[] = {
        {"out", required_argument, NULL, 'o'},      {"live", required_argument, NULL, 'l'},
        {"gateways", required_argument, NULL, 'g'}, {"held-out", required_argument, NULL, 'u'},
        {"seconds", required_argument, NULL, 't'},  {"seed", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0}};
    generate_request request = {.gateways = 8, .seconds = UINT64_MAX, .seed = 1};
    for (int option; (option = getopt_long(count, words, "", options, NULL)) != -1;) {
        if (option == 'h') {
            return ctl_help(command);
        }
        if (!take_option(&request, option, optarg)) {
            return option == '?' ? ctl_misused(command, NULL)
                                 : ctl_misused(command, "'%s' cannot be used there", optarg);
        }
    }
    if (count != optind || (request.out == NULL) == (request.live == NULL)) {
        return ctl_misused(command, "expected --out DIR or --live NAME, and nothing more");
    }
    bool chosen = request.seconds != UINT64_MAX;
    if (request.live != NULL) {
        request.seconds = chosen ? request.seconds : 0;
        return ctl_finish("generate", stream(&request));
    }
    request.seconds = chosen ? request.seconds : 60;
    return ctl_finish("generate", write_files(&request));
}

const ctl_command ctl_generate = {
    .name = "generate",
    .summary = "make up recordings of rotating machines, or a live stream of one",
    .help =
        "Usage: tributary generate --out DIR [OPTION...]\n"
        "       tributary generate --live NAME [--seconds N] [--seed S]\n\n"
        "Writes DIR/machine-N.csv at 500 Hz: vibration, current, temperature and state. A machine\n"
        "shows two or three of the four states; the same seed gives the same files.\n\n"
        "  --out DIR       where to write\n"
        "  --gateways N    machines (8)\n"
        "  --held-out N    also write N machines that show every state to DIR-test (0)\n"
        "  --seconds N     length of each recording (60); with --live 0 is without end\n"
        "  --seed S        1 if not given\n"
        "  --live NAME     print one machine's rows as they happen instead\n\n"
        "Examples:\n"
        "  tributary generate --out machines --held-out 4\n"
        "  tributary simulate rotating-machine.yaml --data machines --test machines-test \\\n"
        "      --baseline pooled,local\n"
        "  tributary generate --live machine-1 | tributary-edge --config gateway.yaml\n",
    .run = run,
};
