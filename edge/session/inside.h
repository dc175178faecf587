/* Inside this room: the session's state, and what its files share. */
#ifndef EDGE_SESSION_INSIDE_H
#define EDGE_SESSION_INSIDE_H

#include "common/seal/envelope.h"
#include "common/wire/wire.h"
#include "edge/session/session.h"

/* An object being put together; one may serve a round and a release at once. */
typedef struct edge_fetch {
    bool active;
    trib_wire_Object object;
    trib_object_key key;
    uint8_t *bytes; /* [object.size], owned */
    uint8_t *have;  /* [chunk count], owned */
    uint32_t missing;
    uint64_t asked_ms; /* or when a chunk came last */
} edge_fetch;

enum { EDGE_FETCHES = 2 };

/* The oldest update without a verdict in the owner's outbox. */
typedef struct edge_pending {
    uint64_t round; /* 0: none */
    uint8_t digest[TRIB_HASH_BYTES];
    uint64_t sent_ms; /* 0: not since connecting */
    size_t size;
    uint32_t next;    /* chunk to hand out; 0: from the start */
    uint32_t count;   /* of chunks */
    uint32_t resends; /* without a receipt, those of rounds before included */
    bool on_its_way;  /* what was handed out has not been answered yet */
} edge_pending;

struct edge_session {
    const trib_crypto *crypto;
    const edge_identity *identity;
    edge_state_Session state;
    bool connected;
    bool held;
    /* from the newest federation notice on this connection */
    bool federation_known;
    uint8_t agreement_key[TRIB_PUBLIC_KEY_BYTES];
    /* the session's channels, derived from state.context */
    bool keyed;
    trib_channel update, prediction, alert, telemetry, welcome, receipt;
    /* a join that waits for its welcome */
    uint8_t *join;
    size_t join_size;
    uint64_t join_due_ms, join_delay_ms;
    uint64_t asked_ms, ask_due_ms, ask_delay_ms; /* for notices that may be lost */
    bool in_doubt;                               /* whatever else is heard, it asks */
    /* what is asked for now */
    trib_wire_Round round;
    bool round_wanted; /* selected, its base not here yet */
    trib_wire_Release release;
    bool release_wanted;
    edge_fetch fetches[EDGE_FETCHES];
    uint8_t base_digest[TRIB_HASH_BYTES]; /* of base_file */
    uint8_t *base_file; /* the last object that was fetched, owned: often base and release in one */
    size_t base_size;
    uint64_t installed_release;
    uint8_t installed[TRIB_HASH_BYTES]; /* of the file in the owner's slot */
    bool installed_known, load_asked;   /* it can be loaded again; it is being */
    edge_pending pending;
    edge_session_counts counts;
    uint64_t now_ms;
};

edge_action *edge_add(edge_actions *actions, edge_action_kind kind);
void edge_say(edge_actions *actions, bool warning, const char *format, ...) TRIB_PRINTF(3, 4);
/* A copy of the bytes. NULL as edge_add. */
edge_action *edge_add_bytes(edge_actions *actions, edge_action_kind kind, uint64_t number,
                            trib_bytes bytes);
/* Without a copy: `view` is the session's. NULL as edge_add. */
edge_action *edge_add_view(edge_actions *actions, edge_action_kind kind, uint64_t number,
                           trib_bytes view);
/* Whether a TRAIN that may not be carried out yet looks at the base's file, which then must stay.
 */
bool edge_base_viewed(const edge_session *session, const edge_actions *actions);
void edge_persist(edge_actions *actions);
/* What was sent of the update is lost: from its first chunk, and at once. */
void edge_pending_anew(edge_session *session);
/* The outbox may forget updates with a verdict once their rounds are closed. */
void edge_forget_closed(const edge_session *session, edge_actions *actions);
void edge_topic(const edge_session *session, trib_topic_kind kind, char *ret_text);

void edge_session_heard(edge_session *session);
/* Something shows that a notice was lost, such as that the cloud is another since: asks soon. */
void edge_session_doubt(edge_session *session);

/* session_join.c */
TRIB_MUST_CHECK trib_status edge_session_key(edge_session *session);
void edge_session_join(edge_session *session, edge_actions *actions);
void edge_session_on_welcome(edge_session *session, const char *topic, trib_bytes payload,
                             edge_actions *actions);

/* session_notices.c */
void edge_session_on_federation(edge_session *session, trib_bytes payload, edge_actions *actions);
void edge_session_on_round(edge_session *session, trib_bytes payload, edge_actions *actions);
void edge_session_on_release(edge_session *session, trib_bytes payload, edge_actions *actions);
/* Goes on with what was waiting for a welcome or an object. */
void edge_session_resume(edge_session *session, edge_actions *actions);

/* session_fetch.c */
/* True when the object is here: *ret_file. Else its chunks are being asked for, or it is refused.
 */
bool edge_session_fetch(edge_session *session, const trib_wire_Object *object, bool for_round,
                        trib_bytes *ret_file, edge_actions *actions);
void edge_session_on_chunk(edge_session *session, const trib_topic *topic, trib_bytes payload,
                           edge_actions *actions);
void edge_session_drop_fetches(edge_session *session);
/* After reconnecting: asks again for what is missing. */
void edge_session_refetch(edge_session *session, edge_actions *actions);
/* Asks again where no chunk has come for EDGE_RESEND_MS. */
void edge_session_chase(edge_session *session, edge_actions *actions);

#endif
