/* What a simulation and a scoring say: metrics of a task, as text and as JSON.
 */
#ifndef CLOUD_CTL_REPORT_H
#define CLOUD_CTL_REPORT_H

#include <jansson.h>

#include "common/simulate/simulate.h"

enum { CTL_METRICS = 4 };

typedef struct ctl_metric {
    const char *name;
    double value;
} ctl_metric;

/* The task's metrics, the headline first; how many. */
size_t ctl_metrics(const trib_federation *federation, const trib_tally *tally,
                   ctl_metric ret_metrics[CTL_METRICS]);
/* {"examples": n, metric: value ...}; a new reference, NULL without memory. */
json_t *ctl_tally_json(const trib_federation *federation, const trib_tally *tally);
json_t *ctl_confusion_json(const trib_federation *federation, const uint32_t *confusion);
void ctl_print_confusion(const trib_federation *federation, const uint32_t *confusion);
/* Prints and releases. */
TRIB_MUST_CHECK trib_status ctl_print_json(json_t *value);

typedef struct ctl_baselines {
    bool pooled;
    bool local;
} ctl_baselines;

void ctl_print_result(const trib_federation *federation, const trib_simulation_result *result,
                      ctl_baselines baselines);
json_t *ctl_result_json(const trib_federation *federation, const trib_simulation_result *result,
                        ctl_baselines baselines);

#endif
