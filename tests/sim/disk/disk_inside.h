/* What the two faces of a simulated disk share; for the files of this folder alone.
 *
 * A file is what other systems call an inode: its bytes, without a name. Names lead to files, and a
 * file lives as long as a name, a change of names or a handle does. Both bytes and names are there
 * twice: as they are seen, and as they would be if the power went and nothing else were kept.
 *
 * errors   a sim_result, which each face puts in its own words
 */
#ifndef SIM_DISK_INSIDE_H
#define SIM_DISK_INSIDE_H

#include "tests/sim/disk/disk.h"
#include "tests/sim/disk/memory.h"

enum { SIM_PATH = 1024, SIM_SECTOR = 512, SIM_FILE_MOST = 1 << 30, SIM_FILE_GROWS_BY = 65536 };

typedef enum sim_result {
    SIM_OK,
    SIM_NO_POWER,
    SIM_STALE, /* the handle was open when the power went, or its process was killed */
    SIM_NOT_THERE,
    SIM_IS_THERE,
    SIM_IS_FOLDER,
    SIM_NO_FOLDER,
    SIM_BAD_PATH,
    SIM_FULL,
    SIM_TOO_LARGE,
    SIM_WRITE_FAILED,
    SIM_READ_FAILED,
    SIM_SYNC_FAILED
} sim_result;

typedef struct sim_file sim_file;

/* A write, or a truncation to `offset`, that no sync has made durable. */
typedef struct sim_write {
    uint64_t number; /* of the disk: which came first */
    uint64_t offset;
    size_t size, at; /* its bytes within `written` */
    bool truncates;
} sim_write;

struct sim_file {
    sim_disk *disk;
    sim_file *previous, *next; /* of the disk, in the order that they were made in */
    size_t references;         /* names, seen and durable; changes of names; handles */
    size_t uses;               /* of those, names seen and handles: its bytes take room */
    trib_buffer seen, durable;
    sim_write *writes;
    size_t write_count, write_capacity;
    trib_buffer written;
    uint64_t doomed; /* writes that a failed sync gave up: not in `writes`, never durable */
    /* SQLite's locks, of all connections: the highest, and how many share. */
    int lock;
    size_t sharers;
    struct sim_shared *shared; /* its write-ahead index; the connections own it */
};

typedef struct sim_name {
    char *path;
    sim_file *file; /* NULL: a folder */
} sim_name;

/* Sorted by path, so a folder comes before what is in it, and that stands together. */
typedef struct sim_names {
    sim_name *items;
    size_t count, capacity;
    bool seen; /* as opposed to durable */
} sim_names;

/* First `gone` goes, then `there` leads to the file; either may be NULL. */
typedef struct sim_change {
    char *gone, *there;
    sim_file *file; /* NULL: a folder */
} sim_change;

/* Part of whatever has a file open. Without power, and when its process is killed, it lets go of
 * the file but stays, until its owner closes it. */
typedef struct sim_handle {
    sim_file *file; /* NULL: stale */
    struct sim_handle *previous, *next;
} sim_handle;

typedef struct sim_port_handle {
    sim_handle handle;
    int number; /* never used again */
    trib_open_mode mode;
    char *path;
    struct sim_port_handle *next;
} sim_port_handle;

struct sim_disk {
    trib_disk port; /* first: the port's functions get this address */
    sim_disk *next;
    char *name;
    uint64_t seed;
    trib_random random; /* of operations */
    sim_disk_rates rates;
    uint64_t operations, left, writes, cuts, rots, bytes, delay_ms;
    bool dead;
    uint64_t injected[SIM_DISK_FAULTS];
    sim_file *first, *last;
    sim_names seen, durable;
    sim_change *changes; /* in the order that they were made in */
    size_t change_count, change_capacity;
    sim_handle *handles;
    sim_port_handle *ports;
    int last_port;
};

/* ---- disk.c -------------------------------------------------------------------------------- */

bool sim_chance(trib_random *random, uint32_t parts_per_million);
/* Before whatever is to be durable some day; SIM_NO_POWER from the moment that the power goes. */
sim_result sim_disk_operation(sim_disk *disk);
/* Before whatever only looks. */
sim_result sim_disk_alive(sim_disk *disk);
/* All handles let go, and all locks are gone. */
void sim_disk_let_go(sim_disk *disk);

void sim_handle_open(sim_handle *handle, sim_file *file);
void sim_handle_close(sim_handle *handle); /* a stale one as well */

/* Room for one item more; the new address. */
void *sim_grown(void *items, size_t count, size_t *capacity, size_t item_bytes);

/* ---- disk_file.c --------------------------------------------------------------------------- */

sim_file *sim_file_create(sim_disk *disk); /* without any reference */
void sim_file_hold(sim_file *file, bool uses);
void sim_file_release(sim_file *file, bool uses); /* the last one frees it */
sim_result sim_file_write(sim_file *file, uint64_t offset, trib_bytes bytes);
sim_result sim_file_read(sim_file *file, uint64_t offset, uint8_t *ret_bytes, size_t size,
                         size_t *ret_size);
sim_result sim_file_truncate(sim_file *file, uint64_t size);
sim_result sim_file_sync(sim_file *file);
/* To the durable bytes: `size` bytes of a write from its byte `from` on; or its truncation. */
void sim_file_apply(sim_file *file, const sim_write *write, size_t from, size_t size);
void sim_file_forget_writes(sim_file *file);

/* ---- disk_names.c -------------------------------------------------------------------------- */

/* Absolute, without doubled or trailing slashes; false if that cannot be. */
bool sim_path_clean(const char *path, char ret_path[SIM_PATH]);
/* Paths below are clean and lie on the disk. */
const sim_name *sim_names_find(const sim_names *names, const char *path);
void sim_names_put(sim_names *names, const char *path, sim_file *file);
void sim_names_clear(sim_names *names);
void sim_names_apply(sim_names *names, const sim_change *change);
void sim_change_deinit(sim_change *change);
/* The first of what is in the folder, and how many there are, folders below and theirs included. */
size_t sim_names_below(const sim_names *names, const char *folder, size_t *ret_count);
sim_result sim_names_open(sim_disk *disk, const char *path, bool create, bool exclusive,
                          sim_file **ret_file, bool *ret_created);
sim_result sim_names_make_folder(sim_disk *disk, const char *path);
sim_result sim_names_rename(sim_disk *disk, const char *from, const char *to);
sim_result sim_names_remove(sim_disk *disk, const char *path);
sim_result sim_names_sync(sim_disk *disk, const char *folder);
/* The same for the folder that a path lies in. */
sim_result sim_names_sync_around(sim_disk *disk, const char *path);

/* ---- disk_port.c --------------------------------------------------------------------------- */

extern const trib_disk sim_port_functions;
void sim_port_let_go(sim_disk *disk);

#endif
