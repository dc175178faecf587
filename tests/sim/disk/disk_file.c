#include <string.h>

#include "tests/sim/disk/disk_inside.h"

sim_file *sim_file_create(sim_disk *disk) {
    sim_file *file = sim_take(1, sizeof *file);
    *file = (sim_file){.disk = disk,
                       .previous = disk->last,
                       .seen.ceiling = SIM_FILE_MOST + SIM_FILE_GROWS_BY,
                       .durable.ceiling = SIM_FILE_MOST + SIM_FILE_GROWS_BY,
                       .written.ceiling = SIZE_MAX / 2};
    if (disk->last != NULL) {
        disk->last->next = file;
    } else {
        disk->first = file;
    }
    disk->last = file;
    return file;
}

static void destroy(sim_file *file) {
    sim_disk *disk = file->disk;
    *(file->previous != NULL ? &file->previous->next : &disk->first) = file->next;
    *(file->next != NULL ? &file->next->previous : &disk->last) = file->previous;
    trib_buffer_deinit(&file->seen);
    trib_buffer_deinit(&file->durable);
    trib_buffer_deinit(&file->written);
    trib_free(file->writes);
    trib_free(file);
}

void sim_file_hold(sim_file *file, bool uses) {
    file->references++;
    if (uses && file->uses++ == 0) {
        file->disk->bytes += file->seen.size;
    }
}

void sim_file_release(sim_file *file, bool uses) {
    if (uses && --file->uses == 0) {
        file->disk->bytes -= file->seen.size;
    }
    if (--file->references == 0) {
        destroy(file);
    }
}

/* Writes past the end leave zeros between. */
static void put(trib_buffer *content, size_t offset, trib_bytes bytes) {
    size_t end = offset + bytes.size;
    if (end > content->size) {
        size_t more = end - content->size;
        if (end > content->capacity && more < SIM_FILE_GROWS_BY) {
            more = SIM_FILE_GROWS_BY; /* files of databases grow page by page */
        }
        TRIB_ASSERT(trib_ok(trib_buffer_reserve(content, more)));
        if (offset > content->size) {
            memset(content->data + content->size, 0, offset - content->size);
        }
        content->size = end;
    }
    if (bytes.size > 0) {
        memcpy(content->data + offset, bytes.data, bytes.size);
    }
}

static void resize(trib_buffer *content, size_t size) {
    if (size > content->size) {
        put(content, size, (trib_bytes){NULL, 0});
    }
    content->size = size;
}

void sim_file_apply(sim_file *file, const sim_write *write, size_t from, size_t size) {
    if (write->truncates) {
        resize(&file->durable, (size_t)write->offset);
    } else {
        put(&file->durable, (size_t)write->offset + from,
            trib_bytes_of(file->written.data + write->at + from, size));
    }
}

void sim_file_forget_writes(sim_file *file) {
    file->write_count = 0;
    trib_buffer_clear(&file->written);
}

static void remember(sim_file *file, sim_write write, trib_bytes bytes) {
    file->writes =
        sim_grown(file->writes, file->write_count, &file->write_capacity, sizeof *file->writes);
    write.number = ++file->disk->writes;
    write.at = file->written.size;
    write.size = bytes.size;
    file->writes[file->write_count++] = write;
    TRIB_ASSERT(trib_ok(trib_buffer_append(&file->written, bytes)));
}

/* How far a file may go now. */
static uint64_t most_size(const sim_file *file) {
    const sim_disk *disk = file->disk;
    uint64_t capacity = disk->rates.capacity;
    if (capacity == 0) {
        return SIM_FILE_MOST;
    }
    return file->seen.size + (capacity > disk->bytes ? capacity - disk->bytes : 0);
}

static void resized(sim_file *file, size_t before) {
    if (file->uses > 0) {
        file->disk->bytes += file->seen.size;
        file->disk->bytes -= before;
    }
}

sim_result sim_file_write(sim_file *file, uint64_t offset, trib_bytes bytes) {
    sim_disk *disk = file->disk;
    sim_result result = sim_disk_operation(disk);
    if (result != SIM_OK || bytes.size == 0) {
        return result;
    }
    if (offset > SIM_FILE_MOST || bytes.size > SIM_FILE_MOST - offset) {
        return SIM_TOO_LARGE;
    }
    uint64_t most = most_size(file);
    if (sim_chance(&disk->random, disk->rates.write_error)) {
        bytes.size = trib_random_below(&disk->random, (uint32_t)bytes.size);
        disk->injected[SIM_DISK_WRITE_ERROR]++;
        result = SIM_WRITE_FAILED;
    }
    if (offset + bytes.size > most) {
        bytes.size = most > offset ? (size_t)(most - offset) : 0;
        disk->injected[SIM_DISK_FULL]++;
        result = SIM_FULL;
    }
    if (bytes.size > 0) {
        size_t before = file->seen.size;
        put(&file->seen, (size_t)offset, bytes);
        remember(file, (sim_write){.offset = offset}, bytes);
        resized(file, before);
    }
    return result;
}

sim_result sim_file_read(sim_file *file, uint64_t offset, uint8_t *ret_bytes, size_t size,
                         size_t *ret_size) {
    sim_disk *disk = file->disk;
    sim_result result = sim_disk_alive(disk);
    if (result != SIM_OK) {
        return result;
    }
    if (sim_chance(&disk->random, disk->rates.read_error)) {
        disk->injected[SIM_DISK_READ_ERROR]++;
        return SIM_READ_FAILED;
    }
    size_t left = offset < file->seen.size ? file->seen.size - (size_t)offset : 0;
    *ret_size = size < left ? size : left;
    if (*ret_size > 0) {
        memcpy(ret_bytes, file->seen.data + offset, *ret_size);
    }
    return SIM_OK;
}

sim_result sim_file_truncate(sim_file *file, uint64_t size) {
    sim_disk *disk = file->disk;
    sim_result result = sim_disk_operation(disk);
    if (result != SIM_OK) {
        return result;
    }
    if (size > SIM_FILE_MOST) {
        return SIM_TOO_LARGE;
    }
    if (sim_chance(&disk->random, disk->rates.write_error)) {
        disk->injected[SIM_DISK_WRITE_ERROR]++;
        return SIM_WRITE_FAILED;
    }
    if (size > file->seen.size && size > most_size(file)) {
        disk->injected[SIM_DISK_FULL]++;
        return SIM_FULL;
    }
    if (size != file->seen.size) {
        size_t before = file->seen.size;
        resize(&file->seen, (size_t)size);
        remember(file, (sim_write){.offset = size, .truncates = true}, (trib_bytes){NULL, 0});
        resized(file, before);
    }
    return SIM_OK;
}

sim_result sim_file_sync(sim_file *file) {
    sim_disk *disk = file->disk;
    sim_result result = sim_disk_operation(disk);
    if (result != SIM_OK) {
        return result;
    }
    if (sim_chance(&disk->random, disk->rates.sync_failed)) {
        disk->injected[SIM_DISK_SYNC_FAILED]++;
        file->doomed += file->write_count;
        sim_file_forget_writes(file);
        return SIM_SYNC_FAILED;
    }
    for (size_t i = 0; i < file->write_count; i++) {
        sim_file_apply(file, &file->writes[i], 0, file->writes[i].size);
    }
    sim_file_forget_writes(file);
    return SIM_OK;
}
