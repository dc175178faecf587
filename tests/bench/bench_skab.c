/* Anomalies of the Skoltech Anomaly Benchmark: 34 experiments are 34 clients; the first 400 rows of
 * each are normal running, the rest is judged row by row and counted together.
 *
 * Reference: the benchmark's convolutional autoencoder, F1 .78 at 13.55 % false alarms. F1 alone
 * means little, so it is held together with the false-alarm rate and beside an alarm on every row.
 */
#include "common/simulate/dataset.h"
#include "common/simulate/simulate.h"
#include "common/tensor/blas_core.h"
#include "tests/bench/bench_data.h"

static bool print_claims(const trib_simulation_result *result) {
    const trib_tally *sum = &result->federated;
    uint64_t anomalies = sum->alarms_true + sum->missed;
    const trib_tally always = {
        .judged = sum->judged, .alarms_true = anomalies, .alarms_false = sum->judged - anomalies};
    const bench_claim f1 = {"skab.federated.f1", "F1", trib_tally_f1(sum), 0.78, 0.82, false};
    const bench_claim alarms = {"skab.federated.false_alarm_rate",
                                "fraction",
                                trib_tally_false_alarm_rate(sum),
                                0.1355,
                                0.12,
                                true};
    bool held = bench_print_claim(&f1);
    held = bench_print_claim(&alarms) && held;
    (void)printf("{\"name\":\"skab.federated.miss_rate\",\"value\":%.4f,\"unit\":\"fraction\"}\n",
                 trib_tally_miss_rate(sum));
    (void)printf("{\"name\":\"skab.local.f1\",\"value\":%.4f,\"unit\":\"F1\"}\n",
                 trib_tally_f1(&result->local));
    (void)printf("{\"name\":\"skab.alarm_on_every_row.f1\",\"value\":%.4f,\"unit\":\"F1\"}\n",
                 trib_tally_f1(&always));
    (void)printf("{\"name\":\"skab.rows\",\"value\":%llu,\"unit\":\"rows\"}\n",
                 (unsigned long long)sum->judged);
    return held;
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
                                   .local = true};
    TRIB_SCOPED(trib_simulation_result_deinit) trib_simulation_result result = {0};
    bench_need(trib_simulate(&setup, &result));
    return print_claims(&result) ? 0 : 1;
}
