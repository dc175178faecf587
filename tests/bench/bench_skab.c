/* Anomalies of the Skoltech Anomaly Benchmark: 34 experiments are 34 clients; the first 400 rows of
 * each are normal running, the rest is judged row by row and counted together.
 *
 * The reference is an alarm on every row of the same run, since F1 alone means little: it is held
 * together with the false-alarm rate. Published: the benchmark's convolutional autoencoder, F1 .78
 * at 13.55 % false alarms and 28.02 % missed.
 */
#include "common/simulate/dataset.h"
#include "common/simulate/simulate.h"
#include "common/tensor/blas_core.h"
#include "tests/bench/bench_data.h"

static void print_rates(const char *who, const trib_tally *tally, const trib_tally *always) {
    char name[64];
    double f1 = trib_tally_f1(tally), far = trib_tally_false_alarm_rate(tally);
    (void)snprintf(name, sizeof name, "skab.%s.f1", who);
    bench_print_beside(name, f1, "F1", trib_tally_f1(always), f1 / trib_tally_f1(always));
    (void)snprintf(name, sizeof name, "skab.%s.far", who);
    bench_print_beside(name, far, "of the normal rows", trib_tally_false_alarm_rate(always),
                       far / trib_tally_false_alarm_rate(always));
    (void)snprintf(name, sizeof name, "skab.%s.mar", who);
    bench_print(name, trib_tally_miss_rate(tally), "of the anomalies");
}

static void print_result(const trib_simulation_result *result) {
    const trib_tally *sum = &result->federated;
    uint64_t anomalies = sum->alarms_true + sum->missed;
    const trib_tally always = {
        .judged = sum->judged, .alarms_true = anomalies, .alarms_false = sum->judged - anomalies};
    print_rates("federated", sum, &always);
    print_rates("pooled", &result->pooled, &always);
    print_rates("local", &result->local, &always);
    bench_print("skab.all_anomalous.f1", trib_tally_f1(&always), "F1");
    bench_print("skab.rows", (double)sum->judged, "rows judged");
}

int main(int argc, char **argv) {
    char said[160], folder[4096];
    trib_ignore(trib_blas_reexecute(argv, said, sizeof said));
    bench_data_path(argc, argv, "skab", folder);
    trib_kernels kernels = trib_kernels_choose(said, sizeof said);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = TRIB_DOCUMENT_MAX_BYTES};
    TRIB_SCOPED(trib_free_scoped)
    trib_federation *federation = trib_allocate(1, sizeof *federation);
    TRIB_SCOPED(trib_dataset_deinit) trib_dataset data = {0};
    TRIB_ASSERT(federation != NULL);
    bench_need(trib_federation_load(TRIB_EXAMPLES "/skab.yaml", federation, &text));
    bench_need(trib_dataset_load(federation, folder, false, &data));
    TRIB_SCOPED(trib_free_scoped)
    const trib_client_data **clients = trib_allocate(data.count, sizeof *clients);
    TRIB_ASSERT(clients != NULL);
    for (size_t i = 0; i < data.count; i++) {
        clients[i] = &data.clients[i];
    }
    const trib_simulation setup = {.federation = federation,
                                   .crypto = trib_crypto_host(),
                                   .kernels = &kernels,
                                   .clients = clients,
                                   .client_count = data.count,
                                   .tests = clients,
                                   .test_count = data.count,
                                   .pooled = true,
                                   .local = true};
    TRIB_SCOPED(trib_simulation_result_deinit) trib_simulation_result result = {0};
    bench_need(trib_simulate(&setup, &result));
    print_result(&result);
    return 0;
}
