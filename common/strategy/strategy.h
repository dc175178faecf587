/* From a round's mean to the next model.
 *
 * With d the weighted mean of the deltas, w the model, m the server's momentum, t the round (1, 2
 * ..): fedavg    w += rate d                                 McMahan et al. 2017, algorithm 1
 *     fedavgm   m = momentum m + d;  w += rate m            Hsu, Qi, Brown 2019, section 4
 *     nesterov  m = momentum m + d;  w += rate (d + momentum m)
 * and the model that is served, when serve_average > 0, is the average a:
 *     b = min(serve_average, t / (t + 9));  a = b a + (1 - b) w
 *
 * All arithmetic is double, rounded to float32 once; state is float32, so that writing and reading
 * it changes nothing.
 *
 * threads  one
 */
#ifndef TRIB_STRATEGY_STRATEGY_H
#define TRIB_STRATEGY_STRATEGY_H

#include "common/federation/federation.h"

typedef struct trib_strategy {
    trib_strategy_spec spec;
    uint32_t count;  /* parameters */
    uint32_t rounds; /* t, done so far */
    float *momentum; /* [count]; NULL unless fedavgm */
    float *average;  /* [count]; NULL unless serve_average > 0 */
} trib_strategy;

/* `parameters` is the model to start from: the average starts there too. */
TRIB_MUST_CHECK trib_status trib_strategy_init(trib_strategy *strategy,
                                               const trib_strategy_spec *spec,
                                               const float *parameters, uint32_t count);
void trib_strategy_deinit(trib_strategy *strategy);

/* One round: `mean` [count] in, `parameters` [count] changed in place.
 * errors   TRIB_E_STATE when a parameter would become NaN or infinite; nothing has changed then */
TRIB_MUST_CHECK trib_status trib_strategy_apply(trib_strategy *strategy, const double *mean,
                                                float *parameters);

/* What gateways are to run: the average, or `parameters` themselves. */
const float *trib_strategy_served(const trib_strategy *strategy, const float *parameters);

/* The state as one safetensors file, and back (into an initialised strategy of the same spec). */
TRIB_MUST_CHECK trib_status trib_strategy_write(const trib_strategy *strategy,
                                                trib_buffer *ret_file);
TRIB_MUST_CHECK trib_status trib_strategy_read(trib_strategy *strategy, trib_bytes file);

#endif
