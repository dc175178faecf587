/* The cloud's one state and the thread that owns it.
 *
 * Events come in through one queue: what the broker delivered, and what the API asks. A batch of
 * them is handled, records are appended, one fsync makes them durable, and only then does anything
 * leave: receipts, announcements, answers. A failed fsync ends the program; a restart recovers.
 *
 * One file a flow: joins, updates, telemetry, rounds, documents, notices, archiving, bridging,
 * requests; recover starts them all.
 *
 * threads  everything here belongs to the core's thread, but for cloud_core_push
 */
#ifndef CLOUD_APP_CORE_H
#define CLOUD_APP_CORE_H

#include <stdatomic.h>

#include "cloud/app/config.h"
#include "cloud/archive/archive.h"
#include "cloud/bridge/bridge.h"
#include "cloud/ingest/revoked.h"
#include "cloud/ledger/ledger.h"
#include "cloud/object/object_store.h"
#include "cloud/outbox/outbox.h"
#include "cloud/registry/view.h"
#include "cloud/round/live.h"
#include "cloud/secrets/secrets.h"
#include "common/log/log.h"
#include "common/mqtt/mqtt.h"
#include "common/port/clock.h"
#include "common/port/disk.h"

enum {
    CLOUD_MAX_FEDERATIONS = 64,
    CLOUD_QUEUE = 4096,          /* events */
    CLOUD_QUEUE_TELEMETRY = 256, /* of them at most are telemetry, which waits for nobody else */
    CLOUD_BATCH = 256,           /* events that one fsync may serve */
    CLOUD_REPUBLISH_MS = 5000,
    CLOUD_VIEW_RETRY_MS = 1000, /* after a view could not be written */
    CLOUD_OPEN_RETRY_MS = 5000, /* after a round could not be opened: a full disk */
    CLOUD_STRATEGIES =
        8, /* states of a strategy that are kept, should the newest records be lost */
    CLOUD_MAX_PUBLISHED = 8, /* objects of a federation on the broker at once */
    CLOUD_BODY_CEILING = 1 << 20
};

/* A question of the API's, answered by the core. */
typedef struct cloud_request {
    char method[8];
    char path[256]; /* without the query */
    int64_t after;  /* of ?after=, -1 without */
    trib_buffer body;
    unsigned status;
    trib_buffer answer;
    const char *type;     /* of the answer; NULL: application/json */
    trib_queue *answered; /* the asker waits here */
} cloud_request;

typedef enum cloud_event_kind {
    CLOUD_EVENT_MQTT,
    CLOUD_EVENT_REQUEST,
    CLOUD_EVENT_BRIDGE,
    CLOUD_EVENT_ARCHIVE
} cloud_event_kind;
typedef struct cloud_event {
    cloud_event_kind kind;
    trib_mqtt_event *mqtt;
    bool telemetry;         /* counted in telemetry_waiting */
    cloud_request *request; /* not owned */
    cloud_bridge_report report;
    char *text; /* owned: what bridge or archive report */
} cloud_event;

typedef struct cloud_published {
    uint8_t id[16];
    uint32_t chunks;
    bool here;                  /* published on this connection; then the rest is there, too */
    cloud_digest model;         /* whose file it is */
    trib_wire_Object described; /* under the epoch it names */
} cloud_published;

/* What the document in force says of telemetry, made when the first message of it comes. */
typedef struct cloud_telemetry {
    uint64_t revision; /* of that document; 0: not made yet */
    uint8_t meaning[TRIB_HASH_BYTES];
    trib_buffer features, rows; /* JSON: names of the columns, and of the classes */
} cloud_telemetry;

/* A federation and what of it is due on the broker. */
typedef struct cloud_member {
    cloud_live *live;
    bool federation_due, round_due, release_due;
    uint64_t mark;     /* notices wait until the broker has answered up to here */
    uint64_t not_sent; /* publications that had failed when the first of those went out */
    uint64_t retry_ms; /* the objects of a notice could not be published: again then; 0: no */
    cloud_published published[CLOUD_MAX_PUBLISHED];
    size_t published_count;
    cloud_telemetry telemetry;
    bool damaged;              /* its open round lies across a gap, or across what was lost */
    bool recount_due;          /* somebody joined while a round is open */
    trib_round_action pending; /* what a record asked for while it was applied */
    bool closed;               /* since cloud_prune looked last */
    uint64_t open_ms;          /* a round could not be opened: again then; 0: no */
} cloud_member;

/* A receipt that waits for the fsync. */
typedef struct cloud_reply {
    cloud_live *live;
    cloud_gateway *gateway;
    trib_wire_Receipt receipt;
} cloud_reply;

typedef struct cloud_counts {
    uint64_t joins, joins_refused, accepted, duplicates, late, refused, replayed, garbage, dropped,
        predictions, telemetry, telemetry_refused;
} cloud_counts;

typedef struct cloud_core {
    cloud_config config;
    const trib_crypto *crypto;
    const trib_clock *clock;
    trib_disk *disk;
    cloud_secrets secrets;
    trib_buffer authorities;
    uint32_t incarnation;
    uint64_t boot;
    cloud_ledger *ledger;
    cloud_registry *registry;
    cloud_object_store *objects;
    cloud_member members[CLOUD_MAX_FEDERATIONS];
    size_t member_count;
    trib_queue *queue;
    atomic_uint telemetry_waiting; /* in the queue */
    atomic_uint_least64_t telemetry_dropped;
    trib_mqtt *mqtt;
    cloud_reply replies[CLOUD_BATCH];
    size_t reply_count;
    cloud_view view;        /* what the registry has not taken yet */
    uint64_t view_retry_ms; /* it could not be written: again then; 0: no */
    cloud_revoked revoked;  /* in whatever federation, of now or later */
    trib_buffer scratch;    /* for encoding */
    trib_buffer frame;
    trib_buffer payload;
    cloud_counts counts;
    uint64_t signatures;
    uint64_t gaps, gap_records; /* of the ledger, as far as the start had to read it */
    uint64_t recovered_from; /* the view's position at the start: records up to it are not applied
                                again, but for updates */
    bool restoring; /* from the view: a document begins the state, whatever lineage it went on with
                     */
    bool failed;    /* state and ledger have parted: nothing leaves any more; a restart recovers */
    volatile bool stop;
    cloud_outbox *outbox; /* NULL: nothing is bridged */
    cloud_bridge *bridge;
    cloud_archive *archive;        /* NULL: models stay here alone */
    uint64_t outbox_due_ms;        /* what it took last becomes durable then; 0: nothing waits */
    uint64_t outbox_told_ms;       /* of what it drops nothing is said before */
    uint64_t outbox_dropped;       /* said already */
    uint64_t bridge_woken;         /* for the ledger's records up to here */
    atomic_uint_least64_t bridged; /* Kafka has the ledger's records up to here */
    /* Of the outbox's logs: up to where Kafka and the bucket have them. UINT64_MAX: it gets none.
     */
    atomic_uint_least64_t outbox_bridged[CLOUD_OUTBOX_CLASSES];
    atomic_uint_least64_t outbox_archived[CLOUD_OUTBOX_CLASSES];
    atomic_uint_least64_t outbox_missed[CLOUD_OUTBOX_CLASSES]; /* gone before Kafka had them */
    uint64_t archive_woken, trim_due_ms; /* for segments to remove is looked then */
    char bridge_trouble[400], archive_trouble[400];
} cloud_core;

/* ---- recover.c: from the state folder to a running core; keys are made if there are none ---- */
TRIB_MUST_CHECK trib_status cloud_core_create(const cloud_config *config, bool rebuild,
                                              cloud_core **ret_core);
void cloud_core_destroy(cloud_core *core);

/* ---- loop.c ---- */
/* Runs until stopped; TRIB_E_IO when the ledger failed, TRIB_E_STATE when the core has. It begins,
 * then takes step after step; a simulation does so itself. */
TRIB_MUST_CHECK trib_status cloud_core_run(cloud_core *core);
TRIB_MUST_CHECK trib_status cloud_core_begin(cloud_core *core);
/* What waits in the queue, or comes to it within most_ms, and what is due. Errors as above. */
TRIB_MUST_CHECK trib_status cloud_core_step(cloud_core *core, uint64_t most_ms);
/* When the next step is due though nothing comes. */
uint64_t cloud_core_wait_ms(const cloud_core *core);
/* From any thread; false when the queue, or telemetry's share of it, is full. The event is then
 * still the caller's. */
TRIB_MUST_CHECK bool cloud_core_push(cloud_core *core, cloud_event *event);
void cloud_event_destroy(cloud_event *event);

/* ---- records.c: append a record, and what every flow does with its encoding ---- */
TRIB_MUST_CHECK trib_status cloud_append(cloud_core *core, uint32_t type, const void *fields,
                                         const void *message, uint64_t *ret_position);
/* Notes an appended update for the view: who, and of which round. */
TRIB_MUST_CHECK trib_status cloud_keep_update(cloud_core *core, const cloud_record_Update *record,
                                              uint64_t round, uint64_t position);
/* Applies a record to the state; what recovery and the running core share. */
TRIB_MUST_CHECK trib_status cloud_apply(cloud_core *core, const cloud_record *record);
TRIB_MUST_CHECK trib_status cloud_apply_update(cloud_core *core, const cloud_record *record);
/* A gap in the ledger, noted once and applied to rounds that were open across it. */
void cloud_note_gap(cloud_core *core, const cloud_record *record);
void cloud_apply_gap(cloud_core *core, const cloud_record *record);
cloud_member *cloud_find(cloud_core *core, const char *federation);
/* Durable from here on: one fsync, then the view, then replies. TRIB_E_STATE, and none of it, once
 * the core has failed. */
TRIB_MUST_CHECK trib_status cloud_settle(cloud_core *core);
/* State and ledger have parted: what follows would tell what no record says. Passes `status` on. */
TRIB_MUST_CHECK trib_status cloud_fail(cloud_core *core, trib_status status);

/* ---- joins.c ---- */
void cloud_handle_join(cloud_core *core, cloud_member *member, const char *gateway,
                       trib_bytes payload);
void cloud_send_welcome(cloud_core *core, cloud_member *member, cloud_gateway *gateway);
TRIB_MUST_CHECK trib_status cloud_ensure_keys(cloud_core *core, cloud_live *live,
                                              cloud_gateway *gateway);
TRIB_MUST_CHECK trib_status cloud_revoke(cloud_core *core, const char *gateway, bool discard);

/* ---- updates.c ---- */
void cloud_handle_update(cloud_core *core, cloud_member *member, cloud_gateway *gateway,
                         const char *topic, trib_bytes frame);
void cloud_handle_prediction(cloud_core *core, cloud_member *member, cloud_gateway *gateway,
                             const char *topic, trib_bytes frame);
void cloud_send_receipt(cloud_core *core, const cloud_reply *reply);
/* Opens a frame of an up topic into core->frame; counts and says what cannot be opened. */
TRIB_MUST_CHECK bool cloud_open_frame(cloud_core *core, cloud_member *member,
                                      cloud_gateway *gateway, trib_channel *channel,
                                      const char *topic, trib_bytes frame);

/* ---- telemetry.c ---- */
void cloud_handle_telemetry(cloud_core *core, cloud_member *member, cloud_gateway *gateway,
                            const char *topic, trib_bytes frame);
void cloud_telemetry_deinit(cloud_telemetry *telemetry);

/* ---- rounds.c ---- */
/* Opens the next round where one is wanted and enough gateways have joined. */
void cloud_consider_round(cloud_core *core, cloud_member *member);
void cloud_take_action(cloud_core *core, cloud_member *member, trib_round_action action,
                       const char *reason);
void cloud_tick(cloud_core *core);
/* Before what changes who or what is counted: rounds that are complete close as they are. */
TRIB_MUST_CHECK trib_status cloud_complete_rounds(cloud_core *core);
/* Takes away what rounds that closed have superseded; after their records are durable. */
void cloud_prune(cloud_core *core);
uint64_t cloud_tick_wait_ms(const cloud_core *core);
/* Ends the open round without a model, and tells whoever was counted. */
TRIB_MUST_CHECK trib_status cloud_abandon_round(cloud_core *core, cloud_member *member,
                                                const char *reason);
/* `ordinal`: rounds of training behind the model. */
TRIB_MUST_CHECK trib_status cloud_release_model(cloud_core *core, cloud_member *member,
                                                const cloud_digest *model, uint32_t ordinal);

/* While recovering: a release that its round's close was to bring, and that a crash between the two
 * records has prevented. */
TRIB_MUST_CHECK trib_status cloud_mend_release(cloud_core *core, cloud_member *member);

/* ---- documents.c ---- */
typedef struct cloud_applied {
    char federation[TRIB_NAME_SIZE];
    uint64_t revision;
    bool new_lineage;
    bool waits; /* until the open round has ended */
} cloud_applied;
/* `name` is the text's, for messages. */
TRIB_MUST_CHECK trib_status cloud_apply_document(cloud_core *core, const char *name,
                                                 trib_bytes text, cloud_applied *ret_applied);
/* Puts a document that waits in force, if no round is open. False if it could not: no round may
 * open then. */
bool cloud_promote_document(cloud_core *core, cloud_member *member);

/* ---- notices.c ---- */
/* Publishes what is due and may go out now. */
void cloud_publish_due(cloud_core *core);
void cloud_all_due(cloud_core *core); /* after connecting */

/* ---- archiving.c ---- */
TRIB_MUST_CHECK trib_status cloud_archiving_start(cloud_core *core);
void cloud_archiving_close(cloud_core *core);
void cloud_archiving_report(cloud_core *core, const char *trouble);
void cloud_archiving_settle(cloud_core *core);
/* Into the ledger's folder: its records from `from` on that were trimmed. It must be opened anew.
 */
TRIB_MUST_CHECK trib_status cloud_archiving_bring_back(cloud_core *core, uint64_t from);

/* ---- bridging.c ---- */
/* From any thread: the last durable position of a log; and what both Kafka and the bucket have, or
 * need not have, leaves the outbox. */
uint64_t cloud_log_end(const void *core, cloud_bridge_log log);
void cloud_outbox_release(cloud_core *core, cloud_bridge_log log);
/* Where a log of the outbox lies. */
void cloud_outbox_folder(const cloud_core *core, cloud_bridge_log log, char *ret_path, size_t size);
/* From any thread. A full queue loses a word about trouble, which comes again. */
void cloud_push_report(cloud_core *core, const cloud_event *what, const char *text);
TRIB_MUST_CHECK trib_status cloud_bridging_open(cloud_core *core); /* the outbox, at the start */
TRIB_MUST_CHECK trib_status cloud_bridging_start(cloud_core *core);
void cloud_bridging_close(cloud_core *core);
void cloud_bridging_report(cloud_core *core, const cloud_event *event);
/* `message`: the prediction as it came out of its frame. */
void cloud_bridge_prediction(cloud_core *core, const cloud_member *member,
                             const cloud_gateway *gateway, trib_bytes message, bool anomaly);
/* A window's features, or the rows of a message; the record is to be complete. */
void cloud_bridge_telemetry(cloud_core *core, const cloud_record_Telemetry *record);
/* What waits becomes durable when it is due, and the bridge hears of it. */
void cloud_bridging_settle(cloud_core *core);
uint64_t cloud_bridging_wait_ms(const cloud_core *core);

/* ---- metrics.c ---- */
/* Appends what Prometheus reads. */
TRIB_MUST_CHECK trib_status cloud_print_metrics(cloud_core *core, trib_buffer *text);

/* ---- requests.c ---- */
void cloud_handle_request(cloud_core *core, cloud_request *request);

#endif
