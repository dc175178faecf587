/* An update as it arrives: taken apart, and its numbers checked. */
#include <math.h>
#include <string.h>
#include <zstd.h>

#include "cloud/round/live.h"
#include "common/signal/check.h"
#include "common/update/statistics.h"

#define MAX_STATISTIC 1e15

size_t cloud_live_payload_ceiling(const cloud_live *live) {
    size_t update = trib_update_packed_size(TRIB_CODEC_FLOAT32,
                                            trib_federation_parameter_count(live->federation));
    size_t statistics =
        trib_statistics_packed_size(trib_pipeline_columns(&live->federation->pipeline));
    return (update > statistics ? update : statistics) + 64;
}

trib_status cloud_update_open(trib_bytes update, size_t most_bytes, trib_buffer *storage,
                              cloud_update *ret_update) {
    cloud_update opened = {.message = trib_wire_Update_init_zero};
    trib_bytes payload;
    trib_wire_catch(&opened.message.payload, &payload);
    TRIB_TRY(TRIB_WIRE_DECODE(Update, update, &opened.message));
    if (!isfinite(opened.message.loss) || !isfinite(opened.message.seconds)) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "the loss or the time it took is not a number");
    }
    if (opened.message.compressed) {
        if (opened.message.payload_size > most_bytes) {
            return TRIB_FAIL(TRIB_E_LIMIT, "a payload of %u bytes; at most %zu",
                             opened.message.payload_size, most_bytes);
        }
        trib_buffer_clear(storage);
        TRIB_TRY(trib_buffer_reserve(storage, opened.message.payload_size));
        size_t size =
            ZSTD_decompress(storage->data, opened.message.payload_size, payload.data, payload.size);
        if (ZSTD_isError(size) || size != opened.message.payload_size) {
            return TRIB_FAIL(TRIB_E_CORRUPT, "the payload does not decompress");
        }
        storage->size = size;
        payload = trib_buffer_view(storage);
    }
    if (payload.size > most_bytes) {
        return TRIB_FAIL(TRIB_E_LIMIT, "a payload of %zu bytes; at most %zu", payload.size,
                         most_bytes);
    }
    opened.payload = payload;
    *ret_update = opened;
    return TRIB_SUCCESS;
}

static trib_status check_statistics(const cloud_live *live, trib_bytes payload) {
    size_t columns = trib_pipeline_columns(&live->federation->pipeline);
    TRIB_SCOPED(trib_free_scoped) double *storage = trib_allocate(2 * columns, sizeof(double));
    if (storage == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for statistics of %zu columns", columns);
    }
    trib_moments moments;
    trib_moments_init(&moments, storage, storage + columns, columns);
    TRIB_TRY(trib_statistics_open(payload, &moments));
    for (size_t i = 0; i < columns;
         i++) { /* sensors, in float32: anything near its limit is a lie */
        if (fabs(storage[i]) > MAX_STATISTIC ||
            storage[columns + i] / (double)moments.count > MAX_STATISTIC * MAX_STATISTIC) {
            return TRIB_FAIL(TRIB_E_LIMIT, "the statistics of column %zu are past %g", i,
                             MAX_STATISTIC);
        }
    }
    return TRIB_SUCCESS;
}

trib_status cloud_live_check_payload(const cloud_live *live, trib_bytes payload,
                                     uint32_t *ret_weight) {
    if (live->round.plan.statistics) {
        return check_statistics(live, payload); /* its weight is the message's count of examples */
    }
    trib_update_view view;
    double norm;
    TRIB_TRY(trib_update_open(payload, &view));
    if (view.count != live->course.model->parameter_count) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "the update has %u parameters, the model %u", view.count,
                         live->course.model->parameter_count);
    }
    if (view.codec != live->federation->codec) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "the update has the codec %d, the federation %d",
                         (int)view.codec, (int)live->federation->codec);
    }
    TRIB_TRY(trib_update_check(&view, live->bounds.clip_norm, &norm));
    *ret_weight = view.weight;
    return TRIB_SUCCESS;
}
