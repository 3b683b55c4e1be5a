// SPDX-License-Identifier: GPL-2.0-only
/*
 * OpenTelemetry traces as OTLP/HTTP carries them in JSON (opentelemetry-proto, ExportTraceServiceRequest): a trace for each request of
 * the sample, a span for the request and one for each stretch of a phase below it. POST it to a collector's /v1/traces.
 */
#include "report/export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "record/tag.h"
#include "report/text.h"

enum { KIND_INTERNAL = 1, KIND_CLIENT = 3 };
enum { STATUS_OK = 1, STATUS_ERROR = 2 };

/* Those that the request's traceparent told the gateway, if one was sent (--traceparent): its own spans are below our root. */
static void ids_make(char trace[TAG_TRACE_DIGITS + 1], char root[17], const json_t *request)
{
	uint64_t id = strtoull(text_string(request, "id"), NULL, 16);

	tag_trace_id(trace, id);
	snprintf(root, 17, "%016" PRIx64, id);
}

static json_t *text_attribute(const char *key, const char *value)
{
	return json_pack("{s:s, s:{s:s}}", "key", key, "value", "stringValue", value);
}

/* 64-bit numbers are strings in OTLP's JSON. */
static json_t *number_attribute(const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	return json_pack("{s:s, s:{s:s}}", "key", key, "value", "intValue", text);
}

static json_t *span_new(const char *trace, const char *id, const char *parent, const char *name, int kind, const uint64_t ns[2])
{
	char from[24], to[24];

	snprintf(from, sizeof(from), "%" PRIu64, ns[0]);
	snprintf(to, sizeof(to), "%" PRIu64, ns[1]);
	json_t *span = json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:[]}", "traceId", trace, "spanId", id, "name", name, "kind",
				 kind, "startTimeUnixNano", from, "endTimeUnixNano", to, "attributes");
	if (span && parent)
		json_object_set_new(span, "parentSpanId", json_string(parent));
	return span;
}

static void phase_span(json_t *spans, const json_t *doc, const json_t *part, const char *trace, const char *root, uint64_t due_ns,
		       size_t i)
{
	const char *phase = text_string(part, "phase");
	const char *owner = text_string(json_object_get(json_object_get(doc, "phases"), phase), "owner");
	uint64_t ns[2] = {due_ns + text_u64(part, "from_ns"), due_ns + text_u64(part, "to_ns")};
	uint64_t own = strtoull(root, NULL, 16);
	char id[17];

	/* the request's id with its bits turned, so that no phase has another request's */
	own = ~own ^ (uint64_t)(i + 1) << 48;
	snprintf(id, sizeof(id), "%016" PRIx64, own);
	json_t *span = span_new(trace, id, root, phase, KIND_INTERNAL, ns);
	if (*owner)
		json_array_append_new(json_object_get(span, "attributes"), text_attribute("toll.owner", owner));
	json_array_append_new(spans, span);
}

static void request_spans(json_t *spans, const json_t *doc, const json_t *request, uint64_t start_ns)
{
	uint64_t due_ns = start_ns + (uint64_t)(text_number(request, "at_s") * 1e9), status = text_u64(request, "status");
	uint64_t ns[2] = {due_ns, due_ns + text_u64(request, "total_ns")};
	char trace[TAG_TRACE_DIGITS + 1], root[17];
	json_t *part;
	size_t i;

	ids_make(trace, root, request);
	json_t *span = span_new(trace, root, NULL, *text_string(request, "class") ? text_string(request, "class") : "request",
				KIND_CLIENT, ns);
	json_t *attributes = json_object_get(span, "attributes");
	json_array_append_new(attributes, number_attribute("toll.toll_ns", text_u64(request, "toll_ns")));
	json_array_append_new(attributes, number_attribute("toll.upstream_turns", text_u64(request, "upstream_turns")));
	if (status)
		json_array_append_new(attributes, number_attribute("http.response.status_code", status));
	json_object_set_new(span, "status", json_pack("{s:i}", "code", status >= 400 ? STATUS_ERROR : STATUS_OK));
	json_array_append_new(spans, span);
	json_array_foreach (json_object_get(request, "spans"), i, part) {
		phase_span(spans, doc, part, trace, root, due_ns, i);
	}
}

static json_t *resource(const json_t *doc)
{
	const char *host = text_string(json_object_get(doc, "machine"), "hostname");
	json_t *attributes = json_array();

	json_array_append_new(attributes, text_attribute("service.name", "toll"));
	json_array_append_new(attributes, text_attribute("toll.scenario", text_string(doc, "scenario")));
	if (*host)
		json_array_append_new(attributes, text_attribute("host.name", host));
	return json_pack("{s:o}", "attributes", attributes);
}

int export_otlp(const json_t *doc, FILE *out)
{
	const json_t *traces = json_object_get(doc, "traces");
	uint64_t start_ns = export_start_ns(doc);
	json_t *spans, *request;
	size_t i;

	if (!json_array_size(traces) || !start_ns)
		return -ENODATA;
	spans = json_array();
	json_array_foreach (traces, i, request) {
		if (*text_string(request, "id"))
			request_spans(spans, doc, request, start_ns);
	}
	json_t *body = json_pack("{s:[{s:o, s:[{s:{s:s}, s:o}]}]}", "resourceSpans", "resource", resource(doc), "scopeSpans",
				 "scope", "name", "toll", "spans", spans);
	int r = body && !json_dumpf(body, out, JSON_COMPACT) ? 0 : -ENOMEM;
	json_decref(body);
	return r ? r : export_end(out);
}
