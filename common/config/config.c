#include "common/config/config.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "common/base/file.h"

typedef struct place {
    int parent;      /* 0: the root */
    const char *key; /* in the parent map, or NULL */
    size_t item;     /* in the parent list */
} place;

struct trib_config {
    char *name;
    yaml_document_t document;
    bool parsed;
    size_t count;
    place *places; /* [count + 1], by libyaml's node index, which starts at 1 */
};

static const yaml_node_t *node_of(trib_value value) {
    if (value.index == 0) {
        return NULL;
    }
    /* libyaml only reads here, but its function takes the document without const. */
    yaml_document_t document = value.config->document;
    return yaml_document_get_node(&document, value.index);
}

static void write_path(const trib_config *config, int index, trib_buffer *path) {
    const place *at = &config->places[index];
    if (at->parent == 0) {
        return;
    }
    write_path(config, at->parent, path);
    if (at->key != NULL) {
        trib_ignore(trib_buffer_print(path, "%s%s", path->size > 0 ? "." : "", at->key));
    } else {
        trib_ignore(trib_buffer_print(path, "[%zu]", at->item));
    }
}

trib_status trib_value_refuse(trib_value value, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const yaml_node_t *node = node_of(value);
    TRIB_ASSERT(node != NULL);
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer path = {.ceiling = 400};
    write_path(value.config, value.index, &path);
    return TRIB_FAIL(TRIB_E_ARGUMENT, "%s:%zu:%zu: %.*s%s%s", value.config->name,
                     node->start_mark.line + 1, node->start_mark.column + 1, (int)path.size,
                     path.size > 0 ? (const char *)path.data : "", path.size > 0 ? ": " : "", text);
}

static const char *scalar_text(const yaml_node_t *node) {
    return node != NULL && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value
                                                          : NULL;
}

static trib_status index_places(trib_config *config, int index, int parent, const char *key,
                                size_t item, int depth);

static trib_status index_map(trib_config *config, int index, const yaml_node_t *node, int depth) {
    trib_value here = {config, index};
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        trib_value key_value = {config, pair->key};
        const char *key = scalar_text(node_of(key_value));
        if (key == NULL) {
            return trib_value_refuse(here, "keys are plain words");
        }
        config->places[pair->key] = (place){.parent = index, .key = key};
        for (const yaml_node_pair_t *other = node->data.mapping.pairs.start; other < pair;
             other++) {
            if (strcmp(key, scalar_text(node_of((trib_value){config, other->key}))) == 0) {
                return trib_value_refuse(key_value, "the key stands here a second time; keep one");
            }
        }
        TRIB_TRY(index_places(config, pair->value, index, key, 0, depth + 1));
    }
    return TRIB_SUCCESS;
}

/* Notes where each value hangs, and refuses what the rest of this file need not think about. */
static trib_status index_places(trib_config *config, int index, int parent, const char *key,
                                size_t item, int depth) {
    trib_value here = {config, index};
    bool seen = config->places[index].parent != 0;
    config->places[index] = (place){parent, key, item};
    if (seen) {
        return trib_value_refuse(here, "anchors and aliases are not supported; write it out");
    }
    if (depth > TRIB_CONFIG_MAX_DEPTH) {
        return trib_value_refuse(here, "nested deeper than %d levels", TRIB_CONFIG_MAX_DEPTH);
    }
    const yaml_node_t *node = node_of(here);
    if (node->type == YAML_MAPPING_NODE) {
        return index_map(config, index, node, depth);
    }
    if (node->type == YAML_SEQUENCE_NODE) {
        size_t number = 0;
        for (const yaml_node_item_t *at = node->data.sequence.items.start;
             at < node->data.sequence.items.top; at++) {
            TRIB_TRY(index_places(config, *at, index, NULL, number++, depth + 1));
        }
    }
    return TRIB_SUCCESS;
}

static trib_status parse_into(trib_config *config, trib_bytes text) {
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a YAML parser");
    }
    /* libyaml ends the program that gives it no text at all, even of no bytes. */
    yaml_parser_set_input_string(&parser, text.data != NULL ? text.data : (const uint8_t *)"",
                                 text.size);
    if (!yaml_parser_load(&parser, &config->document)) {
        trib_status status =
            TRIB_FAIL(TRIB_E_ARGUMENT, "%s:%zu:%zu: this is not YAML: %s", config->name,
                      parser.problem_mark.line + 1, parser.problem_mark.column + 1,
                      parser.problem != NULL ? parser.problem : "unreadable");
        yaml_parser_delete(&parser);
        return status;
    }
    yaml_parser_delete(&parser);
    config->parsed = true;
    const yaml_node_t *root = yaml_document_get_root_node(&config->document);
    if (root == NULL || root->type != YAML_MAPPING_NODE) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "%s:1:1: expected keys and values, found %s",
                         config->name, root == NULL ? "nothing" : "something else");
    }
    config->count = (size_t)(config->document.nodes.top - config->document.nodes.start);
    if (config->count > TRIB_CONFIG_MAX_VALUES) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "%s: more than %d values", config->name,
                         TRIB_CONFIG_MAX_VALUES);
    }
    config->places = trib_allocate(config->count + 1, sizeof *config->places);
    if (config->places == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for %zu values", config->count);
    }
    return index_places(config, 1, 0, NULL, 0, 0);
}

trib_status trib_config_parse(const char *name, trib_bytes text, trib_config **ret_config) {
    if (text.size > TRIB_CONFIG_MAX_BYTES) {
        return TRIB_FAIL(TRIB_E_ARGUMENT, "%s: larger than %d bytes", name, TRIB_CONFIG_MAX_BYTES);
    }
    TRIB_SCOPED(trib_config_destroy_scoped) trib_config *config = trib_allocate(1, sizeof *config);
    if (config == NULL || (config->name = trib_duplicate_text(name)) == NULL) {
        return TRIB_FAIL(TRIB_E_IO, "no memory for a config");
    }
    TRIB_TRY(parse_into(config, text));
    *ret_config = config;
    config = NULL;
    return TRIB_SUCCESS;
}

trib_status trib_config_load(const char *path, trib_config **ret_config) {
    TRIB_SCOPED(trib_buffer_deinit) trib_buffer text = {.ceiling = TRIB_CONFIG_MAX_BYTES};
    TRIB_TRY(trib_file_read(path, &text));
    return trib_config_parse(path, trib_buffer_view(&text), ret_config);
}

void trib_config_destroy(trib_config *config) {
    if (config != NULL) {
        if (config->parsed) {
            yaml_document_delete(&config->document);
        }
        trib_free(config->places);
        trib_free(config->name);
        trib_free(config);
    }
}

void trib_config_destroy_scoped(trib_config **config) {
    trib_config_destroy(*config);
}

trib_value trib_config_root(const trib_config *config) {
    return (trib_value){config, 1};
}

bool trib_value_is_map(trib_value value) {
    const yaml_node_t *node = node_of(value);
    return node != NULL && node->type == YAML_MAPPING_NODE;
}

bool trib_value_is_list(trib_value value) {
    const yaml_node_t *node = node_of(value);
    return node != NULL && node->type == YAML_SEQUENCE_NODE;
}

const char *trib_value_text(trib_value value) {
    return scalar_text(node_of(value));
}

size_t trib_value_count(trib_value value) {
    const yaml_node_t *node = node_of(value);
    if (trib_value_is_list(value)) {
        return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    }
    if (trib_value_is_map(value)) {
        return (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
    }
    return 0;
}

trib_value trib_value_item(trib_value list, size_t index) {
    TRIB_ASSERT(trib_value_is_list(list) && index < trib_value_count(list));
    return (trib_value){list.config, node_of(list)->data.sequence.items.start[index]};
}

const char *trib_value_key(trib_value map, size_t index, trib_value *ret_value) {
    TRIB_ASSERT(trib_value_is_map(map) && index < trib_value_count(map));
    const yaml_node_pair_t *pair = &node_of(map)->data.mapping.pairs.start[index];
    *ret_value = (trib_value){map.config, pair->value};
    return scalar_text(node_of((trib_value){map.config, pair->key}));
}

trib_status trib_value_find(trib_value map, const char *key, trib_value *ret_value) {
    trib_value found = {map.config, 0};
    if (trib_value_present(map)) {
        if (!trib_value_is_map(map)) {
            return trib_value_refuse(map, "expected keys such as '%s:', found %s%s%s", key,
                                     trib_value_text(map) ? "'" : "",
                                     trib_value_text(map) ? trib_value_text(map) : "a list",
                                     trib_value_text(map) ? "'" : "");
        }
        for (size_t i = 0; i < trib_value_count(map); i++) {
            trib_value value;
            if (strcmp(trib_value_key(map, i, &value), key) == 0) {
                found = value;
            }
        }
    }
    *ret_value = found;
    return TRIB_SUCCESS;
}

trib_status trib_value_need(trib_value map, const char *key, trib_value *ret_value) {
    trib_value found;
    TRIB_TRY(trib_value_find(map, key, &found));
    if (!trib_value_present(found)) {
        return trib_value_refuse(map, "the key '%s' is missing", key);
    }
    *ret_value = found;
    return TRIB_SUCCESS;
}

/* Levenshtein's distance, up to what a slip of the keyboard makes. */
static size_t distance(const char *left, const char *right) {
    enum { MOST = 63 };
    size_t row[MOST + 1], rights = strlen(right);
    if (rights > MOST || strlen(left) > MOST) {
        return MOST;
    }
    for (size_t j = 0; j <= rights; j++) {
        row[j] = j;
    }
    for (size_t i = 0; left[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < rights; j++) {
            size_t change = diagonal + (left[i] != right[j]);
            size_t least = row[j] + 1 < row[j + 1] + 1 ? row[j] + 1 : row[j + 1] + 1;
            diagonal = row[j + 1];
            row[j + 1] = change < least ? change : least;
        }
    }
    return row[rights];
}

static const char *nearest(const char *word, const char *const *words) {
    const char *best = NULL;
    size_t least = 3;
    for (; *words != NULL; words++) {
        size_t far = distance(word, *words);
        if (far < least) {
            least = far;
            best = *words;
        }
    }
    return best;
}

static void join(const char *const *words, char *ret_text, size_t size) {
    size_t used = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; words[i] != NULL && used < size; i++) {
        int length = snprintf(ret_text + used, size - used, "%s%s", i > 0 ? ", " : "", words[i]);
        used += length < 0 ? 0 : (size_t)length;
    }
}

trib_status trib_config_only(trib_value map, const char *const *keys) {
    if (trib_value_present(map) && !trib_value_is_map(map)) {
        return trib_value_refuse(map, "expected keys and values");
    }
    for (size_t i = 0; i < trib_value_count(map); i++) {
        trib_value value;
        const char *key = trib_value_key(map, i, &value);
        bool known = false;
        for (const char *const *at = keys; *at != NULL; at++) {
            known = known || strcmp(*at, key) == 0;
        }
        if (!known) {
            const char *close = nearest(key, keys);
            char all[300];
            join(keys, all, sizeof all);
            trib_value key_value = {map.config, node_of(map)->data.mapping.pairs.start[i].key};
            return close != NULL
                       ? trib_value_refuse(key_value, "unknown key; did you mean '%s'?", close)
                       : trib_value_refuse(key_value, "unknown key; expected one of %s", all);
        }
    }
    return TRIB_SUCCESS;
}

trib_status trib_value_expect(trib_value value, const char *expected) {
    const char *text = trib_value_text(value);
    if (text != NULL) {
        return trib_value_refuse(value, "expected %s, found '%.80s'", expected, text);
    }
    return trib_value_is_list(value)
               ? trib_value_refuse(value, "expected %s, found a list of %zu", expected,
                                   trib_value_count(value))
               : trib_value_refuse(value, "expected %s, found a mapping", expected);
}

trib_status trib_config_none(trib_value map, const char *const *keys, const char *beside) {
    for (; *keys != NULL; keys++) {
        trib_value value;
        TRIB_TRY(trib_value_find(map, *keys, &value));
        if (trib_value_present(value)) {
            return trib_value_refuse(value, "means nothing with %s: leave it out, or change that",
                                     beside);
        }
    }
    return TRIB_SUCCESS;
}

trib_status trib_value_integer(trib_value value, int64_t least, int64_t most, int64_t *ret) {
    const char *text = trib_value_text(value);
    char *end = NULL;
    errno = 0;
    long long number = text != NULL ? strtoll(text, &end, 10) : 0;
    if (text == NULL || end == text || *end != '\0' || errno != 0 || number < least ||
        number > most) {
        char expected[80];
        (void)snprintf(expected, sizeof expected, "a whole number from %lld to %lld",
                       (long long)least, (long long)most);
        return trib_value_expect(value, expected);
    }
    *ret = number;
    return TRIB_SUCCESS;
}

trib_status trib_value_number(trib_value value, double least, double most, double *ret) {
    const char *text = trib_value_text(value);
    char *end = NULL;
    double number = text != NULL ? strtod(text, &end) : 0;
    if (text == NULL || end == text || *end != '\0' || !isfinite(number) || number < least ||
        number > most) {
        char expected[80];
        (void)snprintf(expected, sizeof expected, "a number from %.7g to %.7g", least, most);
        return trib_value_expect(value, expected);
    }
    *ret = number;
    return TRIB_SUCCESS;
}

trib_status trib_value_flag(trib_value value, bool *ret) {
    const char *text = trib_value_text(value);
    if (text != NULL && strcmp(text, "true") == 0) {
        *ret = true;
    } else if (text != NULL && strcmp(text, "false") == 0) {
        *ret = false;
    } else {
        return trib_value_expect(value, "true or false");
    }
    return TRIB_SUCCESS;
}

trib_status trib_value_copy(trib_value value, char *ret_text, size_t size) {
    const char *text = trib_value_text(value);
    if (text == NULL) {
        return trib_value_expect(value, "text");
    }
    if (strlen(text) >= size) {
        return trib_value_refuse(value, "expected at most %zu bytes, found %zu", size - 1,
                                 strlen(text));
    }
    memcpy(ret_text, text, strlen(text) + 1);
    return TRIB_SUCCESS;
}

trib_status trib_value_choice(trib_value value, const char *const *words, size_t *ret_index) {
    const char *text = trib_value_text(value);
    for (size_t i = 0; text != NULL && words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret_index = i;
            return TRIB_SUCCESS;
        }
    }
    char all[300] = "one of ";
    join(words, all + 7, sizeof all - 7);
    return trib_value_expect(value, all);
}

trib_status trib_config_integer(trib_value map, const char *key, int64_t least, int64_t most,
                                int64_t *ret) {
    trib_value value;
    TRIB_TRY(trib_value_find(map, key, &value));
    return trib_value_present(value) ? trib_value_integer(value, least, most, ret) : TRIB_SUCCESS;
}

trib_status trib_config_u32(trib_value map, const char *key, uint32_t least, uint32_t most,
                            uint32_t *ret) {
    int64_t number = *ret;
    TRIB_TRY(trib_config_integer(map, key, least, most, &number));
    *ret = (uint32_t)number;
    return TRIB_SUCCESS;
}

trib_status trib_config_number(trib_value map, const char *key, double least, double most,
                               double *ret) {
    trib_value value;
    TRIB_TRY(trib_value_find(map, key, &value));
    return trib_value_present(value) ? trib_value_number(value, least, most, ret) : TRIB_SUCCESS;
}

trib_status trib_config_f32(trib_value map, const char *key, double least, double most,
                            float *ret) {
    double number = (double)*ret;
    TRIB_TRY(trib_config_number(map, key, least, most, &number));
    *ret = (float)number;
    return TRIB_SUCCESS;
}

trib_status trib_config_flag(trib_value map, const char *key, bool *ret) {
    trib_value value;
    TRIB_TRY(trib_value_find(map, key, &value));
    return trib_value_present(value) ? trib_value_flag(value, ret) : TRIB_SUCCESS;
}

trib_status trib_config_text(trib_value map, const char *key, char *ret_text, size_t size) {
    trib_value value;
    TRIB_TRY(trib_value_find(map, key, &value));
    return trib_value_present(value) ? trib_value_copy(value, ret_text, size) : TRIB_SUCCESS;
}

trib_status trib_config_choice(trib_value map, const char *key, const char *const *words,
                               size_t *ret_index) {
    trib_value value = {0};
    TRIB_TRY(trib_value_find(map, key, &value));
    return trib_value_present(value) ? trib_value_choice(value, words, ret_index) : TRIB_SUCCESS;
}

trib_status trib_value_path(trib_value value, const char *file, char *ret_path, size_t size) {
    const char *text = trib_value_text(value), *slash = strrchr(file, '/');
    if (text == NULL || text[0] == '\0') {
        return trib_value_expect(value, "a path");
    }
    int folder = text[0] == '/' || slash == NULL ? 0 : (int)(slash - file) + 1;
    int length = snprintf(ret_path, size, "%.*s%s", folder, file, text);
    return length > 0 && (size_t)length < size
               ? TRIB_SUCCESS
               : trib_value_refuse(value, "a path of more than %zu bytes", size - 1);
}

trib_status trib_value_name(trib_value value, char ret_name[64]) {
    const char *text = trib_value_text(value);
    size_t length = text != NULL ? strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") : 0;
    if (length == 0 || length > 63 || text[length] != '\0' || strcmp(text, "all") == 0) {
        return trib_value_expect(value, "a name of 1 to 63 of a-z, 0-9 and '-', not 'all'");
    }
    memcpy(ret_name, text, length + 1);
    return TRIB_SUCCESS;
}
