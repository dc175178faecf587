#include "common/statistic/hotelling.h"

#include <math.h>
#include <string.h>

#include "common/statistic/chi_squared.h"
#include "common/statistic/cholesky.h"
#include "common/statistic/order.h"

/* Where a channel's values stand in an example. */
enum { VALUES = 2, SMOOTHED = 0, RAW = 1 };

typedef struct channel_scaling {
    double centre[TRIB_MAX_CHANNELS];
    double scale[TRIB_MAX_CHANNELS];
} channel_scaling;

struct trib_hotelling {
    uint32_t channels;
    double threshold;
    channel_scaling scaling;
    double *inverse; /* [channels, channels], owned */
};

/* Windows until one shares no row with the first. */
static size_t lag_of(const trib_pipeline_spec *pipeline) {
    return (pipeline->window_rows + pipeline->hop_rows - 1) / pipeline->hop_rows;
}

/* Each half keeps at least as many windows as it leaves out. */
size_t trib_hotelling_least_examples(const trib_federation *federation) {
    return 4 * lag_of(&federation->pipeline) + 2;
}

static trib_status check_count(const trib_federation *federation, const trib_examples *examples) {
    size_t least = trib_hotelling_least_examples(federation);
    if (examples->count < least) {
        return TRIB_FAIL(TRIB_E_STATE, "%zu examples: a statistic of drift needs at least %zu",
                         examples->count, least);
    }
    TRIB_ASSERT(examples->input_count == VALUES * federation->pipeline.use_count);
    return TRIB_SUCCESS;
}

static void gather(const trib_examples *examples, size_t first, size_t end, size_t value,
                   float *ret_values) {
    for (size_t i = first; i < end; i++) {
        ret_values[i - first] = examples->inputs[i * examples->input_count + value];
    }
}

/* From examples [0, end). */
static trib_status scale_by(const trib_federation *federation, const float *spread,
                            const trib_examples *examples, size_t end,
                            channel_scaling *ret_scaling) {
    size_t lag = lag_of(&federation->pipeline);
    TRIB_SCOPED(trib_free_scoped) float *values = trib_allocate(end, sizeof *values);
    if (values == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory to scale %zu examples", end);
    }
    for (uint32_t c = 0; c < federation->pipeline.use_count; c++) {
        gather(examples, lag, end, VALUES * c + SMOOTHED, values);
        ret_scaling->centre[c] = trib_median(values, end - lag);
        gather(examples, 1, end, VALUES * c + RAW, values);
        double deviation = trib_median_deviation(values, end - 1);
        double floor = federation->detector.scale_floor * (double)spread[VALUES * c + RAW];
        ret_scaling->scale[c] = deviation > floor ? deviation : floor;
    }
    return TRIB_SUCCESS;
}

static void standardise(const channel_scaling *scaling, uint32_t channels, const float *example,
                        double *ret_z) {
    for (uint32_t c = 0; c < channels; c++) {
        ret_z[c] =
            ((double)example[VALUES * c + SMOOTHED] - scaling->centre[c]) / scaling->scale[c];
    }
}

trib_status trib_hotelling_moment(const trib_federation *federation, const float *spread,
                                  const trib_examples *examples, float *ret_moment) {
    TRIB_TRY(check_count(federation, examples));
    uint32_t channels = federation->pipeline.use_count;
    size_t entries = (size_t)channels * (channels + 1) / 2, lag = lag_of(&federation->pipeline);
    /* in rows: the half of all rows that the examples saw */
    size_t half = (examples->count + lag - 1) / 2;
    channel_scaling scaling;
    TRIB_SCOPED(trib_free_scoped) double *sums = trib_allocate(entries, sizeof *sums);
    if (sums == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a moment of %u channels", channels);
    }
    TRIB_TRY(scale_by(federation, spread, examples, half - lag + 1, &scaling));
    for (size_t i = half; i < examples->count; i++) {
        double z[TRIB_MAX_CHANNELS];
        standardise(&scaling, channels, examples->inputs + i * examples->input_count, z);
        double *to = sums;
        for (uint32_t a = 0; a < channels; a++) {
            for (uint32_t b = a; b < channels; b++) {
                *to++ += z[a] * z[b];
            }
        }
    }
    for (size_t i = 0; i < entries; i++) {
        ret_moment[i] = (float)(sums[i] / (double)(examples->count - half));
    }
    return TRIB_SUCCESS;
}

/* The inverse of the model's moment. A channel that never moved in the whole fleet has a row of
 * zeros; a millionth of the mean of the diagonal keeps the matrix invertible and shows nowhere
 * else. */
static trib_status invert_moment(const trib_model *model, uint32_t channels, double *ret_inverse) {
    const float *from = model->parameters;
    double trace = 0;
    for (uint32_t a = 0; a < channels; a++) {
        for (uint32_t b = a; b < channels; b++) {
            ret_inverse[a * channels + b] = ret_inverse[b * channels + a] = (double)*from++;
        }
        trace += ret_inverse[a * channels + a];
    }
    if (!(trace > 0)) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "the model's moment is zero: nothing ever moved");
    }
    for (uint32_t a = 0; a < channels; a++) {
        ret_inverse[a * channels + a] += 1e-6 * trace / channels;
    }
    return trib_cholesky_invert(ret_inverse, channels);
}

trib_status trib_hotelling_create(const trib_model *model, const trib_examples *examples,
                                  trib_hotelling **ret_detector) {
    const trib_federation *meaning = &model->meaning;
    if (meaning->task != TRIB_TASK_HOTELLING_T2) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "the model is a network, not a statistic");
    }
    if (model->round == 0) {
        return TRIB_FAIL(TRIB_E_STATE, "the model has no round behind it yet");
    }
    TRIB_TRY(check_count(meaning, examples));
    uint32_t channels = meaning->pipeline.use_count;
    TRIB_SCOPED(trib_hotelling_destroy_scoped)
    trib_hotelling *detector = trib_allocate(1, sizeof *detector);
    double *inverse = trib_allocate((size_t)channels * channels, sizeof *inverse);
    if (detector == NULL || inverse == NULL) {
        trib_free(inverse);
        return TRIB_FAIL(TRIB_E_IO, "no memory for a detector of %u channels", channels);
    }
    detector->channels = channels;
    detector->inverse = inverse;
    detector->threshold = trib_chi_squared_quantile(meaning->detector.significance, channels);
    TRIB_TRY(scale_by(meaning, model->spread, examples, examples->count, &detector->scaling));
    TRIB_TRY(invert_moment(model, channels, inverse));
    *ret_detector = detector;
    detector = NULL;
    return TRIB_SUCCESS;
}

void trib_hotelling_destroy(trib_hotelling *detector) {
    if (detector != NULL) {
        trib_free(detector->inverse);
        trib_free(detector);
    }
}

void trib_hotelling_destroy_scoped(trib_hotelling **detector) {
    trib_hotelling_destroy(*detector);
}

double trib_hotelling_threshold(const trib_hotelling *detector) {
    return detector->threshold;
}

double trib_hotelling_score(const trib_hotelling *detector, const float *example) {
    double z[TRIB_MAX_CHANNELS], score = 0;
    uint32_t channels = detector->channels;
    standardise(&detector->scaling, channels, example, z);
    for (uint32_t a = 0; a < channels; a++) {
        double sum = 0;
        for (uint32_t b = 0; b < channels; b++) {
            sum += detector->inverse[a * channels + b] * z[b];
        }
        score += z[a] * sum;
    }
    return score;
}
