/* A model and the one file it travels in: plain safetensors whose metadata holds what it means.
 *
 *     layers.NN.weight, layers.NN.bias           a network, one pair for each layer with parameters
 *     statistic.moment                           hotelling_t2: mean of z z', upper triangle by rows
 *     normalisation.mean, .deviation, .spread    each [columns of an example]; spread is the
 * fleet's geometric mean of deviations metadata: format "tributary/1", federation, round (within
 * the lineage, decimal), meaning (canonical JSON: source columns, pipeline, model, labels),
 * pipeline_sha256, lineage_sha256
 *
 * No time, host or kernel name goes in: equal training gives equal bytes.
 *
 * errors   reading: TRIB_E_CORRUPT naming what is wrong; TRIB_E_IO for memory
 * threads  a model is read-only once made, and may then be shared
 */
#ifndef TRIB_MODEL_MODEL_H
#define TRIB_MODEL_MODEL_H

#include <stdatomic.h>

#include "common/federation/federation.h"

typedef struct trib_model {
    trib_federation meaning; /* source, pipeline, model and name; the rest is zero */
    trib_lineage lineage;
    uint32_t round; /* rounds of training behind it; 0 is as initialised */
    uint32_t
        column_count; /* of an example: see trib_pipeline_columns; frames and rows share them */
    uint32_t parameter_count;
    float *mean;       /* [column_count] */
    float *deviation;  /* [column_count], > 0 */
    float *spread;     /* [column_count] */
    float *parameters; /* [parameter_count], as model_plan.h orders them; or the moment */
    atomic_uint other_owners;
} trib_model;

/* Zero parameters, mean 0, deviation and spread 1. */
TRIB_MUST_CHECK trib_status trib_model_create(const trib_crypto *crypto,
                                              const trib_federation *federation,
                                              trib_model **ret_model);
/* One more owner of the same model, from now on read-only: each owner destroys it, from any thread,
 * and the last one frees it. */
trib_model *trib_model_share(trib_model *model);
void trib_model_destroy(trib_model *model);
void trib_model_destroy_scoped(trib_model **model);
TRIB_MUST_CHECK trib_status trib_model_copy(const trib_model *model, trib_model **ret_copy);

/* Appends the file. Equal models give equal bytes. */
TRIB_MUST_CHECK trib_status trib_model_write(const trib_model *model, trib_buffer *ret_file);
/* Checks everything: shapes, finite values, that the hashes are those of the meaning. */
TRIB_MUST_CHECK trib_status trib_model_read(const trib_crypto *crypto, trib_bytes file,
                                            trib_model **ret_model);

/* A ceiling for the file of any model: parameters, normalisation and header. */
size_t trib_model_file_ceiling(const trib_federation *federation);
/* Likewise of any file that is kept of a federation: its models, and the state of its strategy,
 * which has parameters of up to three models. */
size_t trib_model_object_ceiling(const trib_federation *federation);

#endif
