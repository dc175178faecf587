#include "common/signal/window.h"

#include <string.h>

static uint32_t whole(const trib_pipeline_spec *spec) {
    return spec->window_rows + spec->context_rows;
}

/* One group more than whole groups: powers of two would put all channels into one cache set. */
static uint32_t stride_of(const trib_pipeline_spec *spec) {
    return trib_lanes(whole(spec)) + TRIB_LANES;
}

size_t trib_history_bytes(const trib_pipeline_spec *spec) {
    return trib_arena_room((size_t)spec->use_count * stride_of(spec), sizeof(float)) +
           trib_arena_room(spec->window_rows, sizeof(trib_row_tag)) +
           trib_arena_room(spec->window_rows, sizeof(uint32_t));
}

trib_status trib_history_init(trib_history *history, const trib_pipeline_spec *spec,
                              trib_arena *arena) {
    trib_history made = {
        .channels = spec->use_count,
        .window_rows = spec->window_rows,
        .hop_rows = spec->hop_rows,
        .context_rows = spec->context_rows,
        .stride = stride_of(spec),
        .values = trib_arena_take(arena, (size_t)spec->use_count * stride_of(spec), sizeof(float)),
        .tags = trib_arena_take(arena, spec->window_rows, sizeof(trib_row_tag)),
        .valid = trib_arena_take(arena, spec->window_rows, sizeof(uint32_t)),
    };
    if (!made.values || !made.tags || !made.valid) {
        return TRIB_FAIL(TRIB_E_LIMIT, "no room for a window of %u rows", (unsigned)whole(spec));
    }
    *history = made;
    return TRIB_SUCCESS;
}

void trib_history_reset(trib_history *history) {
    history->rows = 0;
    history->skip = 0;
    history->started = false;
}

static void append(trib_history *history, const float *channels, const uint32_t *use) {
    float *at = history->values + history->rows++;
    for (uint32_t c = 0; c < history->channels; c++) {
        at[(size_t)c * history->stride] = channels[use[c]];
    }
}

bool trib_history_push(trib_history *history, const trib_row_tag *tag, const float *channels,
                       const uint32_t *use, uint32_t valid) {
    if (history->skip > 0) {
        history->skip--;
        return false;
    }
    while (!history->started && history->rows < history->context_rows) {
        append(history, channels, use);
    }
    history->started = true;
    if (history->rows >= history->context_rows) {
        uint32_t own = history->rows - history->context_rows;
        history->tags[own] = *tag;
        history->valid[own] = valid;
    }
    append(history, channels, use);
    return history->rows == history->window_rows + history->context_rows;
}

void trib_history_advance(trib_history *history) {
    uint32_t rows = history->rows;
    uint32_t hop = history->hop_rows;
    uint32_t kept = hop < rows ? rows - hop : 0;
    for (uint32_t c = 0; c < history->channels; c++) {
        float *channel = history->values + (size_t)c * history->stride;
        memmove(channel, channel + (rows - kept), kept * sizeof *channel);
    }
    if (hop < history->window_rows) {
        uint32_t own = history->window_rows - hop;
        memmove(history->tags, history->tags + hop, own * sizeof *history->tags);
        memmove(history->valid, history->valid + hop, own * sizeof *history->valid);
    }
    history->rows = kept;
    history->skip = hop - (rows - kept);
}

int32_t trib_history_label(const trib_history *history) {
    uint16_t votes[TRIB_MAX_LABEL + 2] = {0}; /* from -1 */
    for (uint32_t r = 0; r < history->window_rows; r++) {
        votes[history->tags[r].label + 1]++;
    }
    int32_t best = 0;
    for (int32_t v = 1; v < TRIB_MAX_LABEL + 2; v++) {
        best = votes[v] > votes[best] ? v : best;
    }
    return best - 1;
}

float trib_history_valid(const trib_history *history) {
    uint32_t sum = 0;
    for (uint32_t r = 0; r < history->window_rows; r++) {
        sum += history->valid[r];
    }
    return (float)sum / (float)(history->window_rows * history->channels);
}
