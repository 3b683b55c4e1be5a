/* SPDX-License-Identifier: GPL-2.0-only */
/* A growing run of bytes with a bound. Zero-initialise; buf_fini frees. data is not NUL-terminated unless buf_printf made it so. */
#ifndef TOLL_BASE_BUF_H
#define TOLL_BASE_BUF_H

#include <stddef.h>

struct buf {
	char *data;
	size_t used;
	size_t size;
	size_t max; /* 0: no bound; else -EMSGSIZE past it */
};

int buf_reserve(struct buf *b, size_t more); /* room for `more` bytes behind used */
int buf_append(struct buf *b, const void *data, size_t n);
__attribute__((format(printf, 2, 3))) int buf_printf(struct buf *b, const char *fmt, ...); /* keeps a NUL behind used */
void buf_consume(struct buf *b, size_t n); /* drops the first n bytes */
void buf_fini(struct buf *b);

/*
 * One buffer that is kept, empty, for whoever needs the next: where many come and go one after another none is allocated. take: b, which has
 * none, gets the spare's memory, if it has any. give: b's memory becomes the spare's; freed if that has some, or if it is large.
 */
void buf_take(struct buf *b, struct buf *spare);
void buf_give(struct buf *b, struct buf *spare);

/* All n bytes to fd, however many writes it takes. 0 or -errno. */
int buf_write_all(int fd, const char *data, size_t n);
/* Whole file into buf (NUL behind used); -EFBIG past max_bytes. */
int buf_read_file(struct buf *b, const char *path, size_t max_bytes);

#endif
