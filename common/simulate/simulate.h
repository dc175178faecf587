/* A federation in one process: round 0, then rounds of training, with the very contribution, fold,
 * round and course code of the deployed programs. A deployment with the same examples and the same
 * cohorts makes the same models, bit for bit.
 *
 * Cohorts are selected by hash as in a deployment, with a salt made from the seed; of more selected
 * than a round expects, those with the smallest hashes count as the first to arrive. Clients
 * without training examples take no part, as a gateway without any would not.
 *
 * Tested is what gateways would run, on the `tests`: on their test parts where source.split makes
 * such, else on all of their examples. Anomaly thresholds come from a client's own training part.
 *
 * Baselines, under the same training plan and number of passes:
 *     pooled   one client that has every client's rows; statistics are those of round 0
 *     local    each client alone, with its own statistics; on its own tests if it has some, else on
 *              all: so it is always compared with the federated model on the same tests
 * For hotelling_t2 pooling is the federation itself. Beside them stands what one answer for
 * everything gives: no model is worth running that is not better.
 *
 * owns     the result owns its arrays
 * threads  one, but for a crowd's; deterministic
 */
#ifndef TRIB_SIMULATE_SIMULATE_H
#define TRIB_SIMULATE_SIMULATE_H

#include "common/model/model.h"
#include "common/recording/example_maker.h"
#include "common/simulate/tally.h"
#include "common/tensor/kernels.h"

typedef struct trib_simulation_round {
    uint32_t ordinal;   /* 1, 2, 3 ... */
    uint32_t clients;   /* that contributed */
    uint32_t abandoned; /* tries before this one that fell below the quorum */
    uint64_t examples;
    uint64_t bytes; /* of updates, packed */
    double loss;    /* of training, mean over examples */
    trib_tally test;
} trib_simulation_round;

typedef struct trib_simulation_client {
    const char *name; /* the data's */
    bool trained;     /* took part in training */
    bool tested;
    bool local_failed;         /* its own model's training diverged: there is no local */
    size_t examples;           /* of training */
    trib_tally federated;      /* the federated model on this client's tests */
    trib_tally pooled;         /* the pooled one on them; zero unless asked for */
    trib_tally local;          /* its own model: see above for on what; zero unless asked for */
    const uint32_t *confusion; /* [classes, classes] of the federated model on this client's tests;
                                * NULL unless there are classes and tests. The result's */
} trib_simulation_client;

/* Clients made up as they are needed (made_up.h) instead of given ones, and forgotten again: memory
 * does not grow with them. */
typedef struct trib_crowd_setup {
    uint32_t clients; /* 0: none; at most 2^24 */
    uint32_t samples; /* examples of each */
    uint32_t threads; /* of any number of them the model is the same, bit for bit */
} trib_crowd_setup;

typedef struct trib_simulation {
    const trib_federation *federation;
    const trib_crypto *crypto;
    const trib_kernels *kernels;
    const trib_client_data *const *clients; /* [client_count]; train; in the order of their names */
    size_t client_count;
    const trib_client_data *const *tests; /* [test_count]; may be among the clients */
    size_t test_count;
    trib_crowd_setup crowd; /* then there are no other clients, and no baselines */
    bool test_every_round;
    bool pooled;
    bool local;
    void (*progress)(void *context, const trib_simulation_round *round); /* may be NULL */
    void *context;
} trib_simulation;

typedef struct trib_simulation_result {
    trib_simulation_round *rounds; /* [round_count], owned */
    size_t round_count;
    trib_simulation_client *clients; /* [client_count], owned: those that train, then other tests */
    size_t client_count; /* a crowd is not listed, nor is there a constant answer of it */
    trib_tally federated;
    trib_tally pooled;
    trib_tally local;    /* sum over the clients' own models */
    trib_tally constant; /* the commonest class of training, or the mean targets, whatever comes;
                          * zero for anomalies */
    uint32_t *confusion; /* [classes, classes] of the federated model, row: label; NULL unless
                          * classes; owned, as the others */
    uint32_t *pooled_confusion;
    uint32_t *local_confusion;   /* sum over the clients' own models */
    uint32_t *client_confusions; /* [test_count, classes, classes] */
    trib_model *model;           /* what gateways would run; owned */
} trib_simulation_result;

/* Whether a client has enough to train on; a gateway that has not takes no part either. */
bool trib_takes_part(const trib_federation *federation, const trib_client_data *client);

/* errors   TRIB_E_STATE when rounds cannot meet their quorum or training diverges, naming client
 * and round; else as the rooms it uses */
TRIB_MUST_CHECK trib_status trib_simulate(const trib_simulation *simulation,
                                          trib_simulation_result *ret_result);
void trib_simulation_result_deinit(trib_simulation_result *result);

#endif
