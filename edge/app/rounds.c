/* Documents and rounds: what the federation asks of this gateway. */
#include <string.h>

#include "common/log/log.h"
#include "edge/app/agent.h"

void edge_rounds_document(edge_agent *agent, trib_bytes document) {
    trib_federation *parsed = trib_allocate(1, sizeof *parsed);
    trib_lineage lineage;
    trib_status status = TRIB_SUCCESS;
    if (parsed != NULL) {
        status = trib_federation_parse("federation", document, parsed);
    }
    if (parsed != NULL && trib_ok(status)) {
        status = trib_federation_lineage(agent->crypto, parsed, &lineage);
    }
    if (parsed == NULL || !trib_ok(status) ||
        strcmp(parsed->name, agent->identity.federation) != 0) {
        trib_log(TRIB_LOG_ERROR, "federation document refused", "why=%s",
                 parsed == NULL ? "no memory" : trib_message());
        if (parsed == NULL || status.code == TRIB_E_IO) {
            edge_session_document_lost(agent->session); /* that passes */
        }
        trib_free(parsed);
        return;
    }
    if (!trib_ok(edge_outbox_store_document(agent->outbox, document))) {
        trib_log(TRIB_LOG_ERROR, "federation document not stored", "why=%s", trib_message());
        edge_session_document_lost(agent->session);
    }
    edge_samples_change(agent, parsed, &lineage);
}

/* Whatever is still trained for an earlier round, nobody asks for any more. */
static trib_status offer(edge_agent *agent, const edge_train_job *job) {
    if (agent->round_jobs > 0 && agent->detector_jobs == 0) {
        edge_train_abort(agent->train);
    }
    TRIB_TRY(edge_train_offer(agent->train, job));
    agent->round_jobs++;
    return TRIB_SUCCESS;
}

void edge_rounds_train(edge_agent *agent, const edge_action *action) {
    agent->retry_ms = 0; /* of a round before, which nobody asks for any more */
    if (!edge_samples_running(agent)) {
        agent->retry_ms = trib_monotonic_ms(agent->clock) + EDGE_RETRY_MS;
        agent->task = action->round;
        return;
    }
    edge_store_range stored = edge_sense_counted(agent->sense).stored;
    edge_train_job job = {.kind = action->round.statistics ? EDGE_TRAIN_STATISTICS
                                                           : EDGE_TRAIN_TRAINING,
                          .round = action->round.round,
                          .ordinal = action->round.ordinal,
                          .first_row = stored.first_row,
                          .last_row = stored.last_row > 0 ? stored.last_row : UINT64_MAX};
    trib_status status = TRIB_SUCCESS;
    if (!action->round.statistics) {
        uint8_t digest[TRIB_HASH_BYTES];
        status = edge_newest_read(&agent->newest, agent->crypto,
                                  trib_bytes_of(action->bytes, action->size), &job.base, digest);
    }
    if (trib_ok(status) && job.base != NULL &&
        job.base->parameter_count != trib_federation_parameter_count(agent->federation)) {
        trib_model_destroy(job.base);
        status = TRIB_FAIL(TRIB_E_DENIED, "the round's base is of another model");
    }
    agent->task = action->round;
    if (trib_ok(status)) {
        status = offer(agent, &job);
    }
    if (!trib_ok(status)) {
        trib_log(TRIB_LOG_WARN, "round not trained", "round=%llu why=%s",
                 (unsigned long long)action->round.round, trib_message());
        agent->retry_ms = trib_monotonic_ms(agent->clock) + EDGE_RETRY_MS;
        return;
    }
    trib_log(TRIB_LOG_INFO, "training", "round=%llu ordinal=%u first_row=%llu last_row=%llu",
             (unsigned long long)job.round, job.ordinal, (unsigned long long)job.first_row,
             (unsigned long long)job.last_row);
}

void edge_rounds_retry(edge_agent *agent) {
    if (edge_samples_running(agent) && agent->retry_ms != 0 &&
        trib_monotonic_ms(agent->clock) >= agent->retry_ms) {
        agent->retry_ms = 0;
        edge_session_untrained(agent->session, agent->task.round, agent->actions);
    }
}
