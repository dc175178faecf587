/* The gateway's own rows, in SQLite: samples.db in the state folder. They never leave from here.
 *
 * Rows are numbered from 1, in the order they came; numbers only ever rise, whatever is deleted.
 * Rows are gathered and written in one transaction a second or each EDGE_STORE_BATCH_ROWS rows,
 * together with how far each replayed file or partition of a topic was read, so that a restart
 * neither repeats nor leaves out a row. The last second may be lost when the power goes; what is
 * there is whole (WAL, and a checksum on each block of rows).
 *
 * Where exact rows could not be written, none that come later are taken (TRIB_E_STATE): their
 * position would pass over those. The store is to be opened anew then, and the source to go on from
 * the positions in it.
 *
 * When the blocks grow past the limit, the oldest are deleted. A damaged database is renamed to
 * samples.db.damaged (one is kept) and begun anew; so is the table of rows when the federation's
 * columns are others than those stored. Numbers then go on from the wall clock (4096 a
 * millisecond), which no row before can have reached.
 *
 * errors   TRIB_E_IO for a full disk and the like, TRIB_E_STATE for a newer program's database
 * threads  a store or a reader belongs to one thread (it may be handed over); any number of readers
 *          beside one store, also in other processes
 */
#ifndef EDGE_STORE_STORE_H
#define EDGE_STORE_STORE_H

#include "common/port/clock.h"
#include "edge/types/batch.h"
#include "edge/types/event.h"

enum { EDGE_STORE_BATCH_ROWS = 1024, EDGE_STORE_COMMIT_MS = 1000 };

typedef struct edge_store edge_store;
typedef struct edge_store_reader edge_store_reader;

typedef struct edge_store_options {
    const char *folder;           /* exists */
    const trib_source_spec *spec; /* copied */
    uint64_t limit_bytes;         /* of rows as stored; the file is a little larger */
    const trib_clock *clock;      /* outlives the store */
    edge_event_sink events;
} edge_store_options;

/* What is stored; all zero when nothing is. */
typedef struct edge_store_range {
    uint64_t first_row;
    uint64_t last_row;
    uint64_t rows;
    uint64_t train_rows;
    uint64_t bytes;
} edge_store_range;

TRIB_MUST_CHECK trib_status edge_store_open(const edge_store_options *options,
                                            edge_store **ret_store);
/* Writes what is still gathered. */
void edge_store_close(edge_store *store);
void edge_store_close_scoped(edge_store **store);

/* How far recordings were read: see position in edge_batch. For edge_source_skip. */
TRIB_MUST_CHECK trib_status edge_store_positions(
    edge_store *store, trib_status (*each)(void *context, const char *recording, uint64_t position),
    void *context);
/* Takes a copy of the rows; writes if it is time. On failure the rows gathered are forgotten (their
 * numbers are given again), and the store goes on, but for exact rows. */
TRIB_MUST_CHECK trib_status edge_store_append(edge_store *store, const edge_batch *batch);
/* Writes what is gathered, if that is older than EDGE_STORE_COMMIT_MS or `now` is set. */
TRIB_MUST_CHECK trib_status edge_store_flush(edge_store *store, bool now);
/* Whether exact rows could not be written: the store is to be opened anew. */
bool edge_store_halted(const edge_store *store);
/* Without what is only gathered. */
edge_store_range edge_store_holds(const edge_store *store);

/* The store must have been opened before, by whom ever. */
TRIB_MUST_CHECK trib_status edge_store_reader_open(const char *folder, const trib_source_spec *spec,
                                                   edge_store_reader **ret_reader);
void edge_store_reader_close(edge_store_reader *reader);
void edge_store_reader_close_scoped(edge_store_reader **reader);
TRIB_MUST_CHECK trib_status edge_store_reader_range(edge_store_reader *reader,
                                                    edge_store_range *ret_range);

typedef struct edge_stored_row {
    uint64_t number;
    bool starts; /* the first of its recording, or the first after a hole, or of the range */
    const edge_row *row;
} edge_stored_row;

typedef struct edge_store_read {
    uint64_t first_row; /* the first and last that were there */
    uint64_t last_row;
    uint64_t rows;
    uint64_t damaged; /* rows in blocks whose checksum is wrong: left out */
} edge_store_read;

/* Calls `each` for the stored rows from `first` to `last`, as of one moment: rows appended or
 * deleted meanwhile do not show. The row is valid during the call; the first failure ends the
 * reading. anomaly of a row is not stored: false. */
TRIB_MUST_CHECK trib_status edge_store_reader_rows(edge_store_reader *reader, uint64_t first,
                                                   uint64_t last,
                                                   trib_status (*each)(void *context,
                                                                       const edge_stored_row *row),
                                                   void *context, edge_store_read *ret_read);

#endif
