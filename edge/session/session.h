/* The gateway's half of the protocol as a pure machine: events in, actions out.
 *
 * No clock, network or disk: times are in the events, and the owner carries out the actions in
 * their order. A PERSIST comes before whatever depends on it, so an owner that stores, then sends,
 * never uses a number twice and never takes an old notice for a new one, whenever it is killed.
 *
 *     federation notice -> join -> welcome -> round notice -> (fetch base) -> TRAIN
 *     update in the outbox -> frames -> receipt -> OUTBOX_VERDICT -> closed -> OUTBOX_DELETE
 *     release notice -> fetch -> INSTALL
 *
 * Everything from the broker is checked: signatures of the cloud's trusted keys, names, numbers
 * that only rise, sequence numbers, digests. What fails is counted and said, and changes nothing.
 *
 * errors   creating: TRIB_E_IO for memory; later, what fails is said, and asked for again
 * threads  one
 */
#ifndef EDGE_SESSION_SESSION_H
#define EDGE_SESSION_SESSION_H

#include "common/base/heap.h"
#include "common/crypto/keys.h"
#include "common/seal/channel.h"
#include "common/seal/object.h"
#include "edge/session/state.pb.h"

enum {
    EDGE_MAX_ACTIONS = 1024, /* that one event leads to */
    EDGE_UPDATE_CHUNK_BYTES = 120 * 1024 - 512,
    EDGE_SEND_AT_ONCE = 32, /* chunks of an update; the next once the link has taken these */
    EDGE_RESEND_MS = 10000, /* an update without a receipt is sent again */
    EDGE_RESENDS = 8,       /* without a receipt; then, and after 16, 32 ..., it joins anew */
    EDGE_SHORT_BYTES = 1024,
    EDGE_ANSWER_MS = 300000,   /* chunks that the broker does not answer hold up the next */
    EDGE_JOIN_FIRST_MS = 3000, /* a join without a welcome; doubles up to */
    EDGE_JOIN_LONGEST_MS = 60000,
    /* Connected, and nothing heard: notices are asked for. Doubles up to the longest. */
    EDGE_ASK_FIRST_MS = 10000,
    EDGE_ASK_LATER_MS = 60000, /* once something was heard */
    EDGE_ASK_LONGEST_MS = 3600000
};

/* Who this agent is. Owned by the caller; must outlive the session. */
typedef struct edge_identity {
    char federation[TRIB_NAME_SIZE];
    char gateway[TRIB_NAME_SIZE];
    trib_bytes chain_pem;
    const trib_private_key *signing; /* the certificate's */
    const trib_key_pair *agreement;
    const trib_trusted *trusted; /* the cloud's signing keys */
    trib_wire_Capabilities capabilities;
    uint64_t boot; /* this start's number: persisted by the owner, never the same twice */
} edge_identity;

typedef enum edge_action_kind {
    EDGE_ACTION_PUBLISH = 1, /* bytes to topic, QoS 1; `retain` */
    EDGE_ACTION_SUBSCRIBE,   /* topic */
    EDGE_ACTION_UNSUBSCRIBE, /* topic */
    EDGE_ACTION_PERSIST,     /* edge_session_state: store it before going on */
    EDGE_ACTION_DOCUMENT, /* bytes: the federation document, revision in number; store and apply */
    EDGE_ACTION_TRAIN, /* a round to take part in: the fields of `round`; bytes: the base's file */
    EDGE_ACTION_OUTBOX_VERDICT, /* number: round; text: verdict. The update stays until its close;
                                 * one that was accepted may count nowhere after all */
    EDGE_ACTION_OUTBOX_DELETE,  /* number: rounds are closed through it; abandoned: bit n says that
                                 * of number - n the updates count nowhere */
    EDGE_ACTION_OUTBOX_SEND, /* the owner calls edge_session_send with the oldest without a verdict
                              */
    EDGE_ACTION_INSTALL,     /* bytes: the released model's file; number: release */
    EDGE_ACTION_LOAD,        /* the owner calls edge_session_supply with what it has installed */
    EDGE_ACTION_SAY          /* text for the log; `warning` */
} edge_action_kind;

typedef struct edge_round_task {
    uint64_t round;
    uint32_t ordinal;
    bool statistics;
    uint32_t max_weight;
    float clip_norm;
    uint8_t base_digest[TRIB_HASH_BYTES];
} edge_round_task;

typedef struct edge_action {
    edge_action_kind kind;
    char topic[TRIB_TOPIC_SIZE];
    const uint8_t *bytes; /* of TRAIN the session's or another action's: for now only */
    size_t size;
    uint8_t *owned; /* by the list: what bytes points to, or NULL */
    bool retain;
    bool warning;
    uint64_t number;
    uint64_t abandoned;
    edge_round_task round;
    char text[200];
} edge_action;

/* What an event led to. Zero-initialise; clear after carrying it out, deinit at the end. */
typedef struct edge_actions {
    edge_action *items; /* owned; moves when it grows */
    size_t count;
    size_t capacity;
    bool overflow; /* a bound of this file was too small: said, and made up by a resend */
} edge_actions;
void edge_actions_clear(edge_actions *actions);
void edge_actions_deinit(edge_actions *actions);

typedef struct edge_session_counts {
    uint64_t forged, stale, replayed, garbage, refused_objects;
} edge_session_counts;

typedef struct edge_session edge_session;

/* `stored` is what was persisted last, or NULL. */
TRIB_MUST_CHECK trib_status edge_session_create(const trib_crypto *crypto,
                                                const edge_identity *identity,
                                                const edge_state_Session *stored,
                                                edge_session **ret_session);
void edge_session_destroy(edge_session *session);
const edge_state_Session *edge_session_state(const edge_session *session);
edge_session_counts edge_session_counted(const edge_session *session);
/* Joined, and welcomed by the cloud that is there now. */
bool edge_session_ready(const edge_session *session);

/* The owner's copy of the document cannot be read: the next notice brings it again. */
void edge_session_document_lost(edge_session *session);

/* While held, it does not join: a gateway that still reads its recording has nothing to train on
 * yet. */
void edge_session_hold(edge_session *session, bool held);

void edge_session_connected(edge_session *session, uint64_t now_ms, edge_actions *ret_actions);
void edge_session_disconnected(edge_session *session);
void edge_session_message(edge_session *session, const char *topic, trib_bytes payload,
                          uint64_t now_ms, edge_actions *ret_actions);
void edge_session_tick(edge_session *session, uint64_t now_ms, edge_actions *ret_actions);
uint64_t edge_session_wait_ms(const edge_session *session, uint64_t now_ms);

/* An update could not be made for this round: it may be asked for again. */
void edge_session_untrained(edge_session *session, uint64_t round, edge_actions *ret_actions);

/* The oldest update without a verdict (an encoded trib.wire.Update) in the owner's outbox, durable
 * there: its next EDGE_SEND_AT_ONCE frames at most, from the first on when sending again. Nothing
 * while those before are on their way. */
void edge_session_send(edge_session *session, uint64_t round, trib_bytes update, uint64_t now_ms,
                       edge_actions *ret_actions);

/* The broker has answered all that was published, or the connection was lost: asks for the rest of
 * the update, if there is more. The wait for its receipt begins with the last of it. */
void edge_session_drained(edge_session *session, uint64_t now_ms, edge_actions *ret_actions);

/* What the owner has in its active slot, after each INSTALL that succeeded and at the start:
 * releases up to it are not asked for, and its file is not fetched again. */
void edge_session_installed(edge_session *session, uint64_t release,
                            const uint8_t digest[TRIB_HASH_BYTES]);
/* An INSTALL failed for now: it is asked for again. */
void edge_session_not_installed(edge_session *session, edge_actions *ret_actions);
/* That file, or NULL when it cannot be read: it is fetched then. */
void edge_session_supply(edge_session *session, uint8_t *file_take, size_t size,
                         edge_actions *ret_actions);

/* A message of another kind: its frame, if the session is ready. Telemetry has at most
 * TRIB_TELEMETRY_MAX_BYTES, what is short (a prediction) EDGE_SHORT_BYTES with its frame. */
void edge_session_tell(edge_session *session, trib_topic_kind kind, trib_bytes plain,
                       edge_actions *ret_actions);

#endif
