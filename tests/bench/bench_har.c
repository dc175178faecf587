/* Human activity, leaving each of 23 people out in turn: accuracy of the federated model and,
 * beside it, of pooled and local training.
 *
 * References: Matey-Sanz et al., CNN over pooled data, .863 for the phone and .868 for the watch.
 * The recipe was found on part of these people; the `strict` rows see the published networks' own
 * window and no more.
 */
#include "common/simulate/dataset.h"
#include "common/simulate/simulate.h"
#include "common/tensor/blas_core.h"
#include "tests/bench/bench_data.h"

typedef struct har_case {
    const char *name;
    const char *file;
    double reference;
    double goal;
} har_case;

typedef struct har_means {
    double federated;
    double pooled;
    double local;
} har_means;

static void run_fold(const trib_federation *federation, const trib_kernels *kernels,
                     const trib_dataset *data, size_t fold, har_means *sums) {
    TRIB_SCOPED(trib_free_scoped)
    const trib_client_data **clients = trib_allocate(data->count, sizeof *clients);
    TRIB_ASSERT(clients != NULL);
    size_t count = 0;
    for (size_t i = 0; i < data->count; i++) {
        if (i != fold) {
            clients[count++] = &data->clients[i];
        }
    }
    const trib_client_data *test = &data->clients[fold];
    const trib_simulation setup = {.federation = federation,
                                   .crypto = trib_crypto_host(),
                                   .kernels = kernels,
                                   .clients = clients,
                                   .client_count = count,
                                   .tests = &test,
                                   .test_count = 1,
                                   .pooled = true,
                                   .local = true};
    TRIB_SCOPED(trib_simulation_result_deinit) trib_simulation_result result = {0};
    bench_need(trib_simulate(&setup, &result));
    sums->federated += trib_tally_accuracy(&result.federated);
    sums->pooled += trib_tally_accuracy(&result.pooled);
    sums->local += trib_tally_accuracy(&result.local);
}

static bool run_case(const har_case *one, const trib_kernels *kernels, const char *folder) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = TRIB_DOCUMENT_MAX_BYTES};
    TRIB_SCOPED(trib_free_scoped)
    trib_federation *federation = trib_allocate(1, sizeof *federation);
    TRIB_SCOPED(trib_dataset_deinit) trib_dataset data = {0};
    TRIB_ASSERT(federation != NULL);
    bench_need(trib_federation_load(one->file, federation, &text));
    bench_need(trib_dataset_load(federation, folder, false, &data));
    har_means sums = {0, 0, 0};
    for (size_t fold = 0; fold < data.count; fold++) {
        run_fold(federation, kernels, &data, fold, &sums);
    }
    double folds = (double)data.count;
    char name[64];
    (void)snprintf(name, sizeof name, "%s.federated", one->name);
    bench_claim claim = {.name = name,
                         .unit = "accuracy",
                         .value = sums.federated / folds,
                         .reference = one->reference,
                         .goal = one->goal};
    bool held = bench_print_claim(&claim);
    (void)printf("{\"name\":\"%s.pooled\",\"value\":%.4f,\"unit\":\"accuracy\"}\n", one->name,
                 sums.pooled / folds);
    (void)printf("{\"name\":\"%s.local\",\"value\":%.4f,\"unit\":\"accuracy\"}\n", one->name,
                 sums.local / folds);
    (void)fflush(stdout);
    return held;
}

int main(int argc, char **argv) {
    static const har_case cases[] = {
        {"har.phone", TRIB_EXAMPLES "/har-phone.yaml", 0.863, 0.905},
        {"har.watch", TRIB_EXAMPLES "/har-watch.yaml", 0.868, 0.895},
        {"har.phone.strict", TRIB_EXAMPLES "/har-phone-strict.yaml", 0.863, 0.88},
        {"har.watch.strict", TRIB_EXAMPLES "/har-watch-strict.yaml", 0.868, 0.86},
    };
    char said[160], folder[4096];
    trib_ignore(trib_blas_reexecute(argv, said, sizeof said));
    bench_data_path(argc, argv, "raw", folder);
    trib_kernels kernels = trib_kernels_choose(said, sizeof said);
    bool held = true;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        held = run_case(&cases[i], &kernels, folder) && held;
    }
    return held ? 0 : 1;
}
