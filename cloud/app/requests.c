/* What the API asks, answered from the core's own state. docs/api.md describes it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/app/core.h"
#include "common/crypto/select.h"

static void release_json(json_t **value) {
    json_decref(*value);
}

static void answer_json(cloud_request *request, unsigned status, json_t *value) {
    char *text = json_dumps(value, JSON_COMPACT);
    request->status = text != NULL ? status : 500;
    if (text != NULL && !trib_ok(trib_buffer_append(&request->answer, trib_bytes_text(text)))) {
        request->status = 500;
    }
    free(text);
}

/* Text that others have written, or that was cut where it was too long, need not be UTF-8, as JSON
 * must: what lies outside ASCII is then a question mark. */
static json_t *text_json(const char *text) {
    json_t *value = json_string(text);
    if (value == NULL) {
        char plain[1024];
        size_t length = strlen(text) < sizeof plain ? strlen(text) : sizeof plain - 1;
        for (size_t i = 0; i < length; i++) {
            plain[i] = (unsigned char)text[i] < 128 ? text[i] : '?';
        }
        value = json_stringn(plain, length);
    }
    return value;
}

static void answer_error(cloud_request *request, trib_code code, const char *why) {
    unsigned status = code == TRIB_E_NOT_FOUND  ? 404
                      : code == TRIB_E_ARGUMENT ? 400
                      : code == TRIB_E_LIMIT    ? 413
                      : code == TRIB_E_DENIED   ? 403
                      : code == TRIB_E_STATE    ? 409
                                                : 500;
    TRIB_SCOPED(release_json)
    json_t *value = json_pack("{s:o,s:s}", "error", text_json(why), "code", trib_code_name(code));
    answer_json(request, status, value);
}

static json_t *hex_or_null(const cloud_digest *digest, bool there) {
    char text[2 * TRIB_HASH_BYTES + 1];
    if (!there) {
        return json_null();
    }
    trib_hex(trib_bytes_of(digest->bytes, sizeof digest->bytes), text);
    return json_string(text);
}

static const char *stage_word(const cloud_live *live) {
    if (live->course.stage == TRIB_STAGE_DONE) {
        return "done";
    }
    if (!live->round_open) {
        return "waiting";
    }
    return live->course.stage == TRIB_STAGE_STATISTICS ? "statistics" : "training";
}

static json_t *round_json(const cloud_core *core, const cloud_live *live) {
    const trib_round *round = &live->round;
    if (round->plan.number == 0) {
        return json_null();
    }
    uint64_t wait =
        live->round_open ? trib_round_wait_ms(round, trib_monotonic_ms(core->clock)) : 0;
    return json_pack("{s:I,s:I,s:s,s:I,s:I,s:I,s:I,s:I}", "number", (json_int_t)round->plan.number,
                     "ordinal", (json_int_t)round->plan.ordinal, "phase",
                     live->round_open ? "open" : "closed", "accepted", (json_int_t)round->accepted,
                     "expected", (json_int_t)round->plan.expected, "quorum",
                     (json_int_t)round->plan.quorum, "remaining_ms", (json_int_t)wait,
                     "fraction_ppm", (json_int_t)round->plan.fraction_ppm);
}

static json_t *federation_json(const cloud_core *core, const cloud_live *live) {
    json_t *model = json_null(), *release = json_null();
    if (live->has_model) {
        model = json_pack("{s:o,s:I}", "digest", hex_or_null(&live->base, true), "round",
                          (json_int_t)live->course.model->round);
    }
    if (live->release.number > 0) {
        release = json_pack("{s:I,s:o,s:I}", "number", (json_int_t)live->release.number, "digest",
                            hex_or_null(&live->release.model, true), "round",
                            (json_int_t)live->release.ordinal);
    }
    return json_pack("{s:s,s:I,s:I,s:s,s:o,s:I,s:I,s:I,s:o,s:o,s:s}", "federation", live->name,
                     "revision", (json_int_t)live->revision, "pending_revision",
                     (json_int_t)live->pending_revision, "stage", stage_word(live), "round",
                     round_json(core, live), "gateways", (json_int_t)cloud_live_members(live),
                     "online", (json_int_t)cloud_live_online(live), "rounds_maximum",
                     (json_int_t)live->federation->rounds.maximum, "model", model, "release",
                     release, "telemetry", trib_telemetry_words[live->federation->telemetry]);
}

/* Why a gateway is, or is not, in the open round. */
static const char *why_text(const cloud_core *core, const cloud_live *live,
                            const cloud_gateway *gateway, bool *ret_in) {
    uint32_t selection = TRIB_SELECT_RANGE;
    *ret_in = false;
    if (gateway->revoked) {
        return "it is revoked";
    }
    if (gateway->generation == 0) {
        return "it has not joined";
    }
    if (!trib_ok(cloud_live_capable(live, &gateway->capabilities))) {
        return trib_message();
    }
    if (!live->round_open) {
        return live->course.stage == TRIB_STAGE_DONE
                   ? "the federation has finished its rounds"
                   : "no round is open: too few gateways have joined";
    }
    trib_ignore(trib_select(core->crypto, live->round.plan.salt, gateway->name,
                            live->round.plan.number, &selection));
    if (selection >= live->round.plan.fraction_ppm) {
        return "it was not selected for this round";
    }
    *ret_in = true;
    if (gateway->counted_round == live->round.plan.number) {
        return "its update is counted";
    }
    return gateway->online ? "its update is awaited" : "it is offline; its update is awaited";
}

static json_t *gateway_json(const cloud_core *core, const cloud_live *live,
                            const cloud_gateway *gateway) {
    bool in = false;
    const char *why = why_text(core, live, gateway, &in);
    json_t *value = json_pack(
        "{s:s,s:b,s:b,s:b,s:o,s:I,s:I,s:b,s:o,s:o,s:o}", "gateway", gateway->name, "online",
        gateway->online, "revoked", gateway->revoked, "session", gateway->generation > 0,
        "agent_version", text_json(gateway->capabilities.agent_version), "seen_ms",
        (json_int_t)gateway->seen_ms, "joined_ms", (json_int_t)gateway->joined_ms, "in_round", in,
        "why", text_json(why), "last_label", text_json(gateway->last_label), "last_verdict",
        text_json(gateway->last_verdict));
    const struct {
        const char *key;
        uint64_t count;
    } counts[] = {{"accepted", gateway->accepted},
                  {"duplicates", gateway->duplicates},
                  {"late", gateway->late},
                  {"refused", gateway->refused},
                  {"replayed", gateway->replayed},
                  {"garbage", gateway->garbage},
                  {"predictions", gateway->predictions},
                  {"telemetry", gateway->telemetry_taken},
                  {"telemetry_refused", gateway->telemetry_refused},
                  {"release", gateway->last_release}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        json_object_set_new(value, counts[i].key, json_integer((json_int_t)counts[i].count));
    }
    json_t *values = json_array(); /* one that is not finite has no JSON: null */
    for (uint32_t i = 0; i < gateway->last_value_count; i++) {
        json_t *number = json_real((double)gateway->last_values[i]);
        json_array_append_new(values, number != NULL ? number : json_null());
    }
    json_object_set_new(value, "last_values", values);
    return value;
}

static void list_gateways(cloud_core *core, const cloud_live *live, cloud_request *request) {
    TRIB_SCOPED(release_json) json_t *list = json_array();
    for (size_t i = 0; i < live->gateways.count; i++) {
        json_array_append_new(list, gateway_json(core, live, live->gateways.gateways[i]));
    }
    TRIB_SCOPED(release_json) json_t *value = json_pack("{s:O}", "gateways", list);
    answer_json(request, 200, value);
}

static void add_round(void *context, const cloud_round_row *row) {
    json_array_append_new(
        context,
        json_pack("{s:I,s:I,s:s,s:s,s:I,s:I,s:f,s:I,s:I,s:f,s:s,s:s,s:o}", "number",
                  (json_int_t)row->number, "ordinal", (json_int_t)row->ordinal, "kind",
                  row->statistics ? "statistics" : "training", "outcome", row->outcome, "updates",
                  (json_int_t)row->updates, "weight", (json_int_t)row->weight, "loss", row->loss,
                  "bytes_up", (json_int_t)row->bytes_up, "started_ms", (json_int_t)row->opened_ms,
                  "seconds", (double)(row->closed_ms - row->opened_ms) / 1000, "model", row->model,
                  "served", row->served, "reason", text_json(row->reason)));
}

static void add_model(void *context, const cloud_round_row *row) {
    json_array_append_new(context, json_pack("{s:I,s:s,s:s,s:f,s:I,s:b}", "round",
                                             (json_int_t)row->ordinal, "digest", row->model,
                                             "served", row->served, "loss", row->loss, "updates",
                                             (json_int_t)row->updates, "released", row->released));
}

static void list_rounds(cloud_core *core, const cloud_live *live, cloud_request *request,
                        bool models) {
    TRIB_SCOPED(release_json) json_t *list = json_array();
    trib_status status =
        cloud_registry_rounds(core->registry, live->name, models ? -1 : request->after, 1000,
                              models, models ? add_model : add_round, list);
    if (!trib_ok(status)) {
        answer_error(request, status.code, trib_message());
        return;
    }
    TRIB_SCOPED(release_json)
    json_t *value = json_pack("{s:O}", models ? "models" : "rounds", list);
    answer_json(request, 200, value);
}

static void release_digest(cloud_core *core, cloud_member *member, cloud_request *request) {
    json_error_t error;
    TRIB_SCOPED(release_json)
    json_t *body = json_loadb((const char *)request->body.data, request->body.size, 0, &error);
    const char *text = json_string_value(json_object_get(body, "digest"));
    cloud_digest digest;
    TRIB_SCOPED(trib_buffer_deinit)
    trib_buffer file = {.ceiling = trib_model_object_ceiling(member->live->federation)};
    trib_status status = text == NULL ? TRIB_FAIL(TRIB_E_ARGUMENT, "expected {\"digest\": \"...\"}")
                                      : trib_unhex(text, digest.bytes, sizeof digest.bytes);
    if (trib_ok(status)) {
        status = core->objects->get(core->objects, &digest, &file);
    }
    trib_model *model = NULL;
    if (trib_ok(status)) {
        status = trib_model_read(core->crypto, trib_buffer_view(&file), &model);
    }
    if (trib_ok(status) &&
        memcmp(&model->lineage, &member->live->course.model->lineage, sizeof model->lineage) != 0) {
        status = TRIB_FAIL(TRIB_E_STATE, "the model is of another lineage than the federation's");
    }
    uint32_t ordinal = trib_ok(status) ? model->round : 0;
    trib_model_destroy(model);
    if (trib_ok(status)) {
        status = cloud_release_model(core, member, &digest, ordinal);
    }
    if (!trib_ok(status)) {
        answer_error(request, status.code == TRIB_E_CORRUPT ? TRIB_E_ARGUMENT : status.code,
                     trib_message());
        return;
    }
    TRIB_SCOPED(release_json)
    json_t *value =
        json_pack("{s:I,s:s}", "release", (json_int_t)member->live->release.number, "digest", text);
    answer_json(request, 200, value);
}

/* /v1/federations/NAME[/...]; `rest` starts behind NAME. */
static void handle_federation(cloud_core *core, cloud_member *member, const char *rest,
                              cloud_request *request) {
    cloud_live *live = member->live;
    bool get = strcmp(request->method, "GET") == 0;
    if (get && rest[0] == '\0') {
        TRIB_SCOPED(release_json) json_t *value = federation_json(core, live);
        answer_json(request, 200, value);
    } else if (get && strcmp(rest, "/gateways") == 0) {
        list_gateways(core, live, request);
    } else if (get && strncmp(rest, "/gateways/", 10) == 0) {
        const cloud_gateway *gateway = cloud_gateway_find(&live->gateways, rest + 10);
        if (gateway == NULL) {
            answer_error(request, TRIB_E_NOT_FOUND, "no such gateway has joined this federation");
            return;
        }
        TRIB_SCOPED(release_json) json_t *value = gateway_json(core, live, gateway);
        answer_json(request, 200, value);
    } else if (get && strcmp(rest, "/rounds") == 0) {
        list_rounds(core, live, request, false);
    } else if (get && strcmp(rest, "/models") == 0) {
        list_rounds(core, live, request, true);
    } else if (!get && strcmp(rest, "/release") == 0) {
        release_digest(core, member, request);
    } else {
        answer_error(request, TRIB_E_NOT_FOUND, "there is nothing at this path");
    }
}

static void get_model(cloud_core *core, const char *text, cloud_request *request) {
    cloud_digest digest;
    trib_status status = trib_unhex(text, digest.bytes, sizeof digest.bytes);
    request->answer.ceiling = 1 << 28;
    if (trib_ok(status)) {
        status = core->objects->get(core->objects, &digest, &request->answer);
    }
    if (!trib_ok(status)) {
        answer_error(request, status.code == TRIB_E_CORRUPT ? TRIB_E_NOT_FOUND : status.code,
                     trib_message());
        return;
    }
    request->type = "application/octet-stream";
    request->status = 200;
}

static void apply_document(cloud_core *core, cloud_request *request) {
    cloud_applied applied;
    trib_status status =
        cloud_apply_document(core, "federation", trib_buffer_view(&request->body), &applied);
    if (!trib_ok(status)) {
        answer_error(request, status.code, trib_message());
        return;
    }
    TRIB_SCOPED(release_json)
    json_t *value =
        json_pack("{s:s,s:I,s:s,s:s}", "federation", applied.federation, "revision",
                  (json_int_t)applied.revision, "lineage", applied.new_lineage ? "new" : "same",
                  "from", applied.waits ? "next round" : "now");
    answer_json(request, 200, value);
}

static void revoke_gateway(cloud_core *core, const char *rest, cloud_request *request) {
    char name[TRIB_NAME_SIZE] = "";
    const char *slash = strchr(rest, '/');
    json_error_t error;
    TRIB_SCOPED(release_json)
    json_t *body = json_loadb((const char *)request->body.data, request->body.size, 0, &error);
    if (slash == NULL || strcmp(slash, "/revoke") != 0 || (size_t)(slash - rest) >= sizeof name) {
        answer_error(request, TRIB_E_NOT_FOUND, "there is nothing at this path");
        return;
    }
    memcpy(name, rest, (size_t)(slash - rest));
    trib_status status = cloud_revoke(core, name, json_is_true(json_object_get(body, "discard")));
    if (!trib_ok(status)) {
        answer_error(request, status.code, trib_message());
        return;
    }
    TRIB_SCOPED(release_json)
    json_t *value = json_pack("{s:s,s:b}", "gateway", name, "revoked", 1);
    answer_json(request, 200, value);
}

static void list_federations(cloud_core *core, cloud_request *request) {
    TRIB_SCOPED(release_json) json_t *list = json_array();
    for (size_t i = 0; i < core->member_count; i++) {
        json_array_append_new(list, federation_json(core, core->members[i].live));
    }
    TRIB_SCOPED(release_json) json_t *value = json_pack("{s:O}", "federations", list);
    answer_json(request, 200, value);
}

static json_t *bridge_json(const cloud_core *core) {
    if (core->bridge == NULL) {
        return json_null();
    }
    cloud_bridge_counts counts = cloud_bridge_count(core->bridge);
    json_t *backlog = json_object(), *ends = json_object();
    cloud_outbox_counts outbox = cloud_outbox_count_all(core->outbox);
    for (int i = 0; i < CLOUD_LOGS; i++) {
        json_object_set_new(backlog, cloud_bridge_log_names[i],
                            json_integer((json_int_t)counts.backlog[i]));
        json_object_set_new(ends, cloud_bridge_log_names[i],
                            json_integer((json_int_t)counts.ends[i]));
    }
    return json_pack("{s:b,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "connected",
                     counts.connected, "trouble", text_json(core->bridge_trouble), "sent",
                     (json_int_t)counts.sent, "claims", (json_int_t)counts.claims, "transactions",
                     (json_int_t)counts.transactions, "aborted", (json_int_t)counts.aborted,
                     "refused", (json_int_t)counts.refused, "missed", (json_int_t)counts.missed,
                     "dropped", (json_int_t)outbox.dropped, "over_share",
                     (json_int_t)outbox.over_share, "backlog", backlog, "ends", ends);
}

static json_t *archive_json(const cloud_core *core) {
    if (core->archive == NULL) {
        return json_null();
    }
    cloud_archive_counts counts = cloud_archive_count(core->archive);
    return json_pack("{s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "trouble",
                     text_json(core->archive_trouble), "models", (json_int_t)counts.models,
                     "missing", (json_int_t)counts.missing, "position", (json_int_t)counts.position,
                     "segments", (json_int_t)counts.segments, "segment", (json_int_t)counts.segment,
                     "batches", (json_int_t)counts.batches, "missed", (json_int_t)counts.missed,
                     "first", (json_int_t)cloud_ledger_first(core->ledger));
}

static void health(cloud_core *core, cloud_request *request) {
    trib_mqtt_counts mqtt = trib_mqtt_counted(core->mqtt);
    TRIB_SCOPED(release_json)
    json_t *value = json_pack(
        "{s:s,s:s,s:s,s:o,s:o,s:I,s:I,s:I,s:I,s:{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:"
        "I}}",
        "status", "ok", "version", TRIB_VERSION, "broker",
        trib_mqtt_connected(core->mqtt) ? "connected" : "connecting", "bridge", bridge_json(core),
        "archive", archive_json(core), "incarnation", (json_int_t)core->incarnation, "records",
        (json_int_t)cloud_ledger_end(core->ledger), "gaps", (json_int_t)core->gaps, "gap_records",
        (json_int_t)core->gap_records, "counts", "joins", (json_int_t)core->counts.joins,
        "joins_refused", (json_int_t)core->counts.joins_refused, "accepted",
        (json_int_t)core->counts.accepted, "duplicates", (json_int_t)core->counts.duplicates,
        "late", (json_int_t)core->counts.late, "refused", (json_int_t)core->counts.refused,
        "replayed", (json_int_t)core->counts.replayed, "garbage", (json_int_t)core->counts.garbage,
        "predictions", (json_int_t)core->counts.predictions, "dropped",
        (json_int_t)trib_queue_dropped(core->queue), "signatures", (json_int_t)core->signatures,
        "fsyncs", (json_int_t)cloud_ledger_syncs(core->ledger), "received",
        (json_int_t)mqtt.received);
    json_t *counts = json_object_get(value, "counts");
    json_object_set_new(counts, "telemetry", json_integer((json_int_t)core->counts.telemetry));
    json_object_set_new(counts, "telemetry_refused",
                        json_integer((json_int_t)core->counts.telemetry_refused));
    json_object_set_new(counts, "telemetry_dropped",
                        json_integer((json_int_t)atomic_load(&core->telemetry_dropped)));
    answer_json(request, 200, value);
}

static void metrics(cloud_core *core, cloud_request *request) {
    trib_status status = cloud_print_metrics(core, &request->answer);
    if (!trib_ok(status)) {
        trib_buffer_clear(&request->answer);
        answer_error(request, status.code, trib_message());
        return;
    }
    request->status = 200;
    request->type = "text/plain; version=0.0.4";
}

void cloud_handle_request(cloud_core *core, cloud_request *request) {
    static const char federations[] = "/v1/federations/";
    static const char gateways[] = "/v1/gateways/";
    static const char models[] = "/v1/models/";
    bool get = strcmp(request->method, "GET") == 0;
    const char *path = request->path;
    if (get && strcmp(path, "/v1/health") == 0) {
        health(core, request);
    } else if (get && strcmp(path, "/metrics") == 0) {
        metrics(core, request);
    } else if (get && strcmp(path, "/v1/federations") == 0) {
        list_federations(core, request);
    } else if (strcmp(path, "/v1/federations") == 0) {
        apply_document(core, request);
    } else if (strncmp(path, federations, sizeof federations - 1) == 0) {
        char name[TRIB_NAME_SIZE] = "";
        const char *rest = path + sizeof federations - 1;
        size_t length = strcspn(rest, "/");
        memcpy(name, rest, length < sizeof name ? length : sizeof name - 1);
        cloud_member *member = cloud_find(core, name);
        if (member == NULL) {
            answer_error(request, TRIB_E_NOT_FOUND, "no such federation; apply one first");
        } else {
            handle_federation(core, member, rest + length, request);
        }
    } else if (!get && strncmp(path, gateways, sizeof gateways - 1) == 0) {
        revoke_gateway(core, path + sizeof gateways - 1, request);
    } else if (get && strncmp(path, models, sizeof models - 1) == 0) {
        get_model(core, path + sizeof models - 1, request);
    } else {
        answer_error(request, TRIB_E_NOT_FOUND, "there is nothing at this path");
    }
}
