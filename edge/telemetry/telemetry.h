/* What leaves the gateway of its own data: nothing, features of windows, or rows, gathered into
 * messages.
 *
 * The level is what edge_telemetry_decide last made of the federation's wish and this gateway's
 * config; until then nothing is gathered. What was gathered under another level is dropped, also
 * when it is waiting already.
 *
 *     features   of each window its time and features, as the pipeline gives them
 *     raw        each row once, as its source gave it, whether a window takes it or not
 *
 * A message goes when it is full, or EDGE_TELEMETRY_MS after its first record. At most
 * EDGE_TELEMETRY_WAITING of them wait; what comes past that is left out and counted, so that a slow
 * link costs nothing but telemetry.
 *
 * owns     messages; popping hands them over
 * errors   creating: TRIB_E_IO for memory. Afterwards what cannot be kept is counted
 * threads  _row, _window, _due: the stream's. _decide, _pop: the owner's. _level, _left_out: any
 */
#ifndef EDGE_TELEMETRY_TELEMETRY_H
#define EDGE_TELEMETRY_TELEMETRY_H

#include "common/base/span.h"
#include "common/federation/federation.h"
#include "common/port/clock.h"
#include "common/recording/row_parser.h"
#include "common/signal/pipeline.h"

enum {
    EDGE_TELEMETRY_WAITING = 16, /* messages */
    EDGE_TELEMETRY_MS = 1000
};

typedef struct edge_telemetry edge_telemetry;

/* Of what the federation's rows and windows are; it is not looked at later. `meaning` is of its
 * lineage. The clock outlives it. */
TRIB_MUST_CHECK trib_status edge_telemetry_create(const trib_federation *federation,
                                                  const uint8_t meaning[TRIB_HASH_BYTES],
                                                  const trib_clock *clock,
                                                  edge_telemetry **ret_telemetry);
/* After the stream has stopped. */
void edge_telemetry_destroy(edge_telemetry *telemetry);

/* The one decision, trib_telemetry_leaves: what leaves from now on. */
trib_telemetry_level edge_telemetry_decide(edge_telemetry *telemetry, trib_telemetry_level asked,
                                           trib_telemetry_level allowed);
trib_telemetry_level edge_telemetry_level_of(const edge_telemetry *telemetry);

/* NULL is fine: nothing leaves. */
void edge_telemetry_row(edge_telemetry *telemetry, const trib_source_row *row);
void edge_telemetry_window(edge_telemetry *telemetry, const trib_window *window);
/* Lets go of what has waited long enough. */
void edge_telemetry_due(edge_telemetry *telemetry);

typedef struct edge_telemetry_message edge_telemetry_message;
/* The oldest that is of the level in force, or NULL. Never waits. */
edge_telemetry_message *edge_telemetry_pop(edge_telemetry *telemetry);
/* As trib.wire.Telemetry. TRIB_E_LIMIT if it does not fit: TRIB_TELEMETRY_MAX_BYTES are enough. */
TRIB_MUST_CHECK trib_status edge_telemetry_encode(const edge_telemetry_message *message,
                                                  bool clock_unsure, trib_writer *writer);
/* Rows or windows in it. */
uint32_t edge_telemetry_records(const edge_telemetry_message *message);
void edge_telemetry_message_destroy(edge_telemetry_message *message);
void edge_telemetry_message_destroy_scoped(edge_telemetry_message **message);

/* Rows and windows that were to leave and did not. */
uint64_t edge_telemetry_left_out(const edge_telemetry *telemetry);

#endif
