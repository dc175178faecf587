#include "common/simulate/crowd.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "common/port/posix/workers.h"
#include "common/simulate/made_up.h"
#include "common/statistic/hotelling.h"
#include "common/update/statistics.h"

enum {
    PARTS = 256,    /* of a round: what a thread takes at a time */
    SLOTS = 4096,   /* statistics that wait to be combined in order */
    MOST = 1 << 24, /* clients: as many as a sum holds */
    EACH_TIME = 16  /* slots that a thread takes at a time */
};

/* What a part of a round came to; parts are added in their order, so losses do not depend on which
 * thread was faster. */
typedef struct part_sum {
    uint64_t examples;
    uint64_t bytes;
    double loss;
} part_sum;

typedef struct crowd_worker {
    trib_crowd *crowd;
    trib_made_up *maker;
    trib_contributor *contributor;
    trib_examples examples;
    trib_fold *sum;
} crowd_worker;

/* Who is in: of clients below `end` in order, those whose hash is below the plan's fraction and at
 * most `last`. */
typedef struct cohort {
    trib_round_plan plan;
    bool all; /* everybody: nobody needs to be asked */
    uint32_t last;
    uint32_t end;
} cohort;

struct trib_crowd {
    trib_run *run;
    uint32_t count;
    uint32_t samples;
    crowd_worker workers[TRIB_MOST_WORKERS];
    void *contexts[TRIB_MOST_WORKERS];
    size_t worker_count;
    cohort cohort;
    uint32_t ordinal;
    atomic_uint next; /* part or slot that nobody has taken yet */
    part_sum parts[PARTS];
    uint8_t *statistics; /* [SLOTS, statistics_bytes] during round 0 */
    size_t statistics_bytes;
    uint32_t first; /* client of the first slot, from 0 */
    uint32_t slots; /* in use */
};

static trib_status check(const trib_federation *federation, const trib_crowd_setup *setup) {
    if (setup->clients == 0 || setup->clients > MOST) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "%" PRIu32 " clients: 1 to %d are possible",
                         setup->clients, (int)MOST);
    }
    if (setup->threads == 0 || setup->threads > TRIB_MOST_WORKERS) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "%" PRIu32 " threads: 1 to %d are possible",
                         setup->threads, (int)TRIB_MOST_WORKERS);
    }
    size_t least =
        federation->task == TRIB_TASK_HOTELLING_T2 ? trib_hotelling_least_examples(federation) : 1;
    if (setup->samples < least || setup->samples > TRIB_MADE_UP_MOST_SAMPLES) {
        return TRIB_FAIL(TRIB_E_ARGUMENT,
                         "%" PRIu32 " samples of each client: %zu to %d are possible here",
                         setup->samples, least, (int)TRIB_MADE_UP_MOST_SAMPLES);
    }
    return TRIB_SUCCESS;
}

static trib_status init_worker(trib_crowd *crowd, crowd_worker *worker) {
    const trib_simulation *setup = crowd->run->setup;
    worker->crowd = crowd;
    trib_kernels kernels = trib_kernels_shared(setup->kernels);
    trib_contribution_examples_init(setup->federation, TRIB_EXAMPLES_CEILING, &worker->examples);
    TRIB_TRY(trib_made_up_create(setup->federation, &worker->maker));
    TRIB_TRY(trib_contributor_create(setup->federation, &kernels, &worker->contributor));
    return trib_examples_reserve(&worker->examples, crowd->samples);
}

trib_status trib_crowd_create(trib_run *run, trib_crowd **ret_crowd) {
    const trib_crowd_setup *setup = &run->setup->crowd;
    TRIB_TRY(check(run->federation, setup));
    trib_crowd *crowd = trib_allocate(1, sizeof *crowd);
    if (crowd == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for made-up clients");
    }
    crowd->run = run;
    crowd->count = setup->clients;
    crowd->samples = setup->samples;
    trib_status status = TRIB_SUCCESS;
    for (size_t i = 0; i < setup->threads && trib_ok(status); i++) {
        crowd->contexts[i] = &crowd->workers[i];
        crowd->worker_count++;
        status = init_worker(crowd, &crowd->workers[i]);
    }
    if (!trib_ok(status)) {
        trib_crowd_destroy(crowd);
        return status;
    }
    *ret_crowd = crowd;
    return TRIB_SUCCESS;
}

void trib_crowd_destroy(trib_crowd *crowd) {
    if (crowd == NULL) {
        return;
    }
    for (size_t i = 0; i < crowd->worker_count; i++) {
        crowd_worker *worker = &crowd->workers[i];
        trib_made_up_destroy(worker->maker);
        trib_contributor_destroy(worker->contributor);
        trib_examples_deinit(&worker->examples);
        trib_fold_destroy(worker->sum);
    }
    trib_free(crowd->statistics);
    trib_free(crowd);
}

static trib_status make(crowd_worker *worker, uint32_t index, const char *name) {
    return trib_made_up_examples(worker->maker, name, index + 1, worker->crowd->samples,
                                 &worker->examples);
}

/* ---- statistics ---- */

static trib_status fill_slot(crowd_worker *worker, uint32_t slot) {
    trib_crowd *crowd = worker->crowd;
    char name[TRIB_MADE_UP_NAME_SIZE];
    trib_contribution contribution;
    trib_made_up_name(crowd->first + slot + 1, name);
    TRIB_TRY(make(worker, crowd->first + slot, name));
    TRIB_TRY(trib_context(
        trib_contribute_statistics(worker->contributor, &worker->examples, &contribution),
        "statistics of client %s", name));
    TRIB_ASSERT(contribution.payload.size == crowd->statistics_bytes);
    memcpy(crowd->statistics + slot * crowd->statistics_bytes, contribution.payload.data,
           crowd->statistics_bytes);
    return TRIB_SUCCESS;
}

static trib_status fill_slots(void *context) {
    crowd_worker *worker = context;
    trib_crowd *crowd = worker->crowd;
    for (uint32_t from; (from = atomic_fetch_add(&crowd->next, EACH_TIME)) < crowd->slots;) {
        for (uint32_t slot = from; slot < from + EACH_TIME && slot < crowd->slots; slot++) {
            TRIB_TRY(fill_slot(worker, slot));
        }
    }
    return TRIB_SUCCESS;
}

static trib_status combine(trib_crowd *crowd, trib_course_statistics *sum) {
    for (crowd->first = 0; crowd->first < crowd->count; crowd->first += crowd->slots) {
        uint32_t left = crowd->count - crowd->first;
        crowd->slots = left < SLOTS ? left : SLOTS;
        atomic_store(&crowd->next, 0);
        TRIB_TRY(trib_workers_run(fill_slots, crowd->contexts, crowd->worker_count));
        for (uint32_t slot = 0; slot < crowd->slots; slot++) {
            TRIB_TRY(trib_course_statistics_add(
                sum, trib_bytes_of(crowd->statistics + slot * crowd->statistics_bytes,
                                   crowd->statistics_bytes)));
        }
    }
    return TRIB_SUCCESS;
}

trib_status trib_crowd_statistics(trib_crowd *crowd) {
    trib_course *course = &crowd->run->course;
    TRIB_SCOPED(trib_course_statistics_destroy_scoped) trib_course_statistics *sum = NULL;
    TRIB_TRY(trib_course_statistics_create(course, &sum));
    crowd->statistics_bytes = trib_statistics_packed_size(course->model->column_count);
    crowd->statistics = trib_allocate(SLOTS, crowd->statistics_bytes);
    if (crowd->statistics == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for statistics of %d clients", (int)SLOTS);
    }
    TRIB_TRY(combine(crowd, sum));
    trib_free(crowd->statistics);
    crowd->statistics = NULL;
    return trib_course_statistics_close(course, sum);
}

/* ---- selection ---- */

static trib_status hash_of(const trib_crowd *crowd, const char *name, uint32_t *ret_hash) {
    const trib_round_plan *plan = &crowd->cohort.plan;
    return trib_select(crowd->run->setup->crypto, plan->salt, name, plan->number, ret_hash);
}

/* More are selected than the round takes: those with the smallest hashes came first. There are but
 * TRIB_SELECT_RANGE hashes, so counting them sorts. */
static trib_status cut(trib_crowd *crowd, const uint32_t *counts) {
    cohort *in = &crowd->cohort;
    uint32_t left = in->plan.expected;
    in->last = 0;
    while (counts[in->last] < left) {
        left -= counts[in->last++];
    }
    left = in->plan.expected;
    for (in->end = 0; left > 0; in->end++) {
        char name[TRIB_MADE_UP_NAME_SIZE];
        uint32_t hash;
        trib_made_up_name(in->end + 1, name);
        TRIB_TRY(hash_of(crowd, name, &hash));
        left -= hash < in->plan.fraction_ppm && hash <= in->last;
    }
    return TRIB_SUCCESS;
}

trib_status trib_crowd_select(trib_crowd *crowd, const trib_round_plan *plan, uint32_t *ret_count) {
    cohort *in = &crowd->cohort;
    *in = (cohort){.plan = *plan, .last = TRIB_SELECT_RANGE, .end = crowd->count};
    in->all = plan->fraction_ppm >= TRIB_SELECT_RANGE && plan->expected >= crowd->count;
    if (in->all) {
        *ret_count = crowd->count;
        return TRIB_SUCCESS;
    }
    TRIB_SCOPED(trib_free_scoped)
    uint32_t *counts = trib_allocate(TRIB_SELECT_RANGE, sizeof *counts);
    if (counts == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory to select from %" PRIu32 " clients", crowd->count);
    }
    uint32_t selected = 0;
    for (uint32_t i = 0; i < crowd->count; i++) {
        char name[TRIB_MADE_UP_NAME_SIZE];
        uint32_t hash;
        trib_made_up_name(i + 1, name);
        TRIB_TRY(hash_of(crowd, name, &hash));
        if (hash < plan->fraction_ppm) {
            counts[hash]++;
            selected++;
        }
    }
    if (selected > plan->expected) {
        TRIB_TRY(cut(crowd, counts));
        selected = plan->expected;
    }
    *ret_count = selected;
    return TRIB_SUCCESS;
}

static trib_status is_in(const trib_crowd *crowd, uint32_t index, const char *name, bool *ret_in) {
    const cohort *in = &crowd->cohort;
    uint32_t hash = 0;
    if (!in->all) {
        TRIB_TRY(hash_of(crowd, name, &hash));
    }
    *ret_in = in->all || (index < in->end && hash < in->plan.fraction_ppm && hash <= in->last);
    return TRIB_SUCCESS;
}

/* ---- training ---- */

static trib_status contribute(crowd_worker *worker, uint32_t index, const char *name,
                              part_sum *part) {
    trib_crowd *crowd = worker->crowd;
    const trib_model *model = crowd->run->course.model;
    const trib_contribution_task task = {.gateway = name, .ordinal = crowd->ordinal};
    trib_contribution contribution;
    trib_update_view update;
    TRIB_TRY(make(worker, index, name));
    trib_examples_normalise(&worker->examples, model);
    TRIB_TRY(trib_contribute_training(worker->contributor, model, &worker->examples, &task,
                                      &contribution));
    TRIB_TRY(trib_update_open(contribution.payload, &update));
    TRIB_TRY(trib_fold_add(worker->sum, &update));
    part->examples += contribution.examples;
    part->bytes += contribution.payload.size;
    part->loss += contribution.loss * (double)contribution.examples;
    return TRIB_SUCCESS;
}

static trib_status contribute_part(crowd_worker *worker, uint32_t number) {
    trib_crowd *crowd = worker->crowd;
    part_sum part = {0};
    uint32_t end = (uint32_t)((uint64_t)crowd->count * (number + 1) / PARTS);
    for (uint32_t i = (uint32_t)((uint64_t)crowd->count * number / PARTS); i < end; i++) {
        char name[TRIB_MADE_UP_NAME_SIZE];
        bool in = false;
        trib_made_up_name(i + 1, name);
        TRIB_TRY(is_in(crowd, i, name, &in));
        if (in) {
            TRIB_TRY(trib_context(contribute(worker, i, name, &part), "client %s, round %" PRIu32,
                                  name, crowd->ordinal));
        }
    }
    crowd->parts[number] = part;
    return TRIB_SUCCESS;
}

static trib_status contribute_parts(void *context) {
    crowd_worker *worker = context;
    for (uint32_t part; (part = atomic_fetch_add(&worker->crowd->next, 1)) < PARTS;) {
        trib_status status = contribute_part(worker, part);
        if (!trib_ok(status)) {
            atomic_store(&worker->crowd->next, PARTS); /* the others need not go on */
            return status;
        }
    }
    return TRIB_SUCCESS;
}

trib_status trib_crowd_contribute(trib_crowd *crowd, trib_fold *sum, trib_simulation_round *round) {
    crowd->ordinal = round->ordinal;
    for (size_t i = 0; i < crowd->worker_count; i++) {
        crowd_worker *worker = &crowd->workers[i];
        trib_fold_destroy(worker->sum);
        worker->sum = NULL;
        TRIB_TRY(trib_fold_create(&sum->bounds, sum->count, &worker->sum));
    }
    atomic_store(&crowd->next, 0);
    TRIB_TRY(trib_workers_run(contribute_parts, crowd->contexts, crowd->worker_count));
    for (size_t i = 0; i < crowd->worker_count; i++) {
        TRIB_TRY(trib_fold_merge(sum, crowd->workers[i].sum));
    }
    for (uint32_t i = 0; i < PARTS; i++) {
        round->examples += crowd->parts[i].examples;
        round->bytes += crowd->parts[i].bytes;
        round->loss += crowd->parts[i].loss;
    }
    return TRIB_SUCCESS;
}
