/* A segment as a crash or a bad disk may leave it, in a file: opening cuts a torn tail or finds
 * gaps, and then it takes records again. */
#include "cloud/ledger/ledger.h"
#include "common/port/posix/system.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"

static trib_status count(void *context, const cloud_record *record) {
    uint64_t *last = context;
    FUZZ_MUST(record->position > *last);
    *last = record->type == 0 ? record->gap_end : record->position;
    return TRIB_SUCCESS;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_put_file("00000000000000000001.ledger", trib_bytes_of(data, size));
    cloud_ledger *ledger = NULL;
    if (!trib_ok(cloud_ledger_open(trib_posix_disk(), fuzz_folder(), 7, &ledger))) {
        return 0;
    }
    uint64_t last = 0, position = 0;
    trib_bytes part = trib_bytes_text("a record");
    trib_ignore(cloud_ledger_read(ledger, 1, count, &last));
    FUZZ_MUST(trib_ok(cloud_ledger_append(ledger, 1, &part, 1, &position)));
    FUZZ_MUST(position > last && trib_ok(cloud_ledger_sync(ledger)));
    last = 0;
    FUZZ_MUST(trib_ok(cloud_ledger_read(ledger, 1, count, &last)) && last == position);
    cloud_ledger_close(ledger);
    return 0;
}
