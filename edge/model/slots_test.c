/* The old model or the new one, whatever happens in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/port/posix/system.h"
#include "edge/model/slots.h"
#include "tests/support/power.h"

#define DOCUMENT(features_, units_)                                                                \
    "federation: plant\nseed: 11\n"                                                                \
    "source: {rate_hz: 10, timestamp: {column: t, unit: ms}, channels: [x, y], targets: [load]}\n" \
    "pipeline: {window: {rows: 4, hop: 2}, features: [" features_ "], normalise: false}\n"         \
    "model: {task: regress, layers: [{kind: dense, units: " units_                                 \
    "}, {kind: tanh}, {kind: dense, units: 1}]}\n"                                                 \
    "training: {epochs: 1, batch: 8, optimiser: sgd, rate: 0.05}\n"                                \
    "rounds: {maximum: 9, quorum: 2, gateways: 2, deadline_s: 10}\n"                               \
    "strategy: {kind: fedavg}\nupdate: {codec: float32, clip_norm: 4}\n"

static const char here[] = DOCUMENT("mean, std", "4"), other_pipeline[] = DOCUMENT("mean", "4"),
                  other_model[] = DOCUMENT("mean, std", "5");

static char folder[64], database[96];
static trib_federation federation;
static trib_lineage lineage; /* of it */
static edge_outbox *outbox;
static edge_newest newest;
static edge_slots slots;

/* ---- a gateway ----------------------------------------------------------------------------- */

static void read_document(const char *text) {
    if (!trib_ok(trib_federation_parse("test", trib_bytes_text(text), &federation)) ||
        !trib_ok(trib_federation_lineage(trib_crypto_host(), &federation, &lineage))) {
        fail_msg("document: %s", trib_message());
    }
}

static void start(void) {
    uint64_t boot;
    assert_true(trib_ok(edge_outbox_open(database, &outbox)));
    assert_true(trib_ok(edge_outbox_boot(outbox, &boot))); /* as each start does */
    slots = (edge_slots){trib_posix_disk(), trib_crypto_host(), outbox, &newest, folder};
}

static void restart(void) {
    edge_outbox_close(outbox);
    outbox = NULL;
    start();
}

/* The power goes, and comes back. */
static void lose_power(power_leaves leaves) {
    power_goes();
    edge_outbox_close(outbox);
    outbox = NULL;
    power_is_back(leaves);
    start();
}

static int set_up(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/slots-test-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(database, sizeof database, "%s/state.db", folder);
    read_document(here);
    power_watch(folder);
    start();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    edge_outbox_close(outbox);
    outbox = NULL;
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* The file of a model of `document` whose every parameter is `value`. */
static void make_file(const char *document, float value, trib_buffer *ret_file) {
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = NULL;
    TRIB_SCOPED(trib_free_scoped) trib_federation *meaning = trib_allocate(1, sizeof *meaning);
    assert_non_null(meaning);
    assert_true(trib_ok(trib_federation_parse("test", trib_bytes_text(document), meaning)));
    assert_true(trib_ok(trib_model_create(trib_crypto_host(), meaning, &model)));
    for (uint32_t i = 0; i < model->parameter_count; i++) {
        model->parameters[i] = value;
    }
    *ret_file = (trib_buffer){.ceiling = 1 << 20};
    assert_true(trib_ok(trib_model_write(model, ret_file)));
}

static trib_code install(const char *document, uint64_t release, float value) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = 0};
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = NULL;
    make_file(document, value, &file);
    trib_status status =
        edge_slots_install(&slots, &lineage, release, trib_buffer_view(&file), &model);
    assert_int_equal(trib_ok(status), model != NULL);
    assert_true(model == NULL || model->parameters[0] == value);
    return status.code;
}

static trib_code load(uint64_t *ret_release, float *ret_value) {
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = NULL;
    trib_status status = edge_slots_load(&slots, &federation, &lineage, ret_release, &model);
    if (trib_ok(status)) {
        *ret_value = model->parameters[model->parameter_count - 1];
    }
    return status.code;
}

static void active_is(uint64_t release, float value) {
    uint64_t found = 0;
    float parameter = 0;
    assert_int_equal(load(&found, &parameter), TRIB_OK);
    assert_int_equal(found, release);
    assert_true(parameter == value);
}

static bool file_is_there(const char *name) {
    char path[160];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void overwrite(const char *name, trib_bytes bytes) {
    char path[160];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    assert_int_equal(fclose(file), 0);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void releases_take_turns_in_the_two_slots_and_outlive_a_restart(void **state) {
    (void)state;
    uint64_t release = 0;
    float value = 0;
    assert_int_equal(load(&release, &value), TRIB_E_NOT_FOUND);
    assert_int_equal(install(here, 1, 0.5f), TRIB_OK);
    assert_true(file_is_there("model-a.safetensors"));
    assert_false(file_is_there("model-b.safetensors"));
    active_is(1, 0.5f);
    for (uint64_t next = 2; next < 6; next++) {
        assert_int_equal(install(here, next, (float)next), TRIB_OK);
        assert_true(file_is_there("model-b.safetensors"));
        restart();
        active_is(next, (float)next);
    }
}

/* ---- loss of power ------------------------------------------------------------------------- */

/* What the spare slot may hold before. */
typedef enum spare { SPARE_AS_IT_IS, SPARE_MISSING, SPARE_SHORTER, SPARE_LONGER, SPARES } spare;

static void prepare_spare(spare holds) {
    static const uint8_t zeros[1 << 16];
    edge_slot active;
    char name[32];
    assert_true(trib_ok(edge_outbox_load_slot(outbox, &active)));
    (void)snprintf(name, sizeof name, "model-%c.safetensors", active.name == 'a' ? 'b' : 'a');
    if (holds == SPARE_MISSING) {
        char path[160];
        (void)snprintf(path, sizeof path, "%s/%s", folder, name);
        (void)unlink(path); /* it may not be there */
    } else if (holds != SPARE_AS_IT_IS) {
        overwrite(name, trib_bytes_of(zeros, holds == SPARE_SHORTER ? 100 : sizeof zeros));
    }
    power_watch(folder);
}

/* What is active is one of these releases, whole; which one. */
static uint64_t one_of(uint64_t first, uint64_t last) {
    uint64_t found = 0;
    float value = 0;
    assert_int_equal(load(&found, &value), TRIB_OK);
    assert_true(found >= first && found <= last);
    assert_true(value == (float)found);
    return found;
}

/* Installs the release after `release` without power after so many operations; what is active
 * then. Once it is installed, nothing of it may be lost. */
static uint64_t install_until(size_t operations, power_leaves leaves, uint64_t release,
                              bool *ret_failed) {
    slots.disk = power_disk();
    power_fails_after(operations);
    bool installed = install(here, release + 1, (float)(release + 1)) == TRIB_OK;
    *ret_failed = power_failed();
    assert_int_equal(installed, !*ret_failed);
    lose_power(leaves);
    uint64_t found = one_of(release, release + 1);
    assert_true(!installed || found == release + 1);
    return found;
}

static void loss_of_power_at_any_moment_leaves_the_old_model_or_the_new_one(void **state) {
    (void)state;
    uint64_t release = 1;
    assert_int_equal(install(here, 1, 1), TRIB_OK);
    for (spare holds = 0; holds < SPARES; holds++) {
        for (power_leaves leaves = 0; leaves < POWER_WAYS; leaves++) {
            size_t operations = 0;
            for (bool failed = true; failed; operations++) {
                prepare_spare(holds);
                release = install_until(operations, leaves, release, &failed);
            }
            assert_true(operations >= 5); /* open, write, sync, and the switch's sync at least */
        }
    }
}

/* The switch of the install before may be in the database and not durable: then the slot that looks
 * spare is the one that power would bring back. */
static void an_install_after_one_that_failed_relies_on_nothing_that_power_may_take(void **state) {
    (void)state;
    uint64_t release = 2;
    assert_int_equal(install(here, 1, 1), TRIB_OK);
    assert_int_equal(install(here, 2, 2), TRIB_OK);
    for (power_leaves leaves = 0; leaves < POWER_WAYS; leaves++) {
        size_t flickers = 0, operations = 0;
        for (bool flickered = true; flickered; operations++) {
            power_watch(folder);
            slots.disk = power_disk();
            power_flickers_after(flickers);
            (void)install(here, release + 1, (float)(release + 1));
            flickered = power_failed();
            power_fails_after(operations);
            bool installed = install(here, release + 2, (float)(release + 2)) == TRIB_OK;
            lose_power(leaves);
            uint64_t found = one_of(release, release + 2);
            assert_true(!installed || found == release + 2);
            release = found;
            if (installed) { /* all moments of the second: on to the next of the first */
                flickers++;
                operations = SIZE_MAX;
            }
        }
        assert_true(flickers >= 4); /* each of them once */
    }
}

static void a_torn_spare_slot_is_not_activated(void **state) {
    (void)state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = 0};
    make_file(here, 9, &file);
    assert_int_equal(install(here, 1, 1), TRIB_OK);
    const size_t sizes[] = {0, 1, file.size / 2, file.size - 1, file.size};
    for (size_t i = 0; i < 5; i++) { /* whole, too: nothing says that it was released */
        overwrite("model-b.safetensors", trib_bytes_of(file.data, sizes[i]));
        restart();
        active_is(1, 1);
    }
    assert_int_equal(install(here, 2, 2), TRIB_OK); /* what lies there is in nobody's way */
    active_is(2, 2);
}

/* ---- what is refused ----------------------------------------------------------------------- */

static trib_code read_back(trib_buffer *ret_file, edge_slot *ret_active) {
    *ret_file = (trib_buffer){.ceiling = 1 << 20};
    return edge_slots_read(&slots, ret_file, ret_active).code;
}

static void the_active_file_comes_back_as_it_was_installed(void **state) {
    (void)state;
    edge_slot active = {.name = 'x'};
    uint8_t digest[TRIB_HASH_BYTES];
    trib_buffer back;
    assert_int_equal(read_back(&back, &active), TRIB_E_NOT_FOUND);
    for (uint64_t release = 1; release < 4; release++) {
        TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = 0};
        make_file(here, (float)release, &file);
        assert_int_equal(install(here, release, (float)release), TRIB_OK);
        assert_int_equal(read_back(&back, &active), TRIB_OK);
        assert_true(trib_bytes_equal(trib_buffer_view(&back), trib_buffer_view(&file)));
        assert_true(trib_ok(trib_crypto_host()->sha256(trib_buffer_view(&file), digest)));
        assert_memory_equal(active.digest, digest, sizeof digest);
        assert_int_equal(active.release, release);
        trib_buffer_deinit(&back);
    }
    overwrite("model-a.safetensors", trib_bytes_text("{}"));
    assert_int_equal(read_back(&back, &active), TRIB_E_CORRUPT);
    trib_buffer_deinit(&back);
}

static void an_active_file_that_is_not_what_was_installed_is_said(void **state) {
    (void)state;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = 0};
    uint64_t release = 7;
    float value = 0;
    make_file(here, 9, &file); /* a good model, but another */
    assert_int_equal(install(here, 1, 1), TRIB_OK);
    overwrite("model-a.safetensors", trib_buffer_view(&file));
    assert_int_equal(load(&release, &value), TRIB_E_CORRUPT);
    overwrite("model-a.safetensors", trib_bytes_of(file.data, 10));
    assert_int_equal(load(&release, &value), TRIB_E_CORRUPT);
    char path[160];
    (void)snprintf(path, sizeof path, "%s/model-a.safetensors", folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(load(&release, &value), TRIB_E_NOT_FOUND);
    assert_int_equal(release, 7);
    assert_int_equal(install(here, 2, 2), TRIB_OK);
    active_is(2, 2);
}

static trib_code check(const char *document) {
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = NULL;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = 0};
    make_file(document, 1, &file);
    assert_true(trib_ok(trib_model_read(trib_crypto_host(), trib_buffer_view(&file), &model)));
    return edge_slots_check(&lineage, model).code;
}

static void a_model_is_checked_without_a_file(void **state) {
    (void)state;
    assert_int_equal(check(here), TRIB_OK);
    assert_int_equal(check(other_pipeline), TRIB_E_DENIED);
    assert_int_equal(check(other_model), TRIB_E_DENIED);
    read_document(other_model); /* the federation has got another document */
    assert_int_equal(check(here), TRIB_E_DENIED);
    assert_int_equal(check(other_model), TRIB_OK);
}

static void a_model_of_another_pipeline_or_lineage_is_refused(void **state) {
    (void)state;
    TRIB_SCOPED(trib_model_destroy_scoped) trib_model *model = NULL;
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer file = {.ceiling = 0};
    assert_int_equal(install(here, 1, 1), TRIB_OK);
    assert_int_equal(install(other_pipeline, 2, 2), TRIB_E_DENIED);
    assert_non_null(strstr(trib_message(), "pipeline"));
    assert_int_equal(install(other_model, 2, 2), TRIB_E_DENIED);
    assert_non_null(strstr(trib_message(), "lineage"));
    make_file(here, 2, &file);
    trib_bytes half = trib_bytes_of(file.data, file.size / 2);
    assert_int_equal(edge_slots_install(&slots, &lineage, 2, half, &model).code, TRIB_E_CORRUPT);
    assert_false(file_is_there("model-b.safetensors"));
    active_is(1, 1);
}

static void an_installed_model_is_not_run_under_another_document(void **state) {
    (void)state;
    uint64_t release = 0;
    float value = 0;
    assert_int_equal(install(here, 1, 1), TRIB_OK);
    read_document(other_pipeline);
    assert_int_equal(load(&release, &value), TRIB_E_DENIED);
    read_document(other_model);
    assert_int_equal(load(&release, &value), TRIB_E_DENIED);
    assert_int_equal(install(other_model, 2, 2), TRIB_OK);
    active_is(2, 2);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(releases_take_turns_in_the_two_slots_and_outlive_a_restart),
        CASE(loss_of_power_at_any_moment_leaves_the_old_model_or_the_new_one),
        CASE(an_install_after_one_that_failed_relies_on_nothing_that_power_may_take),
        CASE(a_torn_spare_slot_is_not_activated),
        CASE(the_active_file_comes_back_as_it_was_installed),
        CASE(an_active_file_that_is_not_what_was_installed_is_said),
        CASE(a_model_is_checked_without_a_file),
        CASE(a_model_of_another_pipeline_or_lineage_is_refused),
        CASE(an_installed_model_is_not_run_under_another_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
