#include "cloud/ctl/held_out.h"

#include <string.h>

#include "cloud/ctl/command.h"
#include "cloud/ctl/report.h"
#include "common/simulate/dataset.h"
#include "common/simulate/scoring.h"

/* What has been read for one lineage. */
typedef struct reading {
    trib_lineage lineage;
    trib_federation meaning;       /* of the models of this lineage */
    trib_contributor *contributor; /* owned; refers to the meaning */
    trib_dataset data;
} reading;

struct ctl_held_out {
    char *folder;              /* owned */
    trib_federation *declared; /* owned; NULL: go by the model alone */
    trib_kernels kernels;
    reading *reading; /* owned; NULL before the first model */
};

static void reading_destroy(reading *read) {
    if (read != NULL) {
        trib_contributor_destroy(read->contributor);
        trib_dataset_deinit(&read->data);
        trib_free(read);
    }
}

static void reading_destroy_scoped(reading **read) {
    reading_destroy(*read);
}

trib_status ctl_held_out_create(const char *folder, const char *federation_path,
                                ctl_held_out **ret_held_out) {
    char said[160];
    TRIB_SCOPED(ctl_held_out_destroy_scoped)
    ctl_held_out *held_out = trib_allocate(1, sizeof *held_out);
    if (held_out == NULL || (held_out->folder = trib_duplicate_text(folder)) == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory to score with");
    }
    if (federation_path != NULL) {
        TRIB_TRY(ctl_load_federation(federation_path, &held_out->declared));
    }
    held_out->kernels = trib_kernels_choose(said, sizeof said);
    *ret_held_out = held_out;
    held_out = NULL;
    return TRIB_SUCCESS;
}

void ctl_held_out_destroy(ctl_held_out *held_out) {
    if (held_out != NULL) {
        reading_destroy(held_out->reading);
        trib_free(held_out->declared);
        trib_free(held_out->folder);
        trib_free(held_out);
    }
}

void ctl_held_out_destroy_scoped(ctl_held_out **held_out) {
    ctl_held_out_destroy(*held_out);
}

/* What a trainer needs to be made; nothing is trained with it. */
static void plan_nothing(trib_federation *meaning) {
    meaning->training = (trib_train_plan){
        .epochs = 1,
        .batch_size = 256,
        .optimiser = {.kind = TRIB_OPTIMISER_SGD},
        .schedule = {.kind = TRIB_SCHEDULE_CONSTANT, .rate = 0.01f, .decay = 1, .rounds = 1}};
    meaning->codec = TRIB_CODEC_FLOAT32;
}

static trib_status reading_make(const ctl_held_out *held_out, const trib_model *model,
                                reading **ret_reading) {
    TRIB_SCOPED(reading_destroy_scoped) reading *fresh = trib_allocate(1, sizeof *fresh);
    if (fresh == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory to score with");
    }
    fresh->lineage = model->lineage;
    fresh->meaning = model->meaning;
    plan_nothing(&fresh->meaning);
    if (held_out->declared != NULL) {
        trib_lineage declared;
        TRIB_TRY(trib_federation_lineage(trib_crypto_host(), held_out->declared, &declared));
        if (memcmp(&declared, &model->lineage, sizeof declared) != 0) {
            return TRIB_FAIL(TRIB_E_STATE, "the model is of another lineage than --federation");
        }
        fresh->meaning.source = held_out->declared->source;
    }
    TRIB_TRY(trib_contributor_create(&fresh->meaning, &held_out->kernels, &fresh->contributor));
    TRIB_TRY(trib_dataset_load(&fresh->meaning, held_out->folder, false, &fresh->data));
    *ret_reading = fresh;
    fresh = NULL;
    return TRIB_SUCCESS;
}

trib_status ctl_held_out_measure(ctl_held_out *held_out, trib_bytes file,
                                 ctl_held_out_score *ret_score) {
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = NULL;
    TRIB_TRY(trib_model_read(trib_crypto_host(), file, &model));
    reading *read = held_out->reading;
    if (read == NULL || memcmp(&read->lineage, &model->lineage, sizeof model->lineage) != 0) {
        TRIB_TRY(reading_make(held_out, model, &read));
        reading_destroy(held_out->reading);
        held_out->reading = read;
    }
    const trib_scoring scoring = {
        .federation = &read->meaning, .contributor = read->contributor, .model = model};
    trib_tally sum;
    TRIB_TRY(trib_score_dataset(&scoring, &read->data, NULL, &sum));
    trib_headline headline = trib_tally_headline(&read->meaning, &sum);
    *ret_score = (ctl_held_out_score){headline.name, headline.value, sum.examples};
    return TRIB_SUCCESS;
}
