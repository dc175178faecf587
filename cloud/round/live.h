/* A federation as it runs: its document, course, gateways, and the round that is open.
 *
 * What is here follows from the ledger's records alone: each cloud_live_apply_* takes one, live or
 * while recovering, and both lead to the same state. Nothing here appends, publishes or looks at a
 * clock.
 *
 * errors   of apply: TRIB_E_CORRUPT for a record that cannot be ours; TRIB_E_IO; TRIB_E_STATE for
 *          an update of another round than the open one
 * threads  one
 */
#ifndef CLOUD_ROUND_LIVE_H
#define CLOUD_ROUND_LIVE_H

#include "cloud/ingest/gateway.h"
#include "cloud/object/object_store.h"
#include "cloud/types/records.pb.h"
#include "common/course/course.h"
#include "common/round/round.h"

enum { CLOUD_MAX_GATEWAYS = 100000 };

typedef struct cloud_release_state {
    uint64_t number; /* 0: none yet */
    uint64_t round;
    uint32_t ordinal; /* rounds of training behind the model */
    cloud_digest model;
} cloud_release_state;

typedef struct cloud_live {
    char name[TRIB_NAME_SIZE];
    uint64_t revision;
    trib_buffer document;
    uint64_t pending_revision; /* 0: no document waits for the open round's end */
    trib_buffer pending;
    trib_federation *federation;
    trib_course course;
    cloud_gateway_table gateways;
    uint64_t epoch; /* of the keys that wrap models; rises with each revocation */

    bool round_open;
    trib_round round; /* the last one, open or not */
    trib_fold *sum;   /* owned; of the open round of training */
    trib_fold_bounds bounds;
    cloud_digest base; /* of the open round, and of the next one */
    uint64_t opened_position;
    uint64_t opened_wall_ms;
    double loss_sum; /* loss times weight */
    uint64_t bytes_up;
    uint32_t round_count; /* low half of the last round's number */
    uint64_t closed_through;
    uint64_t abandoned; /* bit n: round closed_through - n was given up */

    cloud_digest served, strategy;
    bool has_model;              /* base, served and strategy are set */
    cloud_release_state release; /* of this lineage */
    uint64_t release_count;      /* low half of the last release's number, of any lineage */
} cloud_live;

TRIB_MUST_CHECK trib_status cloud_live_create(const char *name, cloud_live **ret_live);
void cloud_live_destroy(cloud_live *live);

/* Whether an agent that can do this can do what the document in force asks: codec, layers, size.
 * TRIB_E_DENIED says what it cannot. */
TRIB_MUST_CHECK trib_status cloud_live_capable(const cloud_live *live,
                                               const trib_wire_Capabilities *capabilities);
/* Whether a gateway may take part: joined, not revoked, and able to. */
bool cloud_live_takes_part(const cloud_live *live, const cloud_gateway *gateway);
/* How many may; and how many that are not revoked say they are online. */
uint32_t cloud_live_members(const cloud_live *live);
uint32_t cloud_live_online(const cloud_live *live);

TRIB_MUST_CHECK trib_status cloud_live_apply_federation(cloud_live *live, const trib_crypto *crypto,
                                                        const cloud_record_Federation *record,
                                                        trib_bytes document);
/* A document of the same lineage that waits for the open round's end; the next one in force ends
 * its waiting. */
TRIB_MUST_CHECK trib_status cloud_live_apply_pending(cloud_live *live,
                                                     const cloud_record_Federation *record,
                                                     trib_bytes document);
TRIB_MUST_CHECK trib_status cloud_live_apply_join(cloud_live *live, const trib_crypto *crypto,
                                                  const cloud_record_Join *record,
                                                  trib_bytes envelope);
TRIB_MUST_CHECK trib_status cloud_live_apply_opened(cloud_live *live,
                                                    const cloud_record_RoundOpened *record,
                                                    uint64_t position, uint64_t now_ms);
/* The action is what the round's machine asks for next. */
TRIB_MUST_CHECK trib_status cloud_live_apply_update(cloud_live *live,
                                                    const cloud_record_Update *record,
                                                    trib_bytes update, uint64_t position,
                                                    trib_round_action *ret_action);
void cloud_live_apply_closed(cloud_live *live, const cloud_record_RoundClosed *record);
void cloud_live_apply_revoked(cloud_live *live, const cloud_record_Revoked *record);
void cloud_live_apply_release(cloud_live *live, const cloud_record_Release *record);

/* While recovering: the course as the last closed round left it, from the object store. */
TRIB_MUST_CHECK trib_status cloud_live_restore_course(cloud_live *live, const trib_crypto *crypto,
                                                      cloud_object_store *objects);

/* How many of those that take part a plan would select. */
uint32_t cloud_live_selected(const cloud_live *live, const trib_crypto *crypto,
                             const trib_round_plan *plan);
/* After a round opened, a revocation or a join: how many of those selected for the open round there
 * are, and whether it waits for nobody any more. */
trib_round_action cloud_live_recount(cloud_live *live, const trib_crypto *crypto);
/* Takes a discarded gateway's update out of the open round; `update` is its record's. */
TRIB_MUST_CHECK trib_status cloud_live_discard(cloud_live *live, cloud_gateway *gateway,
                                               trib_bytes update);

/* An encoded trib.wire.Update taken apart; the payload is plain, in `storage` if it was compressed.
 */
typedef struct cloud_update {
    trib_wire_Update message;
    trib_bytes payload;
} cloud_update;
/* TRIB_E_CORRUPT or TRIB_E_LIMIT (`most_bytes` of payload). */
TRIB_MUST_CHECK trib_status cloud_update_open(trib_bytes update, size_t most_bytes,
                                              trib_buffer *storage, cloud_update *ret_update);
/* Bytes that a payload of this federation has at most. */
size_t cloud_live_payload_ceiling(const cloud_live *live);

/* Checks an update's numbers against the open round without counting it: what apply will accept.
 * TRIB_E_ARGUMENT, TRIB_E_CORRUPT, TRIB_E_LIMIT with the reason for its sender. */
TRIB_MUST_CHECK trib_status cloud_live_check_payload(const cloud_live *live, trib_bytes payload,
                                                     uint32_t *ret_weight);

#endif
