// SPDX-License-Identifier: GPL-2.0-only
/* Costs that grow within a stream, or with the size of a request or an answer. */
#include "base/buf.h"
#include "base/units.h"
#include "report/build.h"

struct growth_row {
	enum attribution_trend which;
	const char *cost, *with; /* in the document */
	uint64_t unit; /* of x, in a sentence */
	const char *sentence; /* what grows with what; how much follows */
	const char *unit_word;
	const char *too_little;
};

static const struct growth_row rows[] = {
	{ATTRIBUTION_TREND_CHUNK, "chunk_lag", "chunk", 100,
	 "A chunk's way through the gateway grows with its number in the stream: each further 100 chunks", "chunk",
	 "too few chunks were joined, or streams are too short"},
	{ATTRIBUTION_TREND_REQUEST, "process_request", "request_bytes", 10000,
	 "\"process request\" grows with the prompt: each further 10 kB of request", "bytes",
	 "too few requests were joined, or all are of one size"},
	{ATTRIBUTION_TREND_ANSWER, "process_response", "answer_bytes", 10000,
	 "\"process response\" grows with the answer: each further 10 kB", "bytes",
	 "too few requests were joined, or all answers are of one size"},
};

static void growth_tell(struct build *b, const struct growth_row *r, const struct trend_judgement *j)
{
	char more[32], low[32], high[32];
	struct buf t = {0};
	json_t *findings = json_object_get(b->doc, "findings"), *row = json_object();

	if (!findings)
		findings = build_array(b, b->doc, "findings");
	units_format_ns(more, sizeof(more), (uint64_t)(j->slope * (double)r->unit));
	buf_printf(&t, "%s add %s (%s %llu: %s, %llu: %s)", r->sentence, more, r->unit_word, (unsigned long long)j->low.x,
		   units_format_ns(low, sizeof(low), j->low.y), (unsigned long long)j->high.x,
		   units_format_ns(high, sizeof(high), j->high.y));
	build_put(b, row, "text", t.data ? report_text(t.data) : NULL);
	build_append(b, findings, row);
	buf_fini(&t);
}

static void growth_one(struct build *b, json_t *growth, const struct growth_row *r)
{
	struct trend_judgement j;
	char path[64];

	if (!trend_judge(attribution_trend(b->in->attribution, r->which), &j)) {
		snprintf(path, sizeof(path), "growth.%s", r->cost);
		build_absent(b, "", path, r->too_little);
		return;
	}
	json_t *row = build_object(b, growth, r->cost);
	build_put(b, row, "with", json_string(r->with));
	build_put(b, row, "slope_ns", build_number(j.slope));
	build_put(b, row, "z", build_number(j.z));
	build_put(b, row, "low_at", build_u64(j.low.x));
	build_put(b, row, "low_ns", build_u64(j.low.y));
	build_put(b, row, "high_at", build_u64(j.high.x));
	build_put(b, row, "high_ns", build_u64(j.high.y));
	build_put(b, row, "grows", json_boolean(j.grows));
	if (j.grows)
		growth_tell(b, r, &j);
}

void build_growth(struct build *b)
{
	const char *why = build_no_probes(b->in);

	if (why) {
		build_absent(b, "", "growth", why);
		return;
	}
	json_t *growth = build_object(b, b->doc, "growth");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		growth_one(b, growth, &rows[i]);
}
