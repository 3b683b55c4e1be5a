/* SPDX-License-Identifier: GPL-2.0-only */
/* One document to one address, after the run. */
#ifndef TOLL_DRIVER_POST_H
#define TOLL_DRIVER_POST_H

#include <stddef.h>

#include "base/err.h"

struct post {
	const char *url; /* http or https; a user in it authenticates, and is told nowhere */
	const char *const *header; /* "Name: value" */
	unsigned headers;
	const void *body;
	size_t bytes;
};

/* Waits for the answer, 10 s at most. 0: 2xx; -errno, and err tells the status or what failed. */
int post_send(const struct post *p, struct err *err);

#endif
