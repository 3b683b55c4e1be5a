// rooms: base symbol probe session/gauges
// SPDX-License-Identifier: GPL-2.0-only
/*
 * soak_tiers PID [READS]: what a soak does to a gateway without end, switched on and off. A line "0" or "1" on its standard input ends or begins
 * tier 0, the gauges, as a soak of three minutes reads them but READS times as often (default 1); a line "2" or "3" tier 1, the probes of
 * growth. Each is answered by what there was so far: reads of the gauges, those that looked at pages, CPU of ours in ns. For benches.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "probe/discover.h"
#include "probe/growth_probe.h"
#include "session/gauges.h"

#define SOAK_NS (180 * NS_PER_S)
/* a soak looks at its probes and at the gateway's CPU so often (session/soaking.c) */
#define POLL_NS (100 * NS_PER_MS)
#define CPU_LOOKS 10

struct tiers {
	struct discovered found;
	struct gauges gauges;
	struct gauge_parts parts;
	struct growth_probe *growth;
	uint64_t every_ns; /* a read of the gauges */
	uint64_t read_ns, poll_ns; /* when the next is due */
	uint64_t reads, page_reads;
	bool reading;
};

static void fail(const char *what)
{
	fprintf(stderr, "soak_tiers: %s\n", what);
	exit(1);
}

static int on_stack(void *ctx, const struct wire_stack *stack)
{
	(void)ctx, (void)stack;
	return 0;
}

static void open_all(struct tiers *t, uint32_t pid, unsigned times)
{
	struct err err = {0};

	if (discover_by_pid(pid, &t->found, &err) || growth_probe_open(&t->growth, on_stack, NULL, &err))
		fail(err.text);
	for (unsigned i = 0; i < t->found.pids; i++) {
		struct code_maps maps = {0};
		if (code_maps_read(t->found.pid[i], &maps) || growth_probe_text(t->growth, t->found.pid[i], &maps, false))
			fail("its code cannot be read");
		code_maps_fini(&maps);
	}
	gauges_init(&t->gauges, &t->found);
	gauge_parts_init(&t->parts);
	t->gauges.parts = &t->parts;
	gauges_pages_often(&t->gauges, SOAK_NS);
	t->every_ns = NS_PER_S / times;
	t->gauges.pages_every_ns /= times;
	t->gauges.pages_rarely /= times;
	if (!gauges_start(&t->gauges, clock_now_ns()))
		fail("its gauges cannot be read");
}

static void tick(struct tiers *t)
{
	uint64_t now_ns = clock_now_ns();

	if (growth_probe_is_on(t->growth) && now_ns >= t->poll_ns) {
		t->poll_ns = now_ns + POLL_NS;
		growth_probe_poll(t->growth);
	}
	if (!t->reading || now_ns < t->read_ns)
		return;
	t->read_ns = now_ns + t->every_ns;
	if (!gauges_sample(&t->gauges, now_ns))
		fail("the process has ended");
	for (unsigned i = 0; i < CPU_LOOKS; i++)
		discover_cpu_ns(t->gauges.pid, t->gauges.pids);
	t->reads++;
	t->page_reads += t->gauges.record.pages_read;
}

static void obey(struct tiers *t, char order)
{
	if (order == '0' || order == '1')
		t->reading = order == '1';
	else if (growth_probe_switch(t->growth, order == '3'))
		fail("the probes of growth cannot be switched");
	t->read_ns = t->poll_ns = clock_now_ns();
	printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", t->reads, t->page_reads, clock_thread_cpu_ns());
	fflush(stdout);
}

/* Until something is due, or at most a tenth of a second. */
static int wait_ms(const struct tiers *t)
{
	uint64_t now_ns = clock_now_ns();

	if (!t->reading || t->read_ns > now_ns + POLL_NS)
		return (int)(POLL_NS / NS_PER_MS);
	return t->read_ns <= now_ns ? 0 : (int)((t->read_ns - now_ns) / NS_PER_MS);
}

int main(int argc, char **argv)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	unsigned long times = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	static struct tiers t;
	char order[2];

	if (argc < 2 || !times || times > 1000)
		fail("usage: soak_tiers PID [READS]");
	open_all(&t, (uint32_t)strtoul(argv[1], NULL, 10), (unsigned)times);
	for (;;) {
		if (poll(&in, 1, wait_ms(&t)) < 0)
			fail("waiting failed");
		if (in.revents && read(STDIN_FILENO, order, sizeof(order)) != sizeof(order))
			break;
		if (in.revents)
			obey(&t, order[0]);
		tick(&t);
	}
	growth_probe_close(t.growth);
	return 0;
}
