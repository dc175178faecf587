/* Recordings to training and test examples, through the federation's own pipeline.
 *
 * Each file is a recording of its own: the pipeline is reset before it. Its rows are split by
 * source.split. For labels and targets the two parts are recordings of their own, so that no test
 * window sees a training row. For anomaly tasks the pipeline runs through the whole file, as it
 * would on a gateway, and a window belongs to the test part when its last row does.
 *
 * Windows without a label (or, for regression, without any value of a target) are counted, not
 * kept. A regression target is the mean over the window's rows.
 *
 * errors   as trib_recording_read; TRIB_E_LIMIT past an examples' ceiling
 * threads  one
 */
#ifndef TRIB_RECORDING_EXAMPLE_MAKER_H
#define TRIB_RECORDING_EXAMPLE_MAKER_H

#include "common/federation/federation.h"
#include "common/recording/recording.h"
#include "common/train/examples.h"

/* What became of one client's recordings. */
typedef struct trib_client_data {
    char name[64];
    trib_examples train; /* raw: not normalised. Initialised by the caller */
    trib_examples test;  /* of the same shape */
    uint8_t *anomalies;  /* [test.count], owned: whether the window's last row is one */
    size_t anomaly_capacity;
    uint64_t rows;
    uint64_t unlabelled;                 /* windows left out */
    uint64_t refused;                    /* malformed lines left out */
    char complaint[TRIB_COMPLAINT_SIZE]; /* about the first of them, with file and line */
} trib_client_data;

void trib_client_data_deinit(trib_client_data *client);

typedef struct trib_example_maker trib_example_maker;

/* `federation` outlives the maker. signals_only: rows carry no labels, targets or anomalies. */
TRIB_MUST_CHECK trib_status trib_example_maker_create(const trib_federation *federation,
                                                      bool signals_only,
                                                      trib_example_maker **ret_maker);
void trib_example_maker_destroy(trib_example_maker *maker);
void trib_example_maker_destroy_scoped(trib_example_maker **maker);

/* Appends the file's examples to the client's. */
TRIB_MUST_CHECK trib_status trib_example_maker_add(trib_example_maker *maker, const char *path,
                                                   trib_client_data *client);

#endif
