/* The ledger as tables: a SQLite view at a ledger position, which recovery starts from and people
 * ask.
 *
 * It is never the truth: delete it and it is made again by taking every record once more. Of
 * updates it keeps only which one of a gateway was counted last.
 *
 * errors   TRIB_E_CORRUPT a damaged database (rebuild it), TRIB_E_IO
 * threads  one
 */
#ifndef CLOUD_REGISTRY_REGISTRY_H
#define CLOUD_REGISTRY_REGISTRY_H

#include "cloud/ledger/ledger.h"
#include "cloud/types/records.pb.h"
#include "common/database/database.h"

typedef struct cloud_registry cloud_registry;

TRIB_MUST_CHECK trib_status cloud_registry_open(const char *path, cloud_registry **ret_registry);
void cloud_registry_close(cloud_registry *registry);

/* Every record up to here is in the view. */
TRIB_MUST_CHECK trib_status cloud_registry_position(cloud_registry *registry,
                                                    uint64_t *ret_position);

/* One transaction takes any number of records: begin, take ..., commit. */
TRIB_MUST_CHECK trib_status cloud_registry_begin(cloud_registry *registry);
TRIB_MUST_CHECK trib_status cloud_registry_take(cloud_registry *registry,
                                                const cloud_record *record);
TRIB_MUST_CHECK trib_status cloud_registry_commit(cloud_registry *registry, uint64_t position);
void cloud_registry_rollback(cloud_registry *registry);
/* Whatever was committed is durable when this returns. */
TRIB_MUST_CHECK trib_status cloud_registry_sync(cloud_registry *registry);

/* The newest records, in the order of their positions: the state at `position` but for updates. */
TRIB_MUST_CHECK trib_status cloud_registry_restore(cloud_registry *registry,
                                                   trib_status (*each)(void *context,
                                                                       const cloud_record *record),
                                                   void *context);

/* The highest round number of a federation (0: none), for numbers that must only rise. */
TRIB_MUST_CHECK trib_status cloud_registry_last_round(cloud_registry *registry,
                                                      const char *federation, bool closed_only,
                                                      uint64_t *ret_number);

/* The same of releases, whatever lineage they were of. */
TRIB_MUST_CHECK trib_status cloud_registry_last_release(cloud_registry *registry,
                                                        const char *federation,
                                                        uint64_t *ret_number);

/* Bit n: round closed_through - n was abandoned. */
TRIB_MUST_CHECK trib_status cloud_registry_abandoned(cloud_registry *registry,
                                                     const char *federation,
                                                     uint64_t closed_through, uint64_t *ret_bits);

/* The newest round that counts an update of each gateway. The row is valid during the call. */
typedef struct cloud_counted_row {
    const char *gateway;
    uint64_t round;
    trib_bytes digest; /* of the update */
} cloud_counted_row;
TRIB_MUST_CHECK trib_status cloud_registry_counted(
    cloud_registry *registry, const char *federation,
    trib_status (*each)(void *context, const cloud_counted_row *row), void *context);

/* The newest round whose close made a trained model; 0 where there is none. */
TRIB_MUST_CHECK trib_status cloud_registry_last_trained(cloud_registry *registry,
                                                        const char *federation,
                                                        uint64_t *ret_number);

/* The strategy's state after the round that closed `keep` rounds before the newest, where none of
 * any federation's newest `keep` left the same: nothing goes on from it any more. False where there
 * is none. */
TRIB_MUST_CHECK trib_status cloud_registry_old_strategy(cloud_registry *registry,
                                                        const char *federation, uint32_t keep,
                                                        uint8_t ret_digest[32], bool *ret_found);

/* Objects whose chunks are retained on the broker, so that a restart can still clear them: durable
 * when this returns, since the ledger does not say it again. Everything else of the view is not
 * synced: what power takes of it comes from the ledger, from the position that is left. */
TRIB_MUST_CHECK trib_status cloud_registry_note_published(cloud_registry *registry,
                                                          const char *federation,
                                                          const uint8_t id[16], uint32_t chunks);
TRIB_MUST_CHECK trib_status cloud_registry_forget_published(cloud_registry *registry,
                                                            const char *federation,
                                                            const uint8_t id[16]);
TRIB_MUST_CHECK trib_status cloud_registry_published(
    cloud_registry *registry, const char *federation,
    void (*each)(void *context, const uint8_t id[16], uint32_t chunks), void *context);

typedef struct cloud_round_row {
    uint64_t number;
    uint32_t ordinal;
    bool statistics;
    char outcome[16];
    uint32_t updates;
    uint64_t weight;
    double loss;
    uint64_t bytes_up, opened_ms, closed_ms;
    char model[65], served[65]; /* hexadecimal, or "" */
    char reason[120];
    bool released;
} cloud_round_row;
/* Rounds that have ended with a number above `after`, oldest first, or those with a model, newest
 * first. At most `most`. */
TRIB_MUST_CHECK trib_status cloud_registry_rounds(
    cloud_registry *registry, const char *federation, int64_t after, uint32_t most, bool models,
    void (*each)(void *context, const cloud_round_row *row), void *context);

#endif
