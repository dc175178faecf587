/* The thread that follows the ledger and puts into a bucket what outlives this machine: models
 * (models.h), closed segments of the ledger itself (segments.h), and what gateways said
 * (batches.h).
 *
 * How far it has come is in files of the state folder; what is put again after a crash is put under
 * the same name, where it stands already. Where the bucket cannot be reached it waits, with pauses
 * that grow, and holds nothing up.
 *
 * errors   only of starting: TRIB_E_IO
 * owns     nothing of its options, which outlive it; the folder's name is copied
 * threads  start, wake, count, stop: the owner's. Reports come from the archive's own
 */
#ifndef CLOUD_ARCHIVE_ARCHIVE_H
#define CLOUD_ARCHIVE_ARCHIVE_H

#include "cloud/archive/batches.h"
#include "common/port/clock.h"

enum { CLOUD_ARCHIVE_MOST_PAUSE_MS = 60000, CLOUD_ARCHIVE_MAX_MODEL = 1 << 30 };

typedef struct cloud_archive_options {
    cloud_place place;
    const trib_clock *clock;
    const char *state;    /* the folder that holds ledger/ and objects/ */
    uint64_t ledger_seed; /* of its checksums */
    bool ledger;          /* closed segments as well */
    const cloud_batches_options
        *batches; /* and what gateways said, its place and state ours; copied. NULL: not */
    uint64_t (*end)(const void *context);               /* the ledger's last durable position */
    void (*report)(void *context, const char *trouble); /* "": it goes on */
    void *context;
} cloud_archive_options;

typedef struct cloud_archive_counts {
    uint64_t models;   /* put, or found there, since the start */
    uint64_t missing;  /* gone from the state folder before they were put */
    uint64_t position; /* of the ledger: models of all up to it are in the bucket */
    uint64_t segments; /* put, or found there, since the start */
    uint64_t segment;  /* records before it are in the bucket; 0: none */
    uint64_t batches;  /* objects with what gateways said, since the start */
    uint64_t missed;   /* records that were gone before they were put, or cannot be */
} cloud_archive_counts;

typedef struct cloud_archive cloud_archive;

TRIB_MUST_CHECK trib_status cloud_archive_start(const cloud_archive_options *options,
                                                cloud_archive **ret_archive);
void cloud_archive_wake(cloud_archive *archive);
cloud_archive_counts cloud_archive_count(const cloud_archive *archive);
void cloud_archive_stop(cloud_archive *archive);

#endif
