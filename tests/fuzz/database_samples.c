/* A gateway's own rows. A damaged file of them is set aside, and what comes next is stored. */
#include "common/port/posix/system.h"
#include "edge/store/store.h"
#include "tests/fuzz/database.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"

static const trib_source_spec spec = {.delimiter = ',',
                                      .rate_hz = 100,
                                      .channel_count = 2,
                                      .channels = {"x", "y"},
                                      .target_count = 1,
                                      .targets = {"load"}};
static edge_store *writer;

static trib_status open_store(edge_store **ret_store) {
    const edge_store_options options = {
        fuzz_folder(), &spec, 1 << 20, trib_posix_clock(), {NULL, NULL}};
    return edge_store_open(&options, ret_store);
}

static trib_status append(edge_store *store) {
    static edge_batch batch; /* large */
    batch = (edge_batch){.recording = "one.csv", .position = 3, .count = 3};
    for (uint32_t i = 0; i < batch.count; i++) {
        batch.rows[i] = (edge_row){.row = {.time_us = 10000 * (int64_t)i, .label = -1}};
    }
    TRIB_TRY(edge_store_append(store, &batch));
    return edge_store_flush(store, true);
}

static void write_half(bool first) {
    FUZZ_MUST(trib_ok(open_store(&writer)));
    FUZZ_MUST(trib_ok(append(writer)) && trib_ok(append(writer)));
    FUZZ_MUST(edge_store_holds(writer).rows == (first ? 6 : 12));
}

static void close_writer(void) {
    edge_store_close(writer);
}

static trib_status take_row(void *context, const edge_stored_row *row) {
    uint64_t *last = context;
    FUZZ_MUST(row->number > *last && row->row->row.label >= -1);
    *last = row->number;
    return TRIB_SUCCESS;
}

static trib_status take_position(void *context, const char *recording, uint64_t rows) {
    (void)rows;
    *(size_t *)context += strlen(recording);
    return TRIB_SUCCESS;
}

static void read_rows(void) {
    edge_store_reader *reader = NULL;
    edge_store_range range;
    edge_store_read read;
    uint64_t last = 0;
    FUZZ_MUST(trib_ok(edge_store_reader_open(fuzz_folder(), &spec, &reader)));
    trib_ignore(edge_store_reader_range(reader, &range));
    if (trib_ok(edge_store_reader_rows(reader, 0, UINT64_MAX, take_row, &last, &read))) {
        FUZZ_MUST(read.rows == 0 || (read.last_row == last && read.first_row <= last));
    }
    edge_store_reader_close(reader);
}

static void read_all(void) {
    edge_store *store = NULL;
    trib_status status = open_store(&store);
    FUZZ_MUST(trib_ok(status) ||
              status.code == TRIB_E_STATE); /* whatever is damaged is set aside */
    if (!trib_ok(status)) {
        return;
    }
    size_t length = 0;
    edge_store_range before = edge_store_holds(store);
    trib_ignore(edge_store_positions(store, take_position, &length));
    read_rows();
    if (trib_ok(append(store))) {
        FUZZ_MUST(edge_store_holds(store).last_row > before.last_row);
        read_rows();
    }
    edge_store_close(store);
}

fuzz_database fuzz_samples = {
    .name = "samples.db", .write = write_half, .close = close_writer, .read = read_all};
