/* Released models: verified, written to the spare slot, switched to, and given to the stream. */
#include "common/log/log.h"
#include "edge/app/agent.h"

/* Tasks that raise alarms need a threshold or centre from this gateway's own rows first. */
static bool needs_detector(const trib_federation *federation) {
    return federation->task == TRIB_TASK_RECONSTRUCT || federation->task == TRIB_TASK_HOTELLING_T2;
}

static void give_to_stream(edge_agent *agent, trib_model *model, uint64_t release) {
    trib_status status = TRIB_SUCCESS;
    if (needs_detector(agent->federation)) {
        edge_train_job job = {
            .kind = EDGE_TRAIN_DETECTOR, .round = release, .last_row = UINT64_MAX, .base = model};
        status = edge_train_offer(agent->train, &job);
    } else {
        status =
            edge_sense_offer_model(agent->sense, model, (edge_detector){.threshold = 0}, release);
    }
    if (!trib_ok(status)) {
        trib_log(TRIB_LOG_WARN, "model not given to the stream", "release=%llu why=%s",
                 (unsigned long long)release, trib_message());
    }
}

void edge_releases_install(edge_agent *agent, uint64_t release, trib_bytes file) {
    trib_model *model = NULL;
    if (agent->federation == NULL || agent->sense == NULL) {
        trib_log(TRIB_LOG_WARN, "model not installed", "release=%llu why=%s",
                 (unsigned long long)release, "no stream runs");
        return;
    }
    if (!trib_ok(edge_slots_install(&agent->slots, agent->federation, release, file, &model))) {
        trib_log(TRIB_LOG_ERROR, "model refused", "release=%llu why=%s",
                 (unsigned long long)release, trib_message());
        return;
    }
    trib_log(TRIB_LOG_INFO, "model installed", "release=%llu round=%u", (unsigned long long)release,
             model->round);
    give_to_stream(agent, model, release);
}

void edge_releases_load(edge_agent *agent) {
    trib_model *model = NULL;
    uint64_t release = 0;
    trib_status status = edge_slots_load(&agent->slots, agent->federation, &release, &model);
    if (trib_ok(status)) {
        give_to_stream(agent, model, release);
    } else if (status.code != TRIB_E_NOT_FOUND) {
        trib_log(TRIB_LOG_WARN, "no model to start with", "why=%s", trib_message());
    }
}

void edge_releases_detector(edge_agent *agent, edge_train_result *result) {
    if (result->code != TRIB_OK) {
        trib_log(TRIB_LOG_WARN, "no threshold yet", "release=%llu why=%s",
                 (unsigned long long)result->round, result->message);
    }
    if (agent->sense == NULL || result->model == NULL) {
        return;
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
