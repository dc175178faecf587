#include "common/nn/network.h"

#include <string.h>

#include "common/base/checked.h"
#include "common/nn/activation.h"
#include "common/nn/conv1d.h"
#include "common/nn/dropout.h"
#include "common/nn/pool.h"

/* Hands out memory, or only counts it while `arena` is NULL. */
typedef struct memory_layout {
    trib_arena *arena;
    size_t room;
    bool full;
} memory_layout;

static void *take(memory_layout *layout, size_t batch, size_t count) {
    size_t floats = SIZE_MAX;
    if (!trib_mul_size(batch, count, &floats) ||
        !trib_add_size(layout->room, trib_arena_room(floats, sizeof(float)), &layout->room)) {
        layout->full = true;
        return NULL;
    }
    void *piece = NULL;
    if (layout->arena != NULL) {
        piece = trib_arena_take(layout->arena, floats, sizeof(float));
        layout->full |= piece == NULL;
    }
    return piece;
}

static bool is_activation(trib_layer_kind kind) {
    return kind == TRIB_LAYER_RELU || kind == TRIB_LAYER_TANH || kind == TRIB_LAYER_SIGMOID;
}

/* Element-wise layers overwrite their input unless somebody needs it: the example itself, or an
 * activation whose derivative is made from its result. */
static bool works_in_place(const trib_model_plan *plan, uint32_t index) {
    trib_layer_kind kind = plan->layers[index].spec.kind;
    if (kind == TRIB_LAYER_FLATTEN) {
        return true;
    }
    if (!is_activation(kind) && kind != TRIB_LAYER_DROPOUT) {
        return false;
    }
    while (index > 0) {
        index--;
        if (plan->layers[index].spec.kind != TRIB_LAYER_FLATTEN) {
            return !is_activation(plan->layers[index].spec.kind);
        }
    }
    return false;
}

static uint32_t first_trained(const trib_model_plan *plan) {
    uint32_t index = 0;
    while (plan->layers[index].fan_in == 0) {
        index++; /* a plan has at least one */
    }
    return index;
}

/* Whether a layer's gradient at its input goes to the other place than that at its output. */
static bool moves_gradient(const trib_layer_plan *layer) {
    return layer->fan_in > 0 || layer->spec.kind == TRIB_LAYER_MAX_POOL;
}

/* The gradient starts in `gradient` and moves to and fro: each place is as large as what comes to
 * it. */
static void lay_out_gradients(trib_network *network, const trib_model_plan *plan, size_t capacity,
                              memory_layout *layout) {
    size_t largest[2] = {plan->output_count, 1};
    int at = 0;
    for (uint32_t i = plan->layer_count; i-- > first_trained(plan) + 1;) {
        if (moves_gradient(&plan->layers[i])) {
            size_t count = trib_layer_inputs(&plan->layers[i]);
            at = !at;
            largest[at] = count > largest[at] ? count : largest[at];
        }
    }
    network->gradient = take(layout, capacity, largest[0]);
    network->spare = take(layout, capacity, largest[1]);
}

static void lay_out(trib_network *network, const trib_model_plan *plan, size_t capacity,
                    memory_layout *layout) {
    size_t largest_patches = 0;
    uint32_t first = first_trained(plan);
    network->input = take(layout, capacity, plan->input_count);
    float *before = network->input;
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        const trib_layer_plan *layer = &plan->layers[i];
        trib_layer_memory *memory = &network->layers[i];
        memory->output =
            works_in_place(plan, i) ? before : take(layout, capacity, trib_layer_outputs(layer));
        before = memory->output;
        if (layer->spec.kind == TRIB_LAYER_CONV1D) {
            size_t count = (size_t)layer->rows_out * layer->fan_in;
            memory->patches = take(layout, capacity, count);
            if (i != first && count > largest_patches) {
                largest_patches = count;
            }
        } else if (layer->spec.kind == TRIB_LAYER_MAX_POOL) {
            memory->winners = take(layout, capacity, trib_layer_outputs(layer));
        } else if (layer->spec.kind == TRIB_LAYER_DROPOUT) {
            memory->factors = take(layout, capacity, trib_layer_outputs(layer));
        }
    }
    lay_out_gradients(network, plan, capacity, layout);
    network->d_patches = largest_patches > 0 ? take(layout, capacity, largest_patches) : NULL;
}

size_t trib_network_room(const trib_model_plan *plan, size_t capacity) {
    trib_network network = {0};
    memory_layout counted = {0};
    lay_out(&network, plan, capacity, &counted);
    return counted.full ? SIZE_MAX : counted.room;
}

trib_status trib_network_init(trib_network *network, const trib_kernels *kernels,
                              const trib_model_plan *plan, size_t capacity, trib_arena *arena) {
    trib_network made = {.kernels = *kernels, .plan = plan, .capacity = capacity};
    memory_layout taken = {.arena = arena};
    lay_out(&made, plan, capacity, &taken);
    if (capacity == 0 || taken.full) {
        return TRIB_FAIL(TRIB_E_LIMIT, "a batch of %zu needs %zu bytes of arena", capacity,
                         trib_network_room(plan, capacity));
    }
    *network = made;
    return TRIB_SUCCESS;
}

static void forward_layer(trib_network *network, uint32_t index, const float *parameters,
                          size_t batch, const float *x, trib_random *dropout) {
    const trib_layer_plan *layer = &network->plan->layers[index];
    const trib_layer_memory *memory = &network->layers[index];
    const float *own = parameters + layer->parameters_offset;
    size_t count = batch * trib_layer_outputs(layer);
    switch (layer->spec.kind) {
    case TRIB_LAYER_DENSE: {
        trib_dense dense = {&network->kernels, batch, layer->fan_in, layer->channels_out};
        trib_dense_forward(&dense, own, x, memory->output);
        return;
    }
    case TRIB_LAYER_CONV1D: {
        trib_dense dense = trib_conv1d_dense(&network->kernels, layer, batch);
        trib_conv1d_patches(layer, batch, x, memory->patches);
        trib_dense_forward(&dense, own, memory->patches, memory->output);
        return;
    }
    case TRIB_LAYER_MAX_POOL:
        trib_pool_forward(layer, batch, x, memory->output, memory->winners);
        return;
    case TRIB_LAYER_RELU:
    case TRIB_LAYER_TANH:
    case TRIB_LAYER_SIGMOID:
        trib_activation_forward(layer->spec.kind, count, x, memory->output);
        return;
    case TRIB_LAYER_FLATTEN:
        return;
    case TRIB_LAYER_DROPOUT:
        if (dropout != NULL) {
            trib_dropout_draw(dropout, layer->spec.rate, count, memory->factors);
            trib_dropout_apply(count, x, memory->factors, memory->output);
        } else if (memory->output != x) {
            memcpy(memory->output, x, count * sizeof *x);
        }
        return;
    }
}

const float *trib_network_forward(trib_network *network, const float *parameters, size_t batch,
                                  trib_random *dropout) {
    TRIB_ASSERT(batch > 0 && batch <= network->capacity);
    network->dropping = dropout != NULL;
    const float *x = network->input;
    for (uint32_t i = 0; i < network->plan->layer_count; i++) {
        forward_layer(network, i, parameters, batch, x, dropout);
        x = network->layers[i].output;
    }
    return x;
}

/* dense and conv1d are one dense layer to the products; only what they read and give differs. */
static const float *trained_input(const trib_network *network, uint32_t index) {
    if (network->plan->layers[index].spec.kind == TRIB_LAYER_CONV1D) {
        return network->layers[index].patches;
    }
    return index == 0 ? network->input : network->layers[index - 1].output;
}

static void swap_gradients(trib_network *network) {
    float *spare = network->spare;
    network->spare = network->gradient;
    network->gradient = spare;
}

static void backward_trained(trib_network *network, uint32_t index, const float *parameters,
                             size_t batch, bool input_too, const trib_gradient_sink *sink) {
    const trib_layer_plan *layer = &network->plan->layers[index];
    const float *own = parameters + layer->parameters_offset;
    bool convolves = layer->spec.kind == TRIB_LAYER_CONV1D;
    trib_dense dense = {&network->kernels, batch, layer->fan_in, layer->channels_out};
    if (convolves) {
        dense = trib_conv1d_dense(&network->kernels, layer, batch);
    }
    /* The input's gradient comes first, since the sink may be the weights. */
    if (input_too && convolves) {
        trib_dense_backward_input(&dense, own, network->gradient, network->d_patches);
        trib_conv1d_gather(layer, batch, network->d_patches, network->spare);
    } else if (input_too) {
        trib_dense_backward_input(&dense, own, network->gradient, network->spare);
    }
    trib_gradient_sink layer_sink = *sink;
    layer_sink.values += layer->parameters_offset;
    trib_dense_backward_parameters(&dense, trained_input(network, index), network->gradient,
                                   &layer_sink);
    if (input_too) {
        swap_gradients(network);
    }
}

void trib_network_backward(trib_network *network, const float *parameters, size_t batch,
                           const trib_gradient_sink *sink) {
    uint32_t first = first_trained(network->plan);
    const float *start = network->gradient;
    for (uint32_t i = network->plan->layer_count; i-- > first;) {
        const trib_layer_plan *layer = &network->plan->layers[i];
        const trib_layer_memory *memory = &network->layers[i];
        size_t count = batch * trib_layer_outputs(layer);
        switch (layer->spec.kind) {
        case TRIB_LAYER_DENSE:
        case TRIB_LAYER_CONV1D:
            backward_trained(network, i, parameters, batch, i > first, sink);
            break;
        case TRIB_LAYER_MAX_POOL:
            trib_pool_backward(layer, batch, memory->winners, network->gradient, network->spare);
            swap_gradients(network);
            break;
        case TRIB_LAYER_RELU:
        case TRIB_LAYER_TANH:
        case TRIB_LAYER_SIGMOID:
            trib_activation_backward(layer->spec.kind, count, memory->output, network->gradient);
            break;
        case TRIB_LAYER_FLATTEN:
            break;
        case TRIB_LAYER_DROPOUT:
            if (network->dropping) {
                trib_dropout_apply(count, network->gradient, memory->factors, network->gradient);
            }
            break;
        }
    }
    if (network->gradient != start) {
        swap_gradients(network); /* the next one starts there too */
    }
}
