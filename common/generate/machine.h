/* A made-up rotating machine with an accelerometer, a current and a temperature sensor.
 *
 * For trying Tributary without a factory. Every machine has its own speed, load, noise, resonance
 * and sensor gains, drawn from (seed, name); it moves through its states in stretches of five to
 * nine seconds, each with a severity of its own.
 *
 *     healthy       a little of the turning frequency f, noise
 *     imbalance     f, strong, across the shaft (x and y a quarter turn apart)
 *     misalignment  2 f across, f and 2 f along the shaft (z), a ripple in the current
 *     bearing_wear  bursts of a resonance at the outer ring's defect frequency, about 3.6 f, and
 * heat
 *
 * The same seed and name give the same rows on every machine with the same C library.
 *
 * units    vibration g, current A, temperature degrees Celsius
 * threads  one a machine
 */
#ifndef TRIB_GENERATE_MACHINE_H
#define TRIB_GENERATE_MACHINE_H

#include "common/base/random.h"

enum { TRIB_MACHINE_RATE_HZ = 500 };

typedef enum trib_machine_state {
    TRIB_MACHINE_HEALTHY,
    TRIB_MACHINE_IMBALANCE,
    TRIB_MACHINE_MISALIGNMENT,
    TRIB_MACHINE_BEARING_WEAR,
    TRIB_MACHINE_STATES
} trib_machine_state;

const char *trib_machine_state_name(trib_machine_state state);

typedef struct trib_machine_row {
    uint64_t time_ms; /* from 0 */
    double vibration[3];
    double current;
    double temperature;
    trib_machine_state state;
} trib_machine_row;

typedef struct trib_machine {
    trib_random random;
    uint32_t states; /* bit s: this machine is sometimes in state s */
    uint64_t rows;
    uint64_t stretch_ends; /* row */
    trib_machine_state state;
    double severity;
    double speed_hz;
    double load;
    double noise;
    double gain[3];
    double phase;
    double ambient;
    double resonance_hz;
    double heat;
    double turns;       /* of the shaft */
    double next_hit;    /* in turns: when a ball meets the defect */
    double hit_seconds; /* since the last one */
    double hit_strength;
} trib_machine;

/* states: bits of trib_machine_state, at least one. */
void trib_machine_init(trib_machine *machine, uint64_t seed, const char *name, uint32_t states);
/* Two or three of the four states for the machine of this number; every four in a row see each
 * state about as often. Which, the seed decides. */
uint32_t trib_machine_some_states(uint64_t seed, uint64_t number);
void trib_machine_next(trib_machine *machine, trib_machine_row *ret_row);

#endif
