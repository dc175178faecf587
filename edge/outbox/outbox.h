/* What the agent must not forget, in SQLite (state.db).
 *
 * A change survives kill -9 once it is settled, and loss of power once it is synced; what power
 * takes is always the newest. So the agent settles after each event, and syncs before anything
 * leaves that others could hold it to (frames, joins, the switch to another model).
 *
 * An update stays in the outbox until its receipt has come and its round is closed; it is kept
 * packed, and sealed anew whenever it is sent. It survives kill -9.
 *
 * errors   TRIB_E_CORRUPT a damaged database;  TRIB_E_IO a full disk and the like
 * threads  one
 */
#ifndef EDGE_OUTBOX_OUTBOX_H
#define EDGE_OUTBOX_OUTBOX_H

#include "common/base/heap.h"
#include "common/crypto/crypto.h"
#include "edge/session/state.pb.h"

typedef struct edge_outbox edge_outbox;

TRIB_MUST_CHECK trib_status edge_outbox_open(const char *path, edge_outbox **ret_outbox);
void edge_outbox_close(edge_outbox *outbox);

/* Opens a group, unless one is open: the changes until edge_outbox_settle are kept together, all or
 * none. A change outside a group is a group of its own. */
TRIB_MUST_CHECK trib_status edge_outbox_group(edge_outbox *outbox);
TRIB_MUST_CHECK trib_status edge_outbox_settle(edge_outbox *outbox);
/* Settles, and makes durable what has changed since the last sync; costs nothing if nothing has.
 * Whatever tells others about a change waits until this has succeeded. */
TRIB_MUST_CHECK trib_status edge_outbox_sync(edge_outbox *outbox);

/* This start's number: one more than ever before, and durable. */
TRIB_MUST_CHECK trib_status edge_outbox_boot(edge_outbox *outbox, uint64_t *ret_boot);

TRIB_MUST_CHECK trib_status edge_outbox_store_session(edge_outbox *outbox,
                                                      const edge_state_Session *session);
/* TRIB_E_NOT_FOUND before the first. */
TRIB_MUST_CHECK trib_status edge_outbox_load_session(edge_outbox *outbox,
                                                     edge_state_Session *ret_session);

TRIB_MUST_CHECK trib_status edge_outbox_store_document(edge_outbox *outbox, trib_bytes document);
/* Appends it; TRIB_E_NOT_FOUND before the first. */
TRIB_MUST_CHECK trib_status edge_outbox_load_document(edge_outbox *outbox,
                                                      trib_buffer *ret_document);

typedef struct edge_outbox_entry {
    uint64_t round;
    trib_bytes update; /* in the buffer given */
} edge_outbox_entry;

enum {
    EDGE_OUTBOX_MOST = 16,      /* updates; the oldest go first */
    EDGE_OUTBOX_RECEIPTS = 4096 /* and about 64 more; likewise */
};

/* Puts a round's update. Putting a second one for the same round changes nothing. */
TRIB_MUST_CHECK trib_status edge_outbox_put(edge_outbox *outbox, uint64_t round, trib_bytes update,
                                            uint64_t first_row, uint64_t last_row);
/* The oldest whose verdict is not known: updates are sent in the order of their rounds, one after
 * the other's verdict. TRIB_E_NOT_FOUND when there is none. */
TRIB_MUST_CHECK trib_status edge_outbox_get(edge_outbox *outbox, trib_buffer *storage,
                                            edge_outbox_entry *ret_entry);
/* Also a later verdict that takes an acceptance back. TRIB_E_NOT_FOUND if there is nothing to take
 * back, and no update of that round. */
TRIB_MUST_CHECK trib_status edge_outbox_verdict(edge_outbox *outbox, const trib_crypto *crypto,
                                                uint64_t round, const char *verdict);
/* Forgets the updates whose verdict is known and whose round is closed. Bit n of `abandoned`: round
 * closed_through - n was given up, so what was accepted of it counts nowhere; its receipt says so
 * from then on. *ret_taken_back: how many. */
TRIB_MUST_CHECK trib_status edge_outbox_delete(edge_outbox *outbox, uint64_t closed_through,
                                               uint64_t abandoned, uint32_t *ret_taken_back);
/* The newest round that an update was made for; 0 for none. */
TRIB_MUST_CHECK trib_status edge_outbox_newest(edge_outbox *outbox, uint64_t *ret_round);

typedef struct edge_slot {
    char name; /* 'a' or 'b' */
    uint64_t release;
    uint8_t digest[TRIB_HASH_BYTES];
} edge_slot;
/* TRIB_E_NOT_FOUND before the first. */
TRIB_MUST_CHECK trib_status edge_outbox_load_slot(edge_outbox *outbox, edge_slot *ret_slot);
TRIB_MUST_CHECK trib_status edge_outbox_store_slot(edge_outbox *outbox, const edge_slot *slot);

#endif
