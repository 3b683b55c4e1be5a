/* SPDX-License-Identifier: GPL-2.0-only */
/* The one logger: everything that is not a report goes through it to stderr (libbpf's messages too). */
#ifndef TOLL_BASE_LOG_H
#define TOLL_BASE_LOG_H

#include <stdarg.h>

enum log_level { LOG_ERROR = 0, LOG_WARN = 1, LOG_INFO = 2, LOG_DEBUG = 3 };

/* Lines above this level are dropped. Default LOG_INFO; --verbose sets LOG_DEBUG, --quiet LOG_WARN. */
void log_set_level(enum log_level level);
enum log_level log_level_get(void);

/* Prints "toll: " + text + newline (levels ERROR and WARN say so), one write(2) a line. errno is preserved. */
__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *fmt, ...);
void log_linev(enum log_level level, const char *fmt, va_list ap);

#endif
