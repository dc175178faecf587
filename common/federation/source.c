#include "common/federation/sections.h"

#include <stdio.h>
#include <string.h>

const char *const trib_time_unit_words[] = {"none", "s", "ms", "us", "iso8601", NULL};

static trib_status read_names(trib_value list, char (*ret_names)[TRIB_COLUMN_SIZE], uint32_t least,
                              uint32_t most, uint32_t *ret_count) {
    if (!trib_value_is_list(list) || trib_value_count(list) < least ||
        trib_value_count(list) > most) {
        char expected[64];
        (void)snprintf(expected, sizeof expected, "a list of %u to %u names", least, most);
        return trib_value_expect(list, expected);
    }
    for (uint32_t i = 0; i < trib_value_count(list); i++) {
        trib_value item = trib_value_item(list, i);
        TRIB_TRY(trib_value_copy(item, ret_names[i], TRIB_COLUMN_SIZE));
        if (ret_names[i][0] == '\0') {
            return trib_value_refuse(item, "expected a name, found nothing");
        }
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(ret_names[i], ret_names[j]) == 0) {
                return trib_value_refuse(item, "'%s' stands in the list twice", ret_names[i]);
            }
        }
    }
    *ret_count = (uint32_t)trib_value_count(list);
    return TRIB_SUCCESS;
}

/* The name of a column under a key that must be there. */
static trib_status need_column(trib_value map, char ret_name[TRIB_COLUMN_SIZE]) {
    trib_value column;
    TRIB_TRY(trib_value_need(map, "column", &column));
    TRIB_TRY(trib_value_copy(column, ret_name, TRIB_COLUMN_SIZE));
    return ret_name[0] != '\0' ? TRIB_SUCCESS : trib_value_expect(column, "the name of a column");
}

static trib_status read_timestamp(trib_value map, trib_source_spec *source) {
    static const char *const keys[] = {"column", "unit", NULL};
    trib_value timestamp, unit;
    TRIB_TRY(trib_value_find(map, "timestamp", &timestamp));
    if (!trib_value_present(timestamp)) {
        return TRIB_SUCCESS;
    }
    TRIB_TRY(trib_config_only(timestamp, keys));
    TRIB_TRY(need_column(timestamp, source->time_column));
    TRIB_TRY(trib_value_need(timestamp, "unit", &unit));
    size_t index = 0;
    TRIB_TRY(trib_value_choice(unit, trib_time_unit_words + 1, &index));
    source->time_unit = (trib_time_unit)(index + 1);
    return TRIB_SUCCESS;
}

static trib_status read_label(trib_value map, trib_source_spec *source) {
    static const char *const keys[] = {"column", "classes", NULL};
    trib_value label, classes;
    TRIB_TRY(trib_value_find(map, "label", &label));
    if (!trib_value_present(label)) {
        return TRIB_SUCCESS;
    }
    TRIB_TRY(trib_config_only(label, keys));
    TRIB_TRY(need_column(label, source->label_column));
    TRIB_TRY(trib_value_need(label, "classes", &classes));
    return read_names(classes, source->classes, 2, TRIB_MAX_CLASSES, &source->class_count);
}

static trib_status read_split(trib_value map, trib_source_spec *source) {
    static const char *const keys[] = {"train_rows", "train_fraction", NULL};
    trib_value split, rows, fraction;
    TRIB_TRY(trib_value_find(map, "split", &split));
    TRIB_TRY(trib_config_only(split, keys));
    TRIB_TRY(trib_value_find(split, "train_rows", &rows));
    TRIB_TRY(trib_value_find(split, "train_fraction", &fraction));
    if (trib_value_present(rows) && trib_value_present(fraction)) {
        return trib_value_refuse(split, "expected train_rows or train_fraction, found both");
    }
    if (trib_value_present(rows)) {
        source->split = TRIB_SPLIT_ROWS;
    } else if (trib_value_present(fraction)) {
        source->split = TRIB_SPLIT_FRACTION;
    } else if (trib_value_present(split)) {
        return trib_value_refuse(split, "expected train_rows or train_fraction, found neither");
    }
    TRIB_TRY(trib_config_u32(split, "train_rows", 1, 1u << 30, &source->split_rows));
    return trib_config_number(split, "train_fraction", 0.01, 0.99, &source->split_fraction);
}

static trib_status read_delimiter(trib_value map, trib_source_spec *source) {
    trib_value value;
    TRIB_TRY(trib_value_find(map, "delimiter", &value));
    if (!trib_value_present(value)) {
        return TRIB_SUCCESS;
    }
    const char *text = trib_value_text(value);
    if (text != NULL && strcmp(text, "tab") == 0) {
        text = "\t";
    }
    if (text == NULL || strlen(text) != 1 || strchr("\"\r\n.-+0123456789", text[0]) != NULL) {
        return trib_value_expect(value, "one character such as ',', ';' or tab");
    }
    source->delimiter = text[0];
    return TRIB_SUCCESS;
}

trib_status trib_read_source(trib_value map, trib_federation *federation) {
    static const char *const keys[] = {"files",     "clients",  "delimiter", "rate_hz",
                                       "timestamp", "channels", "label",     "targets",
                                       "anomaly",   "split",    NULL};
    static const char *const clients[] = {"folder", "file", NULL};
    static const char *const anomaly_keys[] = {"column", NULL};
    trib_source_spec *source = &federation->source;
    memcpy(source->files, "*.csv", sizeof "*.csv");
    source->delimiter = ',';
    TRIB_TRY(trib_config_only(map, keys));
    TRIB_TRY(trib_config_text(map, "files", source->files, sizeof source->files));
    if (source->files[0] == '\0') {
        trib_value files;
        TRIB_TRY(trib_value_find(map, "files", &files));
        return trib_value_expect(files, "a glob such as '*.csv'");
    }
    size_t client = 0;
    TRIB_TRY(trib_config_choice(map, "clients", clients, &client));
    source->client_per_file = client == 1;
    TRIB_TRY(read_delimiter(map, source));
    trib_value rate, channels, targets, anomaly;
    TRIB_TRY(trib_value_need(map, "rate_hz", &rate));
    TRIB_TRY(trib_value_number(rate, 1e-6, 1e6, &source->rate_hz));
    TRIB_TRY(read_timestamp(map, source));
    TRIB_TRY(trib_value_need(map, "channels", &channels));
    TRIB_TRY(read_names(channels, source->channels, 1, TRIB_MAX_SOURCES, &source->channel_count));
    TRIB_TRY(read_label(map, source));
    TRIB_TRY(trib_value_find(map, "targets", &targets));
    if (trib_value_present(targets)) {
        TRIB_TRY(read_names(targets, source->targets, 1, TRIB_MAX_TARGETS, &source->target_count));
    }
    TRIB_TRY(trib_value_find(map, "anomaly", &anomaly));
    TRIB_TRY(trib_config_only(anomaly, anomaly_keys));
    if (trib_value_present(anomaly)) {
        TRIB_TRY(need_column(anomaly, source->anomaly_column));
    }
    return read_split(map, source);
}
