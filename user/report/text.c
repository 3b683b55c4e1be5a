// SPDX-License-Identifier: GPL-2.0-only
#include "report/text.h"

#include <errno.h>

#include "report/report.h"

const struct text_part text_parts[] = {
	{"problems", NULL, text_problems},
	{"title", NULL, text_title},
	{"run", "The run", text_head},
	{"trust", "Trust", text_trust},
	{"criteria", "Criteria", text_criteria},
	{"likely", "Likely causes", text_likely},
	{"says", NULL, text_says},
	{"ratings", "Ratings", text_ratings},
	{"charge", NULL, text_charge},
	{"findings", NULL, text_findings},
	{"leak", "Leaks", text_leak},
	{"phases", "The toll", text_phases},
	{"causes", "Causes", text_causes},
	{"stacks", "Where in the code", text_stacks},
	{"calls", "System calls", text_calls},
	{"threads", "Threads", text_threads},
	{"latency", "Latency", text_latency},
	{"classes", "Classes and stages", text_sets},
	{"streams", "Streams", text_streams},
	{"upstreams", "Upstreams", text_upstreams},
	{"sockets", "Sockets", text_sockets},
	{"breakers", "Breakers, failovers, retries", text_resilience},
	{"disconnects", "Clients that left", text_disconnects},
	{"allocator", "The allocator", text_alloc},
	{"planted", "Planted costs", text_planted},
	{"exemplars", "Requests one by one", text_exemplars},
	{"own", "What the gateway counts itself", text_own},
	{"gateway", "The gateway", text_gateway},
	{"probes", "What the probes cost", text_probes},
	{"driver", "The driver", text_driver},
	{"capture", "The capture", text_capture},
	{"not-measured", "Not measured", text_not_measured},
};
const unsigned text_parts_count = sizeof(text_parts) / sizeof(*text_parts);

int report_print_text(const json_t *doc, FILE *out, bool colour)
{
	struct text t = {.out = out, .colour = colour};

	for (unsigned i = 0; i < text_parts_count; i++)
		text_parts[i].print(&t, doc);
	if (fflush(out) || ferror(out))
		return errno ? -errno : -EIO;
	return 0;
}
