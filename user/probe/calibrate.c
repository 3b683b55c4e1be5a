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

/* Twice one empty function for each kind of first instruction: one is probed at its entry alone, one at both ends. */
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
__asm__("\t.pushsection .text\n" FUNCTIONS("_entry") FUNCTIONS("_both") "\t.popsection\n");

typedef void (*empty_function)(void);
#define DECLARE(insn)                                                                                                            \
	extern void insn##_entry(void) __asm__("calibrate_" #insn "_entry"), insn##_both(void) __asm__("calibrate_" #insn "_bot" \
												       "h")
DECLARE(stepped);
DECLARE(push);
DECLARE(nop);
DECLARE(jcc);
DECLARE(jmp);
DECLARE(call);

#define FUNCTIONS_COUNT (2 * PROBE_INSNS)
static const empty_function function[FUNCTIONS_COUNT] = {stepped_entry, push_entry, nop_entry, jcc_entry, jmp_entry, call_entry,
							 stepped_both,  push_both,  nop_both,  jcc_both,  jmp_both,  call_both};

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

/* Measures once as it is, waits for the probes, and measures again. */
static void child(int go_fd, int out_fd)
{
	struct times t;
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	measure(&t);
	if (write(out_fd, &t, sizeof(t)) != (ssize_t)sizeof(t) || read(go_fd, &byte, 1) != 1)
		_exit(1);
	measure(&t);
	_exit(write(out_fd, &t, sizeof(t)) != (ssize_t)sizeof(t));
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
		spot[i].cookie = WIRE_ALLOC_COOKIE(i, WIRE_ALLOC_FREE, reg, i < PROBE_INSNS ? WIRE_ALLOC_ENTRY_ONLY : 0, 0);
		rc = offset_of((uint64_t)(uintptr_t)function[i], &spot[i].offset);
	}
	return rc;
}

static int probed_measure(const struct alloc_programs *p, pid_t pid, int go_fd, int in_fd, struct times *probed)
{
	struct uprobe_spot spot[FUNCTIONS_COUNT];
	struct uprobe_group *group = NULL;
	int rc = spots_make(spot);

	if (!rc)
		rc = uprobe_group_attach(&group, p, EXE, (uint32_t)pid, spot, FUNCTIONS_COUNT);
	if (!rc && (write(go_fd, "g", 1) != 1 || read(in_fd, probed, sizeof(*probed)) != (ssize_t)sizeof(*probed)))
		rc = -EPROTO;
	uprobe_group_detach(group);
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

static int results_make(const struct alloc_programs *p, const struct times *bare, const struct times *probed,
			struct calibration *out)
{
	struct wire_alloc_stats stats;
	int rc = 0;

	for (unsigned i = 0; !rc && i < PROBE_INSNS; i++) {
		out->entry_ns[i] = difference(probed->ns[i], bare->ns[i]);
		out->call_ns[i] = difference(probed->ns[PROBE_INSNS + i], bare->ns[PROBE_INSNS + i]);
		rc = alloc_programs_stats(p, PROBE_INSNS + i, &stats);
		if (!rc && stats.returns != BATCHES * calls_of(i))
			rc = -ENODATA; /* the probes do not see every call */
		out->bias_ns[i] = (uint32_t)latency_ns(&stats, 0.1);
		out->noise_ns[i] = (uint32_t)(latency_ns(&stats, 0.9) - latency_ns(&stats, 0.1));
	}
	return rc;
}

static int run(const struct alloc_programs *p, struct calibration *out)
{
	struct times bare, probed;
	int go[2] = {-1, -1}, back[2] = {-1, -1}, rc = 0;
	pid_t pid = -1;

	if (pipe(go) || pipe(back))
		rc = -errno;
	if (!rc)
		pid = fork();
	if (!pid)
		child(go[0], back[1]);
	if (!rc && pid < 0)
		rc = -errno;
	close(back[1]); /* so that a child's end is seen as one */
	if (!rc && read(back[0], &bare, sizeof(bare)) != (ssize_t)sizeof(bare))
		rc = -EPROTO;
	if (!rc)
		rc = probed_measure(p, pid, go[1], back[0], &probed);
	close(go[0]);
	close(go[1]);
	close(back[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return rc ? rc : results_make(p, &bare, &probed, out);
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
