#include "common/generate/machine.h"

#include <math.h>

#include "common/base/status.h"

static const double TWO_PI = 6.283185307179586;
static const double DEFECT_PER_TURN = 3.58; /* outer ring of a common deep-groove ball bearing */
static const double RING_SECONDS = 0.004;   /* how fast a burst dies away */

const char *trib_machine_state_name(trib_machine_state state) {
    static const char *const names[] = {"healthy", "imbalance", "misalignment", "bearing_wear"};
    TRIB_ASSERT(state < TRIB_MACHINE_STATES);
    return names[state];
}

static double between(trib_random *random, double low, double high) {
    return low + (high - low) * (double)trib_random_uniform(random);
}

static void begin_stretch(trib_machine *machine) {
    trib_machine_state states[TRIB_MACHINE_STATES];
    uint32_t count = 0;
    for (int s = 0; s < TRIB_MACHINE_STATES; s++) {
        bool again = machine->rows > 0 && (trib_machine_state)s == machine->state;
        if ((machine->states & 1u << s) != 0 && !again) {
            states[count++] = (trib_machine_state)s;
        }
    }
    if (count > 0) { /* else it has but one state */
        machine->state = states[trib_random_below(&machine->random, count)];
    }
    machine->severity = between(&machine->random, 0.4, 1.0);
    machine->stretch_ends =
        machine->rows + (uint64_t)(between(&machine->random, 5, 9) * TRIB_MACHINE_RATE_HZ);
}

void trib_machine_init(trib_machine *machine, uint64_t seed, const char *name, uint32_t states) {
    TRIB_ASSERT(states != 0 && states < 1u << TRIB_MACHINE_STATES);
    *machine = (trib_machine){.states = states};
    trib_random *random = &machine->random;
    trib_random_init(random, seed, name, 0, TRIB_PURPOSE_GENERATE);
    machine->speed_hz = between(random, 18, 32);
    machine->load = between(random, 0.5, 1.0);
    machine->noise = between(random, 0.08, 0.14);
    for (int axis = 0; axis < 3; axis++) {
        machine->gain[axis] = between(random, 0.75, 1.33);
    }
    machine->phase = between(random, 0, TWO_PI);
    machine->ambient = between(random, 15, 35);
    machine->resonance_hz = between(random, 160, 210);
    machine->hit_seconds = 1;
    for (int s = 0; s < TRIB_MACHINE_STATES; s++) {
        if (states == 1u << s) {
            machine->state = (trib_machine_state)s;
        }
    }
}

uint32_t trib_machine_some_states(uint64_t seed, uint64_t number) {
    trib_random random;
    uint32_t order[TRIB_MACHINE_STATES], states = 0;
    trib_random_init(&random, seed, "", 1, TRIB_PURPOSE_GENERATE);
    trib_random_order(&random, order, TRIB_MACHINE_STATES);
    uint64_t count = 2 + (number + number / TRIB_MACHINE_STATES) % 2;
    for (uint64_t i = 0; i < count; i++) {
        states |= 1u << order[(number + i) % TRIB_MACHINE_STATES];
    }
    return states;
}

/* Ringing of the housing after the last ball met the defect. */
static double burst(trib_machine *machine, double seconds) {
    bool worn = machine->state == TRIB_MACHINE_BEARING_WEAR;
    machine->hit_seconds += seconds;
    if (machine->turns * DEFECT_PER_TURN >= machine->next_hit) {
        /* balls slip a little, so hits are not quite periodic */
        machine->next_hit =
            machine->turns * DEFECT_PER_TURN + between(&machine->random, 0.97, 1.03);
        machine->hit_seconds = 0;
        machine->hit_strength =
            worn ? 2.2 * machine->severity * between(&machine->random, 0.6, 1.4) : 0;
    }
    if (machine->hit_strength == 0) { /* most machines, most of the time */
        return 0;
    }
    return machine->hit_strength * exp(-machine->hit_seconds / RING_SECONDS) *
           sin(TWO_PI * machine->resonance_hz * machine->hit_seconds);
}

static void vibrate(trib_machine *machine, double ringing, double ret_vibration[3]) {
    double angle = TWO_PI * machine->turns + machine->phase, severity = machine->severity;
    double once = 0.12, twice = 0.05, along = 0.05; /* no machine is perfect */
    if (machine->state == TRIB_MACHINE_IMBALANCE) {
        once += 0.9 * severity;
    } else if (machine->state == TRIB_MACHINE_MISALIGNMENT) {
        twice += 0.6 * severity;
        along += 0.5 * severity;
    }
    once *= 0.7 + 0.3 * machine->load;
    ret_vibration[0] = once * sin(angle) + twice * sin(2 * angle) + ringing;
    ret_vibration[1] = once * cos(angle) + twice * sin(2 * angle + 0.8) + 0.8 * ringing;
    ret_vibration[2] = along * (sin(angle + 0.4) + 0.8 * sin(2 * angle)) + 0.3 * ringing;
    for (int axis = 0; axis < 3; axis++) {
        ret_vibration[axis] += machine->noise * (double)trib_random_normal(&machine->random);
        ret_vibration[axis] *= machine->gain[axis];
    }
}

void trib_machine_next(trib_machine *machine, trib_machine_row *ret_row) {
    const double seconds = 1.0 / TRIB_MACHINE_RATE_HZ;
    if (machine->rows >= machine->stretch_ends) {
        begin_stretch(machine);
    }
    double time = (double)machine->rows * seconds;
    double wander = 1 + 0.01 * sin(TWO_PI * 0.05 * time + machine->phase);
    machine->turns += machine->speed_hz * wander * seconds;
    vibrate(machine, burst(machine, seconds), ret_row->vibration);
    double angle = TWO_PI * machine->turns;
    bool crooked = machine->state == TRIB_MACHINE_MISALIGNMENT;
    bool worn = machine->state == TRIB_MACHINE_BEARING_WEAR;
    ret_row->current = 6 * machine->load +
                       (crooked ? 0.25 * machine->severity : 0) * sin(2 * angle) +
                       0.1 * (double)trib_random_normal(&machine->random);
    /* a housing follows in about a minute */
    machine->heat +=
        (12 * machine->load + (worn ? 8 * machine->severity : 0) - machine->heat) * seconds / 60;
    ret_row->temperature =
        machine->ambient + machine->heat + 0.2 * (double)trib_random_normal(&machine->random);
    ret_row->state = machine->state;
    ret_row->time_ms = machine->rows * 1000 / TRIB_MACHINE_RATE_HZ;
    machine->rows++;
}
