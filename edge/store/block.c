#include "edge/store/block.h"

#include <string.h>
#include <xxhash.h>

enum { VERSION = 1, HEADER_BYTES = 16, CHECK_BYTES = 8, TRAINS = 128 };

static size_t row_bytes(edge_block_shape shape, uint32_t time_bytes) {
    return time_bytes + 1 + (shape.channels + shape.targets) * sizeof(float);
}

/* Times that are a base and 32 bits of microseconds, or 64 bits. */
static uint32_t time_bytes_of(const edge_row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int64_t after;
        if (__builtin_sub_overflow(rows[i].row.time_us, rows[0].row.time_us, &after) || after < 0 ||
            after > UINT32_MAX) {
            return 8;
        }
    }
    return 4;
}

static void write_rows(edge_block_shape shape, const edge_row *rows, size_t count,
                       uint32_t time_bytes, trib_writer *writer) {
    for (size_t i = 0; i < count; i++) {
        uint64_t after = (uint64_t)rows[i].row.time_us - (uint64_t)rows[0].row.time_us;
        if (time_bytes == 4) {
            trib_write_u32(writer, (uint32_t)after);
        } else {
            trib_write_u64(writer, after);
        }
    }
    for (size_t i = 0; i < count; i++) {
        trib_write_u8(writer, (uint8_t)((rows[i].row.label + 1) | (rows[i].train ? TRAINS : 0)));
    }
    for (size_t i = 0; i < count; i++) {
        for (uint32_t c = 0; c < shape.channels; c++) {
            trib_write_f32(writer, rows[i].row.values[c]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (uint32_t t = 0; t < shape.targets; t++) {
            trib_write_f32(writer, rows[i].row.targets[t]);
        }
    }
}

trib_status edge_block_write(edge_block_shape shape, const edge_row *rows, size_t count,
                             trib_buffer *ret_block) {
    _Static_assert((int)TRIB_MAX_CLASSES < (int)TRAINS, "a label and a flag share a byte");
    uint32_t time_bytes = time_bytes_of(rows, count);
    size_t size = HEADER_BYTES + count * row_bytes(shape, time_bytes) + CHECK_BYTES;
    TRIB_TRY(trib_buffer_reserve(ret_block, size));
    uint8_t *start = ret_block->data + ret_block->size;
    trib_writer writer = trib_writer_of(start, size);
    trib_write_u8(&writer, VERSION);
    trib_write_u8(&writer, (uint8_t)time_bytes);
    trib_write_u8(&writer, (uint8_t)shape.channels);
    trib_write_u8(&writer, (uint8_t)shape.targets);
    trib_write_u32(&writer, (uint32_t)count);
    trib_write_u64(&writer, (uint64_t)rows[0].row.time_us);
    write_rows(shape, rows, count, time_bytes, &writer);
    trib_write_u64(&writer, XXH3_64bits(start, size - CHECK_BYTES));
    TRIB_ASSERT(!writer.overflow && writer.size == size);
    ret_block->size += size;
    return TRIB_SUCCESS;
}

trib_status edge_block_open(edge_block_shape shape, trib_bytes bytes, edge_block *ret_block) {
    if (bytes.size < HEADER_BYTES + CHECK_BYTES ||
        XXH3_64bits(bytes.data, bytes.size - CHECK_BYTES) !=
            trib_load_u64(bytes.data + bytes.size - CHECK_BYTES)) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "a block of %zu bytes of stored rows is damaged",
                         bytes.size);
    }
    const uint8_t *at = bytes.data;
    edge_block block = {.shape = shape,
                        .count = trib_load_u32(at + 4),
                        .time_bytes = at[1],
                        .base_us = (int64_t)trib_load_u64(at + 8)};
    bool fits = at[0] == VERSION && (at[1] == 4 || at[1] == 8) && at[2] == shape.channels &&
                at[3] == shape.targets && block.count > 0 &&
                (uint64_t)block.count * row_bytes(shape, block.time_bytes) ==
                    bytes.size - HEADER_BYTES - CHECK_BYTES;
    if (!fits) {
        return TRIB_FAIL(TRIB_E_CORRUPT,
                         "a block of stored rows has version %u, %u channels and %u targets, not "
                         "%d, %u and %u",
                         at[0], at[2], at[3], VERSION, shape.channels, shape.targets);
    }
    block.times = at + HEADER_BYTES;
    block.labels = block.times + (size_t)block.count * block.time_bytes;
    block.values = block.labels + block.count;
    block.targets = block.values + (size_t)block.count * shape.channels * sizeof(float);
    *ret_block = block;
    return TRIB_SUCCESS;
}

static float load_f32(const uint8_t *from) {
    uint32_t bits = trib_load_u32(from);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void edge_block_row(const edge_block *block, uint32_t index, edge_row *ret_row) {
    TRIB_ASSERT(index < block->count);
    uint64_t after = block->time_bytes == 4 ? trib_load_u32(block->times + 4 * (size_t)index)
                                            : trib_load_u64(block->times + 8 * (size_t)index);
    uint8_t label = block->labels[index];
    *ret_row = (edge_row){.row = {.time_us = (int64_t)((uint64_t)block->base_us + after),
                                  .label = (label & (TRAINS - 1)) - 1},
                          .train = (label & TRAINS) != 0};
    for (uint32_t c = 0; c < block->shape.channels; c++) {
        ret_row->row.values[c] =
            load_f32(block->values + ((size_t)index * block->shape.channels + c) * sizeof(float));
    }
    for (uint32_t t = 0; t < block->shape.targets; t++) {
        ret_row->row.targets[t] =
            load_f32(block->targets + ((size_t)index * block->shape.targets + t) * sizeof(float));
    }
}
