/* Rows as they stand in the database. Little-endian:
 *
 *     u8 version = 1, u8 bytes of a time (4 or 8), u8 channels, u8 targets, u32 count, i64 base,
 *     count x time less base, count x u8 (label + 1, and 128 if the row trains),
 *     count x channels x f32, count x targets x f32, u64 XXH3 of all before
 *
 * errors   TRIB_E_CORRUPT for a wrong checksum or shape
 * threads  pure
 */
#ifndef EDGE_STORE_BLOCK_H
#define EDGE_STORE_BLOCK_H

#include "common/base/heap.h"
#include "edge/types/batch.h"

typedef struct edge_block_shape {
    uint32_t channels;
    uint32_t targets;
} edge_block_shape;

/* Appends a block of `count` rows, 1 .. EDGE_STORE_BATCH_ROWS. */
TRIB_MUST_CHECK trib_status edge_block_write(edge_block_shape shape, const edge_row *rows,
                                             size_t count, trib_buffer *ret_block);

typedef struct edge_block {
    edge_block_shape shape;
    uint32_t count;
    uint32_t time_bytes;
    int64_t base_us;
    const uint8_t *times;
    const uint8_t *labels;
    const uint8_t *values;
    const uint8_t *targets;
} edge_block;

/* A view of `bytes`. */
TRIB_MUST_CHECK trib_status edge_block_open(edge_block_shape shape, trib_bytes bytes,
                                            edge_block *ret_block);
void edge_block_row(const edge_block *block, uint32_t index, edge_row *ret_row);

#endif
