/* An input as a program: its bytes say what happens next. Past its end everything reads as 0, so
 * that any bytes are a program and any part of one is. */
#ifndef TESTS_FUZZ_PROGRAM_H
#define TESTS_FUZZ_PROGRAM_H

#include "tests/fuzz/fuzz.h"

static inline uint8_t fuzz_u8(trib_cursor *program) {
    uint8_t value = 0;
    trib_ignore(trib_read_u8(program, &value));
    return value;
}

static inline uint16_t fuzz_u16(trib_cursor *program) {
    uint16_t low = fuzz_u8(program);
    return (uint16_t)(low | fuzz_u8(program) << 8);
}

static inline uint64_t fuzz_u64(trib_cursor *program) {
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)fuzz_u8(program) << 8 * i;
    }
    return value;
}

/* A byte of length, and as many bytes, or what is left. */
static inline trib_bytes fuzz_bytes(trib_cursor *program) {
    trib_bytes view = {NULL, 0};
    size_t size = fuzz_u8(program);
    trib_ignore(trib_read_bytes(program, size < program->left ? size : program->left, &view));
    return view;
}

/* A right message and what the program puts behind it. Of a field that comes twice the last one
 * holds, so a few bytes change any field of a message that is otherwise as it should be. */
static inline void fuzz_patch(trib_cursor *program, trib_writer *message) {
    trib_write_bytes(message, fuzz_bytes(program));
}

#endif
