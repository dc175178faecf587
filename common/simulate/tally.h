/* What scoring counts, as sums, so that clients and models add up; and the rates made of them.
 *
 * threads  plain data
 */
#ifndef TRIB_SIMULATE_TALLY_H
#define TRIB_SIMULATE_TALLY_H

#include "common/federation/federation.h"

typedef struct trib_tally {
    uint64_t examples;
    double loss;     /* sum over examples */
    uint64_t right;  /* classes */
    uint64_t values; /* regression and reconstruction: outputs compared */
    double squares;  /* sum over values of squared differences */
    double absolutes;
    uint64_t watched; /* anomaly tasks: examples that could raise an alarm ... */
    uint64_t alarms;  /* ... and those that did */
    uint64_t judged;  /* those of which the truth is known */
    uint64_t alarms_true;
    uint64_t alarms_false;
    uint64_t missed;
} trib_tally;

void trib_tally_add(trib_tally *tally, const trib_tally *other);

/* 0 where there is nothing to divide by. */
double trib_tally_loss(const trib_tally *tally);
double trib_tally_accuracy(const trib_tally *tally);
double trib_tally_rmse(const trib_tally *tally);
double trib_tally_mae(const trib_tally *tally);
double trib_tally_f1(const trib_tally *tally);
double trib_tally_false_alarm_rate(const trib_tally *tally); /* of the normal examples */
double trib_tally_miss_rate(const trib_tally *tally);        /* of the anomalies */

double trib_tally_alarm_rate(const trib_tally *tally); /* of the examples watched */

/* Whether alarms can be held against the truth: there is an anomaly column, and source.split leaves
 * a part to test on, with a training part before it that sets the threshold. */
bool trib_judges_anomalies(const trib_federation *federation);

/* The one number by which two models of a task are compared. */
typedef struct trib_headline {
    const char *name; /* "accuracy", "rmse", "f1", "alarm_rate" */
    bool higher_is_better;
    bool comparable; /* false: it does not say which of two models is better, since each measures
                      * in a scale of its own, or the truth is not known */
    double value;
} trib_headline;
trib_headline trib_tally_headline(const trib_federation *federation, const trib_tally *tally);

#endif
