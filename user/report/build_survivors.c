// SPDX-License-Identifier: GPL-2.0-only
/* Who keeps memory, a request: what the windows saw, against the requests that ended in them. */
#include "report/build.h"

#include <string.h>

#include "leak/survivors.h"

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

/* A copy of a part that the probes' side has made, under `leak`; *requests: those that its rates are about. NULL: there is none. */
static json_t *part_copy(struct build *b, json_t *leak, const char *name, double *requests)
{
	const json_t *seen = json_object_get(b->in->probed, name);
	json_t *out = seen ? json_deep_copy(seen) : NULL;

	if (!seen)
		return NULL;
	build_put(b, leak, name, out);
	*requests = requests_of(b, out, growing(b->in->leak));
	return out;
}

static void sites_rates(struct build *b, json_t *list, double requests)
{
	json_t *site;
	size_t i;

	if (requests <= 0)
		return;
	json_array_foreach (json_object_get(list, "sites"), i, site)
		site_rate(b, site, requests);
	build_put(b, list, "kept_bytes_per_request",
		  build_number(json_number_value(json_object_get(list, "kept_bytes")) / requests));
}

/* Does a gauge rise that things of this kind would make rise? */
static bool kind_grows(const struct leak_result *leak, const char *kind)
{
	static const struct {
		const char *kind;
		enum leak_gauge gauge;
	} rows[] = {
		{"descriptors", LEAK_DESCRIPTORS},
		{"descriptors", LEAK_SOCKETS_CLOSE_WAIT},
		{"descriptors", LEAK_SOCKETS_CLOSED},
		{"mappings", LEAK_MAPPINGS},
		{"mappings", LEAK_MEMORY},
		{"threads", LEAK_THREADS},
		{"heap", LEAK_HEAP},
		{"heap", LEAK_MEMORY},
		{"first_touches", LEAK_MEMORY},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!strcmp(rows[i].kind, kind) && leak_rises(&leak->gauge[rows[i].gauge]))
			return true;
	return false;
}

void build_survivors(struct build *b, json_t *leak)
{
	double requests = 0;
	json_t *out = part_copy(b, leak, "survivors", &requests), *list;
	const char *kind;

	if (out)
		sites_rates(b, out, requests);
	if (json_object_get(b->in->probed, "reachability"))
		build_put(b, leak, "reachability", json_deep_copy(json_object_get(b->in->probed, "reachability")));
	out = part_copy(b, leak, "growth_stacks", &requests);
	json_object_foreach (json_object_get(out, "kinds"), kind, list) {
		sites_rates(b, list, requests);
		build_put(b, list, "grows", json_boolean(kind_grows(b->in->leak, kind)));
	}
}
