/* Simulated disks: in memory, one for each actor, and lying as disks lie.
 *
 * A disk has two faces over the same files: the trib_disk port, and SQLite's file system (vfs.h).
 * Paths are absolute and start with the disk's name: "/cloud/ledger/..." lies on the disk "cloud".
 *
 * What is written is seen at once, and durable once its file was synced; a name (a new file or
 * folder, a rename, a removal) once the folder that it stands in was synced. In SQLite's face the
 * first sync of a new file, or of a journal, is one of its folder as well. Whatever has not been
 * synced when the power goes is kept, torn or lost, by the draw; a folder that is lost takes along
 * what is in it. The folder of the disk itself ("/cloud") is always there.
 *
 * errors   as common/port/disk.h; what a fault makes fail says so in its text
 * owns     everything; a disk is plain memory
 * threads  one
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "common/base/random.h"
#include "common/port/disk.h"

typedef enum sim_disk_fault {
    SIM_DISK_TORN_WRITE, /* the power went within a write: some of its 512-byte sectors are there */
    SIM_DISK_REORDERED_WRITE, /* the power went: a later write is there, an earlier one is not, of
                                 whichever files; once a cut */
    SIM_DISK_LOST_WRITE,  /* the power went: what was not synced is gone (a change of a name too) */
    SIM_DISK_SYNC_FAILED, /* a sync failed once; what it was to keep is lost if the power goes, and
                             the next sync says that all is well */
    SIM_DISK_WRITE_ERROR, /* a write failed, and has written a part */
    SIM_DISK_READ_ERROR,
    SIM_DISK_BIT_ROT, /* a bit of what was durable has turned over */
    SIM_DISK_FULL,    /* a write failed for want of room, and has written a part */
    SIM_DISK_SLOW,    /* an operation took its time */
    SIM_DISK_FAULTS
} sim_disk_fault;

/* How often, in parts per million: of operations; at a power cut, of what was not synced. */
typedef struct sim_disk_rates {
    uint32_t sync_failed; /* of syncs, those of folders too */
    uint32_t write_error; /* of writes, truncations and changes of names; only writes do a part */
    uint32_t read_error;  /* of reads */
    uint32_t slow;        /* of all operations */
    uint32_t kept;        /* of writes, and of changes of names, that were not synced */
    uint32_t torn;        /* of the kept writes that span sectors */
    bool in_order;        /* what is kept comes before what is lost (of one file; of all names); a
                             torn write is the last one, and its first sectors are there */
    uint64_t capacity;    /* bytes that all files may hold together; 0: no limit */
    uint32_t slow_ms;     /* at most */
} sim_disk_rates;

typedef struct sim_disk sim_disk;

/* `seed`: of every draw. `name`: at most 63 bytes, and no other disk's; sim_disk_of_path knows it
 * until the disk is destroyed. */
sim_disk *sim_disk_create(const char *name, uint64_t seed);
void sim_disk_destroy(sim_disk *disk);
/* The disk a path lies on, or NULL. */
sim_disk *sim_disk_of_path(const char *path);

/* From now on. A disk is created without faults. */
void sim_disk_set_rates(sim_disk *disk, const sim_disk_rates *rates);
trib_disk *sim_disk_port(sim_disk *disk);

/* Durable operations (write, sync, truncate, rename, remove, a new file or folder), ever. */
uint64_t sim_disk_operations(const sim_disk *disk);
/* The power goes instead of the operation after the next `operations` (0: instead of the next one).
 * From then on the disk is dead: everything fails and changes nothing, so that whoever still runs
 * can be taken down without leaving a trace. UINT64_MAX: it does not go. */
void sim_disk_die_after(sim_disk *disk, uint64_t operations);
void sim_disk_die(sim_disk *disk); /* now */
bool sim_disk_dead(const sim_disk *disk);
/* The power goes, if it has not, and comes back, to what the faults have left. All handles are
 * stale (they fail, and closing them does nothing), all locks gone, and sim_disk_die_after is off.
 */
void sim_disk_power_cycle(sim_disk *disk);
/* A process is killed without loss of power: handles and locks are gone, all writes are there, and
 * durable no more than before. The disk is alive again; sim_disk_die_after is off. */
void sim_disk_process_killed(sim_disk *disk);

/* Turns over one bit of a durable byte of a file whose path contains `part`; it is seen at once,
 * unless a write that is not synced covers it. False: there is none. */
bool sim_disk_rot(sim_disk *disk, const char *part);
/* Appends a file's bytes as they are seen now; false: no such file. For oracles. */
bool sim_disk_look(const sim_disk *disk, const char *path, trib_buffer *ret_bytes);

/* How often each fault has really been, since creation. */
uint64_t sim_disk_injected(const sim_disk *disk, sim_disk_fault fault);
/* Milliseconds that operations took beyond none, since this was asked last. */
uint64_t sim_disk_take_delay_ms(sim_disk *disk);
/* Bytes that all files hold. */
uint64_t sim_disk_bytes(const sim_disk *disk);

#endif
