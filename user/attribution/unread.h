/* SPDX-License-Identifier: GPL-2.0-only */
/* How long the bytes of a turn lay in the socket before they were read, by position, from the marks of one end. */
#ifndef TOLL_ATTRIBUTION_UNREAD_H
#define TOLL_ATTRIBUTION_UNREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"

struct unread_mark {
	uint64_t time_ns, pos;
};
/* Of the turn that is running. Zero-initialise; unread_fini frees. */
struct unread {
	struct unread_mark *mark[2]; /* readable, read; by position */
	uint32_t used[2], room[2];
};

void unread_fini(struct unread *u);
/* Marks of the running turn come before it. A batch that is sent again adds nothing. -ENOMEM */
int unread_marks(struct unread *u, const struct wire_marks *r);
/*
 * The turn is over: the longest time that a byte of it lay unread; the next turn begins. false: nothing was read, or marks were dropped.
 * *rc: -ENOMEM
 */
bool unread_turn(struct unread *u, const struct wire_turn *r, uint64_t *longest_ns, int *rc);

#endif
