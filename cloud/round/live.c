#include "cloud/round/live.h"

#include <string.h>

#include "common/signal/check.h"
#include "common/update/statistics.h"
#include "cloud/ingest/join.h"

trib_status cloud_live_create(const char *name, cloud_live **ret_live) {
    cloud_live *live = trib_allocate(1, sizeof *live);
    trib_federation *federation = trib_allocate(1, sizeof *federation);
    if (live == NULL || federation == NULL || !trib_topic_name_valid(name)) {
        trib_free(live);
        trib_free(federation);
        return TRIB_FAIL(TRIB_E_IO, "no memory for a federation");
    }
    memcpy(live->name, name, strlen(name) + 1);
    live->federation = federation;
    live->document.ceiling = live->pending.ceiling = TRIB_DOCUMENT_MAX_BYTES;
    live->gateways.ceiling = CLOUD_MAX_GATEWAYS;
    live->epoch = 1;
    *ret_live = live;
    return TRIB_SUCCESS;
}

void cloud_live_destroy(cloud_live *live) {
    if (live != NULL) {
        trib_course_deinit(&live->course);
        trib_fold_destroy(live->sum);
        cloud_gateway_table_deinit(&live->gateways);
        trib_buffer_deinit(&live->document);
        trib_buffer_deinit(&live->pending);
        trib_free(live->federation);
        trib_free(live);
    }
}

trib_status cloud_live_capable(const cloud_live *live, const trib_wire_Capabilities *capabilities) {
    const trib_federation *federation = live->federation;
    if (!(capabilities->codecs & 1u << federation->codec)) {
        return TRIB_FAIL(TRIB_E_DENIED, "the agent does not know the codec %d",
                         (int)federation->codec);
    }
    for (uint32_t i = 0; i < federation->model.layer_count; i++) {
        if (!(capabilities->layers & 1u << federation->model.layers[i].kind)) {
            return TRIB_FAIL(TRIB_E_DENIED, "the agent does not know the layer %s",
                             trib_layer_name(federation->model.layers[i].kind));
        }
    }
    uint32_t parameters = trib_federation_parameter_count(federation);
    return parameters <= capabilities->max_parameters
               ? TRIB_SUCCESS
               : TRIB_FAIL(TRIB_E_DENIED, "the model has %u parameters, the agent takes %u",
                           parameters, capabilities->max_parameters);
}

bool cloud_live_takes_part(const cloud_live *live, const cloud_gateway *gateway) {
    return gateway->generation > 0 && !gateway->revoked &&
           trib_ok(cloud_live_capable(live, &gateway->capabilities));
}

uint32_t cloud_live_members(const cloud_live *live) {
    uint32_t members = 0;
    for (size_t i = 0; i < live->gateways.count; i++) {
        members += cloud_live_takes_part(live, live->gateways.gateways[i]);
    }
    return members;
}

uint32_t cloud_live_online(const cloud_live *live) {
    uint32_t online = 0;
    for (size_t i = 0; i < live->gateways.count; i++) {
        online += live->gateways.gateways[i]->online && !live->gateways.gateways[i]->revoked;
    }
    return online;
}

/* Forgets what belongs to one round. */
static void clear_round(cloud_live *live) {
    for (size_t i = 0; i < live->gateways.count; i++) {
        trib_free(live->gateways.gateways[i]->statistics);
        live->gateways.gateways[i]->statistics = NULL;
        live->gateways.gateways[i]->statistics_size = 0;
    }
    trib_fold_destroy(live->sum);
    live->sum = NULL;
    live->loss_sum = 0;
    live->bytes_up = 0;
}

trib_status cloud_live_apply_federation(cloud_live *live, const trib_crypto *crypto,
                                        const cloud_record_Federation *record,
                                        trib_bytes document) {
    TRIB_SCOPED(trib_free_scoped) trib_federation *parsed = trib_allocate(1, sizeof *parsed);
    if (parsed == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a federation");
    }
    TRIB_TRY(trib_federation_parse(live->name, document, parsed));
    if (!record->new_lineage && live->course.model == NULL) { /* the one before it was damaged */
        return TRIB_FAIL(TRIB_E_CORRUPT, "document %llu of '%s' goes on with an unknown lineage",
                         (unsigned long long)record->revision, live->name);
    }
    if (record->new_lineage) {
        trib_course course;
        TRIB_TRY(trib_course_init(&course, crypto, parsed));
        trib_course_deinit(&live->course);
        live->course = course;
        live->has_model = false;
        live->round_open = false;
        /* What was released means something else; its number stays used (release_count). */
        live->release = (cloud_release_state){.number = 0};
        clear_round(live);
    } else {
        TRIB_TRY(trib_course_change(&live->course, parsed));
    }
    *live->federation = *parsed;
    live->revision = record->revision;
    live->pending_revision = 0;
    trib_buffer_clear(&live->pending);
    trib_buffer_clear(&live->document);
    return trib_buffer_append(&live->document, document);
}

trib_status cloud_live_apply_pending(cloud_live *live, const cloud_record_Federation *record,
                                     trib_bytes document) {
    trib_buffer_clear(&live->pending);
    TRIB_TRY(trib_buffer_append(&live->pending, document));
    live->pending_revision = record->revision;
    return TRIB_SUCCESS;
}

trib_status cloud_live_apply_join(cloud_live *live, const trib_crypto *crypto,
                                  const cloud_record_Join *record, trib_bytes envelope) {
    cloud_gateway *gateway;
    cloud_join join;
    TRIB_TRY(cloud_join_reread(crypto, envelope, &join));
    TRIB_TRY(cloud_gateway_add(&live->gateways, record->gateway, &gateway));
    uint8_t *copy = trib_allocate(envelope.size, 1);
    if (copy == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a join of %zu bytes", envelope.size);
    }
    memcpy(copy, envelope.data, envelope.size);
    trib_free(gateway->join);
    gateway->join = copy;
    gateway->join_size = envelope.size;
    gateway->enrolled_s = record->enrolled_s;
    gateway->generation = record->generation;
    gateway->session = record->session;
    gateway->joined_ms = record->time_ms;
    memcpy(gateway->serial, record->serial, sizeof gateway->serial);
    gateway->capabilities = join.message.capabilities;
    gateway->keyed = false;
    cloud_gateway_forget_assembly(gateway);
    return TRIB_SUCCESS;
}

trib_status cloud_live_apply_opened(cloud_live *live, const cloud_record_RoundOpened *record,
                                    uint64_t position, uint64_t now_ms) {
    if (record->salt.size != TRIB_SELECT_SALT_BYTES) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "a round without a salt");
    }
    trib_round_plan plan = {.number = record->round,
                            .statistics = record->statistics,
                            .ordinal = record->ordinal,
                            .expected = record->expected,
                            .quorum = record->quorum,
                            .fraction_ppm = record->fraction_ppm,
                            .deadline_ms = record->deadline_ms,
                            .max_weight = record->max_weight};
    memcpy(plan.salt, record->salt.bytes, sizeof plan.salt);
    clear_round(live);
    live->bounds = (trib_fold_bounds){.max_updates = record->expected,
                                      .max_weight = record->max_weight,
                                      .clip_norm = record->clip_norm,
                                      .grid_exponent = record->grid_exponent};
    if (!record->statistics) {
        TRIB_TRY(trib_fold_create(&live->bounds, live->course.model->parameter_count, &live->sum));
    }
    if (record->base_digest.size == TRIB_HASH_BYTES) {
        memcpy(live->base.bytes, record->base_digest.bytes, TRIB_HASH_BYTES);
    }
    trib_round_open(&live->round, &plan, now_ms);
    live->round_open = true;
    live->round_count = (uint32_t)record->round;
    live->opened_position = position;
    live->opened_wall_ms = record->time_ms;
    return TRIB_SUCCESS;
}

static trib_status keep_statistics(cloud_gateway *gateway, trib_bytes payload) {
    uint8_t *copy = trib_allocate(payload.size, 1);
    if (copy == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for statistics of %zu bytes", payload.size);
    }
    memcpy(copy, payload.data, payload.size);
    trib_free(gateway->statistics);
    gateway->statistics = copy;
    gateway->statistics_size = payload.size;
    return TRIB_SUCCESS;
}

trib_status cloud_live_apply_update(cloud_live *live, const cloud_record_Update *record,
                                    trib_bytes update, uint64_t position,
                                    trib_round_action *ret_action) {
    TRIB_SCOPED(trib_buffer_deinit)
    trib_buffer storage = {.ceiling = cloud_live_payload_ceiling(live)};
    cloud_update opened;
    cloud_gateway *gateway;
    TRIB_TRY(cloud_update_open(update, storage.ceiling, &storage, &opened));
    if (!live->round_open || opened.message.round != live->round.plan.number) {
        return TRIB_FAIL(TRIB_E_STATE, "an update of round %llu, which is not open",
                         (unsigned long long)opened.message.round);
    }
    TRIB_TRY(cloud_gateway_add(&live->gateways, record->gateway, &gateway));
    uint32_t weight = opened.message.examples;
    if (live->round.plan.statistics) {
        TRIB_TRY(keep_statistics(gateway, opened.payload));
    } else {
        trib_update_view view;
        TRIB_TRY(trib_update_open(opened.payload, &view));
        TRIB_TRY(trib_fold_add(live->sum, &view));
        weight = view.weight;
    }
    gateway->counted_round = opened.message.round;
    memcpy(gateway->counted_digest, record->digest.bytes, TRIB_HASH_BYTES);
    gateway->counted_position = position;
    gateway->counted_weight = weight;
    gateway->accepted++;
    live->loss_sum += (double)opened.message.loss * (double)weight;
    live->bytes_up += update.size;
    *ret_action = trib_round_step(
        &live->round, &(trib_round_event){.kind = TRIB_EVENT_ACCEPTED, .weight = weight});
    return TRIB_SUCCESS;
}

/* What was counted in an abandoned round is counted nowhere. */
static void forget_counted(cloud_live *live, uint64_t round) {
    for (size_t i = 0; i < live->gateways.count; i++) {
        if (live->gateways.gateways[i]->counted_round == round) {
            live->gateways.gateways[i]->counted_round = 0;
        }
    }
}

static void note_outcome(cloud_live *live, uint64_t round, bool abandoned) {
    uint64_t since = round - live->closed_through;
    live->abandoned = (since < 64 ? live->abandoned << since : 0) | abandoned;
    live->closed_through = round;
}

void cloud_live_apply_closed(cloud_live *live, const cloud_record_RoundClosed *record) {
    live->round_open = false;
    live->round.phase = record->abandoned ? TRIB_ROUND_ABANDONED : TRIB_ROUND_CLOSED;
    note_outcome(live, record->round, record->abandoned);
    if (!record->abandoned) {
        memcpy(live->base.bytes, record->model_digest.bytes, TRIB_HASH_BYTES);
        memcpy(live->served.bytes, record->served_digest.bytes, TRIB_HASH_BYTES);
        memcpy(live->strategy.bytes, record->strategy_digest.bytes, TRIB_HASH_BYTES);
        live->has_model = true;
    } else {
        forget_counted(live, record->round);
    }
    clear_round(live);
}

void cloud_live_apply_revoked(cloud_live *live, const cloud_record_Revoked *record) {
    cloud_gateway *gateway;
    if (trib_ok(cloud_gateway_add(&live->gateways, record->gateway, &gateway))) {
        live->epoch += !gateway->revoked;
        gateway->revoked = true;
        gateway->discarded = record->discard;
    }
}

void cloud_live_apply_release(cloud_live *live, const cloud_record_Release *record) {
    live->release.number = record->release;
    live->release.round = record->round;
    live->release.ordinal = record->ordinal;
    memcpy(live->release.model.bytes, record->model_digest.bytes, TRIB_HASH_BYTES);
    live->release_count = (uint32_t)record->release;
}

trib_status cloud_live_restore_course(cloud_live *live, const trib_crypto *crypto,
                                      cloud_object_store *objects) {
    bool trains = live->round_open && !live->round.plan.statistics;
    if (!live->has_model && !trains) {
        return TRIB_SUCCESS; /* as apply_federation left it: drawn from the seed */
    }
    size_t ceiling = trib_model_object_ceiling(live->federation);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer model = {.ceiling = ceiling};
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer strategy = {.ceiling = ceiling};
    TRIB_TRY(objects->get(objects, &live->base, &model));
    if (live->has_model) { /* else the close that made the base is lost: its strategy begins afresh
                            */
        TRIB_TRY(objects->get(objects, &live->strategy, &strategy));
    }
    trib_course course;
    TRIB_TRY(trib_course_restore(&course, crypto, live->federation, trib_buffer_view(&model),
                                 trib_buffer_view(&strategy)));
    trib_course_deinit(&live->course);
    live->course = course;
    return TRIB_SUCCESS;
}

static bool selects(const trib_crypto *crypto, const trib_round_plan *plan,
                    const cloud_gateway *gateway) {
    uint32_t selection = TRIB_SELECT_RANGE;
    trib_ignore(trib_select(crypto, plan->salt, gateway->name, plan->number, &selection));
    return selection < plan->fraction_ppm;
}

uint32_t cloud_live_selected(const cloud_live *live, const trib_crypto *crypto,
                             const trib_round_plan *plan) {
    uint32_t count = 0;
    for (size_t i = 0; i < live->gateways.count; i++) {
        const cloud_gateway *gateway = live->gateways.gateways[i];
        count += cloud_live_takes_part(live, gateway) && selects(crypto, plan, gateway);
    }
    return count;
}

trib_round_action cloud_live_recount(cloud_live *live, const trib_crypto *crypto) {
    const trib_round_plan *plan = &live->round.plan;
    uint32_t reachable = 0;
    if (!live->round_open) {
        return TRIB_ACTION_NONE;
    }
    for (size_t i = 0; i < live->gateways.count; i++) {
        const cloud_gateway *gateway = live->gateways.gateways[i];
        reachable += gateway->counted_round == plan->number ||
                     (cloud_live_takes_part(live, gateway) && selects(crypto, plan, gateway));
    }
    return trib_round_step(&live->round,
                           &(trib_round_event){.kind = TRIB_EVENT_REACHABLE, .count = reachable});
}

trib_status cloud_live_discard(cloud_live *live, cloud_gateway *gateway, trib_bytes update) {
    if (!live->round_open || gateway->counted_round != live->round.plan.number) {
        return TRIB_SUCCESS;
    }
    TRIB_SCOPED(trib_buffer_deinit)
    trib_buffer storage = {.ceiling = cloud_live_payload_ceiling(live)};
    cloud_update opened;
    TRIB_TRY(cloud_update_open(update, storage.ceiling, &storage, &opened));
    if (live->round.plan.statistics) {
        trib_free(gateway->statistics);
        gateway->statistics = NULL;
        gateway->statistics_size = 0;
    } else {
        trib_update_view view;
        TRIB_TRY(trib_update_open(opened.payload, &view));
        trib_fold_subtract(live->sum, &view);
    }
    live->loss_sum -= (double)opened.message.loss * (double)gateway->counted_weight;
    (void)trib_round_step(&live->round, &(trib_round_event){.kind = TRIB_EVENT_DISCARDED,
                                                            .weight = gateway->counted_weight});
    gateway->counted_round = 0;
    return TRIB_SUCCESS;
}
