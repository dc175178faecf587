#include "common/train/examples.h"

#include <math.h>
#include <string.h>

#include "common/base/heap.h"

void trib_examples_init(trib_examples *examples, const trib_model_plan *plan, size_t ceiling) {
    TRIB_ASSERT(ceiling <= TRIB_EXAMPLES_CEILING);
    *examples = (trib_examples){.ceiling = ceiling,
                                .output = plan->output,
                                .input_count = plan->input_count,
                                .output_count = plan->output_count};
}

void trib_examples_deinit(trib_examples *examples) {
    trib_free(examples->inputs);
    trib_free(examples->labels);
    trib_free(examples->targets);
    *examples = (trib_examples){0};
}

void trib_examples_clear(trib_examples *examples) {
    examples->count = 0;
}

static trib_status check_finite(const float *values, size_t count, const char *what) {
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            return TRIB_FAIL(TRIB_E_ARGUMENT, "%s %zu of an example is %g: fill gaps before", what,
                             i, (double)values[i]);
        }
    }
    return TRIB_SUCCESS;
}

static trib_status check(const trib_examples *examples, const float *input, int32_t label,
                         const float *values) {
    if (examples->count == examples->ceiling) {
        return TRIB_FAIL(TRIB_E_LIMIT, "more than %zu examples", examples->ceiling);
    }
    if (examples->output == TRIB_OUTPUT_CLASSES &&
        (label < 0 || (uint32_t)label >= examples->output_count)) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "label %d is none of %u classes", (int)label,
                         (unsigned)examples->output_count);
    }
    if (examples->output == TRIB_OUTPUT_VALUES) {
        TRIB_TRY(check_finite(values, examples->output_count, "target"));
    }
    return check_finite(input, examples->input_count, "input");
}

/* Sizes cannot wrap: 2^24 examples of 2^20 values of 4 bytes. */
static trib_status grow_array(void **array, size_t count, size_t capacity, size_t item_bytes) {
    void *larger = trib_resize(*array, count * item_bytes, capacity * item_bytes);
    if (larger == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %zu examples", capacity);
    }
    *array = larger;
    return TRIB_SUCCESS;
}

static trib_status grow(trib_examples *examples, size_t capacity) {
    if (capacity > examples->ceiling) {
        capacity = examples->ceiling;
    }
    void *inputs = examples->inputs;
    TRIB_TRY(grow_array(&inputs, examples->count, capacity, examples->input_count * sizeof(float)));
    examples->inputs = inputs;
    if (examples->output == TRIB_OUTPUT_CLASSES) {
        void *labels = examples->labels;
        TRIB_TRY(grow_array(&labels, examples->count, capacity, sizeof(int32_t)));
        examples->labels = labels;
    }
    if (examples->output == TRIB_OUTPUT_VALUES) {
        void *targets = examples->targets;
        TRIB_TRY(grow_array(&targets, examples->count, capacity,
                            examples->output_count * sizeof(float)));
        examples->targets = targets;
    }
    examples->capacity = capacity; /* last: what has grown before a failure is only roomier */
    return TRIB_SUCCESS;
}

trib_status trib_examples_reserve(trib_examples *examples, size_t count) {
    return count > examples->capacity ? grow(examples, count) : TRIB_SUCCESS;
}

trib_status trib_examples_append(trib_examples *examples, const float *input, int32_t label,
                                 const float *values) {
    TRIB_TRY(check(examples, input, label, values));
    if (examples->count == examples->capacity) {
        TRIB_TRY(grow(examples, examples->capacity > 0 ? 2 * examples->capacity : 64));
    }
    size_t at = examples->count;
    memcpy(examples->inputs + at * examples->input_count, input,
           examples->input_count * sizeof *input);
    if (examples->labels != NULL) {
        examples->labels[at] = label;
    }
    if (examples->targets != NULL) {
        memcpy(examples->targets + at * examples->output_count, values,
               examples->output_count * sizeof *values);
    }
    examples->count++;
    return TRIB_SUCCESS;
}
