/* Parts of an object, put by several connections at once. */
#include <stdatomic.h>
#include <string.h>

#include "cloud/object/remote.h"
#include "common/port/posix/workers.h"

trib_status cloud_parts_plan(uint64_t size, size_t *ret_part_bytes, uint32_t *ret_count) {
    const uint64_t step = 1 << 20;
    uint64_t part = CLOUD_BUCKET_PART_BYTES;
    if (size > part * CLOUD_BUCKET_MAX_PARTS) {
        part = (size / CLOUD_BUCKET_MAX_PARTS / step + 1) * step;
    }
    if (part > CLOUD_BUCKET_MAX_PART_BYTES) {
        return TRIB_FAIL(TRIB_E_LIMIT, "an object of %llu bytes: at most %d parts of %d bytes",
                         (unsigned long long)size, CLOUD_BUCKET_MAX_PARTS,
                         CLOUD_BUCKET_MAX_PART_BYTES);
    }
    *ret_part_bytes = (size_t)part;
    *ret_count = size == 0 ? 1 : (uint32_t)((size + part - 1) / part);
    return TRIB_SUCCESS;
}

size_t cloud_part_size(const cloud_upload *upload, uint32_t index) {
    uint64_t left = upload->body->size - (uint64_t)index * upload->part_bytes;
    return left < upload->part_bytes ? (size_t)left : upload->part_bytes;
}

typedef struct sending {
    cloud_remote *remote;
    cloud_upload *upload;
    atomic_uint next; /* part that nobody has taken yet */
    atomic_bool failed;
} sending;

/* A part that the service has already, with the same MD5, is not put again. */
static trib_status send_part(sending *s, uint32_t index, uint8_t *room) {
    const cloud_body *body = s->upload->body;
    const upload_part *part = &s->upload->parts[index];
    size_t size = cloud_part_size(s->upload, index);
    uint64_t offset = (uint64_t)index * s->upload->part_bytes;
    TRIB_TRY(body->read(body->context, offset, room, size));
    if (part->known) {
        uint8_t md5[CLOUD_MD5_BYTES];
        TRIB_TRY(cloud_md5(trib_bytes_of(room, size), md5));
        if (memcmp(md5, part->md5, sizeof md5) == 0) {
            return TRIB_SUCCESS;
        }
    }
    return s->remote->service->part_put(s->remote, s->upload, index, trib_bytes_of(room, size));
}

static trib_status send_parts(void *context) {
    sending *s = context;
    TRIB_SCOPED(trib_free_scoped) uint8_t *room = trib_allocate(1, s->upload->part_bytes);
    trib_status status = room != NULL ? TRIB_SUCCESS : TRIB_FAIL(TRIB_E_IO, "no memory for a part");
    while (trib_ok(status) && !atomic_load(&s->failed)) {
        uint32_t index = atomic_fetch_add(&s->next, 1);
        if (index >= s->upload->part_count) {
            return TRIB_SUCCESS;
        }
        status = send_part(s, index, room);
    }
    if (!trib_ok(status)) {
        atomic_store(&s->failed, true);
    }
    return status;
}

trib_status cloud_parts_put(cloud_remote *remote, cloud_upload *upload) {
    sending s = {.remote = remote, .upload = upload};
    void *contexts[CLOUD_BUCKET_MAX_CONNECTIONS];
    size_t count = remote->retry.connections < upload->part_count ? remote->retry.connections
                                                                  : upload->part_count;
    for (size_t i = 0; i < count; i++) {
        contexts[i] = &s;
    }
    return trib_workers_run(send_parts, contexts, count);
}
