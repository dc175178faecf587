#include "common/base/arena.h"

#include "common/base/checked.h"

void trib_arena_init(trib_arena *arena, void *block, size_t size_bytes) {
    *arena = (trib_arena){(uint8_t *)block, size_bytes, 0};
}

void *trib_arena_take(trib_arena *arena, size_t count, size_t item_bytes) {
    size_t wanted;
    if (!trib_mul_size(count, item_bytes, &wanted)) {
        return NULL;
    }
    uintptr_t next = (uintptr_t)arena->block + arena->used_bytes;
    size_t padding = (size_t)(-next & (TRIB_ARENA_ALIGNMENT - 1));
    size_t end;
    if (!trib_add_size(wanted, padding, &end) || end > arena->size_bytes - arena->used_bytes) {
        return NULL;
    }
    void *piece = arena->block + arena->used_bytes + padding;
    arena->used_bytes += end;
    return piece;
}

size_t trib_arena_room(size_t count, size_t item_bytes) {
    size_t wanted;
    if (!trib_mul_size(count, item_bytes, &wanted) ||
        !trib_add_size(wanted, TRIB_ARENA_ALIGNMENT - 1, &wanted)) {
        return SIZE_MAX;
    }
    return wanted;
}
