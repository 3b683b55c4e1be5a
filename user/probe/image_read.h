/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory of a process, copied while all its threads stand still: what may hold a pointer, and no more. */
#ifndef TOLL_PROBE_IMAGE_READ_H
#define TOLL_PROBE_IMAGE_READ_H

#include <stdint.h>

#include "base/err.h"
#include "base/image.h"

#define IMAGE_BYTES_MAX (UINT64_C(2) << 30) /* of copy; nor more than half of what the machine has left */
#define IMAGE_MAPPED_MAX (UINT64_C(64) << 30) /* of mappings: each page of them is asked for */
#define IMAGE_PAUSE_MAX_NS UINT64_C(1000000000)

struct image_seen {
	uint64_t pause_ns; /* how long it stood still; counts if it failed, too */
	unsigned threads;
};

/*
 * Pages that are private and were written to (swapped out, too), shared ones that the process has in use and may write, registers, and what
 * its epoll descriptors hold. Not seen: pointers that only io_uring or POSIX timers hold, memory of devices. 0; -ESRCH, -EPERM, -ETIME: it
 * would have stood for longer than IMAGE_PAUSE_MAX_NS; -EFBIG: too much; -ENOTSUP: 32 bits; -ENOMEM. err tells in a sentence.
 */
int image_take(uint32_t pid, struct image *out, struct image_seen *seen, struct err *err);

#endif
