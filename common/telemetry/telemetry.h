/* What of a site's own data may leave it, as a federation asks and as a gateway's config allows.
 *
 * Whatever leaves is decided by trib_telemetry_leaves and by nothing else: a gateway asks it before
 * anything is gathered, and the cloud before it takes a message. A level allows what is below it,
 * too.
 *
 * threads  pure
 */
#ifndef TRIB_TELEMETRY_TELEMETRY_H
#define TRIB_TELEMETRY_TELEMETRY_H

#include <stdbool.h>

/* The numbers travel (trib.wire.TelemetryLevel): never renumber. */
typedef enum trib_telemetry_level {
    TRIB_TELEMETRY_NONE,
    TRIB_TELEMETRY_FEATURES, /* of each window: its time and the pipeline's features */
    TRIB_TELEMETRY_RAW       /* each row as its source gave it */
} trib_telemetry_level;

/* "none", "features", "raw", NULL: in federation files and configs. */
extern const char *const trib_telemetry_words[];

enum {
    TRIB_TELEMETRY_MAX_RECORDS = 1024,   /* windows or rows of a message */
    TRIB_TELEMETRY_MAX_VALUES = 12288,   /* of all records of a message, and so of one */
    TRIB_TELEMETRY_MAX_BYTES = 64 * 1024 /* a message, encoded: times, values and labels at most,
                                          * and what goes with them */
};

/* The lesser of the two levels. `has_features`: whether the pipeline makes features that fit a
 * message; of one whose examples are the rows themselves, features would be raw samples by another
 * name, so nothing leaves instead. */
trib_telemetry_level trib_telemetry_leaves(trib_telemetry_level asked, trib_telemetry_level allowed,
                                           bool has_features);

#endif
