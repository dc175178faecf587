#include "common/model/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/tensor/safetensors.h"

enum { MAX_PARTS = 2 * TRIB_MODEL_MAX_LAYERS + 4, NAME_SIZE = 32 };
static const char format[] = "tributary/1";

/* The float arrays of a model and the names and shapes they have in the file: the one list that
 * both writing and reading follow. */
typedef struct part {
    char name[NAME_SIZE];
    uint32_t rank;
    size_t shape[3];
    float *values;
    size_t count;
} part;

typedef struct part_list {
    part parts[MAX_PARTS];
    size_t count;
} part_list;

static void add_part(part_list *list, const char *name, uint32_t rank, const size_t shape[3],
                     float *values) {
    TRIB_ASSERT(list->count < MAX_PARTS);
    part *next = &list->parts[list->count++];
    (void)snprintf(next->name, sizeof next->name, "%s", name);
    next->rank = rank;
    next->values = values;
    next->count = 1;
    for (uint32_t i = 0; i < rank; i++) {
        next->shape[i] = shape[i];
        next->count *= shape[i];
    }
}

static void add_layers(part_list *list, const trib_model *model) {
    const trib_model_plan *plan = &model->meaning.plan;
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        const trib_layer_plan *layer = &plan->layers[i];
        if (layer->fan_in == 0) {
            continue;
        }
        char name[NAME_SIZE];
        size_t weight[3] = {layer->channels_out, layer->fan_in, 0};
        bool convolution = layer->spec.kind == TRIB_LAYER_CONV1D;
        if (convolution) {
            weight[1] = layer->spec.kernel;
            weight[2] = layer->channels_in;
        }
        (void)snprintf(name, sizeof name, "layers.%02u.weight", i);
        add_part(list, name, convolution ? 3 : 2, weight,
                 model->parameters + layer->parameters_offset);
        (void)snprintf(name, sizeof name, "layers.%02u.bias", i);
        add_part(list, name, 1, weight, model->parameters + layer->bias_offset);
    }
}

static void list_parts(const trib_model *model, part_list *ret_list) {
    *ret_list = (part_list){.count = 0};
    size_t inputs[3] = {model->column_count, 0, 0};
    add_part(ret_list, "normalisation.mean", 1, inputs, model->mean);
    add_part(ret_list, "normalisation.deviation", 1, inputs, model->deviation);
    add_part(ret_list, "normalisation.spread", 1, inputs, model->spread);
    if (model->meaning.task == TRIB_TASK_HOTELLING_T2) {
        size_t entries[3] = {model->parameter_count, 0, 0};
        add_part(ret_list, "statistic.moment", 1, entries, model->parameters);
    } else {
        add_layers(ret_list, model);
    }
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "tensors are views of little-endian floats");

trib_status trib_model_write(const trib_model *model, trib_buffer *ret_file) {
    part_list list;
    list_parts(model, &list);
    trib_tensor_view tensors[MAX_PARTS] = {{0}};
    for (size_t i = 0; i < list.count; i++) {
        const part *from = &list.parts[i];
        tensors[i] = (trib_tensor_view){.name = from->name,
                                        .element = TRIB_ELEMENT_F32,
                                        .rank = from->rank,
                                        .bytes = trib_bytes_of(from->values, 4 * from->count)};
        memcpy(tensors[i].shape, from->shape, from->rank * sizeof from->shape[0]);
    }
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer meaning = {.ceiling = 4 * TRIB_DOCUMENT_MAX_BYTES};
    TRIB_TRY(trib_meaning_print(&model->meaning, &meaning));
    TRIB_TRY(trib_buffer_append(&meaning, trib_bytes_of("", 1)));
    char round[16], pipeline[2 * TRIB_HASH_BYTES + 1], lineage[2 * TRIB_HASH_BYTES + 1];
    (void)snprintf(round, sizeof round, "%u", model->round);
    trib_hex(trib_bytes_of(model->lineage.pipeline, TRIB_HASH_BYTES), pipeline);
    trib_hex(trib_bytes_of(model->lineage.meaning, TRIB_HASH_BYTES), lineage);
    const trib_metadata_entry metadata[] = {
        {"federation", model->meaning.name}, {"format", format},
        {"lineage_sha256", lineage},         {"meaning", (const char *)meaning.data},
        {"pipeline_sha256", pipeline},       {"round", round},
    };
    const trib_safetensors_content content = {tensors, list.count, metadata,
                                              sizeof metadata / sizeof metadata[0]};
    return trib_safetensors_write(&content, ret_file);
}

static trib_status need_metadata(const trib_safetensors *file, const char *key,
                                 const char **ret_value) {
    const char *value = trib_safetensors_metadata(file, key);
    if (value == NULL) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "the model file has no metadata '%s'", key);
    }
    *ret_value = value;
    return TRIB_SUCCESS;
}

static trib_status read_parts(const trib_safetensors *file, trib_model *model) {
    part_list list;
    list_parts(model, &list);
    if (trib_safetensors_count(file) != list.count) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "the model file has %zu tensors, its meaning needs %zu",
                         trib_safetensors_count(file), list.count);
    }
    for (size_t i = 0; i < list.count; i++) {
        const part *to = &list.parts[i];
        const trib_tensor_view *tensor = trib_safetensors_find(file, to->name);
        if (tensor == NULL || tensor->rank != to->rank ||
            memcmp(tensor->shape, to->shape, to->rank * sizeof to->shape[0]) != 0) {
            return TRIB_FAIL(TRIB_E_CORRUPT, "the tensor '%s' is missing or of another shape",
                             to->name);
        }
        TRIB_TRY(trib_tensor_copy_f32(tensor, to->values, to->count));
        for (size_t j = 0; j < to->count; j++) {
            if (!isfinite(to->values[j])) {
                return TRIB_FAIL(TRIB_E_CORRUPT, "the tensor '%s' holds NaN or infinity", to->name);
            }
        }
    }
    for (uint32_t i = 0; i < model->column_count; i++) {
        if (!(model->deviation[i] > 0) || !(model->spread[i] > 0)) {
            return TRIB_FAIL(TRIB_E_CORRUPT, "a deviation of the normalisation is not positive");
        }
    }
    return TRIB_SUCCESS;
}

static trib_status check_hash(const trib_safetensors *file, const char *key, const uint8_t *hash) {
    const char *text;
    TRIB_TRY(need_metadata(file, key, &text));
    uint8_t stated[TRIB_HASH_BYTES];
    if (!trib_ok(trib_unhex(text, stated, sizeof stated)) ||
        memcmp(stated, hash, sizeof stated) != 0) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "'%s' is not the hash of the model's meaning", key);
    }
    return TRIB_SUCCESS;
}

trib_status trib_model_read(const trib_crypto *crypto, trib_bytes file, trib_model **ret_model) {
    TRIB_SCOPED(trib_safetensors_close_scoped) trib_safetensors *tensors = NULL;
    TRIB_SCOPED(trib_free_scoped) trib_federation *meaning = trib_allocate(1, sizeof *meaning);
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = NULL;
    if (meaning == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a model");
    }
    TRIB_TRY(trib_safetensors_open(file, &tensors));
    const char *text, *name, *round;
    TRIB_TRY(need_metadata(tensors, "format", &text));
    if (strcmp(text, format) != 0) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "the model's format is '%s', expected '%s'", text, format);
    }
    TRIB_TRY(need_metadata(tensors, "meaning", &text));
    TRIB_TRY(need_metadata(tensors, "federation", &name));
    TRIB_TRY(need_metadata(tensors, "round", &round));
    trib_status status = trib_meaning_parse("model", trib_bytes_text(text), meaning);
    if (status.code == TRIB_E_IO) {
        return status; /* no memory: that says nothing about the file */
    }
    if (!trib_ok(status)) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "the model's meaning cannot be read: %s", trib_message());
    }
    if (strlen(name) >= sizeof meaning->name) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "the model's federation has too long a name");
    }
    memcpy(meaning->name, name, strlen(name) + 1);
    TRIB_TRY(trib_model_create(crypto, meaning, &model));
    model->round = (uint32_t)strtoul(round, NULL, 10);
    TRIB_TRY(check_hash(tensors, "pipeline_sha256", model->lineage.pipeline));
    TRIB_TRY(check_hash(tensors, "lineage_sha256", model->lineage.meaning));
    TRIB_TRY(read_parts(tensors, model));
    *ret_model = model;
    model = NULL;
    return TRIB_SUCCESS;
}
