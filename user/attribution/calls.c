// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/calls.h"

#include <errno.h>
#include <stdlib.h>

#define ERRNO_MAX 4095 /* MAX_ERRNO of the kernel: below are addresses */

struct calls {
	struct call_stats *of[CALLS_NUMBERS];
};

struct calls *calls_new(void)
{
	return calloc(1, sizeof(struct calls));
}

void calls_free(struct calls *c)
{
	for (unsigned i = 0; c && i < CALLS_NUMBERS; i++) {
		if (c->of[i])
			hist_free(c->of[i]->latency);
		free(c->of[i]);
	}
	free(c);
}

static struct call_stats *stats_of(struct calls *c, unsigned nr)
{
	unsigned at = nr < CALLS_NUMBERS ? nr : CALLS_NUMBERS - 1;
	struct call_stats *s = c->of[at];

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->latency = hist_new();
	if (!s->latency) {
		free(s);
		return NULL;
	}
	c->of[at] = s;
	return s;
}

static void error_add(struct call_stats *s, uint32_t error)
{
	unsigned i = 0;

	s->failed++;
	while (i < s->errors && s->error[i].error != error)
		i++;
	if (i == s->errors && i < CALLS_ERRORS)
		s->error[s->errors++].error = error;
	s->error[i < CALLS_ERRORS ? i : CALLS_ERRORS - 1].count++;
}

int calls_add(struct calls *c, const struct wire_syscalls *r, uint64_t from_ns)
{
	int rc = 0;

	for (uint32_t i = 0; i < r->count; i++) {
		const struct wire_syscall *call = &r->call[i];
		if (call->enter_ns < from_ns || call->exit_ns < call->enter_ns)
			continue;
		struct call_stats *s = stats_of(c, call->nr);
		if (!s)
			return -ENOMEM;
		s->total_ns += call->exit_ns - call->enter_ns;
		s->short_sends += call->flags & WIRE_SYSCALL_SHORT ? 1 : 0;
		rc |= hist_record(s->latency, call->exit_ns - call->enter_ns);
		if (call->result < 0 && call->result >= -ERRNO_MAX)
			error_add(s, (uint32_t)-call->result);
	}
	return rc ? -ENOMEM : 0;
}

const struct call_stats *calls_of(const struct calls *c, unsigned nr)
{
	return nr < CALLS_NUMBERS ? c->of[nr] : NULL;
}
