// SPDX-License-Identifier: GPL-2.0-only
/* When the providers were to fail: the scenario's fault timeline, as bands behind the series. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "report/build.h"
#include "scenario/fault.h"

#define STRIKES_MAX 200 /* of one fault that comes again and again: the last band holds the rest of them */

void build_band(struct build *b, json_t *bands, const char *kind, const char *name, double from_s, double to_s)
{
	if (to_s <= from_s)
		return;
	json_t *band = json_object();
	build_put(b, band, "kind", json_string(kind));
	build_put(b, band, "name", report_text(name));
	build_put(b, band, "from_s", build_number(from_s));
	build_put(b, band, "to_s", build_number(to_s));
	build_append(b, bands, band);
}

/* "bedrock: error=503 (50 % of the requests)": what it does; when is the band's to tell. */
static void fault_name(char *buf, size_t size, const char *provider, const struct fault *fault)
{
	struct fault always = *fault;
	char words[200], share[48] = "";

	always.share = 1;
	always.from_ns = always.every_ns = 0;
	always.until_ns = UINT64_MAX;
	if (fault->share < 1)
		snprintf(share, sizeof(share), " (%.3g %% of the requests)", fault->share * 100);
	snprintf(buf, size, "%s: %s%s", provider, fault_format(&always, words, sizeof(words)), share);
}

static void strikes(struct build *b, json_t *bands, const char *provider, const struct fault *fault, uint64_t end_ns)
{
	char name[320];

	fault_name(name, sizeof(name), provider, fault);
	for (unsigned i = 0; i < STRIKES_MAX; i++) {
		uint64_t later_ns = i * fault->every_ns, from_ns = fault->from_ns + later_ns;
		uint64_t until_ns = fault->until_ns < end_ns ? fault->until_ns + later_ns : end_ns;

		if (from_ns >= end_ns)
			return;
		if (i + 1 == STRIKES_MAX)
			until_ns = end_ns;
		build_band(b, bands, "fault", name, (double)from_ns / 1e9, (double)(until_ns < end_ns ? until_ns : end_ns) / 1e9);
		if (!fault->every_ns)
			return;
	}
}

void build_faults(struct build *b, json_t *bands, double end_s)
{
	const char *provider;
	json_t *faults, *text;
	size_t i;

	json_object_foreach (json_object_get(b->in->configuration, "faults"), provider, faults)
		json_array_foreach (faults, i, text) {
			struct fault fault;
			struct err err = {0};

			if (json_is_string(text) && !fault_parse(json_string_value(text), &fault, &err))
				strikes(b, bands, provider, &fault, (uint64_t)(end_s * 1e9));
		}
}
