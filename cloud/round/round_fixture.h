/* For tests of this room and of those above it: a federation's document, gateways that have joined,
 * rounds, and updates as gateways send them. Records are applied as the program does, live or while
 * recovering. */
#ifndef CLOUD_ROUND_ROUND_FIXTURE_H
#define CLOUD_ROUND_ROUND_FIXTURE_H

#include "cloud/round/live.h"

enum { FIXTURE_PARAMETERS = 4 * 8 + 8 + 8 + 1, FIXTURE_COLUMNS = 4, FIXTURE_MAX_WEIGHT = 100 };
#define FIXTURE_CLIP_NORM 4.0f

/* Trains from its first round on; the same with another deadline; with other channels. */
extern const char document_plain[], document_changed[], document_other[];
/* Gathers statistics first; sends int8. */
extern const char document_normalised[];

/* Applied as a federation's first document. */
cloud_live *live_of(const char *document);
trib_code apply_document(cloud_live *live, const char *document, uint64_t revision,
                         bool new_lineage);
/* The record of a join, its signed message in `storage`. */
void make_join(const char *gateway, uint64_t generation, uint64_t session,
               cloud_record_Join *ret_record, trib_writer *storage);
void apply_join(cloud_live *live, const char *gateway, uint64_t generation, uint64_t session);

cloud_record_RoundOpened opening_of(const cloud_live *live, uint64_t round, uint32_t expected);
void open_round(cloud_live *live, uint64_t round, uint32_t expected);
/* Closed with these digests' first bytes, or abandoned. */
cloud_record_RoundClosed closing_of(uint64_t round, bool abandoned);

/* A packed difference of made-up values that follow from `seed`, within the bound. */
void pack_values(trib_codec codec, uint32_t count, uint32_t weight, uint8_t seed,
                 trib_buffer *ret_payload);
/* Packed statistics of `count` rows; the same for every column. */
void pack_statistics(size_t columns, uint64_t count, double mean, double m2,
                     trib_buffer *ret_payload);

/* An encoded update, as it stands in its record. */
typedef struct fixture_update {
    cloud_record_Update record;
    trib_buffer bytes;
} fixture_update;
/* Of a gateway in its session, with a loss; the message may be changed by the caller before it is
 * encoded: see encode_message. */
void make_update(const cloud_live *live, const char *gateway, uint32_t weight, uint8_t seed,
                 fixture_update *ret_update);
void encode_message(const trib_wire_Update *message, trib_bytes payload, trib_buffer *ret_bytes);
void drop_update(fixture_update *update);
void drop_live(cloud_live **live);

trib_round_action apply_update(cloud_live *live, const fixture_update *update, uint64_t position);

/* Whether two federations are in the same state, but for what is only told to people. */
void assert_same_state(const cloud_live *left, const cloud_live *right);

#endif
