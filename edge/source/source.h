/* Rows from where they come from, in batches: one thread that reads lines and pushes.
 *
 * A batch is pushed when it is full (EDGE_BATCH_ROWS), 50 ms after its first row, and at the end of
 * a recording; that of a stream already 1 ms after its first row, if none waits in the queue: a
 * prediction is not held back where the agent keeps up, and where it does not, rows go together. A
 * replay waits for room in the queue; a stream does not: a batch that finds the
 * queue full is dropped and counted. Malformed lines are skipped and counted, and the first few of
 * each recording are said.
 *
 *     replay   a file, or the files of a folder that match source.files of the federation, in the
 *              order of their names' bytes; each is a recording. Paced by its timestamps times
 *              speed
 *     stdin    one recording
 *     socket   each connection is a recording; a second client waits until the first is gone
 *     kafka    each partition of a topic is one, and goes on where the store left off; rows come in
 *              exact batches, which wait for room
 *
 * Without a time column a stream's rows are stamped from the wall clock at its first row, rate_hz
 * apart; a replayed file's from 0. A stream (or file) whose header lacks labels or targets is read
 * for predictions alone. Which rows train: of a replayed file the leading ones, as source.split
 * says; of a stream all.
 *
 * A replay with `loop: live` reads its recordings once as any other, and then plays them again and
 * again as a live stream would come: at their own pace whatever `speed` is, stamped as if their
 * first row were of now, in batches that are `passing`. What is trained on is the first pass alone,
 * so that it is what a simulation over the same files trains on.
 *
 * limits   TRIB_LINE_MAX_BYTES a line, EDGE_SOURCE_MAX_FILES files
 * errors   starting: TRIB_E_NOT_FOUND, TRIB_E_IO, naming path or port; afterwards as events
 * threads  one of its own; these functions are called from the one thread that owns the source
 */
#ifndef EDGE_SOURCE_SOURCE_H
#define EDGE_SOURCE_SOURCE_H

#include "common/port/clock.h"
#include "common/port/posix/queue.h"
#include "edge/config/edge_config.h"
#include "edge/types/batch.h"
#include "edge/types/event.h"

enum { EDGE_SOURCE_MAX_FILES = 65536, EDGE_SOURCE_BATCH_MS = 50, EDGE_SOURCE_SOON_MS = 1 };

typedef struct edge_source edge_source;

/* Config, queue and clock outlive the source; the spec is copied. */
typedef struct edge_source_plan {
    const edge_source_config *config;
    const trib_source_spec *spec;
    trib_queue *batches; /* of edge_batch, with edge_batch_drop */
    const trib_clock *clock;
    edge_event_sink events;
} edge_source_plan;

typedef struct edge_source_counts {
    uint64_t rows;       /* pushed, to be stored */
    uint64_t passing;    /* rows pushed that only pass by */
    uint64_t refused;    /* malformed lines */
    uint64_t dropped;    /* rows that found the queue full */
    uint64_t recordings; /* begun */
    uint64_t problems;   /* kafka: with brokers, topic, secrets; each try that failed counts */
    bool whole;          /* replay: every recording was read to its end; no more rows to store,
                          * unless they loop */
    bool finished;       /* nothing more will come */
} edge_source_counts;

/* Opens what there is to open: files are listed, a socket is bound (an old socket file that nobody
 * listens on is replaced). */
TRIB_MUST_CHECK trib_status edge_source_create(const edge_source_plan *plan,
                                               edge_source **ret_source);
/* Before start: that recording is in the store up to here (see position in edge_batch), so a replay
 * or a topic goes on behind it. Ignored for streams, loops, and all but the first pass of a live
 * one. */
TRIB_MUST_CHECK trib_status edge_source_skip(edge_source *source, const char *recording,
                                             uint64_t position);
TRIB_MUST_CHECK trib_status edge_source_start(edge_source *source);
/* Joins the thread, but keeps what is open: a stream stays where it is, a client connected. It may
 * be started again. Nothing happens if it has not been started. */
void edge_source_halt(edge_source *source);
/* Of a halted stream, not of a replay or topic: from the next start, its rows mean what this spec
 * says. It goes on after the last line read, under the header that was read, as a recording of its
 * own. */
void edge_source_change(edge_source *source, const trib_source_spec *spec);
/* A snapshot, from any thread. */
edge_source_counts edge_source_counted(const edge_source *source);
/* Stops promptly, joins the thread. What is in the queue stays there. */
void edge_source_destroy(edge_source *source);
void edge_source_destroy_scoped(edge_source **source);

#endif
