#include "cloud/ctl/command.h"

#include <stdio.h>

int ctl_finish(const char *command, trib_status status) {
    if (trib_ok(status)) {
        return CTL_DONE;
    }
    (void)fprintf(stderr, "tributary %s: %s\n", command, trib_message());
    return CTL_FAILED;
}

trib_status ctl_whole_number(const char *option, const char *text, uint64_t least, uint64_t most,
                             uint64_t *ret_value) {
    if (!ctl_read_number(text, least, most, ret_value)) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "%s %s: expected a whole number from %llu to %llu",
                         option, text, (unsigned long long)least, (unsigned long long)most);
    }
    return TRIB_SUCCESS;
}
