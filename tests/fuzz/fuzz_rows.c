/* Lines of a recording or a live stream: CSV or JSON lines, through the pipeline to windows. */
#include <math.h>

#include "common/federation/federation.h"
#include "common/recording/row_parser.h"
#include "common/signal/pipeline.h"
#include "tests/fuzz/document.h"
#include "tests/fuzz/fuzz.h"

static trib_status take_window(void *context, const trib_window *window) {
    (void)context;
    for (uint32_t i = 0; i < window->count; i++) {
        FUZZ_MUST(isfinite(window->values[i]));
    }
    FUZZ_MUST(window->label >= -1 && window->label < 2);
    return TRIB_SUCCESS;
}

static void push(trib_pipeline *pipeline, trib_row_parser *parser, trib_bytes line) {
    const trib_window_sink sink = {take_window, NULL};
    trib_source_row row;
    bool is_row = false;
    if (trib_ok(trib_row_parser_line(parser, line, &row, &is_row)) && is_row) {
        FUZZ_MUST(row.label >= -1 && row.label < 2);
        trib_ignore(trib_pipeline_push(pipeline, row.time_us, row.values, row.label, &sink));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static trib_federation federation;
    static void *block;
    static size_t bytes;
    if (block == NULL) {
        FUZZ_MUST(trib_ok(trib_federation_parse("f", trib_bytes_text(fuzz_document), &federation)));
        bytes = trib_pipeline_bytes(&federation.pipeline);
        block = aligned_alloc(64, (bytes + 63) / 64 * 64);
        FUZZ_MUST(block != NULL);
    }
    const trib_window_sink sink = {take_window, NULL};
    trib_pipeline *pipeline = NULL;
    trib_row_parser parser;
    FUZZ_MUST(trib_ok(trib_pipeline_init(&pipeline, &federation.pipeline, block, bytes)));
    trib_row_parser_init(&parser, &federation.source, "rows", false);
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t length = end != NULL ? (size_t)(end - data) + 1 : size;
        push(pipeline, &parser, trib_bytes_of(data, length));
        data += length;
        size -= length;
    }
    trib_ignore(trib_pipeline_finish(pipeline, &sink));
    return 0;
}
