/* SPDX-License-Identifier: GPL-2.0-only */
/* What the gateway counts itself, of all its workers, and says at GET /metrics in Prometheus' text format. */
#ifndef TOLL_GATEWAY_OWN_METRICS_H
#define TOLL_GATEWAY_OWN_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"

struct own_metrics {
	_Atomic uint64_t requests, errors; /* errors: answered with 5xx */
	_Atomic uint64_t memory_hits, redis_hits, misses; /* of the cache */
	_Atomic uint64_t duration_ns; /* of all requests, from the whole request to the last byte of its answer */
};

/* 0 or -errno of the buffer. */
int own_metrics_print(struct own_metrics *m, struct buf *out);

#endif
