#include "common/telemetry/telemetry.h"

#include <stddef.h>

const char *const trib_telemetry_words[] = {"none", "features", "raw", NULL};

trib_telemetry_level trib_telemetry_leaves(trib_telemetry_level asked, trib_telemetry_level allowed,
                                           bool has_features) {
    trib_telemetry_level lesser = asked < allowed ? asked : allowed;
    return lesser == TRIB_TELEMETRY_FEATURES && !has_features ? TRIB_TELEMETRY_NONE : lesser;
}
