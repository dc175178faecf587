#include "cloud/registry/view.h"

#include <string.h>

#include "common/base/heap.h"

static void drop_kept(cloud_view *view) {
    for (size_t i = 0; i < view->kept_count; i++) {
        trib_free(view->kept[i].payload);
    }
    view->kept_count = view->kept_bytes = 0;
}

static bool grow(cloud_view *view) {
    if (view->kept_count < view->kept_capacity) {
        return true;
    }
    size_t capacity = view->kept_capacity > 0 ? 2 * view->kept_capacity : 16;
    cloud_kept_record *larger =
        trib_resize(view->kept, view->kept_count * sizeof *larger, capacity * sizeof *larger);
    if (larger == NULL) {
        return false;
    }
    view->kept = larger;
    view->kept_capacity = capacity;
    return true;
}

void cloud_view_keep(cloud_view *view, const cloud_record *record) {
    view->due = view->due || record->type != (uint32_t)cloud_record_Type_TYPE_UPDATE ||
                view->kept_count >= CLOUD_VIEW_UPDATES;
    if (view->behind) {
        return; /* the ledger has it */
    }
    const size_t size = record->payload.size;
    uint8_t *copy = view->kept_count < CLOUD_VIEW_RECORDS &&
                            size <= CLOUD_VIEW_BYTES - view->kept_bytes && grow(view)
                        ? trib_allocate(size > 0 ? size : 1, 1)
                        : NULL;
    if (copy == NULL) {
        drop_kept(view);
        view->behind = view->due = true;
        return;
    }
    if (size > 0) {
        memcpy(copy, record->payload.data, size);
    }
    view->kept[view->kept_count++] =
        (cloud_kept_record){record->type, record->position, copy, size};
    view->kept_bytes += size;
}

static trib_status take_kept(cloud_view *view) {
    for (size_t i = 0; i < view->kept_count; i++) {
        const cloud_kept_record *kept = &view->kept[i];
        TRIB_TRY(cloud_registry_take(
            view->registry, &(cloud_record){.type = kept->type,
                                            .position = kept->position,
                                            .payload = trib_bytes_of(kept->payload, kept->size)}));
    }
    return TRIB_SUCCESS;
}

static trib_status take_one(void *context, const cloud_record *record) {
    return cloud_registry_take(context, record);
}

static trib_status take_lacking(cloud_view *view) {
    uint64_t position = 0;
    TRIB_TRY(cloud_registry_position(view->registry, &position));
    return cloud_ledger_read(view->ledger, position + 1, take_one, view->registry);
}

trib_status cloud_view_refresh(cloud_view *view) {
    TRIB_TRY(cloud_registry_begin(view->registry));
    trib_status status = view->behind ? take_lacking(view) : take_kept(view);
    if (trib_ok(status)) {
        status = cloud_registry_commit(view->registry, cloud_ledger_end(view->ledger));
    }
    if (!trib_ok(status)) {
        cloud_registry_rollback(view->registry);
        return status;
    }
    drop_kept(view);
    view->due = view->behind = false;
    return TRIB_SUCCESS;
}

void cloud_view_deinit(cloud_view *view) {
    drop_kept(view);
    trib_free(view->kept);
    *view = (cloud_view){.kept = NULL};
}
