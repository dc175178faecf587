/* What the cloud says to all: federation, round, release. Numbers only rise, across restarts too.
 */
#include <stdio.h>
#include <string.h>

#include "common/crypto/select.h"
#include "edge/session/inside.h"

/* Opens a signed notice; false when it is forged, malformed, or another federation's. */
static bool open_notice(edge_session *session, const char *purpose, trib_bytes payload,
                        trib_bytes *ret_body, edge_actions *actions) {
    trib_status status =
        trib_envelope_open(session->crypto, session->identity->trusted, purpose, payload, ret_body);
    if (trib_ok(status)) {
        return true;
    }
    session->counts.forged += status.code != TRIB_E_CORRUPT;
    session->counts.garbage += status.code == TRIB_E_CORRUPT;
    edge_say(actions, true, "%s notice refused: %s", purpose, trib_message());
    return false;
}

static bool malformed(edge_session *session, const char *what, edge_actions *actions) {
    session->counts.garbage++;
    edge_say(actions, true, "%s notice refused: %s", what, trib_message());
    return false;
}

static bool stale(edge_session *session, const char *what, edge_actions *actions) {
    session->counts.stale++;
    edge_say(actions, true, "%s notice refused: older than one seen before", what);
    return false;
}

/* A session does not outlive the cloud's agreement key or its incarnation. */
static void check_session(edge_session *session, const trib_wire_Federation *notice) {
    edge_state_Session *state = &session->state;
    bool same_key =
        state->agreement_key.size == TRIB_PUBLIC_KEY_BYTES &&
        memcmp(state->agreement_key.bytes, notice->agreement_key.bytes, TRIB_PUBLIC_KEY_BYTES) == 0;
    if (!same_key || notice->incarnation != state->incarnation) {
        state->welcomed = false;
        trib_free(session->join);
        session->join = NULL;
    }
}

static bool take_federation(edge_session *session, trib_bytes payload, edge_actions *actions) {
    trib_wire_Federation notice = trib_wire_Federation_init_zero;
    trib_bytes body, document;
    edge_state_Session *state = &session->state;
    trib_wire_catch(&notice.document, &document);
    if (!open_notice(session, "federation", payload, &body, actions)) {
        return false;
    }
    if (!trib_ok(TRIB_WIRE_DECODE(Federation, body, &notice)) ||
        strcmp(notice.federation, session->identity->federation) != 0 ||
        notice.agreement_key.size != TRIB_PUBLIC_KEY_BYTES || document.size == 0) {
        return malformed(session, "federation", actions);
    }
    bool same_incarnation = notice.incarnation == state->incarnation;
    if (notice.incarnation < state->incarnation ||
        (same_incarnation && (notice.boot < state->boot || notice.revision < state->revision))) {
        return stale(session, "federation", actions);
    }
    check_session(session, &notice);
    if (!same_incarnation || notice.boot != state->boot) {
        edge_pending_anew(session); /* whatever was sent before, the cloud now cannot open */
    }
    bool fresh = !same_incarnation || notice.revision > state->revision;
    state->incarnation = notice.incarnation;
    state->boot = notice.boot;
    state->revision = notice.revision;
    memcpy(session->agreement_key, notice.agreement_key.bytes, TRIB_PUBLIC_KEY_BYTES);
    session->federation_known = true;
    edge_session_heard(session);
    if (fresh) { /* before the revision is: a crash in between stores the document again */
        (void)edge_add_bytes(actions, EDGE_ACTION_DOCUMENT, notice.revision, document);
    }
    edge_persist(actions);
    return true;
}

void edge_session_on_federation(edge_session *session, trib_bytes payload, edge_actions *actions) {
    if (!take_federation(session, payload, actions)) {
        return;
    }
    /* Also while a welcome is awaited: the keys of what goes up depend on the cloud's start number.
     */
    if ((session->state.welcomed || session->keyed) && !trib_ok(edge_session_key(session))) {
        session->state.welcomed = false;
    }
    if (session->state.welcomed) {
        edge_session_resume(session, actions);
    } else {
        edge_session_join(session, actions);
    }
}

void edge_session_on_round(edge_session *session, trib_bytes payload, edge_actions *actions) {
    trib_wire_Round notice = trib_wire_Round_init_zero;
    trib_bytes body;
    edge_state_Session *state = &session->state;
    if (!open_notice(session, "round", payload, &body, actions)) {
        return;
    }
    if (!trib_ok(TRIB_WIRE_DECODE(Round, body, &notice)) ||
        strcmp(notice.federation, session->identity->federation) != 0 ||
        notice.salt.size != TRIB_SELECT_SALT_BYTES || notice.round == 0) {
        (void)malformed(session, "round", actions);
        return;
    }
    /* A cloud that has lost records goes on in another incarnation, and may have closed less. */
    bool same_incarnation = notice.round >> 32 == state->round >> 32;
    if (notice.round < state->round ||
        (same_incarnation && notice.closed_through < state->closed_through)) {
        (void)stale(session, "round", actions);
        return;
    }
    edge_session_heard(session);
    if (notice.revision > state->revision) { /* its document comes before the round does */
        edge_session_doubt(session);
    }
    bool changed = notice.round > state->round || notice.closed_through != state->closed_through;
    state->round = notice.round;
    state->closed_through = notice.closed_through;
    state->abandoned = notice.abandoned;
    if (changed) {
        edge_persist(actions);
    }
    session->round = notice;
    session->round_wanted =
        notice.open && notice.round > state->trained_round && notice.round > state->closed_through;
    if (changed) {
        edge_forget_closed(session, actions);
    }
    edge_session_resume(session, actions);
}

void edge_session_on_release(edge_session *session, trib_bytes payload, edge_actions *actions) {
    trib_wire_Release notice = trib_wire_Release_init_zero;
    trib_bytes body;
    if (!open_notice(session, "release", payload, &body, actions)) {
        return;
    }
    if (!trib_ok(TRIB_WIRE_DECODE(Release, body, &notice)) ||
        strcmp(notice.federation, session->identity->federation) != 0 || !notice.has_model ||
        notice.release == 0) {
        (void)malformed(session, "release", actions);
        return;
    }
    if (notice.release < session->state.release || notice.release < session->release.release) {
        (void)stale(session, "release", actions);
        return;
    }
    session->release = notice;
    session->release_wanted = notice.release > session->installed_release;
    edge_session_resume(session, actions);
}

static bool selected(const edge_session *session) {
    uint32_t value = TRIB_SELECT_RANGE;
    return trib_ok(trib_select(session->crypto, session->round.salt.bytes,
                               session->identity->gateway, session->round.round, &value)) &&
           value < session->round.fraction_ppm;
}

static void start_training(edge_session *session, trib_bytes base, edge_actions *actions) {
    const trib_wire_Round *round = &session->round;
    edge_round_task task = {.round = round->round,
                            .ordinal = round->ordinal,
                            .statistics = round->kind == trib_wire_RoundKind_ROUND_KIND_STATISTICS,
                            .max_weight = round->max_weight,
                            .clip_norm = round->clip_norm};
    if (!task.statistics) {
        memcpy(task.base_digest, session->base_digest, TRIB_HASH_BYTES);
    }
    edge_action *action = edge_add_view(actions, EDGE_ACTION_TRAIN, round->round, base);
    if (action == NULL) {
        return; /* too much at once: with the next event */
    }
    action->round = task;
    session->round_wanted = false;
    session->state.trained_round = round->round;
    edge_persist(actions);
}

static void resume_round(edge_session *session, edge_actions *actions) {
    if (!selected(session)) {
        session->round_wanted = false;
        edge_say(actions, false, "not selected for round %llu",
                 (unsigned long long)session->round.round);
        return;
    }
    trib_bytes base = {NULL, 0};
    if (session->round.kind == trib_wire_RoundKind_ROUND_KIND_STATISTICS) {
        start_training(session, base, actions);
    } else if (session->round.has_base &&
               edge_session_fetch(session, &session->round.base, true, &base, actions)) {
        start_training(session, base, actions);
    }
}

/* The state names the newest release that was handed out, so that none before it is believed again;
 * whether it is installed is what the owner's slot says. */
static void resume_release(edge_session *session, edge_actions *actions) {
    trib_bytes file;
    if (edge_session_fetch(session, &session->release.model, false, &file, actions)) {
        edge_action *action =
            edge_add_view(actions, EDGE_ACTION_INSTALL, session->release.release, file);
        if (action == NULL) {
            return; /* too much at once: with the next event */
        }
        action->owned = session->base_file; /* from the slot it can be had again */
        session->base_file = NULL;
        session->release_wanted = false;
        session->state.release = session->release.release;
        edge_persist(actions);
    }
}

void edge_session_resume(edge_session *session, edge_actions *actions) {
    if (!edge_session_ready(session)) {
        return;
    }
    if (session->round_wanted) {
        resume_round(session, actions);
    }
    if (session->release_wanted) {
        resume_release(session, actions);
    }
    if (session->pending.round != 0 && session->pending.sent_ms == 0) {
        session->pending.sent_ms = session->now_ms > 0 ? session->now_ms : 1;
        (void)edge_add(actions, EDGE_ACTION_OUTBOX_SEND);
    }
}
