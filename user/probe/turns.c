// SPDX-License-Identifier: GPL-2.0-only
#include "probe/turns.h"

#include <stddef.h>
#include <string.h>

bool turns_check(const struct wire_turns *r, uint32_t bytes)
{
	const uint32_t head = offsetof(struct wire_turns, brief);

	return bytes > head && r->count > 0 && r->count <= WIRE_TURNS_MAX && bytes == head + r->count * sizeof(r->brief[0]);
}

void turns_get(const struct wire_turns *r, unsigned i, struct wire_turn *out)
{
	const struct wire_turn_brief *b = &r->brief[i];

	memset(out, 0, sizeof(*out));
	out->h.kind = WIRE_KIND_TURN;
	out->h.size = sizeof(*out);
	out->conn = r->conn;
	out->turn = r->turn + i;
	out->role = r->role;
	out->side = r->side;
	for (unsigned lane = 0; lane < WIRE_LANES; lane++) {
		const struct wire_mark_brief *m = &b->lane[lane];

		if (!b->bytes[lane])
			continue;
		out->lane[lane] = (struct wire_lane_span){
			.first_ns = m->time_ns,
			.last_ns = m->time_ns,
			.start_pos = m->start_pos,
			.end_pos = m->start_pos + b->bytes[lane],
			.first_bytes = b->bytes[lane],
			.count = 1,
		};
		if (m->time_ns > out->h.time_ns)
			out->h.time_ns = m->time_ns;
	}
	out->reader = (struct wire_thread){.tgid = b->reader_tgid, .tid = b->reader_tid};
	out->sender = (struct wire_thread){.tgid = b->sender_tgid, .tid = b->sender_tid};
	out->retransmits = b->retransmits;
}
