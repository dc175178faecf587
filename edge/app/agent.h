/* The agent: its rooms, the queue that joins them, and one file a flow.
 *
 * One thread owns this; the stream, the trainer, the source and Paho have threads of their own and
 * only push into the queue. Session actions are carried out in their order: what must be stored is
 * stored before what depends on it is sent.
 *
 * errors   creating: what is wrong with config, keys or state, named; nothing is started then
 * threads  one, but for the events
 */
#ifndef EDGE_APP_AGENT_H
#define EDGE_APP_AGENT_H

#include "common/crypto/identity.h"
#include "common/port/clock.h"
#include "common/port/disk.h"
#include "edge/app/inbox.h"
#include "edge/config/edge_config.h"
#include "edge/model/slots.h"
#include "edge/outbox/outbox.h"
#include "edge/sense/sense.h"
#include "edge/session/session.h"
#include "edge/source/source.h"

enum {
    EDGE_BATCH_QUEUE = 64,
    EDGE_LINK_WINDOW = 16,   /* publications in flight, and one more of telemetry */
    EDGE_LINK_WAITING = 256, /* publications that may wait for the window */
    EDGE_RETRY_MS = 5000
};

/* What is counted since the start: forged, stale, replayed, garbage, refused objects; predictions
 * and other events that were left out; lines that the source refused, and its problems; rows and
 * windows that were left out of telemetry. */
enum { EDGE_REPORT_NUMBERS = 10 };
typedef struct edge_report {
    uint64_t numbers[EDGE_REPORT_NUMBERS];
} edge_report;

typedef struct edge_agent {
    edge_config config;
    const trib_crypto *crypto;
    const trib_clock *clock;
    trib_disk *disk;
    trib_kernels kernels;
    /* who it is */
    trib_buffer chain;
    trib_key_pair signing, agreement;
    trib_trusted trusted;
    trib_identity certificate;
    edge_identity identity;
    /* rooms */
    edge_outbox *outbox;
    edge_session *session;
    edge_newest newest;
    edge_slots slots;
    edge_inbox *inbox;
    trib_mqtt *mqtt;
    edge_actions *actions;
    /* the stream; all NULL until the federation's document is known, and while it does not start */
    trib_federation *federation; /* the newest; the trainer looks at it */
    trib_lineage lineage;        /* of it */
    trib_queue *batches;
    edge_source *source; /* may be there, halted, without the others */
    edge_sense *sense;
    edge_telemetry *telemetry; /* lives as long as the stream */
    edge_train *train;
    uint64_t stream_retry_ms; /* what of it is not there is tried again */
    uint64_t reread_ms;       /* the source goes on from what is stored then; 0: no need */
    uint64_t refused_lines;   /* of sources that are gone */
    uint64_t source_problems; /* likewise */
    uint64_t finished_ms;     /* when the source had nothing more to store; 0: not yet */
    /* the round that is being trained for */
    edge_round_task task;
    uint64_t retry_ms;                  /* 0: none */
    uint64_t install_retry_ms;          /* likewise */
    uint64_t load_retry_ms;             /* likewise: of the active model */
    uint32_t round_jobs, detector_jobs; /* that the trainer has not given a result for */
    uint64_t predictions;               /* the stream thread's */
    uint64_t predictions_unsent;        /* nobody to tell, or a link that has enough to do */
    /* the update that is being sent */
    uint64_t send_retry_ms; /* it could not be read from the outbox; 0: it could */
    bool handed_out;        /* chunks, that are still to be published */
    bool sending;           /* they are published, up to this mark of the link's */
    uint64_t sent_mark;
    /* telemetry: one message at a time */
    trib_telemetry_level telemetry_asked, telemetry_leaves; /* as said last */
    bool telemetry_under_way; /* until this mark of the link's is reached */
    uint64_t telemetry_mark;
    uint64_t telemetry_left_out; /* of streams that are gone */
    edge_report reported;
    uint64_t reported_ms;
    bool clock_said;
    bool expiry_said;
    bool unpersisted; /* the session's state could not be stored: try again before sending */
    volatile bool stop;
} edge_agent;

TRIB_MUST_CHECK trib_status edge_agent_create(const edge_config *config,
                                              const trib_kernels *kernels, edge_agent **ret_agent);
void edge_agent_destroy(edge_agent *agent);
/* Runs until stopped: carries out what starting has led to, then takes step after step; a
 * simulation does so itself. */
void edge_agent_run(edge_agent *agent);
/* One event, if one waits or comes within most_ms, and what is due. */
void edge_agent_step(edge_agent *agent, uint64_t most_ms);
/* When the next step is due though nothing comes. */
uint64_t edge_agent_wait_ms(const edge_agent *agent);

/* ---- samples.c ---- */
/* Starts what is not there of the federation's stream and trainer. On failure the stream is as it
 * was: not started. */
TRIB_MUST_CHECK trib_status edge_samples_start(edge_agent *agent);
/* Goes on under another document: the stream is not touched where its rows, windows and judgements
 * stay what they are. What cannot be started is tried again. */
void edge_samples_change(edge_agent *agent, trib_federation *federation_take,
                         const trib_lineage *lineage);
/* Tries again what could not be started, and has rows read again that could not be stored. */
void edge_samples_retry(edge_agent *agent);
/* Whether there are a stream and a trainer to give models and rounds to. */
bool edge_samples_running(const edge_agent *agent);
void edge_samples_stop(edge_agent *agent);
void edge_samples_prediction(edge_agent *agent, const edge_prediction *prediction);
/* A recording that is replayed as fast as it goes is read whole before the gateway joins; one that
 * goes on as a live stream, once. */
void edge_samples_check_hold(edge_agent *agent);

/* ---- rounds.c ---- */
void edge_rounds_document(edge_agent *agent, trib_bytes document);
void edge_rounds_train(edge_agent *agent, const edge_action *action);
void edge_rounds_retry(edge_agent *agent);

/* ---- updates.c ---- */
void edge_updates_result(edge_agent *agent, edge_train_result *result);
void edge_updates_send(edge_agent *agent);
void edge_updates_retry(edge_agent *agent);
/* Goes on with an update once the broker has answered what was sent of it. */
void edge_updates_go_on(edge_agent *agent);

/* ---- releases.c ---- */
/* Whether models need a threshold or centre from this gateway's own rows before they raise alarms.
 */
bool edge_releases_need_detector(const trib_federation *federation);
/* Frees the action's file as soon as it is written and read. */
void edge_releases_install(edge_agent *agent, edge_action *action);
void edge_releases_retry(edge_agent *agent);
/* The session asks for the installed file again. */
void edge_releases_supply(edge_agent *agent);
void edge_releases_load(edge_agent *agent);
void edge_releases_detector(edge_agent *agent, edge_train_result *result);

/* ---- telemetry.c ---- */
/* What leaves under the document in force and the config; said where it is less than asked for. */
void edge_agent_decide_telemetry(edge_agent *agent);
/* One message, if the link has nothing better to do. */
void edge_agent_send_telemetry(edge_agent *agent);
/* What waits for the link's answer, but for telemetry: that must not cost others their place. */
size_t edge_agent_backlog(const edge_agent *agent);

/* ---- report.c ---- */
void edge_report_counts(edge_agent *agent, bool at_end);

/* ---- agent.c ---- */
void edge_carry_out(edge_agent *agent);

#endif
