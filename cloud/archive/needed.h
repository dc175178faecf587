/* Inside this room: which objects a state goes on from, by what its view and the records after the
 * view's position say last of each federation. */
#ifndef CLOUD_ARCHIVE_NEEDED_H
#define CLOUD_ARCHIVE_NEEDED_H

#include "cloud/archive/place.h"
#include "cloud/ledger/ledger.h"
#include "cloud/object/object_store.h"
#include "cloud/registry/registry.h"

typedef struct cloud_needed {
    trib_buffer rows; /* needed_row; owned */
} cloud_needed;
void cloud_needed_deinit(cloud_needed *needed);

/* `ledger` has what comes after the registry's position. */
TRIB_MUST_CHECK trib_status cloud_needed_collect(cloud_registry *registry, cloud_ledger *ledger,
                                                 cloud_needed *ret_needed);
TRIB_MUST_CHECK trib_status cloud_needed_each(const cloud_needed *needed,
                                              trib_status (*each)(void *context,
                                                                  const char *federation,
                                                                  const cloud_digest *digest),
                                              void *context);

#endif
