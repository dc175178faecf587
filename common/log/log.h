/* Structured lines on standard error, as text or JSON. Only app and main log.
 *
 * An event is a few words; its fields are written "key=value key=value", the last value may hold
 * spaces. As JSON each becomes a member of the line's object.
 *
 * threads  any, once set up; a line is one write
 */
#ifndef TRIB_LOG_LOG_H
#define TRIB_LOG_LOG_H

#include "common/base/status.h"

typedef enum trib_log_level {
    TRIB_LOG_DEBUG,
    TRIB_LOG_INFO,
    TRIB_LOG_WARN,
    TRIB_LOG_ERROR
} trib_log_level;

typedef enum trib_log_format { TRIB_LOG_TEXT, TRIB_LOG_JSON } trib_log_format;

/* `program` is static text. Before this, lines are text from level info on. */
void trib_log_setup(const char *program, trib_log_format format, trib_log_level least);

void trib_log(trib_log_level level, const char *event, const char *fields, ...) TRIB_PRINTF(3, 4);

/* The words of configs; ended by NULL. */
extern const char *const trib_log_levels[];
extern const char *const trib_log_formats[];

#endif
