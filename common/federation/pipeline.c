#include "common/federation/sections.h"

#include <stdio.h>
#include <string.h>

#include "common/signal/pipeline.h"

const char *const trib_filter_words[] = {"lowpass", "highpass", "bandpass", "notch", NULL};
const char *const trib_derive_words[] = {"magnitude",  "along",    "across", "direction",
                                         "difference", "absolute", NULL};
const char *const trib_feature_words[] = {"mean",
                                          "std",
                                          "min",
                                          "max",
                                          "median",
                                          "rms",
                                          "range",
                                          "kurtosis",
                                          "crest",
                                          "zero_crossings",
                                          "mean_abs_difference",
                                          "last",
                                          "bands",
                                          NULL};
const char *const trib_output_words[] = {"features", "rows", NULL};

/* The number of a channel by name, among those defined so far. */
static trib_status read_channel(const trib_federation *federation, uint32_t known, trib_value value,
                                uint32_t *ret_channel) {
    const char *name = trib_value_text(value);
    for (uint32_t i = 0; name != NULL && i < known; i++) {
        if (strcmp(name, federation->channel_names[i]) == 0) {
            *ret_channel = i;
            return TRIB_SUCCESS;
        }
    }
    return trib_value_refuse(value,
                             "expected the name of a source or an earlier derived channel, "
                             "found '%s'",
                             name != NULL ? name : "a list");
}

/* One name, or a list of up to `most`. */
static trib_status read_channels(const trib_federation *federation, uint32_t known,
                                 trib_value value, uint32_t most, uint32_t *ret_channels,
                                 uint32_t *ret_count) {
    if (trib_value_text(value) != NULL) {
        *ret_count = 1;
        return read_channel(federation, known, value, ret_channels);
    }
    if (!trib_value_is_list(value) || trib_value_count(value) == 0 ||
        trib_value_count(value) > most) {
        char expected[64];
        (void)snprintf(expected, sizeof expected, "1 to %u names of channels", most);
        return trib_value_expect(value, expected);
    }
    for (uint32_t i = 0; i < trib_value_count(value); i++) {
        TRIB_TRY(read_channel(federation, known, trib_value_item(value, i), &ret_channels[i]));
    }
    *ret_count = (uint32_t)trib_value_count(value);
    return TRIB_SUCCESS;
}

static trib_status read_resample(trib_value map, trib_federation *federation) {
    static const char *const keys[] = {"rate_hz", "max_gap_s", NULL};
    trib_pipeline_spec *pipeline = &federation->pipeline;
    trib_value resample;
    TRIB_TRY(trib_value_find(map, "resample", &resample));
    TRIB_TRY(trib_config_only(resample, keys));
    pipeline->resample = trib_value_present(resample);
    if (pipeline->resample && federation->source.time_unit == TRIB_TIME_NONE) {
        return trib_value_refuse(resample,
                                 "needs source.timestamp: rows without one are on the grid");
    }
    TRIB_TRY(trib_config_f32(resample, "rate_hz", 1e-6, 1e6, &pipeline->rate_hz));
    return trib_config_f32(resample, "max_gap_s", 0, 1e6, &pipeline->max_gap_s);
}

static trib_status read_hampel(trib_value map, trib_pipeline_spec *pipeline) {
    static const char *const keys[] = {"half_window", "threshold", NULL};
    trib_value hampel;
    TRIB_TRY(trib_value_find(map, "hampel", &hampel));
    TRIB_TRY(trib_config_only(hampel, keys));
    if (trib_value_present(hampel)) {
        pipeline->hampel_half_window = 5;
        pipeline->hampel_threshold = 3;
    }
    TRIB_TRY(
        trib_config_u32(hampel, "half_window", 1, TRIB_MAX_HAMPEL, &pipeline->hampel_half_window));
    return trib_config_f32(hampel, "threshold", 0.1, 100, &pipeline->hampel_threshold);
}

static trib_status read_filter(trib_value item, trib_federation *federation) {
    static const char *const keys[] = {"kind", "frequency_hz", "q", "channels", NULL};
    trib_pipeline_spec *pipeline = &federation->pipeline;
    TRIB_TRY(trib_config_only(item, keys));
    trib_value kind, frequency, channels;
    TRIB_TRY(trib_value_need(item, "kind", &kind));
    TRIB_TRY(trib_value_need(item, "frequency_hz", &frequency));
    size_t word = 0;
    TRIB_TRY(trib_value_choice(kind, trib_filter_words, &word));
    double hz = 0;
    TRIB_TRY(trib_value_number(frequency, 1e-9, (double)pipeline->rate_hz / 2, &hz));
    trib_filter_spec filter = {
        .kind = (trib_filter_kind)word, .frequency_hz = (float)hz, .q = 0.70710678f};
    TRIB_TRY(trib_config_f32(item, "q", 0.01, 100, &filter.q));
    uint32_t numbers[TRIB_MAX_SOURCES] = {0}, count = federation->source.channel_count;
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = i;
    }
    TRIB_TRY(trib_value_find(item, "channels", &channels));
    if (trib_value_present(channels)) {
        TRIB_TRY(read_channels(federation, federation->source.channel_count, channels,
                               TRIB_MAX_SOURCES, numbers, &count));
    }
    for (uint32_t i = 0; i < count; i++) {
        if (pipeline->filter_count == TRIB_MAX_FILTERS) {
            return trib_value_refuse(item, "more than %d filters, counted for each channel",
                                     TRIB_MAX_FILTERS);
        }
        filter.channel = numbers[i];
        pipeline->filters[pipeline->filter_count++] = filter;
    }
    return TRIB_SUCCESS;
}

static trib_status read_derive(trib_value item, trib_federation *federation) {
    static const char *const keys[] = {"name", "kind",      "of", "reference",
                                       "rate", "component", NULL};
    trib_pipeline_spec *pipeline = &federation->pipeline;
    uint32_t known = federation->source.channel_count + pipeline->derive_count;
    TRIB_TRY(trib_config_only(item, keys));
    trib_value name, kind, of, reference;
    TRIB_TRY(trib_value_need(item, "name", &name));
    TRIB_TRY(trib_value_need(item, "kind", &kind));
    TRIB_TRY(trib_value_need(item, "of", &of));
    if (pipeline->derive_count == TRIB_MAX_DERIVED) {
        return trib_value_refuse(item, "more than %d derived channels", TRIB_MAX_DERIVED);
    }
    trib_derive_spec derive = {.rate = 0.02f};
    size_t word = 0;
    TRIB_TRY(trib_value_choice(kind, trib_derive_words, &word));
    derive.kind = (trib_derive_kind)word;
    bool vector = derive.kind < TRIB_DERIVE_DIFFERENCE;
    bool slow = vector && derive.kind != TRIB_DERIVE_MAGNITUDE;
    TRIB_TRY(read_channels(federation, known, of, vector ? 3 : 1, derive.of, &derive.of_count));
    if (vector && derive.of_count < 2) {
        return trib_value_expect(of, "the 2 or 3 channels of a vector");
    }
    if (!slow) {
        static const char *const of_slow[] = {"rate", "component", NULL};
        char beside[48];
        (void)snprintf(beside, sizeof beside, "kind: %s", trib_derive_words[word]);
        TRIB_TRY(trib_config_none(item, of_slow, beside));
    }
    TRIB_TRY(trib_value_find(item, "reference", &reference));
    memcpy(derive.reference, derive.of, sizeof derive.reference);
    if (trib_value_present(reference)) {
        uint32_t count = 0;
        TRIB_TRY(read_channels(federation, known, reference, 3, derive.reference, &count));
        if (!slow || count != derive.of_count) {
            return trib_value_refuse(reference, "expected as many channels as 'of' has, for along, "
                                                "across and direction");
        }
    }
    TRIB_TRY(trib_config_f32(item, "rate", 1e-6, 1, &derive.rate));
    TRIB_TRY(trib_config_u32(item, "component", 0, derive.of_count - 1, &derive.component));
    char *own = federation->channel_names[known];
    TRIB_TRY(trib_value_copy(name, own, TRIB_COLUMN_SIZE));
    for (uint32_t i = 0; i < known; i++) {
        if (strcmp(own, federation->channel_names[i]) == 0) {
            return trib_value_refuse(name, "a channel is named '%s' already", own);
        }
    }
    pipeline->derives[pipeline->derive_count++] = derive;
    return TRIB_SUCCESS;
}

static trib_status read_each(trib_value map, const char *key, trib_federation *federation,
                             trib_status (*read)(trib_value, trib_federation *)) {
    trib_value list;
    TRIB_TRY(trib_value_find(map, key, &list));
    if (trib_value_present(list) && !trib_value_is_list(list)) {
        return trib_value_expect(list, "a list");
    }
    for (size_t i = 0; i < trib_value_count(list); i++) {
        TRIB_TRY(read(trib_value_item(list, i), federation));
    }
    return TRIB_SUCCESS;
}

static trib_status read_window(trib_value map, trib_pipeline_spec *pipeline) {
    static const char *const keys[] = {"rows", "hop", "context", "frames", "min_valid", NULL};
    trib_value window, rows;
    TRIB_TRY(trib_value_need(map, "window", &window));
    TRIB_TRY(trib_config_only(window, keys));
    TRIB_TRY(trib_value_need(window, "rows", &rows));
    TRIB_TRY(trib_config_u32(window, "rows", 1, TRIB_MAX_WINDOW, &pipeline->window_rows));
    pipeline->hop_rows = pipeline->window_rows;
    pipeline->frames = 1;
    pipeline->min_valid = 0.5f;
    TRIB_TRY(trib_config_u32(window, "hop", 1, TRIB_MAX_WINDOW, &pipeline->hop_rows));
    TRIB_TRY(trib_config_u32(window, "context", 0, TRIB_MAX_WINDOW, &pipeline->context_rows));
    TRIB_TRY(trib_config_u32(window, "frames", 1, TRIB_MAX_FRAMES, &pipeline->frames));
    TRIB_TRY(trib_config_f32(window, "min_valid", 0, 1, &pipeline->min_valid));
    if (pipeline->window_rows + pipeline->context_rows > TRIB_MAX_WINDOW) {
        return trib_value_refuse(window, "expected at most %d rows and context together, found %u",
                                 TRIB_MAX_WINDOW, pipeline->window_rows + pipeline->context_rows);
    }
    if ((pipeline->window_rows + pipeline->context_rows) % pipeline->frames != 0) {
        return trib_value_refuse(window, "%u rows with %u of context do not divide into %u frames",
                                 pipeline->window_rows, pipeline->context_rows, pipeline->frames);
    }
    return TRIB_SUCCESS;
}

static trib_status read_bands(trib_value map, trib_pipeline_spec *pipeline) {
    static const char *const keys[] = {"scale", "hz", NULL};
    static const char *const scales[] = {"linear", "log", NULL};
    trib_value bands, hz;
    TRIB_TRY(trib_value_find(map, "bands", &bands));
    bool wanted = (pipeline->features & TRIB_FEATURE_BANDS) != 0;
    if (wanted != trib_value_present(bands)) {
        return trib_value_refuse(wanted ? map : bands,
                                 wanted ? "the feature 'bands' needs the key 'bands'"
                                        : "add 'bands' to the features, or leave this out");
    }
    if (!wanted) {
        return TRIB_SUCCESS;
    }
    TRIB_TRY(trib_config_only(bands, keys));
    size_t scale = 0;
    TRIB_TRY(trib_config_choice(bands, "scale", scales, &scale));
    pipeline->band_log = scale == 1;
    TRIB_TRY(trib_value_need(bands, "hz", &hz));
    if (!trib_value_is_list(hz) || trib_value_count(hz) == 0 ||
        trib_value_count(hz) > TRIB_MAX_BANDS) {
        return trib_value_expect(hz, "a list of 1 to 32 bands such as [10, 50]");
    }
    for (uint32_t i = 0; i < trib_value_count(hz); i++) {
        trib_value band = trib_value_item(hz, i);
        double low = 0, high = 0;
        if (trib_value_count(band) != 2 || !trib_value_is_list(band)) {
            return trib_value_expect(band, "[low, high] in Hz");
        }
        TRIB_TRY(
            trib_value_number(trib_value_item(band, 0), 0, (double)pipeline->rate_hz / 2, &low));
        TRIB_TRY(
            trib_value_number(trib_value_item(band, 1), low, (double)pipeline->rate_hz, &high));
        pipeline->bands[i] = (trib_band_spec){(float)low, (float)high};
    }
    pipeline->band_count = (uint32_t)trib_value_count(hz);
    return TRIB_SUCCESS;
}

static trib_status read_features(trib_value map, trib_pipeline_spec *pipeline) {
    trib_value features;
    size_t output = 0;
    TRIB_TRY(trib_config_choice(map, "output", trib_output_words, &output));
    pipeline->output = (trib_example_kind)output;
    TRIB_TRY(trib_value_find(map, "features", &features));
    if (pipeline->output == TRIB_EXAMPLE_ROWS) {
        static const char *const of_features[] = {"features", "bands", NULL};
        return trib_config_none(map, of_features, "output: rows");
    }
    if (!trib_value_present(features)) {
        return trib_value_refuse(map, "the key 'features' is missing: a list such as [mean, std]");
    }
    if (!trib_value_is_list(features) || trib_value_count(features) == 0) {
        return trib_value_expect(features, "a list such as [mean, std]");
    }
    for (size_t i = 0; i < trib_value_count(features); i++) {
        size_t word = 0;
        TRIB_TRY(trib_value_choice(trib_value_item(features, i), trib_feature_words, &word));
        pipeline->features |= 1u << word;
    }
    return read_bands(map, pipeline);
}

static trib_status read_normalise(trib_value map, trib_pipeline_spec *pipeline) {
    static const char *const keys[] = {"clip", NULL};
    trib_value normalise;
    pipeline->normalise = true;
    TRIB_TRY(trib_value_find(map, "normalise", &normalise));
    if (trib_value_text(normalise) != NULL) {
        return trib_value_flag(normalise, &pipeline->normalise);
    }
    TRIB_TRY(trib_config_only(normalise, keys));
    return trib_config_f32(normalise, "clip", 0, 1e6, &pipeline->normalise_clip);
}

static trib_status check_twice(const trib_federation *federation, trib_value channels) {
    const trib_pipeline_spec *pipeline = &federation->pipeline;
    for (uint32_t i = 0; i < pipeline->use_count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (pipeline->use[i] == pipeline->use[j]) {
                return trib_value_refuse(trib_value_item(channels, i),
                                         "'%s' stands in the list twice",
                                         federation->channel_names[pipeline->use[i]]);
            }
        }
    }
    return TRIB_SUCCESS;
}

trib_status trib_read_pipeline(trib_value map, trib_federation *federation) {
    static const char *const keys[] = {"resample", "fill_rows", "hampel",    "filters",
                                       "derive",   "channels",  "window",    "output",
                                       "features", "bands",     "normalise", NULL};
    trib_pipeline_spec *pipeline = &federation->pipeline;
    uint32_t sources = federation->source.channel_count;
    memcpy(federation->channel_names, federation->source.channels,
           sources * sizeof federation->source.channels[0]);
    pipeline->source_count = sources;
    pipeline->rate_hz = (float)federation->source.rate_hz;
    TRIB_TRY(trib_config_only(map, keys));
    TRIB_TRY(read_resample(map, federation));
    TRIB_TRY(trib_config_u32(map, "fill_rows", 0, 1000000, &pipeline->fill_rows));
    TRIB_TRY(read_hampel(map, pipeline));
    TRIB_TRY(read_each(map, "filters", federation, read_filter));
    TRIB_TRY(read_each(map, "derive", federation, read_derive));
    trib_value channels;
    TRIB_TRY(trib_value_find(map, "channels", &channels));
    pipeline->use_count = sources;
    for (uint32_t i = 0; i < sources; i++) {
        pipeline->use[i] = i;
    }
    if (trib_value_present(channels)) {
        TRIB_TRY(read_channels(federation, sources + pipeline->derive_count, channels,
                               TRIB_MAX_CHANNELS, pipeline->use, &pipeline->use_count));
        TRIB_TRY(check_twice(federation, channels));
    }
    TRIB_TRY(read_window(map, pipeline));
    TRIB_TRY(read_features(map, pipeline));
    TRIB_TRY(read_normalise(map, pipeline));
    trib_status status = trib_pipeline_check(pipeline);
    return trib_ok(status) ? status : trib_value_refuse(map, "%s", trib_message());
}
