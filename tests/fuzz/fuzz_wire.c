/* Messages from the broker, before anything else is known of them: the first byte says as what. */
#include "common/seal/envelope.h"
#include "common/wire/topic.h"
#include "common/wire/wire.h"
#include "tests/fuzz/fuzz.h"

#define READ(type_, caught_)                                                                       \
    do {                                                                                           \
        trib_wire_##type_ message = trib_wire_##type_##_init_zero;                                 \
        trib_bytes view;                                                                           \
        trib_wire_catch(&message.caught_, &view);                                                  \
        if (trib_ok(TRIB_WIRE_DECODE(type_, bytes, &message))) {                                   \
            fuzz_within(view, data, size);                                                         \
        }                                                                                          \
    } while (0)
#define READ_PLAIN(type_)                                                                          \
    do {                                                                                           \
        trib_wire_##type_ message = trib_wire_##type_##_init_zero;                                 \
        trib_ignore(TRIB_WIRE_DECODE(type_, bytes, &message));                                     \
    } while (0)

static void read_topic(const uint8_t *data, size_t size) {
    trib_topic topic;
    char text[TRIB_TOPIC_SIZE];
    if (trib_ok(trib_topic_parse((const char *)data, size, &topic))) {
        trib_topic_format(&topic, text); /* what was read is written the same */
        FUZZ_MUST(strlen(text) == size && memcmp(text, data, size) == 0);
    }
}

static void read_telemetry(trib_bytes bytes) {
    trib_wire_Telemetry message = trib_wire_Telemetry_init_zero;
    trib_bytes views[3];
    trib_wire_catch(&message.times_us, &views[0]);
    trib_wire_catch(&message.values, &views[1]);
    trib_wire_catch(&message.labels, &views[2]);
    if (trib_ok(TRIB_WIRE_DECODE(Telemetry, bytes, &message))) {
        for (size_t i = 0; i < 3; i++) {
            fuzz_within(views[i], bytes.data, bytes.size);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    uint8_t kind = *data++;
    size--;
    trib_bytes bytes = trib_bytes_of(data, size);
    trib_envelope envelope;
    switch (kind % 13) {
    case 0:
        READ(Signed, body);
        break;
    case 1:
        READ(Federation, document);
        break;
    case 2:
        READ_PLAIN(Round);
        break;
    case 3:
        READ_PLAIN(Release);
        break;
    case 4:
        READ(Join, chain);
        break;
    case 5:
        READ_PLAIN(Welcome);
        break;
    case 6:
        READ(UpdateChunk, data);
        break;
    case 7:
        READ(Update, payload);
        break;
    case 8:
        READ_PLAIN(Receipt);
        break;
    case 9:
        READ_PLAIN(Prediction);
        break;
    case 10:
        if (trib_ok(trib_envelope_parse(bytes, &envelope))) {
            fuzz_within(envelope.body, data, size);
        }
        break;
    case 11:
        read_telemetry(bytes);
        break;
    default:
        read_topic(data, size);
        break;
    }
    return 0;
}
