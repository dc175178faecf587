#include "common/federation/federation.h"

#include <string.h>

#include "common/base/file.h"
#include "common/federation/sections.h"
#include "common/signal/check.h"

static trib_status read_release(trib_value root, trib_federation *federation) {
    static const char *const keys[] = {"policy", NULL};
    static const char *const policies[] = {"every_round", "manual", NULL};
    trib_value release;
    TRIB_TRY(trib_value_find(root, "release", &release));
    TRIB_TRY(trib_config_only(release, keys));
    size_t policy = 0;
    TRIB_TRY(trib_config_choice(release, "policy", policies, &policy));
    federation->release_every_round = policy == 0;
    return TRIB_SUCCESS;
}

static trib_status read_meaning(trib_value root, trib_federation *federation) {
    trib_value source, pipeline, model;
    TRIB_TRY(trib_value_need(root, "source", &source));
    TRIB_TRY(trib_value_need(root, "pipeline", &pipeline));
    TRIB_TRY(trib_value_need(root, "model", &model));
    TRIB_TRY(trib_read_source(source, federation));
    TRIB_TRY(trib_read_pipeline(pipeline, federation));
    return trib_read_model(model, federation);
}

/* Rules that span parts of the document. */
static trib_status check_whole(trib_value root, const trib_federation *federation) {
    trib_value rounds;
    TRIB_TRY(trib_value_find(root, "rounds", &rounds));
    if (federation->rounds.quorum > federation->rounds.gateways) {
        return trib_value_refuse(rounds,
                                 "the quorum %u is more than the %u gateways it starts with",
                                 federation->rounds.quorum, federation->rounds.gateways);
    }
    if (federation->task == TRIB_TASK_HOTELLING_T2 && federation->codec != TRIB_CODEC_FLOAT32) {
        return trib_value_refuse(root, "'hotelling_t2' needs update.codec float32");
    }
    return TRIB_SUCCESS;
}

static trib_status read_document(trib_value root, trib_federation *federation) {
    static const char *const keys[] = {
        "federation", "description", "seed",   "source",  "pipeline",  "model", "training",
        "rounds",     "strategy",    "update", "release", "telemetry", NULL};
    trib_value name, training, rounds, strategy, update;
    TRIB_TRY(trib_config_only(root, keys));
    TRIB_TRY(trib_value_need(root, "federation", &name));
    TRIB_TRY(trib_value_name(name, federation->name));
    TRIB_TRY(trib_config_text(root, "description", federation->description,
                              sizeof federation->description));
    int64_t seed = 1;
    TRIB_TRY(trib_config_integer(root, "seed", 0, INT64_MAX, &seed));
    federation->seed = (uint64_t)seed;
    TRIB_TRY(read_meaning(root, federation));
    TRIB_TRY(trib_value_find(root, "training", &training));
    TRIB_TRY(trib_value_find(root, "rounds", &rounds));
    TRIB_TRY(trib_value_find(root, "strategy", &strategy));
    TRIB_TRY(trib_value_find(root, "update", &update));
    TRIB_TRY(trib_read_rounds(rounds, federation));
    TRIB_TRY(trib_read_training(training, federation));
    TRIB_TRY(trib_read_strategy(strategy, federation));
    TRIB_TRY(trib_read_update(update, federation));
    TRIB_TRY(read_release(root, federation));
    TRIB_TRY(trib_read_telemetry(root, federation));
    return check_whole(root, federation);
}

/* Parses into storage of its own, so that a refused document changes nothing. */
static trib_status parse(const char *name, trib_bytes text,
                         trib_status (*read)(trib_value, trib_federation *),
                         trib_federation *ret_federation) {
    if (text.size > TRIB_DOCUMENT_MAX_BYTES) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "%s: larger than %d bytes", name,
                         TRIB_DOCUMENT_MAX_BYTES);
    }
    TRIB_SCOPED(trib_config_destroy_scoped) trib_config *config = NULL;
    TRIB_SCOPED(trib_free_scoped)
    trib_federation *federation = trib_allocate(1, sizeof *federation);
    if (federation == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a federation");
    }
    TRIB_TRY(trib_config_parse(name, text, &config));
    TRIB_TRY(read(trib_config_root(config), federation));
    *ret_federation = *federation;
    return TRIB_SUCCESS;
}

trib_status trib_federation_parse(const char *name, trib_bytes text,
                                  trib_federation *ret_federation) {
    return parse(name, text, read_document, ret_federation);
}

trib_status trib_meaning_parse(const char *name, trib_bytes json, trib_federation *ret_federation) {
    return parse(name, json, read_meaning, ret_federation);
}

trib_status trib_federation_load(const char *path, trib_federation *ret_federation,
                                 trib_buffer *ret_text) {
    TRIB_TRY(trib_file_read(path, ret_text));
    return trib_federation_parse(path, trib_buffer_view(ret_text), ret_federation);
}

uint32_t trib_federation_input_count(const trib_federation *federation) {
    return (uint32_t)trib_pipeline_example_size(&federation->pipeline);
}

uint32_t trib_federation_parameter_count(const trib_federation *federation) {
    uint32_t channels = federation->pipeline.use_count;
    return federation->task == TRIB_TASK_HOTELLING_T2 ? channels * (channels + 1) / 2
                                                      : federation->plan.parameter_count;
}
