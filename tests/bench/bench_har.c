/* Human activity, leaving each of 23 people out in turn: mean accuracy of the federated model on
 * the person left out and, beside it, of pooled training (the reference) and of local training.
 *
 * Published for pooled data: .863 for the phone and .868 for the watch (Matey-Sanz et al., CNN).
 * The recipe was found on part of these people; the `strict` lines see the published networks' own
 * window and no more. One file, and so one configuration, serves all folds of a line.
 */
#include "common/simulate/dataset.h"
#include "common/simulate/simulate.h"
#include "common/tensor/blas_core.h"
#include "tests/bench/bench_data.h"

enum { PEOPLE = 23, MOST_ROUNDS = 100, MOST_PARAMETERS = 132000 }; /* of the published protocol */

typedef struct har_case {
    const char *federated; /* the line's name */
    const char *pooled;
    const char *local;
    const char *file;
} har_case;

typedef struct har_means {
    double federated;
    double pooled;
    double local;
} har_means;

static void require(bool right, const char *file, const char *what, size_t count) {
    if (!right) {
        (void)fprintf(stderr, "%s is not the published protocol: %zu %s\n", file, count, what);
        exit(1);
    }
}

static void require_protocol(const char *file, const trib_simulation_result *result) {
    size_t trained = 0;
    for (size_t i = 0; i < result->client_count; i++) {
        trained += result->clients[i].trained;
    }
    require(trained == PEOPLE - 1, file, "clients in a fold", trained);
    require(result->round_count <= MOST_ROUNDS, file, "rounds", result->round_count);
    require(result->model->parameter_count <= MOST_PARAMETERS, file, "parameters",
            result->model->parameter_count);
}

static void run_fold(const trib_federation *federation, const trib_kernels *kernels,
                     const trib_dataset *data, const char *file, size_t fold, har_means *sums) {
    const trib_client_data *clients[PEOPLE - 1];
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
    require_protocol(file, &result);
    sums->federated += trib_tally_accuracy(&result.federated) / PEOPLE;
    sums->pooled += trib_tally_accuracy(&result.pooled) / PEOPLE;
    sums->local += trib_tally_accuracy(&result.local) / PEOPLE;
}

static void run_case(const har_case *one, const trib_kernels *kernels, const char *folder,
                     uint64_t seed) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = TRIB_DOCUMENT_MAX_BYTES};
    TRIB_SCOPED(trib_free_scoped)
    trib_federation *federation = trib_allocate(1, sizeof *federation);
    TRIB_SCOPED(trib_dataset_deinit) trib_dataset data = {0};
    TRIB_ASSERT(federation != NULL);
    bench_need(trib_federation_load(one->file, federation, &text));
    federation->seed = seed;
    bench_need(trib_dataset_load(federation, folder, false, &data));
    require(data.count == PEOPLE, one->file, "people in the recordings", data.count);
    har_means means = {0, 0, 0};
    for (size_t fold = 0; fold < PEOPLE; fold++) {
        run_fold(federation, kernels, &data, one->file, fold, &means);
    }
    bench_print_beside(one->federated, means.federated, "accuracy", means.pooled,
                       means.federated / means.pooled);
    bench_print(one->pooled, means.pooled, "accuracy");
    bench_print(one->local, means.local, "accuracy");
}

int main(int argc, char **argv) {
    static const har_case cases[] = {
        {"har.phone.federated", "har.phone.pooled", "har.phone.local",
         TRIB_EXAMPLES "/har-phone.yaml"},
        {"har.watch.federated", "har.watch.pooled", "har.watch.local",
         TRIB_EXAMPLES "/har-watch.yaml"},
        {"har.phone.strict", "har.phone.strict.pooled", "har.phone.strict.local",
         TRIB_EXAMPLES "/har-phone-strict.yaml"},
        {"har.watch.strict", "har.watch.strict.pooled", "har.watch.strict.local",
         TRIB_EXAMPLES "/har-watch-strict.yaml"},
    };
    char said[160], folder[4096];
    trib_ignore(trib_blas_reexecute(argv, said, sizeof said));
    bench_data_path(argc, argv, "raw", folder);
    trib_kernels kernels = trib_kernels_choose(said, sizeof said);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run_case(&cases[i], &kernels, folder, bench_seed(argc, argv));
    }
    return 0;
}
