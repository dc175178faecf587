/* The federation document: what is learned, from which columns, how, by whom, and how often.
 *
 * One YAML file declares it all; docs/federation-file.md is the reference. A loaded federation is
 * plain data with every default filled in and every rule checked.
 *
 * errors   TRIB_E_ARGUMENT with file, line, column, key, what was expected and what was found
 * threads  plain data
 */
#ifndef TRIB_FEDERATION_FEDERATION_H
#define TRIB_FEDERATION_FEDERATION_H

#include "common/base/heap.h"
#include "common/config/config.h"
#include "common/crypto/crypto.h"
#include "common/nn/model_plan.h"
#include "common/recording/source_spec.h"
#include "common/signal/spec.h"
#include "common/telemetry/telemetry.h"
#include "common/train/trainer.h"
#include "common/update/update.h"

enum { TRIB_DOCUMENT_MAX_BYTES = 64 * 1024 };

typedef enum trib_task_kind {
    TRIB_TASK_CLASSIFY = 1,    /* label column -> class */
    TRIB_TASK_REGRESS = 2,     /* target columns -> values */
    TRIB_TASK_RECONSTRUCT = 3, /* no label: anomaly by reconstruction error */
    TRIB_TASK_HOTELLING_T2 =
        4 /* no network: a federated statistic of drift, see common/statistic */
} trib_task_kind;

typedef struct trib_detector_spec {
    double quantile;     /* reconstruct: the threshold is this quantile of training errors */
    double significance; /* hotelling_t2: of the chi-squared threshold */
    double scale_floor;  /* hotelling_t2: times the fleet's geometric mean of deviations */
} trib_detector_spec;

typedef struct trib_rounds_spec {
    uint32_t maximum;      /* rounds of training */
    double fraction;       /* of the gateways wanted in a round, (0, 1] */
    double over_selection; /* select this many times more than wanted, [1, 10] */
    uint32_t quorum;       /* fewest updates a round may close with */
    uint32_t gateways;     /* joined before the first round opens */
    uint32_t deadline_ms;
    uint32_t max_weight; /* examples of one gateway that count; more count as this many */
} trib_rounds_spec;

typedef enum trib_strategy_kind {
    TRIB_STRATEGY_FEDAVG = 1,
    TRIB_STRATEGY_FEDAVGM = 2
} trib_strategy_kind;

typedef struct trib_strategy_spec {
    trib_strategy_kind kind;
    double rate;          /* server learning rate */
    double momentum;      /* fedavgm, [0, 1) */
    bool nesterov;        /* fedavgm */
    double serve_average; /* 0: serve the model itself; else the ceiling of the averaging weight */
} trib_strategy_spec;

typedef struct trib_federation {
    char name[64];
    char description[256];
    uint64_t seed;
    trib_source_spec source;
    trib_pipeline_spec pipeline;
    char channel_names[TRIB_MAX_CHANNELS][TRIB_COLUMN_SIZE]; /* sources, then derived */
    trib_task_kind task;
    trib_model_spec model; /* not for hotelling_t2 */
    trib_model_plan plan;  /* of that model */
    trib_detector_spec detector;
    trib_train_plan training;
    trib_rounds_spec rounds;
    trib_strategy_spec strategy;
    trib_codec codec;
    float clip_norm;
    bool release_every_round;
    trib_telemetry_level telemetry; /* what it asks of gateways; part of no lineage */
} trib_federation;

/* Reads and checks a document. `name` stands in complaints. Kilobytes large: keep it off small
 * stacks. */
TRIB_MUST_CHECK trib_status trib_federation_parse(const char *name, trib_bytes text,
                                                  trib_federation *ret_federation);
TRIB_MUST_CHECK trib_status trib_federation_load(const char *path, trib_federation *ret_federation,
                                                 trib_buffer *ret_text);

/* What a model means: source columns, pipeline, model and labels, as canonical JSON in the
 * document's own keys (sorted, no spaces, every default written out). JSON is YAML, so the same
 * reader takes it back: see trib_meaning_parse. Changing any of it starts a new lineage. */
TRIB_MUST_CHECK trib_status trib_meaning_print(const trib_federation *federation,
                                               trib_buffer *ret_json);
/* The same for the pipeline alone, whose SHA-256 a gateway compares with what it runs. */
TRIB_MUST_CHECK trib_status trib_pipeline_print(const trib_federation *federation,
                                                trib_buffer *ret_json);
/* Fills the parts of a federation that trib_meaning_print wrote; the others are zero. */
TRIB_MUST_CHECK trib_status trib_meaning_parse(const char *name, trib_bytes json,
                                               trib_federation *ret_federation);

typedef struct trib_lineage {
    uint8_t meaning[TRIB_HASH_BYTES];
    uint8_t pipeline[TRIB_HASH_BYTES];
} trib_lineage;
TRIB_MUST_CHECK trib_status trib_federation_lineage(const trib_crypto *crypto,
                                                    const trib_federation *federation,
                                                    trib_lineage *ret_lineage);

/* Whether its windows have features that may leave as telemetry: see trib_telemetry_leaves. */
bool trib_federation_has_features(const trib_federation *federation);
enum { TRIB_FEATURE_NAME_SIZE = TRIB_COLUMN_SIZE + 40 };
/* The name of value `index` of an example of features: CHANNEL.FEATURE, CHANNEL.bands.N, and
 * FRAME/ before it where there are several frames; both count from 0. */
void trib_federation_feature_name(const trib_federation *federation, uint32_t index,
                                  char ret_name[TRIB_FEATURE_NAME_SIZE]);

/* Values of an example, and of an update: parameters, or the entries of a statistic. */
uint32_t trib_federation_input_count(const trib_federation *federation);
uint32_t trib_federation_parameter_count(const trib_federation *federation);

#endif
