/* Loss of power, for unit tests of what must be durable.
 *
 * In a test that links this, fsync and fdatasync are the ones below, for SQLite as well: they sync
 * nothing, but remember what loss of power would leave. A file's bytes are durable as they stood
 * when it was synced, a name as it stood when its folder was. What was not synced may be left or
 * not, and loss of power leaves what a test chooses of it.
 *
 * threads  one
 */
#ifndef TESTS_SUPPORT_POWER_H
#define TESTS_SUPPORT_POWER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/port/disk.h"

/* Watches the files of one folder. All that is there now is durable, and the power is on. */
void power_watch(const char *folder);

/* Operations are syncs, and whatever changes a file or a name through power_disk. */
trib_disk *power_disk(void);
void power_fails_after(size_t operations);    /* none succeeds from then on */
void power_flickers_after(size_t operations); /* one does not succeed */
/* Whether an operation has failed since one of the two was called. */
bool power_failed(void);
/* Syncs since power_watch. */
size_t power_syncs(void);

typedef enum power_leaves {
    POWER_LEAVES_SYNCED,   /* and nothing else */
    POWER_LEAVES_DATABASE, /* and what was done to databases */
    POWER_LEAVES_FILES,    /* and what was done to other files */
    POWER_LEAVES_ALL,      /* as kill -9 does */
    POWER_WAYS
} power_leaves;
/* The power goes now; whoever has files open closes them; then it is back. */
void power_goes(void);
void power_is_back(power_leaves leaves);

#endif
