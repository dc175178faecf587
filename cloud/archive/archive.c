#include "cloud/archive/archive.h"

#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/ledger/follower.h"
#include "cloud/object/object_store.h"
#include "cloud/types/records.pb.h"
#include "common/crypto/signature.h"
#include "common/port/posix/queue.h"
#include "common/tensor/json_text.h"
#include "common/wire/wire.h"

enum { IDLE_MS = 1000, FIRST_PAUSE_MS = 500, PATH_SIZE = 4096 };
static const char place[] = "archive.position"; /* a file's name */

struct cloud_archive {
    cloud_archive_options options;
    char state[PATH_SIZE];
    pthread_t thread;
    trib_queue *wakes; /* tokens */
    atomic_bool stop;

    /* The thread's own. */
    cloud_object_store *models;
    cloud_follower *follower;
    trib_buffer model, card;
    bool troubled;

    /* For whoever counts. */
    atomic_uint_least64_t put_count, missing, position;
};

static int token;

static void drop_token(void *item) {
    (void)item;
}

static void release_json(json_t **value) {
    json_decref(*value);
}

/* ---- one model ---- */

static trib_status print_card(cloud_archive *archive, const cloud_record_RoundClosed *record,
                              const char *digest) {
    char text[256], signature[2 * sizeof(trib_signature) + 1];
    trib_signature made;
    (void)snprintf(text, sizeof text, "%s %s %" PRIu64, record->federation, digest, record->round);
    TRIB_TRY(trib_sign(archive->options.crypto, &archive->options.signing->secret, "model-card",
                       trib_bytes_text(text), &made));
    trib_hex(trib_bytes_of(made.bytes, sizeof made.bytes), signature);
    TRIB_SCOPED(release_json)
    json_t *card =
        json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:s,s:s}", "federation", record->federation,
                  "model", digest, "format", "safetensors", "size", (json_int_t)archive->model.size,
                  "round", (json_int_t)record->round, "updates", (json_int_t)record->updates,
                  "weight", (json_int_t)record->weight, "closed_ms", (json_int_t)record->time_ms,
                  "key_id", archive->options.key_id, "signature", signature);
    trib_buffer_clear(&archive->card);
    return trib_json_print(card, &archive->card);
}

static trib_status put_once(cloud_archive *archive, const char *key, trib_bytes bytes,
                            const char *content_type) {
    const cloud_body body = cloud_body_of(&bytes, content_type);
    const cloud_put_options how = {.if_absent = true, .resume = true};
    trib_status status = archive->options.bucket->put(archive->options.bucket, key, &body, &how);
    return status.code == TRIB_E_STATE ? TRIB_SUCCESS : status; /* it is there */
}

static trib_status put_model(cloud_archive *archive, const cloud_record_RoundClosed *record) {
    cloud_digest digest;
    char text[2 * TRIB_HASH_BYTES + 1], key[CLOUD_KEY_SIZE];
    memcpy(digest.bytes, record->served_digest.bytes, sizeof digest.bytes);
    trib_hex(trib_bytes_of(digest.bytes, sizeof digest.bytes), text);
    trib_buffer_clear(&archive->model);
    trib_status status = archive->models->get(archive->models, &digest, &archive->model);
    if (status.code == TRIB_E_NOT_FOUND || status.code == TRIB_E_CORRUPT) {
        atomic_fetch_add(&archive->missing, 1);
        return TRIB_SUCCESS;
    }
    TRIB_TRY(status);
    (void)snprintf(key, sizeof key, "federations/%s/models/%s.safetensors", record->federation,
                   text);
    TRIB_TRY(put_once(archive, key, trib_buffer_view(&archive->model), NULL));
    TRIB_TRY(print_card(archive, record, text));
    (void)snprintf(key, sizeof key, "federations/%s/models/%s.json", record->federation, text);
    TRIB_TRY(put_once(archive, key, trib_buffer_view(&archive->card), "application/json"));
    atomic_fetch_add(&archive->put_count, 1);
    return TRIB_SUCCESS;
}

/* ---- the ledger ---- */

static trib_status take_record(cloud_archive *archive, const cloud_record *record) {
    cloud_record_RoundClosed message = cloud_record_RoundClosed_init_zero;
    if (record->type != (uint32_t)cloud_record_Type_TYPE_ROUND_CLOSED ||
        !trib_ok(trib_wire_decode(cloud_record_RoundClosed_fields, record->payload, &message)) ||
        message.served_digest.size != TRIB_HASH_BYTES) {
        return TRIB_SUCCESS;
    }
    return put_model(archive, &message);
}

/* A file that is lost has everything put once more, under the same names. */
static trib_status keep_place(cloud_archive *archive, uint64_t position) {
    char text[32];
    int length = snprintf(text, sizeof text, "%" PRIu64 "\n", position);
    return trib_disk_replace(archive->options.disk, archive->state, place,
                             trib_bytes_of((const uint8_t *)text, (size_t)length));
}

static uint64_t find_place(const cloud_archive *archive) {
    char path[PATH_SIZE + sizeof place];
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = 64};
    (void)snprintf(path, sizeof path, "%s/%s", archive->state, place);
    if (!trib_ok(trib_disk_read(archive->options.disk, path, &text)) ||
        !trib_ok(trib_buffer_append(&text, trib_bytes_of((const uint8_t *)"", 1)))) {
        return 0;
    }
    return strtoull((const char *)text.data, NULL, 10);
}

/* All that there is, up to the first failure. */
static trib_status catch_up(cloud_archive *archive) {
    uint64_t end = archive->options.end(archive->options.context);
    uint64_t models = atomic_load(&archive->put_count), at = atomic_load(&archive->position);
    trib_status status = TRIB_SUCCESS;
    while (trib_ok(status) && !atomic_load(&archive->stop)) {
        cloud_record record;
        status = cloud_follower_next(archive->follower, end, &record);
        if (trib_ok(status)) {
            status = take_record(archive, &record);
        }
        if (trib_ok(status)) {
            at = record.type == 0 ? record.gap_end : record.position;
        }
    }
    if (atomic_load(&archive->put_count) > models) { /* records of no interest are read again */
        trib_status kept = keep_place(archive, at);
        status = trib_ok(kept) ? status : kept;
    }
    atomic_store(&archive->position, at);
    return status.code == TRIB_E_NOT_FOUND && at >= end ? TRIB_SUCCESS : status;
}

static void *run(void *context) {
    cloud_archive *archive = context;
    uint64_t pause_ms = FIRST_PAUSE_MS;
    while (!atomic_load(&archive->stop)) {
        trib_status status = catch_up(archive);
        if (trib_ok(status)) {
            if (archive->troubled) {
                archive->options.report(archive->options.context, "");
            }
            archive->troubled = false;
            pause_ms = FIRST_PAUSE_MS;
            (void)trib_queue_pop(archive->wakes, IDLE_MS);
            continue;
        }
        archive->options.report(archive->options.context, trib_message());
        archive->troubled = true;
        cloud_follower_seek(archive->follower, atomic_load(&archive->position) + 1);
        for (uint64_t rest = pause_ms; rest > 0 && !atomic_load(&archive->stop);) {
            uint64_t part = rest < IDLE_MS ? rest : IDLE_MS;
            (void)trib_queue_pop(archive->wakes, part);
            rest -= part;
        }
        pause_ms =
            pause_ms * 2 < CLOUD_ARCHIVE_MOST_PAUSE_MS ? pause_ms * 2 : CLOUD_ARCHIVE_MOST_PAUSE_MS;
    }
    return NULL;
}

/* ---- the owner's side ---- */

static void destroy(cloud_archive *archive) {
    if (archive->models != NULL) {
        archive->models->destroy(archive->models);
    }
    cloud_follower_destroy(archive->follower);
    trib_queue_destroy(archive->wakes);
    trib_buffer_deinit(&archive->model);
    trib_buffer_deinit(&archive->card);
    trib_free(archive);
}

static trib_status prepare(cloud_archive *archive) {
    char path[PATH_SIZE + 16];
    const cloud_archive_options *options = &archive->options;
    TRIB_TRY(trib_queue_create(1, drop_token, &archive->wakes));
    (void)snprintf(path, sizeof path, "%s/objects", archive->state);
    TRIB_TRY(cloud_object_files(options->disk, options->crypto, path, &archive->models));
    uint64_t position = find_place(archive);
    bool ours = position <= options->end(options->context); /* else of another ledger */
    atomic_store(&archive->position, ours ? position : 0);
    (void)snprintf(path, sizeof path, "%s/ledger", archive->state);
    TRIB_TRY(cloud_follower_create(options->disk, path, options->ledger_seed,
                                   atomic_load(&archive->position) + 1, &archive->follower));
    return pthread_create(&archive->thread, NULL, run, archive) == 0
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_IO, "no thread for the archive");
}

trib_status cloud_archive_start(const cloud_archive_options *options, cloud_archive **ret_archive) {
    cloud_archive *archive = trib_allocate(1, sizeof *archive);
    if (archive == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for the archive");
    }
    archive->options = *options;
    (void)snprintf(archive->state, sizeof archive->state, "%s", options->state);
    archive->model.ceiling = CLOUD_ARCHIVE_MAX_MODEL;
    archive->card.ceiling = 4096;
    trib_status status = prepare(archive);
    if (!trib_ok(status)) {
        destroy(archive);
        return status;
    }
    *ret_archive = archive;
    return TRIB_SUCCESS;
}

void cloud_archive_wake(cloud_archive *archive) {
    bool pushed = trib_queue_push(archive->wakes, &token);
    (void)pushed; /* one that waits already is enough */
}

cloud_archive_counts cloud_archive_count(const cloud_archive *archive) {
    return (cloud_archive_counts){.models = atomic_load(&archive->put_count),
                                  .missing = atomic_load(&archive->missing),
                                  .position = atomic_load(&archive->position)};
}

void cloud_archive_stop(cloud_archive *archive) {
    if (archive != NULL) {
        atomic_store(&archive->stop, true);
        cloud_archive_wake(archive);
        (void)pthread_join(archive->thread, NULL);
        destroy(archive);
    }
}
