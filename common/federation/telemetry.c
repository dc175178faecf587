/* What a federation asks of its gateways' own data, and what features are called there. */
#include <stdio.h>

#include "common/federation/sections.h"
#include "common/signal/check.h"
#include "common/signal/features.h"

bool trib_federation_has_features(const trib_federation *federation) {
    return federation->pipeline.output == TRIB_EXAMPLE_FEATURES &&
           trib_pipeline_example_size(&federation->pipeline) <= TRIB_TELEMETRY_MAX_VALUES;
}

trib_status trib_read_telemetry(trib_value root, trib_federation *federation) {
    trib_value value;
    size_t level = 0;
    TRIB_TRY(trib_value_find(root, "telemetry", &value));
    if (!trib_value_present(value)) {
        return TRIB_SUCCESS;
    }
    TRIB_TRY(trib_value_choice(value, trib_telemetry_words, &level));
    if (level == TRIB_TELEMETRY_FEATURES && !trib_federation_has_features(federation)) {
        return federation->pipeline.output == TRIB_EXAMPLE_ROWS
                   ? trib_value_refuse(value, "a pipeline with 'output: rows' has no features: say "
                                              "raw or none, or 'output: features'")
                   : trib_value_refuse(
                         value,
                         "a window has %zu features, and at most %d fit a message: say raw or none",
                         trib_pipeline_example_size(&federation->pipeline),
                         TRIB_TELEMETRY_MAX_VALUES);
    }
    federation->telemetry = (trib_telemetry_level)level;
    return TRIB_SUCCESS;
}

void trib_federation_feature_name(const trib_federation *federation, uint32_t index,
                                  char ret_name[TRIB_FEATURE_NAME_SIZE]) {
    const trib_pipeline_spec *pipeline = &federation->pipeline;
    uint32_t each = trib_features_count(pipeline);
    uint32_t frame = index / (each * pipeline->use_count);
    uint32_t channel = pipeline->use[index / each % pipeline->use_count];
    uint32_t left = index % each, bit = 0;
    /* Bands come last, and several under their one bit. */
    for (; (pipeline->features >> bit & 1) == 0 || (left > 0 && (1u << bit) != TRIB_FEATURE_BANDS);
         bit++) {
        left -= pipeline->features >> bit & 1;
    }
    char before[16] = "", after[16] = "";
    if (pipeline->frames > 1) {
        (void)snprintf(before, sizeof before, "%u/", frame);
    }
    if ((1u << bit) == TRIB_FEATURE_BANDS) {
        (void)snprintf(after, sizeof after, ".%u", left);
    }
    (void)snprintf(ret_name, TRIB_FEATURE_NAME_SIZE, "%s%s.%s%s", before,
                   federation->channel_names[channel], trib_feature_words[bit], after);
}
