/* What a simulation and a scoring say: metrics of a task, as text and as JSON.
 *
 * threads  one
 */
#ifndef CLOUD_CTL_REPORT_H
#define CLOUD_CTL_REPORT_H

#include <jansson.h>

#include "common/simulate/dataset.h"
#include "common/simulate/simulate.h"

enum { CTL_METRICS = 4 };

typedef struct ctl_metric {
    const char *name;  /* "false_alarm_rate": in JSON and in summaries */
    const char *label; /* "false al.": over a column, at most 9 letters */
    double value;
    bool detail; /* left out of tables with a line for each client */
} ctl_metric;

/* The task's metrics, the headline first; how many. */
size_t ctl_metrics(const trib_federation *federation, const trib_tally *tally,
                   ctl_metric ret_metrics[CTL_METRICS]);
/* {"examples": n, metric: value ...}; a new reference, NULL without memory. */
json_t *ctl_tally_json(const trib_federation *federation, const trib_tally *tally);
json_t *ctl_confusion_json(const trib_federation *federation, const uint32_t *confusion);
/* `whose`: "federated", "" */
void ctl_print_confusion(const trib_federation *federation, const char *whose,
                         const uint32_t *confusion);
/* Prints and releases. */
TRIB_MUST_CHECK trib_status ctl_print_json(json_t *value);

typedef struct ctl_baselines {
    bool pooled;
    bool local;
} ctl_baselines;

/* The models of one line or table: the federated one, and the baselines that were asked for. */
typedef struct ctl_contest {
    const trib_tally *federated;
    const trib_tally *pooled; /* NULL: not asked for */
    const trib_tally *local;  /* NULL: not asked for */
} ctl_contest;

/* Whether a model of one's own is at least as good as the federated one. */
bool ctl_no_worse(const trib_federation *federation, const trib_tally *own,
                  const trib_tally *federated);

/* ---- report_text.c ---- */

/* Columns of metrics, a group for each and in it a column for each model: the two lines above a
 * table whose other columns take `before` letters, then a line's cells. An empty tally leaves its
 * cells empty. Neither ends its line, but for the first of the two. */
void ctl_print_groups(const trib_federation *federation, int before, const char *leading,
                      const ctl_contest *contest);
void ctl_print_cells(const trib_federation *federation, const ctl_contest *contest);
/* What the columns' short words mean, if there is more than one model. */
void ctl_print_legend(const ctl_contest *contest);
/* A line for each metric, a column for each model. */
void ctl_print_contest(const trib_federation *federation, const ctl_contest *contest);
/* Whether federating pays, of these two headlines; false (and why is said) if that cannot be told.
 */
bool ctl_print_verdict(const trib_federation *federation, double federated, double local);
/* A client that is no worse off alone. */
void ctl_print_worse(const trib_federation *federation, const char *name, const trib_tally *alone,
                     const trib_tally *federated);
void ctl_print_result(const trib_federation *federation, const trib_simulation_result *result,
                      ctl_baselines baselines);

/* ---- report.c ---- */
json_t *ctl_result_json(const trib_federation *federation, const trib_simulation_result *result,
                        ctl_baselines baselines);

/* ---- notes.c ---- */

/* What an engineer should know of the recordings before the numbers: malformed lines, and clients
 * that cannot take part in training. To standard error, the first few of each kind. */
void ctl_print_malformed(const trib_dataset *data);
void ctl_print_notes(const trib_federation *federation, const trib_dataset *data);
/* The same of all clients with something to say: [{"client", ...}]. */
json_t *ctl_notes_json(const trib_federation *federation, const trib_dataset *data);

#endif
