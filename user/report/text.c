// SPDX-License-Identifier: GPL-2.0-only
#include "report/text.h"

#include <errno.h>

#include "report/report.h"

int report_print_text(const json_t *doc, FILE *out, bool colour)
{
	static void (*const parts[])(struct text *, const json_t *) = {
		text_problems,  text_head,    text_trust,   text_criteria,  text_phases,
		text_latency,   text_sets,    text_streams, text_upstreams, text_planted,
		text_exemplars, text_gateway, text_driver,  text_capture,   text_not_measured,
	};
	struct text t = {.out = out, .colour = colour};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		parts[i](&t, doc);
	if (fflush(out) || ferror(out))
		return errno ? -errno : -EIO;
	return 0;
}
