// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/workers.h"

void workers_wire(struct workers *w, const void *record, uint64_t start_ns)
{
	const struct wire_header *h = record;
	const struct wire_process *p = record;
	const struct wire_thread_life *t = record;
	bool measured = start_ns && h->time_ns >= start_ns;

	if (h->kind == WIRE_KIND_PROCESS && p->role == WIRE_ROLE_GATEWAY && measured) {
		w->processes_began += p->event == WIRE_PROCESS_FORK;
		w->processes_ended += p->event == WIRE_PROCESS_EXIT;
	} else if (h->kind == WIRE_KIND_THREAD && t->role == WIRE_ROLE_GATEWAY) {
		w->threads_seen = true;
		w->threads_began += measured && t->event == WIRE_THREAD_FOUND;
		w->threads_ended += measured && t->event == WIRE_THREAD_EXIT;
	}
}
