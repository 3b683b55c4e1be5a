// SPDX-License-Identifier: GPL-2.0-only
/* Who keeps memory, a request: what the windows saw, against the requests that ended in them. */
#include "report/build.h"

#define SURVIVORS_Z 1.96 /* 95 % of a normal distribution */

/* Bits of the classes whose requests make memory grow: those that the verdict was judged against, or that surely do; 0: not told. */
static unsigned growing(const struct leak_result *leak)
{
	const struct leak_split *split = &leak->split[leak->worst];
	unsigned bits = split->driving;

	for (unsigned i = 0; !split->driving && i < leak->classes && i < LEAK_CLASSES_MAX; i++)
		if (split->class_[i].told && split->class_[i].low > 0)
			bits |= 1u << i;
	return bits;
}

static double requests_of(struct build *b, json_t *survivors, unsigned classes)
{
	const json_t *ended = json_object_get(survivors, "requests");
	json_t *of = build_array(b, survivors, "per_request_of");
	double sum = 0;

	for (unsigned i = 0; i < b->in->classes; i++) {
		if (classes && !(classes & 1u << i))
			continue;
		sum += json_number_value(json_object_get(ended, b->in->class_[i].name));
		if (classes)
			build_append(b, of, report_text(b->in->class_[i].name));
	}
	return sum;
}

static void site_rate(struct build *b, json_t *site, double requests)
{
	double kept = json_number_value(json_object_get(site, "kept_bytes"));
	double error = SURVIVORS_Z * json_number_value(json_object_get(site, "kept_error_bytes"));
	json_t *interval = build_array(b, site, "interval");

	build_put(b, site, "bytes_per_request", build_number(kept / requests));
	build_put(b, site, "count_per_request", build_number(json_number_value(json_object_get(site, "kept")) / requests));
	build_append(b, interval, build_number(kept > error ? (kept - error) / requests : 0));
	build_append(b, interval, build_number((kept + error) / requests));
}

void build_survivors(struct build *b, json_t *leak)
{
	const json_t *seen = json_object_get(b->in->probed, "survivors");
	json_t *out, *site;
	double requests;
	size_t i;

	if (!seen)
		return;
	out = json_deep_copy(seen);
	requests = requests_of(b, out, growing(b->in->leak));
	build_put(b, leak, "survivors", out);
	if (requests <= 0)
		return;
	json_array_foreach (json_object_get(out, "sites"), i, site)
		site_rate(b, site, requests);
	build_put(b, out, "kept_bytes_per_request",
		  build_number(json_number_value(json_object_get(out, "kept_bytes")) / requests));
}
