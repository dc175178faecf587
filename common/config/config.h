/* YAML read into values that know their file, line and column.
 *
 * Every complaint names file, line, key path, what was expected and what was found, e.g.
 *     plant.yaml:14:10: pipeline.window.hop: expected a whole number from 1 to 8192, found 'often'
 * Readers take what they know and then call trib_config_only, so a misspelt key is an error too.
 *
 * limits   1 MiB of text, 16 levels, 8192 values; anchors and repeated keys are refused
 * errors   TRIB_E_ARGUMENT for anything a person wrote wrong; outputs are then untouched
 * threads  a loaded config is read-only
 */
#ifndef TRIB_CONFIG_CONFIG_H
#define TRIB_CONFIG_CONFIG_H

#include "common/base/span.h"

typedef struct trib_config trib_config;

/* One value of a config; `index` 0 stands for a key that is not there. Owns nothing. */
typedef struct trib_value {
    const trib_config *config;
    int index;
} trib_value;

enum { TRIB_CONFIG_MAX_BYTES = 1 << 20, TRIB_CONFIG_MAX_DEPTH = 16, TRIB_CONFIG_MAX_VALUES = 8192 };

/* `name` stands in complaints (a file name); it is copied. */
TRIB_MUST_CHECK trib_status trib_config_parse(const char *name, trib_bytes text,
                                              trib_config **ret_config);
TRIB_MUST_CHECK trib_status trib_config_load(const char *path, trib_config **ret_config);
void trib_config_destroy(trib_config *config);
void trib_config_destroy_scoped(trib_config **config);

trib_value trib_config_root(const trib_config *config);
static inline bool trib_value_present(trib_value value) {
    return value.index != 0;
}

/* Complains about a value: "FILE:LINE:COLUMN: path.of.key: " and the text. TRIB_E_ARGUMENT. */
TRIB_MUST_CHECK trib_status trib_value_refuse(trib_value value, const char *format, ...)
    TRIB_PRINTF(2, 3);

/* The same as "expected ..., found ...", with what is there. */
TRIB_MUST_CHECK trib_status trib_value_expect(trib_value value, const char *expected);

/* The value under a key of a mapping; absent if there is none, or if `map` itself is absent. */
TRIB_MUST_CHECK trib_status trib_value_find(trib_value map, const char *key, trib_value *ret_value);
/* The same, but it must be there. */
TRIB_MUST_CHECK trib_status trib_value_need(trib_value map, const char *key, trib_value *ret_value);
/* Refuses a key that is not in the list (ended by NULL) and suggests the nearest one. */
TRIB_MUST_CHECK trib_status trib_config_only(trib_value map, const char *const *keys);

/* Refuses keys (ended by NULL) that are known, but mean nothing with what else was said: whoever
 * wrote them expects something of them. `beside` names it: "kind: relu". */
TRIB_MUST_CHECK trib_status trib_config_none(trib_value map, const char *const *keys,
                                             const char *beside);

bool trib_value_is_map(trib_value value);
bool trib_value_is_list(trib_value value);
/* The scalar's text, or NULL for maps, lists and absent values. */
const char *trib_value_text(trib_value value);
/* Items of a list, keys of a map; 0 for anything else. */
size_t trib_value_count(trib_value value);
trib_value trib_value_item(trib_value list, size_t index);
/* The key and value of a map's index-th entry. */
const char *trib_value_key(trib_value map, size_t index, trib_value *ret_value);

/* Scalars as they are. */
TRIB_MUST_CHECK trib_status trib_value_integer(trib_value value, int64_t least, int64_t most,
                                               int64_t *ret);
TRIB_MUST_CHECK trib_status trib_value_number(trib_value value, double least, double most,
                                              double *ret);
TRIB_MUST_CHECK trib_status trib_value_flag(trib_value value, bool *ret);
TRIB_MUST_CHECK trib_status trib_value_copy(trib_value value, char *ret_text, size_t size);
/* A path, which is below the folder of `file`, the config's, unless it is absolute. */
TRIB_MUST_CHECK trib_status trib_value_path(trib_value value, const char *file, char *ret_path,
                                            size_t size);
/* One of the words (ended by NULL); its index. */
TRIB_MUST_CHECK trib_status trib_value_choice(trib_value value, const char *const *words,
                                              size_t *ret_index);

/* Scalars of a mapping, optional: *ret is left alone, holding the default, when the key is absent.
 */
TRIB_MUST_CHECK trib_status trib_config_integer(trib_value map, const char *key, int64_t least,
                                                int64_t most, int64_t *ret);
TRIB_MUST_CHECK trib_status trib_config_u32(trib_value map, const char *key, uint32_t least,
                                            uint32_t most, uint32_t *ret);
TRIB_MUST_CHECK trib_status trib_config_number(trib_value map, const char *key, double least,
                                               double most, double *ret);
TRIB_MUST_CHECK trib_status trib_config_f32(trib_value map, const char *key, double least,
                                            double most, float *ret);
TRIB_MUST_CHECK trib_status trib_config_flag(trib_value map, const char *key, bool *ret);
TRIB_MUST_CHECK trib_status trib_config_text(trib_value map, const char *key, char *ret_text,
                                             size_t size);
TRIB_MUST_CHECK trib_status trib_config_choice(trib_value map, const char *key,
                                               const char *const *words, size_t *ret_index);

/* [a-z0-9-]{1,63}, not "all": names of federations and gateways, which become topic levels. */
TRIB_MUST_CHECK trib_status trib_value_name(trib_value value, char ret_name[64]);

#endif
