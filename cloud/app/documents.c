/* Federation documents: applied at once, or from the next round on.
 *
 * What an open round asks of its gateways does not change under them: a document of the same
 * lineage waits until no round is open. One of another lineage ends the open round.
 */
#include <string.h>

#include "cloud/app/core.h"

static trib_status same_lineage(cloud_core *core, const trib_federation *left,
                                const trib_federation *right, bool *ret_same) {
    trib_lineage a, b;
    TRIB_TRY(trib_federation_lineage(core->crypto, left, &a));
    TRIB_TRY(trib_federation_lineage(core->crypto, right, &b));
    *ret_same = memcmp(&a, &b, sizeof a) == 0;
    return TRIB_SUCCESS;
}

typedef struct document {
    const char *federation;
    uint64_t revision;
    bool new_lineage;
    trib_bytes text;
} document;

/* Into the ledger and the state, as what is in force or as what waits. */
static trib_status record_document(cloud_core *core, cloud_record_Type type, const document *made) {
    cloud_record_Federation record = cloud_record_Federation_init_zero;
    memcpy(record.federation, made->federation, strlen(made->federation) + 1);
    record.revision = made->revision;
    record.time_ms = trib_wall_ms(core->clock);
    record.new_lineage = made->new_lineage;
    trib_wire_put(&record.document, &made->text);
    uint64_t position;
    TRIB_TRY(
        cloud_append(core, (uint32_t)type, cloud_record_Federation_fields, &record, &position));
    trib_bytes payload = trib_buffer_view(&core->scratch);
    const cloud_record made_record = {
        .position = position, .type = (uint32_t)type, .payload = payload};
    return cloud_fail(core, cloud_apply(core, &made_record));
}

static trib_status put_in_force(cloud_core *core, const document *made) {
    TRIB_TRY(record_document(core, cloud_record_Type_TYPE_FEDERATION, made));
    cloud_member *member = cloud_find(core, made->federation);
    member->federation_due = member->round_due = true;
    member->release_due = member->release_due || made->new_lineage;
    trib_log(TRIB_LOG_INFO, "federation applied", "federation=%s revision=%llu lineage=%s",
             made->federation, (unsigned long long)made->revision,
             made->new_lineage ? "new" : "same");
    return TRIB_SUCCESS;
}

bool cloud_promote_document(cloud_core *core, cloud_member *member) {
    cloud_live *live = member->live;
    if (live->round_open || live->pending_revision == 0) {
        return true;
    }
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = TRIB_DOCUMENT_MAX_BYTES};
    trib_status status = trib_buffer_append(&text, trib_buffer_view(&live->pending));
    if (trib_ok(status)) {
        status = put_in_force(core, &(document){.federation = live->name,
                                                .revision = live->pending_revision,
                                                .text = trib_buffer_view(&text)});
    }
    if (!trib_ok(status)) { /* tried again before the next round */
        trib_log(TRIB_LOG_ERROR, "waiting document not applied", "federation=%s why=%s", live->name,
                 trib_message());
    }
    return trib_ok(status);
}

static uint64_t next_revision(const cloud_live *live) {
    return (live->pending_revision > live->revision ? live->pending_revision : live->revision) + 1;
}

trib_status cloud_apply_document(cloud_core *core, const char *name, trib_bytes text,
                                 cloud_applied *ret_applied) {
    TRIB_SCOPED(trib_free_scoped) trib_federation *parsed = trib_allocate(1, sizeof *parsed);
    if (parsed == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a federation");
    }
    TRIB_TRY(trib_federation_parse(name, text, parsed));
    TRIB_TRY(cloud_complete_rounds(core));
    cloud_member *member = cloud_find(core, parsed->name);
    if (member == NULL && core->member_count == CLOUD_MAX_FEDERATIONS) {
        return TRIB_FAIL(TRIB_E_LIMIT, "this cloud runs %d federations already",
                         CLOUD_MAX_FEDERATIONS);
    }
    bool same = false;
    if (member != NULL && member->live->revision > 0) {
        TRIB_TRY(same_lineage(core, member->live->federation, parsed, &same));
    }
    if (!same) { /* what cannot begin must not come into the ledger */
        trib_course course;
        TRIB_TRY(trib_course_init(&course, core->crypto, parsed));
        trib_course_deinit(&course);
    }
    const document made = {.federation = parsed->name,
                           .revision = member != NULL ? next_revision(member->live) : 1,
                           .new_lineage = !same,
                           .text = text};
    cloud_applied applied = {.revision = made.revision, .new_lineage = !same};
    memcpy(applied.federation, parsed->name, sizeof applied.federation);
    if (member != NULL && same && member->live->round_open) {
        applied.waits = true;
        TRIB_TRY(record_document(core, cloud_record_Type_TYPE_PENDING, &made));
        trib_log(TRIB_LOG_INFO, "federation applied from the next round on",
                 "federation=%s revision=%llu", parsed->name, (unsigned long long)made.revision);
    } else {
        if (member != NULL && member->live->round_open) {
            TRIB_TRY(
                cloud_abandon_round(core, member, "a document with another lineage was applied"));
        }
        TRIB_TRY(put_in_force(core, &made));
        cloud_consider_round(core, cloud_find(core, parsed->name));
    }
    *ret_applied = applied;
    return TRIB_SUCCESS;
}
