#include "common/signal/normalise.h"

#include "common/signal/check.h"

void trib_pipeline_normalise(const trib_pipeline_spec *spec, const float *mean,
                             const float *deviation, float *values) {
    if (!spec->normalise) {
        return;
    }
    size_t columns = trib_pipeline_columns(spec);
    size_t count = trib_pipeline_example_size(spec);
    float clip = spec->normalise_clip > 0.0f ? spec->normalise_clip : 3.4e38f;
    for (size_t at = 0; at < count; at += columns) {
        for (size_t c = 0; c < columns; c++) {
            float divisor = deviation[c] > 0.0f ? deviation[c] : 1.0f;
            float score = (values[at + c] - mean[c]) / divisor;
            score = score < clip ? score : clip;
            values[at + c] = score > -clip ? score : -clip;
        }
    }
}
