/* The commands of `tributary` that ask a running cloud, and `identity`. Each gets its own words,
 * its name first, and gives the process's exit status: 0 done, 1 failed, 2 used wrongly.
 *
 * threads  one
 */
#ifndef CLOUD_CTL_COMMANDS_H
#define CLOUD_CTL_COMMANDS_H

#include <stdint.h>

#include "common/base/status.h"

enum { CTL_DONE = 0, CTL_FAILED = 1, CTL_USAGE = 2 };

int ctl_identity_command(int count, char **words);
int ctl_apply_command(int count, char **words);
int ctl_status_command(int count, char **words);
int ctl_watch_command(int count, char **words);
int ctl_revoke_command(int count, char **words);
/* `model list`, `model export`, `model release`: the words start with list, export or release. */
int ctl_model_list_command(int count, char **words);
int ctl_model_export_command(int count, char **words);
int ctl_model_release_command(int count, char **words);

/* Prints "tributary COMMAND: message" and gives CTL_FAILED, or CTL_DONE. */
int ctl_finish(const char *command, trib_status status);
/* A whole number from least to most, or TRIB_E_ARGUMENT naming the option. */
TRIB_MUST_CHECK trib_status ctl_whole_number(const char *option, const char *text, uint64_t least,
                                             uint64_t most, uint64_t *ret_value);

#endif
