#include "common/course/course.h"

#include <math.h>
#include <string.h>

#include "common/nn/initialise.h"
#include "common/update/statistics.h"

static trib_stage stage_of(const trib_course *course, bool statistics_done) {
    if (!statistics_done) {
        return TRIB_STAGE_STATISTICS;
    }
    return course->model->round < course->federation.rounds.maximum ? TRIB_STAGE_TRAINING
                                                                    : TRIB_STAGE_DONE;
}

/* A statistic scales by the fleet's spread, so it needs round 0 as normalisation does. */
static bool needs_statistics(const trib_federation *federation) {
    return federation->pipeline.normalise || federation->task == TRIB_TASK_HOTELLING_T2;
}

trib_status trib_course_init(trib_course *course, const trib_crypto *crypto,
                             const trib_federation *federation) {
    trib_model *model = NULL;
    TRIB_TRY(trib_model_create(crypto, federation, &model));
    if (federation->task != TRIB_TASK_HOTELLING_T2) {
        trib_model_initialise(&federation->plan, federation->seed, model->parameters);
    }
    trib_strategy strategy;
    trib_status status = trib_strategy_init(&strategy, &federation->strategy, model->parameters,
                                            model->parameter_count);
    if (!trib_ok(status)) {
        trib_model_destroy(model);
        return status;
    }
    *course = (trib_course){.federation = *federation, .model = model, .strategy = strategy};
    course->stage = stage_of(course, !needs_statistics(federation));
    return TRIB_SUCCESS;
}

trib_status trib_course_restore(trib_course *course, const trib_crypto *crypto,
                                const trib_federation *federation, trib_bytes model_file,
                                trib_bytes strategy_file) {
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = NULL;
    trib_lineage lineage;
    TRIB_TRY(trib_model_read(crypto, model_file, &model));
    TRIB_TRY(trib_federation_lineage(crypto, federation, &lineage));
    if (memcmp(&lineage, &model->lineage, sizeof lineage) != 0) {
        return TRIB_FAIL(TRIB_E_STATE, "the stored model is of another lineage");
    }
    trib_strategy strategy;
    TRIB_TRY(trib_strategy_init(&strategy, &federation->strategy, model->parameters,
                                model->parameter_count));
    /* State of another strategy: the document changed since; as trib_course_change, it starts
     * afresh. */
    trib_status status = trib_strategy_read(&strategy, strategy_file);
    if (!trib_ok(status) && status.code != TRIB_E_CORRUPT) {
        trib_strategy_deinit(&strategy);
        return status;
    }
    *course = (trib_course){.federation = *federation, .model = model, .strategy = strategy};
    course->stage = stage_of(course, true);
    model = NULL;
    return TRIB_SUCCESS;
}

static bool same_state(const trib_strategy_spec *left, const trib_strategy_spec *right) {
    return left->kind == right->kind && (left->serve_average > 0) == (right->serve_average > 0);
}

trib_status trib_course_change(trib_course *course, const trib_federation *federation) {
    if (!same_state(&course->federation.strategy, &federation->strategy)) {
        trib_strategy fresh;
        TRIB_TRY(trib_strategy_init(&fresh, &federation->strategy, course->model->parameters,
                                    course->model->parameter_count));
        trib_strategy_deinit(&course->strategy);
        course->strategy = fresh;
    }
    course->strategy.spec = federation->strategy;
    course->federation = *federation;
    course->stage = stage_of(course, course->stage != TRIB_STAGE_STATISTICS);
    return TRIB_SUCCESS;
}

void trib_course_deinit(trib_course *course) {
    trib_model_destroy(course->model);
    trib_strategy_deinit(&course->strategy);
    course->model = NULL;
}

trib_fold_bounds trib_course_bounds(const trib_course *course, uint32_t updates) {
    trib_fold_bounds bounds = {.max_updates = updates,
                               .max_weight = course->federation.rounds.max_weight,
                               .clip_norm = course->federation.clip_norm};
    bounds.grid_exponent = trib_fold_grid(&bounds);
    return bounds;
}

/* The geometric mean of the gateways' deviations in a column; gateways where it never moved are
 * left out, and a column that moved nowhere spreads 1. */
static float spread_of(double log_sum, size_t count) {
    return count > 0 ? (float)exp(log_sum / (double)count) : 1.0f;
}

struct trib_course_statistics {
    size_t columns;
    trib_moments sum;
    double *storage; /* [6 * columns]: the sum's mean and m2, one gateway's, and the two below */
    double *logs;    /* sum of the logarithms of deviations */
    double *moved;   /* gateways in whose data the column moved */
};

trib_status trib_course_statistics_create(const trib_course *course,
                                          trib_course_statistics **ret_statistics) {
    size_t columns = course->model->column_count;
    TRIB_SCOPED(trib_course_statistics_destroy_scoped)
    trib_course_statistics *made = trib_allocate(1, sizeof *made);
    if (made == NULL || (made->storage = trib_allocate(6 * columns, sizeof(double))) == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for statistics of %zu columns", columns);
    }
    made->columns = columns;
    made->logs = made->storage + 4 * columns;
    made->moved = made->storage + 5 * columns;
    trib_moments_init(&made->sum, made->storage, made->storage + columns, columns);
    *ret_statistics = made;
    made = NULL;
    return TRIB_SUCCESS;
}

void trib_course_statistics_destroy(trib_course_statistics *statistics) {
    if (statistics != NULL) {
        trib_free(statistics->storage);
        trib_free(statistics);
    }
}

void trib_course_statistics_destroy_scoped(trib_course_statistics **statistics) {
    trib_course_statistics_destroy(*statistics);
}

trib_status trib_course_statistics_add(trib_course_statistics *statistics, trib_bytes packed) {
    size_t columns = statistics->columns;
    trib_moments one;
    trib_moments_init(&one, statistics->storage + 2 * columns, statistics->storage + 3 * columns,
                      columns);
    TRIB_TRY(trib_statistics_open(packed, &one));
    TRIB_TRY(trib_moments_merge(&statistics->sum, &one));
    for (size_t j = 0; j < columns; j++) {
        double deviation = sqrt(one.m2[j] / (double)one.count);
        if (deviation > 1e-30) {
            statistics->logs[j] += log(deviation);
            statistics->moved[j] += 1;
        }
    }
    return TRIB_SUCCESS;
}

trib_status trib_course_statistics_close(trib_course *course,
                                         const trib_course_statistics *statistics) {
    trib_model *model = course->model;
    size_t columns = statistics->columns;
    TRIB_ASSERT(columns == model->column_count);
    TRIB_TRY(trib_moments_finish(&statistics->sum, model->mean, model->deviation));
    for (size_t j = 0; j < columns; j++) {
        model->deviation[j] = model->deviation[j] > 0 ? model->deviation[j] : 1.0f;
        model->spread[j] = spread_of(statistics->logs[j], (size_t)statistics->moved[j]);
    }
    for (size_t j = 0; j < columns; j++) {
        if (!isfinite(model->mean[j]) || !isfinite(model->deviation[j]) ||
            !(model->spread[j] > 0) || !isfinite(model->spread[j])) {
            return TRIB_FAIL(TRIB_E_STATE, "the statistics of column %zu do not fit into float32",
                             j);
        }
    }
    course->stage = stage_of(course, true);
    return TRIB_SUCCESS;
}

trib_status trib_course_close_statistics(trib_course *course, const trib_bytes *packed,
                                         size_t count) {
    TRIB_SCOPED(trib_course_statistics_destroy_scoped) trib_course_statistics *statistics = NULL;
    TRIB_TRY(trib_course_statistics_create(course, &statistics));
    for (size_t i = 0; i < count; i++) {
        TRIB_TRY(trib_course_statistics_add(statistics, packed[i]));
    }
    return trib_course_statistics_close(course, statistics);
}

trib_status trib_course_close_training(trib_course *course, trib_fold *sum) {
    TRIB_SCOPED(trib_free_scoped) double *mean = trib_allocate(sum->count, sizeof(double));
    if (mean == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a mean of %u parameters", sum->count);
    }
    TRIB_ASSERT(sum->count == course->model->parameter_count);
    TRIB_TRY(trib_fold_mean(sum, mean));
    if (course->federation.task == TRIB_TASK_HOTELLING_T2) {
        for (uint32_t i = 0; i < sum->count;
             i++) { /* the mean is the model, not a step towards it */
            course->model->parameters[i] = (float)mean[i];
        }
    } else {
        TRIB_TRY(trib_strategy_apply(&course->strategy, mean, course->model->parameters));
    }
    course->model->round++;
    course->stage = stage_of(course, true);
    return TRIB_SUCCESS;
}

trib_status trib_course_write_served(const trib_course *course, trib_buffer *ret_file) {
    trib_model served = *course->model;
    const float *parameters = trib_strategy_served(&course->strategy, course->model->parameters);
    if (parameters == course->model->parameters) {
        return trib_model_write(course->model, ret_file);
    }
    TRIB_SCOPED(trib_free_scoped)
    float *copy = trib_allocate(served.parameter_count, sizeof(float));
    if (copy == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for the served model");
    }
    memcpy(copy, parameters, served.parameter_count * sizeof(float));
    served.parameters = copy;
    return trib_model_write(&served, ret_file);
}
