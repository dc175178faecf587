/* What the same training gives without federating: all data in one place, or each client alone. */
#include <string.h>

#include "common/simulate/run.h"
#include "common/statistic/hotelling.h"

/* As many passes as there are rounds, at each round's learning rate. */
static trib_status train_alone(trib_run *run, trib_model *model, const trib_examples *normalised,
                               const char *name) {
    for (uint32_t round = 1; round <= run->federation->rounds.maximum; round++) {
        const trib_train_task task = {.seed = run->federation->seed,
                                      .gateway = name,
                                      .round = round,
                                      .schedule_round = round - 1};
        trib_train_result result;
        TRIB_TRY(trib_context(trib_train_local(trib_contributor_trainer(run->contributor),
                                               model->parameters, normalised, &task, &result),
                              "baseline %s, pass %u", name, round));
        model->round = round;
    }
    return TRIB_SUCCESS;
}

static trib_status append_all(trib_examples *pool, const trib_examples *from) {
    for (size_t i = 0; i < from->count; i++) {
        TRIB_TRY(trib_examples_append(
            pool, from->inputs + i * from->input_count, from->labels != NULL ? from->labels[i] : 0,
            from->targets != NULL ? from->targets + i * from->output_count : NULL));
    }
    return TRIB_SUCCESS;
}

trib_status trib_run_pooled(trib_run *run, const trib_run_scores *scores, trib_tally *ret_tally) {
    TRIB_SCOPED(trib_examples_deinit) trib_examples pool = {0};
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = NULL;
    trib_course fresh;
    TRIB_TRY(trib_course_init(&fresh, run->setup->crypto, run->federation));
    model = fresh.model;
    fresh.model = NULL;
    trib_course_deinit(&fresh);
    const trib_model *federated = run->course.model;
    memcpy(model->mean, federated->mean, model->column_count * sizeof(float));
    memcpy(model->deviation, federated->deviation, model->column_count * sizeof(float));
    memcpy(model->spread, federated->spread, model->column_count * sizeof(float));
    trib_contribution_examples_init(run->federation, TRIB_EXAMPLES_CEILING, &pool);
    for (size_t i = 0; i < run->member_count; i++) {
        TRIB_TRY(append_all(&pool, &run->members[i].normalised));
    }
    TRIB_TRY(train_alone(run, model, &pool, "pooled"));
    return trib_run_score(run, model, NULL, scores, ret_tally);
}

static trib_status train_local(trib_run *run, const trib_client_data *client, trib_course *course) {
    trib_contribution contribution;
    if (course->stage == TRIB_STAGE_STATISTICS) {
        TRIB_TRY(trib_contribute_statistics(run->contributor, &client->train, &contribution));
        TRIB_TRY(trib_course_close_statistics(course, &contribution.payload, 1));
    }
    if (run->federation->task == TRIB_TASK_HOTELLING_T2) {
        course->model->round = 1;
        return trib_hotelling_moment(run->federation, course->model->spread, &client->train,
                                     course->model->parameters);
    }
    TRIB_SCOPED(trib_examples_deinit) trib_examples normalised = {0};
    TRIB_TRY(trib_examples_copy_normalised(&client->train, course->model, &normalised));
    return train_alone(run, course->model, &normalised, client->name);
}

trib_status trib_run_local(trib_run *run, const trib_client_data *client,
                           const trib_client_data *only, const trib_run_scores *scores,
                           trib_tally *ret_tally) {
    trib_course course;
    TRIB_TRY(trib_course_init(&course, run->setup->crypto, run->federation));
    trib_status status = train_local(run, client, &course);
    if (trib_ok(status)) {
        status = trib_run_score(run, course.model, only, scores, ret_tally);
    }
    trib_course_deinit(&course);
    return status;
}
