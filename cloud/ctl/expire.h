/* Retention: objects below a prefix that are neither new enough nor among the newest are removed.
 *
 * errors   those of bucket.h; what was removed before one stays removed
 * threads  one
 */
#ifndef CLOUD_CTL_EXPIRE_H
#define CLOUD_CTL_EXPIRE_H

#include "cloud/object/bucket.h"

enum { CTL_EXPIRE_MOST_OBJECTS = 1 << 22 };

typedef struct ctl_expire {
    const char *prefix;
    uint64_t keep;       /* the newest of them stay, however old */
    bool by_age;         /* else all but those */
    uint64_t older_days; /* than which one must be */
    uint64_t now_ms;     /* since 1970 */
    bool dry_run, json;
} ctl_expire;

/* Prints each that is removed, or would be. */
TRIB_MUST_CHECK trib_status ctl_expire_run(cloud_bucket *bucket, const ctl_expire *wanted);

#endif
