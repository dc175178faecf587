/* Joining: a new generation, a new HPKE context, and the cloud's welcome. */
#include <stdio.h>
#include <string.h>

#include "common/seal/session_info.h"
#include "edge/session/inside.h"

enum { JOIN_ROOM = 20 * 1024 };

trib_status edge_session_key(edge_session *session) {
    const edge_state_Session *state = &session->state;
    const struct {
        trib_topic_kind kind;
        trib_channel *channel;
        uint64_t boot, next;
    } all[] = {
        {TRIB_TOPIC_UP_UPDATE, &session->update, state->boot, session->identity->boot << 32},
        {TRIB_TOPIC_UP_PREDICTION, &session->prediction, state->boot,
         session->identity->boot << 32},
        {TRIB_TOPIC_UP_ALERT, &session->alert, state->boot, session->identity->boot << 32},
        {TRIB_TOPIC_UP_TELEMETRY, &session->telemetry, state->boot, session->identity->boot << 32},
        {TRIB_TOPIC_DOWN_WELCOME, &session->welcome, 0, state->welcome_next},
        {TRIB_TOPIC_DOWN_RECEIPT, &session->receipt, 0, state->receipt_next},
    };
    if (state->context.size != sizeof(trib_hpke)) {
        return TRIB_FAIL(TRIB_E_STATE, "there is no session");
    }
    TRIB_SCOPED(trib_hpke_wipe) trib_hpke context;
    memcpy(&context, state->context.bytes, sizeof context);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        uint64_t kept = all[i].channel->next;
        bool same = session->keyed && all[i].channel->session == state->session;
        TRIB_TRY(trib_channel_init(session->crypto, &context, state->session, all[i].kind,
                                   all[i].boot, all[i].channel));
        /* A number is never used twice under a key: within this start, keep counting. */
        all[i].channel->next = same && kept > all[i].next ? kept : all[i].next;
    }
    session->keyed = true;
    return TRIB_SUCCESS;
}

static trib_status make_body(edge_session *session, trib_writer *body, trib_hpke *ret_context) {
    const edge_identity *identity = session->identity;
    trib_wire_Join join = trib_wire_Join_init_zero;
    trib_session_info info;
    trib_public_key cloud, enc;
    memcpy(cloud.bytes, session->agreement_key, sizeof cloud.bytes);
    trib_session_info_make(identity->federation, identity->gateway, session->state.generation,
                           &info);
    const trib_hpke_sender sender = {.info = trib_bytes_of(info.bytes, info.size),
                                     .recipient = &cloud,
                                     .own = identity->agreement};
    TRIB_TRY(trib_hpke_setup_sender(session->crypto, &sender, &enc, ret_context));
    memcpy(join.federation, identity->federation, sizeof join.federation);
    memcpy(join.gateway, identity->gateway, sizeof join.gateway);
    join.generation = session->state.generation;
    TRIB_WIRE_SET_BYTES(join.enc, enc.bytes, sizeof enc.bytes);
    TRIB_WIRE_SET_BYTES(join.agreement_key, identity->agreement->public.bytes,
                        TRIB_PUBLIC_KEY_BYTES);
    trib_wire_put(&join.chain, &identity->chain_pem);
    join.has_capabilities = true;
    join.capabilities = identity->capabilities;
    return TRIB_WIRE_ENCODE(Join, &join, body);
}

/* Above every one of before, also where the stored one has been set back: damage to the log of a
 * database takes what was stored since the start, but never the start's number. */
static uint64_t next_generation(const edge_session *session) {
    uint64_t stored = session->state.generation, floor = session->identity->boot << 32;
    return (stored > floor ? stored : floor) + 1;
}

static trib_status make_join(edge_session *session) {
    TRIB_SCOPED(trib_free_scoped) uint8_t *storage = trib_allocate(2, JOIN_ROOM);
    if (storage == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a join");
    }
    TRIB_SCOPED(trib_hpke_wipe) trib_hpke context;
    trib_writer body = trib_writer_of(storage, JOIN_ROOM);
    trib_writer envelope = trib_writer_of(storage + JOIN_ROOM, JOIN_ROOM);
    session->state.generation = next_generation(session);
    TRIB_TRY(make_body(session, &body, &context));
    TRIB_TRY(trib_envelope_seal(session->crypto, session->identity->signing, "", "join",
                                trib_written(&body), &envelope));
    uint8_t *copy = trib_allocate(envelope.size, 1);
    if (copy == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a join");
    }
    memcpy(copy, envelope.data, envelope.size);
    trib_free(session->join);
    session->join = copy;
    session->join_size = envelope.size;
    edge_state_Session *state = &session->state;
    TRIB_TRY(trib_session_number(session->crypto, trib_written(&body), &state->session));
    TRIB_WIRE_SET_BYTES(state->context, &context, sizeof context);
    TRIB_WIRE_SET_BYTES(state->agreement_key, session->agreement_key, TRIB_PUBLIC_KEY_BYTES);
    state->welcomed = false;
    state->welcome_next = 0;
    state->receipt_next = 0;
    session->keyed = false;
    return edge_session_key(session);
}

void edge_session_join(edge_session *session, edge_actions *actions) {
    if (session->held) {
        return;
    }
    if (session->join == NULL) {
        if (!trib_ok(make_join(session))) {
            edge_say(actions, true, "cannot join: %s", trib_message());
            session->join_due_ms = session->now_ms + EDGE_JOIN_LONGEST_MS;
            return;
        }
        session->join_delay_ms = EDGE_JOIN_FIRST_MS;
        edge_persist(actions); /* the generation, before the cloud hears of it */
        edge_say(actions, false, "joining with generation %llu",
                 (unsigned long long)session->state.generation);
    }
    edge_action *action = edge_add_bytes(actions, EDGE_ACTION_PUBLISH, 0,
                                         trib_bytes_of(session->join, session->join_size));
    if (action != NULL) {
        edge_topic(session, TRIB_TOPIC_UP_JOIN, action->topic);
    }
    session->join_due_ms = session->now_ms + session->join_delay_ms;
    session->join_delay_ms = 2 * session->join_delay_ms < EDGE_JOIN_LONGEST_MS
                                 ? 2 * session->join_delay_ms
                                 : EDGE_JOIN_LONGEST_MS;
}

void edge_session_on_welcome(edge_session *session, const char *topic, trib_bytes payload,
                             edge_actions *actions) {
    uint8_t storage[1024];
    trib_writer plain = trib_writer_of(storage, sizeof storage);
    trib_wire_Welcome welcome = trib_wire_Welcome_init_zero;
    if (!session->keyed && !trib_ok(edge_session_key(session))) {
        return; /* of an earlier session */
    }
    trib_status status =
        trib_channel_open(session->crypto, &session->welcome, topic, payload, &plain);
    if (trib_ok(status)) {
        status = TRIB_WIRE_DECODE(Welcome, trib_written(&plain), &welcome);
    }
    if (trib_ok(status) &&
        (welcome.session != session->state.session || welcome.epochs_count == 0 ||
         welcome.epochs[0].key.size != TRIB_AEAD_KEY_BYTES)) {
        status = TRIB_FAIL(TRIB_E_CORRUPT, "a welcome without a key, or to another session");
    }
    trib_wipe(storage, sizeof storage);
    if (!trib_ok(status)) {
        session->counts.replayed += status.code == TRIB_E_STATE;
        session->counts.forged += status.code == TRIB_E_DENIED;
        session->counts.garbage += status.code == TRIB_E_CORRUPT;
        edge_say(actions, true, "welcome refused: %s", trib_message());
        return;
    }
    edge_state_Session *state = &session->state;
    bool first = !state->welcomed;
    state->welcomed = true;
    state->welcome_next = session->welcome.next;
    state->epoch = welcome.epochs[0].epoch;
    TRIB_WIRE_SET_BYTES(state->epoch_key, welcome.epochs[0].key.bytes, TRIB_AEAD_KEY_BYTES);
    trib_free(session->join);
    session->join = NULL;
    edge_persist(actions);
    if (first) {
        edge_pending_anew(session); /* what went up in the session before may be lost with it */
        edge_say(actions, false, "welcomed; the cloud's clock says %llu ms",
                 (unsigned long long)welcome.time_ms);
    }
    trib_wipe(&welcome, sizeof welcome);
    edge_session_resume(session, actions);
}
