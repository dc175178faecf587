#include "tests/fuzz/gateway.h"

#include "common/crypto/identity.h"
#include "common/seal/envelope.h"
#include "common/seal/session_info.h"
#include "common/update/update.h"

void fuzz_gateway_begin(fuzz_gateway *gateway, const char *name) {
    if (gateway->name == NULL) {
        gateway->name = name;
        gateway->chain.ceiling = TRIB_MAX_CHAIN_BYTES;
        FUZZ_MUST(trib_ok(trib_crypto_host()->generate(&gateway->signing)));
        FUZZ_MUST(trib_ok(trib_crypto_host()->generate(&gateway->agreement)));
        fuzz_certify(name, &gateway->signing, &gateway->chain);
    }
    gateway->generation = 0;
    gateway->joined = false;
}

static void make_body(fuzz_gateway *gateway, const cloud_core *core, trib_writer *body) {
    trib_wire_Join join = {.generation = ++gateway->generation,
                           .has_capabilities = true,
                           .capabilities = {.agent_version = "1",
                                            .codecs = UINT32_MAX,
                                            .layers = UINT32_MAX,
                                            .max_parameters = TRIB_UPDATE_MAX_COUNT}};
    trib_session_info info;
    trib_public_key enc;
    trib_session_info_make("plant", gateway->name, gateway->generation, &info);
    const trib_hpke_sender sender = {.info = trib_bytes_of(info.bytes, info.size),
                                     .recipient = &core->secrets.agreement.public,
                                     .own = &gateway->agreement};
    FUZZ_MUST(trib_ok(trib_hpke_setup_sender(core->crypto, &sender, &enc, &gateway->context)));
    memcpy(join.federation, "plant", sizeof "plant");
    memcpy(join.gateway, gateway->name, strlen(gateway->name));
    TRIB_WIRE_SET_BYTES(join.enc, enc.bytes, sizeof enc.bytes);
    TRIB_WIRE_SET_BYTES(join.agreement_key, gateway->agreement.public.bytes, TRIB_PUBLIC_KEY_BYTES);
    trib_bytes chain = trib_buffer_view(&gateway->chain);
    trib_wire_put(&join.chain, &chain);
    FUZZ_MUST(trib_ok(TRIB_WIRE_ENCODE(Join, &join, body)));
}

void fuzz_gateway_join(fuzz_gateway *gateway, const cloud_core *core, trib_cursor *program,
                       trib_writer *ret_envelope) {
    uint8_t bytes[FUZZ_MESSAGE_ROOM];
    trib_writer body = trib_writer_of(bytes, sizeof bytes);
    make_body(gateway, core, &body);
    fuzz_patch(program, &body);
    FUZZ_MUST(trib_ok(trib_envelope_seal(core->crypto, &gateway->signing.secret, "", "join",
                                         trib_written(&body), ret_envelope)));
    FUZZ_MUST(trib_ok(trib_session_number(core->crypto, trib_written(&body), &gateway->session)));
    gateway->joined = true;
    fuzz_gateway_key(gateway, core->boot);
}

void fuzz_gateway_key(fuzz_gateway *gateway, uint64_t boot) {
    if (gateway->joined) {
        const trib_crypto *crypto = trib_crypto_host();
        FUZZ_MUST(trib_ok(trib_channel_init(crypto, &gateway->context, gateway->session,
                                            TRIB_TOPIC_UP_UPDATE, boot, &gateway->update)));
        FUZZ_MUST(trib_ok(trib_channel_init(crypto, &gateway->context, gateway->session,
                                            TRIB_TOPIC_UP_PREDICTION, boot, &gateway->prediction)));
        FUZZ_MUST(trib_ok(trib_channel_init(crypto, &gateway->context, gateway->session,
                                            TRIB_TOPIC_UP_TELEMETRY, boot, &gateway->telemetry)));
    }
}

void fuzz_gateway_seal(const fuzz_gateway *gateway, trib_channel *channel, trib_bytes plain,
                       char ret_topic[TRIB_TOPIC_SIZE], trib_writer *ret_frame) {
    trib_topic topic = {.kind = channel->kind, .federation = "plant"};
    memcpy(topic.gateway, gateway->name, strlen(gateway->name));
    trib_topic_format(&topic, ret_topic);
    FUZZ_MUST(trib_ok(trib_channel_seal(trib_crypto_host(), channel, ret_topic, plain, ret_frame)));
}
