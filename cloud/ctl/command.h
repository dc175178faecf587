/* Commands of `tributary` that need no cloud, and what they share. Those that ask a cloud stand in
 * commands.h. To add one: write its file, declare it, list it in main.c.
 *
 * errors   are said on standard error; statuses name file, line and key
 * threads  one
 */
#ifndef CLOUD_CTL_COMMAND_H
#define CLOUD_CTL_COMMAND_H

#include <getopt.h>

#include "cloud/ctl/commands.h"
#include "common/base/heap.h"
#include "common/federation/federation.h"

typedef struct ctl_command {
    const char *name;
    const char *summary; /* one line for the list of commands */
    const char *help;    /* what --help prints: usage, options, examples */
    int (*run)(const struct ctl_command *command, int count, char **words);
    int (*plain)(int count, char **words); /* instead of run: has its own help */
} ctl_command;

extern const ctl_command ctl_check;
extern const ctl_command ctl_simulate;
extern const ctl_command ctl_score;
extern const ctl_command ctl_model; /* show; the rest of `model` is in commands.h */
extern const ctl_command ctl_generate;
extern const ctl_command ctl_bridge;
extern const ctl_command ctl_object;
extern const ctl_command ctl_backup;
extern const ctl_command ctl_restore;

/* Prints the complaint (NULL: getopt_long has printed one) and where to find help to standard
 * error. CTL_USAGE. */
int ctl_misused(const ctl_command *command, const char *format, ...) TRIB_PRINTF(2, 3);
/* Prints the command's help to standard output. CTL_DONE. */
int ctl_help(const ctl_command *command);

/* Whole numbers of options; false (nothing printed) unless all of `text` is one in the range. */
bool ctl_read_number(const char *text, uint64_t least, uint64_t most, uint64_t *ret_value);

/* A federation file, on the heap since it is large. Free with trib_free. */
TRIB_MUST_CHECK trib_status ctl_load_federation(const char *path, trib_federation **ret_federation);
/* Writes a whole file, or says why not. */
TRIB_MUST_CHECK trib_status ctl_write_file(const char *path, trib_bytes bytes);

#endif
