/* A hash table of 64-bit keys (0 is none) to 64-bit values, which are 0 until they are set. */
#ifndef SIM_TABLE_H
#define SIM_TABLE_H

#include <stddef.h>
#include <stdint.h>

typedef struct sim_table {
    uint64_t (*cells)[2]; /* [capacity], owned: key, value */
    size_t count, capacity;
} sim_table;

/* Valid until the next call. */
uint64_t *sim_table_at(sim_table *table, uint64_t key);
void sim_table_clear(sim_table *table);

#endif
