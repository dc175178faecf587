#include "tests/sim/table.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/status.h"

static uint64_t *find(uint64_t (*cells)[2], size_t capacity, uint64_t key) {
    size_t at = (size_t)key & (capacity - 1);
    while (cells[at][0] != 0 && cells[at][0] != key) {
        at = (at + 1) & (capacity - 1);
    }
    return cells[at];
}

static void grow(sim_table *table) {
    size_t capacity = table->capacity > 0 ? 2 * table->capacity : 256;
    uint64_t(*cells)[2] = calloc(capacity, sizeof *cells);
    TRIB_ASSERT(cells != NULL);
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->cells[i][0] != 0) {
            memcpy(find(cells, capacity, table->cells[i][0]), table->cells[i], sizeof *cells);
        }
    }
    free(table->cells);
    table->cells = cells;
    table->capacity = capacity;
}

uint64_t *sim_table_at(sim_table *table, uint64_t key) {
    key = key != 0 ? key : 1;
    if (2 * (table->count + 1) > table->capacity) {
        grow(table);
    }
    uint64_t *cell = find(table->cells, table->capacity, key);
    table->count += cell[0] == 0;
    cell[0] = key;
    return &cell[1];
}

void sim_table_clear(sim_table *table) {
    free(table->cells);
    *table = (sim_table){.cells = NULL};
}
