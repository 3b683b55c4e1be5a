// SPDX-License-Identifier: GPL-2.0-only
#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_LINE_MAX 2048

static atomic_int level_now = LOG_INFO;

void log_set_level(enum log_level level)
{
	atomic_store(&level_now, (int)level);
}

enum log_level log_level_get(void)
{
	return (enum log_level)atomic_load(&level_now);
}

static const char *level_prefix(enum log_level level)
{
	switch (level) {
	case LOG_ERROR:
		return "toll: error: ";
	case LOG_WARN:
		return "toll: warning: ";
	default:
		return "toll: ";
	}
}

void log_linev(enum log_level level, const char *fmt, va_list ap)
{
	int saved = errno;
	char line[LOG_LINE_MAX];
	size_t used, room;
	int n;

	if (level > log_level_get())
		return;
	used = (size_t)snprintf(line, sizeof(line), "%s", level_prefix(level));
	room = sizeof(line) - used - 1;
	n = vsnprintf(line + used, room, fmt, ap);
	if (n > 0)
		used += (size_t)n < room ? (size_t)n : room - 1;
	/* libbpf's messages bring their own newline */
	while (used && line[used - 1] == '\n')
		used--;
	line[used++] = '\n';
	/* nowhere to tell that stderr is gone */
	if (write(STDERR_FILENO, line, used) < 0)
		errno = saved;
	errno = saved;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_linev(level, fmt, ap);
	va_end(ap);
}
