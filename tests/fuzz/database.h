/* The databases that the programs keep, as their own writers leave them when they are killed: a
 * file, and a log that has not been folded into it. */
#ifndef TESTS_FUZZ_DATABASE_H
#define TESTS_FUZZ_DATABASE_H

#include "common/base/heap.h"

enum { FUZZ_DATABASE_COLUMNS = 64, FUZZ_COLUMN_SIZE = 64 };

typedef struct fuzz_database {
    const char *name;          /* of its file in fuzz_folder */
    void (*write)(bool first); /* the first half, which is in the file; the second, in the log */
    void (*close)(void);       /* ends a writing */
    void (*read)(void);        /* what the program does with it, and what must hold */
    trib_buffer file, log;     /* as they are left */
    size_t column_count;
    char columns[FUZZ_DATABASE_COLUMNS][2][FUZZ_COLUMN_SIZE]; /* tables and their columns */
} fuzz_database;

/* state.db of an agent, samples.db of an agent, registry.db of the cloud. */
extern fuzz_database fuzz_state, fuzz_samples, fuzz_registry;

#endif
