// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/overhead_told.h"

#include <errno.h>

static int open_one(struct overhead_told *o)
{
	o->told = o->told ? o->told : hist_new();
	o->toll = o->toll ? o->toll : hist_new();
	o->beyond = o->beyond ? o->beyond : hist_new();
	return o->told && o->toll && o->beyond ? 0 : -ENOMEM;
}

int overhead_told_add(struct overhead_told *of, const struct record_request *r, uint64_t toll_ns)
{
	struct overhead_told *o;

	if (!(r->flags & RECORD_OVERHEAD) || r->overhead_header >= OVERHEAD_HEADERS)
		return 0;
	o = &of[r->overhead_header];
	if (open_one(o))
		return -ENOMEM;
	o->requests++;
	o->above += r->overhead_ns > toll_ns;
	hist_record(o->told, r->overhead_ns);
	hist_record(o->toll, toll_ns);
	hist_record(o->beyond, toll_ns > r->overhead_ns ? toll_ns - r->overhead_ns : 0);
	return 0;
}

void overhead_told_fini(struct overhead_told *of)
{
	for (uint32_t i = 0; i < OVERHEAD_HEADERS; i++) {
		hist_free(of[i].told);
		hist_free(of[i].toll);
		hist_free(of[i].beyond);
	}
}
