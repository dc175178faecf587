/* What is only counted is said now and then, where it has changed, and at the end. */
#include "common/log/log.h"
#include "edge/app/agent.h"

enum { REPORT_MS = 60000 };

static edge_report counted(const edge_agent *agent) {
    edge_session_counts session = edge_session_counted(agent->session);
    edge_inbox_counts inbox = edge_inbox_counted(agent->inbox);
    edge_source_counts source = {0};
    if (agent->source != NULL) {
        source = edge_source_counted(agent->source);
    }
    return (edge_report){
        .numbers = {session.forged, session.stale, session.replayed, session.garbage,
                    session.refused_objects, inbox.predictions + agent->predictions_unsent,
                    inbox.others, source.refused + agent->refused_lines,
                    source.problems + agent->source_problems,
                    edge_telemetry_left_out(agent->telemetry) + agent->telemetry_left_out}};
}

static bool same(const edge_report *left, const edge_report *right) {
    bool same = true;
    for (int i = 0; i < EDGE_REPORT_NUMBERS; i++) {
        same = same && left->numbers[i] == right->numbers[i];
    }
    return same;
}

void edge_report_counts(edge_agent *agent, bool at_end) {
    uint64_t now_ms = trib_monotonic_ms(agent->clock);
    if (!at_end && now_ms - agent->reported_ms < REPORT_MS) {
        return;
    }
    const edge_report now = counted(agent);
    bool changed = !same(&now, &agent->reported);
    agent->reported_ms = now_ms;
    agent->reported = now;
    if (changed || at_end) {
        const uint64_t *n = now.numbers;
        trib_log(changed ? TRIB_LOG_WARN : TRIB_LOG_INFO, "counted",
                 "forged=%llu stale=%llu replayed=%llu garbage=%llu refused_objects=%llu "
                 "predictions_left_out=%llu events_left_out=%llu lines_refused=%llu "
                 "source_problems=%llu telemetry=%s telemetry_left_out=%llu",
                 (unsigned long long)n[0], (unsigned long long)n[1], (unsigned long long)n[2],
                 (unsigned long long)n[3], (unsigned long long)n[4], (unsigned long long)n[5],
                 (unsigned long long)n[6], (unsigned long long)n[7], (unsigned long long)n[8],
                 trib_telemetry_words[edge_telemetry_level_of(agent->telemetry)],
                 (unsigned long long)n[9]);
    }
}
