/* What everybody hears: signed, retained notices, and the sealed objects they name.
 *
 * An object's chunks go out first; the notice that names it waits until the broker has answered for
 * all of them. Superseded chunks are cleared from the broker, from a list that survives a restart.
 */
#include <stdio.h>
#include <string.h>

#include "cloud/app/core.h"
#include "common/seal/envelope.h"
#include "common/seal/object.h"

enum { NOTICE_ROOM = TRIB_DOCUMENT_MAX_BYTES + 2048 };

static trib_status publish_signed(cloud_core *core, const cloud_live *live, trib_topic_kind kind,
                                  const char *purpose, const void *fields, const void *message) {
    TRIB_SCOPED(trib_free_scoped) uint8_t *storage = trib_allocate(2, NOTICE_ROOM);
    if (storage == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a notice");
    }
    char topic[TRIB_TOPIC_SIZE];
    trib_topic where = {.kind = kind};
    memcpy(where.federation, live->name, sizeof where.federation);
    trib_topic_format(&where, topic);
    trib_writer body = trib_writer_of(storage, NOTICE_ROOM);
    trib_writer envelope = trib_writer_of(storage + NOTICE_ROOM, NOTICE_ROOM);
    TRIB_TRY(trib_wire_encode(fields, message, &body));
    TRIB_TRY(trib_envelope_seal(core->crypto, &core->secrets.signing.secret,
                                core->secrets.signing_id.text, purpose, trib_written(&body),
                                &envelope));
    core->signatures++;
    return trib_mqtt_publish(core->mqtt, topic, trib_written(&envelope), true);
}

static void object_topic(const cloud_live *live, const uint8_t id[16], uint32_t chunk,
                         char *ret_text) {
    trib_topic where = {.kind = TRIB_TOPIC_ALL_OBJECT, .chunk = chunk};
    memcpy(where.federation, live->name, sizeof where.federation);
    memcpy(where.object_id, id, sizeof where.object_id);
    trib_topic_format(&where, ret_text);
}

static cloud_published *find_published(cloud_member *member, const uint8_t *id) {
    for (size_t i = 0; i < member->published_count; i++) {
        if (memcmp(member->published[i].id, id, 16) == 0) {
            return &member->published[i];
        }
    }
    return NULL;
}

static trib_status publish_chunks(cloud_core *core, cloud_member *member,
                                  const trib_wire_Object *object, const trib_object_key *key,
                                  trib_bytes plain) {
    TRIB_SCOPED(trib_free_scoped)
    uint8_t *sealed = trib_allocate(TRIB_OBJECT_CHUNK_BYTES + TRIB_AEAD_TAG_BYTES, 1);
    if (sealed == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a chunk");
    }
    for (uint32_t i = 0; i < trib_object_chunk_count(object); i++) {
        char topic[TRIB_TOPIC_SIZE];
        object_topic(member->live, object->id.bytes, i, topic);
        TRIB_TRY(trib_object_seal_chunk(core->crypto, key, object, i, plain, sealed));
        size_t size = trib_object_chunk_size(object, i) + TRIB_AEAD_TAG_BYTES;
        TRIB_TRY(trib_mqtt_publish(core->mqtt, topic, trib_bytes_of(sealed, size), true));
    }
    return TRIB_SUCCESS;
}

/* The model at hand, stored anew, if it is the one that is asked for. */
static trib_status mend_object(cloud_core *core, const cloud_live *live,
                               const cloud_digest *digest) {
    TRIB_SCOPED(trib_buffer_deinit)
    trib_buffer file = {.ceiling = trib_model_object_ceiling(live->federation)};
    cloud_digest model, served;
    TRIB_TRY(trib_model_write(live->course.model, &file));
    TRIB_TRY(core->objects->put(core->objects, trib_buffer_view(&file), &model));
    trib_buffer_clear(&file);
    TRIB_TRY(trib_course_write_served(&live->course, &file));
    TRIB_TRY(core->objects->put(core->objects, trib_buffer_view(&file), &served));
    if (memcmp(model.bytes, digest->bytes, sizeof model.bytes) != 0 &&
        memcmp(served.bytes, digest->bytes, sizeof served.bytes) != 0) {
        return TRIB_FAIL(TRIB_E_CORRUPT, "a model's file is damaged, and it is none of those at "
                                         "hand: restore it, or release another");
    }
    trib_log(TRIB_LOG_WARN, "a model's file was damaged; stored anew", "federation=%s", live->name);
    return TRIB_SUCCESS;
}

static trib_status read_object(cloud_core *core, const cloud_live *live, const cloud_digest *digest,
                               trib_buffer *ret_file) {
    trib_status status = core->objects->get(core->objects, digest, ret_file);
    if (status.code != TRIB_E_CORRUPT && status.code != TRIB_E_NOT_FOUND) {
        return status;
    }
    TRIB_TRY(mend_object(core, live, digest));
    return core->objects->get(core->objects, digest, ret_file);
}

/* Clears the chunks of all objects but two, those that current notices name. */
static void clear_superseded(cloud_core *core, cloud_member *member, const uint8_t *base,
                             const uint8_t *released) {
    for (size_t i = 0; i < member->published_count;) {
        cloud_published entry = member->published[i];
        if ((base != NULL && memcmp(entry.id, base, 16) == 0) ||
            (released != NULL && memcmp(entry.id, released, 16) == 0)) {
            i++;
            continue;
        }
        for (uint32_t chunk = 0; chunk < entry.chunks; chunk++) {
            char topic[TRIB_TOPIC_SIZE];
            object_topic(member->live, entry.id, chunk, topic);
            if (!trib_ok(trib_mqtt_publish(core->mqtt, topic, (trib_bytes){NULL, 0}, true))) {
                return; /* later */
            }
        }
        trib_ignore(cloud_registry_forget_published(core->registry, member->live->name, entry.id));
        member->published[i] = member->published[--member->published_count];
    }
}

/* A model's object that was published on this connection and described under the current epoch. */
static const cloud_published *find_described(const cloud_member *member,
                                             const cloud_digest *model) {
    for (size_t i = 0; i < member->published_count; i++) {
        const cloud_published *entry = &member->published[i];
        if (entry->here && entry->described.epoch == member->live->epoch &&
            memcmp(entry->model.bytes, model->bytes, sizeof model->bytes) == 0) {
            return entry;
        }
    }
    return NULL;
}

/* Describes a stored model under the current epoch, publishing its chunks if they are not there.
 * `other`: the id of the other object that is named, if it is known. Starts that died between an
 * object and its notice, one after the other, leave a full list of what nobody will ever name. */
static trib_status ensure_object(cloud_core *core, cloud_member *member, const cloud_digest *digest,
                                 const uint8_t *other, trib_wire_Object *ret_object) {
    TRIB_SCOPED(trib_buffer_deinit)
    trib_buffer file = {.ceiling = trib_model_object_ceiling(member->live->federation)};
    trib_object_key key;
    const cloud_published *described = find_described(member, digest);
    if (described != NULL) {
        *ret_object = described->described;
        return TRIB_SUCCESS;
    }
    TRIB_TRY(read_object(core, member->live, digest, &file));
    TRIB_TRY(trib_object_describe(core->crypto, &core->secrets.master, member->live->name,
                                  member->live->epoch, trib_buffer_view(&file), &key, ret_object));
    cloud_published *entry = find_published(member, ret_object->id.bytes);
    if (entry != NULL && entry->here) {
        entry->described = *ret_object; /* the epoch is another */
        return TRIB_SUCCESS;
    }
    if (entry == NULL) {
        if (member->published_count == CLOUD_MAX_PUBLISHED) {
            clear_superseded(core, member, ret_object->id.bytes, other);
        }
        if (member->published_count == CLOUD_MAX_PUBLISHED) {
            return TRIB_FAIL(TRIB_E_RETRY, "superseded objects are still being cleared");
        }
        entry = &member->published[member->published_count];
        *entry = (cloud_published){.chunks = trib_object_chunk_count(ret_object)};
        memcpy(entry->id, ret_object->id.bytes, sizeof entry->id);
        TRIB_TRY(cloud_registry_note_published(core->registry, member->live->name, entry->id,
                                               entry->chunks));
        member->published_count++;
    }
    if (trib_mqtt_reached(core->mqtt, member->mark)) {
        member->not_sent = trib_mqtt_counted(core->mqtt).not_sent;
    }
    TRIB_TRY(publish_chunks(core, member, ret_object, &key, trib_buffer_view(&file)));
    entry->here = true;
    entry->model = *digest;
    entry->described = *ret_object;
    member->mark = trib_mqtt_mark(core->mqtt);
    return TRIB_SUCCESS;
}

static trib_status publish_federation(cloud_core *core, cloud_member *member) {
    cloud_live *live = member->live;
    trib_wire_Federation notice = trib_wire_Federation_init_zero;
    trib_bytes document = trib_buffer_view(&live->document);
    memcpy(notice.federation, live->name, sizeof notice.federation);
    notice.incarnation = core->incarnation;
    notice.revision = live->revision;
    trib_wire_put(&notice.document, &document);
    TRIB_WIRE_SET_BYTES(notice.agreement_key, core->secrets.agreement.public.bytes,
                        TRIB_PUBLIC_KEY_BYTES);
    notice.epoch = live->epoch;
    notice.time_ms = trib_wall_ms(core->clock);
    notice.boot = core->boot;
    return publish_signed(core, live, TRIB_TOPIC_ALL_FEDERATION, "federation",
                          trib_wire_Federation_fields, &notice);
}

static void fill_round(cloud_core *core, const cloud_live *live, trib_wire_Round *notice) {
    const trib_round_plan *plan = &live->round.plan;
    memcpy(notice->federation, live->name, sizeof notice->federation);
    notice->round = plan->number;
    notice->kind = plan->statistics ? trib_wire_RoundKind_ROUND_KIND_STATISTICS
                                    : trib_wire_RoundKind_ROUND_KIND_TRAINING;
    notice->open = live->round_open;
    notice->revision = live->revision;
    notice->max_updates = live->bounds.max_updates;
    notice->max_weight = live->bounds.max_weight;
    notice->clip_norm = live->bounds.clip_norm;
    notice->grid_exponent = live->bounds.grid_exponent;
    notice->fraction_ppm = plan->fraction_ppm;
    TRIB_WIRE_SET_BYTES(notice->salt, plan->salt, sizeof plan->salt);
    notice->remaining_ms =
        live->round_open ? trib_round_wait_ms(&live->round, trib_monotonic_ms(core->clock)) : 0;
    notice->closed_through = live->closed_through;
    notice->abandoned = live->abandoned;
    notice->ordinal = plan->ordinal;
}

static trib_status publish_release(cloud_core *core, cloud_member *member,
                                   const trib_wire_Object *model) {
    cloud_live *live = member->live;
    trib_wire_Release notice = trib_wire_Release_init_zero;
    memcpy(notice.federation, live->name, sizeof notice.federation);
    notice.release = live->release.number;
    notice.round = live->release.round;
    notice.has_model = true;
    notice.model = *model;
    TRIB_WIRE_SET_BYTES(notice.pipeline_hash, live->course.model->lineage.pipeline,
                        TRIB_HASH_BYTES);
    TRIB_WIRE_SET_BYTES(notice.lineage, live->course.model->lineage.meaning, TRIB_HASH_BYTES);
    return publish_signed(core, live, TRIB_TOPIC_ALL_RELEASE, "release", trib_wire_Release_fields,
                          &notice);
}

/* The retained notice is of another lineage's model, whose chunks are cleared. */
static trib_status clear_release(cloud_core *core, const cloud_live *live) {
    char topic[TRIB_TOPIC_SIZE];
    trib_topic where = {.kind = TRIB_TOPIC_ALL_RELEASE};
    memcpy(where.federation, live->name, sizeof where.federation);
    trib_topic_format(&where, topic);
    return trib_mqtt_publish(core->mqtt, topic, (trib_bytes){NULL, 0}, true);
}

/* Whether the broker has all chunks. It may have refused some: they are published again later, and
 * no notice names them before. */
static trib_status check_chunks(cloud_core *core, cloud_member *member) {
    if (!trib_mqtt_reached(core->mqtt, member->mark)) {
        return TRIB_FAIL(TRIB_E_RETRY, "chunks are on their way");
    }
    if (trib_mqtt_counted(core->mqtt).not_sent == member->not_sent) {
        return TRIB_SUCCESS;
    }
    for (size_t i = 0; i < member->published_count; i++) {
        member->published[i].here = false;
    }
    member->retry_ms = trib_monotonic_ms(core->clock) + CLOUD_REPUBLISH_MS;
    return TRIB_FAIL(TRIB_E_IO, "the broker did not take every chunk: again in %d s",
                     CLOUD_REPUBLISH_MS / 1000);
}

/* Both notices that name objects go out together, so that clearing knows all that is named. */
static trib_status publish_objects(cloud_core *core, cloud_member *member) {
    cloud_live *live = member->live;
    trib_wire_Object base = trib_wire_Object_init_zero, released = trib_wire_Object_init_zero;
    bool has_base = live->round_open && !live->round.plan.statistics;
    bool has_release = live->release.number > 0;
    if (has_base) {
        TRIB_TRY(ensure_object(core, member, &live->base, NULL, &base));
    }
    if (has_release) {
        TRIB_TRY(ensure_object(core, member, &live->release.model, has_base ? base.id.bytes : NULL,
                               &released));
    }
    TRIB_TRY(check_chunks(core, member));
    if (member->round_due && live->round.plan.number > 0) {
        trib_wire_Round notice = trib_wire_Round_init_zero;
        fill_round(core, live, &notice);
        notice.has_base = has_base;
        notice.base = base;
        TRIB_TRY(publish_signed(core, live, TRIB_TOPIC_ALL_ROUND, "round", trib_wire_Round_fields,
                                &notice));
    }
    member->round_due = false;
    if (member->release_due && has_release) {
        TRIB_TRY(publish_release(core, member, &released));
    }
    if (member->release_due && !has_release && live->release_count > 0) {
        TRIB_TRY(clear_release(core, live));
    }
    member->release_due = false;
    clear_superseded(core, member, has_base ? base.id.bytes : NULL,
                     has_release ? released.id.bytes : NULL);
    return TRIB_SUCCESS;
}

void cloud_publish_due(cloud_core *core) {
    uint64_t now = trib_monotonic_ms(core->clock);
    if (!trib_mqtt_connected(core->mqtt)) {
        return;
    }
    for (size_t i = 0; i < core->member_count; i++) {
        cloud_member *member = &core->members[i];
        if (member->federation_due && trib_ok(publish_federation(core, member))) {
            member->federation_due = false;
        }
        if (member->retry_ms > now) {
            continue;
        }
        member->retry_ms = 0;
        if ((member->round_due || member->release_due) && !member->federation_due) {
            trib_status status = publish_objects(core, member);
            if (!trib_ok(status) && status.code != TRIB_E_RETRY) {
                trib_log(TRIB_LOG_ERROR, "notice not published", "federation=%s why=%s",
                         member->live->name, trib_message());
            }
        }
    }
}

void cloud_all_due(cloud_core *core) {
    for (size_t i = 0; i < core->member_count; i++) {
        cloud_member *member = &core->members[i];
        member->federation_due = member->round_due = member->release_due = true;
        member->mark = member->retry_ms = 0;
        member->not_sent = trib_mqtt_counted(core->mqtt).not_sent;
        for (size_t j = 0; j < member->published_count; j++) {
            member->published[j].here = false;
        }
    }
}
