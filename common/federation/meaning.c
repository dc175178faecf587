/* The meaning of a model as canonical JSON, in the document's own keys. */
#include "common/federation/federation.h"

#include <jansson.h>
#include <string.h>

#include "common/federation/sections.h"
#include "common/tensor/json_text.h"

static json_t *channel_names(const trib_federation *federation, const uint32_t *channels,
                             uint32_t count) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++) {
        trib_json_add(&list, json_string(federation->channel_names[channels[i]]));
    }
    return list;
}

static json_t *texts(const char (*names)[TRIB_COLUMN_SIZE], uint32_t count) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++) {
        trib_json_add(&list, json_string(names[i]));
    }
    return list;
}

/* What of the source a model depends on: not where files lie or how they split. */
static json_t *source_json(const trib_federation *federation) {
    const trib_source_spec *source = &federation->source;
    json_t *map = json_object();
    trib_json_put(&map, "rate_hz", json_real(source->rate_hz));
    trib_json_put(&map, "channels", texts(source->channels, source->channel_count));
    if (source->time_unit != TRIB_TIME_NONE) {
        json_t *timestamp = json_object();
        trib_json_put(&timestamp, "column", json_string(source->time_column));
        trib_json_put(&timestamp, "unit", json_string(trib_time_unit_words[source->time_unit]));
        trib_json_put(&map, "timestamp", timestamp);
    }
    if (source->class_count > 0) {
        json_t *label = json_object();
        trib_json_put(&label, "column", json_string(source->label_column));
        trib_json_put(&label, "classes", texts(source->classes, source->class_count));
        trib_json_put(&map, "label", label);
    }
    if (source->target_count > 0) {
        trib_json_put(&map, "targets", texts(source->targets, source->target_count));
    }
    return map;
}

static json_t *filters_json(const trib_federation *federation) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < federation->pipeline.filter_count; i++) {
        const trib_filter_spec *filter = &federation->pipeline.filters[i];
        json_t *map = json_object();
        trib_json_put(&map, "kind", json_string(trib_filter_words[filter->kind]));
        trib_json_put(&map, "frequency_hz", json_real((double)filter->frequency_hz));
        trib_json_put(&map, "q", json_real((double)filter->q));
        trib_json_put(&map, "channels", channel_names(federation, &filter->channel, 1));
        trib_json_add(&list, map);
    }
    return list;
}

static json_t *derives_json(const trib_federation *federation) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < federation->pipeline.derive_count; i++) {
        const trib_derive_spec *derive = &federation->pipeline.derives[i];
        json_t *map = json_object();
        trib_json_put(
            &map, "name",
            json_string(federation->channel_names[federation->pipeline.source_count + i]));
        trib_json_put(&map, "kind", json_string(trib_derive_words[derive->kind]));
        trib_json_put(&map, "of", channel_names(federation, derive->of, derive->of_count));
        if (derive->kind >= TRIB_DERIVE_ALONG && derive->kind <= TRIB_DERIVE_DIRECTION) {
            trib_json_put(&map, "reference",
                          channel_names(federation, derive->reference, derive->of_count));
            trib_json_put(&map, "rate", json_real((double)derive->rate));
            trib_json_put(&map, "component", json_integer(derive->component));
        }
        trib_json_add(&list, map);
    }
    return list;
}

static void set_features(json_t **map, const trib_pipeline_spec *pipeline) {
    trib_json_put(map, "output", json_string(trib_output_words[pipeline->output]));
    if (pipeline->output == TRIB_EXAMPLE_ROWS) {
        return;
    }
    json_t *list = json_array();
    for (uint32_t bit = 0; trib_feature_words[bit] != NULL; bit++) {
        if (pipeline->features & 1u << bit) {
            trib_json_add(&list, json_string(trib_feature_words[bit]));
        }
    }
    trib_json_put(map, "features", list);
    if (pipeline->band_count > 0) {
        json_t *bands = json_object(), *hz = json_array();
        for (uint32_t i = 0; i < pipeline->band_count; i++) {
            trib_json_add(&hz, json_pack("[f,f]", (double)pipeline->bands[i].low_hz,
                                         (double)pipeline->bands[i].high_hz));
        }
        trib_json_put(&bands, "hz", hz);
        trib_json_put(&bands, "scale", json_string(pipeline->band_log ? "log" : "linear"));
        trib_json_put(map, "bands", bands);
    }
}

static json_t *pipeline_json(const trib_federation *federation) {
    const trib_pipeline_spec *pipeline = &federation->pipeline;
    json_t *map = json_object(), *window = json_object();
    if (pipeline->resample) {
        trib_json_put(&map, "resample",
                      json_pack("{s:f,s:f}", "rate_hz", (double)pipeline->rate_hz, "max_gap_s",
                                (double)pipeline->max_gap_s));
    }
    trib_json_put(&map, "fill_rows", json_integer(pipeline->fill_rows));
    if (pipeline->hampel_half_window > 0) {
        trib_json_put(&map, "hampel",
                      json_pack("{s:i,s:f}", "half_window", (int)pipeline->hampel_half_window,
                                "threshold", (double)pipeline->hampel_threshold));
    }
    trib_json_put(&map, "filters", filters_json(federation));
    trib_json_put(&map, "derive", derives_json(federation));
    trib_json_put(&map, "channels", channel_names(federation, pipeline->use, pipeline->use_count));
    trib_json_put(&window, "rows", json_integer(pipeline->window_rows));
    trib_json_put(&window, "hop", json_integer(pipeline->hop_rows));
    trib_json_put(&window, "context", json_integer(pipeline->context_rows));
    trib_json_put(&window, "frames", json_integer(pipeline->frames));
    trib_json_put(&window, "min_valid", json_real((double)pipeline->min_valid));
    trib_json_put(&map, "window", window);
    set_features(&map, pipeline);
    trib_json_put(&map, "normalise",
                  pipeline->normalise ? json_pack("{s:f}", "clip", (double)pipeline->normalise_clip)
                                      : json_false());
    return map;
}

static json_t *layer_json(const trib_layer_spec *layer) {
    json_t *map = json_object();
    trib_json_put(&map, "kind", json_string(trib_layer_name(layer->kind)));
    switch (layer->kind) {
    case TRIB_LAYER_DENSE:
        trib_json_put(&map, "units", json_integer(layer->units));
        trib_json_put(&map, "initial_scale", json_real((double)layer->initial_scale));
        break;
    case TRIB_LAYER_CONV1D:
        trib_json_put(&map, "filters", json_integer(layer->filters));
        trib_json_put(&map, "kernel", json_integer(layer->kernel));
        trib_json_put(&map, "stride", json_integer(layer->stride));
        trib_json_put(&map, "initial_scale", json_real((double)layer->initial_scale));
        break;
    case TRIB_LAYER_MAX_POOL:
        trib_json_put(&map, "size", json_integer(layer->size));
        break;
    case TRIB_LAYER_DROPOUT:
        trib_json_put(&map, "rate", json_real((double)layer->rate));
        break;
    case TRIB_LAYER_RELU:
    case TRIB_LAYER_TANH:
    case TRIB_LAYER_SIGMOID:
    case TRIB_LAYER_FLATTEN:
        break;
    }
    return map;
}

static json_t *model_json(const trib_federation *federation) {
    json_t *map = json_object();
    trib_json_put(&map, "task", json_string(trib_task_words[federation->task - 1]));
    if (federation->task == TRIB_TASK_HOTELLING_T2) {
        trib_json_put(&map, "significance", json_real(federation->detector.significance));
        trib_json_put(&map, "scale_floor", json_real(federation->detector.scale_floor));
        return map;
    }
    if (federation->task == TRIB_TASK_RECONSTRUCT) {
        trib_json_put(&map, "quantile", json_real(federation->detector.quantile));
    }
    json_t *layers = json_array();
    for (uint32_t i = 0; i < federation->model.layer_count; i++) {
        trib_json_add(&layers, layer_json(&federation->model.layers[i]));
    }
    trib_json_put(&map, "layers", layers);
    return map;
}

trib_status trib_meaning_print(const trib_federation *federation, trib_buffer *ret_json) {
    TRIB_SCOPED(trib_json_release) json_t *map = json_object();
    trib_json_put(&map, "source", source_json(federation));
    trib_json_put(&map, "pipeline", pipeline_json(federation));
    trib_json_put(&map, "model", model_json(federation));
    return trib_json_print(map, ret_json);
}

trib_status trib_pipeline_print(const trib_federation *federation, trib_buffer *ret_json) {
    TRIB_SCOPED(trib_json_release) json_t *map = pipeline_json(federation);
    return trib_json_print(map, ret_json);
}

trib_status trib_federation_lineage(const trib_crypto *crypto, const trib_federation *federation,
                                    trib_lineage *ret_lineage) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer meaning = {.ceiling = 4 * TRIB_DOCUMENT_MAX_BYTES};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer pipeline = {.ceiling = 4 * TRIB_DOCUMENT_MAX_BYTES};
    TRIB_TRY(trib_meaning_print(federation, &meaning));
    TRIB_TRY(trib_pipeline_print(federation, &pipeline));
    trib_lineage lineage;
    TRIB_TRY(crypto->sha256(trib_buffer_view(&meaning), lineage.meaning));
    TRIB_TRY(crypto->sha256(trib_buffer_view(&pipeline), lineage.pipeline));
    *ret_lineage = lineage;
    return TRIB_SUCCESS;
}
