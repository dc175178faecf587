#include "tests/sim/swarm.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/oracle.h"

enum { MOST_JOBS = 64, STRETCH = 16 };

static sim_outcome run_here(const sim_options *options) {
    sim_outcome outcome = {.seed = options->seed};
    outcome.failed = !sim_run(options);
    memcpy(outcome.failure, sim.failure, sizeof outcome.failure);
    memcpy(outcome.injected, sim.injected, sizeof outcome.injected);
    memcpy(outcome.checked, sim.checked, sizeof outcome.checked);
    outcome.events = sim.events;
    return outcome;
}

static bool write_all(int to, const void *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t wrote = write(to, (const char *)bytes + done, size - done);
        if (wrote <= 0) {
            return false;
        }
        done += (size_t)wrote;
    }
    return true;
}

static bool read_all(int from, void *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t got = read(from, (char *)bytes + done, size - done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

typedef struct worker {
    pid_t process; /* 0: none */
    int from;
    uint64_t next, end; /* seeds that it has not told of yet */
} worker;

static void start(worker *at, const sim_options *options, uint64_t count) {
    int ends[2];
    TRIB_ASSERT(pipe(ends) == 0);
    (void)fflush(NULL);
    *at = (worker){
        .process = fork(), .from = ends[0], .next = options->seed, .end = options->seed + count};
    TRIB_ASSERT(at->process >= 0);
    if (at->process == 0) {
        (void)close(ends[0]);
        for (uint64_t seed = at->next; seed < at->end; seed++) {
            sim_options one = *options;
            one.seed = seed;
            const sim_outcome outcome = run_here(&one);
            if (!write_all(ends[1], &outcome, sizeof outcome)) {
                break;
            }
        }
        (void)fflush(NULL);
        _exit(0);
    }
    (void)close(ends[1]);
}

static void stop(worker *at) {
    (void)close(at->from);
    (void)kill(at->process, SIGKILL);
    (void)waitpid(at->process, NULL, 0);
    at->process = 0;
}

/* The next that it tells; of a worker that stopped, the one that it was at. */
static sim_outcome hear(worker *at) {
    sim_outcome outcome;
    if (read_all(at->from, &outcome, sizeof outcome)) {
        at->next++;
        return outcome;
    }
    int status = 0;
    memset(&outcome, 0, sizeof outcome);
    outcome.seed = at->next;
    outcome.failed = true;
    (void)waitpid(at->process, &status, 0);
    (void)snprintf(outcome.failure, sizeof outcome.failure, "the program stopped: %s %d",
                   WIFSIGNALED(status) ? "signal" : "exit status",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    (void)close(at->from);
    at->process = 0;
    return outcome;
}

sim_outcome sim_outcome_of(const sim_options *options) {
    worker alone;
    start(&alone, options, 1);
    sim_outcome outcome = hear(&alone);
    if (alone.process != 0) {
        stop(&alone);
    }
    return outcome;
}

static void give(worker *at, uint64_t *next, uint64_t end) {
    if (at->next == at->end && at->process != 0) {
        (void)close(at->from);
        (void)waitpid(at->process, NULL, 0);
        at->process = 0;
    }
    if (at->process == 0 && *next < end) {
        uint64_t count = end - *next < STRETCH ? end - *next : STRETCH;
        const sim_options options = {.seed = *next};
        start(at, &options, count);
        *next += count;
    }
}

void sim_swarm(uint64_t first, uint64_t count, unsigned jobs, bool (*take)(const sim_outcome *)) {
    worker workers[MOST_JOBS] = {{0}};
    struct pollfd waited[MOST_JOBS];
    uint64_t next = first, end = first + count, left = count;
    jobs = jobs < MOST_JOBS ? jobs : MOST_JOBS;
    while (left > 0) {
        for (unsigned i = 0; i < jobs; i++) {
            give(&workers[i], &next, end);
            waited[i] = (struct pollfd){.fd = workers[i].process != 0 ? workers[i].from : -1,
                                        .events = POLLIN};
        }
        (void)poll(waited, jobs, -1);
        for (unsigned i = 0; i < jobs && left > 0; i++) {
            if (waited[i].fd >= 0 && waited[i].revents != 0) {
                worker *at = &workers[i];
                sim_outcome outcome = hear(at);
                left--;
                if (at->process == 0) { /* the rest of its stretch is another's */
                    left -= at->end - (outcome.seed + 1);
                }
                left = take(&outcome) ? left : 0;
            }
        }
    }
    for (unsigned i = 0; i < jobs; i++) {
        if (workers[i].process != 0) {
            stop(&workers[i]);
        }
    }
}

/* ---- shrinking ----------------------------------------------------------------------------- */

static bool still_fails(const sim_options *options, sim_outcome *last) {
    sim_outcome outcome = sim_outcome_of(options);
    if (outcome.failed) {
        *last = outcome;
    }
    return outcome.failed;
}

static uint64_t total(const sim_outcome *of) {
    uint64_t faults = 0;
    for (int i = 0; i < SIM_FAULTS; i++) {
        faults += of->injected[i];
    }
    return faults;
}

sim_options sim_shrink(const sim_outcome *failed) {
    sim_options least = {.seed = failed->seed};
    sim_outcome last = *failed;
    for (int i = 0; i < SIM_FAULTS; i++) {
        sim_options fewer = least;
        fewer.without |= 1ull << i;
        if (still_fails(&fewer, &last)) {
            least = fewer;
        }
    }
    for (uint32_t gateways = 1; gateways <= 8; gateways++) {
        sim_options fewer = least;
        fewer.most_gateways = gateways;
        if (still_fails(&fewer, &last)) {
            least = fewer;
            break;
        }
    }
    for (uint64_t low = 0, high = total(&last); low + 1 < high;) {
        uint64_t middle = (low + high) / 2;
        sim_options fewer = least;
        fewer.most_faults = (uint32_t)middle;
        if (still_fails(&fewer, &last)) {
            high = middle;
            least = fewer;
        } else {
            low = middle;
        }
    }
    return least;
}
