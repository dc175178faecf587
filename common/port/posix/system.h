/* The ports as POSIX gives them.
 *
 * threads  safe from any thread
 */
#ifndef TRIB_PORT_POSIX_SYSTEM_H
#define TRIB_PORT_POSIX_SYSTEM_H

#include "common/port/clock.h"
#include "common/port/disk.h"

const trib_clock *trib_posix_clock(void);
trib_disk *trib_posix_disk(void);

#endif
