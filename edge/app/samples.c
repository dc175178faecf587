/* From rows to predictions: the source, the stream and the trainer of a federation. */
#include <string.h>

#include "common/log/log.h"
#include "common/wire/wire.h"
#include "edge/app/agent.h"

static void push_room(void *context, const edge_event *event) {
    edge_agent_event *copy = trib_allocate(1, sizeof *copy);
    if (copy != NULL) {
        *copy = (edge_agent_event){.kind = EDGE_AGENT_ROOM, .of.room = *event};
        edge_agent_push(context, copy);
    }
}

static void push_prediction(void *context, const edge_prediction *prediction) {
    edge_agent_event *copy = trib_allocate(1, sizeof *copy);
    if (copy != NULL) {
        *copy = (edge_agent_event){.kind = EDGE_AGENT_PREDICTION, .of.prediction = *prediction};
        edge_agent_push(context, copy);
    }
}

static void push_result(void *context, edge_train_result *result) {
    edge_agent_event *event = trib_allocate(1, sizeof *event);
    if (event == NULL) {
        edge_train_result_destroy(result);
        return;
    }
    *event = (edge_agent_event){.kind = EDGE_AGENT_RESULT, .of.result = result};
    edge_agent_push(context, event);
}

static trib_status skip_recording(void *context, const char *recording, uint64_t rows) {
    return edge_source_skip(context, recording, rows);
}

static trib_status start_source(edge_agent *agent, edge_store *store) {
    const edge_source_plan plan = {.config = &agent->config.source,
                                   .spec = &agent->federation->source,
                                   .batches = agent->batches,
                                   .clock = agent->clock,
                                   .events = {push_room, agent}};
    TRIB_TRY(edge_source_create(&plan, &agent->source));
    return edge_store_positions(store, skip_recording, agent->source);
}

trib_status edge_samples_start(edge_agent *agent) {
    const edge_store_options options = {.folder = agent->config.state,
                                        .spec = &agent->federation->source,
                                        .limit_bytes = (uint64_t)agent->config.store_limit_mb << 20,
                                        .clock = agent->clock,
                                        .events = {push_room, agent}};
    const edge_sense_plan sense = {.federation = agent->federation,
                                   .batches = NULL,
                                   .predictions = {push_prediction, agent},
                                   .events = {push_room, agent}};
    const edge_train_plan train = {.federation = agent->federation,
                                   .gateway = agent->identity.gateway,
                                   .store_folder = agent->config.state,
                                   .kernels = &agent->kernels,
                                   .finished = push_result,
                                   .context = agent};
    edge_store *store = NULL;
    TRIB_TRY(trib_queue_create(EDGE_BATCH_QUEUE, edge_batch_drop, &agent->batches));
    TRIB_TRY(edge_store_open(&options, &store));
    trib_status status = start_source(agent, store);
    if (!trib_ok(status)) {
        edge_store_close(store);
        return status;
    }
    edge_sense_plan with_queue = sense;
    with_queue.batches = agent->batches;
    TRIB_TRY(edge_sense_start(&with_queue, store, &agent->sense));
    TRIB_TRY(edge_train_start(&train, &agent->train));
    agent->finished_ms = 0;
    edge_samples_check_hold(agent);
    edge_releases_load(agent);
    return edge_source_start(agent->source);
}

void edge_samples_stop(edge_agent *agent) {
    edge_train_stop(agent->train);
    edge_source_destroy(agent->source);
    if (agent->sense != NULL) {
        edge_sense_stop(agent->sense, true);
    }
    trib_queue_destroy(agent->batches);
    agent->train = NULL;
    agent->source = NULL;
    agent->sense = NULL;
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
    const edge_config *config = &agent->config;
    agent->predictions++;
    if (!config->predictions_publish ||
        (config->predictions_every > 1 && agent->predictions % config->predictions_every != 0)) {
        return;
    }
    trib_wire_Prediction message = trib_wire_Prediction_init_zero;
    message.release = prediction->release;
    message.time_us = prediction->time_us;
    message.label = prediction->label;
    memcpy(message.label_name, prediction->label_name, sizeof message.label_name);
    message.confidence = prediction->confidence;
    message.error = (float)prediction->error;
    message.anomaly = prediction->anomaly;
    message.clock_unsure = agent->clock_said;
    uint8_t storage[256];
    trib_writer writer = trib_writer_of(storage, sizeof storage);
    if (trib_ok(TRIB_WIRE_ENCODE(Prediction, &message, &writer))) {
        edge_session_tell(agent->session, TRIB_TOPIC_UP_PREDICTION, trib_written(&writer),
                          agent->actions);
    }
}
