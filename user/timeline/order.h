/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The join by order: an upstream turn that carries no name of a request belongs to the request in whose window [t3, t9] it lies. Where
 * it lies in several, the threads decide: the one that its sending thread picked up last before, if that is also the one that its
 * reading thread answered next. Where that does not decide either, it is nobody's: a wrong join is worse than none.
 * A turn is decided once, for good, when the first request that may own it is handed out.
 */
#ifndef TOLL_TIMELINE_ORDER_H
#define TOLL_TIMELINE_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "timeline/pending.h"

/* Requests by length of window, in powers of two of ns, so that a turn is only compared with about as many as were really open at its time. */
#define ORDER_TIERS 65

struct order_request {
	uint64_t t3;
	struct open_request *request; /* NULL: has been handed out */
};

struct order_turn {
	uint64_t sent_ns;
	struct upturn *turn; /* NULL: decided */
};

struct order_tier {
	struct order_request *at; /* by t3, [head, end) */
	size_t head, end, size;
};

struct order {
	struct order_tier tier[ORDER_TIERS];
	struct order_turn *turn; /* by sent_ns, [head, end) */
	size_t head, end, size;
	size_t undecided;
};

void order_fini(struct order *o); /* frees undecided turns, not requests */
/* q->o.t3 etc. are set. Takes no ownership. -ENOMEM */
int order_add_request(struct order *o, struct open_request *q);
/* Must be called before q is freed or its o.t3, o.t9 change. */
void order_remove_request(struct order *o, struct open_request *q);
/* Takes ownership of u (on success). -ENOMEM */
int order_add_turn(struct order *o, struct upturn *u);
/* Decides every turn that may be q's: owners get theirs into q->turns. skip(ctx, u): no upstream call of a request, left alone. */
void order_decide(struct order *o, const struct open_request *q, bool (*skip)(void *ctx, const struct upturn *u), void *ctx);
/* An undecided turn of the kernel's numbering, or NULL: a later snapshot updates it. */
struct upturn *order_find_turn(const struct order *o, uint64_t sent_ns, uint64_t conn, uint32_t turn_of_conn);
/* Turns that began in [from_ns, to_ns] and that count(ctx, u) accepts. */
unsigned order_count(const struct order *o, uint64_t from_ns, uint64_t to_ns, bool (*count)(void *ctx, const struct upturn *u),
		     void *ctx);
/* Frees undecided turns that ended before end_ns and that drop(ctx, u) lets go, oldest first. */
void order_expire(struct order *o, uint64_t end_ns, bool (*drop)(void *ctx, const struct upturn *u), void *ctx);

#endif
