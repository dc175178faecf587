/* Rounds open, close, and become models and releases. */
#include <stdio.h>
#include <string.h>

#include "cloud/app/core.h"

enum { CLOUD_SALTS = 16 }; /* drawn at most for a round */

static trib_status fill_selection(cloud_core *core, cloud_live *live, trib_round_plan *plan) {
    bool statistics = live->course.stage == TRIB_STAGE_STATISTICS;
    trib_round_select(&live->federation->rounds, statistics, cloud_live_members(live), plan);
    plan->number = trib_round_number(core->incarnation, live->round_count + 1);
    plan->ordinal = statistics ? 0 : live->course.model->round + 1;
    /* A salt that selects fewer than the quorum makes a round that can only be abandoned. */
    for (int i = 0; i < CLOUD_SALTS; i++) {
        TRIB_TRY(core->crypto->random(plan->salt, sizeof plan->salt));
        if (cloud_live_selected(live, core->crypto, plan) >= plan->quorum) {
            break;
        }
    }
    return TRIB_SUCCESS;
}

/* A round of training starts from a model that is stored: of round 0 as drawn from the seed, if the
 * federation does not normalise. */
static trib_status ensure_base(cloud_core *core, cloud_live *live) {
    if (live->has_model) {
        return TRIB_SUCCESS;
    }
    TRIB_SCOPED(trib_buffer_deinit)
    trib_buffer file = {.ceiling = trib_model_file_ceiling(live->federation)};
    TRIB_TRY(trib_model_write(live->course.model, &file));
    return core->objects->put(core->objects, trib_buffer_view(&file), &live->base);
}

static trib_status open_round(cloud_core *core, cloud_member *member) {
    cloud_live *live = member->live;
    trib_round_plan plan = {.number = 0};
    cloud_record_RoundOpened record = cloud_record_RoundOpened_init_zero;
    TRIB_TRY(fill_selection(core, live, &plan));
    trib_fold_bounds bounds = trib_course_bounds(&live->course, plan.expected);
    memcpy(record.federation, live->name, sizeof record.federation);
    record.round = plan.number;
    record.statistics = plan.statistics;
    record.ordinal = plan.ordinal;
    record.expected = plan.expected;
    record.quorum = plan.quorum;
    record.fraction_ppm = plan.fraction_ppm;
    TRIB_WIRE_SET_BYTES(record.salt, plan.salt, sizeof plan.salt);
    record.deadline_ms = plan.deadline_ms;
    record.max_weight = plan.max_weight;
    record.clip_norm = bounds.clip_norm;
    record.grid_exponent = bounds.grid_exponent;
    record.time_ms = trib_wall_ms(core->clock);
    if (!plan.statistics) {
        TRIB_TRY(ensure_base(core, live));
        TRIB_WIRE_SET_BYTES(record.base_digest, live->base.bytes, TRIB_HASH_BYTES);
    }
    uint64_t position;
    TRIB_TRY(cloud_append(core, cloud_record_Type_TYPE_ROUND_OPENED,
                          cloud_record_RoundOpened_fields, &record, &position));
    TRIB_TRY(cloud_fail(
        core, cloud_live_apply_opened(live, &record, position, trib_monotonic_ms(core->clock))));
    (void)cloud_live_recount(live, core->crypto); /* the hash selects about as many as are wanted */
    member->damaged = member->recount_due = false;
    member->pending = TRIB_ACTION_NONE;
    member->round_due = true;
    trib_log(TRIB_LOG_INFO, "round opened",
             "federation=%s round=%llu ordinal=%u kind=%s expected=%u", live->name,
             (unsigned long long)plan.number, plan.ordinal,
             plan.statistics ? "statistics" : "training", plan.expected);
    return TRIB_SUCCESS;
}

void cloud_consider_round(cloud_core *core, cloud_member *member) {
    cloud_live *live = member->live;
    member->open_ms = 0;
    if (!cloud_promote_document(core, member)) {
        member->open_ms = trib_monotonic_ms(core->clock) + CLOUD_OPEN_RETRY_MS;
        return;
    }
    /* The first round waits for its gateways; later ones go on with those that are left. */
    uint32_t members = cloud_live_members(live);
    uint32_t needed = live->round_count == 0 ? live->federation->rounds.gateways
                                             : live->federation->rounds.quorum;
    if (live->round_open || live->revision == 0 || live->course.stage == TRIB_STAGE_DONE ||
        members == 0 || members < needed) {
        return;
    }
    trib_status status = open_round(core, member);
    if (!trib_ok(status)) {
        member->open_ms = trib_monotonic_ms(core->clock) + CLOUD_OPEN_RETRY_MS;
        trib_log(TRIB_LOG_ERROR, "round not opened; tried again", "federation=%s why=%s",
                 live->name, trib_message());
    }
}

/* Everyone's statistics in the order of their names, which the table keeps. */
static trib_status close_statistics(cloud_live *live) {
    TRIB_SCOPED(trib_free_scoped)
    trib_bytes *packed = trib_allocate(live->gateways.count, sizeof *packed);
    if (packed == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %zu statistics", live->gateways.count);
    }
    size_t count = 0;
    for (size_t i = 0; i < live->gateways.count; i++) {
        const cloud_gateway *gateway = live->gateways.gateways[i];
        if (gateway->statistics != NULL && gateway->counted_round == live->round.plan.number) {
            packed[count++] = trib_bytes_of(gateway->statistics, gateway->statistics_size);
        }
    }
    return trib_course_close_statistics(&live->course, packed, count);
}

static trib_status store(cloud_core *core, const cloud_live *live,
                         cloud_record_RoundClosed *record) {
    size_t ceiling = trib_model_object_ceiling(live->federation);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = ceiling};
    cloud_digest model, served, strategy;
    TRIB_TRY(trib_model_write(live->course.model, &file));
    TRIB_TRY(core->objects->put(core->objects, trib_buffer_view(&file), &model));
    trib_buffer_clear(&file);
    TRIB_TRY(trib_course_write_served(&live->course, &file));
    TRIB_TRY(core->objects->put(core->objects, trib_buffer_view(&file), &served));
    trib_buffer_clear(&file);
    TRIB_TRY(trib_strategy_write(&live->course.strategy, &file));
    TRIB_TRY(core->objects->put(core->objects, trib_buffer_view(&file), &strategy));
    TRIB_WIRE_SET_BYTES(record->model_digest, model.bytes, TRIB_HASH_BYTES);
    TRIB_WIRE_SET_BYTES(record->served_digest, served.bytes, TRIB_HASH_BYTES);
    TRIB_WIRE_SET_BYTES(record->strategy_digest, strategy.bytes, TRIB_HASH_BYTES);
    return TRIB_SUCCESS;
}

static void init_closed(cloud_core *core, const cloud_live *live,
                        cloud_record_RoundClosed *record) {
    *record = (cloud_record_RoundClosed)cloud_record_RoundClosed_init_zero;
    memcpy(record->federation, live->name, sizeof record->federation);
    record->round = live->round.plan.number;
    record->updates = live->round.accepted;
    record->weight = live->round.weight;
    record->loss = live->round.weight > 0 ? live->loss_sum / (double)live->round.weight : 0;
    record->bytes_up = live->bytes_up;
    record->time_ms = trib_wall_ms(core->clock);
}

static trib_status append_closed(cloud_core *core, cloud_member *member,
                                 const cloud_record_RoundClosed *record) {
    uint64_t position;
    TRIB_TRY(cloud_append(core, cloud_record_Type_TYPE_ROUND_CLOSED,
                          cloud_record_RoundClosed_fields, record, &position));
    cloud_live_apply_closed(member->live, record);
    member->pending = TRIB_ACTION_NONE; /* whatever it was, it was this round's */
    member->round_due = true;
    return TRIB_SUCCESS;
}

trib_status cloud_abandon_round(cloud_core *core, cloud_member *member, const char *reason) {
    cloud_live *live = member->live;
    cloud_record_RoundClosed record;
    init_closed(core, live, &record);
    record.abandoned = true;
    (void)snprintf(record.reason, sizeof record.reason, "%s", reason);
    trib_log(TRIB_LOG_WARN, "round abandoned",
             "federation=%s round=%llu updates=%u quorum=%u why=%s", live->name,
             (unsigned long long)record.round, record.updates, live->round.plan.quorum, reason);
    TRIB_SCOPED(trib_free_scoped)
    cloud_gateway **counted = trib_allocate(live->gateways.count, sizeof *counted);
    size_t count = 0;
    for (size_t i = 0; counted != NULL && i < live->gateways.count; i++) {
        if (live->gateways.gateways[i]->counted_round == record.round) {
            counted[count++] = live->gateways.gateways[i];
        }
    }
    TRIB_TRY(append_closed(core, member, &record));
    TRIB_TRY(cloud_settle(core));
    for (size_t i = 0; i < count; i++) { /* whoever was counted is told that it is not */
        cloud_reply reply = {live, counted[i], trib_wire_Receipt_init_zero};
        reply.receipt.round = record.round;
        reply.receipt.verdict = trib_wire_Verdict_VERDICT_ABANDONED;
        TRIB_WIRE_SET_BYTES(reply.receipt.digest, counted[i]->counted_digest, TRIB_HASH_BYTES);
        memcpy(reply.receipt.reason, record.reason, sizeof reply.receipt.reason);
        cloud_send_receipt(core, &reply);
    }
    return TRIB_SUCCESS;
}

static trib_status close_round(cloud_core *core, cloud_member *member) {
    cloud_live *live = member->live;
    cloud_record_RoundClosed record;
    init_closed(core, live, &record);
    bool statistics = live->round.plan.statistics;
    trib_status status =
        statistics ? close_statistics(live) : trib_course_close_training(&live->course, live->sum);
    if (!trib_ok(status)) {
        char why[120];
        (void)snprintf(why, sizeof why, "%.119s", trib_message());
        return cloud_abandon_round(core, member, why);
    }
    TRIB_TRY(store(core, live, &record));
    trib_log(TRIB_LOG_INFO, "round closed",
             "federation=%s round=%llu ordinal=%u updates=%u weight=%llu loss=%.4f", live->name,
             (unsigned long long)record.round, live->round.plan.ordinal, record.updates,
             (unsigned long long)record.weight, record.loss);
    TRIB_TRY(append_closed(core, member, &record));
    member->closed = true;
    if (!statistics && live->federation->release_every_round) {
        return cloud_release_model(core, member, &live->served, live->course.model->round);
    }
    return TRIB_SUCCESS;
}

trib_status cloud_release_model(cloud_core *core, cloud_member *member, const cloud_digest *model,
                                uint32_t ordinal) {
    cloud_live *live = member->live;
    cloud_record_Release record = cloud_record_Release_init_zero;
    memcpy(record.federation, live->name, sizeof record.federation);
    record.release = trib_round_number(core->incarnation, (uint32_t)live->release_count + 1);
    record.round = live->closed_through;
    record.ordinal = ordinal;
    record.time_ms = trib_wall_ms(core->clock);
    TRIB_WIRE_SET_BYTES(record.model_digest, model->bytes, TRIB_HASH_BYTES);
    uint64_t position;
    TRIB_TRY(cloud_append(core, cloud_record_Type_TYPE_RELEASE, cloud_record_Release_fields,
                          &record, &position));
    cloud_live_apply_release(live, &record);
    member->release_due = true;
    return TRIB_SUCCESS;
}

trib_status cloud_mend_release(cloud_core *core, cloud_member *member) {
    const cloud_live *live = member->live;
    uint64_t trained = 0;
    if (!live->has_model || live->course.model->round == 0 ||
        !live->federation->release_every_round) {
        return TRIB_SUCCESS;
    }
    TRIB_TRY(cloud_registry_last_trained(core->registry, live->name, &trained));
    if (live->release.number != 0 && live->release.round >= trained) {
        return TRIB_SUCCESS; /* this round's own, or what somebody released since */
    }
    return cloud_release_model(core, member, &live->served, live->course.model->round);
}

void cloud_take_action(cloud_core *core, cloud_member *member, trib_round_action action,
                       const char *reason) {
    trib_status status = TRIB_SUCCESS;
    switch (action) {
    case TRIB_ACTION_NONE:
        return;
    case TRIB_ACTION_CLOSE:
        status = close_round(core, member);
        break;
    case TRIB_ACTION_ABANDON:
        status = cloud_abandon_round(core, member, reason);
        break;
    }
    if (trib_ok(status)) {
        cloud_consider_round(core, member);
    } else { /* state and ledger have parted: a restart closes the round, or makes its release */
        trib_log(TRIB_LOG_ERROR, "round not closed", "federation=%s why=%s", member->live->name,
                 trib_message());
        trib_ignore(cloud_fail(core, status));
    }
}

/* Who was counted is told, so it waits for the broker; nothing can come in before. */
static void give_up_damaged(cloud_core *core, cloud_member *member) {
    if (trib_mqtt_connected(core->mqtt)) {
        /* Its own updates may have closed it while they were read again: that asks for nothing. */
        (void)trib_round_step(&member->live->round,
                              &(trib_round_event){.kind = TRIB_EVENT_DAMAGED});
        /* Of a gap the ledger says itself; else what is lost, nobody can say. */
        bool of_before =
            core->gaps == 0 && member->live->round.plan.number >> 32 < core->incarnation;
        cloud_take_action(core, member, TRIB_ACTION_ABANDON,
                          of_before
                              ? "the cloud has lost records: it goes on in another incarnation"
                              : "its records in the ledger are damaged");
    }
}

static void tick(cloud_core *core, cloud_member *member, uint64_t now) {
    cloud_live *live = member->live;
    if (live->round_open && member->damaged) {
        give_up_damaged(core, member);
        return;
    }
    if (!live->round_open && member->open_ms != 0 && member->open_ms <= now) {
        cloud_consider_round(core, member);
        return;
    }
    trib_round_action action = member->pending;
    member->pending = TRIB_ACTION_NONE;
    if (live->round_open && action == TRIB_ACTION_NONE && member->recount_due) {
        action = cloud_live_recount(live, core->crypto);
    }
    member->recount_due = false;
    if (live->round_open && action == TRIB_ACTION_NONE) {
        action = trib_round_step(&live->round,
                                 &(trib_round_event){.kind = TRIB_EVENT_TICK, .now_ms = now});
    }
    cloud_take_action(core, member, action, "fewer updates than the quorum at the deadline");
}

void cloud_tick(cloud_core *core) {
    uint64_t now = trib_monotonic_ms(core->clock);
    for (size_t i = 0; i < core->member_count && !core->failed; i++) {
        tick(core, &core->members[i], now);
    }
}

trib_status cloud_complete_rounds(cloud_core *core) {
    TRIB_TRY(cloud_settle(core));
    cloud_tick(core);
    return core->failed ? TRIB_FAIL(TRIB_E_IO, "a round could not be closed: a restart recovers")
                        : TRIB_SUCCESS;
}

uint64_t cloud_tick_wait_ms(const cloud_core *core) {
    uint64_t now = trib_monotonic_ms(core->clock), least = 1000;
    for (size_t i = 0; i < core->member_count; i++) {
        const cloud_member *member = &core->members[i];
        if (member->live->round_open && member->damaged) {
            continue; /* until the broker is there: an event says so */
        }
        if (member->live->round_open) {
            uint64_t wait = trib_round_wait_ms(&member->live->round, now);
            least = wait < least ? wait : least;
        }
        least = member->pending != TRIB_ACTION_NONE ? 0 : least;
    }
    return least;
}

/* Equal states are one file, also of federations that know nothing of each other. */
static bool goes_on_from(const cloud_core *core, const cloud_digest *strategy) {
    for (size_t i = 0; i < core->member_count; i++) {
        const cloud_live *live = core->members[i].live;
        if (live->has_model &&
            memcmp(live->strategy.bytes, strategy->bytes, sizeof strategy->bytes) == 0) {
            return true;
        }
    }
    return false;
}

void cloud_prune(cloud_core *core) {
    for (size_t i = 0; i < core->member_count; i++) {
        cloud_member *member = &core->members[i];
        cloud_digest old;
        bool found = false;
        if (!member->closed) {
            continue;
        }
        member->closed = false;
        trib_status status = cloud_registry_old_strategy(core->registry, member->live->name,
                                                         CLOUD_STRATEGIES, old.bytes, &found);
        if (trib_ok(status) && found && !goes_on_from(core, &old)) { /* the view may be behind */
            status = core->objects->remove(core->objects, &old);
        }
        if (!trib_ok(status)) { /* a file too many, that is all */
            trib_log(TRIB_LOG_WARN, "superseded state not taken away", "federation=%s why=%s",
                     member->live->name, trib_message());
        }
    }
}
