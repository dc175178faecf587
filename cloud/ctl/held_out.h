/* Recordings that nobody trained on, to score one model after another.
 *
 * The folder is read once; again only when a model means something else (another lineage).
 *
 * errors   those of reading recordings and of trib_model_read
 * threads  one
 */
#ifndef CLOUD_CTL_HELD_OUT_H
#define CLOUD_CTL_HELD_OUT_H

#include "common/base/span.h"

typedef struct ctl_held_out ctl_held_out;

typedef struct ctl_held_out_score {
    const char *name; /* "accuracy", "rmse", "f1"; static */
    double value;
    unsigned long long examples;
} ctl_held_out_score;

/* The folder is read with the first model, which says how; which files, delimiter, split and
 * anomaly column only a federation file knows (NULL: the defaults), which must be of the models'
 * lineage. */
TRIB_MUST_CHECK trib_status ctl_held_out_create(const char *folder, const char *federation_path,
                                                ctl_held_out **ret_held_out);
void ctl_held_out_destroy(ctl_held_out *held_out);
void ctl_held_out_destroy_scoped(ctl_held_out **held_out);

/* model: the bytes of a model file. */
TRIB_MUST_CHECK trib_status ctl_held_out_measure(ctl_held_out *held_out, trib_bytes model,
                                                 ctl_held_out_score *ret_score);

#endif
