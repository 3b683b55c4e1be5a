// SPDX-License-Identifier: GPL-2.0-only
#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUF_FIRST_BYTES 256
#define BUF_READ_BYTES 65536
#define BUF_SPARE_BYTES 65536

/* Room for `more` counted bytes and one NUL, which the bound does not count. */
int buf_reserve(struct buf *b, size_t more)
{
	size_t want, size;
	char *data;

	if (more > SIZE_MAX / 2 - b->used)
		return -ENOMEM;
	want = b->used + more;
	if (b->max && want > b->max)
		return -EMSGSIZE;
	if (b->size > want)
		return 0;
	size = b->size ? b->size : BUF_FIRST_BYTES;
	while (size <= want)
		size *= 2;
	data = realloc(b->data, size);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->size = size;
	return 0;
}

int buf_append(struct buf *b, const void *data, size_t n)
{
	int rc = buf_reserve(b, n);

	if (rc)
		return rc;
	if (n)
		memcpy(b->data + b->used, data, n);
	b->used += n;
	return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n, rc;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -EINVAL;
	rc = buf_reserve(b, (size_t)n);
	if (rc)
		return rc;
	va_start(ap, fmt);
	vsnprintf(b->data + b->used, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->used += (size_t)n;
	return 0;
}

void buf_consume(struct buf *b, size_t n)
{
	if (n >= b->used) {
		b->used = 0;
		return;
	}
	memmove(b->data, b->data + n, b->used - n);
	b->used -= n;
}

void buf_fini(struct buf *b)
{
	free(b->data);
	*b = (struct buf){.max = b->max};
}

static void memory_move(struct buf *to, struct buf *from)
{
	to->data = from->data;
	to->size = from->size;
	to->used = from->used = from->size = 0;
	from->data = NULL;
}

void buf_take(struct buf *b, struct buf *spare)
{
	if (!b->data)
		memory_move(b, spare);
}

void buf_give(struct buf *b, struct buf *spare)
{
	if (spare->data || b->size > BUF_SPARE_BYTES)
		buf_fini(b);
	else
		memory_move(spare, b);
}

/* One read into b: bytes read, 0 at the end of the file, -errno. */
static ssize_t buf_read_some(struct buf *b, int fd)
{
	ssize_t n;
	int rc = buf_reserve(b, BUF_READ_BYTES);

	if (rc)
		return rc;
	do
		n = read(fd, b->data + b->used, BUF_READ_BYTES);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	b->used += (size_t)n;
	return n;
}

int buf_read_file(struct buf *b, const char *path, size_t max_bytes)
{
	size_t bound = b->max;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	b->used = 0;
	b->max = 0; /* reads go in whole steps; max_bytes is the bound here */
	do
		n = buf_read_some(b, fd);
	while (n > 0 && b->used <= max_bytes);
	close(fd);
	b->max = bound;
	if (n < 0)
		return (int)n;
	if (b->used > max_bytes || (bound && b->used > bound))
		return -EFBIG;
	b->data[b->used] = '\0';
	return 0;
}

int buf_write_all(int fd, const char *data, size_t n)
{
	while (n) {
		ssize_t done = write(fd, data, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		data += done;
		n -= (size_t)done;
	}
	return 0;
}
