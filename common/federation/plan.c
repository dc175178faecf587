/* How training, rounds, strategy and updates are planned. */
#include "common/federation/sections.h"

#include <string.h>

static trib_status read_optimiser(trib_value map, trib_optimiser_spec *optimiser) {
    static const char *const kinds[] = {"sgd", "momentum", "adam", NULL};
    size_t kind = 0;
    TRIB_TRY(trib_config_choice(map, "optimiser", kinds, &kind));
    optimiser->kind = (trib_optimiser_kind)(kind + 1);
    if (optimiser->kind != TRIB_OPTIMISER_MOMENTUM) {
        static const char *const of_momentum[] = {"momentum", NULL};
        TRIB_TRY(
            trib_config_none(map, of_momentum, kind == 0 ? "optimiser: sgd" : "optimiser: adam"));
    }
    if (optimiser->kind != TRIB_OPTIMISER_ADAM) {
        static const char *const of_adam[] = {"beta1", "beta2", "epsilon", NULL};
        TRIB_TRY(
            trib_config_none(map, of_adam, kind == 0 ? "optimiser: sgd" : "optimiser: momentum"));
    }
    optimiser->momentum = 0.9f;
    optimiser->beta1 = 0.9f;
    optimiser->beta2 = 0.999f;
    optimiser->epsilon = 1e-8f;
    TRIB_TRY(trib_config_f32(map, "momentum", 0, 0.9999, &optimiser->momentum));
    TRIB_TRY(trib_config_f32(map, "beta1", 0, 0.9999, &optimiser->beta1));
    TRIB_TRY(trib_config_f32(map, "beta2", 0, 0.99999, &optimiser->beta2));
    TRIB_TRY(trib_config_f32(map, "epsilon", 1e-12, 1, &optimiser->epsilon));
    return trib_config_f32(map, "l2", 0, 1, &optimiser->l2);
}

static trib_status check_schedule(trib_value map, trib_schedule_kind kind) {
    static const char *const of_exponential[] = {"decay", NULL};
    static const char *const of_cosine[] = {"floor", "rounds", NULL};
    static const char *const of_curves[] = {"decay", "floor", "rounds", NULL};
    switch (kind) {
    case TRIB_SCHEDULE_CONSTANT:
        return trib_config_none(map, of_curves, "kind: constant");
    case TRIB_SCHEDULE_EXPONENTIAL:
        return trib_config_none(map, of_cosine, "kind: exponential");
    case TRIB_SCHEDULE_COSINE:
        return trib_config_none(map, of_exponential, "kind: cosine");
    }
    return TRIB_SUCCESS;
}

static trib_status read_schedule(trib_value map, trib_federation *federation) {
    static const char *const keys[] = {"kind", "decay", "floor", "rounds", "warmup_steps", NULL};
    static const char *const kinds[] = {"constant", "exponential", "cosine", NULL};
    trib_schedule *schedule = &federation->training.schedule;
    trib_value value;
    *schedule = (trib_schedule){.kind = TRIB_SCHEDULE_CONSTANT, .rate = 0.02f, .decay = 1};
    schedule->rounds = federation->rounds.maximum;
    TRIB_TRY(trib_config_f32(map, "rate", 1e-8, 100, &schedule->rate));
    TRIB_TRY(trib_value_find(map, "schedule", &value));
    TRIB_TRY(trib_config_only(value, keys));
    size_t kind = 0;
    TRIB_TRY(trib_config_choice(value, "kind", kinds, &kind));
    schedule->kind = (trib_schedule_kind)(kind + 1);
    TRIB_TRY(check_schedule(value, schedule->kind));
    TRIB_TRY(trib_config_f32(value, "decay", 0.01, 1, &schedule->decay));
    TRIB_TRY(trib_config_f32(value, "floor", 0, (double)schedule->rate, &schedule->floor));
    TRIB_TRY(trib_config_u32(value, "rounds", 1, 1 << 20, &schedule->rounds));
    TRIB_TRY(trib_config_u32(value, "warmup_steps", 0, 1 << 20, &schedule->warmup_steps));
    return TRIB_SUCCESS;
}

trib_status trib_read_training(trib_value map, trib_federation *federation) {
    static const char *const keys[] = {"epochs", "batch",    "optimiser", "momentum",
                                       "beta1",  "beta2",    "epsilon",   "l2",
                                       "rate",   "schedule", NULL};
    trib_train_plan *training = &federation->training;
    TRIB_TRY(trib_config_only(map, keys));
    training->epochs = 1;
    training->batch_size = 20;
    TRIB_TRY(trib_config_u32(map, "epochs", 1, TRIB_TRAIN_MAX_EPOCHS, &training->epochs));
    TRIB_TRY(trib_config_u32(map, "batch", 1, TRIB_TRAIN_MAX_BATCH, &training->batch_size));
    TRIB_TRY(read_optimiser(map, &training->optimiser));
    return read_schedule(map, federation);
}

trib_status trib_read_rounds(trib_value map, trib_federation *federation) {
    static const char *const keys[] = {"maximum",  "fraction",   "over_selection", "quorum",
                                       "gateways", "deadline_s", "max_weight",     NULL};
    trib_rounds_spec *rounds = &federation->rounds;
    *rounds = (trib_rounds_spec){.maximum = 30,
                                 .fraction = 1,
                                 .over_selection = 1,
                                 .quorum = 1,
                                 .gateways = 1,
                                 .max_weight = 65536};
    double deadline_s = 60;
    TRIB_TRY(trib_config_only(map, keys));
    TRIB_TRY(trib_config_u32(map, "maximum", 1, 1 << 20, &rounds->maximum));
    TRIB_TRY(trib_config_number(map, "fraction", 1e-6, 1, &rounds->fraction));
    TRIB_TRY(trib_config_number(map, "over_selection", 1, 10, &rounds->over_selection));
    TRIB_TRY(trib_config_u32(map, "quorum", 1, 1 << 24, &rounds->quorum));
    rounds->gateways = rounds->quorum;
    TRIB_TRY(trib_config_u32(map, "gateways", 1, 1 << 24, &rounds->gateways));
    TRIB_TRY(trib_config_number(map, "deadline_s", 0.01, 30.0 * 86400, &deadline_s));
    TRIB_TRY(trib_config_u32(map, "max_weight", 1, TRIB_UPDATE_MAX_WEIGHT, &rounds->max_weight));
    rounds->deadline_ms = (uint32_t)(deadline_s * 1000);
    return TRIB_SUCCESS;
}

trib_status trib_read_strategy(trib_value map, trib_federation *federation) {
    static const char *const keys[] = {"kind",     "rate",          "momentum",
                                       "nesterov", "serve_average", NULL};
    static const char *const kinds[] = {"fedavg", "fedavgm", NULL};
    trib_strategy_spec *strategy = &federation->strategy;
    *strategy = (trib_strategy_spec){.kind = TRIB_STRATEGY_FEDAVG, .rate = 1, .momentum = 0.9};
    TRIB_TRY(trib_config_only(map, keys));
    size_t kind = 0;
    TRIB_TRY(trib_config_choice(map, "kind", kinds, &kind));
    strategy->kind = (trib_strategy_kind)(kind + 1);
    if (strategy->kind == TRIB_STRATEGY_FEDAVG) {
        static const char *const of_momentum[] = {"momentum", "nesterov", NULL};
        TRIB_TRY(trib_config_none(map, of_momentum, "kind: fedavg"));
    }
    TRIB_TRY(trib_config_number(map, "rate", 1e-6, 100, &strategy->rate));
    TRIB_TRY(trib_config_number(map, "momentum", 0, 0.9999, &strategy->momentum));
    TRIB_TRY(trib_config_flag(map, "nesterov", &strategy->nesterov));
    return trib_config_number(map, "serve_average", 0, 0.9999, &strategy->serve_average);
}

trib_status trib_read_update(trib_value map, trib_federation *federation) {
    static const char *const keys[] = {"codec", "clip_norm", NULL};
    static const char *const codecs[] = {"float32", "int8", NULL};
    TRIB_TRY(trib_config_only(map, keys));
    size_t codec = 1;
    TRIB_TRY(trib_config_choice(map, "codec", codecs, &codec));
    federation->codec = (trib_codec)(codec + 1);
    federation->clip_norm = 10;
    return trib_config_f32(map, "clip_norm", 1e-9, 1e9, &federation->clip_norm);
}
