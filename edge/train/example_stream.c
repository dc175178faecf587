#include "edge/train/example_stream.h"

#include <math.h>
#include <string.h>

#include "common/contribution/contribution.h"

static bool is_continuous(const edge_example_stream *stream) {
    trib_task_kind task = stream->federation->task;
    return task == TRIB_TASK_RECONSTRUCT || task == TRIB_TASK_HOTELLING_T2;
}

trib_status edge_example_stream_init(edge_example_stream *stream, const trib_federation *federation,
                                     size_t ceiling) {
    *stream = (edge_example_stream){.federation = federation, .closed = true};
    size_t size = trib_pipeline_bytes(&federation->pipeline);
    trib_contribution_examples_init(federation, ceiling, &stream->examples);
    stream->block = trib_allocate(size, 1);
    if (stream->block == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a pipeline of %zu bytes", size);
    }
    return trib_pipeline_init(&stream->pipeline, &federation->pipeline, stream->block, size);
}

void edge_example_stream_deinit(edge_example_stream *stream) {
    trib_examples_deinit(&stream->examples);
    trib_free(stream->block);
    trib_free(stream->targets);
    *stream = (edge_example_stream){0};
}

/* ---- targets: kept from the oldest row that a window may still start with ---- */

static void forget_targets(edge_example_stream *stream, uint64_t before) {
    uint32_t width = stream->federation->source.target_count;
    uint64_t old = before - stream->target_first;
    if (old < stream->target_rows / 2 || old == 0) {
        return; /* not worth moving */
    }
    stream->target_rows -= (size_t)old;
    memmove(stream->targets, stream->targets + (size_t)old * width,
            stream->target_rows * width * sizeof(float));
    stream->target_first = before;
}

static trib_status keep_targets(edge_example_stream *stream, const trib_source_row *row) {
    uint32_t width = stream->federation->source.target_count;
    if (stream->federation->task != TRIB_TASK_REGRESS) {
        return TRIB_SUCCESS;
    }
    if (stream->target_rows == stream->target_capacity) {
        size_t larger = stream->target_capacity == 0 ? 1024 : 2 * stream->target_capacity;
        float *targets =
            trib_resize(stream->targets, stream->target_capacity * width * sizeof *targets,
                        larger * width * sizeof *targets);
        if (targets == NULL) {
            return TRIB_FAIL(TRIB_E_IO, "no memory for the targets of %zu rows", larger);
        }
        stream->targets = targets;
        stream->target_capacity = larger;
    }
    memcpy(stream->targets + stream->target_rows++ * width, row->targets, width * sizeof(float));
    return TRIB_SUCCESS;
}

/* The mean of each target over the window's rows; false where a target has no value at all. */
static bool mean_targets(const edge_example_stream *stream, const trib_window *window,
                         float ret_targets[TRIB_MAX_TARGETS]) {
    uint32_t width = stream->federation->source.target_count;
    for (uint32_t j = 0; j < width; j++) {
        double sum = 0;
        size_t count = 0;
        for (uint64_t row = window->first_row; row <= window->last_row; row++) {
            float value = stream->targets[(size_t)(row - stream->target_first) * width + j];
            if (isfinite(value)) {
                sum += (double)value;
                count++;
            }
        }
        if (count == 0) {
            return false;
        }
        ret_targets[j] = (float)(sum / (double)count);
    }
    return true;
}

/* ---- windows ---- */

static trib_status take_window(void *context, const trib_window *window) {
    edge_example_stream *stream = context;
    trib_task_kind task = stream->federation->task;
    float targets[TRIB_MAX_TARGETS] = {0};
    if (window->last_row >= stream->training) {
        return TRIB_SUCCESS;
    }
    bool usable = task == TRIB_TASK_CLASSIFY  ? window->label >= 0
                  : task == TRIB_TASK_REGRESS ? mean_targets(stream, window, targets)
                                              : true;
    if (task == TRIB_TASK_REGRESS) {
        forget_targets(stream, window->first_row);
    }
    if (!usable) {
        stream->unlabelled++;
        return TRIB_SUCCESS;
    }
    if (stream->examples.count == stream->examples.ceiling) {
        return TRIB_SUCCESS;
    }
    return trib_examples_append(&stream->examples, window->values, window->label, targets);
}

static void start(edge_example_stream *stream) {
    trib_pipeline_reset(stream->pipeline);
    stream->pushed = 0;
    stream->training = 0;
    stream->closed = false;
    stream->target_first = 0;
    stream->target_rows = 0;
}

trib_status edge_example_stream_finish(edge_example_stream *stream) {
    const trib_window_sink sink = {take_window, stream};
    if (stream->closed) {
        return TRIB_SUCCESS;
    }
    stream->closed = true;
    return trib_pipeline_finish(stream->pipeline, &sink);
}

trib_status edge_example_stream_row(edge_example_stream *stream, const edge_stored_row *row) {
    const trib_window_sink sink = {take_window, stream};
    const edge_row *stored = row->row;
    if (row->starts) {
        TRIB_TRY(edge_example_stream_finish(stream));
        start(stream);
    }
    if (!stored->train && !is_continuous(stream)) {
        return edge_example_stream_finish(stream);
    }
    if (stream->closed) {
        return TRIB_SUCCESS;
    }
    if (stored->train && stream->training == stream->pushed) {
        stream->training++;
    }
    stream->pushed++;
    TRIB_TRY(keep_targets(stream, &stored->row));
    return trib_pipeline_push(stream->pipeline, stored->row.time_us, stored->row.values,
                              stored->row.label, &sink);
}
