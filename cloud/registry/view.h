/* How records reach the registry while the program runs: kept here until they are durable and the
 * registry takes them, as many as fit in one transaction.
 *
 * What is kept has a ceiling. Past it, or without memory, nothing more is kept: the view is behind
 * then, and the next refresh takes what it lacks from the ledger, which has everything.
 *
 * owns     what it keeps; neither the registry nor the ledger
 * errors   those of the registry and the ledger; what was kept is kept
 * threads  one
 */
#ifndef CLOUD_REGISTRY_VIEW_H
#define CLOUD_REGISTRY_VIEW_H

#include "cloud/registry/registry.h"

enum {
    CLOUD_VIEW_UPDATES = 4096,   /* records that may wait while nobody asks for them */
    CLOUD_VIEW_RECORDS = 16384,  /* records that are kept at most */
    CLOUD_VIEW_BYTES = 16 << 20, /* and bytes of them */
};

typedef struct cloud_kept_record {
    uint32_t type;
    uint64_t position;
    uint8_t *payload; /* owned */
    size_t size;
} cloud_kept_record;

typedef struct cloud_view {
    cloud_registry *registry;
    cloud_ledger *ledger;
    cloud_kept_record *kept;
    size_t kept_count, kept_capacity, kept_bytes;
    bool due;    /* something waits that people ask for; updates alone may wait */
    bool behind; /* not all that the registry lacks is kept */
} cloud_view;

/* Notes an appended record; its payload is copied. */
void cloud_view_keep(cloud_view *view, const cloud_record *record);
/* Brings the registry up to the ledger's end, which must be durable. If it fails, nothing is lost:
 * it is tried again with the next. */
TRIB_MUST_CHECK trib_status cloud_view_refresh(cloud_view *view);
void cloud_view_deinit(cloud_view *view);

#endif
