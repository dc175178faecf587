/* What programs say, by the first byte of each step: for the targets that run them and for the
 * seeds. What follows a step's byte is read by the function that carries it out. */
#ifndef TESTS_FUZZ_STEPS_H
#define TESTS_FUZZ_STEPS_H

enum { FUZZ_LOST = 128 }; /* session: what the gateway answers is lost, or power with it */

typedef enum session_step {
    SESSION_READY, /* started, connected, joined and welcomed */
    SESSION_FEDERATION,
    SESSION_ROUND,
    SESSION_RELEASE,
    SESSION_OBJECT,
    SESSION_WELCOME,
    SESSION_RECEIPT,
    SESSION_NOISE,
    SESSION_AGAIN,
    SESSION_HAND_OUT,
    SESSION_DRAIN,
    SESSION_WAIT,
    SESSION_RECONNECT,
    SESSION_DIE,
    SESSION_FULL_DISK,
    SESSION_TELL,
    SESSION_CLOUD_RESTART,
    SESSION_STEPS
} session_step;

enum { FUZZ_SECOND = 128 }; /* cloud: by the second gateway */

typedef enum cloud_step {
    CLOUD_JOIN,
    CLOUD_UPDATE,
    CLOUD_PREDICTION,
    CLOUD_NOISE,
    CLOUD_AGAIN,
    CLOUD_REVOKE,
    CLOUD_WAIT,
    CLOUD_DOCUMENT,
    CLOUD_RESTART,
    CLOUD_TELEMETRY,
    CLOUD_STEPS
} cloud_step;

typedef enum database_step {
    DATABASE_CHANGE, /* bytes of the file or its log */
    DATABASE_CUT,
    DATABASE_SET, /* a column */
    DATABASE_STEPS
} database_step;

#endif
