// SPDX-License-Identifier: GPL-2.0-only
#include "report/allocator.h"

#include <math.h>

#include "report/build.h"

/* Time in this function, of all its calls: where only some were seen to return, those stand for all. */
static double function_ns(const struct report_alloc_function *f)
{
	return build_ratio((double)f->sum_ns, (double)f->returns) * (double)f->calls;
}

static double per_request(const struct report_alloc_function *f, double amount)
{
	return build_ratio(amount, (double)f->requests);
}

static void function_build(struct build *b, json_t *rows, const struct report_alloc_function *f)
{
	json_t *row = json_object();

	build_append(b, rows, row);
	build_put(b, row, "name", report_text(f->name));
	build_put(b, row, "file", report_text(f->file));
	if (f->family[0])
		build_put(b, row, "allocator", report_text(f->family));
	build_put(b, row, "probed_instruction", report_text(f->insn));
	build_put(b, row, "calls", build_u64(f->calls));
	if (!f->gives_back)
		build_put(b, row, "bytes", build_u64(f->bytes));
	if (f->requests)
		build_put(b, row, "calls_per_request", build_number(per_request(f, (double)f->calls)));
	if (f->requests && !f->gives_back)
		build_put(b, row, "bytes_per_request", build_number(per_request(f, (double)f->bytes)));
	if (f->entry_only)
		return;
	build_put(b, row, "returns_seen", build_u64(f->returns));
	if (!f->gives_back)
		build_put(b, row, "failed", build_u64(f->failed));
	build_put(b, row, "unfinished", build_u64(f->unfinished));
	if (f->requests && f->returns)
		build_put(b, row, "time_per_request_ns", build_u64((uint64_t)llround(per_request(f, function_ns(f)))));
	build_dist(b, row, "latency", f->latency);
}

static void totals_build(struct build *b, json_t *out, const struct report_allocator *a)
{
	double calls = 0, bytes = 0, ns = 0;
	bool timed = false;

	if (!a->requests)
		return;
	for (unsigned i = 0; i < a->functions; i++) {
		const struct report_alloc_function *f = &a->function[i];

		calls += per_request(f, (double)f->calls);
		bytes += per_request(f, (double)f->bytes);
		ns += per_request(f, function_ns(f));
		timed |= f->returns > 0;
	}
	build_put(b, out, "calls_per_request", build_number(calls));
	build_put(b, out, "bytes_per_request", build_number(bytes));
	if (timed)
		build_put(b, out, "time_per_request_ns", build_u64((uint64_t)llround(ns)));
}

json_t *report_allocator(const struct report_allocator *a)
{
	struct build b = {.doc = json_object()};
	json_t *rows = build_array(&b, b.doc, "functions"), *notes = build_array(&b, b.doc, "notes");

	build_put(&b, b.doc, "link", report_text(a->link));
	build_put(&b, b.doc, "on_share", build_number(a->on_share));
	if (a->frees_on_share < a->on_share)
		build_put(&b, b.doc, "frees_on_share", build_number(a->frees_on_share));
	build_put(&b, b.doc, "requests", build_u64(a->requests));
	build_put(&b, b.doc, "latency_noise_ns", build_u64(a->noise_ns));
	totals_build(&b, b.doc, a);
	for (unsigned i = 0; i < a->functions; i++)
		if (a->function[i].calls)
			function_build(&b, rows, &a->function[i]);
	for (unsigned i = 0; a->note && a->note[i]; i++)
		build_append(&b, notes, report_text(a->note[i]));
	if (b.failed) {
		json_decref(b.doc);
		return NULL;
	}
	return b.doc;
}
