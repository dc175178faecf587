/* A gateway that the fuzzer plays, with a certificate that the core believes: its joins are signed
 * and its frames are sealed as they should be, whatever is in them. */
#ifndef TESTS_FUZZ_GATEWAY_H
#define TESTS_FUZZ_GATEWAY_H

#include "common/seal/channel.h"
#include "tests/fuzz/core.h"
#include "tests/fuzz/program.h"

enum { FUZZ_MESSAGE_ROOM = 8192 };

typedef struct fuzz_gateway {
    const char *name;
    trib_key_pair signing, agreement; /* of the whole process */
    trib_buffer chain;
    uint64_t generation;
    bool joined; /* the channels are there; whether the cloud believes the join is its business */
    trib_hpke context;
    uint64_t session;
    trib_channel update, prediction, telemetry;
} fuzz_gateway;

/* Keys and certificate, if it has none yet; it has never joined. */
void fuzz_gateway_begin(fuzz_gateway *gateway, const char *name);
/* A join of the next generation, patched by the program, in ret_envelope. */
void fuzz_gateway_join(fuzz_gateway *gateway, const cloud_core *core, trib_cursor *program,
                       trib_writer *ret_envelope);
/* Keys for the cloud's start number of now; after a join, and when the core was restarted. */
void fuzz_gateway_key(fuzz_gateway *gateway, uint64_t boot);
/* A frame of `plain` up one of its channels, and the topic that it belongs under. */
void fuzz_gateway_seal(const fuzz_gateway *gateway, trib_channel *channel, trib_bytes plain,
                       char ret_topic[TRIB_TOPIC_SIZE], trib_writer *ret_frame);

#endif
