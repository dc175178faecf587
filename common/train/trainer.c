#include "common/train/trainer.h"

#include <math.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/heap.h"
#include "common/nn/loss.h"
#include "common/tensor/elementwise.h"
#include "common/train/trainer_state.h"

static trib_status check_plan(const trib_train_plan *plan) {
    if (plan->epochs == 0 || plan->epochs > TRIB_TRAIN_MAX_EPOCHS) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "%u epochs: 1 to %d are possible", plan->epochs,
                         TRIB_TRAIN_MAX_EPOCHS);
    }
    if (plan->batch_size == 0 || plan->batch_size > TRIB_TRAIN_MAX_BATCH) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "batch size %u: 1 to %d are possible", plan->batch_size,
                         TRIB_TRAIN_MAX_BATCH);
    }
    TRIB_TRY(trib_optimiser_check(&plan->optimiser));
    return trib_schedule_check(&plan->schedule);
}

typedef struct trainer_sizes {
    size_t labels;
    size_t targets;
    size_t state;
} trainer_sizes;

static trainer_sizes sizes_of(const trib_model_plan *model, const trib_train_plan *plan) {
    size_t batch = plan->batch_size;
    return (trainer_sizes){
        .labels = model->output == TRIB_OUTPUT_CLASSES ? batch : 0,
        .targets = model->output == TRIB_OUTPUT_VALUES ? batch * model->output_count : 0,
        .state = trib_optimiser_state_count(&plan->optimiser, model),
    };
}

static bool total_room(const trib_model_plan *model, const trib_train_plan *plan,
                       const trainer_sizes *sizes, size_t *ret_bytes) {
    size_t bytes = trib_arena_room(1, sizeof(trib_trainer));
    bool fits = trib_add_size(bytes, trib_network_room(model, plan->batch_size), &bytes) &&
                trib_add_size(bytes, trib_arena_room(sizes->labels, sizeof(int32_t)), &bytes) &&
                trib_add_size(bytes, trib_arena_room(sizes->targets, sizeof(float)), &bytes) &&
                trib_add_size(bytes, trib_arena_room(sizes->state, sizeof(float)), &bytes);
    *ret_bytes = bytes;
    return fits;
}

trib_status trib_trainer_create(const trib_model_plan *model, const trib_train_plan *plan,
                                const trib_kernels *kernels, trib_trainer **ret_trainer) {
    TRIB_TRY(check_plan(plan));
    trainer_sizes sizes = sizes_of(model, plan);
    size_t room = 0;
    void *block = NULL;
    if (total_room(model, plan, &sizes, &room)) {
        block = trib_allocate(room, 1);
    }
    if (block == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory to train %u parameters in batches of %u",
                         model->parameter_count, plan->batch_size);
    }
    trib_arena arena;
    trib_arena_init(&arena, block, room);
    TRIB_SCOPED(trib_trainer_destroy_scoped)
    trib_trainer *trainer = trib_arena_take(&arena, 1, sizeof *trainer);
    TRIB_ASSERT((void *)trainer == block); /* destroy frees the one by the other */
    *trainer = (trib_trainer){.model = *model, .plan = *plan};
    TRIB_TRY(
        trib_network_init(&trainer->network, kernels, &trainer->model, plan->batch_size, &arena));
    if (sizes.labels > 0) {
        trainer->labels = trib_arena_take(&arena, sizes.labels, sizeof(int32_t));
    }
    if (sizes.targets > 0) {
        trainer->targets = trib_arena_take(&arena, sizes.targets, sizeof(float));
    }
    float *state = trib_arena_take(&arena, sizes.state, sizeof(float));
    trib_optimiser_init(&trainer->optimiser, &plan->optimiser, kernels, &trainer->model, state);
    for (uint32_t i = 0; i < model->layer_count; i++) {
        trainer->drops |= model->layers[i].spec.kind == TRIB_LAYER_DROPOUT;
    }
    *ret_trainer = trainer;
    trainer = NULL;
    return TRIB_SUCCESS;
}

void trib_trainer_destroy(trib_trainer *trainer) {
    if (trainer != NULL) {
        trib_free(trainer->order);
        trib_free(trainer);
    }
}

void trib_trainer_destroy_scoped(trib_trainer **trainer) {
    trib_trainer_destroy(*trainer);
}

trib_status trib_trainer_check_examples(const trib_trainer *trainer,
                                        const trib_examples *examples) {
    if (examples->count == 0) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "there are no examples");
    }
    if (examples->input_count != trainer->model.input_count ||
        examples->output_count != trainer->model.output_count ||
        examples->output != trainer->model.output) {
        return TRIB_FAIL(TRIB_E_ARGUMENT,
                         "examples of %u values in, %u out, for a model of %u in, %u out",
                         examples->input_count, examples->output_count, trainer->model.input_count,
                         trainer->model.output_count);
    }
    return TRIB_SUCCESS;
}

static trib_status reserve_order(trib_trainer *trainer, size_t count) {
    if (count <= trainer->order_capacity) {
        return TRIB_SUCCESS;
    }
    uint32_t *order = trib_allocate(count, sizeof *order);
    if (order == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory to shuffle %zu examples", count);
    }
    trib_free(trainer->order);
    trainer->order = order;
    trainer->order_capacity = count;
    return TRIB_SUCCESS;
}

static void gather(trib_trainer *trainer, const trib_examples *examples, const uint32_t *order,
                   size_t batch) {
    size_t in = examples->input_count;
    size_t out = examples->output_count;
    for (size_t b = 0; b < batch; b++) {
        size_t from = order[b];
        memcpy(trainer->network.input + b * in, examples->inputs + from * in, in * sizeof(float));
        if (trainer->labels != NULL) {
            trainer->labels[b] = examples->labels[from];
        } else if (trainer->targets != NULL) {
            memcpy(trainer->targets + b * out, examples->targets + from * out, out * sizeof(float));
        }
    }
}

static float loss_and_gradient(trib_trainer *trainer, const float *output, size_t batch) {
    size_t outputs = trainer->model.output_count;
    if (trainer->labels != NULL) {
        return trib_loss_cross_entropy(batch, outputs, output, trainer->labels,
                                       trainer->network.gradient);
    }
    const float *targets = trainer->targets != NULL ? trainer->targets : trainer->network.input;
    return trib_loss_squared(batch, outputs, output, targets, trainer->network.gradient);
}

static float step(trib_trainer *trainer, float *parameters, size_t batch, float rate,
                  trib_random *dropout) {
    const float *output =
        trib_network_forward(&trainer->network, parameters, batch, trainer->drops ? dropout : NULL);
    float loss = loss_and_gradient(trainer, output, batch);
    trib_gradient_sink sink = trib_optimiser_sink(&trainer->optimiser, parameters, rate);
    trib_network_backward(&trainer->network, parameters, batch, &sink);
    trib_optimiser_step(&trainer->optimiser, parameters, rate);
    return loss;
}

static trib_status train_epoch(trib_trainer *trainer, float *parameters,
                               const trib_examples *examples, const trib_train_task *task,
                               uint32_t epoch, trib_train_result *result) {
    uint64_t place = task->round * trainer->plan.epochs + epoch;
    trib_random random;
    trib_random_init(&random, task->seed, task->gateway, place, TRIB_PURPOSE_SHUFFLE);
    trib_random_order(&random, trainer->order, examples->count);
    trib_random_init(&random, task->seed, task->gateway, place, TRIB_PURPOSE_DROPOUT);
    double sum = 0.0;
    size_t batch;
    for (size_t at = 0; at < examples->count; at += batch) {
        if (task->stop != NULL && atomic_load_explicit(task->stop, memory_order_relaxed)) {
            return TRIB_FAIL(TRIB_E_RETRY, "training was stopped after %llu steps",
                             (unsigned long long)result->steps);
        }
        size_t left = examples->count - at;
        batch = left < trainer->plan.batch_size ? left : trainer->plan.batch_size;
        gather(trainer, examples, trainer->order + at, batch);
        float rate =
            trib_schedule_rate(&trainer->plan.schedule, task->schedule_round, result->steps);
        float loss = step(trainer, parameters, batch, rate, &random);
        if (!isfinite(loss)) {
            return TRIB_FAIL(TRIB_E_STATE,
                             "training diverged at step %llu: lower the learning rate",
                             (unsigned long long)result->steps + 1);
        }
        sum += (double)loss * (double)batch;
        result->steps++;
    }
    result->loss = sum / (double)examples->count;
    return TRIB_SUCCESS;
}

trib_status trib_train_local(trib_trainer *trainer, float *parameters,
                             const trib_examples *examples, const trib_train_task *task,
                             trib_train_result *ret_result) {
    TRIB_TRY(trib_trainer_check_examples(trainer, examples));
    TRIB_TRY(reserve_order(trainer, examples->count));
    trib_optimiser_reset(&trainer->optimiser);
    trib_train_result result = {.examples = examples->count};
    for (uint32_t epoch = 0; epoch < trainer->plan.epochs; epoch++) {
        TRIB_TRY(train_epoch(trainer, parameters, examples, task, epoch, &result));
    }
    bool finite = trib_all_finite(parameters, trainer->model.parameter_count);
    for (size_t i = 0; !finite && i < trainer->model.parameter_count; i++) {
        if (!isfinite(parameters[i])) {
            return TRIB_FAIL(TRIB_E_STATE,
                             "training diverged: parameter %zu is not finite: lower the learning "
                             "rate",
                             i);
        }
    }
    *ret_result = result;
    return TRIB_SUCCESS;
}
