#include "common/signal/derive.h"

#include <math.h>
#include <string.h>

bool trib_derive_has_reference(trib_derive_kind kind) {
    return kind == TRIB_DERIVE_ALONG || kind == TRIB_DERIVE_ACROSS || kind == TRIB_DERIVE_DIRECTION;
}

size_t trib_derive_bytes(const trib_pipeline_spec *spec) {
    return trib_arena_room(spec->derive_count, sizeof(trib_derived));
}

static bool same_reference(const trib_derive_spec *left, const trib_derive_spec *right) {
    if (!trib_derive_has_reference(left->kind) || left->of_count != right->of_count ||
        left->rate < right->rate || left->rate > right->rate) {
        return false;
    }
    return memcmp(left->reference, right->reference, left->of_count * sizeof(uint32_t)) == 0;
}

trib_status trib_derive_init(trib_derive *derive, const trib_pipeline_spec *spec,
                             trib_arena *arena) {
    trib_derived *channels = trib_arena_take(arena, spec->derive_count, sizeof *channels);
    if (!channels) {
        return TRIB_FAIL(TRIB_E_LIMIT, "no room for %u derived channels",
                         (unsigned)spec->derive_count);
    }
    for (uint32_t d = 0; d < spec->derive_count; d++) {
        uint32_t shared = d;
        for (uint32_t earlier = d; earlier-- > 0;) {
            shared = same_reference(&spec->derives[earlier], &spec->derives[d]) ? earlier : shared;
        }
        channels[d] = (trib_derived){.shared = shared};
    }
    *derive = (trib_derive){.specs = spec->derives,
                            .source_count = spec->source_count,
                            .count = spec->derive_count,
                            .channels = channels};
    return TRIB_SUCCESS;
}

void trib_derive_reset(trib_derive *derive) {
    derive->started = false;
}

static float dot(const float *left, const float *right, uint32_t count) {
    float sum = left[0] * right[0] + left[1] * right[1];
    return count > 2 ? sum + left[2] * right[2] : sum;
}

static void follow(const trib_derive_spec *spec, const float *channels, bool started,
                   trib_derived *own) {
    for (uint32_t i = 0; i < spec->of_count; i++) {
        float x = channels[spec->reference[i]];
        own->mean[i] = started ? own->mean[i] + spec->rate * (x - own->mean[i]) : x;
    }
    float length = sqrtf(dot(own->mean, own->mean, spec->of_count));
    for (uint32_t i = 0; i < spec->of_count; i++) {
        own->unit[i] = length > 0.0f ? own->mean[i] / length : 0.0f;
    }
}

static float across(const float *vector, const float *unit, uint32_t count) {
    float along = dot(vector, unit, count);
    float rest[3] = {0};
    for (uint32_t i = 0; i < count; i++) {
        rest[i] = vector[i] - along * unit[i];
    }
    return sqrtf(dot(rest, rest, count));
}

static float derived_value(const trib_derive *derive, const trib_derive_spec *spec,
                           const float *channels, trib_derived *own) {
    const float *unit = derive->channels[own->shared].unit;
    float vector[3] = {0};
    for (uint32_t i = 0; i < spec->of_count && spec->kind != TRIB_DERIVE_DIRECTION; i++) {
        vector[i] = channels[spec->of[i]];
    }
    switch (spec->kind) {
    case TRIB_DERIVE_MAGNITUDE:
        return sqrtf(dot(vector, vector, spec->of_count));
    case TRIB_DERIVE_ALONG:
        return dot(vector, unit, spec->of_count);
    case TRIB_DERIVE_ACROSS:
        return across(vector, unit, spec->of_count);
    case TRIB_DERIVE_DIRECTION:
        return unit[spec->component];
    case TRIB_DERIVE_DIFFERENCE: {
        float difference = derive->started ? vector[0] - own->previous : 0.0f;
        own->previous = vector[0];
        return difference;
    }
    case TRIB_DERIVE_ABSOLUTE:
        return fabsf(vector[0]);
    }
    return 0.0f;
}

void trib_derive_apply(trib_derive *derive, float *channels) {
    for (uint32_t d = 0; d < derive->count; d++) {
        const trib_derive_spec *spec = &derive->specs[d];
        trib_derived *own = &derive->channels[d];
        if (own->shared == d && trib_derive_has_reference(spec->kind)) {
            follow(spec, channels, derive->started, own);
        }
        channels[derive->source_count + d] = derived_value(derive, spec, channels, own);
    }
    derive->started = true;
}
