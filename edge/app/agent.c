#include "edge/app/agent.h"

#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/crypto/posix/key_file.h"
#include "common/log/log.h"
#include "common/port/posix/system.h"
#include "common/wire/wire.h"

enum { PATH_SIZE = EDGE_PATH_SIZE + 64 };

static bool push_mqtt(void *context, trib_mqtt_event *mqtt) {
    edge_agent *agent = context;
    edge_agent_event *event = trib_allocate(1, sizeof *event);
    if (event == NULL) {
        return false;
    }
    *event = (edge_agent_event){.kind = EDGE_AGENT_MQTT, .of.mqtt = mqtt};
    (void)edge_inbox_push(agent->inbox, event); /* counted; taken either way */
    return true;
}

/* ---- starting
 * ------------------------------------------------------------------------------------ */

static trib_status load_agreement(edge_agent *agent) {
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/agreement.pem", agent->config.state);
    trib_status status = trib_key_file_load(path, &agent->agreement);
    if (status.code != TRIB_E_NOT_FOUND) {
        return status;
    }
    TRIB_TRY(agent->crypto->generate(&agent->agreement));
    return trib_key_file_save(path, &agent->agreement);
}

static trib_status load_identity(edge_agent *agent) {
    const edge_config *config = &agent->config;
    edge_identity *identity = &agent->identity;
    agent->chain.ceiling = TRIB_MAX_CHAIN_BYTES;
    TRIB_TRY(trib_file_read(config->broker.certificate, &agent->chain));
    TRIB_TRY(trib_context(trib_identity_read(trib_buffer_view(&agent->chain), &agent->certificate),
                          "%s", config->broker.certificate));
    TRIB_TRY(trib_key_file_load(config->broker.key, &agent->signing));
    if (memcmp(agent->signing.public.bytes, agent->certificate.key.bytes, TRIB_PUBLIC_KEY_BYTES) !=
        0) {
        return TRIB_FAIL(TRIB_E_DENIED, "%s is not the key of %s", config->broker.key,
                         config->broker.certificate);
    }
    for (uint32_t i = 0; i < config->trust_count; i++) {
        trib_public_key key;
        TRIB_TRY(trib_public_key_file_load(config->trust[i], &key));
        TRIB_TRY(trib_trusted_add(agent->crypto, &agent->trusted, &key));
    }
    TRIB_TRY(load_agreement(agent));
    memcpy(identity->federation, config->federation, sizeof identity->federation);
    memcpy(identity->gateway, agent->certificate.name, sizeof identity->gateway);
    identity->chain_pem = trib_buffer_view(&agent->chain);
    identity->signing = &agent->signing.secret;
    identity->agreement = &agent->agreement;
    identity->trusted = &agent->trusted;
    (void)snprintf(identity->capabilities.agent_version,
                   sizeof identity->capabilities.agent_version, "%s", TRIB_VERSION);
    identity->capabilities.codecs = 1u << TRIB_CODEC_FLOAT32 | 1u << TRIB_CODEC_INT8;
    identity->capabilities.layers = (1u << (TRIB_LAYER_DROPOUT + 1)) - 2;
    identity->capabilities.max_parameters = TRIB_UPDATE_MAX_COUNT;
    return TRIB_SUCCESS;
}

static trib_status open_outbox(edge_agent *agent) {
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/state.db", agent->config.state);
    trib_status status = edge_outbox_open(path, &agent->outbox);
    if (status.code == TRIB_E_CORRUPT) {
        return trib_context(status,
                            "the agent's state is damaged; restore it, or move it away and enrol "
                            "this gateway again, under a new certificate of its name");
    }
    TRIB_TRY(status);
    return edge_outbox_boot(agent->outbox, &agent->identity.boot);
}

/* A slot whose file is damaged holds nothing: its release is fetched again. */
static void tell_installed(edge_agent *agent) {
    edge_slot active;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = TRIB_OBJECT_MAX_BYTES};
    trib_status status = edge_slots_read(&agent->slots, &file, &active);
    if (trib_ok(status)) {
        edge_session_installed(agent->session, active.release, active.digest);
    } else if (status.code != TRIB_E_NOT_FOUND) {
        trib_log(TRIB_LOG_WARN, "installed model not readable", "why=%s", trib_message());
    }
}

static trib_status create_session(edge_agent *agent) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer storage = {.ceiling = 1u << 30};
    edge_state_Session stored = edge_state_Session_init_zero;
    edge_outbox_entry entry = {.round = 0};
    uint64_t newest = 0;
    trib_status status = edge_outbox_load_session(agent->outbox, &stored);
    bool known = trib_ok(status);
    if (!known && status.code != TRIB_E_NOT_FOUND) {
        return status;
    }
    status = edge_outbox_get(agent->outbox, &storage, &entry);
    if (!trib_ok(status) && status.code != TRIB_E_NOT_FOUND) {
        return status;
    }
    TRIB_TRY(edge_outbox_newest(agent->outbox, &newest));
    if (stored.trained_round > newest && stored.trained_round > stored.closed_through) {
        stored.trained_round = newest; /* killed before its update was kept */
    }
    TRIB_TRY(edge_session_create(agent->crypto, &agent->identity, known ? &stored : NULL,
                                 &agent->session));
    tell_installed(agent);
    if (entry.round != 0) {
        edge_session_send(agent->session, entry.round, entry.update, 0, agent->actions);
    }
    return TRIB_SUCCESS;
}

static trib_status create_link(edge_agent *agent) {
    char will[TRIB_TOPIC_SIZE];
    trib_topic topic = {.kind = TRIB_TOPIC_UP_STATUS};
    memcpy(topic.federation, agent->identity.federation, sizeof topic.federation);
    memcpy(topic.gateway, agent->identity.gateway, sizeof topic.gateway);
    trib_topic_format(&topic, will);
    const trib_mqtt_options options = {.uri = agent->config.broker.uri,
                                       .client_id = agent->identity.gateway,
                                       .ca_file = agent->config.broker.ca,
                                       .certificate_file = agent->config.broker.certificate,
                                       .key_file = agent->config.broker.key,
                                       .will_topic = will,
                                       .will_text = "offline",
                                       .keep_alive_s = agent->config.broker.keep_alive_s,
                                       .window = EDGE_LINK_WINDOW + 1,
                                       .waiting = EDGE_LINK_WAITING,
                                       .clock = agent->clock,
                                       .seed = agent->identity.boot};
    const trib_mqtt_sink sink = {push_mqtt, agent};
    return trib_mqtt_create(&options, &sink, &agent->mqtt);
}

/* A document from before: the stream starts at once, also while the broker is down. */
static trib_status start_stored(edge_agent *agent) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer document = {.ceiling = TRIB_DOCUMENT_MAX_BYTES};
    trib_status status = edge_outbox_load_document(agent->outbox, &document);
    if (status.code == TRIB_E_NOT_FOUND) {
        edge_session_document_lost(agent->session); /* if there was one, it could not be stored */
        return TRIB_SUCCESS;
    }
    TRIB_TRY(status);
    agent->federation = trib_allocate(1, sizeof *agent->federation);
    if (agent->federation == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a federation");
    }
    status =
        trib_federation_parse("stored federation", trib_buffer_view(&document), agent->federation);
    if (!trib_ok(status) && status.code != TRIB_E_IO) { /* damaged: the cloud still has it */
        trib_log(TRIB_LOG_WARN, "stored federation document not readable; asking for it", "why=%s",
                 trib_message());
        trib_free(agent->federation);
        agent->federation = NULL;
        edge_session_document_lost(agent->session);
        return TRIB_SUCCESS;
    }
    TRIB_TRY(status);
    TRIB_TRY(trib_federation_lineage(agent->crypto, agent->federation, &agent->lineage));
    return edge_samples_start(agent);
}

static trib_status start(edge_agent *agent) {
    TRIB_TRY(agent->disk->make_folder(agent->disk, agent->config.state));
    TRIB_TRY(load_identity(agent));
    TRIB_TRY(open_outbox(agent));
    agent->slots = (edge_slots){agent->disk, agent->crypto, agent->outbox, &agent->newest,
                                agent->config.state};
    TRIB_TRY(edge_inbox_create(&agent->inbox));
    TRIB_TRY(create_session(agent));
    TRIB_TRY(create_link(agent));
    edge_samples_check_hold(agent);
    return start_stored(agent);
}

trib_status edge_agent_create(const edge_config *config, const trib_kernels *kernels,
                              edge_agent **ret_agent) {
    edge_agent *agent = trib_allocate(1, sizeof *agent);
    edge_actions *actions = trib_allocate(1, sizeof *actions);
    if (agent == NULL || actions == NULL) {
        trib_free(agent);
        trib_free(actions);
        return TRIB_FAIL(TRIB_E_IO, "no memory for the agent");
    }
    agent->actions = actions;
    agent->config = *config;
    agent->kernels = *kernels;
    agent->crypto = trib_crypto_host();
    agent->clock = trib_posix_clock();
    agent->disk = trib_posix_disk();
    agent->reported_ms = trib_monotonic_ms(agent->clock);
    trib_status status = start(agent);
    if (!trib_ok(status)) {
        edge_agent_destroy(agent);
        return status;
    }
    *ret_agent = agent;
    return TRIB_SUCCESS;
}

/* A clean disconnection takes the last will back, so it is said. */
static void say_offline(edge_agent *agent) {
    if (agent->mqtt != NULL && trib_mqtt_connected(agent->mqtt)) {
        char topic[TRIB_TOPIC_SIZE];
        trib_topic where = {.kind = TRIB_TOPIC_UP_STATUS};
        memcpy(where.federation, agent->identity.federation, sizeof where.federation);
        memcpy(where.gateway, agent->identity.gateway, sizeof where.gateway);
        trib_topic_format(&where, topic);
        trib_ignore(trib_mqtt_publish(agent->mqtt, topic, trib_bytes_text("offline"), true));
    }
}

void edge_agent_destroy(edge_agent *agent) {
    if (agent == NULL) {
        return;
    }
    edge_samples_stop(agent);
    say_offline(agent);
    trib_mqtt_destroy(agent->mqtt, true);
    edge_inbox_destroy(agent->inbox);
    edge_session_destroy(agent->session);
    edge_outbox_close(agent->outbox);
    edge_actions_deinit(agent->actions);
    trib_free(agent->actions);
    edge_newest_forget(&agent->newest);
    trib_free(agent->federation);
    trib_buffer_deinit(&agent->chain);
    trib_wipe(&agent->signing, sizeof agent->signing);
    trib_wipe(&agent->agreement, sizeof agent->agreement);
    trib_free(agent);
}

/* ---- running
 * ------------------------------------------------------------------------------------- */

static void publish(edge_agent *agent, const edge_action *action) {
    trib_status status = trib_mqtt_publish(
        agent->mqtt, action->topic, trib_bytes_of(action->bytes, action->size), action->retain);
    if (!trib_ok(status)) { /* what matters is sent again */
        trib_log(TRIB_LOG_DEBUG, "not published", "why=%s", trib_message());
    }
}

static bool said(trib_status status, const char *what) {
    if (!trib_ok(status)) {
        trib_log(TRIB_LOG_ERROR, what, "why=%s", trib_message());
    }
    return trib_ok(status);
}

static trib_status forget_closed(edge_agent *agent, const edge_action *action) {
    uint32_t taken_back = 0;
    TRIB_TRY(edge_outbox_delete(agent->outbox, action->number, action->abandoned, &taken_back));
    if (taken_back > 0) {
        trib_log(TRIB_LOG_WARN, "accepted updates count nowhere: their rounds were given up",
                 "updates=%u closed_through=%llu", taken_back, (unsigned long long)action->number);
    }
    return TRIB_SUCCESS;
}

static void carry_out_one(edge_agent *agent, edge_action *action) {
    trib_status status = TRIB_SUCCESS;
    switch (action->kind) {
    case EDGE_ACTION_PUBLISH:
        if (!agent->unpersisted) {
            publish(agent, action);
        }
        break;
    case EDGE_ACTION_SUBSCRIBE:
        status = trib_mqtt_subscribe(agent->mqtt, action->topic);
        break;
    case EDGE_ACTION_UNSUBSCRIBE:
        trib_ignore(trib_mqtt_unsubscribe(agent->mqtt, action->topic)); /* a courtesy */
        break;
    case EDGE_ACTION_PERSIST:
        status = edge_outbox_store_session(agent->outbox, edge_session_state(agent->session));
        agent->unpersisted = !trib_ok(status); /* nothing is sent until it is stored */
        break;
    case EDGE_ACTION_DOCUMENT:
        edge_rounds_document(agent, trib_bytes_of(action->bytes, action->size));
        break;
    case EDGE_ACTION_TRAIN:
        edge_rounds_train(agent, action);
        break;
    case EDGE_ACTION_OUTBOX_VERDICT:
        trib_log(TRIB_LOG_INFO, "receipt", "round=%llu verdict=%s",
                 (unsigned long long)action->number, action->text);
        status = edge_outbox_verdict(agent->outbox, agent->crypto, action->number, action->text);
        break;
    case EDGE_ACTION_OUTBOX_DELETE:
        status = forget_closed(agent, action);
        break;
    case EDGE_ACTION_OUTBOX_SEND:
        edge_updates_send(agent);
        break;
    case EDGE_ACTION_INSTALL:
        edge_releases_install(agent, action);
        break;
    case EDGE_ACTION_LOAD:
        edge_releases_supply(agent);
        break;
    case EDGE_ACTION_SAY:
        trib_log(action->warning ? TRIB_LOG_WARN : TRIB_LOG_INFO, "session", "what=%s",
                 action->text);
        break;
    }
    (void)said(status, "not done");
}

/* Changes of one event are kept together; they are durable before anything is published. */
static void prepare(edge_agent *agent, edge_action_kind kind) {
    trib_status status = TRIB_SUCCESS;
    if (kind == EDGE_ACTION_PERSIST || kind == EDGE_ACTION_DOCUMENT ||
        kind == EDGE_ACTION_OUTBOX_VERDICT || kind == EDGE_ACTION_OUTBOX_DELETE) {
        status = edge_outbox_group(agent->outbox);
    } else if (kind == EDGE_ACTION_PUBLISH) {
        status = edge_outbox_sync(agent->outbox);
    }
    agent->unpersisted = agent->unpersisted || !said(status, "state not kept");
}

/* An action may lead to others: the list grows while it is worked off. */
void edge_carry_out(edge_agent *agent) {
    for (size_t i = 0; i < agent->actions->count; i++) {
        edge_action action = agent->actions->items[i]; /* the list may move while it grows */
        prepare(agent, action.kind);
        carry_out_one(agent, &action);
        trib_free(action.owned); /* a large update goes chunk by chunk: not all until the end */
        agent->actions->items[i].owned = NULL;
    }
    if (!said(edge_outbox_settle(agent->outbox), "state not kept")) {
        agent->unpersisted = true;
    }
    if (agent->actions->overflow) {
        trib_log(TRIB_LOG_WARN, "too much at once", "why=%s", "what was left out is sent again");
    }
    edge_actions_clear(agent->actions);
    if (agent->round_jobs + agent->detector_jobs == 0) {
        edge_newest_forget(&agent->newest); /* nobody trains with it */
    }
    if (agent->handed_out) {
        agent->handed_out = false;
        agent->sending = true;
        agent->sent_mark = trib_mqtt_mark(agent->mqtt);
    }
}

static void handle_mqtt(edge_agent *agent, const trib_mqtt_event *event) {
    uint64_t now = trib_monotonic_ms(agent->clock);
    if (!trib_mqtt_handle(agent->mqtt, event)) {
        return;
    }
    if (event->kind == TRIB_MQTT_CONNECTED) {
        trib_log(TRIB_LOG_INFO, "connected", "broker=%s", agent->config.broker.uri);
        edge_session_connected(agent->session, now, agent->actions);
    } else if (event->kind == TRIB_MQTT_DISCONNECTED) {
        trib_log(TRIB_LOG_WARN, "broker", "why=%s", trib_mqtt_problem(agent->mqtt));
        edge_session_disconnected(agent->session);
    } else if (event->kind == TRIB_MQTT_MESSAGE) {
        edge_session_message(agent->session, event->topic,
                             trib_bytes_of(event->payload, event->size), now, agent->actions);
    } else if (event->kind == TRIB_MQTT_NOT_SENT || event->kind == TRIB_MQTT_REFUSED_SUBSCRIPTION) {
        trib_log(TRIB_LOG_WARN, "broker", "why=%s", trib_mqtt_problem(agent->mqtt));
    }
}

static void handle_room(const edge_event *event) {
    static const trib_log_level levels[] = {TRIB_LOG_DEBUG, TRIB_LOG_INFO, TRIB_LOG_WARN,
                                            TRIB_LOG_ERROR};
    trib_log(levels[event->level], edge_event_name(event->kind), "room=%s count=%llu what=%s",
             event->room, (unsigned long long)event->count, event->text);
}

static void handle(edge_agent *agent, edge_agent_event *event) {
    switch (event->kind) {
    case EDGE_AGENT_MQTT:
        handle_mqtt(agent, event->of.mqtt);
        break;
    case EDGE_AGENT_PREDICTION:
        edge_samples_prediction(agent, &event->of.prediction);
        break;
    case EDGE_AGENT_RESULT:
        if (event->of.result->kind == EDGE_TRAIN_DETECTOR) {
            agent->detector_jobs--;
            edge_releases_detector(agent, event->of.result);
        } else {
            agent->round_jobs--;
            edge_updates_result(agent, event->of.result);
        }
        break;
    case EDGE_AGENT_ROOM:
        handle_room(&event->of.room);
        break;
    }
}

/* A clock before the certificate's start cannot be right: sense on, and connect once it is. */
static bool clock_is_plausible(edge_agent *agent) {
    uint64_t now_s = trib_wall_ms(agent->clock) / 1000;
    bool plausible = agent->certificate.not_before_s <= (int64_t)now_s;
    if (!plausible && !agent->clock_said) {
        trib_log(TRIB_LOG_WARN, "clock before the certificate's start: not connecting yet",
                 "now_s=%llu certificate_from_s=%lld", (unsigned long long)now_s,
                 (long long)agent->certificate.not_before_s);
    }
    agent->clock_said = !plausible;
    return plausible;
}

/* Said once: no new connection will be taken with it, if it is this clock that is right. It is
 * tried all the same, since the broker's clock decides; a connection that stands goes on. */
static void say_expired(edge_agent *agent) {
    int64_t now_s = (int64_t)(trib_wall_ms(agent->clock) / 1000);
    bool expired = agent->certificate.not_after_s <= now_s;
    if (expired && !agent->expiry_said) {
        trib_log(TRIB_LOG_WARN,
                 "certificate expired: renew it and restart the agent, the broker refuses it",
                 "certificate=%s now_s=%lld certificate_until_s=%lld",
                 agent->config.broker.certificate, (long long)now_s,
                 (long long)agent->certificate.not_after_s);
    }
    agent->expiry_said = expired;
}

uint64_t edge_agent_wait_ms(const edge_agent *agent) {
    uint64_t least = 500;
    uint64_t link = trib_mqtt_wait_ms(agent->mqtt);
    uint64_t session = edge_session_wait_ms(agent->session, trib_monotonic_ms(agent->clock));
    least = !agent->clock_said && link < least ? link : least;
    return session < least ? session : least;
}

void edge_agent_step(edge_agent *agent, uint64_t most_ms) {
    say_expired(agent);
    if (clock_is_plausible(agent)) {
        trib_mqtt_run(agent->mqtt);
    }
    edge_agent_event *event = edge_inbox_pop(agent->inbox, most_ms);
    if (event != NULL) {
        handle(agent, event);
        edge_agent_event_destroy(event);
        edge_carry_out(agent);
    }
    edge_samples_check_hold(agent);
    edge_samples_retry(agent);
    edge_rounds_retry(agent);
    edge_updates_retry(agent);
    edge_releases_retry(agent);
    if (agent->unpersisted) {
        agent->unpersisted =
            !trib_ok(edge_outbox_store_session(agent->outbox, edge_session_state(agent->session)));
    }
    edge_session_tick(agent->session, trib_monotonic_ms(agent->clock), agent->actions);
    edge_updates_go_on(agent);
    edge_carry_out(agent);
    edge_agent_send_telemetry(agent);
    edge_report_counts(agent, false);
}

void edge_agent_run(edge_agent *agent) {
    edge_carry_out(agent);
    while (!agent->stop) {
        edge_agent_step(agent, edge_agent_wait_ms(agent));
    }
    edge_report_counts(agent, true);
}
