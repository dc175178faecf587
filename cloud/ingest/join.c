#include "cloud/ingest/join.h"

#include <string.h>

#include "common/seal/envelope.h"
#include "common/seal/session_info.h"

/* The parts of a join that verification and derivation look at. */
static trib_status take_apart(const trib_crypto *crypto, trib_bytes bytes, trib_envelope *envelope,
                              trib_bytes *chain, cloud_join *join) {
    TRIB_TRY(trib_envelope_parse(bytes, envelope));
    join->message = (trib_wire_Join)trib_wire_Join_init_zero;
    trib_wire_catch(&join->message.chain, chain);
    TRIB_TRY(TRIB_WIRE_DECODE(Join, envelope->body, &join->message));
    if (join->message.enc.size != TRIB_PUBLIC_KEY_BYTES ||
        join->message.agreement_key.size != TRIB_PUBLIC_KEY_BYTES ||
        join->message.generation == 0) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "a join without keys or generation");
    }
    return trib_session_number(crypto, envelope->body, &join->session);
}

trib_status cloud_join_verify(const cloud_join_rules *rules, trib_bytes bytes,
                              cloud_join *ret_join) {
    trib_envelope envelope;
    trib_bytes chain;
    cloud_join join;
    TRIB_TRY(take_apart(rules->crypto, bytes, &envelope, &chain, &join));
    if (strcmp(join.message.federation, rules->federation) != 0 ||
        strcmp(join.message.gateway, rules->gateway) != 0) {
        return TRIB_FAIL(TRIB_E_DENIED, "a join for %.63s/%.63s under the topic of %s/%s",
                         join.message.federation, join.message.gateway, rules->federation,
                         rules->gateway);
    }
    TRIB_TRY(trib_identity_verify(chain, rules->authorities_pem, rules->now_s, &join.identity));
    if (strcmp(join.identity.name, rules->gateway) != 0) {
        return TRIB_FAIL(TRIB_E_DENIED, "the certificate is %s's, the join %s's",
                         join.identity.name, rules->gateway);
    }
    TRIB_TRY(
        trib_verify(rules->crypto, &join.identity.key, "join", envelope.body, &envelope.signature));
    *ret_join = join;
    return TRIB_SUCCESS;
}

trib_status cloud_join_reread(const trib_crypto *crypto, trib_bytes bytes, cloud_join *ret_join) {
    trib_envelope envelope;
    trib_bytes chain;
    cloud_join join = {.session = 0};
    TRIB_TRY(take_apart(crypto, bytes, &envelope, &chain, &join));
    *ret_join = join;
    return TRIB_SUCCESS;
}

static trib_status init_channels(const trib_crypto *crypto, const trib_hpke *context,
                                 uint64_t session, uint64_t boot, cloud_gateway *gateway) {
    const struct {
        trib_topic_kind kind;
        trib_channel *channel;
        uint64_t boot;
    } all[] = {{TRIB_TOPIC_UP_UPDATE, &gateway->update, boot},
               {TRIB_TOPIC_UP_PREDICTION, &gateway->prediction, boot},
               {TRIB_TOPIC_UP_ALERT, &gateway->alert, boot},
               {TRIB_TOPIC_UP_TELEMETRY, &gateway->telemetry, boot},
               {TRIB_TOPIC_DOWN_WELCOME, &gateway->welcome, 0},
               {TRIB_TOPIC_DOWN_RECEIPT, &gateway->receipt, 0}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        TRIB_TRY(
            trib_channel_init(crypto, context, session, all[i].kind, all[i].boot, all[i].channel));
    }
    gateway->welcome.next = boot << 32;
    gateway->receipt.next = boot << 32;
    return TRIB_SUCCESS;
}

trib_status cloud_join_derive(const trib_crypto *crypto, const trib_key_pair *own,
                              const char *federation, uint64_t boot, cloud_gateway *gateway) {
    cloud_join join;
    TRIB_TRY(cloud_join_reread(crypto, trib_bytes_of(gateway->join, gateway->join_size), &join));
    trib_session_info info;
    trib_session_info_make(federation, gateway->name, join.message.generation, &info);
    trib_public_key enc, sender;
    memcpy(enc.bytes, join.message.enc.bytes, sizeof enc.bytes);
    memcpy(sender.bytes, join.message.agreement_key.bytes, sizeof sender.bytes);
    const trib_hpke_receiver receiver = {
        .info = trib_bytes_of(info.bytes, info.size), .own = own, .sender = &sender, .enc = &enc};
    TRIB_SCOPED(trib_hpke_wipe) trib_hpke context;
    TRIB_TRY(trib_hpke_setup_receiver(crypto, &receiver, &context));
    TRIB_TRY(init_channels(crypto, &context, join.session, boot, gateway));
    gateway->keyed = true;
    return TRIB_SUCCESS;
}
