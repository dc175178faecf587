/* Released models: verified, written to the spare slot, switched to, and given to the stream. */
#include "common/log/log.h"
#include "edge/app/agent.h"

bool edge_releases_need_detector(const trib_federation *federation) {
    return federation->task == TRIB_TASK_RECONSTRUCT || federation->task == TRIB_TASK_HOTELLING_T2;
}

/* It may pass, and nobody else asks for the active model anew. */
static void load_later(edge_agent *agent) {
    agent->load_retry_ms = trib_monotonic_ms(agent->clock) + EDGE_RETRY_MS;
}

static void give_to_stream(edge_agent *agent, trib_model *model, uint64_t release) {
    trib_status status = TRIB_SUCCESS;
    agent->load_retry_ms = 0;
    if (edge_releases_need_detector(agent->federation)) {
        edge_train_job job = {
            .kind = EDGE_TRAIN_DETECTOR, .round = release, .last_row = UINT64_MAX, .base = model};
        status = edge_train_offer(agent->train, &job);
        agent->detector_jobs += trib_ok(status);
    } else {
        status =
            edge_sense_offer_model(agent->sense, model, (edge_detector){.threshold = 0}, release);
    }
    if (!trib_ok(status)) {
        trib_log(TRIB_LOG_WARN, "model not given to the stream", "release=%llu why=%s",
                 (unsigned long long)release, trib_message());
        if (status.code == TRIB_E_RETRY) {
            load_later(agent);
        }
    }
}

void edge_releases_install(edge_agent *agent, edge_action *action) {
    trib_model *model = NULL;
    edge_slot active;
    uint64_t release = action->number;
    trib_bytes file = trib_bytes_of(action->bytes, action->size);
    trib_status status = TRIB_FAIL(TRIB_E_RETRY, "no stream runs");
    if (edge_samples_running(agent)) {
        edge_sense_forget_waiting(agent->sense);
        status = edge_slots_install(&agent->slots, &agent->lineage, release, file, &model);
    }
    if (!trib_ok(status)) {
        trib_log(TRIB_LOG_ERROR, "model refused", "release=%llu why=%s",
                 (unsigned long long)release, trib_message());
        if (status.code == TRIB_E_IO || status.code == TRIB_E_RETRY) { /* it may pass */
            agent->install_retry_ms = trib_monotonic_ms(agent->clock) + EDGE_RETRY_MS;
        }
        return;
    }
    trib_log(TRIB_LOG_INFO, "model installed", "release=%llu round=%u", (unsigned long long)release,
             model->round);
    if (trib_ok(edge_outbox_load_slot(agent->outbox, &active))) {
        edge_session_installed(agent->session, active.release, active.digest);
    }
    trib_free(action->owned); /* the stream is about to lay the model out anew */
    action->owned = NULL;
    give_to_stream(agent, model, release);
}

void edge_releases_retry(edge_agent *agent) {
    uint64_t now_ms = trib_monotonic_ms(agent->clock);
    if (!edge_samples_running(agent)) {
        return; /* nothing could be done with what is fetched: the times stay set */
    }
    if (agent->install_retry_ms != 0 && now_ms >= agent->install_retry_ms) {
        agent->install_retry_ms = 0;
        edge_session_not_installed(agent->session, agent->actions);
    }
    if (agent->load_retry_ms != 0 && now_ms >= agent->load_retry_ms) {
        agent->load_retry_ms = 0;
        edge_releases_load(agent);
    }
}

void edge_releases_supply(edge_agent *agent) {
    edge_slot active;
    trib_buffer file = {.ceiling = TRIB_OBJECT_MAX_BYTES};
    trib_status status = edge_slots_read(&agent->slots, &file, &active);
    if (!trib_ok(status)) {
        trib_log(TRIB_LOG_WARN, "installed model not readable; fetching it", "why=%s",
                 trib_message());
        trib_buffer_deinit(&file);
    }
    edge_session_supply(agent->session, file.data, file.size, agent->actions);
}

void edge_releases_load(edge_agent *agent) {
    trib_model *model = NULL;
    uint64_t release = 0;
    trib_status status =
        edge_slots_load(&agent->slots, agent->federation, &agent->lineage, &release, &model);
    if (trib_ok(status)) {
        give_to_stream(agent, model, release);
    } else if (status.code != TRIB_E_NOT_FOUND) {
        trib_log(TRIB_LOG_WARN, "no model to start with", "why=%s", trib_message());
        if (status.code == TRIB_E_RETRY) {
            load_later(agent);
        }
    }
}

void edge_releases_detector(edge_agent *agent, edge_train_result *result) {
    if (result->code == TRIB_E_RETRY) {
        /* Of a trainer that was stopped: the next one has been asked already. Or the store was
         * busy, and nobody asks. */
        if (agent->detector_jobs == 0) {
            load_later(agent);
        }
        return;
    }
    if (result->code != TRIB_OK) {
        trib_log(TRIB_LOG_WARN, "no threshold yet", "release=%llu why=%s",
                 (unsigned long long)result->round, result->message);
    }
    if (agent->sense == NULL || result->model == NULL) {
        return;
    }
    if (!trib_ok(edge_slots_check(&agent->lineage, result->model))) {
        trib_log(TRIB_LOG_DEBUG, "detector dropped", "release=%llu why=%s",
                 (unsigned long long)result->round, trib_message());
        return; /* it was finished under the document before */
    }
    trib_model *model = result->model;
    edge_detector detector = result->detector;
    result->model = NULL;
    result->detector = (edge_detector){.threshold = 0};
    if (!trib_ok(edge_sense_offer_model(agent->sense, model, detector, result->round))) {
        trib_log(TRIB_LOG_WARN, "model not given to the stream", "release=%llu why=%s",
                 (unsigned long long)result->round, trib_message());
    }
}
