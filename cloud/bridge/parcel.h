/* Inside this room: what one transaction carries. Events of all logs, what matters most first, are
 * made ready by a thread of the packer's while those before them are sent and committed.
 *
 * errors   TRIB_E_IO without memory; what the logs' followers say
 * owns     its events, bodies and headers; a packer its followers and thread, nothing of options
 * threads  one; between _start and _join packer and parcel are the packer's own
 */
#ifndef CLOUD_BRIDGE_PARCEL_H
#define CLOUD_BRIDGE_PARCEL_H

#include <pthread.h>
#include <stdatomic.h>

#include "cloud/bridge/bridge.h"
#include "cloud/bridge/cloudevents.h"
#include "cloud/ledger/follower.h"
#include "common/port/posix/queue.h"

enum { CLOUD_PARCEL_READ_BYTES = 64 << 20 };

typedef struct cloud_parcel_item {
    cloud_bridge_event event; /* its body is body_size bytes at body_at of the parcel's bodies */
    size_t body_at, body_size;
    size_t claim_at;             /* of a text in the parcel's claims, plus 1; 0: none */
    uint64_t opaque;             /* names the event among all that are sent; never 0 */
    rd_kafka_headers_t *headers; /* owned; NULL: in structured mode */
} cloud_parcel_item;

typedef struct cloud_parcel {
    trib_buffer items; /* cloud_parcel_item */
    size_t count;
    trib_buffer bodies, claims;
    uint64_t read;                  /* bytes of records */
    uint64_t refused;               /* of what it tells, events that cannot be sent */
    uint64_t positions[CLOUD_LOGS]; /* that it goes up to */
    uint64_t passed[CLOUD_LOGS];    /* records of it that were gone */
} cloud_parcel;

void cloud_parcel_init(cloud_parcel *parcel);
void cloud_parcel_deinit(cloud_parcel *parcel);
/* Empty, from behind these positions on. */
void cloud_parcel_begin(cloud_parcel *parcel, const uint64_t positions[CLOUD_LOGS]);
/* An event as it is sent, valid until the next one is packed; and what it is named by. */
cloud_bridge_event cloud_parcel_event(const cloud_parcel *parcel, size_t which);
uint64_t cloud_parcel_opaque(const cloud_parcel *parcel, size_t which);
/* Its headers, which are the caller's from now on. */
rd_kafka_headers_t *cloud_parcel_take_headers(cloud_parcel *parcel, size_t which);
/* Its body is sent as a reference. */
TRIB_MUST_CHECK trib_status cloud_parcel_claim(cloud_parcel *parcel, size_t which,
                                               const char *reference);

typedef struct cloud_packer {
    const cloud_bridge_options *options;
    cloud_follower *followers[CLOUD_LOGS];
    trib_buffer body;
    cloud_cloudevents cloudevents;
    const atomic_bool *stop; /* packing ends at once */
    /* Of a record that tells nothing that can be sent; trib_message says why. Also from the
     * packer's thread. */
    void (*refuse)(void *context);
    void *context;

    pthread_t thread;
    bool runs;
    trib_queue *orders, *done; /* cloud_parcel */
    uint64_t most;             /* of the parcel that was ordered */
} cloud_packer;

TRIB_MUST_CHECK trib_status cloud_packer_init(cloud_packer *packer,
                                              const cloud_bridge_options *options);
void cloud_packer_deinit(cloud_packer *packer);
/* The next event packed is the first behind these positions. */
void cloud_packer_seek(cloud_packer *packer, const uint64_t positions[CLOUD_LOGS]);
/* Adds what there is, until the parcel has `most` events, CLOUD_BRIDGE_BATCH_BYTES of bodies, or
 * was made of CLOUD_PARCEL_READ_BYTES. */
TRIB_MUST_CHECK trib_status cloud_packer_pack(cloud_packer *packer, cloud_parcel *parcel,
                                              uint64_t most);
/* The same, meanwhile. What fails is left for _pack to meet again. */
void cloud_packer_start(cloud_packer *packer, cloud_parcel *parcel, uint64_t most);
void cloud_packer_join(cloud_packer *packer);

#endif
