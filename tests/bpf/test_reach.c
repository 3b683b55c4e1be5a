// rooms: base probe symbol leak/heap leak/glibc_heap leak/reach
// SPDX-License-Identifier: GPL-2.0-only
/* Real processes on a real glibc: threads that take and give back blocks all the time are paused in the middle of it. Wants to be root. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "leak/reach.h"
#include "probe/heap_kind.h"
#include "probe/image_read.h"
#include "tests/support/test.h"

#define THREADS 4
#define KEPT 1000 /* blocks of each thread, one of them taken anew all the time */
#define LOST 500 /* that each thread forgets at once */

static int ready[2];

static void tell(char what)
{
	if (write(ready[1], &what, 1) != 1)
		_exit(1);
}

__attribute__((noinline)) static void lose(void)
{
	for (unsigned i = 0; i < LOST; i++) {
		volatile char *piece = malloc(48 + i % 64);

		if (!piece)
			_exit(1);
		piece[0] = 1;
	}
}

static void *churn(void *arg)
{
	void **kept = calloc(KEPT, sizeof(*kept));
	struct rng rng;

	rng_init(&rng, 1, (uint64_t)(uintptr_t)arg);
	if (!kept)
		_exit(1);
	lose();
	for (uint64_t i = 0;; i++) {
		void **at = i < KEPT ? &kept[i] : &kept[rng_below(&rng, KEPT)];

		free(*at);
		*at = malloc(16 + rng_below(&rng, i % 50 ? 2000 : 300000));
		if (i == 4 * KEPT)
			tell('k');
	}
	return NULL;
}

static void child_main(void)
{
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 1; i < THREADS; i++)
		if (pthread_create(&thread, NULL, churn, (void *)(uintptr_t)i))
			_exit(1);
	churn(NULL);
}

static pid_t child_start(void)
{
	pid_t pid;
	char word;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		child_main();
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(read(ready[0], &word, 1), 1);
	return pid;
}

static void child_end(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(ready[0]);
	close(ready[1]);
}

/* All but a few of what was lost is found (the last piece of each thread may stand in a register), and nothing else; it goes on each time. */
static void test_lost_of_many_threads(void **state)
{
	pid_t pid = child_start();
	struct err err = {0};
	unsigned minor, whole = 0;

	(void)state;
	assert_int_equal(heap_kind_glibc((uint32_t)pid, &minor, &err), 0);
	for (unsigned i = 0; i < 10; i++) {
		struct image image = {0};
		struct image_seen seen;
		struct heap heap = {0};
		struct reach found;

		if (image_take((uint32_t)pid, &image, &seen, &err))
			fail_msg("%s", err.text);
		assert_int_equal(seen.threads, THREADS);
		if (!glibc_heap_walk(&image, minor, &heap)) {
			assert_int_equal(reach_mark(&image, &heap, &found), 0);
			print_message("# stood still for %.1f ms: %llu blocks, %llu lost\n", (double)seen.pause_ns / 1e6,
				      (unsigned long long)found.blocks, (unsigned long long)found.lost);
			/* one more block of each thread may be between malloc and its place */
			assert_in_range(found.lost, THREADS * (LOST - 3), THREADS * (LOST + 1));
			assert_in_range(found.blocks, THREADS * (KEPT + LOST), THREADS * (KEPT + LOST + 8));
			whole++;
		}
		heap_fini(&heap);
		image_fini(&image);
	}
	print_message("# %u of 10 whole\n", whole);
	assert_true(whole >= 5);
	child_end(pid);
}

static void test_a_process_that_is_gone(void **state)
{
	pid_t pid = child_start();
	struct image image = {0};
	struct image_seen seen;
	struct err err = {0};

	(void)state;
	child_end(pid);
	assert_int_equal(image_take((uint32_t)pid, &image, &seen, &err), -ESRCH);
	assert_non_null(strstr(err.text, "has ended"));
}

static void assert_refused(const char *preload, const char *word)
{
	struct err err = {0};
	unsigned minor;
	pid_t pid;
	int out[2];
	char line;

	assert_int_equal(pipe(out), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], STDOUT_FILENO);
		setenv("LD_PRELOAD", preload, 1);
		execl("/bin/sh", "sh", "-c", "echo; kill -STOP $$", (char *)NULL);
		_exit(1);
	}
	assert_int_equal(read(out[0], &line, 1), 1);
	assert_int_equal(heap_kind_glibc((uint32_t)pid, &minor, &err), -ENOTSUP);
	if (!strstr(err.text, word))
		fail_msg("%s", err.text);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(out[0]);
	close(out[1]);
}

static void test_other_allocators(void **state)
{
	static const struct {
		const char *library, *word;
	} rows[] = {
		{"/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", "from jemalloc"},
		{"/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4", "from tcmalloc"},
		{"/usr/lib/x86_64-linux-gnu/libmimalloc.so.2", "from mimalloc"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!access(rows[i].library, R_OK))
			assert_refused(rows[i].library, rows[i].word);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lost_of_many_threads),
		cmocka_unit_test(test_a_process_that_is_gone),
		cmocka_unit_test(test_other_allocators),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
