/* A gateway as the cloud knows it in one federation, its session, and the table of all of them.
 *
 * A session's keys come from the join that made it, so they need not be stored: after a restart
 * they are derived again when its first frame arrives.
 *
 * threads  one
 */
#ifndef CLOUD_INGEST_GATEWAY_H
#define CLOUD_INGEST_GATEWAY_H

#include "common/base/heap.h"
#include "common/seal/channel.h"
#include "common/wire/wire.h"

/* An update on its way, chunk by chunk, in order. */
typedef struct cloud_assembly {
    uint64_t round;
    uint32_t count;
    uint32_t next;
    uint32_t size;
    uint8_t digest[TRIB_HASH_BYTES];
    uint8_t *bytes; /* [size], owned; NULL when nothing is under way */
    uint32_t filled;
} cloud_assembly;

typedef struct cloud_gateway {
    char name[TRIB_NAME_SIZE];
    /* the session */
    int64_t enrolled_s;  /* from when its certificate holds */
    uint64_t generation; /* within that enrolment; 0: never joined */
    uint64_t session;
    uint8_t *join; /* the believed join, as it came; owned */
    size_t join_size;
    char serial[41];
    bool keyed; /* the channels below are derived */
    trib_channel update, prediction, alert, telemetry;
    trib_channel welcome, receipt;
    trib_wire_Capabilities capabilities;
    cloud_assembly assembly;
    bool revoked;
    bool discarded; /* and what it had in the open round is taken out */
    /* the open round */
    uint64_t counted_round; /* the last round that counts an update of this gateway */
    uint8_t counted_digest[TRIB_HASH_BYTES];
    uint64_t counted_position; /* of its record */
    uint32_t counted_weight;
    uint8_t *statistics; /* round 0: its payload; owned */
    size_t statistics_size;
    /* what is told to people */
    bool online;
    uint64_t seen_ms;
    uint64_t joined_ms;
    char last_verdict[120];
    uint64_t predictions;
    uint64_t telemetry_taken, telemetry_refused; /* rows and windows; messages */
    char last_label[64];
    float last_values[8]; /* [last_value_count]: of a regression */
    uint32_t last_value_count;
    uint64_t last_release;
    uint64_t accepted, duplicates, late, refused, replayed, garbage;
} cloud_gateway;

typedef struct cloud_gateway_table {
    cloud_gateway **gateways; /* sorted by name; owned */
    size_t count;
    size_t capacity;
    size_t ceiling;
} cloud_gateway_table;

cloud_gateway *cloud_gateway_find(const cloud_gateway_table *table, const char *name);
/* Finds or adds. TRIB_E_LIMIT past the ceiling. */
TRIB_MUST_CHECK trib_status cloud_gateway_add(cloud_gateway_table *table, const char *name,
                                              cloud_gateway **ret_gateway);
void cloud_gateway_table_deinit(cloud_gateway_table *table);
void cloud_gateway_forget_assembly(cloud_gateway *gateway);

/* Takes in one chunk; *ret_whole is the encoded Update once the last has come, else empty; it is
 * valid until the next chunk. A chunk that does not follow starts anew or is dropped: the gateway
 * sends again. TRIB_E_CORRUPT for sizes that cannot be, or a whole that is not its digest. */
TRIB_MUST_CHECK trib_status cloud_gateway_chunk(const trib_crypto *crypto, cloud_gateway *gateway,
                                                trib_bytes chunk, size_t most_bytes,
                                                trib_bytes *ret_whole);

#endif
