#include "common/simulate/tally.h"

#include <math.h>

void trib_tally_add(trib_tally *tally, const trib_tally *other) {
    tally->examples += other->examples;
    tally->loss += other->loss;
    tally->right += other->right;
    tally->values += other->values;
    tally->squares += other->squares;
    tally->absolutes += other->absolutes;
    tally->watched += other->watched;
    tally->alarms += other->alarms;
    tally->judged += other->judged;
    tally->alarms_true += other->alarms_true;
    tally->alarms_false += other->alarms_false;
    tally->missed += other->missed;
}

static double ratio(double part, double whole) {
    return whole > 0 ? part / whole : 0;
}

double trib_tally_loss(const trib_tally *tally) {
    return ratio(tally->loss, (double)tally->examples);
}

double trib_tally_accuracy(const trib_tally *tally) {
    return ratio((double)tally->right, (double)tally->examples);
}

double trib_tally_rmse(const trib_tally *tally) {
    return sqrt(ratio(tally->squares, (double)tally->values));
}

double trib_tally_mae(const trib_tally *tally) {
    return ratio(tally->absolutes, (double)tally->values);
}

double trib_tally_f1(const trib_tally *tally) {
    uint64_t wrong = tally->alarms_false + tally->missed;
    return ratio(2.0 * (double)tally->alarms_true,
                 2.0 * (double)tally->alarms_true + (double)wrong);
}

double trib_tally_false_alarm_rate(const trib_tally *tally) {
    uint64_t anomalies = tally->alarms_true + tally->missed;
    return ratio((double)tally->alarms_false, (double)(tally->judged - anomalies));
}

double trib_tally_miss_rate(const trib_tally *tally) {
    return ratio((double)tally->missed, (double)(tally->alarms_true + tally->missed));
}

double trib_tally_alarm_rate(const trib_tally *tally) {
    return ratio((double)tally->alarms, (double)tally->watched);
}

bool trib_judges_anomalies(const trib_federation *federation) {
    return (federation->task == TRIB_TASK_RECONSTRUCT ||
            federation->task == TRIB_TASK_HOTELLING_T2) &&
           federation->source.anomaly_column[0] != '\0' &&
           federation->source.split != TRIB_SPLIT_NONE;
}

trib_headline trib_tally_headline(const trib_federation *federation, const trib_tally *tally) {
    switch (federation->task) {
    case TRIB_TASK_CLASSIFY:
        return (trib_headline){"accuracy", true, true, trib_tally_accuracy(tally)};
    case TRIB_TASK_REGRESS:
        return (trib_headline){"rmse", false, true, trib_tally_rmse(tally)};
    case TRIB_TASK_RECONSTRUCT:
    case TRIB_TASK_HOTELLING_T2:
        break;
    }
    if (trib_judges_anomalies(federation)) {
        return (trib_headline){"f1", true, true, trib_tally_f1(tally)};
    }
    return federation->task == TRIB_TASK_RECONSTRUCT
               ? (trib_headline){"rmse", false, false, trib_tally_rmse(tally)}
               : (trib_headline){"alarm_rate", false, false, trib_tally_alarm_rate(tally)};
}
