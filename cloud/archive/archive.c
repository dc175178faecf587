#include "cloud/archive/archive.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "cloud/archive/models.h"
#include "cloud/archive/numbers.h"
#include "cloud/archive/segments.h"
#include "cloud/ledger/follower.h"
#include "common/port/posix/queue.h"
#include "common/wire/wire.h"

enum { IDLE_MS = 1000, FIRST_PAUSE_MS = 500, PATH_SIZE = 4096 };

/* Files of the state folder, with a number each. One that is lost has everything put once more,
 * under the same names. */
static const char position_file[] = "archive.position"; /* up to it models are in the bucket */
static const char segment_file[] = "archive.ledger";    /* before it the ledger is */

struct cloud_archive {
    cloud_archive_options options;
    char state[PATH_SIZE];
    pthread_t thread;
    trib_queue *wakes; /* tokens */
    atomic_bool stop;

    /* The thread's own. */
    cloud_models models;
    cloud_follower *follower;
    cloud_batches *batches; /* NULL: none */
    bool troubled;
    uint64_t list_due_ms; /* for closed segments is looked then */

    /* For whoever counts. */
    atomic_uint_least64_t put_count, missing, position, segments, segment;
};

static int token;

static void drop_token(void *item) {
    (void)item;
}

/* ---- the ledger ---- */

static trib_status take_record(cloud_archive *archive, const cloud_record *record) {
    cloud_record_RoundClosed message = cloud_record_RoundClosed_init_zero;
    bool missing = false;
    if (record->type != (uint32_t)cloud_record_Type_TYPE_ROUND_CLOSED ||
        !trib_ok(trib_wire_decode(cloud_record_RoundClosed_fields, record->payload, &message)) ||
        message.served_digest.size != TRIB_HASH_BYTES) {
        return TRIB_SUCCESS;
    }
    TRIB_TRY(cloud_models_put(&archive->models, &message, &missing));
    atomic_fetch_add(missing ? &archive->missing : &archive->put_count, 1);
    return TRIB_SUCCESS;
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
        trib_status kept =
            cloud_number_keep(archive->options.place.disk, archive->state, position_file, at);
        status = trib_ok(kept) ? status : kept;
    }
    atomic_store(&archive->position, at);
    return status.code == TRIB_E_NOT_FOUND && at >= end ? TRIB_SUCCESS : status;
}

/* Each segment once all that its records speak of is in the bucket, so that a cloud can go on from
 * the end of any. */
static trib_status put_segments(cloud_archive *archive) {
    char folder[PATH_SIZE + 16];
    TRIB_SCOPED(trib_free_scoped) uint64_t *firsts = NULL;
    size_t count = 0;
    const cloud_place *place = &archive->options.place;
    uint64_t now_ms = trib_monotonic_ms(archive->options.clock);
    if (!archive->options.ledger || now_ms < archive->list_due_ms) {
        return TRIB_SUCCESS;
    }
    (void)snprintf(folder, sizeof folder, "%s/ledger", archive->state);
    TRIB_TRY(cloud_ledger_list(place->disk, folder, &firsts, &count));
    for (size_t i = 0; i + 1 < count && !atomic_load(&archive->stop); i++) {
        uint64_t next = firsts[i + 1];
        if (next <= atomic_load(&archive->segment)) {
            continue;
        }
        if (next > atomic_load(&archive->position) + 1) {
            break;
        }
        TRIB_TRY(cloud_segment_put(place, folder, firsts[i], next));
        TRIB_TRY(cloud_number_keep(place->disk, archive->state, segment_file, next));
        atomic_store(&archive->segment, next);
        atomic_fetch_add(&archive->segments, 1);
    }
    archive->list_due_ms = now_ms + IDLE_MS;
    return TRIB_SUCCESS;
}

static void *run(void *context) {
    cloud_archive *archive = context;
    uint64_t pause_ms = FIRST_PAUSE_MS;
    while (!atomic_load(&archive->stop)) {
        trib_status status = catch_up(archive);
        if (trib_ok(status)) {
            status = put_segments(archive);
        }
        if (trib_ok(status) && archive->batches != NULL) {
            status = cloud_batches_step(archive->batches);
        }
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
    cloud_models_deinit(&archive->models);
    cloud_follower_destroy(archive->follower);
    cloud_batches_destroy(archive->batches);
    trib_queue_destroy(archive->wakes);
    trib_free(archive);
}

static trib_status prepare(cloud_archive *archive) {
    char path[PATH_SIZE + 16];
    const cloud_archive_options *options = &archive->options;
    TRIB_TRY(trib_queue_create(1, drop_token, &archive->wakes));
    (void)snprintf(path, sizeof path, "%s/objects", archive->state);
    TRIB_TRY(cloud_object_files(options->place.disk, options->place.crypto, path,
                                &archive->models.store));
    uint64_t end = options->end(options->context);
    uint64_t position = 0, segment = 0; /* what cannot be read is nothing: all is put once more */
    trib_ignore(cloud_number_find(options->place.disk, archive->state, position_file, &position));
    trib_ignore(cloud_number_find(options->place.disk, archive->state, segment_file, &segment));
    atomic_store(&archive->position, position <= end ? position : 0); /* else of another ledger */
    atomic_store(&archive->segment, segment <= end + 1 ? segment : 0);
    (void)snprintf(path, sizeof path, "%s/ledger", archive->state);
    TRIB_TRY(cloud_follower_create(options->place.disk, path, options->ledger_seed,
                                   atomic_load(&archive->position) + 1, &archive->follower));
    if (options->batches != NULL) {
        cloud_batches_options batches = *options->batches;
        batches.place = &archive->options.place;
        batches.state = archive->state;
        TRIB_TRY(cloud_batches_create(&batches, &archive->batches));
    }
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
    archive->models = (cloud_models){.place = &archive->options.place,
                                     .file = {.ceiling = CLOUD_ARCHIVE_MAX_MODEL},
                                     .card = {.ceiling = 4096}};
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
    const cloud_batches *batches = archive->batches;
    return (cloud_archive_counts){.models = atomic_load(&archive->put_count),
                                  .missing = atomic_load(&archive->missing),
                                  .segments = atomic_load(&archive->segments),
                                  .segment = atomic_load(&archive->segment),
                                  .batches = batches != NULL ? cloud_batches_put(batches) : 0,
                                  .missed = batches != NULL ? cloud_batches_missed(batches) : 0,
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
