#include "tests/sim/lies.h"

#include <string.h>

#include "common/update/update.h"
#include "common/wire/wire.h"

static void put_float(uint8_t *at, float value) {
    memcpy(at, &value, sizeof value);
}

/* Of a packed update: see common/update/update.h. */
static void falsify(sim_lie lie, uint8_t *payload, size_t size) {
    uint32_t count = trib_load_u32(payload + 4);
    bool floats = payload[1] == TRIB_CODEC_FLOAT32;
    switch (lie) {
    case SIM_LIES_SHAPE:
        payload[4] = (uint8_t)(payload[4] + 1); /* one more, or many fewer, than there are */
        break;
    case SIM_LIES_NAN:
        put_float(payload + TRIB_UPDATE_HEADER_BYTES, (float)(0.0 * 1e300 * 1e300));
        break;
    case SIM_LIES_HUGE:
        for (size_t at = TRIB_UPDATE_HEADER_BYTES;
             at + 4 <= size && (floats || at == TRIB_UPDATE_HEADER_BYTES); at += 4) {
            put_float(payload + at, 1e6f);
        }
        if (!floats) {
            payload[size - count] = 127; /* under the scale that is huge now */
        }
        break;
    case SIM_HONEST:
    case SIM_LIES_STALE:
    case SIM_LIES_NAME:
        break;
    }
}

bool sim_lie_about(const sim_actor *actor, trib_bytes update, trib_buffer *ret_lie) {
    static const sim_fault faults[] = {[SIM_LIES_SHAPE] = SIM_LIE_SHAPE,
                                       [SIM_LIES_NAN] = SIM_LIE_NAN,
                                       [SIM_LIES_HUGE] = SIM_LIE_HUGE,
                                       [SIM_LIES_STALE] = SIM_LIE_STALE};
    trib_wire_Update message = trib_wire_Update_init_zero;
    trib_bytes payload;
    if (actor->lie == SIM_HONEST || actor->lie == SIM_LIES_NAME || !sim_would(faults[actor->lie])) {
        return false;
    }
    trib_wire_catch(&message.payload, &payload);
    if (!trib_ok(TRIB_WIRE_DECODE(Update, update, &message)) || message.compressed ||
        message.kind != trib_wire_RoundKind_ROUND_KIND_TRAINING) {
        return false;
    }
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer copy = {.ceiling = 1 << 24};
    trib_ignore(trib_buffer_append(&copy, payload));
    if (copy.size != payload.size || !trib_ok(trib_buffer_reserve(ret_lie, update.size + 64))) {
        return false;
    }
    falsify(actor->lie, copy.data, copy.size);
    if (actor->lie == SIM_LIES_STALE) {
        message.base_digest.bytes[0] ^= 1;
    }
    payload = trib_buffer_view(&copy);
    trib_wire_put(&message.payload, &payload);
    trib_writer writer = trib_writer_of(ret_lie->data, ret_lie->capacity);
    if (!trib_ok(TRIB_WIRE_ENCODE(Update, &message, &writer))) {
        return false;
    }
    ret_lie->size = writer.size;
    sim_inject(faults[actor->lie]);
    return true;
}
