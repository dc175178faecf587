#include "common/simulate/made_up.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/heap.h"
#include "common/generate/machine.h"
#include "common/signal/pipeline.h"

enum { COLUMNS = 5, ROW_US = 1000000 / TRIB_MACHINE_RATE_HZ, MOST_ROWS = 1 << 20 };

static const char *const columns[COLUMNS] = {"vib_x", "vib_y", "vib_z", "current", "temperature"};

struct trib_made_up {
    const trib_federation *federation;
    trib_pipeline *pipeline; /* lives in block */
    void *block;
    size_t column_of[TRIB_MAX_SOURCES];
    int32_t class_of[TRIB_MACHINE_STATES]; /* -1: none */
    trib_examples *examples;               /* while one client is made */
    size_t wanted;
};

static trib_status find_columns(trib_made_up *maker) {
    const trib_source_spec *source = &maker->federation->source;
    for (uint32_t i = 0; i < source->channel_count; i++) {
        size_t column = 0;
        while (column < COLUMNS && strcmp(columns[column], source->channels[i]) != 0) {
            column++;
        }
        if (column == COLUMNS) {
            return TRIB_FAIL(TRIB_E_ARGUMENT,
                             "made-up machines have no channel '%s': they have vib_x, vib_y, "
                             "vib_z, current and temperature",
                             source->channels[i]);
        }
        maker->column_of[i] = column;
    }
    return TRIB_SUCCESS;
}

static trib_status find_classes(trib_made_up *maker) {
    const trib_source_spec *source = &maker->federation->source;
    bool any = false;
    for (int state = 0; state < TRIB_MACHINE_STATES; state++) {
        maker->class_of[state] = -1;
        for (uint32_t i = 0; i < source->class_count; i++) {
            if (strcmp(source->classes[i], trib_machine_state_name((trib_machine_state)state)) ==
                0) {
                maker->class_of[state] = (int32_t)i;
                any = true;
            }
        }
    }
    if (maker->federation->task == TRIB_TASK_REGRESS) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "made-up machines have no targets to regress on");
    }
    if (maker->federation->task == TRIB_TASK_CLASSIFY && !any) {
        return TRIB_FAIL(TRIB_E_ARGUMENT,
                         "no class is a state of made-up machines: these are healthy, imbalance, "
                         "misalignment and bearing_wear");
    }
    return TRIB_SUCCESS;
}

trib_status trib_made_up_create(const trib_federation *federation, trib_made_up **ret_maker) {
    if (federation->source.rate_hz != (double)TRIB_MACHINE_RATE_HZ) {
        return TRIB_FAIL(TRIB_E_ARGUMENT,
                         "made-up machines give %d rows a second, and source.rate_hz is %g",
                         (int)TRIB_MACHINE_RATE_HZ, federation->source.rate_hz);
    }
    size_t size = trib_pipeline_bytes(&federation->pipeline);
    trib_made_up *maker = trib_allocate(1, sizeof *maker);
    if (maker == NULL || (maker->block = trib_allocate(size, 1)) == NULL) {
        trib_made_up_destroy(maker);
        return TRIB_FAIL(TRIB_E_IO, "no memory for a pipeline of %zu bytes", size);
    }
    maker->federation = federation;
    trib_status status = find_columns(maker);
    if (trib_ok(status)) {
        status = find_classes(maker);
    }
    if (trib_ok(status)) {
        status = trib_pipeline_init(&maker->pipeline, &federation->pipeline, maker->block, size);
    }
    if (!trib_ok(status)) {
        trib_made_up_destroy(maker);
        return status;
    }
    *ret_maker = maker;
    return TRIB_SUCCESS;
}

void trib_made_up_destroy(trib_made_up *maker) {
    if (maker != NULL) {
        trib_free(maker->block);
        trib_free(maker);
    }
}

void trib_made_up_name(uint32_t number, char ret_name[TRIB_MADE_UP_NAME_SIZE]) {
    (void)snprintf(ret_name, TRIB_MADE_UP_NAME_SIZE, "machine-%08" PRIu32, number);
}

static trib_status take_window(void *context, const trib_window *window) {
    trib_made_up *maker = context;
    bool labelled = maker->federation->task != TRIB_TASK_CLASSIFY || window->label >= 0;
    if (!labelled || maker->examples->count == maker->wanted) {
        return TRIB_SUCCESS;
    }
    return trib_examples_append(maker->examples, window->values, window->label, NULL);
}

trib_status trib_made_up_examples(trib_made_up *maker, const char *name, uint32_t number,
                                  uint32_t samples, trib_examples *examples) {
    const trib_window_sink sink = {take_window, maker};
    uint64_t seed = maker->federation->seed;
    trib_machine machine;
    trib_machine_init(&machine, seed, name, trib_machine_some_states(seed, number));
    trib_pipeline_reset(maker->pipeline);
    trib_examples_clear(examples);
    maker->examples = examples;
    maker->wanted = samples;
    for (int64_t row = 0; examples->count < samples; row++) {
        if (row == MOST_ROWS) {
            return TRIB_FAIL(TRIB_E_STATE, "%s gives %zu of %u examples in %d rows", name,
                             examples->count, samples, (int)MOST_ROWS);
        }
        trib_machine_row made;
        trib_machine_next(&machine, &made);
        const double all[COLUMNS] = {made.vibration[0], made.vibration[1], made.vibration[2],
                                     made.current, made.temperature};
        float values[TRIB_MAX_SOURCES];
        for (uint32_t i = 0; i < maker->federation->source.channel_count; i++) {
            values[i] = (float)all[maker->column_of[i]];
        }
        TRIB_TRY(trib_pipeline_push(maker->pipeline, row * ROW_US, values,
                                    maker->class_of[made.state], &sink));
    }
    return TRIB_SUCCESS;
}
