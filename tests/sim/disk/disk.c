#include "tests/sim/disk/disk_inside.h"

#include <string.h>

enum { NAME_MOST = 63, MILLION = 1000000 };

static sim_disk *disks; /* paths lead to disks; SQLite knows nothing but paths */

/* Which stream of the disk's draws: operations, and one for each power cut and each bit. */
static const uint64_t stream_of_operations = 0, stream_of_rot = (uint64_t)1 << 32;

void *sim_grown(void *items, size_t count, size_t *capacity, size_t item_bytes) {
    if (count < *capacity) {
        return items;
    }
    size_t more = *capacity > 0 ? 2 * *capacity : 8;
    void *grown = sim_retake(items, more * item_bytes);
    *capacity = more;
    return grown;
}

bool sim_chance(trib_random *random, uint32_t parts_per_million) {
    return parts_per_million > 0 && trib_random_below(random, MILLION) < parts_per_million;
}

/* ---- life ---------------------------------------------------------------------------------- */

static sim_disk *disk_of_name(const char *name, size_t size) {
    for (sim_disk *disk = disks; disk != NULL; disk = disk->next) {
        if (strncmp(disk->name, name, size) == 0 && disk->name[size] == '\0') {
            return disk;
        }
    }
    return NULL;
}

sim_disk *sim_disk_of_path(const char *path) {
    if (path == NULL || path[0] != '/') {
        return NULL;
    }
    path += strspn(path, "/");
    return disk_of_name(path, strcspn(path, "/"));
}

sim_disk *sim_disk_create(const char *name, uint64_t seed) {
    size_t size = strlen(name);
    TRIB_ASSERT(size > 0 && size <= NAME_MOST && strchr(name, '/') == NULL);
    TRIB_ASSERT(disk_of_name(name, size) == NULL);
    sim_disk *disk = sim_take(1, sizeof *disk);
    *disk = (sim_disk){.port = sim_port_functions,
                       .next = disks,
                       .name = trib_duplicate_text(name),
                       .seed = seed,
                       .left = UINT64_MAX,
                       .seen.seen = true};
    TRIB_ASSERT(disk->name != NULL);
    trib_random_init(&disk->random, seed, name, stream_of_operations, TRIB_PURPOSE_TEST);
    char root[NAME_MOST + 2] = "/";
    memcpy(root + 1, name, size + 1);
    sim_names_put(&disk->seen, root, NULL);
    sim_names_put(&disk->durable, root, NULL);
    disks = disk;
    return disk;
}

static void forget_disk(const sim_disk *disk) {
    sim_disk **place = &disks;
    while (*place != disk) {
        TRIB_ASSERT(*place != NULL);
        place = &(*place)->next;
    }
    *place = disk->next;
}

void sim_disk_destroy(sim_disk *disk) {
    if (disk == NULL) {
        return;
    }
    forget_disk(disk);
    sim_disk_let_go(disk);
    for (size_t i = 0; i < disk->change_count; i++) {
        sim_change_deinit(&disk->changes[i]);
    }
    trib_free(disk->changes);
    sim_names_clear(&disk->seen);
    sim_names_clear(&disk->durable);
    TRIB_ASSERT(disk->first == NULL && disk->bytes == 0); /* or a reference was not counted */
    trib_free(disk->seen.items);
    trib_free(disk->durable.items);
    trib_free(disk->name);
    trib_free(disk);
}

trib_disk *sim_disk_port(sim_disk *disk) {
    return &disk->port;
}

void sim_disk_set_rates(sim_disk *disk, const sim_disk_rates *rates) {
    disk->rates = *rates;
}

/* ---- handles ------------------------------------------------------------------------------- */

void sim_handle_open(sim_handle *handle, sim_file *file) {
    sim_disk *disk = file->disk;
    *handle = (sim_handle){.file = file, .next = disk->handles};
    if (disk->handles != NULL) {
        disk->handles->previous = handle;
    }
    disk->handles = handle;
    sim_file_hold(file, true);
}

void sim_handle_close(sim_handle *handle) {
    if (handle->file == NULL) {
        return;
    }
    if (handle->next != NULL) {
        handle->next->previous = handle->previous;
    }
    if (handle->previous != NULL) {
        handle->previous->next = handle->next;
    } else {
        handle->file->disk->handles = handle->next;
    }
    sim_file_release(handle->file, true);
    *handle = (sim_handle){.file = NULL};
}

void sim_disk_let_go(sim_disk *disk) {
    for (sim_file *file = disk->first; file != NULL; file = file->next) {
        file->lock = 0;
        file->sharers = 0;
        file->shared = NULL;
    }
    sim_port_let_go(disk);
    while (disk->handles != NULL) {
        sim_handle_close(disk->handles);
    }
}

/* ---- operations ---------------------------------------------------------------------------- */

static void take_time(sim_disk *disk) {
    if (disk->rates.slow_ms > 0 && sim_chance(&disk->random, disk->rates.slow)) {
        disk->delay_ms += 1 + trib_random_below(&disk->random, disk->rates.slow_ms);
        disk->injected[SIM_DISK_SLOW]++;
    }
}

sim_result sim_disk_alive(sim_disk *disk) {
    if (disk->dead) {
        return SIM_NO_POWER;
    }
    take_time(disk);
    return SIM_OK;
}

sim_result sim_disk_operation(sim_disk *disk) {
    if (disk->left == 0) {
        disk->dead = true;
    }
    if (disk->dead) {
        return SIM_NO_POWER;
    }
    disk->left -= disk->left != UINT64_MAX;
    disk->operations++;
    take_time(disk);
    return SIM_OK;
}

uint64_t sim_disk_operations(const sim_disk *disk) {
    return disk->operations;
}

void sim_disk_die_after(sim_disk *disk, uint64_t operations) {
    disk->left = operations;
}

void sim_disk_die(sim_disk *disk) {
    disk->dead = true;
}

bool sim_disk_dead(const sim_disk *disk) {
    return disk->dead;
}

void sim_disk_process_killed(sim_disk *disk) {
    sim_disk_let_go(disk);
    disk->dead = false;
    disk->left = UINT64_MAX;
}

/* ---- looking ------------------------------------------------------------------------------- */

bool sim_disk_look(const sim_disk *disk, const char *path, trib_buffer *ret_bytes) {
    char clean[SIM_PATH];
    const sim_name *name = sim_path_clean(path, clean) ? sim_names_find(&disk->seen, clean) : NULL;
    if (name == NULL || name->file == NULL) {
        return false;
    }
    TRIB_ASSERT(trib_ok(trib_buffer_append(ret_bytes, trib_buffer_view(&name->file->seen))));
    return true;
}

uint64_t sim_disk_injected(const sim_disk *disk, sim_disk_fault fault) {
    return disk->injected[fault];
}

uint64_t sim_disk_take_delay_ms(sim_disk *disk) {
    uint64_t delay_ms = disk->delay_ms;
    disk->delay_ms = 0;
    return delay_ms;
}

uint64_t sim_disk_bytes(const sim_disk *disk) {
    return disk->bytes;
}

/* ---- rot ----------------------------------------------------------------------------------- */

/* What is seen of a byte that nobody has written to since it became durable comes from the medium.
 */
static bool from_medium(const sim_file *file, size_t offset) {
    bool from = offset < file->seen.size && file->seen.data[offset] == file->durable.data[offset];
    for (size_t i = 0; from && i < file->write_count; i++) {
        const sim_write *write = &file->writes[i];
        from =
            offset < write->offset || (!write->truncates && offset >= write->offset + write->size);
    }
    return from;
}

static void rot_byte(sim_file *file, size_t offset, uint8_t bit) {
    if (from_medium(file, offset)) {
        file->seen.data[offset] ^= bit;
    }
    file->durable.data[offset] ^= bit;
    file->disk->injected[SIM_DISK_BIT_ROT]++;
}

static sim_file *rots(const sim_name *name, const char *part) {
    return name->file != NULL && strstr(name->path, part) != NULL ? name->file : NULL;
}

bool sim_disk_rot(sim_disk *disk, const char *part) {
    uint64_t total = 0;
    for (size_t i = 0; i < disk->seen.count; i++) {
        const sim_file *file = rots(&disk->seen.items[i], part);
        total += file != NULL ? file->durable.size : 0;
    }
    if (total == 0) {
        return false;
    }
    TRIB_ASSERT(total <= UINT32_MAX);
    trib_random random;
    trib_random_init(&random, disk->seed, disk->name, stream_of_rot + disk->rots++,
                     TRIB_PURPOSE_TEST);
    uint32_t offset = trib_random_below(&random, (uint32_t)total);
    uint8_t bit = (uint8_t)(1u << trib_random_below(&random, 8));
    for (size_t i = 0;; i++) {
        sim_file *file = rots(&disk->seen.items[i], part);
        if (file != NULL && offset < file->durable.size) {
            rot_byte(file, offset, bit);
            return true;
        }
        offset -= file != NULL ? (uint32_t)file->durable.size : 0;
    }
}
