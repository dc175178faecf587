/* Files of the first corpus: TARGET/NAME in the folder that fuzz_seeds was given. */
#ifndef TESTS_FUZZ_SEEDS_H
#define TESTS_FUZZ_SEEDS_H

#include "tests/fuzz/fuzz.h"

/* Empty; the caller writes and closes it. */
FILE *seed_create(const char *target, const char *name);
void seed_put(const char *target, const char *name, trib_bytes bytes);

/* What people write: documents, config files, requests, recordings. */
void seed_texts(void);
/* What gateways and the cloud write to each other, before it is signed or sealed. */
void seed_messages(void);
/* What programs say: see steps.h. */
void seed_programs(void);

#endif
