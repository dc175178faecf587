#include "cloud/archive/needed.h"

#include <stdio.h>
#include <string.h>

#include "cloud/types/records.pb.h"
#include "common/wire/topic.h"
#include "common/wire/wire.h"

enum { BASE, SERVED, STRATEGY, RELEASED, KINDS };

typedef struct needed_row {
    char federation[TRIB_NAME_SIZE];
    bool has[KINDS];
    cloud_digest digests[KINDS];
} needed_row;

enum { MOST_ROWS = 4096 };

void cloud_needed_deinit(cloud_needed *needed) {
    trib_buffer_deinit(&needed->rows);
}

static trib_status row_of(cloud_needed *needed, const char *federation, needed_row **ret_row) {
    size_t count = needed->rows.size / sizeof(needed_row);
    for (size_t i = 0; i < count; i++) {
        needed_row *row = (needed_row *)(void *)needed->rows.data + i;
        if (strcmp(row->federation, federation) == 0) {
            *ret_row = row;
            return TRIB_SUCCESS;
        }
    }
    needed_row fresh = {.has = {false}};
    (void)snprintf(fresh.federation, sizeof fresh.federation, "%s", federation);
    TRIB_TRY(
        trib_buffer_append(&needed->rows, trib_bytes_of((const uint8_t *)&fresh, sizeof fresh)));
    *ret_row = (needed_row *)(void *)needed->rows.data + count;
    return TRIB_SUCCESS;
}

static void set(needed_row *row, int kind, const uint8_t *bytes, size_t size) {
    row->has[kind] = size == TRIB_HASH_BYTES;
    if (row->has[kind]) {
        memcpy(row->digests[kind].bytes, bytes, TRIB_HASH_BYTES);
    }
}

static trib_status take_closed(cloud_needed *needed, trib_bytes payload) {
    cloud_record_RoundClosed message = cloud_record_RoundClosed_init_zero;
    needed_row *row;
    TRIB_TRY(trib_wire_decode(cloud_record_RoundClosed_fields, payload, &message));
    if (message.abandoned) {
        return TRIB_SUCCESS;
    }
    TRIB_TRY(row_of(needed, message.federation, &row));
    set(row, BASE, message.model_digest.bytes, message.model_digest.size);
    set(row, SERVED, message.served_digest.bytes, message.served_digest.size);
    set(row, STRATEGY, message.strategy_digest.bytes, message.strategy_digest.size);
    return TRIB_SUCCESS;
}

static trib_status take_release(cloud_needed *needed, trib_bytes payload) {
    cloud_record_Release message = cloud_record_Release_init_zero;
    needed_row *row;
    TRIB_TRY(trib_wire_decode(cloud_record_Release_fields, payload, &message));
    TRIB_TRY(row_of(needed, message.federation, &row));
    set(row, RELEASED, message.model_digest.bytes, message.model_digest.size);
    return TRIB_SUCCESS;
}

static trib_status take(void *context, const cloud_record *record) {
    if (record->type == (uint32_t)cloud_record_Type_TYPE_ROUND_CLOSED) {
        return take_closed(context, record->payload);
    }
    return record->type == (uint32_t)cloud_record_Type_TYPE_RELEASE
               ? take_release(context, record->payload)
               : TRIB_SUCCESS;
}

trib_status cloud_needed_collect(cloud_registry *registry, cloud_ledger *ledger,
                                 cloud_needed *ret_needed) {
    uint64_t position = 0;
    ret_needed->rows.ceiling = MOST_ROWS * sizeof(needed_row);
    TRIB_TRY(cloud_registry_position(registry, &position));
    TRIB_TRY(cloud_registry_restore(registry, take, ret_needed));
    return cloud_ledger_read(ledger, position + 1, take, ret_needed);
}

trib_status cloud_needed_each(const cloud_needed *needed,
                              trib_status (*each)(void *context, const char *federation,
                                                  const cloud_digest *digest),
                              void *context) {
    for (size_t i = 0; i < needed->rows.size / sizeof(needed_row); i++) {
        const needed_row *row = (const needed_row *)(const void *)needed->rows.data + i;
        for (int kind = 0; kind < KINDS; kind++) {
            if (row->has[kind]) {
                TRIB_TRY(each(context, row->federation, &row->digests[kind]));
            }
        }
    }
    return TRIB_SUCCESS;
}
