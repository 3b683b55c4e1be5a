// SPDX-License-Identifier: GPL-2.0-only
// rooms: base symbol probe tests/support/alloc_target
/* Allocator probes on a program whose calls are known: every call, every byte, every failure, whatever the allocator and the link. */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "probe/alloc_probe.h"
#include "probe/calibrate.h"
#include "tests/support/alloc_target.h"
#include "tests/support/test.h"
#include "tests/support/uprobes_here.h"

#define JEMALLOC "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"
#define TCMALLOC "/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4"
#define MIMALLOC "/usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0"

static struct alloc_probe *open_probe(enum uprobe_link_kind link)
{
	struct alloc_probe_config config = {.link = link, .threads_map_fd = -1};
	struct alloc_probe *p = NULL;
	struct err err = {0};

	uprobes_or_skip(link);
	if (alloc_probe_open(&p, &config, &err))
		fail_msg("%s", err.text);
	alloc_probe_sample(p, 1, 1);
	assert_int_equal(alloc_probe_switch(p, true), 0);
	return p;
}

static void watch(struct alloc_probe *p, pid_t pid)
{
	struct err err = {0};

	if (alloc_probe_add(p, (uint32_t)pid, &err))
		fail_msg("%s", err.text);
}

/* The row of this function in the file whose name contains `file`. */
static struct alloc_row row_of(const struct alloc_probe *p, const char *file, const char *name)
{
	struct alloc_row row = {.name = ""};

	for (unsigned i = 0; i < alloc_probe_rows(p); i++) {
		assert_int_equal(alloc_probe_row(p, i, &row), 0);
		if (strstr(row.file, file) && !strncmp(row.name, name, strlen(name)))
			return row;
	}
	fail_msg("no row %s of %s", name, file);
	return row;
}

static void expect(const struct alloc_probe *p, const char *file, const char *name, uint64_t calls, uint64_t bytes,
		   uint64_t failed)
{
	struct alloc_row row = row_of(p, file, name);
	uint64_t in_buckets = 0;

	if (row.stats.calls != calls || row.stats.bytes != bytes || row.stats.failed != failed)
		print_error("%s of %s:\n", name, file);
	assert_int_equal(row.stats.calls, calls);
	assert_int_equal(row.stats.bytes, bytes);
	assert_int_equal(row.stats.failed, failed);
	assert_int_equal(row.stats.returns, calls);
	assert_int_equal(row.stats.unfinished, 0);
	for (unsigned i = 0; i < WIRE_ALLOC_BUCKETS; i++)
		in_buckets += row.stats.bucket[i];
	assert_int_equal(in_buckets, calls);
	assert_true(row.stats.sum_ns > 0);
}

static void expect_calls(const struct alloc_probe *p, const char *file, uint64_t times)
{
	expect(p, file, "malloc", times * (TARGET_MALLOCS + TARGET_MALLOCS_FAILED), times * TARGET_MALLOCS * TARGET_MALLOC_BYTES,
	       times * TARGET_MALLOCS_FAILED);
	expect(p, file, "calloc", times * TARGET_CALLOCS, times * TARGET_CALLOCS * TARGET_CALLOC_BYTES, 0);
	expect(p, file, "realloc", times * TARGET_REALLOCS, times * TARGET_REALLOCS * TARGET_REALLOC_BYTES, 0);
	expect(p, file, "posix_memalign", times * (TARGET_POSIX + TARGET_POSIX_FAILED), times * TARGET_POSIX * TARGET_POSIX_BYTES,
	       times * TARGET_POSIX_FAILED);
	expect(p, file, "aligned_alloc", times * TARGET_ALIGNED, times * TARGET_ALIGNED * TARGET_ALIGNED_BYTES, 0);
	expect(p, file, "free", times * TARGET_FREES, 0, 0);
}

static void every_call_with(enum uprobe_link_kind link, const char *preload, const char *file)
{
	struct alloc_target t;
	struct alloc_probe *p;

	if (preload && access(preload, R_OK)) {
		print_message("skip %s is not installed\n", preload);
		skip();
	}
	uprobes_or_skip(link);
	alloc_target_start(&t, "calls", preload);
	p = open_probe(link);
	watch(p, t.pid);
	alloc_target_run(&t);
	expect_calls(p, file, 1);
	alloc_target_end(&t);
	alloc_probe_close(p);
}

static void by_session_link(void **state)
{
	(void)state;
	every_call_with(UPROBE_LINK_SESSION, NULL, "libc.so");
}

static void by_multi_links(void **state)
{
	(void)state;
	every_call_with(UPROBE_LINK_MULTI, NULL, "libc.so");
}

static void by_perf_events(void **state)
{
	(void)state;
	every_call_with(UPROBE_LINK_PERF, NULL, "libc.so");
}

static void of_jemalloc(void **state)
{
	(void)state;
	every_call_with(UPROBE_LINK_BEST, JEMALLOC, "jemalloc");
}

static void of_tcmalloc(void **state)
{
	(void)state;
	every_call_with(UPROBE_LINK_BEST, TCMALLOC, "tcmalloc");
}

static void of_mimalloc(void **state)
{
	(void)state;
	every_call_with(UPROBE_LINK_BEST, MIMALLOC, "mimalloc");
}

/* realloc(NULL, n) is realloc's, though glibc hands it on to malloc. */
static void calls_inside_a_call_are_part_of_it(void **state)
{
	struct alloc_probe *p = open_probe(UPROBE_LINK_BEST);
	struct alloc_target t;
	struct alloc_row row;

	(void)state;
	alloc_target_start(&t, "calls", NULL);
	watch(p, t.pid);
	alloc_target_run(&t);
	row = row_of(p, "libc.so", "malloc");
	assert_int_equal(row.stats.nested, 1);
	alloc_target_end(&t);
	alloc_probe_close(p);
}

/* What malloc aligns anyway: glibc hands it on to malloc, whose it is then; another allocator's aligned forms are their own. */
static void what_is_handed_on_is_mallocs(void **state)
{
	struct alloc_probe *p = open_probe(UPROBE_LINK_BEST);
	struct alloc_target t;

	(void)state;
	alloc_target_start(&t, "handed", NULL);
	watch(p, t.pid);
	alloc_target_run(&t);
	expect(p, "libc.so", "malloc", TARGET_HANDED, TARGET_HANDED * TARGET_HANDED_BYTES, 0);
	assert_int_equal(row_of(p, "libc.so", "malloc").stats.nested, 0);
	assert_int_equal(row_of(p, "libc.so", "posix_memalign").stats.calls, 0);
	assert_int_equal(row_of(p, "libc.so", "posix_memalign").stats.passed, TARGET_HANDED / 2);
	assert_int_equal(row_of(p, "libc.so", "aligned_alloc").stats.passed, TARGET_HANDED / 2);
	alloc_target_end(&t);
	if (!access(JEMALLOC, R_OK)) {
		alloc_target_start(&t, "handed", JEMALLOC);
		watch(p, t.pid);
		alloc_target_run(&t);
		assert_int_equal(row_of(p, "jemalloc", "posix_memalign").stats.calls, TARGET_HANDED / 2);
		assert_int_equal(row_of(p, "jemalloc", "malloc").stats.calls, 0);
		alloc_target_end(&t);
	}
	alloc_probe_close(p);
}

static void many_threads(void **state)
{
	struct alloc_probe *p = open_probe(UPROBE_LINK_BEST);
	struct alloc_target t;
	uint64_t calls = TARGET_THREADS * TARGET_THREAD_PAIRS;

	(void)state;
	alloc_target_start(&t, "threads", NULL);
	watch(p, t.pid);
	alloc_target_run(&t);
	expect(p, "libc.so", "malloc", calls, calls * TARGET_THREAD_BYTES, 0);
	expect(p, "libc.so", "free", calls, 0, 0);
	alloc_target_end(&t);
	alloc_probe_close(p);
}

/* libstdc++'s operator new is malloc's work; an allocator's own is its own. */
static void operator_new(void **state)
{
	struct alloc_probe *p = open_probe(UPROBE_LINK_BEST);
	struct alloc_target t;

	(void)state;
	alloc_target_start(&t, "new", NULL);
	watch(p, t.pid);
	alloc_target_run(&t);
	expect(p, "libc.so", "malloc", TARGET_NEWS, TARGET_NEWS * TARGET_NEW_BYTES, 0);
	expect(p, "libc.so", "free", TARGET_NEWS, 0, 0);
	alloc_target_end(&t);
	alloc_probe_close(p);
}

static void operator_new_of_the_allocator(void **state)
{
	struct alloc_probe *p = open_probe(UPROBE_LINK_BEST);
	struct alloc_target t;

	(void)state;
	if (access(TCMALLOC, R_OK)) {
		print_message("skip " TCMALLOC " is not installed\n");
		skip();
	}
	alloc_target_start(&t, "new", TCMALLOC);
	watch(p, t.pid);
	alloc_target_run(&t);
	expect(p, "tcmalloc", "operator new,", TARGET_NEWS, TARGET_NEWS * TARGET_NEW_BYTES, 0);
	expect(p, "tcmalloc", "free", TARGET_NEWS, 0, 0);
	alloc_target_end(&t);
	alloc_probe_close(p);
}

static void only_whom_we_watch(void **state)
{
	struct alloc_probe *p = open_probe(UPROBE_LINK_BEST);
	struct alloc_target watched, other;

	(void)state;
	alloc_target_start(&watched, "calls", NULL);
	alloc_target_start(&other, "calls", NULL);
	watch(p, watched.pid);
	alloc_target_run(&other);
	assert_int_equal(row_of(p, "libc.so", "malloc").stats.calls, 0);
	assert_false(row_of(p, "libc.so", "malloc").beside);
	watch(p, other.pid);
	assert_true(row_of(p, "libc.so", "malloc").beside); /* each call of either costs more now */
	alloc_target_run(&other);
	alloc_target_run(&watched);
	expect_calls(p, "libc.so", 2);
	alloc_probe_forget(p, (uint32_t)other.pid);
	assert_false(row_of(p, "libc.so", "malloc").beside);
	alloc_target_run(&other);
	expect_calls(p, "libc.so", 2);
	alloc_target_end(&watched);
	alloc_target_end(&other);
	alloc_probe_close(p);
}

/* A master that has not run since it was added has no probes while its workers run; a worker that sleeps keeps its own. */
static void a_master_that_sleeps_has_no_probes(void **state)
{
	struct alloc_probe *p = open_probe(UPROBE_LINK_BEST);
	struct alloc_target busy, idle;
	pid_t master;

	(void)state;
	master = alloc_target_start_below(&busy, "calls");
	alloc_target_start(&idle, "calls", NULL);
	watch(p, master);
	watch(p, busy.pid);
	watch(p, idle.pid);
	assert_int_equal(alloc_probe_rest(p), 0); /* nobody has run: all have their probes */
	assert_int_equal(alloc_probe_resting(p), 0);
	alloc_target_run(&busy);
	expect_calls(p, "libc.so", 1);
	assert_int_equal(alloc_probe_rest(p), 0);
	assert_int_equal(alloc_probe_resting(p), 1);
	alloc_target_run(&idle);
	alloc_target_run(&busy);
	expect_calls(p, "libc.so", 3);
	kill(master, SIGKILL);
	waitpid(master, NULL, 0);
	alloc_target_end(&busy);
	alloc_target_end(&idle);
	alloc_probe_close(p);
}

static void on_and_off(void **state)
{
	struct alloc_probe *p = open_probe(UPROBE_LINK_BEST);
	struct alloc_target t;

	(void)state;
	alloc_target_start(&t, "calls", NULL);
	watch(p, t.pid);
	for (unsigned i = 1; i <= 3; i++) {
		alloc_target_run(&t);
		expect_calls(p, "libc.so", i);
		assert_int_equal(alloc_probe_switch(p, false), 0);
		alloc_target_run(&t);
		expect_calls(p, "libc.so", i);
		assert_int_equal(alloc_probe_switch(p, true), 0);
	}
	alloc_target_end(&t);
	assert_int_equal(alloc_probe_switch(p, false), 0);
	assert_int_equal(alloc_probe_switch(p, true), 0); /* a process that has ended is passed over */
	alloc_probe_close(p);
}

struct runner {
	struct alloc_target *target;
	volatile bool ends;
};

static void *run_again(void *arg)
{
	struct runner *r = arg;

	while (!r->ends)
		alloc_target_run(r->target);
	return NULL;
}

/* What is hit while probes come or go is not seen, but it cost a trap. */
static void hits_that_pass_are_counted(void **state)
{
	struct alloc_probe *p = open_probe(UPROBE_LINK_BEST);
	struct alloc_target t;
	struct runner runner = {.target = &t};
	uint64_t passed = 0;
	pthread_t thread;

	(void)state;
	alloc_target_start(&t, "threads", NULL);
	watch(p, t.pid);
	assert_int_equal(row_of(p, "libc.so", "malloc").stats.passed, 0);
	assert_int_equal(pthread_create(&thread, NULL, run_again, &runner), 0);
	for (unsigned i = 0; i < 40 && !passed; i++) {
		assert_int_equal(alloc_probe_switch(p, i % 2), 0);
		passed = row_of(p, "libc.so", "malloc").stats.passed + row_of(p, "libc.so", "free").stats.passed;
	}
	runner.ends = true;
	pthread_join(thread, NULL);
	assert_true(passed > 0);
	alloc_target_end(&t);
	alloc_probe_close(p);
}

/* Hits of all functions that passed while the probes went off, in parts of what as much time has when they are on. */
static double passed_while_going_off(struct alloc_probe *p)
{
	uint64_t begun_ns = clock_now_ns(), before, seen, passed, off_ns, on_ns;

	before = row_of(p, "libc.so", "malloc").stats.calls;
	clock_sleep_until(begun_ns + 100 * NS_PER_MS, NULL);
	seen = 2 * (row_of(p, "libc.so", "malloc").stats.calls - before);
	on_ns = clock_now_ns() - begun_ns;
	passed = row_of(p, "libc.so", "malloc").stats.passed + row_of(p, "libc.so", "free").stats.passed;
	begun_ns = clock_now_ns();
	assert_int_equal(alloc_probe_switch(p, false), 0);
	off_ns = clock_now_ns() - begun_ns;
	passed = row_of(p, "libc.so", "malloc").stats.passed + row_of(p, "libc.so", "free").stats.passed - passed;
	assert_int_equal(alloc_probe_switch(p, true), 0);
	return (double)passed / ((double)seen * (double)off_ns / (double)on_ns);
}

/* Two processes have four groups of probes: none goes on costing while the kernel waits for the end of another. One of several tries: others use the CPUs too. */
static void all_go_off_at_one_moment(void **state)
{
	struct alloc_probe *p = open_probe(UPROBE_LINK_SESSION);
	struct alloc_target t, other;
	struct runner runner = {.target = &t};
	double least = 1;
	pthread_t thread;

	(void)state;
	alloc_target_start(&t, "threads", NULL);
	alloc_target_start(&other, "calls", NULL);
	watch(p, other.pid);
	watch(p, t.pid);
	assert_int_equal(pthread_create(&thread, NULL, run_again, &runner), 0);
	for (unsigned i = 0; i < 5 && least > 0.15; i++) {
		double passed = passed_while_going_off(p);

		least = passed < least ? passed : least;
	}
	runner.ends = true;
	pthread_join(thread, NULL);
	assert_true(least <= 0.15);
	alloc_target_end(&t);
	alloc_target_end(&other);
	alloc_probe_close(p);
}

static void some_returns_are_enough(void **state)
{
	struct alloc_probe *p = open_probe(UPROBE_LINK_BEST);
	uint64_t calls = TARGET_THREADS * TARGET_THREAD_PAIRS;
	struct alloc_target t;
	struct alloc_row row;

	(void)state;
	alloc_probe_sample(p, 8, 16);
	alloc_target_start(&t, "threads", NULL);
	watch(p, t.pid);
	alloc_target_run(&t);
	row = row_of(p, "libc.so", "malloc");
	assert_int_equal(row.stats.calls, calls);
	assert_int_equal(row.stats.bytes, calls * TARGET_THREAD_BYTES);
	/* twelve standard deviations */
	assert_in_range(row.stats.returns, calls / 8 - 1200, calls / 8 + 1200);
	row = row_of(p, "libc.so", "free");
	assert_int_equal(row.stats.calls, calls);
	assert_in_range(row.stats.returns, calls / 16 - 850, calls / 16 + 850);
	alloc_target_end(&t);
	alloc_probe_close(p);
}

/* realloc hands on to malloc, calls that are not looked at to the end or not: nothing is counted twice. */
static void some_returns_and_every_call(void **state)
{
	struct alloc_probe *p = open_probe(UPROBE_LINK_BEST);
	struct alloc_target t;

	(void)state;
	alloc_probe_sample(p, 16, 16);
	alloc_target_start(&t, "calls", NULL);
	watch(p, t.pid);
	alloc_target_run(&t);
	assert_int_equal(row_of(p, "libc.so", "malloc").stats.calls, TARGET_MALLOCS + TARGET_MALLOCS_FAILED);
	assert_int_equal(row_of(p, "libc.so", "calloc").stats.returns, TARGET_CALLOCS);
	assert_int_equal(row_of(p, "libc.so", "realloc").stats.returns, TARGET_REALLOCS);
	assert_int_equal(row_of(p, "libc.so", "posix_memalign").stats.calls, TARGET_POSIX + TARGET_POSIX_FAILED);
	assert_int_equal(row_of(p, "libc.so", "aligned_alloc").stats.calls, TARGET_ALIGNED);
	assert_true(row_of(p, "libc.so", "aligned_alloc").stats.returns < TARGET_ALIGNED);
	assert_int_equal(row_of(p, "libc.so", "free").stats.calls, TARGET_FREES);
	alloc_target_end(&t);
	alloc_probe_close(p);
}

static void the_probes_own_time_is_taken_off(void **state)
{
	struct alloc_probe_config config = {.threads_map_fd = -1};
	struct calibration c;
	struct alloc_probe *p = NULL;
	struct alloc_target t;
	struct alloc_row row;
	struct err err = {0};
	uint64_t below = 0, median_ns = 0;

	(void)state;
	uprobes_or_skip(UPROBE_LINK_BEST);
	if (calibrate(UPROBE_LINK_BEST, &c, &err))
		fail_msg("%s", err.text);
	memcpy(config.bias_ns, c.bias_ns, sizeof(config.bias_ns));
	assert_int_equal(alloc_probe_open(&p, &config, &err), 0);
	alloc_target_start(&t, "calls", NULL);
	watch(p, t.pid);
	assert_int_equal(alloc_probe_switch(p, true), 0);
	alloc_target_run(&t);
	row = row_of(p, "libc.so", "malloc");
	/* a warm malloc takes some 20 ns; uncorrected it would read as the bias and that */
	for (unsigned i = 0; below * 2 <= row.stats.returns; i++) {
		below += row.stats.bucket[i];
		median_ns = alloc_bucket_low_ns(i);
	}
	assert_in_range(median_ns, 0, c.bias_ns[PROBE_INSN_PUSH]);
	assert_true(row.stats.sum_ns > 0);
	alloc_target_end(&t);
	alloc_probe_close(p);
}

static bool is_sane(const struct calibration *c)
{
	bool sane = true;

	for (unsigned i = PROBE_INSN_PUSH; i < PROBE_INSNS; i++) {
		sane = sane && c->entry_ns[i] > 100 && c->entry_ns[i] < 20000;
		sane = sane && c->call_ns[i] > c->entry_ns[i];
		/* a session link leaves the end of a call alone, but not beside another process; the others never do */
		sane = sane && (c->link != UPROBE_LINK_SESSION ||
				(c->call_ns[i] > c->skipped_ns[i] && c->skipped_beside_ns[i] > c->skipped_ns[i] * 5 / 4));
		sane = sane && c->bias_ns[i] > 50 && c->bias_ns[i] < c->call_ns[i];
		/* the table that placement lives by: single-stepping is dearer by far */
		sane = sane && c->entry_ns[PROBE_INSN_STEPPED] > 3 * c->entry_ns[i];
	}
	return sane;
}

/* Of a virtual machine's CPU time its host may have taken a part: one of three will do. */
static void calibration_is_sane(void **state)
{
	struct calibration c = {0};
	struct err err = {0};

	(void)state;
	uprobes_or_skip(UPROBE_LINK_BEST);
	for (unsigned i = 0; i < 3 && !is_sane(&c); i++)
		if (calibrate(UPROBE_LINK_BEST, &c, &err))
			fail_msg("%s", err.text);
	assert_true(is_sane(&c));
	assert_true(calibration_cost_ns(&c, PROBE_INSN_PUSH, false, 10, 4) ==
		    4.0 * c.call_ns[PROBE_INSN_PUSH] + 6.0 * c.skipped_ns[PROBE_INSN_PUSH]);
	assert_true(calibration_cost_ns(&c, PROBE_INSN_PUSH, true, 10, 0) == 10.0 * c.skipped_beside_ns[PROBE_INSN_PUSH]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_session_link),
		cmocka_unit_test(by_multi_links),
		cmocka_unit_test(by_perf_events),
		cmocka_unit_test(of_jemalloc),
		cmocka_unit_test(of_tcmalloc),
		cmocka_unit_test(of_mimalloc),
		cmocka_unit_test(calls_inside_a_call_are_part_of_it),
		cmocka_unit_test(what_is_handed_on_is_mallocs),
		cmocka_unit_test(many_threads),
		cmocka_unit_test(operator_new),
		cmocka_unit_test(operator_new_of_the_allocator),
		cmocka_unit_test(only_whom_we_watch),
		cmocka_unit_test(a_master_that_sleeps_has_no_probes),
		cmocka_unit_test(on_and_off),
		cmocka_unit_test(hits_that_pass_are_counted),
		cmocka_unit_test(all_go_off_at_one_moment),
		cmocka_unit_test(some_returns_are_enough),
		cmocka_unit_test(some_returns_and_every_call),
		cmocka_unit_test(the_probes_own_time_is_taken_off),
		cmocka_unit_test(calibration_is_sane),
	};

	alloc_target_main(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
