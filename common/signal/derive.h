/* Channels worked out from others: magnitudes, parts along and across gravity, differences.
 *
 * g, the slow mean of a reference, starts at the recording's first row and then moves by
 * rate * (x - g) a row. g^ is its unit vector, or zero where g is zero. Channels that name the same
 * reference at the same rate share one g.
 *
 * owns     nothing: its storage comes from the arena; keeps a view of the spec's derives
 * errors   TRIB_E_LIMIT if the arena is too small
 * threads  one
 */
#ifndef TRIB_SIGNAL_DERIVE_H
#define TRIB_SIGNAL_DERIVE_H

#include "common/base/arena.h"
#include "common/signal/row.h"

typedef struct trib_derived {
    uint32_t shared; /* the derived channel that keeps this one's g: itself, or an earlier one */
    float mean[3];
    float unit[3];
    float previous; /* of difference */
} trib_derived;

typedef struct trib_derive {
    const trib_derive_spec *specs; /* not owned */
    uint32_t source_count;
    uint32_t count;
    bool started;
    trib_derived *channels; /* [count] */
} trib_derive;

size_t trib_derive_bytes(const trib_pipeline_spec *spec);
/* `spec` stays where it is for as long as `derive` is used. */
TRIB_MUST_CHECK trib_status trib_derive_init(trib_derive *derive, const trib_pipeline_spec *spec,
                                             trib_arena *arena);
void trib_derive_reset(trib_derive *derive);
/* channels [source_count + count]: reads the sources, writes the rest. */
void trib_derive_apply(trib_derive *derive, float *channels);

/* Whether a kind keeps a g. */
bool trib_derive_has_reference(trib_derive_kind kind);

#endif
