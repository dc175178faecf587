/* What waits to leave for the company's data platform and is in no ledger: alerts, predictions,
 * telemetry. A log of each class, in the ledger's format, under the state folder; a position in it
 * is an event's name for good. What rounds, models and audits tell is in the ledger itself, which
 * the bridge reads as well.
 *
 * Room is bounded for all classes together. What comes past the bound takes the place of the oldest
 * segment of the least class that has any: telemetry before predictions before alerts. But where
 * that would be of its own class, and its gateway holds more of it than its part (shares.h), it is
 * turned away instead, so that nobody is pushed out by who floods. What was dropped unread is
 * counted.
 *
 * No failure here touches a round: an event that cannot be stored is counted and gone. A log whose
 * sync failed is opened anew, which keeps what was durable.
 *
 * errors   TRIB_E_IO a full or failing disk; the event is then counted as dropped
 * threads  the owner's, but for _end, _acknowledge and _acknowledged: any
 */
#ifndef CLOUD_OUTBOX_OUTBOX_H
#define CLOUD_OUTBOX_OUTBOX_H

#include "cloud/ledger/ledger.h"

typedef enum cloud_outbox_class {
    CLOUD_OUTBOX_ALERT,
    CLOUD_OUTBOX_PREDICTION,
    CLOUD_OUTBOX_TELEMETRY,
    CLOUD_OUTBOX_CLASSES
} cloud_outbox_class;
extern const char *const cloud_outbox_names[]; /* "alert", ...: folders, and words for people */

enum {
    CLOUD_OUTBOX_SEGMENTS = 64, /* that the bound is cut into: what one drop takes */
    CLOUD_OUTBOX_LEAST_BYTES = 1 << 20
};

typedef struct cloud_outbox cloud_outbox;

/* `folder` is made if it is not there; `bytes` bounds all logs together, from
 * CLOUD_OUTBOX_LEAST_BYTES on. */
TRIB_MUST_CHECK trib_status cloud_outbox_open(trib_disk *disk, const char *folder, uint64_t seed,
                                              uint64_t bytes, cloud_outbox **ret_outbox);
void cloud_outbox_close(cloud_outbox *outbox);

/* `gateway` has sent it. TRIB_E_LIMIT: there is no room for it. */
TRIB_MUST_CHECK trib_status cloud_outbox_append(cloud_outbox *outbox, cloud_outbox_class class,
                                                const char *gateway, trib_bytes event);
/* Makes durable, and so visible, what was appended; then removes what was acknowledged. */
TRIB_MUST_CHECK trib_status cloud_outbox_sync(cloud_outbox *outbox);

/* The last durable position of a class. */
uint64_t cloud_outbox_end(const cloud_outbox *outbox, cloud_outbox_class class);
/* Nobody needs what is up to here any more; so many records, of all up to here since the start,
 * were gone before they could be read. */
void cloud_outbox_acknowledge(cloud_outbox *outbox, cloud_outbox_class class, uint64_t position,
                              uint64_t missed);
uint64_t cloud_outbox_acknowledged(const cloud_outbox *outbox, cloud_outbox_class class);

typedef struct cloud_outbox_counts {
    uint64_t stored;     /* since it was opened */
    uint64_t dropped;    /* not stored, missed, or removed and not acknowledged (yet: who has read
                          * them before they were removed may still do so) */
    uint64_t over_share; /* of the dropped: turned away, their gateways held too much */
    uint64_t bytes;      /* on the disk, at most */
} cloud_outbox_counts;
cloud_outbox_counts cloud_outbox_count(const cloud_outbox *outbox, cloud_outbox_class class);
/* Of all classes. */
cloud_outbox_counts cloud_outbox_count_all(const cloud_outbox *outbox);

#endif
