#include "tests/fuzz/seeds.h"
#include "tests/fuzz/steps.h"

#define PUT(target, name, ...)                                                                     \
    do {                                                                                           \
        static const uint8_t program[] = {__VA_ARGS__};                                            \
        seed_put(target, name, trib_bytes_of(program, sizeof program));                            \
    } while (0)

/* After what a step reads for itself comes what is put behind a message: a length, and bytes. */
#define AS_IT_IS 0
#define FIELD(tag, value) 2, (tag) << 3, value

static void put_sessions(void) {
    PUT("session", "statistics", SESSION_FEDERATION, 0, AS_IT_IS, SESSION_ROUND, 3, 0, 0, AS_IT_IS,
        SESSION_HAND_OUT, SESSION_DRAIN, SESSION_RECEIPT, 1, AS_IT_IS, SESSION_ROUND, 6, 0, 3,
        AS_IT_IS);
    PUT("session", "training", SESSION_ROUND, 1, 2, 0, AS_IT_IS, SESSION_OBJECT, 2, 0, 0,
        SESSION_HAND_OUT, SESSION_DRAIN, SESSION_HAND_OUT, SESSION_RECEIPT, 1, AS_IT_IS,
        SESSION_RELEASE, 1, 3, AS_IT_IS, SESSION_OBJECT, 3, 2, 0, SESSION_OBJECT, 3, 0, 0);
    PUT("session", "releases", SESSION_RELEASE, 2, 2, AS_IT_IS, SESSION_OBJECT, 2, 0, 0,
        SESSION_RELEASE, 3, 3, AS_IT_IS, SESSION_OBJECT, 3, 0, 0, SESSION_AGAIN, 0, 0, 0,
        SESSION_RELEASE, 2, 2, AS_IT_IS, SESSION_OBJECT, 2, 0, 0);
    PUT("session", "restarts", SESSION_DIE, 1, SESSION_ROUND, 3, 0, 0, AS_IT_IS, SESSION_READY,
        SESSION_CLOUD_RESTART, SESSION_FEDERATION, 7, AS_IT_IS, SESSION_WELCOME, AS_IT_IS,
        SESSION_RECONNECT, SESSION_WAIT, 255, 3, SESSION_TELL, 0, 2, 1, 2, SESSION_TELL, 1, 2, 1, 2,
        SESSION_FULL_DISK);
    PUT("session", "fields", SESSION_FEDERATION, 0, FIELD(2, 9), SESSION_WELCOME, FIELD(1, 9),
        SESSION_ROUND, 1, 0, 0, FIELD(8, 0), SESSION_RELEASE, 2, 1, FIELD(2, 1), SESSION_RECEIPT, 2,
        FIELD(5, 6), SESSION_AGAIN, 0, 0, 0, SESSION_AGAIN, 9, 0, 1, SESSION_NOISE, 9, 2, 8, 1);
}

static void put_clouds(void) {
    PUT("cloud", "rounds", CLOUD_UPDATE, 1, AS_IT_IS, 0, AS_IT_IS, CLOUD_UPDATE | FUZZ_SECOND, 2,
        AS_IT_IS, 1, AS_IT_IS, AS_IT_IS, CLOUD_UPDATE, 3, AS_IT_IS, 0, AS_IT_IS, CLOUD_RESTART,
        CLOUD_UPDATE | FUZZ_SECOND, 1, AS_IT_IS, 0, AS_IT_IS, CLOUD_PREDICTION, AS_IT_IS);
    PUT("cloud", "telemetry", CLOUD_TELEMETRY, 1, AS_IT_IS, CLOUD_DOCUMENT, 3, CLOUD_TELEMETRY, 0,
        AS_IT_IS, CLOUD_TELEMETRY | FUZZ_SECOND, 2, AS_IT_IS, CLOUD_AGAIN, 0, 0, 0, CLOUD_TELEMETRY,
        3, FIELD(4, 9), CLOUD_RESTART, CLOUD_TELEMETRY, 0, AS_IT_IS);
    PUT("cloud", "statistics", CLOUD_DOCUMENT, 4, CLOUD_UPDATE, 1, AS_IT_IS, 0, AS_IT_IS,
        CLOUD_UPDATE | FUZZ_SECOND, 2, AS_IT_IS, 0, AS_IT_IS, CLOUD_RESTART, CLOUD_UPDATE, 1,
        AS_IT_IS, 0, AS_IT_IS, CLOUD_REVOKE, 0);
    PUT("cloud", "hostile", CLOUD_UPDATE, 1, FIELD(8, 0), 0, AS_IT_IS, CLOUD_UPDATE, 0, 3, 1, 2, 3,
        AS_IT_IS, 0, AS_IT_IS, CLOUD_AGAIN, 0, 0, 0, CLOUD_AGAIN, 30, 0, 4, CLOUD_NOISE, 1, 3, 1, 2,
        3, CLOUD_UPDATE | FUZZ_SECOND, 1, AS_IT_IS, 1, FIELD(3, 9), AS_IT_IS);
    PUT("cloud", "changes", CLOUD_UPDATE, 1, AS_IT_IS, 0, AS_IT_IS, CLOUD_DOCUMENT, 1, CLOUD_WAIT,
        255, 0, CLOUD_REVOKE | FUZZ_SECOND, 0, CLOUD_JOIN | FUZZ_SECOND, AS_IT_IS, CLOUD_DOCUMENT,
        5, CLOUD_JOIN, FIELD(3, 9), CLOUD_RESTART);
}

static void put_databases(void) {
    PUT("database", "state", 0);
    PUT("database", "samples", 1);
    PUT("database", "registry", 2);
    PUT("database", "changed", 0, DATABASE_CHANGE, 0, 47, 0, 1, 9, DATABASE_CHANGE, 1, 40, 0, 1, 9);
    PUT("database", "cut", 1, DATABASE_CUT, 1, 200, 8, DATABASE_CUT, 0, 0, 16);
    PUT("database", "set", 2, DATABASE_SET, 1, 0, 255, 255, 255, 255, 255, 255, 255, 127,
        DATABASE_SET, 6, 2, 1, 9);
}

void seed_programs(void) {
    put_sessions();
    put_clouds();
    put_databases();
}
