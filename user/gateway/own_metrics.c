// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/own_metrics.h"

#include <inttypes.h>

int own_metrics_print(struct own_metrics *m, struct buf *out)
{
	uint64_t requests = atomic_load(&m->requests);

	return buf_printf(out,
			  "# TYPE gateway_requests_total counter\ngateway_requests_total %" PRIu64 "\n"
			  "# TYPE gateway_errors_total counter\ngateway_errors_total %" PRIu64 "\n"
			  "# TYPE gateway_cache_requests_total counter\n"
			  "gateway_cache_requests_total{level=\"memory\",result=\"hit\"} %" PRIu64 "\n"
			  "gateway_cache_requests_total{level=\"redis\",result=\"hit\"} %" PRIu64 "\n"
			  "gateway_cache_requests_total{result=\"miss\"} %" PRIu64 "\n"
			  "# TYPE gateway_request_duration_seconds summary\n"
			  "gateway_request_duration_seconds_sum %.9f\ngateway_request_duration_seconds_count %" PRIu64 "\n",
			  requests, atomic_load(&m->errors), atomic_load(&m->memory_hits), atomic_load(&m->redis_hits),
			  atomic_load(&m->misses), (double)atomic_load(&m->duration_ns) / 1e9, requests);
}
