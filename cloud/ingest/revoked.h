/* The names of all that were ever revoked: in every federation, also those that come later.
 *
 * threads  one
 */
#ifndef CLOUD_INGEST_REVOKED_H
#define CLOUD_INGEST_REVOKED_H

#include "common/base/heap.h"
#include "common/wire/topic.h"

enum { CLOUD_MAX_REVOKED = 50000 }; /* each has a place in every federation's table */

typedef struct cloud_revoked {
    char (*names)[TRIB_NAME_SIZE]; /* sorted; owned */
    size_t count;
    size_t capacity;
} cloud_revoked;

bool cloud_revoked_has(const cloud_revoked *revoked, const char *name);
/* Once is enough. TRIB_E_LIMIT past the ceiling, TRIB_E_IO without memory. */
TRIB_MUST_CHECK trib_status cloud_revoked_add(cloud_revoked *revoked, const char *name);
void cloud_revoked_deinit(cloud_revoked *revoked);

#endif
