/* The cloud's core as the program runs it, but for broker and threads: its state is in memory, and
 * it believes one authority. For targets whose readers need all of it. */
#ifndef TESTS_FUZZ_CORE_H
#define TESTS_FUZZ_CORE_H

#include "cloud/app/core.h"

/* Applies a document of the federation "plant": two gateways make a round, which waits so long for
 * both. Whether it normalises is a matter of lineage: then its first round gathers statistics. */
void fuzz_apply_plant(cloud_core *core, bool normalise, int deadline_s);

/* From an empty state, but for a plant that does not normalise; whatever core there was is gone. */
cloud_core *fuzz_core_begin(void);
/* From what the one before has left. */
cloud_core *fuzz_core_restart(void);

/* Later by so much: for the core's clock only. */
void fuzz_core_wait(uint64_t ms);

/* A certificate of that name from the authority that the core believes. */
void fuzz_certify(const char *name, const trib_key_pair *key, trib_buffer *ret_chain);

#endif
