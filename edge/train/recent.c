#include "edge/train/recent.h"

#include <string.h>

#include "common/contribution/contribution.h"

static bool normalised_with(const edge_recent *recent, const trib_model *model) {
    size_t half = recent->columns * sizeof(float);
    return recent->columns == model->column_count &&
           memcmp(recent->normalisation, model->mean, half) == 0 &&
           memcmp(recent->normalisation + recent->columns, model->deviation, half) == 0;
}

bool edge_recent_holds(const edge_recent *recent, uint64_t first_row, uint64_t last_row,
                       const trib_model *model) {
    return recent->held && recent->first_row == first_row && recent->last_row == last_row &&
           (recent->normalisation == NULL || (model != NULL && normalised_with(recent, model)));
}

void edge_recent_ask(edge_recent *recent, uint64_t first_row, uint64_t last_row, uint64_t now_ms) {
    if (recent->first_row != first_row || recent->last_row != last_row) {
        recent->first_row = first_row;
        recent->last_row = last_row;
        recent->since_ms = now_ms;
    }
    recent->worth_holding = now_ms - recent->since_ms >= EDGE_RECENT_AFTER_MS;
}

trib_status edge_recent_normalise(edge_recent *recent, const trib_model *model) {
    if (recent->normalisation != NULL) {
        TRIB_ASSERT(normalised_with(recent, model));
        return TRIB_SUCCESS;
    }
    size_t columns = model->column_count;
    recent->normalisation = trib_allocate(2 * columns, sizeof(float));
    if (recent->normalisation == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for the normalisation of %zu columns", columns);
    }
    memcpy(recent->normalisation, model->mean, columns * sizeof(float));
    memcpy(recent->normalisation + columns, model->deviation, columns * sizeof(float));
    recent->columns = columns;
    trib_examples_normalise(&recent->stream.examples, model);
    return TRIB_SUCCESS;
}

void edge_recent_let_go(edge_recent *recent) {
    edge_example_stream_deinit(&recent->stream);
    trib_free(recent->normalisation);
    recent->normalisation = NULL;
    recent->held = false;
}
