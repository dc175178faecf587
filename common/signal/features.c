#include "common/signal/features.h"

#include <math.h>

#include "common/signal/median.h"

/* Partial sums side by side: a fixed order that vectorises. */
enum { PARTS = 8 };

typedef struct shape_of_frame {
    float mean, minimum, maximum, variance;
} shape_of_frame;

uint32_t trib_features_count(const trib_pipeline_spec *spec) {
    uint32_t count = 0;
    for (uint32_t bit = 1; bit < TRIB_FEATURE_BANDS; bit <<= 1) {
        count += (spec->features & bit) != 0;
    }
    return spec->features & TRIB_FEATURE_BANDS ? count + spec->band_count : count;
}

size_t trib_features_bytes(const trib_pipeline_spec *spec, uint32_t rows) {
    size_t bytes = 0;
    if (spec->features & TRIB_FEATURE_MEDIAN) {
        bytes += trib_arena_room(rows, sizeof(int32_t));
    }
    if (spec->features & TRIB_FEATURE_BANDS) {
        bytes += trib_spectrum_bytes(rows);
    }
    return bytes;
}

trib_status trib_features_init(trib_features *features, const trib_pipeline_spec *spec,
                               uint32_t rows, trib_arena *arena) {
    trib_features made = {.wanted = spec->features, .rows = rows};
    if (spec->features & TRIB_FEATURE_MEDIAN) {
        made.keys = trib_arena_take(arena, rows, sizeof *made.keys);
        if (!made.keys) {
            return TRIB_FAIL(TRIB_E_LIMIT, "no room for the median of %u rows", (unsigned)rows);
        }
    }
    if (spec->features & TRIB_FEATURE_BANDS) {
        TRIB_TRY(trib_spectrum_init(&made.spectrum, spec, rows, arena));
    }
    *features = made;
    return TRIB_SUCCESS;
}

static float total(const float *parts) {
    return ((parts[0] + parts[4]) + (parts[1] + parts[5])) +
           ((parts[2] + parts[6]) + (parts[3] + parts[7]));
}

static void first_pass(const float *x, uint32_t rows, shape_of_frame *shape) {
    float first = x[0];
    float sum[PARTS] = {0};
    float low[PARTS];
    float high[PARTS];
    for (uint32_t p = 0; p < PARTS; p++) {
        low[p] = high[p] = first;
    }
    uint32_t i = 0;
    for (; i + PARTS <= rows; i += PARTS) {
        for (uint32_t p = 0; p < PARTS; p++) {
            float value = x[i + p];
            sum[p] += value - first;
            low[p] = value < low[p] ? value : low[p];
            high[p] = value > high[p] ? value : high[p];
        }
    }
    for (uint32_t p = 0; i < rows; i++, p++) {
        sum[p] += x[i] - first;
        low[p] = x[i] < low[p] ? x[i] : low[p];
        high[p] = x[i] > high[p] ? x[i] : high[p];
    }
    for (uint32_t p = 1; p < PARTS; p++) {
        low[0] = low[p] < low[0] ? low[p] : low[0];
        high[0] = high[p] > high[0] ? high[p] : high[0];
    }
    shape->mean = first + total(sum) / (float)rows;
    shape->minimum = low[0];
    shape->maximum = high[0];
}

static float variance_of(const float *x, uint32_t rows, float mean) {
    float sum[PARTS] = {0};
    uint32_t i = 0;
    for (; i + PARTS <= rows; i += PARTS) {
        for (uint32_t p = 0; p < PARTS; p++) {
            float distance = x[i + p] - mean;
            sum[p] += distance * distance;
        }
    }
    for (uint32_t p = 0; i < rows; i++, p++) {
        sum[p] += (x[i] - mean) * (x[i] - mean);
    }
    return total(sum) / (float)rows;
}

/* Scaled by the variance before squaring again, which keeps large values within a float. */
static float kurtosis_of(const float *x, uint32_t rows, float mean, float variance) {
    if (variance < 1e-30f) {
        return 0.0f;
    }
    float scale = 1.0f / variance;
    float sum[PARTS] = {0};
    uint32_t i = 0;
    for (; i + PARTS <= rows; i += PARTS) {
        for (uint32_t p = 0; p < PARTS; p++) {
            float distance = x[i + p] - mean;
            float square = distance * distance * scale;
            sum[p] += square * square;
        }
    }
    for (uint32_t p = 0; i < rows; i++, p++) {
        float square = (x[i] - mean) * (x[i] - mean) * scale;
        sum[p] += square * square;
    }
    return total(sum) / (float)rows;
}

static float zero_crossings_of(const float *x, uint32_t rows, float mean) {
    int32_t changes = 0;
    for (uint32_t i = 1; i < rows; i++) {
        changes += (x[i] >= mean) ^ (x[i - 1] >= mean);
    }
    return rows > 1 ? (float)changes / (float)(rows - 1) : 0.0f;
}

static float mean_abs_difference_of(const float *x, uint32_t rows) {
    float sum[PARTS] = {0};
    uint32_t i = 1;
    for (; i + PARTS <= rows; i += PARTS) {
        for (uint32_t p = 0; p < PARTS; p++) {
            sum[p] += fabsf(x[i + p] - x[i + p - 1]);
        }
    }
    for (uint32_t p = 0; i < rows; i++, p++) {
        sum[p] += fabsf(x[i] - x[i - 1]);
    }
    return rows > 1 ? total(sum) / (float)(rows - 1) : 0.0f;
}

static float crest_of(const shape_of_frame *shape, float rms) {
    float peak = fmaxf(fabsf(shape->minimum), fabsf(shape->maximum));
    return rms > 0.0f ? peak / rms : 0.0f;
}

static float feature_of(const trib_features *features, const float *x, const shape_of_frame *shape,
                        trib_feature feature) {
    uint32_t rows = features->rows;
    float rms = sqrtf(shape->mean * shape->mean + shape->variance);
    switch (feature) {
    case TRIB_FEATURE_MEAN:
        return shape->mean;
    case TRIB_FEATURE_STD:
        return sqrtf(shape->variance);
    case TRIB_FEATURE_MIN:
        return shape->minimum;
    case TRIB_FEATURE_MAX:
        return shape->maximum;
    case TRIB_FEATURE_MEDIAN:
        return trib_median(x, rows, features->keys);
    case TRIB_FEATURE_RMS:
        return rms;
    case TRIB_FEATURE_RANGE:
        return shape->maximum - shape->minimum;
    case TRIB_FEATURE_KURTOSIS:
        return kurtosis_of(x, rows, shape->mean, shape->variance);
    case TRIB_FEATURE_CREST:
        return crest_of(shape, rms);
    case TRIB_FEATURE_ZERO_CROSSINGS:
        return zero_crossings_of(x, rows, shape->mean);
    case TRIB_FEATURE_MEAN_ABS_DIFFERENCE:
        return mean_abs_difference_of(x, rows);
    case TRIB_FEATURE_LAST:
        return x[rows - 1];
    case TRIB_FEATURE_BANDS: /* several values: see trib_features_of */
    case TRIB_FEATURE_ALL:
        break;
    }
    return 0.0f;
}

void trib_features_of(trib_features *features, const float *frame, float *ret_values) {
    shape_of_frame shape;
    first_pass(frame, features->rows, &shape);
    shape.variance = variance_of(frame, features->rows, shape.mean);
    for (uint32_t bit = 1; bit < TRIB_FEATURE_BANDS; bit <<= 1) {
        if (features->wanted & bit) {
            *ret_values++ = feature_of(features, frame, &shape, (trib_feature)bit);
        }
    }
    if (features->wanted & TRIB_FEATURE_BANDS) {
        trib_spectrum_powers(&features->spectrum, frame, shape.mean, ret_values);
    }
}
