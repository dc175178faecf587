#include "common/model/model.h"

#include <string.h>

#include "common/signal/check.h"

trib_status trib_model_create(const trib_crypto *crypto, const trib_federation *federation,
                              trib_model **ret_model) {
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = trib_allocate(1, sizeof *model);
    if (model == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a model");
    }
    model->meaning = *federation;
    model->column_count = (uint32_t)trib_pipeline_columns(&federation->pipeline);
    model->parameter_count = trib_federation_parameter_count(federation);
    model->mean = trib_allocate(model->column_count, sizeof(float));
    model->deviation = trib_allocate(model->column_count, sizeof(float));
    model->spread = trib_allocate(model->column_count, sizeof(float));
    model->parameters = trib_allocate(model->parameter_count, sizeof(float));
    if (model->mean == NULL || model->deviation == NULL || model->spread == NULL ||
        model->parameters == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a model of %u parameters",
                         model->parameter_count);
    }
    for (uint32_t i = 0; i < model->column_count; i++) {
        model->deviation[i] = 1;
        model->spread[i] = 1;
    }
    TRIB_TRY(trib_federation_lineage(crypto, federation, &model->lineage));
    *ret_model = model;
    model = NULL;
    return TRIB_SUCCESS;
}

trib_model *trib_model_share(trib_model *model) {
    (void)atomic_fetch_add(&model->other_owners, 1);
    return model;
}

void trib_model_destroy(trib_model *model) {
    if (model != NULL && atomic_fetch_sub(&model->other_owners, 1) == 0) {
        trib_free(model->mean);
        trib_free(model->deviation);
        trib_free(model->spread);
        trib_free(model->parameters);
        trib_free(model);
    }
}

void trib_model_destroy_scoped(trib_model **model) {
    trib_model_destroy(*model);
}

trib_status trib_model_copy(const trib_model *model, trib_model **ret_copy) {
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *copy = trib_allocate(1, sizeof *copy);
    if (copy == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a model");
    }
    *copy = (trib_model){.meaning = model->meaning,
                         .lineage = model->lineage,
                         .round = model->round,
                         .column_count = model->column_count,
                         .parameter_count = model->parameter_count};
    size_t inputs = model->column_count * sizeof(float);
    size_t parameters = model->parameter_count * sizeof(float);
    copy->mean = trib_allocate(inputs, 1);
    copy->deviation = trib_allocate(inputs, 1);
    copy->spread = trib_allocate(inputs, 1);
    copy->parameters = trib_allocate(parameters, 1);
    if (copy->mean == NULL || copy->deviation == NULL || copy->spread == NULL ||
        copy->parameters == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a model of %u parameters",
                         copy->parameter_count);
    }
    memcpy(copy->mean, model->mean, inputs);
    memcpy(copy->deviation, model->deviation, inputs);
    memcpy(copy->spread, model->spread, inputs);
    memcpy(copy->parameters, model->parameters, parameters);
    *ret_copy = copy;
    copy = NULL;
    return TRIB_SUCCESS;
}

size_t trib_model_file_ceiling(const trib_federation *federation) {
    return 4 * ((size_t)trib_federation_parameter_count(federation) +
                3 * (size_t)trib_pipeline_columns(&federation->pipeline)) +
           (1 << 20);
}

size_t trib_model_object_ceiling(const trib_federation *federation) {
    return 3 * trib_model_file_ceiling(federation);
}
