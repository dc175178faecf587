#include "common/recording/example_maker.h"

#include <math.h>
#include <string.h>

#include "common/signal/pipeline.h"

struct trib_example_maker {
    const trib_federation *federation;
    bool signals_only;
    trib_recording recording;
    trib_pipeline *pipeline; /* lives in block */
    void *block;
};

void trib_client_data_deinit(trib_client_data *client) {
    trib_examples_deinit(&client->train);
    trib_examples_deinit(&client->test);
    trib_free(client->anomalies);
    *client = (trib_client_data){0};
}

trib_status trib_example_maker_create(const trib_federation *federation, bool signals_only,
                                      trib_example_maker **ret_maker) {
    TRIB_SCOPED(trib_example_maker_destroy_scoped)
    trib_example_maker *maker = trib_allocate(1, sizeof *maker);
    if (maker == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory to make examples");
    }
    maker->federation = federation;
    maker->signals_only = signals_only;
    size_t size = trib_pipeline_bytes(&federation->pipeline);
    maker->block = trib_allocate(size, 1);
    if (maker->block == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a pipeline of %zu bytes", size);
    }
    TRIB_TRY(trib_pipeline_init(&maker->pipeline, &federation->pipeline, maker->block, size));
    *ret_maker = maker;
    maker = NULL;
    return TRIB_SUCCESS;
}

void trib_example_maker_destroy(trib_example_maker *maker) {
    if (maker != NULL) {
        trib_recording_deinit(&maker->recording);
        trib_free(maker->block);
        trib_free(maker);
    }
}

void trib_example_maker_destroy_scoped(trib_example_maker **maker) {
    trib_example_maker_destroy(*maker);
}

/* One run of the pipeline: rows [first, end) of the recording; windows whose last row is at or past
 * test_from (a row of the recording) are test examples. */
typedef struct pass {
    const trib_example_maker *maker;
    trib_client_data *client;
    size_t first;
    size_t end;
    size_t test_from;
} pass;

/* The mean of each target over the window's rows; false where a target has no value at all. */
static bool mean_targets(const trib_recording *recording, size_t first, size_t last,
                         float ret_targets[TRIB_MAX_TARGETS]) {
    for (uint32_t j = 0; j < recording->target_count; j++) {
        double sum = 0;
        size_t count = 0;
        for (size_t row = first; row <= last; row++) {
            float value = recording->targets[row * recording->target_count + j];
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

static trib_status note_anomaly(trib_client_data *client, uint8_t anomaly) {
    if (client->test.count == client->anomaly_capacity) {
        size_t larger = client->anomaly_capacity == 0 ? 1024 : 2 * client->anomaly_capacity;
        uint8_t *grown = trib_resize(client->anomalies, client->anomaly_capacity, larger);
        if (grown == NULL) {
            return TRIB_FAIL(TRIB_E_IO, "no memory for %zu test examples", larger);
        }
        client->anomalies = grown;
        client->anomaly_capacity = larger;
    }
    client->anomalies[client->test.count] = anomaly;
    return TRIB_SUCCESS;
}

static trib_status take_window(void *context, const trib_window *window) {
    const pass *part = context;
    trib_client_data *client = part->client;
    const trib_recording *recording = &part->maker->recording;
    size_t first = part->first + (size_t)window->first_row;
    size_t last = part->first + (size_t)window->last_row;
    float targets[TRIB_MAX_TARGETS] = {0};
    trib_task_kind task = part->maker->federation->task;
    int32_t label = window->label;
    if (part->maker->signals_only) {
        label = 0; /* any class will do: nobody compares with it */
    } else if ((task == TRIB_TASK_CLASSIFY && label < 0) ||
               (task == TRIB_TASK_REGRESS && !mean_targets(recording, first, last, targets))) {
        client->unlabelled++;
        return TRIB_SUCCESS;
    }
    bool test = last >= part->test_from;
    if (test) {
        TRIB_TRY(note_anomaly(client, recording->anomalies[last]));
    }
    return trib_examples_append(test ? &client->test : &client->train, window->values, label,
                                targets);
}

static trib_status run_pipeline(trib_example_maker *maker, pass part) {
    const trib_recording *recording = &maker->recording;
    const trib_window_sink sink = {take_window, &part};
    trib_pipeline_reset(maker->pipeline);
    for (size_t row = part.first; row < part.end; row++) {
        TRIB_TRY(trib_pipeline_push(maker->pipeline, recording->times_us[row],
                                    recording->values + row * recording->channel_count,
                                    recording->labels[row], &sink));
    }
    return trib_pipeline_finish(maker->pipeline, &sink);
}

static size_t split_row(const trib_source_spec *source, size_t rows) {
    switch (source->split) {
    case TRIB_SPLIT_ROWS:
        return source->split_rows < rows ? source->split_rows : rows;
    case TRIB_SPLIT_FRACTION:
        return (size_t)(source->split_fraction * (double)rows);
    case TRIB_SPLIT_NONE:
        break;
    }
    return rows;
}

trib_status trib_example_maker_add(trib_example_maker *maker, const char *path,
                                   trib_client_data *client) {
    const trib_federation *federation = maker->federation;
    TRIB_TRY(trib_recording_read(&maker->recording, path, &federation->source, maker->signals_only,
                                 SIZE_MAX));
    size_t rows = maker->recording.rows, split = split_row(&federation->source, rows);
    client->rows += rows;
    if (client->refused == 0) {
        memcpy(client->complaint, maker->recording.complaint, sizeof client->complaint);
    }
    client->refused += maker->recording.refused;
    bool continuous =
        federation->task == TRIB_TASK_RECONSTRUCT || federation->task == TRIB_TASK_HOTELLING_T2;
    pass first = {maker, client, 0, continuous ? rows : split, split};
    trib_status status = run_pipeline(maker, first);
    if (trib_ok(status) && !continuous && split < rows) {
        pass second = {maker, client, split, rows, split};
        status = run_pipeline(maker, second);
    }
    return trib_context(status, "%s", path);
}
