// rooms: base record symbol probe
// SPDX-License-Identifier: GPL-2.0-only
/* Stacks on this kernel: a program with known call chains is sampled, and its functions are found by name. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "probe/probe.h"
#include "record/capture.h"
#include "symbol/symbols.h"
#include "tests/support/test.h"

#define SAMPLE_HZ 499
#define STACKS_MAX 4096

struct seen {
	uint64_t key;
	unsigned samples, waits;
	unsigned frames;
	bool cut;
	char folded[4096]; /* outermost first, as folded stacks are written */
};

struct rig {
	char dir[64], program[128];
	pid_t pid;
	struct probe *probe;
	struct symbols *symbols;
	unsigned samples, without_stack;
	unsigned waits, waits_without_stack; /* blocked, of the program's threads */
	struct seen *seen;
	unsigned stacks;
};

static struct seen *seen_get(struct rig *r, uint64_t key)
{
	for (unsigned i = 0; i < r->stacks; i++)
		if (r->seen[i].key == key)
			return &r->seen[i];
	assert_true(r->stacks < STACKS_MAX);
	r->seen[r->stacks].key = key;
	return &r->seen[r->stacks++];
}

static int on_named(void *ctx, const struct record_stack *stack, uint32_t bytes)
{
	const char *text = (const char *)stack + sizeof(*stack), *name[RECORD_STACK_FRAMES_MAX] = {NULL};
	struct seen *s = seen_get(ctx, stack->stack);

	assert_int_equal(record_stack_check(stack, bytes), 0);
	s->frames = stack->frames;
	s->cut = stack->flags & RECORD_STACK_CUT;
	for (unsigned i = 0; i < stack->frames; i++, text += strlen(text) + 1)
		name[i] = text;
	for (unsigned i = stack->frames; i-- > 0;) {
		size_t used = strlen(s->folded);

		snprintf(s->folded + used, sizeof(s->folded) - used, "%s%s", used ? ";" : "", name[i]);
	}
	return 0;
}

static void wait_seen(struct rig *r, const struct wire_off_cpu *o)
{
	if (o->flags & WIRE_OFF_PREEMPTED)
		return;
	r->waits++;
	if (o->stack)
		seen_get(r, o->stack)->waits++;
	else
		r->waits_without_stack++;
}

static int on_record(void *ctx, const void *data, uint32_t bytes)
{
	const struct wire_sample *sample = data;
	struct rig *r = ctx;

	assert_int_equal(capture_wire_check(data, bytes), 0);
	if (sample->h.kind == WIRE_KIND_STACK)
		return symbols_take(r->symbols, data, NULL);
	if (sample->h.kind == WIRE_KIND_OFF_CPU)
		wait_seen(r, data);
	if (sample->h.kind != WIRE_KIND_SAMPLE)
		return 0;
	assert_int_equal(sample->tgid, r->pid);
	r->samples++;
	if (sample->stack)
		seen_get(r, sample->stack)->samples++;
	else
		r->without_stack++;
	return 0;
}

static void program_build(const struct rig *r, const char *flags)
{
	char command[512];

	snprintf(command, sizeof(command), "gcc -O2 -pthread %s tests/bpf/programs/chain.c -o %s", flags, r->program);
	assert_int_equal(system(command), 0);
}

/* Builds the program as told, starts it in a mode, and watches it. */
static void rig_open(struct rig *r, const char *flags, const char *mode)
{
	struct symbols_config names = {.named = on_named, .ctx = r};
	struct probe_target target = {.role = WIRE_ROLE_GATEWAY};
	struct probe_config config = {.target = &target,
				      .targets = 1,
				      .ring_bytes = 1 << 24,
				      .sample_hz = SAMPLE_HZ,
				      .groups = PROBE_THREADS,
				      .record = on_record,
				      .ctx = r};
	struct err err = {0};

	memset(r, 0, sizeof(*r));
	r->seen = calloc(STACKS_MAX, sizeof(*r->seen));
	snprintf(r->dir, sizeof(r->dir), "/tmp/toll-stacks-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->program, sizeof(r->program), "%s/chain", r->dir);
	program_build(r, flags);
	r->pid = fork();
	if (!r->pid) {
		execl(r->program, r->program, mode, NULL);
		_exit(127);
	}
	target.pid = (uint32_t)r->pid;
	r->symbols = symbols_new(&names);
	if (probe_open(&r->probe, &config, &err))
		fail_msg("%s", err.text);
}

static void rig_start(struct rig *r)
{
	probe_samples_start(r->probe);
	assert_null(probe_no_samples(r->probe));
}

/* Until the program has left exec: then its mappings are those of the program. */
static void rig_watch(struct rig *r)
{
	uint64_t give_up_ns = clock_now_ns() + 5 * NS_PER_S;
	const struct code_maps *maps = NULL;

	while (clock_now_ns() < give_up_ns) {
		if (!symbols_watch(r->symbols, (uint32_t)r->pid, &maps) && !strcmp(maps->map[0].path, r->program))
			break;
	}
	assert_non_null(maps);
	assert_string_equal(maps->map[0].path, r->program);
	assert_int_equal(probe_text(r->probe, (uint32_t)r->pid, maps, symbols_frame_pointers(r->symbols, (uint32_t)r->pid)), 0);
	rig_start(r);
}

static void rig_sample(struct rig *r, unsigned samples)
{
	uint64_t give_up_ns = clock_now_ns() + 20 * NS_PER_S;

	while (r->samples < samples && clock_now_ns() < give_up_ns) {
		assert_return_code(probe_poll(r->probe), 0);
		clock_sleep_until(clock_now_ns() + 5 * NS_PER_MS, NULL);
	}
	assert_in_range(r->samples, samples, UINT32_MAX);
	assert_int_equal(symbols_name(r->symbols), 0);
}

static void rig_close(struct rig *r)
{
	char path[64];

	kill(r->pid, SIGKILL);
	waitpid(r->pid, NULL, 0);
	probe_close(r->probe);
	symbols_free(r->symbols);
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", r->pid);
	unlink(path);
	unlink(r->program);
	rmdir(r->dir);
	free(r->seen);
}

static void rig_wait(struct rig *r, unsigned waits)
{
	uint64_t give_up_ns = clock_now_ns() + 20 * NS_PER_S;

	while (r->waits < waits && clock_now_ns() < give_up_ns) {
		assert_return_code(probe_poll(r->probe), 0);
		clock_sleep_until(clock_now_ns() + 5 * NS_PER_MS, NULL);
	}
	assert_in_range(r->waits, waits, UINT32_MAX);
	assert_int_equal(symbols_name(r->symbols), 0);
}

/* Samples in stacks that hold the text, in percent of all with a stack. */
static unsigned share(const struct rig *r, const char *text)
{
	unsigned with = 0, all = 0;

	for (unsigned i = 0; i < r->stacks; i++) {
		all += r->seen[i].samples;
		if (strstr(r->seen[i].folded, text))
			with += r->seen[i].samples;
	}
	return all ? with * 100 / all : 0;
}

static void spin_is_found(const char *flags, bool frame_pointers)
{
	struct rig r;

	rig_open(&r, flags, "spin");
	rig_watch(&r);
	assert_int_equal(symbols_frame_pointers(r.symbols, (uint32_t)r.pid), frame_pointers);
	rig_sample(&r, 100);
	assert_in_range(share(&r, "_start;"), 95, 100);
	assert_in_range(share(&r, ";main;chain_a;chain_b;chain_c"), 95, 100);
	assert_int_equal(r.without_stack, 0);
	assert_in_range(r.stacks, 1, 40); /* one path: keys are few */
	rig_close(&r);
}

static void without_frame_pointers(void **state)
{
	(void)state;
	spin_is_found("-fomit-frame-pointer", false);
}

static void with_frame_pointers(void **state)
{
	(void)state;
	spin_is_found("-fno-omit-frame-pointer -mno-omit-leaf-frame-pointer", true);
}

/* What it exports keeps its name in .dynsym; main has none and is told by where it begins. */
static void stripped_is_unwound(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, "-fomit-frame-pointer -rdynamic -s", "spin");
	rig_watch(&r);
	rig_sample(&r, 50);
	assert_in_range(share(&r, ";chain_a;chain_b;chain_c"), 95, 100);
	rig_close(&r);
}

static void stripped_of_all_is_unwound(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, "-fomit-frame-pointer -fvisibility=hidden -DKEPT='__attribute__((noinline,noclone))' -s", "spin");
	rig_watch(&r);
	rig_sample(&r, 50);
	assert_in_range(share(&r, ";chain+0x"), 95, 100);
	assert_in_range(r.seen[0].frames, 6, 9); /* libc's three, main, a, b, c; an interrupt's in the kernel */
	assert_false(r.seen[0].cut);
	rig_close(&r);
}

static void deleted_has_names(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, "-fomit-frame-pointer", "spin");
	rig_watch(&r);
	unlink(r.program);
	symbols_free(r.symbols);
	r.symbols = symbols_new(&(struct symbols_config){.named = on_named, .ctx = &r}); /* as if it had been deleted before */
	rig_sample(&r, 50);
	assert_in_range(share(&r, ";main;chain_a;chain_b;chain_c"), 95, 100);
	rig_close(&r);
}

static void jit_has_names(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, "-fomit-frame-pointer", "jit");
	rig_watch(&r);
	rig_sample(&r, 50);
	assert_in_range(share(&r, "JS:*planted /srv/app.js:7"), 90, 100);
	rig_close(&r);
}

/* A hundred new threads a second and more: their stacks are whole, nothing piles up. */
static void churn_is_followed(void **state)
{
	uint64_t counters[WIRE_COUNTERS];
	struct rig r;

	(void)state;
	rig_open(&r, "-fomit-frame-pointer", "churn");
	rig_watch(&r);
	rig_sample(&r, 100);
	assert_in_range(share(&r, ";thread_main;chain_a;chain_b;chain_c"), 80, 100);
	assert_int_equal(probe_counters(r.probe, counters), 0);
	/* a thread that ends while its stack is copied loses it, and is counted */
	assert_in_range(counters[WIRE_COUNT_STACKS_LOST], 0, r.samples / 50);
	rig_close(&r);
}

/* Ends before its stacks are named: the files were opened when it was first seen. */
static void ended_process_has_names(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, "-fomit-frame-pointer", "spin");
	rig_watch(&r);
	while (r.samples < 30)
		assert_return_code(probe_poll(r.probe), 0);
	kill(r.pid, SIGKILL);
	waitpid(r.pid, NULL, 0);
	assert_int_equal(symbols_name(r.symbols), 0);
	assert_in_range(share(&r, ";main;chain_a;chain_b;chain_c"), 95, 100);
	rig_close(&r);
}

/* Where it sleeps is one stack, user's and kernel's, without the frames of the probe that took it; sent once. */
static void waits_have_stacks(void **state)
{
	const struct seen *sleep = NULL;
	struct rig r;

	(void)state;
	rig_open(&r, "-fomit-frame-pointer", "wait");
	rig_watch(&r);
	rig_wait(&r, 100);
	for (unsigned i = 0; i < r.stacks; i++)
		if (!sleep || r.seen[i].waits > sleep->waits)
			sleep = &r.seen[i];
	assert_non_null(sleep);
	assert_in_range(sleep->waits, 80, UINT32_MAX);
	assert_false(sleep->cut);
	assert_non_null(strstr(sleep->folded, ";main;chain_a;chain_b;chain_c;"));
	assert_non_null(strstr(sleep->folded, "nanosleep_[k]"));
	assert_string_equal(sleep->folded + strlen(sleep->folded) - strlen("schedule_[k]"), "schedule_[k]");
	rig_close(&r);
}

/* A process whose code was never told: samples come, each counted as without a stack. */
static void unknown_code_is_counted(void **state)
{
	uint64_t counters[WIRE_COUNTERS];
	struct rig r;

	(void)state;
	rig_open(&r, "-fomit-frame-pointer", "spin");
	rig_start(&r);
	rig_sample(&r, 20);
	assert_int_equal(r.without_stack, r.samples);
	assert_int_equal(probe_counters(r.probe, counters), 0);
	assert_in_range(counters[WIRE_COUNT_STACKS_LOST], r.samples, UINT32_MAX);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_frame_pointers), cmocka_unit_test(with_frame_pointers),
		cmocka_unit_test(stripped_is_unwound),    cmocka_unit_test(stripped_of_all_is_unwound),
		cmocka_unit_test(deleted_has_names),      cmocka_unit_test(jit_has_names),
		cmocka_unit_test(churn_is_followed),      cmocka_unit_test(ended_process_has_names),
		cmocka_unit_test(waits_have_stacks),      cmocka_unit_test(unknown_code_is_counted),
	};

	return cmocka_run_group_tests_name("stacks", tests, NULL, NULL);
}
