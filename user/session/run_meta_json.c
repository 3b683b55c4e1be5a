// SPDX-License-Identifier: GPL-2.0-only
/* struct run_meta <-> JSON, by rows: each says where a field lies and what it is. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "session/run_meta.h"

enum field_kind { FIELD_TEXT, FIELD_BOOL, FIELD_U64, FIELD_U32, FIELD_NUMBER };
struct field {
	const char *key; /* NULL ends the rows */
	enum field_kind kind;
	size_t offset, size;
};
#define FIELD(type, member, kind)                                                                                                \
	{                                                                                                                        \
#member, kind, offsetof(struct type, member), sizeof(((struct type *)0)->member)                                 \
	}
#define FIELDS_END                                                                                                               \
	{                                                                                                                        \
		NULL, FIELD_TEXT, 0, 0                                                                                           \
	}

static const struct field run_fields[] = {
	FIELD(run_meta, command, FIELD_TEXT),
	FIELD(run_meta, scenario, FIELD_TEXT),
	FIELD(run_meta, attach, FIELD_BOOL),
	FIELD(run_meta, provider_is_ours, FIELD_BOOL),
	FIELD(run_meta, soak, FIELD_BOOL),
	FIELD(run_meta, memory_limit_bytes, FIELD_U64),
	FIELD(run_meta, open_loop, FIELD_BOOL),
	FIELD(run_meta, start_ns, FIELD_U64),
	FIELD(run_meta, start_unix_s, FIELD_U64),
	FIELD(run_meta, warmup_ns, FIELD_U64),
	FIELD(run_meta, ended, FIELD_BOOL),
	FIELD(run_meta, complete, FIELD_BOOL),
	FIELD(run_meta, cut_short_because, FIELD_TEXT),
	FIELD(run_meta, invalid_because, FIELD_TEXT),
	FIELD(run_meta, no_probes_because, FIELD_TEXT),
	FIELD(run_meta, no_stacks_because, FIELD_TEXT),
	FIELD(run_meta, probe_paths, FIELD_TEXT),
	FIELD(run_meta, probe_cpu_known, FIELD_BOOL),
	FIELD(run_meta, probe_cpu_share, FIELD_NUMBER),
	FIELD(run_meta, due, FIELD_U64),
	FIELD(run_meta, queue_max, FIELD_U64),
	FIELD(run_meta, in_flight_max, FIELD_U64),
	FIELD(run_meta, connections, FIELD_U64),
	FIELD(run_meta, driver_cpu_ns, FIELD_U64),
	FIELD(run_meta, driver_threads, FIELD_U32),
	FIELDS_END,
};
static const struct field machine_fields[] = {
	FIELD(report_machine, kernel, FIELD_TEXT),
	FIELD(report_machine, hostname, FIELD_TEXT),
	FIELD(report_machine, cpu, FIELD_TEXT),
	FIELD(report_machine, cores, FIELD_U32),
	FIELDS_END,
};
static const struct field class_fields[] = {
	FIELD(run_meta_class, name, FIELD_TEXT),
	FIELD(run_meta_class, endpoint, FIELD_TEXT),
	FIELD(run_meta_class, stream, FIELD_BOOL),
	FIELDS_END,
};
static const struct field stage_fields[] = {
	FIELD(run_meta_stage, name, FIELD_TEXT),
	FIELD(run_meta_stage, duration_ns, FIELD_U64),
	FIELD(run_meta_stage, tenants, FIELD_U32),
	FIELDS_END,
};
static const struct field peer_fields[] = {
	FIELD(run_meta_peer, label, FIELD_TEXT),
	FIELD(run_meta_peer, address, FIELD_TEXT),
	FIELD(run_meta_peer, process.measured, FIELD_BOOL),
	FIELD(run_meta_peer, process.cpu_ns, FIELD_U64),
	FIELD(run_meta_peer, process.span_ns, FIELD_U64),
	FIELD(run_meta_peer, process.memory_initial_bytes, FIELD_U64),
	FIELD(run_meta_peer, process.memory_peak_bytes, FIELD_U64),
	FIELD(run_meta_peer, process.memory_final_bytes, FIELD_U64),
	FIELD(run_meta_peer, process.processes_max, FIELD_U32),
	FIELDS_END,
};
static const struct field gateway_fields[] = {
	FIELD(report_gateway, known, FIELD_BOOL),
	FIELD(report_gateway, exe, FIELD_TEXT),
	FIELD(report_gateway, comm, FIELD_TEXT),
	FIELD(report_gateway, how, FIELD_TEXT),
	FIELD(report_gateway, recipe, FIELD_TEXT),
	FIELD(report_gateway, url, FIELD_TEXT),
	FIELD(report_gateway, cpu_measured, FIELD_BOOL),
	FIELD(report_gateway, memory_measured, FIELD_BOOL),
	FIELD(report_gateway, cpu_ns, FIELD_U64),
	FIELD(report_gateway, cpu_cores_mean, FIELD_NUMBER),
	FIELD(report_gateway, cpu_cores_max, FIELD_NUMBER),
	FIELD(report_gateway, cores_usable, FIELD_NUMBER),
	FIELD(report_gateway, rss_initial_bytes, FIELD_U64),
	FIELD(report_gateway, rss_mean_bytes, FIELD_U64),
	FIELD(report_gateway, rss_peak_bytes, FIELD_U64),
	FIELD(report_gateway, rss_final_bytes, FIELD_U64),
	FIELD(report_gateway, died, FIELD_BOOL),
	FIELDS_END,
};
static const struct field plant_fields[] = {
	FIELD(report_plant, text, FIELD_TEXT),           FIELD(report_plant, phase, FIELD_TEXT),
	FIELD(report_plant, cause, FIELD_TEXT),          FIELD(report_plant, truth_p50_ns, FIELD_U64),
	FIELD(report_plant, measured_p50_ns, FIELD_U64), FIELDS_END,
};

/* Arrays of structs or of texts, with their count beside them in struct run_meta. */
struct list {
	const char *key;
	size_t offset, stride, max, count_offset;
	const struct field *fields; /* NULL: texts */
};
#define LIST(key, member, count, fields)                                                                                         \
	{                                                                                                                        \
		key, offsetof(struct run_meta, member), sizeof(((struct run_meta *)0)->member[0]),                               \
			sizeof(((struct run_meta *)0)->member) / sizeof(((struct run_meta *)0)->member[0]),                      \
			offsetof(struct run_meta, count), fields                                                                 \
	}
static const struct list lists[] = {
	LIST("classes", class_, classes, class_fields),
	LIST("stages", stage, stages, stage_fields),
	LIST("tenants", tenant, tenants, NULL),
	LIST("upstreams", upstream, upstreams, NULL),
	LIST("peers", peer, peers, peer_fields),
	LIST("criteria", criterion, criteria, NULL),
	LIST("plants", plant, plants, plant_fields),
	LIST("plant_causes", plant_cause, plant_causes, plant_fields),
	LIST("notes", note, notes, NULL),
};
#define LISTS (sizeof(lists) / sizeof(*lists))

/* --- to JSON ------------------------------------------------------------------------------------------------------------------ */

static json_t *field_encode(const struct field *f, const char *base)
{
	const char *at = base + f->offset;

	switch (f->kind) {
	case FIELD_TEXT:
		return report_text(at);
	case FIELD_BOOL:
		return json_boolean(*(const bool *)(const void *)at);
	case FIELD_U64:
		return json_integer((json_int_t) * (const uint64_t *)(const void *)at);
	case FIELD_U32:
		return json_integer(*(const uint32_t *)(const void *)at);
	case FIELD_NUMBER:
		return json_real(*(const double *)(const void *)at);
	}
	return NULL;
}

static int fields_encode(const struct field *fields, const void *base, json_t *object)
{
	int r = 0;

	for (const struct field *f = fields; f->key; f++)
		r |= json_object_set_new(object, f->key, field_encode(f, base));
	return r;
}

static json_t *object_encode(const struct field *fields, const void *base)
{
	json_t *object = json_object();

	if (fields_encode(fields, base, object)) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static json_t *texts_encode(const char *first, size_t stride, size_t n)
{
	json_t *array = json_array();
	int r = 0;

	for (size_t i = 0; i < n; i++)
		r |= json_array_append_new(array, report_text(first + i * stride));
	if (r) {
		json_decref(array);
		return NULL;
	}
	return array;
}

static json_t *list_encode(const struct list *l, const struct run_meta *m)
{
	const char *first = (const char *)m + l->offset;
	uint32_t n = *(const uint32_t *)(const void *)((const char *)m + l->count_offset);

	if (!l->fields)
		return texts_encode(first, l->stride, n);
	json_t *array = json_array();
	int r = 0;
	for (uint32_t i = 0; i < n; i++) {
		json_t *object = object_encode(l->fields, first + i * l->stride);
		if (object && l->fields == class_fields)
			r |= json_object_set_new(
				object, "checks",
				texts_encode(m->class_[i].check[0], sizeof(m->class_[i].check[0]), m->class_[i].checks));
		r |= json_array_append_new(array, object);
	}
	if (r) {
		json_decref(array);
		return NULL;
	}
	return array;
}

static json_t *gateway_encode(const struct report_gateway *g)
{
	json_t *object = object_encode(gateway_fields, g), *pids = json_array();
	int r = 0;

	for (unsigned i = 0; i < g->pids; i++)
		r |= json_array_append_new(pids, json_integer(g->pid[i]));
	r |= json_object_set_new(object, "pids", pids);
	if (r) {
		json_decref(object);
		return NULL;
	}
	return object;
}

char *run_meta_encode(const struct run_meta *m)
{
	json_t *doc = object_encode(run_fields, m);
	int r = 0;

	r |= json_object_set_new(doc, "machine", object_encode(machine_fields, &m->machine));
	r |= json_object_set_new(doc, "gateway", gateway_encode(&m->gateway));
	for (size_t i = 0; i < LISTS; i++)
		r |= json_object_set_new(doc, lists[i].key, list_encode(&lists[i], m));
	if (m->configuration)
		r |= json_object_set(doc, "configuration", m->configuration);
	if (m->probed)
		r |= json_object_set(doc, "probed", m->probed);
	char *text = r ? NULL : json_dumps(doc, JSON_COMPACT);
	json_decref(doc);
	return text;
}

/* --- from JSON ---------------------------------------------------------------------------------------------------------------- */

static int text_decode(const char *where, const char *key, const json_t *value, char *out, size_t size, struct err *err)
{
	const char *text = json_string_value(value);

	if (!text || json_string_length(value) >= size)
		return err_set(err, -EPROTO, "the run's head: %s%s is no text, or longer than %zu bytes", where, key, size - 1);
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

static int field_decode(const char *where, const struct field *f, const json_t *value, char *base, struct err *err)
{
	char *at = base + f->offset;
	json_int_t n = json_integer_value(value);

	if (f->kind == FIELD_TEXT)
		return text_decode(where, f->key, value, at, f->size, err);
	if (f->kind == FIELD_BOOL && json_is_boolean(value))
		*(bool *)(void *)at = json_is_true(value);
	else if (f->kind == FIELD_U64 && json_is_integer(value) && n >= 0)
		*(uint64_t *)(void *)at = (uint64_t)n;
	else if (f->kind == FIELD_U32 && json_is_integer(value) && n >= 0 && n <= UINT32_MAX)
		*(uint32_t *)(void *)at = (uint32_t)n;
	else if (f->kind == FIELD_NUMBER && json_is_number(value))
		*(double *)(void *)at = json_number_value(value);
	else
		return err_set(err, -EPROTO, "the run's head: %s%s is missing or of the wrong type", where, f->key);
	return 0;
}

static int fields_decode(const char *where, const struct field *fields, const json_t *object, void *base, struct err *err)
{
	for (const struct field *f = fields; f->key; f++) {
		int r = field_decode(where, f, json_object_get(object, f->key), base, err);
		if (r)
			return r;
	}
	return 0;
}

static int texts_decode(const char *key, const json_t *array, char *first, size_t stride, size_t max, uint32_t *count,
			struct err *err)
{
	size_t n = json_array_size(array);

	if (!json_is_array(array) || n > max)
		return err_set(err, -EPROTO, "the run's head: %s is missing, or has more than %zu entries", key, max);
	for (size_t i = 0; i < n; i++) {
		int r = text_decode(key, "[]", json_array_get(array, i), first + i * stride, stride, err);
		if (r)
			return r;
	}
	*count = (uint32_t)n;
	return 0;
}

static int list_decode(const struct list *l, const json_t *doc, struct run_meta *m, struct err *err)
{
	const json_t *array = json_object_get(doc, l->key);
	char *first = (char *)m + l->offset;
	uint32_t *count = (uint32_t *)(void *)((char *)m + l->count_offset);
	size_t n = json_array_size(array);

	if (!array && l->fields == peer_fields)
		return 0; /* captures of before there were labels */
	if (!l->fields)
		return texts_decode(l->key, array, first, l->stride, l->max, count, err);
	if (!json_is_array(array) || n > l->max)
		return err_set(err, -EPROTO, "the run's head: %s is missing, or has more than %zu entries", l->key, l->max);
	for (size_t i = 0; i < n; i++) {
		const json_t *object = json_array_get(array, i);
		int r = fields_decode(l->key, l->fields, object, first + i * l->stride, err);
		if (!r && l->fields == class_fields)
			r = texts_decode("checks", json_object_get(object, "checks"), m->class_[i].check[0],
					 sizeof(m->class_[i].check[0]), PLAN_CHECKS_MAX, &m->class_[i].checks, err);
		if (r)
			return r;
	}
	*count = (uint32_t)n;
	return 0;
}

static int gateway_decode(const json_t *object, struct report_gateway *g, struct err *err)
{
	const json_t *pids = json_object_get(object, "pids");
	size_t n = json_array_size(pids);
	int r = fields_decode("gateway.", gateway_fields, object, g, err);

	if (r)
		return r;
	for (size_t i = 0; i < n && i < sizeof(g->pid) / sizeof(*g->pid); i++)
		g->pid[g->pids++] = (uint32_t)json_integer_value(json_array_get(pids, i));
	return 0;
}

static int doc_decode(const json_t *doc, struct run_meta *m, struct err *err)
{
	int r = fields_decode("", run_fields, doc, m, err);

	if (!r)
		r = fields_decode("machine.", machine_fields, json_object_get(doc, "machine"), &m->machine, err);
	if (!r)
		r = gateway_decode(json_object_get(doc, "gateway"), &m->gateway, err);
	for (size_t i = 0; i < LISTS && !r; i++)
		r = list_decode(&lists[i], doc, m, err);
	if (!r && json_is_object(json_object_get(doc, "configuration")))
		m->configuration = json_incref(json_object_get(doc, "configuration"));
	if (!r && json_is_object(json_object_get(doc, "probed")))
		m->probed = json_incref(json_object_get(doc, "probed"));
	return r;
}

int run_meta_decode(const char *text, size_t bytes, struct run_meta *m, struct err *err)
{
	json_error_t at;
	json_t *doc = json_loadb(text, bytes, 0, &at);

	memset(m, 0, sizeof(*m));
	if (!doc)
		return err_set(err, -EPROTO, "the run's head is no JSON: %s", at.text);
	int r = doc_decode(doc, m, err);
	json_decref(doc);
	if (r)
		run_meta_fini(m);
	return r;
}
