/* SPDX-License-Identifier: GPL-2.0-only */
#include "scenario/data_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_ITEMS 64

void *data_grow(void *array, uint64_t count, size_t item_bytes)
{
	if (count && (count < FIRST_ITEMS || (count & (count - 1))))
		return array;
	return reallocarray(array, count ? 2 * count : FIRST_ITEMS, item_bytes);
}

int data_error(struct err *err, const char *path, unsigned line, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(err, -EINVAL, "%s:%u: %s", path, line, text);
}

/* Devices and pipes may have no end. */
static int open_regular(const char *path, uint64_t max_bytes, FILE **out, struct err *err)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), ret;

	if (fd < 0) {
		ret = -errno;
		return err_set(err, ret, "%s: %s", path, strerror(-ret));
	}
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || (uint64_t)st.st_size > max_bytes) {
		close(fd);
		return err_set(err, -EINVAL, "%s: expected a regular file of at most %llu MiB", path,
			       (unsigned long long)(max_bytes >> 20));
	}
	*out = fdopen(fd, "r");
	if (*out)
		return 0;
	close(fd);
	return err_set(err, -ENOMEM, "%s: out of memory while reading it", path);
}

int data_lines(const char *path, uint64_t max_bytes,
	       int (*fn)(void *ctx, const char *line, size_t bytes, unsigned number, const char *path, struct err *err),
	       void *ctx, struct err *err)
{
	FILE *in = NULL;
	char *line = NULL;
	size_t size = 0;
	unsigned number = 0;
	ssize_t n;
	int ret = open_regular(path, max_bytes, &in, err);

	if (ret)
		return ret;
	while (!ret && (n = getline(&line, &size, in)) >= 0) {
		number++;
		while (n && (line[n - 1] == '\n' || line[n - 1] == '\r' || line[n - 1] == ' '))
			line[--n] = '\0';
		if (n)
			ret = fn(ctx, line, (size_t)n, number, path, err);
	}
	if (!ret && ferror(in))
		ret = err_set(err, -EIO, "%s: cannot be read to its end", path);
	free(line);
	fclose(in);
	return ret;
}
