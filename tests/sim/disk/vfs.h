/* SQLite's file system over simulated disks: the default one once registered, so that whatever
 * opens a database at a path like "/cloud/registry.db" gets it.
 *
 * Write-ahead logs work, with their shared memory in the heap; locks are kept between the
 * connections of this process. Sleeping takes no time. Random bytes and the time of day come from
 * the simulation. A path that lies on no disk cannot be opened; files without a name are plain
 * memory.
 *
 * threads  one
 */
#ifndef SIM_VFS_H
#define SIM_VFS_H

#include "common/port/clock.h"

/* Once a process, before anything opens a database (but after sqlite3_config, if at all); and again
 * for each run that is to draw the same random bytes from the same seed, while no database is open.
 * `clock` outlives it. */
void sim_vfs_register(const trib_clock *clock, uint64_t seed);

#endif
