/* From rows to predictions: the source, the stream and the trainer of a federation. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/log/log.h"
#include "edge/app/agent.h"
#include "edge/app/prediction.h"

/* Nobody says these again, and the agent would wait for them for ever: a moment's want of memory
 * must not lose one. */
static edge_agent_event *room_for_event(void) {
    enum { TRIES = 50, PAUSE_NS = 20000000 };
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    edge_agent_event *event = trib_allocate(1, sizeof *event);
    for (int i = 0; event == NULL && i < TRIES; i++) {
        event = trib_allocate(1, sizeof *event);
        if (event == NULL) {
            (void)nanosleep(&pause, NULL);
        }
    }
    return event;
}

static void push_room(void *context, const edge_event *event) {
    edge_agent *agent = context;
    edge_agent_event *copy = room_for_event();
    if (copy != NULL) {
        *copy = (edge_agent_event){.kind = EDGE_AGENT_ROOM, .of.room = *event};
        (void)edge_inbox_push(agent->inbox, copy);
    }
}

/* What nobody sends takes no room. */
static void push_prediction(void *context, const edge_prediction *prediction) {
    edge_agent *agent = context;
    if (!edge_prediction_leaves(&agent->config, ++agent->predictions, prediction)) {
        return;
    }
    edge_agent_event *copy = trib_allocate(1, sizeof *copy);
    if (copy != NULL) {
        *copy = (edge_agent_event){.kind = EDGE_AGENT_PREDICTION, .of.prediction = *prediction};
        (void)edge_inbox_push(agent->inbox, copy);
    }
}

static void push_result(void *context, edge_train_result *result) {
    edge_agent *agent = context;
    edge_agent_event *event = room_for_event();
    if (event == NULL) {
        edge_train_result_destroy(result);
        return;
    }
    *event = (edge_agent_event){.kind = EDGE_AGENT_RESULT, .of.result = result};
    (void)edge_inbox_push(agent->inbox, event);
}

static trib_status skip_recording(void *context, const char *recording, uint64_t rows) {
    return edge_source_skip(context, recording, rows);
}

/* A stream that was halted goes on; files are listed anew. */
static trib_status ready_source(edge_agent *agent, edge_store *store) {
    const edge_source_plan plan = {.config = &agent->config.source,
                                   .spec = &agent->federation->source,
                                   .batches = agent->batches,
                                   .clock = agent->clock,
                                   .events = {push_room, agent}};
    if (agent->source != NULL) {
        edge_source_change(agent->source, &agent->federation->source);
        return TRIB_SUCCESS;
    }
    TRIB_TRY(edge_source_create(&plan, &agent->source));
    return edge_store_positions(store, skip_recording, agent->source);
}

/* Of a stream that begins, or that was left half begun. */
static trib_status start_telemetry(edge_agent *agent) {
    if (agent->telemetry == NULL) {
        TRIB_TRY(edge_telemetry_create(agent->federation, agent->lineage.meaning, agent->clock,
                                       &agent->telemetry));
    }
    edge_agent_decide_telemetry(agent);
    return TRIB_SUCCESS;
}

static trib_status start_sense(edge_agent *agent) {
    const edge_store_options options = {.folder = agent->config.state,
                                        .spec = &agent->federation->source,
                                        .limit_bytes = (uint64_t)agent->config.store_limit_mb << 20,
                                        .clock = agent->clock,
                                        .events = {push_room, agent}};
    edge_store *store = NULL;
    agent->reread_ms = 0;
    if (agent->batches == NULL) {
        TRIB_TRY(trib_queue_create(EDGE_BATCH_QUEUE, edge_batch_drop, &agent->batches));
    }
    TRIB_TRY(edge_store_open(&options, &store));
    trib_status status = ready_source(agent, store);
    if (!trib_ok(status)) {
        edge_store_close(store);
        return status;
    }
    status = start_telemetry(agent);
    if (!trib_ok(status)) {
        edge_store_close(store);
        return status;
    }
    const edge_sense_plan plan = {.federation = agent->federation,
                                  .batches = agent->batches,
                                  .predictions = {push_prediction, agent},
                                  .events = {push_room, agent},
                                  .telemetry = agent->telemetry};
    agent->finished_ms = 0;
    return edge_sense_start(&plan, store, &agent->sense);
}

static trib_status start_trainer(edge_agent *agent) {
    const edge_train_plan plan = {.federation = agent->federation,
                                  .gateway = agent->identity.gateway,
                                  .store_folder = agent->config.state,
                                  .kernels = &agent->kernels,
                                  .finished = push_result,
                                  .context = agent};
    return edge_train_start(&plan, &agent->train);
}

static void stop_trainer(edge_agent *agent) {
    edge_train_stop(agent->train);
    agent->train = NULL;
}

static void end_source(edge_agent *agent) {
    if (agent->source != NULL) {
        edge_source_halt(agent->source); /* what it counts stands still */
        edge_source_counts counts = edge_source_counted(agent->source);
        agent->refused_lines += counts.refused;
        agent->source_problems += counts.problems;
        edge_source_destroy(agent->source);
        agent->source = NULL;
    }
}

/* Its rows end here. A stream from outside is only halted: what it has sent, its header among it,
 * comes once. */
static void stop_sense(edge_agent *agent) {
    if (agent->source != NULL && edge_source_comes_once(&agent->config.source)) {
        edge_source_halt(agent->source);
    } else {
        end_source(agent);
    }
    if (agent->sense != NULL) {
        edge_sense_stop(agent->sense, true);
        agent->sense = NULL;
    }
    agent->telemetry_left_out += edge_telemetry_left_out(agent->telemetry);
    edge_telemetry_destroy(agent->telemetry);
    agent->telemetry = NULL;
}

static trib_status start_all(edge_agent *agent, bool stream) {
    if (stream) {
        TRIB_TRY(start_sense(agent));
    }
    if (agent->train == NULL) {
        TRIB_TRY(start_trainer(agent));
    }
    edge_samples_check_hold(agent);
    if (stream || edge_releases_need_detector(agent->federation)) {
        edge_releases_load(agent);
    }
    return stream ? edge_source_start(agent->source) : TRIB_SUCCESS;
}

trib_status edge_samples_start(edge_agent *agent) {
    bool stream = agent->sense == NULL;
    trib_status status = start_all(agent, stream);
    if (!trib_ok(status) && stream) {
        char why[256];
        (void)snprintf(why, sizeof why, "%s", trib_message());
        stop_trainer(agent);
        stop_sense(agent);
        return TRIB_FAIL(status.code, "%s", why);
    }
    return status;
}

static void start_or_retry(edge_agent *agent) {
    if (trib_ok(edge_samples_start(agent))) {
        trib_log(TRIB_LOG_INFO, "federation document applied", "federation=%s",
                 agent->federation->name);
    } else {
        trib_log(TRIB_LOG_ERROR, "stream not started; tried again", "in_ms=%d why=%s",
                 EDGE_RETRY_MS, trib_message());
        agent->stream_retry_ms = trib_monotonic_ms(agent->clock) + EDGE_RETRY_MS;
    }
}

/* Which files are read, and how far they are trained on, says nothing to a stream from outside. */
static bool same_files(const edge_agent *agent, const trib_source_spec *left,
                       const trib_source_spec *right) {
    return agent->config.source.kind != EDGE_SOURCE_REPLAY ||
           (strcmp(left->files, right->files) == 0 && left->split == right->split &&
            left->split_rows == right->split_rows &&
            !(left->split_fraction < right->split_fraction) &&
            !(left->split_fraction > right->split_fraction));
}

/* Whether rows, windows and judgements are what they were. The meaning leaves out how lines and
 * files are read. */
static bool same_stream(const edge_agent *agent, const trib_federation *next,
                        const trib_lineage *lineage) {
    const trib_source_spec *left = &agent->federation->source, *right = &next->source;
    return memcmp(agent->lineage.meaning, lineage->meaning, sizeof lineage->meaning) == 0 &&
           left->delimiter == right->delimiter &&
           strcmp(left->anomaly_column, right->anomaly_column) == 0 &&
           same_files(agent, left, right);
}

void edge_samples_change(edge_agent *agent, trib_federation *federation_take,
                         const trib_lineage *lineage) {
    bool same = agent->sense != NULL && same_stream(agent, federation_take, lineage);
    stop_trainer(agent); /* it looks at the federation; nothing else does */
    if (!same) {
        stop_sense(agent);
    }
    trib_free(agent->federation);
    agent->federation = federation_take;
    agent->lineage = *lineage;
    if (same) {
        edge_agent_decide_telemetry(agent);
    }
    start_or_retry(agent);
}

bool edge_samples_running(const edge_agent *agent) {
    return agent->sense != NULL && agent->train != NULL;
}

/* The store takes no more exact rows: their source stands still for a while, and then goes on from
 * the positions in the store, opened anew. */
static void reread(edge_agent *agent) {
    uint64_t now = trib_monotonic_ms(agent->clock);
    if (agent->reread_ms == 0) {
        edge_source_halt(agent->source);
        agent->reread_ms = now + EDGE_RETRY_MS;
    }
    if (now < agent->reread_ms) {
        return;
    }
    stop_sense(agent);
    if (trib_ok(edge_samples_start(agent))) {
        trib_log(TRIB_LOG_INFO, "reading again from what is stored", "topic=%s",
                 agent->config.source.kafka.topic);
    } else {
        trib_log(TRIB_LOG_ERROR, "stream not started; tried again", "in_ms=%d why=%s",
                 EDGE_RETRY_MS, trib_message());
        agent->stream_retry_ms = trib_monotonic_ms(agent->clock) + EDGE_RETRY_MS;
    }
}

void edge_samples_retry(edge_agent *agent) {
    if (agent->sense != NULL && edge_sense_counted(agent->sense).halted) {
        reread(agent);
        return;
    }
    if (agent->federation != NULL && !edge_samples_running(agent) &&
        trib_monotonic_ms(agent->clock) >= agent->stream_retry_ms) {
        start_or_retry(agent);
    }
}

void edge_samples_stop(edge_agent *agent) {
    stop_trainer(agent);
    stop_sense(agent);
    end_source(agent);
    trib_queue_destroy(agent->batches);
    agent->batches = NULL;
}

/* Whether every row that the source gives to be stored has reached the store. */
static bool all_stored(edge_agent *agent) {
    edge_source_counts source = edge_source_counted(agent->source);
    edge_sense_counts sense = edge_sense_counted(agent->sense);
    uint64_t now = trib_monotonic_ms(agent->clock);
    if (!source.whole) {
        return false;
    }
    if (agent->finished_ms == 0) {
        agent->finished_ms = now;
    }
    bool here = sense.rows >= source.rows && sense.stored.rows + sense.unstored >= sense.rows;
    return here || now - agent->finished_ms > 10000; /* a store too small for it all */
}

void edge_samples_check_hold(edge_agent *agent) {
    const edge_source_config *config = &agent->config.source;
    bool whole = config->kind == EDGE_SOURCE_REPLAY && config->speed <= 0 &&
                 config->loop != EDGE_LOOP_ALWAYS;
    edge_session_hold(agent->session, whole && (agent->source == NULL || agent->sense == NULL ||
                                                !all_stored(agent)));
}

void edge_samples_prediction(edge_agent *agent, const edge_prediction *prediction) {
    if (!edge_session_ready(agent->session) ||
        !edge_prediction_fits(prediction, edge_agent_backlog(agent), EDGE_LINK_WAITING)) {
        agent->predictions_unsent++;
        return;
    }
    uint8_t storage[EDGE_PREDICTION_BYTES];
    trib_writer writer = trib_writer_of(storage, sizeof storage);
    if (trib_ok(edge_prediction_encode(prediction, agent->clock_said, &writer))) {
        edge_session_tell(agent->session, TRIB_TOPIC_UP_PREDICTION, trib_written(&writer),
                          agent->actions);
    }
}
