/* Many worlds: each run in a process that is forked for a stretch of seeds, so that one that stops
 * takes nothing along.
 */
#ifndef SIM_SWARM_H
#define SIM_SWARM_H

#include "tests/sim/world.h"

typedef struct sim_outcome {
    uint64_t seed;
    bool failed; /* or it stopped, of a signal */
    char failure[sizeof((sim_world *)0)->failure];
    uint64_t events, rounds;
    uint64_t injected[SIM_FAULTS], checked[SIM_CHECKS];
} sim_outcome;

/* One world, in a process of its own. */
sim_outcome sim_outcome_of(const sim_options *options);
/* Seeds first .. first + count - 1 in `jobs` processes; `take` is called for each as it ends, and
 * says whether to go on. */
void sim_swarm(uint64_t first, uint64_t count, unsigned jobs, bool (*take)(const sim_outcome *));
/* As little as still fails: fewer kinds of fault, fewer faults, fewer gateways. */
sim_options sim_shrink(const sim_outcome *failed);

#endif
