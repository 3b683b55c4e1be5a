/* SPDX-License-Identifier: GPL-2.0-only */
/* One document from one address. */
#ifndef TOLL_DRIVER_FETCH_H
#define TOLL_DRIVER_FETCH_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* GET url into out, whose bound holds, and waits at most so long. 0: 200; -errno, and err tells the status or what failed. */
int fetch(const char *url, uint64_t within_ns, struct buf *out, struct err *err);

#endif
