/* Inside this room: one reader for each part of the document. */
#ifndef TRIB_FEDERATION_SECTIONS_H
#define TRIB_FEDERATION_SECTIONS_H

#include "common/federation/federation.h"

TRIB_MUST_CHECK trib_status trib_read_source(trib_value map, trib_federation *federation);
TRIB_MUST_CHECK trib_status trib_read_pipeline(trib_value map, trib_federation *federation);
TRIB_MUST_CHECK trib_status trib_read_model(trib_value map, trib_federation *federation);
TRIB_MUST_CHECK trib_status trib_read_training(trib_value map, trib_federation *federation);
TRIB_MUST_CHECK trib_status trib_read_rounds(trib_value map, trib_federation *federation);
TRIB_MUST_CHECK trib_status trib_read_strategy(trib_value map, trib_federation *federation);
TRIB_MUST_CHECK trib_status trib_read_update(trib_value map, trib_federation *federation);
/* `root`: after the pipeline, which it must go with. */
TRIB_MUST_CHECK trib_status trib_read_telemetry(trib_value root, trib_federation *federation);

/* The words of the document, in the order of their enumerations; ended by NULL. */
extern const char *const trib_time_unit_words[];
extern const char *const trib_filter_words[];
extern const char *const trib_derive_words[];
extern const char *const trib_feature_words[];
extern const char *const trib_output_words[];
extern const char *const trib_task_words[]; /* from 1 */

#endif
