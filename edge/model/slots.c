#include "edge/model/slots.h"

#include <stdio.h>
#include <string.h>

static void name_of(char slot, char ret_name[32]) {
    (void)snprintf(ret_name, 32, "model-%c.safetensors", slot);
}

trib_status edge_slots_check(const trib_lineage *lineage, const trib_model *model) {
    if (memcmp(lineage->pipeline, model->lineage.pipeline, TRIB_HASH_BYTES) != 0) {
        return TRIB_FAIL(TRIB_E_DENIED, "the model is for another pipeline than this gateway runs");
    }
    if (memcmp(lineage->meaning, model->lineage.meaning, TRIB_HASH_BYTES) != 0) {
        return TRIB_FAIL(TRIB_E_DENIED, "the model is of another lineage than the federation's");
    }
    return TRIB_SUCCESS;
}

/* Reads a file, and refuses a model that is not of what this gateway runs. */
static trib_status verify(const edge_slots *slots, const trib_lineage *lineage, trib_bytes file,
                          trib_model **ret_model, uint8_t ret_digest[TRIB_HASH_BYTES]) {
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = NULL;
    TRIB_TRY(edge_newest_read(slots->newest, slots->crypto, file, &model, ret_digest));
    TRIB_TRY(edge_slots_check(lineage, model));
    *ret_model = model;
    model = NULL;
    return TRIB_SUCCESS;
}

trib_status edge_slots_install(edge_slots *slots, const trib_lineage *lineage, uint64_t release,
                               trib_bytes file, trib_model **ret_model) {
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = NULL;
    edge_slot active = {.name = 'b'};
    char name[32];
    trib_status status = edge_outbox_load_slot(slots->outbox, &active);
    if (!trib_ok(status) && status.code != TRIB_E_NOT_FOUND && status.code != TRIB_E_CORRUPT) {
        return status;
    }
    edge_slot next = {.name = active.name == 'a' ? 'b' : 'a', .release = release};
    TRIB_TRY(verify(slots, lineage, file, &model, next.digest));
    name_of(next.name, name);
    /* The switch to the active slot is durable before the spare one is written over, and so is this
     * switch before the model runs. */
    TRIB_TRY(edge_outbox_sync(slots->outbox));
    TRIB_TRY(trib_disk_overwrite(slots->disk, slots->folder, name, file));
    TRIB_TRY(edge_outbox_store_slot(slots->outbox, &next));
    TRIB_TRY(edge_outbox_sync(slots->outbox));
    *ret_model = model;
    model = NULL;
    return TRIB_SUCCESS;
}

trib_status edge_slots_read(edge_slots *slots, trib_buffer *ret_file, edge_slot *ret_active) {
    char name[32], path[4096];
    uint8_t digest[TRIB_HASH_BYTES];
    TRIB_TRY(edge_outbox_load_slot(slots->outbox, ret_active));
    name_of(ret_active->name, name);
    (void)snprintf(path, sizeof path, "%.4000s/%s", slots->folder, name);
    TRIB_TRY(trib_disk_read(slots->disk, path, ret_file));
    TRIB_TRY(slots->crypto->sha256(trib_buffer_view(ret_file), digest));
    if (memcmp(digest, ret_active->digest, sizeof digest) != 0) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "%s is not what was installed", path);
    }
    return TRIB_SUCCESS;
}

trib_status edge_slots_load(edge_slots *slots, const trib_federation *federation,
                            const trib_lineage *lineage, uint64_t *ret_release,
                            trib_model **ret_model) {
    edge_slot active;
    uint8_t digest[TRIB_HASH_BYTES];
    TRIB_SCOPED(trib_buffer_deinit)
    trib_buffer file = {.ceiling = trib_model_object_ceiling(federation)};
    TRIB_TRY(edge_slots_read(slots, &file, &active));
    TRIB_TRY(verify(slots, lineage, trib_buffer_view(&file), ret_model, digest));
    *ret_release = active.release;
    return TRIB_SUCCESS;
}
