// SPDX-License-Identifier: GPL-2.0-only
#include "report/reachability.h"

#include "report/build.h"

static void process_put(struct build *b, json_t *list, const struct report_reach_process *p)
{
	json_t *out = json_object();

	build_append(b, list, out);
	build_put(b, out, "pid", build_u64(p->pid));
	build_put(b, out, "threads", build_u64(p->threads));
	build_put(b, out, "pauses", build_u64(p->pauses));
	build_put(b, out, "pause_ns", build_u64(p->pause_ns));
	build_put(b, out, "copied_bytes", build_u64(p->copied_bytes));
	build_put(b, out, "arenas", build_u64(p->arenas));
	build_put(b, out, "blocks", build_u64(p->blocks));
	build_put(b, out, "bytes", build_u64(p->bytes));
	build_put(b, out, "lost", build_u64(p->lost));
	build_put(b, out, "lost_bytes", build_u64(p->lost_bytes));
	build_put(b, out, "lost_heads", build_u64(p->heads));
	build_put(b, out, "followed_lost", build_u64(p->followed_lost));
	build_put(b, out, "followed_lost_bytes", build_u64(p->followed_lost_bytes));
	build_put(b, out, "parts_not_followed", build_u64(p->broken));
}

json_t *report_reachability(const struct report_reachability *r)
{
	struct build b = {.doc = json_object()};
	json_t *processes = build_array(&b, b.doc, "processes"), *notes = build_array(&b, b.doc, "notes");
	struct report_reach_process all = {0};

	for (unsigned i = 0; i < r->processes; i++) {
		const struct report_reach_process *p = &r->process[i];

		process_put(&b, processes, p);
		all.pause_ns = p->pause_ns > all.pause_ns ? p->pause_ns : all.pause_ns;
		all.blocks += p->blocks;
		all.bytes += p->bytes;
		all.lost += p->lost;
		all.lost_bytes += p->lost_bytes;
		all.followed_lost += p->followed_lost;
		all.followed_lost_bytes += p->followed_lost_bytes;
	}
	build_put(&b, b.doc, "longest_pause_ns", build_u64(all.pause_ns));
	build_put(&b, b.doc, "blocks", build_u64(all.blocks));
	build_put(&b, b.doc, "bytes", build_u64(all.bytes));
	build_put(&b, b.doc, "lost", build_u64(all.lost));
	build_put(&b, b.doc, "lost_bytes", build_u64(all.lost_bytes));
	build_put(&b, b.doc, "followed_lost", build_u64(all.followed_lost));
	build_put(&b, b.doc, "followed_lost_bytes", build_u64(all.followed_lost_bytes));
	for (unsigned i = 0; r->note && r->note[i]; i++)
		build_append(&b, notes, report_text(r->note[i]));
	if (!b.failed)
		return b.doc;
	json_decref(b.doc);
	return NULL;
}
