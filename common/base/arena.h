/* One block of memory handed out from the front, given back all at once.
 *
 * For work with one end: a message, a round, a model. Pieces are aligned to 64 bytes so that
 * vector loads never straddle a cache line. Memory is not cleared.
 *
 * owns     nothing: the block is the caller's and outlives the arena
 * threads  one
 */
#ifndef TRIB_BASE_ARENA_H
#define TRIB_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

enum { TRIB_ARENA_ALIGNMENT = 64 };

typedef struct trib_arena {
    uint8_t *block;
    size_t size_bytes;
    size_t used_bytes;
} trib_arena;

void trib_arena_init(trib_arena *arena, void *block, size_t size_bytes);

/* count * item_bytes bytes, or NULL when they do not fit (the arena is then unchanged). */
void *trib_arena_take(trib_arena *arena, size_t count, size_t item_bytes);

/* The bytes that one take of this many uses up at most: for working out a block's size. */
size_t trib_arena_room(size_t count, size_t item_bytes);

#endif
