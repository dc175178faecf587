/* One put of a file, or one get into a file, through cloud/object; object_curl.py measures it.
 *
 *     bench_object put|get FILE KEY        the bucket as tests/support/object_settings.h says
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bench/bench_line.h"
#include "tests/support/object_settings.h"

static trib_status file_read(void *context, uint64_t offset, uint8_t *ret_bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(*(int *)context, ret_bytes + done, size - done, (off_t)(offset + done));
        if (got <= 0) {
            return TRIB_FAIL(TRIB_E_IO, "the file cannot be read");
        }
        done += (size_t)got;
    }
    return TRIB_SUCCESS;
}

static trib_status file_write(void *context, trib_bytes part) {
    while (part.size > 0) {
        ssize_t done = write(*(int *)context, part.data, part.size);
        if (done <= 0) {
            return TRIB_FAIL(TRIB_E_IO, "the file cannot be written");
        }
        part.data += done;
        part.size -= (size_t)done;
    }
    return TRIB_SUCCESS;
}

int main(int argc, char **argv) {
    cloud_bucket *bucket = NULL;
    struct stat info;
    if (argc != 4) {
        return 64;
    }
    bool putting = strcmp(argv[1], "put") == 0;
    int file = open(argv[2], putting ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || fstat(file, &info) != 0) {
        perror(argv[2]);
        return 1;
    }
    bench_need(object_open(&bucket));
    if (putting) {
        cloud_body body = {.size = (uint64_t)info.st_size, .read = file_read, .context = &file};
        bench_need(bucket->put(bucket, argv[3], &body, NULL));
    } else {
        bench_need(bucket->get(bucket, argv[3], &(cloud_sink){file_write, &file}));
    }
    bucket->destroy(bucket);
    return close(file) == 0 ? 0 : 1;
}
