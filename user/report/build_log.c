// SPDX-License-Identifier: GPL-2.0-only
#include "report/build.h"

void build_log(struct build *b)
{
	const struct report_log *l = b->in->log;
	json_t *log;

	if (!l || !l->asked)
		return;
	if (l->why[0] || !l->matched) {
		build_absent(b, "", "gateway_log", l->why[0] ? l->why : "the run was not ended");
		return;
	}
	log = build_object(b, b->doc, "gateway_log");
	build_put(b, log, "lines", build_u64(l->lines));
	build_put(b, log, "matched", build_u64(l->matched));
	build_put(b, log, "unread", build_u64(l->unread));
	build_put(b, log, "rotated", json_boolean(l->rotated));
	build_put(b, log, "cut", json_boolean(l->cut));
	build_dist(b, log, "told", l->told);
}
