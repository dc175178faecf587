/* For this room's tests: the cloud's side of a session, made of the real crypto, seal and wire code
 * with keys of its own, and an owner that carries actions out in their order, as the agent does:
 * what one event changes is kept together at its end, and is durable before anything is published
 * and before and after another model is installed.
 *
 * Whatever a test is about, the owner also judges what must hold for each action, and fails it:
 *   - whatever is published, all of the state is durable before it; a join's generation and context
 *     among it;
 *   - a round that is trained and a release that is installed are kept with the event that led to
 *     them, a verdict after its receipt's number;
 *   - a document is handed out before the stored state names it, so that a crash in between hands
 *     it out again; a release is newer than what is installed;
 *   - the bytes of a base are there, and what its digest says, when they are trained on;
 *   - no number is ever sealed twice under one key, restarts included.
 */
#ifndef EDGE_SESSION_SESSION_FIXTURE_H
#define EDGE_SESSION_SESSION_FIXTURE_H

#include "common/seal/envelope.h"
#include "common/seal/object.h"
#include "edge/session/session.h"

enum { FIXTURE_NUMBERS = 2048, FIXTURE_ALL = 1000000 };

#define FIXTURE_FEDERATION "plant"
#define FIXTURE_GATEWAY "press-1"

/* The cloud: its keys, the numbers that it puts into notices, and the newest join it has heard. */
typedef struct fixture_cloud {
    trib_key_pair signing, agreement;
    trib_key_id key_id;
    trib_secret master;
    uint64_t incarnation, boot, revision, epoch, closed_through;
    const char *document;
    trib_wire_Join join;
    uint64_t session;
    trib_channel update, prediction, welcome, receipt;
} fixture_cloud;

/* What was sealed: a number under a key, which follows from session and kind. */
typedef struct fixture_number {
    uint64_t session, sequence;
    trib_topic_kind kind;
} fixture_number;

/* The session's state, if there is one. */
typedef struct fixture_state {
    bool there;
    edge_state_Session is;
} fixture_state;

/* The owner's active slot; durable when INSTALL is done. */
typedef struct fixture_slot {
    uint64_t release; /* 0: none */
    uint8_t digest[TRIB_HASH_BYTES];
    trib_buffer file; /* tests may damage it; empty: it cannot be read */
} fixture_slot;

typedef struct fixture {
    const trib_crypto *crypto;
    fixture_cloud cloud;
    /* the gateway */
    trib_key_pair signing, agreement;
    trib_trusted trusted;
    edge_identity identity;
    edge_session *session;
    edge_actions actions;  /* what the last event led to; kept until the next event */
    fixture_state written; /* by the event that is carried out */
    fixture_state stored;  /* what a kill leaves */
    fixture_state synced;  /* what loss of power leaves */
    fixture_slot slot;
    bool disk_is_full; /* an INSTALL fails for now */
    trib_buffer base;  /* what was trained on last */
    size_t dies_after; /* actions of the next event; then the owner is dead */
    bool dead;
    uint64_t now_ms;
    fixture_number numbers[FIXTURE_NUMBERS];
    size_t number_count;
} fixture;

int fixture_create(void **state);
int fixture_destroy(void **state);

/* ---- the gateway --------------------------------------------------------------------------- */

/* Starts from what is stored and installed, with the next start number; whatever ran before is
 * gone. */
void gateway_starts(fixture *f);
/* What was not synced is gone, too. */
void gateway_loses_power(fixture *f);
/* Nothing was ever stored or installed. */
void gateway_is_wiped(fixture *f);
void gateway_connects(fixture *f);
void gateway_waits(fixture *f, uint64_t ms); /* until now_ms + ms, then ticks */
/* The owner gives it the oldest update of its outbox, and the broker answers at once. */
void gateway_sends(fixture *f, uint64_t round, trib_bytes update);
/* The same in two steps. */
void gateway_hands_out(fixture *f, uint64_t round, trib_bytes update);
void gateway_link_drains(fixture *f);
void gateway_tells(fixture *f, trib_topic_kind kind, trib_bytes plain);
void gateway_cannot_train(fixture *f, uint64_t round);
/* After an INSTALL that failed for now. */
void gateway_installs_again(fixture *f);
/* Started, connected, and welcomed, once it has joined if it still must. */
void gateway_is_ready(fixture *f);
/* Of the nth join (from 1) since it started. */
uint64_t nth_generation(const fixture *f, uint64_t nth);

size_t actions_of(const fixture *f, edge_action_kind kind);
/* All but those that ask for notices again, as a gateway does that has heard nothing for a while.
 */
size_t actions_beside_asking(const fixture *f);
/* The nth action of that kind (from 0), which must be there, and its place in the list. */
const edge_action *action_of(const fixture *f, edge_action_kind kind, size_t nth);
size_t place_of(const fixture *f, edge_action_kind kind, size_t nth);
/* Whether the last event subscribed to, unsubscribed from, or published under a topic. */
bool acted_on(const fixture *f, edge_action_kind kind, const char *topic);
/* Whether it said something that contains the text. */
bool was_said(const fixture *f, const char *text);
void topic_of(trib_topic_kind kind, char ret_text[TRIB_TOPIC_SIZE]);
/* Whether the state, now, is what it was. */
bool state_is(const fixture *f, const edge_state_Session *before);

/* ---- the cloud ----------------------------------------------------------------------------- */

/* Anything, under the gateway's or the federation's topic of that kind. */
void cloud_publishes(fixture *f, trib_topic_kind kind, trib_bytes payload);
/* A signed message: with the cloud's key, or another key under the name of some key. */
void cloud_tells(fixture *f, trib_topic_kind kind, const pb_msgdesc_t *fields, const void *notice);
void somebody_tells(fixture *f, const trib_key_pair *key, const char *key_id, trib_topic_kind kind,
                    const pb_msgdesc_t *fields, const void *notice);

/* With the next start number: it opens nothing that was sealed for the one before. */
void cloud_starts_again(fixture *f);
/* With the cloud's numbers as they stand. The document is a view of the fixture's. */
trib_wire_Federation federation_notice(fixture *f, trib_bytes *storage);
void cloud_tells_federation(fixture *f);
/* Open, for everybody; of statistics when there is no base. */
trib_wire_Round round_notice(const fixture *f, uint64_t round, const trib_wire_Object *base);
void cloud_tells_round(fixture *f, const trib_wire_Round *notice);
trib_wire_Release release_notice(uint64_t release, const trib_wire_Object *model);
void cloud_tells_release(fixture *f, const trib_wire_Release *notice);

/* Takes the one join that the last event published, and keys the session as the cloud would. */
void cloud_hears_join(fixture *f);
trib_wire_Welcome welcome_of(const fixture *f);
/* A sealed frame, not yet published; the storage is the caller's. */
enum { FIXTURE_FRAME = 1024 };
trib_bytes seal_welcome(fixture *f, const trib_wire_Welcome *welcome, uint8_t *storage);
trib_bytes seal_receipt(fixture *f, const trib_wire_Receipt *receipt, uint8_t *storage);
void cloud_welcomes(fixture *f);
void cloud_receipts(fixture *f, uint64_t round, trib_bytes update, trib_wire_Verdict verdict,
                    const char *reason);
/* Opens the frames of one update that the last event published, in order, and compares the whole;
 * how many frames they were. */
size_t cloud_hears_update(fixture *f, uint64_t round, trib_bytes update);
/* The same of a part that starts with chunk `index`; the index of the chunk after it. */
uint32_t cloud_hears_part(fixture *f, uint64_t round, trib_bytes update, uint32_t index);

/* A file as the cloud publishes it. */
typedef struct fixture_object {
    trib_wire_Object wire;
    trib_object_key key;
    trib_buffer file;
} fixture_object;
/* Made-up bytes that follow from `seed`, in chunks of `chunk_bytes`, wrapped by the cloud's epoch.
 */
void make_object(const fixture *f, uint8_t seed, size_t size, uint32_t chunk_bytes,
                 fixture_object *ret_object);
void drop_object(fixture_object *object);
void chunk_topic(const fixture_object *object, uint32_t chunk, char ret_text[TRIB_TOPIC_SIZE]);
/* The chunk, sealed, with one bit of byte `flipped` changed (none: SIZE_MAX). */
void cloud_publishes_chunk(fixture *f, const fixture_object *object, uint32_t chunk,
                           size_t flipped);
/* All chunks from `first` on, in order. */
void cloud_publishes_chunks(fixture *f, const fixture_object *object, uint32_t first);

#endif
