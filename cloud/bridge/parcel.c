#include "cloud/bridge/parcel.h"

#include <string.h>

enum {
    POSITION_BITS = 56,
    WAIT_MS = 3600000,
    /* A record tells two events at most, and a body has its own ceiling. */
    MOST_ITEMS_BYTES = (CLOUD_BRIDGE_BATCH + 2) * (int)sizeof(cloud_parcel_item),
    MOST_BODIES_BYTES = CLOUD_BRIDGE_BATCH_BYTES + 2 * CLOUD_EVENT_MOST_BYTES
};

void cloud_parcel_init(cloud_parcel *parcel) {
    *parcel = (cloud_parcel){.items = {.ceiling = MOST_ITEMS_BYTES},
                             .bodies = {.ceiling = MOST_BODIES_BYTES},
                             .claims = {.ceiling = MOST_BODIES_BYTES}};
}

static cloud_parcel_item *item_of(const cloud_parcel *parcel, size_t which) {
    return (cloud_parcel_item *)(void *)parcel->items.data + which;
}

/* Of all events from this one on. */
static void destroy_headers(cloud_parcel *parcel, size_t from) {
    for (size_t i = from; i < parcel->count; i++) {
        cloud_cloudevents_destroy(cloud_parcel_take_headers(parcel, i));
    }
}

void cloud_parcel_deinit(cloud_parcel *parcel) {
    destroy_headers(parcel, 0);
    parcel->count = 0;
    trib_buffer_deinit(&parcel->items);
    trib_buffer_deinit(&parcel->bodies);
    trib_buffer_deinit(&parcel->claims);
}

void cloud_parcel_begin(cloud_parcel *parcel, const uint64_t positions[CLOUD_LOGS]) {
    destroy_headers(parcel, 0);
    trib_buffer_clear(&parcel->items);
    trib_buffer_clear(&parcel->bodies);
    trib_buffer_clear(&parcel->claims);
    parcel->count = 0;
    parcel->read = 0;
    parcel->refused = 0;
    memcpy(parcel->positions, positions, sizeof parcel->positions);
    memset(parcel->passed, 0, sizeof parcel->passed);
}

cloud_bridge_event cloud_parcel_event(const cloud_parcel *parcel, size_t which) {
    const cloud_parcel_item *item = item_of(parcel, which);
    cloud_bridge_event event = item->event;
    event.body = trib_bytes_of(parcel->bodies.data + item->body_at, item->body_size);
    event.claim =
        item->claim_at > 0 ? (const char *)parcel->claims.data + item->claim_at - 1 : NULL;
    return event;
}

trib_status cloud_parcel_claim(cloud_parcel *parcel, size_t which, const char *reference) {
    cloud_parcel_item *item = item_of(parcel, which);
    size_t at = parcel->claims.size;
    TRIB_TRY(trib_buffer_append(&parcel->claims,
                                trib_bytes_of((const uint8_t *)reference, strlen(reference) + 1)));
    item->claim_at = at + 1;
    if (item->headers != NULL) {
        cloud_cloudevents_claim(item->headers, reference);
    }
    return TRIB_SUCCESS;
}

uint64_t cloud_parcel_opaque(const cloud_parcel *parcel, size_t which) {
    return item_of(parcel, which)->opaque;
}

rd_kafka_headers_t *cloud_parcel_take_headers(cloud_parcel *parcel, size_t which) {
    cloud_parcel_item *item = item_of(parcel, which);
    rd_kafka_headers_t *headers = item->headers;
    item->headers = NULL;
    return headers;
}

/* ---- packing ---- */

void cloud_packer_seek(cloud_packer *packer, const uint64_t positions[CLOUD_LOGS]) {
    for (size_t i = 0; i < CLOUD_LOGS; i++) {
        cloud_follower_seek(packer->followers[i], positions[i] + 1);
    }
}

typedef struct packing {
    cloud_packer *packer;
    cloud_parcel *parcel;
    uint64_t opaque; /* of the record's next event: it has two at most */
} packing;

static trib_status pack_event(void *context, const cloud_bridge_event *event) {
    packing *what = context;
    cloud_parcel *parcel = what->parcel;
    const cloud_parcel_item item = {.event = *event,
                                    .body_at = parcel->bodies.size,
                                    .body_size = event->body.size,
                                    .opaque = what->opaque++};
    TRIB_TRY(trib_buffer_append(&parcel->bodies, event->body));
    TRIB_TRY(trib_buffer_append(&parcel->items,
                                trib_bytes_of((const uint8_t *)(const void *)&item, sizeof item)));
    if (!what->packer->options->settings->structured) {
        item_of(parcel, parcel->count)->headers =
            cloud_cloudevents_binary(&what->packer->cloudevents, event);
    }
    parcel->count++;
    return TRIB_SUCCESS;
}

/* TRIB_E_NOT_FOUND: the log has nothing more. */
static trib_status pack_record(cloud_packer *packer, cloud_parcel *parcel, cloud_bridge_log log) {
    const cloud_bridge_source *source = &packer->options->sources[log];
    cloud_record record;
    TRIB_TRY(
        cloud_follower_next(packer->followers[log], source->end(source->context, log), &record));
    packing what = {packer, parcel, (uint64_t)log << POSITION_BITS | record.position * 2};
    size_t count = parcel->count, items = parcel->items.size, bodies = parcel->bodies.size;
    trib_status status = cloud_bridge_tell(log, &record, &packer->body, pack_event, &what);
    /* Of a version that wrote it otherwise, or with a body past its ceiling: told, and left. */
    if (status.code == TRIB_E_CORRUPT || status.code == TRIB_E_LIMIT) {
        packer->refuse(packer->context);
        parcel->refused++;
        status = TRIB_SUCCESS;
    }
    if (!trib_ok(status)) { /* again from here, without what the record has told */
        destroy_headers(parcel, count);
        parcel->count = count;
        parcel->items.size = items;
        parcel->bodies.size = bodies;
        cloud_follower_seek(packer->followers[log], record.position);
        return status;
    }
    parcel->read += record.payload.size;
    if (record.type == 0) {
        parcel->passed[log] += record.gap_end - record.position + 1;
    }
    parcel->positions[log] = record.type == 0 ? record.gap_end : record.position;
    return TRIB_SUCCESS;
}

static bool is_full(const cloud_parcel *parcel, uint64_t most) {
    return parcel->count >= most || parcel->bodies.size >= CLOUD_BRIDGE_BATCH_BYTES ||
           (parcel->count > 0 && parcel->read >= CLOUD_PARCEL_READ_BYTES);
}

trib_status cloud_packer_pack(cloud_packer *packer, cloud_parcel *parcel, uint64_t most) {
    for (size_t i = 0; i < CLOUD_LOGS; i++) {
        trib_status status = TRIB_SUCCESS;
        while (trib_ok(status) && !is_full(parcel, most) && !atomic_load(packer->stop)) {
            status = pack_record(packer, parcel, (cloud_bridge_log)i);
        }
        if (!trib_ok(status) && status.code != TRIB_E_NOT_FOUND) {
            return status;
        }
    }
    return TRIB_SUCCESS;
}

/* ---- meanwhile ---- */

static int end_of_orders;

static void drop_parcel(void *parcel) {
    (void)parcel; /* the bridge's */
}

/* One order is under way at most: there is room. */
static void hand_over(trib_queue *queue, void *order) {
    bool pushed = trib_queue_push(queue, order);
    TRIB_ASSERT(pushed);
}

static void *pack_orders(void *context) {
    cloud_packer *packer = context;
    for (;;) {
        void *order = trib_queue_pop(packer->orders, WAIT_MS);
        if (order == &end_of_orders) {
            return NULL;
        }
        if (order != NULL) {
            trib_ignore(cloud_packer_pack(packer, order, packer->most));
            hand_over(packer->done, order);
        }
    }
}

void cloud_packer_start(cloud_packer *packer, cloud_parcel *parcel, uint64_t most) {
    packer->most = most;
    hand_over(packer->orders, parcel);
}

void cloud_packer_join(cloud_packer *packer) {
    while (trib_queue_pop(packer->done, WAIT_MS) == NULL) {
    }
}

trib_status cloud_packer_init(cloud_packer *packer, const cloud_bridge_options *options) {
    packer->options = options;
    packer->body.ceiling = CLOUD_EVENT_MOST_BYTES;
    cloud_cloudevents_init(&packer->cloudevents, options->id);
    for (size_t i = 0; i < CLOUD_LOGS; i++) {
        const cloud_bridge_source *source = &options->sources[i];
        TRIB_TRY(cloud_follower_create(options->disk, source->folder, source->seed, 1,
                                       &packer->followers[i]));
    }
    TRIB_TRY(trib_queue_create(1, drop_parcel, &packer->orders));
    TRIB_TRY(trib_queue_create(1, drop_parcel, &packer->done));
    packer->runs = pthread_create(&packer->thread, NULL, pack_orders, packer) == 0;
    return packer->runs ? TRIB_SUCCESS : TRIB_FAIL(TRIB_E_IO, "no thread for the bridge");
}

void cloud_packer_deinit(cloud_packer *packer) {
    if (packer->runs) {
        hand_over(packer->orders, &end_of_orders);
        (void)pthread_join(packer->thread, NULL);
    }
    for (size_t i = 0; i < CLOUD_LOGS; i++) {
        cloud_follower_destroy(packer->followers[i]);
    }
    trib_queue_destroy(packer->orders);
    trib_queue_destroy(packer->done);
    trib_buffer_deinit(&packer->body);
}
