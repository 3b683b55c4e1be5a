// SPDX-License-Identifier: GPL-2.0-only
/* Samples of ourselves, named and unwound: does the whole way from the clock to the names work here? */
#include "probe/samples.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "probe/probe.h"
#include "symbol/symbols.h"

#define TRY_HZ 999
#define TRY_NS (3 * NS_PER_S) /* on a machine that is overloaded or emulated; else it takes milliseconds */

struct tried {
	struct symbols *symbols;
	unsigned samples, stacks;
	bool whole, copied;
	unsigned frames;
};

static int on_record(void *ctx, const void *data, uint32_t bytes)
{
	const struct wire_header *h = data;
	struct tried *t = ctx;

	(void)bytes;
	t->samples += h->kind == WIRE_KIND_SAMPLE;
	return h->kind == WIRE_KIND_STACK ? symbols_take(t->symbols, data, NULL) : 0;
}

static int on_named(void *ctx, const struct record_stack *stack, uint32_t bytes)
{
	struct tried *t = ctx;

	(void)bytes;
	t->stacks++;
	if (stack->flags & RECORD_STACK_CUT)
		return 0;
	t->whole = true;
	t->copied = stack->flags & RECORD_STACK_COPIED;
	t->frames = stack->frames;
	return 0;
}

static int watch_self(struct probe *p, struct tried *t)
{
	uint64_t end_ns = clock_now_ns() + TRY_NS;
	const struct code_maps *maps;
	uint32_t self = (uint32_t)getpid();
	int rc = symbols_watch(t->symbols, self, &maps);

	if (!rc)
		rc = probe_text(p, self, maps, symbols_frame_pointers(t->symbols, self));
	if (!rc)
		probe_samples_start(p);
	if (!rc && probe_no_samples(p))
		return -ENOTSUP;
	while (!rc && !t->whole && clock_now_ns() < end_ns) {
		rc = probe_poll(p);
		if (rc >= 0)
			rc = symbols_name(t->symbols);
	}
	return rc;
}

static void tell(const struct probe *p, const struct tried *t, int rc, char *detail, size_t size)
{
	if (rc == -ENOTSUP)
		snprintf(detail, size, "%.150s", probe_no_samples(p));
	else if (rc)
		snprintf(detail, size, "samples of this process could not be read: %s", strerror(-rc));
	else if (!t->samples)
		snprintf(detail, size, "the perf software clock gave no sample of this process within three seconds");
	else if (!t->whole)
		snprintf(detail, size, "%u samples of this process, none of their %u stacks could be unwound to its end",
			 t->samples, t->stacks);
	else
		snprintf(detail, size, "perf cpu-clock; a stack of this process unwound to its end from %s, %u frames",
			 t->copied ? "a copy, by libdw" : "frame pointers", t->frames);
}

int samples_try(const struct paths *paths, char *detail, size_t size)
{
	struct probe_target self = {.pid = (uint32_t)getpid(), .role = WIRE_ROLE_GATEWAY};
	struct tried t = {0};
	struct probe_config config = {.target = &self,
				      .targets = 1,
				      .ring_bytes = 1 << 20,
				      .sample_hz = TRY_HZ,
				      .paths = *paths,
				      .record = on_record,
				      .ctx = &t};
	struct symbols_config names = {.named = on_named, .ctx = &t};
	struct probe *p = NULL;
	struct err err = {0};
	int rc;

	t.symbols = symbols_new(&names);
	rc = t.symbols ? probe_open(&p, &config, &err) : -ENOMEM;
	if (rc) {
		snprintf(detail, size, "%.150s", err.text);
	} else {
		rc = watch_self(p, &t);
		tell(p, &t, rc, detail, size);
		rc = rc ? rc : t.whole ? 0 : -ENODATA;
	}
	probe_close(p);
	symbols_free(t.symbols);
	return rc;
}
