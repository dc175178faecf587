#include "common/nn/infer.h"

#include "common/base/vectorise.h"
#include "common/nn/infer_layers.h"

enum { LANES = TRIB_INFER_LANES, WIDE = 4 * LANES };

/* Sixteen sums side by side. The compiler cuts it into what the processor has. */
typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

static size_t padded(size_t out) {
    return (out + LANES - 1) / LANES * LANES;
}

static size_t packed_count(const trib_layer_plan *layer) {
    return layer->fan_in == 0 ? 0 : padded(layer->channels_out) * ((size_t)layer->fan_in + 1);
}

size_t trib_packed_model_room(const trib_model_plan *plan) {
    size_t room = 0;
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        room += trib_arena_room(packed_count(&plan->layers[i]), sizeof(float));
    }
    return room;
}

static size_t block_width(size_t out, size_t at) {
    return padded(out) - at >= WIDE ? WIDE : LANES;
}

static void pack_layer(const trib_layer_plan *layer, const float *parameters, float *packed) {
    size_t in = layer->fan_in;
    size_t out = layer->channels_out;
    const float *weights = parameters + layer->parameters_offset;
    const float *bias = parameters + layer->bias_offset;
    size_t width;
    for (size_t at = 0; at < padded(out); at += width) {
        width = block_width(out, at);
        for (size_t lane = 0; lane < width; lane++) {
            size_t output = at + lane;
            packed[lane] = output < out ? bias[output] : 0.0f;
            for (size_t i = 0; i < in; i++) {
                packed[(i + 1) * width + lane] = output < out ? weights[output * in + i] : 0.0f;
            }
        }
        packed += (in + 1) * width;
    }
}

trib_status trib_packed_model_init(trib_packed_model *packed, const trib_model_plan *plan,
                                   const float *parameters, trib_arena *arena) {
    trib_packed_model made = {.plan = *plan};
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        size_t count = packed_count(&plan->layers[i]);
        if (count == 0) {
            continue;
        }
        made.layers[i] = trib_arena_take(arena, count, sizeof(float));
        if (made.layers[i] == NULL) {
            return TRIB_FAIL(TRIB_E_LIMIT, "a packed model needs %zu bytes",
                             trib_packed_model_room(plan));
        }
        pack_layer(&plan->layers[i], parameters, made.layers[i]);
    }
    *packed = made;
    return TRIB_SUCCESS;
}

/* y may be written up to the next multiple of LANES. */
TRIB_CLONES
static void dense_packed(size_t in, size_t out, const float *packed, const float *x, float *y) {
    size_t total = padded(out);
    size_t at = 0;
    for (; total - at >= WIDE; at += WIDE) {
        const lanes *w = (const lanes *)(const void *)packed;
        lanes y0 = w[0], y1 = w[1], y2 = w[2], y3 = w[3];
        for (size_t i = 0; i < in; i++) {
            w += WIDE / LANES;
            y0 += w[0] * x[i];
            y1 += w[1] * x[i];
            y2 += w[2] * x[i];
            y3 += w[3] * x[i];
        }
        lanes *to = (lanes *)(void *)(y + at);
        to[0] = y0;
        to[1] = y1;
        to[2] = y2;
        to[3] = y3;
        packed += (in + 1) * WIDE;
    }
    for (; at < total; at += LANES) {
        const lanes *w = (const lanes *)(const void *)packed;
        lanes sum = *w;
        for (size_t i = 0; i < in; i++) {
            w++;
            sum += *w * x[i];
        }
        *(lanes *)(void *)(y + at) = sum;
        packed += (in + 1) * LANES;
    }
}

void trib_packed_model_infer(const trib_packed_model *packed, const float *input, float *ret_output,
                             float *scratch) {
    const trib_model_plan *plan = &packed->plan;
    trib_infer_state state = trib_infer_begin(plan, input, scratch);
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        const trib_layer_plan *layer = &plan->layers[i];
        if (layer->fan_in == 0) {
            trib_infer_simple(layer, &state);
            continue;
        }
        /* Rows are written in order, so what spills past one row is overwritten by the next. */
        size_t step = (size_t)layer->spec.stride * layer->channels_in;
        for (size_t row = 0; row < layer->rows_out; row++) {
            dense_packed(layer->fan_in, layer->channels_out, packed->layers[i],
                         state.current + row * step, state.turns[0] + row * layer->channels_out);
        }
        trib_infer_advance(&state);
    }
    trib_infer_finish(plan, &state, ret_output);
}
