/* Features or rows, where federation and config let them leave, behind everything else. */
#include "common/log/log.h"
#include "edge/app/agent.h"

/* Once, and again when something else is asked for or leaves. */
static void say(edge_agent *agent, trib_telemetry_level asked, trib_telemetry_level leaves) {
    if (asked == agent->telemetry_asked && leaves == agent->telemetry_leaves) {
        return;
    }
    agent->telemetry_asked = asked;
    agent->telemetry_leaves = leaves;
    if (asked > leaves) {
        trib_log(TRIB_LOG_WARN, "the federation asks for more telemetry than leaves this gateway",
                 "asked=%s allowed=%s leaves=%s why=%s", trib_telemetry_words[asked],
                 trib_telemetry_words[agent->config.telemetry], trib_telemetry_words[leaves],
                 leaves < agent->config.telemetry
                     ? "this pipeline has no features that could leave: only raw would do"
                     : "'telemetry' in the agent's config says so; change it there, and restart");
    } else {
        trib_log(TRIB_LOG_INFO, "telemetry", "leaves=%s", trib_telemetry_words[leaves]);
    }
}

void edge_agent_decide_telemetry(edge_agent *agent) {
    trib_telemetry_level asked = agent->federation->telemetry;
    say(agent, asked, edge_telemetry_decide(agent->telemetry, asked, agent->config.telemetry));
}

size_t edge_agent_backlog(const edge_agent *agent) {
    size_t backlog = trib_mqtt_backlog(agent->mqtt);
    bool under_way =
        agent->telemetry_under_way && !trib_mqtt_reached(agent->mqtt, agent->telemetry_mark);
    return under_way && backlog > 0 ? backlog - 1 : backlog;
}

/* Nothing waits for the window, and no update is being sent: what comes next finds all the places
 * that it would find without telemetry, behind the bytes of one message. */
static bool link_is_free(edge_agent *agent) {
    if (agent->telemetry_under_way && trib_mqtt_reached(agent->mqtt, agent->telemetry_mark)) {
        agent->telemetry_under_way = false;
    }
    return !agent->telemetry_under_way && !agent->sending && !agent->handed_out &&
           !agent->unpersisted && edge_session_ready(agent->session) &&
           trib_mqtt_backlog(agent->mqtt) < EDGE_LINK_WINDOW;
}

void edge_agent_send_telemetry(edge_agent *agent) {
    if (agent->telemetry == NULL || !link_is_free(agent)) {
        return;
    }
    TRIB_SCOPED(edge_telemetry_message_destroy_scoped)
    edge_telemetry_message *message = edge_telemetry_pop(agent->telemetry);
    TRIB_SCOPED(trib_free_scoped) uint8_t *storage = NULL;
    if (message != NULL) {
        storage = trib_allocate(TRIB_TELEMETRY_MAX_BYTES, 1);
    }
    if (storage == NULL) {
        return;
    }
    trib_writer plain = trib_writer_of(storage, TRIB_TELEMETRY_MAX_BYTES);
    if (trib_ok(edge_telemetry_encode(message, agent->clock_said, &plain))) {
        edge_session_tell(agent->session, TRIB_TOPIC_UP_TELEMETRY, trib_written(&plain),
                          agent->actions);
        uint64_t before = trib_mqtt_mark(agent->mqtt);
        edge_carry_out(agent);
        agent->telemetry_mark = trib_mqtt_mark(agent->mqtt);
        agent->telemetry_under_way = agent->telemetry_mark != before;
        agent->telemetry_left_out +=
            agent->telemetry_under_way ? 0 : edge_telemetry_records(message);
    }
}
