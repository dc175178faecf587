#include "common/simulate/dataset.h"

#include <string.h>

#include "common/contribution/contribution.h"

void trib_dataset_deinit(trib_dataset *dataset) {
    for (size_t i = 0; i < dataset->count; i++) {
        trib_client_data_deinit(&dataset->clients[i]);
    }
    trib_free(dataset->clients);
    *dataset = (trib_dataset){0};
}

trib_status trib_dataset_create(const trib_federation *federation, size_t count,
                                trib_dataset *ret_dataset) {
    trib_dataset dataset = {.clients = trib_allocate(count, sizeof *dataset.clients),
                            .count = count};
    if (dataset.clients == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %zu clients", count);
    }
    for (size_t i = 0; i < count; i++) {
        trib_client_data *client = &dataset.clients[i];
        trib_contribution_examples_init(federation, TRIB_EXAMPLES_CEILING, &client->train);
        trib_contribution_examples_init(federation, TRIB_EXAMPLES_CEILING, &client->test);
    }
    *ret_dataset = dataset;
    return TRIB_SUCCESS;
}

static trib_status load_client(trib_example_maker *maker, const trib_client_files *files,
                               trib_client_data *client) {
    memcpy(client->name, files->name, sizeof client->name);
    for (size_t i = 0; i < files->count; i++) {
        TRIB_TRY(trib_example_maker_add(maker, files->paths[i], client));
    }
    return TRIB_SUCCESS;
}

trib_status trib_dataset_load(const trib_federation *federation, const char *folder,
                              bool signals_only, trib_dataset *ret_dataset) {
    TRIB_SCOPED(trib_client_list_deinit) trib_client_list list = {0};
    TRIB_SCOPED(trib_example_maker_destroy_scoped) trib_example_maker *maker = NULL;
    TRIB_SCOPED(trib_dataset_deinit) trib_dataset dataset = {0};
    TRIB_TRY(trib_client_list_read(folder, &federation->source, &list));
    TRIB_TRY(trib_example_maker_create(federation, signals_only, &maker));
    TRIB_TRY(trib_dataset_create(federation, list.count, &dataset));
    for (size_t i = 0; i < list.count; i++) {
        TRIB_TRY(load_client(maker, &list.clients[i], &dataset.clients[i]));
    }
    *ret_dataset = dataset;
    dataset = (trib_dataset){0};
    return TRIB_SUCCESS;
}
