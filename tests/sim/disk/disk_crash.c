/* What loss of power leaves. Draws come from a stream of their own for each cut, so what a cut does
 * depends on what was not synced and on how many cuts there were before, and on nothing else. */
#include <string.h>

#include "tests/sim/disk/disk_inside.h"

typedef struct power_cut {
    sim_disk *disk;
    trib_random random;
    uint64_t first_lost, last_kept; /* numbers of writes */
} power_cut;

static bool keeps(power_cut *cut) {
    return sim_chance(&cut->random, cut->disk->rates.kept);
}

static void lost(power_cut *cut, uint64_t count) {
    cut->disk->injected[SIM_DISK_LOST_WRITE] += count;
}

/* ---- names --------------------------------------------------------------------------------- */

/* What lies in a folder that is lost is lost with it. */
static void drop_orphans(sim_names *names) {
    sim_names kept = {.seen = names->seen};
    for (size_t i = 0; i < names->count; i++) {
        char folder[SIM_PATH];
        size_t size = (size_t)(strrchr(names->items[i].path, '/') - names->items[i].path);
        memcpy(folder, names->items[i].path, size);
        folder[size] = '\0';
        if (size == 0 || sim_names_find(&kept, folder) != NULL) {
            sim_names_put(&kept, names->items[i].path, names->items[i].file);
        }
    }
    sim_names_clear(names);
    trib_free(names->items);
    *names = kept;
}

static void cut_names(power_cut *cut) {
    sim_disk *disk = cut->disk;
    bool ended = false, folder_lost = false;
    for (size_t i = 0; i < disk->change_count; i++) {
        sim_change *change = &disk->changes[i];
        if (!ended && keeps(cut)) {
            sim_names_apply(&disk->durable, change);
        } else {
            lost(cut, 1);
            ended = disk->rates.in_order;
            folder_lost = folder_lost || (change->there != NULL && change->file == NULL);
        }
        sim_change_deinit(change);
    }
    disk->change_count = 0;
    if (folder_lost) {
        drop_orphans(&disk->durable);
    }
    sim_names_clear(&disk->seen);
}

static void show_names(sim_disk *disk) {
    for (size_t i = 0; i < disk->durable.count; i++) {
        sim_names_put(&disk->seen, disk->durable.items[i].path, disk->durable.items[i].file);
    }
}

/* ---- bytes --------------------------------------------------------------------------------- */

static size_t sectors_of(const sim_write *write) {
    uint64_t first = write->offset / SIM_SECTOR;
    return write->truncates ? 1
                            : (size_t)((write->offset + write->size - 1) / SIM_SECTOR - first) + 1;
}

static void apply_sector(sim_file *file, const sim_write *write, size_t sector) {
    uint64_t base = write->offset / SIM_SECTOR * SIM_SECTOR + (uint64_t)sector * SIM_SECTOR;
    uint64_t end = base + SIM_SECTOR, last = write->offset + write->size;
    uint64_t begin = base < write->offset ? write->offset : base;
    end = end < last ? end : last;
    sim_file_apply(file, write, (size_t)(begin - write->offset), (size_t)(end - begin));
}

/* Some of the sectors, never none and never all: the first ones if what is kept is in order. */
static void tear(power_cut *cut, sim_file *file, const sim_write *write) {
    uint32_t sectors = (uint32_t)sectors_of(write);
    bool in_order = cut->disk->rates.in_order;
    uint32_t first_lost = in_order ? 1 + trib_random_below(&cut->random, sectors - 1)
                                   : trib_random_below(&cut->random, sectors);
    uint32_t surely = (first_lost + 1) % sectors;
    for (uint32_t i = 0; i < sectors; i++) {
        bool there =
            in_order ? i < first_lost
                     : i == surely || (i != first_lost && trib_random_below(&cut->random, 2) == 1);
        if (there) {
            apply_sector(file, write, i);
        }
    }
    cut->disk->injected[SIM_DISK_TORN_WRITE]++;
}

static void cut_writes(power_cut *cut, sim_file *file) {
    const sim_disk_rates *rates = &cut->disk->rates;
    bool ended = false;
    for (size_t i = 0; i < file->write_count; i++) {
        const sim_write *write = &file->writes[i];
        if (ended || !keeps(cut)) {
            lost(cut, 1);
            ended = rates->in_order;
            cut->first_lost = write->number < cut->first_lost ? write->number : cut->first_lost;
            continue;
        }
        if (sectors_of(write) > 1 && sim_chance(&cut->random, rates->torn)) {
            tear(cut, file, write);
            ended = rates->in_order;
        } else {
            sim_file_apply(file, write, 0, write->size);
        }
        cut->last_kept = write->number > cut->last_kept ? write->number : cut->last_kept;
    }
    sim_file_forget_writes(file);
}

static void cut_file(power_cut *cut, sim_file *file) {
    cut_writes(cut, file);
    trib_buffer *seen = &file->seen;
    bool differs = !trib_bytes_equal(trib_buffer_view(seen), trib_buffer_view(&file->durable));
    if (differs) {
        lost(cut, file->doomed); /* otherwise later writes have made good for them */
        trib_buffer_clear(seen);
        TRIB_ASSERT(trib_ok(trib_buffer_append(seen, trib_buffer_view(&file->durable))));
    }
    file->doomed = 0;
}

void sim_disk_power_cycle(sim_disk *disk) {
    power_cut cut = {.disk = disk, .first_lost = UINT64_MAX};
    trib_random_init(&cut.random, disk->seed, disk->name, ++disk->cuts, TRIB_PURPOSE_TEST);
    sim_disk_let_go(disk);
    cut_names(&cut);
    for (sim_file *file = disk->first; file != NULL; file = file->next) {
        cut_file(&cut, file);
    }
    show_names(disk);
    disk->injected[SIM_DISK_REORDERED_WRITE] += cut.first_lost < cut.last_kept;
    disk->dead = false;
    disk->left = UINT64_MAX;
}
