// SPDX-License-Identifier: GPL-2.0-only
#include "report/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "report/merge_parts.h"

/* --- may they be joined? ----------------------------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *doc, const char *key)
{
	const char *text = json_string_value(json_object_get(doc, key));

	return text ? text : "";
}

static bool stages_equal(const json_t *a, const json_t *b)
{
	if (json_array_size(a) != json_array_size(b))
		return false;
	for (size_t i = 0; i < json_array_size(a); i++)
		if (strcmp(text_of(json_array_get(a, i), "name"), text_of(json_array_get(b, i), "name")))
			return false;
	return true;
}

static bool tenants_equal(const json_t *a, const json_t *b)
{
	const json_t *x = json_object_get(a, "tenants"), *y = json_object_get(b, "tenants");

	return x && y ? report_same_keys(x, y) : x == y;
}

static bool is_attached(const json_t *doc)
{
	return !json_object_get(doc, "requests");
}

static int check_alike(const struct merge *m, unsigned i, struct err *err)
{
	const json_t *a = m->doc[0], *b = m->doc[i];
	const json_t *open[2] = {json_object_get(json_object_get(a, "driver"), "open_loop"),
				 json_object_get(json_object_get(b, "driver"), "open_loop")};

	if (strcmp(text_of(a, "schema"), text_of(b, "schema")))
		return err_set(err, -EINVAL, "%s is of schema %.40s, %s of %.40s: they cannot be joined", m->name[i],
			       text_of(b, "schema"), m->name[0], text_of(a, "schema"));
	if (strcmp(text_of(a, "scenario"), text_of(b, "scenario")))
		return err_set(err, -EINVAL,
			       "%s is of scenario '%.80s', %s of '%.80s': results of different scenarios cannot be joined",
			       m->name[i], text_of(b, "scenario"), m->name[0], text_of(a, "scenario"));
	if (is_attached(a) != is_attached(b))
		return err_set(err, -EINVAL, "%s and %s: one was loaded by toll, the other only watched", m->name[0], m->name[i]);
	if (!report_same_keys(json_object_get(a, "classes"), json_object_get(b, "classes")) || !tenants_equal(a, b) ||
	    !stages_equal(json_object_get(a, "stages"), json_object_get(b, "stages")))
		return err_set(err, -EINVAL,
			       "%s has other classes, tenants or stages than %s, though both are of scenario '%.80s'", m->name[i],
			       m->name[0], text_of(a, "scenario"));
	if (open[0] && open[1] && json_is_true(open[0]) != json_is_true(open[1]))
		return err_set(err, -EINVAL, "%s and %s: one load is an open loop, the other is closed", m->name[0], m->name[i]);
	return 0;
}

/* --- heads ------------------------------------------------------------------------------------------------------------------------- */

static double duration_join(const struct merge *m, const json_t *const *object)
{
	double joined = 0;

	for (unsigned i = 0; i < m->docs; i++) {
		double one = json_number_value(json_object_get(object[i], "duration_s"));

		joined = m->one_after_another ? joined + one : one > joined ? one : joined;
	}
	return joined;
}

/* The first text that any of them has, with its file's name before it. */
static void first_text(struct merge *m, const char *key)
{
	struct buf b = {0};
	int rc;

	for (unsigned i = 0; i < m->docs; i++) {
		const char *one = text_of(m->doc[i], key);

		if (!*one)
			continue;
		rc = buf_printf(&b, "%s: %s", m->name[i], one);
		m->b.failed = m->b.failed || rc;
		if (!rc)
			build_put(&m->b, m->b.doc, key, report_text(b.data));
		buf_fini(&b);
		return;
	}
}

/* What of a leak's verdict fits beside a host's name. */
static void leak_tell(json_t *host, const json_t *leak)
{
	static const char *const keys[] = {"verdict", "gauge", "bytes_per_request", "interval",
					   "smallest_visible_bytes_per_request"};
	json_t *told = leak ? json_object() : NULL;

	for (size_t k = 0; told && k < sizeof(keys) / sizeof(*keys); k++)
		if (json_object_get(leak, keys[k]))
			json_object_set(told, keys[k], json_object_get(leak, keys[k]));
	if (told)
		json_object_set_new(host, "leak", told);
}

static void hosts_list(struct merge *m)
{
	static const char *const keys[] = {"machine", "date", "duration_s", "complete"};
	json_t *hosts = build_array(&m->b, m->b.doc, "hosts");

	for (unsigned i = 0; i < m->docs; i++) {
		json_t *inner = json_object_get(m->doc[i], "hosts"), *host = json_object();

		if (inner) { /* a result that was joined before */
			json_array_extend(hosts, inner);
			json_decref(host);
			continue;
		}
		for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++)
			if (json_object_get(m->doc[i], keys[k]))
				json_object_set(host, keys[k], json_object_get(m->doc[i], keys[k]));
		json_object_set(host, "gateway_pids", json_object_get(json_object_get(m->doc[i], "gateway"), "pids"));
		json_object_set(host, "sent", json_object_get(json_object_get(m->doc[i], "requests"), "sent"));
		leak_tell(host, json_object_get(m->doc[i], "leak"));
		build_append(&m->b, hosts, host);
	}
}

static void notes_join(struct merge *m)
{
	json_t *notes = build_array(&m->b, m->b.doc, "notes"), *note;
	size_t k;

	for (unsigned i = 0; i < m->docs; i++) {
		json_array_foreach (json_object_get(m->doc[i], "notes"), k, note) {
			bool known = false;

			for (size_t j = 0; j < json_array_size(notes); j++)
				known = known || json_equal(json_array_get(notes, j), note);
			if (!known)
				json_array_append(notes, note);
		}
	}
}

/* What all of them say. */
static void common_put(struct merge *m, const char *key)
{
	json_t *joined = json_object();
	json_t *first = json_object_get(m->doc[0], key);

	for (void *it = json_object_iter(first); it; it = json_object_iter_next(first, it)) {
		bool same = true;

		for (unsigned i = 1; i < m->docs && same; i++)
			same = json_equal(json_object_iter_value(it),
					  json_object_get(json_object_get(m->doc[i], key), json_object_iter_key(it)));
		if (same)
			json_object_set(joined, json_object_iter_key(it), json_object_iter_value(it));
	}
	build_put(&m->b, m->b.doc, key, joined);
}

static void head_join(struct merge *m)
{
	const char *date = "";
	bool complete = true;

	build_put(&m->b, m->b.doc, "schema", json_string("toll.result/1"));
	build_put(&m->b, m->b.doc, "command", json_string("merge"));
	build_put(&m->b, m->b.doc, "scenario", report_text(text_of(m->doc[0], "scenario")));
	for (unsigned i = 0; i < m->docs; i++) {
		const char *one = text_of(m->doc[i], "date");

		complete = complete && json_is_true(json_object_get(m->doc[i], "complete"));
		if (*one && (!*date || strcmp(one, date) < 0))
			date = one;
	}
	build_put(&m->b, m->b.doc, "complete", json_boolean(complete));
	if (*date)
		build_put(&m->b, m->b.doc, "date", json_string(date));
	first_text(m, "cut_short_because");
	first_text(m, "invalid");
	build_put(&m->b, m->b.doc, "duration_s", build_number(duration_join(m, m->doc)));
	common_put(m, "machine");
	common_put(m, "configuration");
	hosts_list(m);
	notes_join(m);
}

/* --- the gateway --------------------------------------------------------------------------------------------------------------------- */

static bool same_gateway(const json_t *a, const json_t *b)
{
	const json_t *host[2] = {json_object_get(a, "machine"), json_object_get(b, "machine")};
	const json_t *pids[2] = {json_object_get(json_object_get(a, "gateway"), "pids"),
				 json_object_get(json_object_get(b, "gateway"), "pids")};

	return json_array_size(pids[0]) && json_equal(json_array_get(pids[0], 0), json_array_get(pids[1], 0)) &&
	       !strcmp(text_of(host[0], "hostname"), text_of(host[1], "hostname"));
}

/* A gateway that several drivers watched is one gateway: the first that saw it speaks for all. Returns how many results remain. */
static unsigned gateways_find(const struct merge *m, const json_t **doc)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->docs; i++) {
		bool known = false;

		for (unsigned k = 0; k < i && !m->one_after_another; k++)
			known = known || same_gateway(m->doc[k], m->doc[i]);
		if (!known)
			doc[n++] = m->doc[i];
	}
	return n;
}

/* What it used is counted once. */
static void gateway_join(struct merge *m, const json_t *const *doc, unsigned n)
{
	json_t *joined = merge_key(m, doc, n, "gateway");
	const json_t *runs[2];

	if (joined && !json_object_get(joined, "pids"))
		build_put(&m->b, joined, "pids", json_array());
	json_object_del(joined, "cpu_ns_per_request");
	if (m->one_after_another) {
		json_object_del(joined, "cpu_cores");
		json_object_del(joined, "memory_bytes");
		build_absent(&m->b, "", "gateway.cpu_cores", "runs that followed each other have one each");
		build_absent(&m->b, "", "gateway.memory_bytes", "runs that followed each other have one each");
	}
	build_put(&m->b, m->b.doc, "gateway", joined);
	runs[0] = json_object_get(json_object_get(m->b.doc, "requests"), "completed");
	runs[1] = json_object_get(joined, "cpu_ns");
	if (runs[1] && json_integer_value(runs[0]) > 0)
		build_put(&m->b, joined, "cpu_ns_per_request",
			  json_integer(json_integer_value(runs[1]) / json_integer_value(runs[0])));
}

/* --- the parts ----------------------------------------------------------------------------------------------------------------------- */

static void set_put(struct merge *m, json_t *object, const json_t *const *part, double duration_s)
{
	static const char *const keys[] = {"requests", "latency", "service",         "lateness", "toll",   "joined_latency",
					   "phases",   "causes",  "causes_by_phase", "streams",  "checks", "overhead_headers"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		json_t *joined = merge_key(m, part, m->docs, keys[i]);

		if (joined)
			build_put(&m->b, object, keys[i], joined);
	}
	merge_set_finish(m, object, part, m->docs, duration_s);
}

/* Classes or tenants, of which all results have the same. */
static void sets_join(struct merge *m, const json_t **part, const char *key)
{
	json_t *first = json_object_get(m->doc[0], key);
	json_t *joined = first ? build_object(&m->b, m->b.doc, key) : NULL;

	for (void *it = json_object_iter(first); it; it = json_object_iter_next(first, it)) {
		const char *name = json_object_iter_key(it);

		for (unsigned i = 0; i < m->docs; i++)
			part[i] = json_object_get(json_object_get(m->doc[i], key), name);
		set_put(m, build_object(&m->b, joined, name), part, duration_join(m, m->doc));
	}
}

static void stages_join(struct merge *m, const json_t **part)
{
	json_t *stages = build_array(&m->b, m->b.doc, "stages");
	size_t n = json_array_size(json_object_get(m->doc[0], "stages"));

	for (size_t k = 0; k < n; k++) {
		json_t *stage = json_object();

		for (unsigned i = 0; i < m->docs; i++)
			part[i] = json_array_get(json_object_get(m->doc[i], "stages"), k);
		double duration_s = duration_join(m, part);
		build_put(&m->b, stage, "name", report_text(text_of(part[0], "name")));
		build_put(&m->b, stage, "duration_s", build_number(duration_s));
		set_put(m, stage, part, duration_s);
		build_append(&m->b, stages, stage);
	}
}

static void upstreams_join(struct merge *m)
{
	json_t *joined = merge_key(m, m->doc, m->docs, "upstreams"), *row;
	const char *name;

	if (!joined)
		return;
	json_object_foreach (joined, name, row) {
		double opened = json_number_value(json_object_get(row, "connections"));

		if (opened > 0)
			build_put(&m->b, row, "turns_per_connection",
				  build_number(json_number_value(json_object_get(row, "turns")) / opened));
		if (!json_object_get(row, "address")) /* each host has its own */
			build_put(&m->b, row, "address", json_string("several"));
	}
	build_put(&m->b, m->b.doc, "upstreams", joined);
}

static void trust_join(struct merge *m)
{
	json_t *trust = merge_key(m, m->doc, m->docs, "trust");
	const json_t *lateness = json_object_get(m->b.doc, "lateness");
	double answered = json_number_value(json_object_get(trust, "requests")) -
			  json_number_value(json_object_get(json_object_get(trust, "unmatched"), "failed_request"));

	if (!trust)
		return;
	build_put(&m->b, m->b.doc, "trust", trust);
	if (json_object_get(trust, "joined") && answered > 0)
		build_put(&m->b, trust, "coverage", build_number(json_number_value(json_object_get(trust, "joined")) / answered));
	json_object_del(trust, "driver_lag_p99_ns");
	if (lateness)
		json_object_set(trust, "driver_lag_p99_ns", json_object_get(lateness, "p99_ns"));
}

static void capture_join(struct merge *m)
{
	json_t *capture = merge_key(m, m->doc, m->docs, "capture");
	double seen = json_number_value(json_object_get(capture, "requests_seen"));

	if (!capture)
		return;
	build_put(&m->b, capture, "share",
		  build_number(seen > 0 ? json_number_value(json_object_get(capture, "requests_written")) / seen : 1));
	build_put(&m->b, m->b.doc, "capture", capture);
}

static void parts_join(struct merge *m, const json_t **part)
{
	const json_t **gateway = calloc(m->docs, sizeof(json_t *));
	unsigned gateways = gateway ? gateways_find(m, gateway) : 0;
	json_t *one;

	m->b.failed = m->b.failed || !gateway;
	set_put(m, m->b.doc, m->doc, duration_join(m, m->doc));
	gateway_join(m, gateway, gateways);
	trust_join(m);
	one = merge_key(m, m->doc, m->docs, "driver");
	if (one)
		build_put(&m->b, m->b.doc, "driver", one);
	one = merge_key(m, m->doc, m->docs, "warmup");
	build_put(&m->b, m->b.doc, "warmup", one ? one : json_object());
	sets_join(m, part, "classes");
	sets_join(m, part, "tenants");
	stages_join(m, part);
	one = merge_blocks(m);
	if (one)
		build_put(&m->b, m->b.doc, "blocks", one);
	upstreams_join(m);
	capture_join(m);
	merge_kernel(m, gateway, gateways);
	free(gateway);
}

int report_merge(const json_t *const *doc, const char *const *name, unsigned docs, const struct merge_options *options,
		 json_t **out, struct err *err)
{
	struct merge m = {.doc = doc, .name = name, .docs = docs, .one_after_another = options->one_after_another};
	const json_t **part;
	int rc = 0;

	*out = NULL;
	for (unsigned i = 1; i < docs && !rc; i++)
		rc = check_alike(&m, i, err);
	if (rc)
		return rc;
	m.b = (struct build){.in = &m.in, .doc = json_object(), .not_measured = json_object()};
	part = calloc(docs, sizeof(json_t *));
	m.b.failed = !part || !m.b.doc || !m.b.not_measured;
	if (!m.b.failed) {
		head_join(&m);
		parts_join(&m, part);
		rc = merge_judge(&m);
		merge_absent(&m);
	}
	free(part);
	json_decref(m.b.not_measured);
	if (rc || m.b.failed) {
		json_decref(m.b.doc);
		return err_set(err, -ENOMEM, "no memory to join the results");
	}
	*out = m.b.doc;
	return 0;
}
