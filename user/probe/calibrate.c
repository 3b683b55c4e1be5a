// SPDX-License-Identifier: GPL-2.0-only
#include "probe/calibrate.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "probe/alloc_programs.h"

#define EXE "/proc/self/exe"
#define BATCHES 7
#define CALLS_EMULATED 100
#define CALLS_STEPPED 15 /* twenty times as dear */

/* Three empty functions for each kind of first instruction: one is probed at its entry alone, the others at both ends; of the last no end is looked at. */
#ifdef __x86_64__
#define BODY(text) text
#else /* placement.h knows the instructions of x86-64: nothing is probed elsewhere */
#define BODY(text) "ret"
#endif
#define FUNCTION(name, body) "\t.p2align 4\ncalibrate_" name ":\n\t" BODY(body) "\n"
#define FUNCTIONS(end)                                                                                                           \
	FUNCTION("stepped" end, "test %rdi, %rdi\n\tret")                                                                        \
	FUNCTION("push" end, "push %rbp\n\tpop %rbp\n\tret")                                                                     \
	FUNCTION("nop" end, "nop\n\tret")                                                                                        \
	FUNCTION("jcc" end, "jz 1f\n1:\tret")                                                                                    \
	FUNCTION("jmp" end, "jmp 1f\n1:\tret")                                                                                   \
	FUNCTION("call" end, "call 1f\n1:\tpop %rax\n\tret")
__asm__("\t.pushsection .text\n" FUNCTIONS("_entry") FUNCTIONS("_both") FUNCTIONS("_skip") "\t.popsection\n");

typedef void (*empty_function)(void);
#define DECLARE_ONE(insn, end) extern void insn##end(void) __asm__("calibrate_" #insn #end)
#define DECLARE(insn)                                                                                                            \
	DECLARE_ONE(insn, _entry);                                                                                               \
	DECLARE_ONE(insn, _both);                                                                                                \
	DECLARE_ONE(insn, _skip)
DECLARE(stepped);
DECLARE(push);
DECLARE(nop);
DECLARE(jcc);
DECLARE(jmp);
DECLARE(call);

enum { ENTRY = 0, BOTH = PROBE_INSNS, SKIP = 2 * PROBE_INSNS, FUNCTIONS_COUNT = 3 * PROBE_INSNS };
static const empty_function function[FUNCTIONS_COUNT] = {stepped_entry, push_entry, nop_entry, jcc_entry, jmp_entry, call_entry,
							 stepped_both,  push_both,  nop_both,  jcc_both,  jmp_both,  call_both,
							 stepped_skip,  push_skip,  nop_skip,  jcc_skip,  jmp_skip,  call_skip};

struct times {
	uint64_t ns[FUNCTIONS_COUNT]; /* of one call */
};

static unsigned calls_of(unsigned i)
{
	return i % PROBE_INSNS == PROBE_INSN_STEPPED ? CALLS_STEPPED : CALLS_EMULATED;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Median of the batches: neither a cold first one nor one that an interrupt fell into. */
static void measure(struct times *out)
{
	for (unsigned i = 0; i < FUNCTIONS_COUNT; i++) {
		uint64_t batch[BATCHES];

		for (unsigned b = 0; b < BATCHES; b++) {
			uint64_t start_ns = clock_thread_cpu_ns();

			for (unsigned n = 0; n < calls_of(i); n++)
				function[i]();
			batch[b] = (clock_thread_cpu_ns() - start_ns) / calls_of(i);
		}
		qsort(batch, BATCHES, sizeof(batch[0]), compare);
		out->ns[i] = batch[BATCHES / 2];
	}
}

/* Measures as it is, and again each time that it is told to. */
static void child(int go_fd, int out_fd)
{
	struct times t;
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	do {
		measure(&t);
	} while (write(out_fd, &t, sizeof(t)) == (ssize_t)sizeof(t) && read(go_fd, &byte, 1) == 1);
	_exit(0);
}

/* Where an address of ours is in our file. */
static int offset_of(uint64_t address, uint64_t *offset)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	int rc = -ENOENT;

	if (!f)
		return -errno;
	while (rc && fgets(line, sizeof(line), f)) {
		uint64_t from, to, at;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64, &from, &to, &at) != 3 || address < from || address >= to)
			continue;
		*offset = address - from + at;
		rc = 0;
	}
	fclose(f);
	return rc;
}

static int spots_make(struct uprobe_spot spot[FUNCTIONS_COUNT])
{
	const uint8_t reg[PLACEMENT_ARGS_MAX] = {PLACEMENT_REG_RDI};
	int rc = 0;

	for (unsigned i = 0; !rc && i < FUNCTIONS_COUNT; i++) {
		spot[i].cookie = WIRE_ALLOC_COOKIE(i, i < BOTH || i >= SKIP ? WIRE_ALLOC_FREE : WIRE_ALLOC_MALLOC, reg,
						   i < BOTH ? WIRE_ALLOC_ENTRY_ONLY : 0, 0);
		rc = offset_of((uint64_t)(uintptr_t)function[i], &spot[i].offset);
	}
	return rc;
}

/* Without probes, with them, and with them on another process too: this one, which calls none of the functions. */
struct measured {
	struct times bare, probed, beside;
	struct wire_alloc_stats both[PROBE_INSNS]; /* of the second */
};

static int times_read(int in_fd, struct times *out)
{
	return read(in_fd, out, sizeof(*out)) == (ssize_t)sizeof(*out) ? 0 : -EPROTO;
}

static int times_again(int go_fd, int in_fd, struct times *out)
{
	return write(go_fd, "g", 1) == 1 ? times_read(in_fd, out) : -EPROTO;
}

static int probed_measure(const struct alloc_programs *p, pid_t pid, int go_fd, int in_fd, struct measured *m)
{
	struct uprobe_group *group[2] = {NULL, NULL}; /* of the child, of this process */
	struct uprobe_spot spot[FUNCTIONS_COUNT];
	int rc = spots_make(spot);

	p->skel->bss->alloc_skip_mask = 0;
	p->skel->bss->free_skip_mask = UINT32_MAX;
	if (!rc)
		rc = uprobe_group_attach(&group[0], p, EXE, (uint32_t)pid, spot, FUNCTIONS_COUNT);
	if (!rc)
		rc = times_again(go_fd, in_fd, &m->probed);
	for (unsigned i = 0; !rc && i < PROBE_INSNS; i++)
		rc = alloc_programs_stats(p, BOTH + i, &m->both[i]);
	m->beside = m->probed;
	if (!rc && p->kind == UPROBE_LINK_SESSION) { /* with the others each return is stopped at anyway */
		rc = uprobe_group_attach(&group[1], p, EXE, (uint32_t)getpid(), spot, FUNCTIONS_COUNT);
		rc = rc ? rc : times_again(go_fd, in_fd, &m->beside);
	}
	uprobe_groups_detach(group, 2);
	return rc;
}

static uint32_t difference(uint64_t with, uint64_t without)
{
	return with > without ? (uint32_t)(with - without) : 0;
}

/* Quantile of the latency, within a bucket as if its values lay evenly. */
static double latency_ns(const struct wire_alloc_stats *s, double quantile)
{
	double below = 0, wanted = quantile * (double)s->returns;

	for (unsigned i = 0; i < WIRE_ALLOC_BUCKETS; i++) {
		double here = (double)s->bucket[i];

		if (below + here > wanted) {
			double low = (double)alloc_bucket_low_ns(i), width = (double)alloc_bucket_low_ns(i + 1) - low;

			return low + width * (wanted - below) / here;
		}
		below += here;
	}
	return 0;
}

static int results_make(const struct measured *m, struct calibration *out)
{
	for (unsigned i = 0; i < PROBE_INSNS; i++) {
		const struct wire_alloc_stats *stats = &m->both[i];

		out->entry_ns[i] = difference(m->probed.ns[ENTRY + i], m->bare.ns[ENTRY + i]);
		out->call_ns[i] = difference(m->probed.ns[BOTH + i], m->bare.ns[BOTH + i]);
		out->skipped_ns[i] = difference(m->probed.ns[SKIP + i], m->bare.ns[SKIP + i]);
		out->skipped_beside_ns[i] = difference(m->beside.ns[SKIP + i], m->bare.ns[SKIP + i]);
		if (out->skipped_beside_ns[i] < out->skipped_ns[i])
			out->skipped_beside_ns[i] = out->skipped_ns[i];
		if (stats->returns != BATCHES * calls_of(i))
			return -ENODATA; /* the probes do not see every call */
		out->bias_ns[i] = (uint32_t)latency_ns(stats, 0.1);
		out->noise_ns[i] = (uint32_t)(latency_ns(stats, 0.9) - latency_ns(stats, 0.1));
	}
	return 0;
}

double calibration_cost_ns(const struct calibration *c, enum probe_insn insn, bool beside, double calls, double returns)
{
	double skipped_ns = beside ? c->skipped_beside_ns[insn] : c->skipped_ns[insn],
	       call_ns = c->call_ns[insn] > skipped_ns ? c->call_ns[insn] : skipped_ns;

	return returns * call_ns + (calls - returns) * skipped_ns;
}

static int run(const struct alloc_programs *p, struct calibration *out)
{
	int go[2] = {-1, -1}, back[2] = {-1, -1}, rc = 0;
	struct measured m;
	pid_t pid = -1;

	if (pipe(go) || pipe(back))
		rc = -errno;
	if (!rc)
		pid = fork();
	if (!pid) {
		close(go[1]); /* or its own copy would keep it from seeing our end closed */
		child(go[0], back[1]);
	}
	if (!rc && pid < 0)
		rc = -errno;
	close(back[1]); /* so that a child's end is seen as one */
	if (!rc)
		rc = times_read(back[0], &m.bare);
	if (!rc)
		rc = probed_measure(p, pid, go[1], back[0], &m);
	close(go[0]);
	close(go[1]);
	close(back[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return rc ? rc : results_make(&m, out);
}

/* Attaches to a function of ours that nobody calls. */
static int trial_attach(const struct alloc_programs *p)
{
	struct uprobe_spot spot[FUNCTIONS_COUNT];
	struct uprobe_group *group = NULL;
	int rc = spots_make(spot);

	if (!rc)
		rc = uprobe_group_attach(&group, p, EXE, (uint32_t)getpid(), spot, 1);
	uprobe_group_detach(group);
	return rc;
}

int alloc_programs_load_best(struct alloc_programs *p, enum uprobe_link_kind link, int threads_map_fd)
{
	int rc = -EINVAL;

	for (int kind = UPROBE_LINK_SESSION; rc && kind < UPROBE_LINKS; kind++) {
		if (link != UPROBE_LINK_BEST && link != (enum uprobe_link_kind)kind)
			continue;
		rc = alloc_programs_load(p, (enum uprobe_link_kind)kind, threads_map_fd);
		if (!rc)
			rc = trial_attach(p);
		if (rc)
			alloc_programs_unload(p);
	}
	return rc;
}

int calibrate(enum uprobe_link_kind link, struct calibration *out, struct err *err)
{
	uint64_t start_ns = clock_now_ns();
	struct alloc_programs p;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = alloc_programs_load_best(&p, link, -1);
	if (rc)
		return err_set(err, rc, "cannot load the allocator probes: %s; %s", strerror(-rc), skeleton_advice(rc));
	rc = run(&p, out);
	out->link = rc ? UPROBE_LINK_BEST : p.kind;
	alloc_programs_unload(&p);
	out->took_us = (uint32_t)((clock_now_ns() - start_ns) / 1000);
	return rc ? err_set(err, rc, "uprobes cannot be calibrated: %s; %s", strerror(-rc), skeleton_advice(rc)) : 0;
}
