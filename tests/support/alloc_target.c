// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/alloc_target.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/test.h"

#define MARK "--alloc-target"
#define READY_FD 1
#define GO_FD 0

/* Through pointers that the compiler does not see through: it may leave out pairs that it knows. */
static void *(*volatile do_malloc)(size_t) = malloc;
static void *(*volatile do_calloc)(size_t, size_t) = calloc;
static void *(*volatile do_realloc)(void *, size_t) = realloc;
static void (*volatile do_free)(void *) = free;
static int (*volatile do_posix)(void **, size_t, size_t) = posix_memalign;
static void *(*volatile do_aligned)(size_t, size_t) = aligned_alloc;
static void *(*do_new)(size_t);
static void (*do_delete)(void *);

static void fail_if(int failed)
{
	if (failed)
		abort();
}

static void calls(void)
{
	void *block = NULL, *aligned = NULL;

	for (int i = 0; i < TARGET_MALLOCS; i++)
		do_free(do_malloc(TARGET_MALLOC_BYTES));
	for (int i = 0; i < TARGET_MALLOCS_FAILED; i++)
		fail_if(do_malloc(SIZE_MAX / 2) != NULL);
	for (int i = 0; i < TARGET_CALLOCS; i++)
		do_free(do_calloc(10, TARGET_CALLOC_BYTES / 10));
	for (int i = 0; i < TARGET_REALLOCS; i++)
		block = do_realloc(block, TARGET_REALLOC_BYTES);
	do_free(block);
	for (int i = 0; i < TARGET_POSIX; i++) {
		fail_if(do_posix(&aligned, 64, TARGET_POSIX_BYTES));
		do_free(aligned);
	}
	for (int i = 0; i < TARGET_POSIX_FAILED; i++)
		fail_if(!do_posix(&aligned, 3, TARGET_POSIX_BYTES));
	for (int i = 0; i < TARGET_ALIGNED; i++)
		do_free(do_aligned(64, TARGET_ALIGNED_BYTES));
}

static void handed(void)
{
	void *aligned = NULL;

	for (int i = 0; i < TARGET_HANDED / 2; i++) {
		fail_if(do_posix(&aligned, 16, TARGET_HANDED_BYTES));
		do_free(aligned);
		do_free(do_aligned(16, TARGET_HANDED_BYTES));
	}
}

static void news(void)
{
	for (int i = 0; i < TARGET_NEWS; i++)
		do_delete(do_new(TARGET_NEW_BYTES));
}

static pthread_barrier_t start, end;

static void *thread_main(void *unused)
{
	(void)unused;
	for (;;) {
		pthread_barrier_wait(&start);
		for (int i = 0; i < TARGET_THREAD_PAIRS; i++)
			do_free(do_malloc(TARGET_THREAD_BYTES));
		pthread_barrier_wait(&end);
	}
	return NULL;
}

static void threads(void)
{
	pthread_barrier_wait(&start);
	pthread_barrier_wait(&end);
}

static void threads_start(void)
{
	pthread_t t;

	pthread_barrier_init(&start, NULL, TARGET_THREADS + 1);
	pthread_barrier_init(&end, NULL, TARGET_THREADS + 1);
	for (int i = 0; i < TARGET_THREADS; i++)
		fail_if(pthread_create(&t, NULL, thread_main, NULL));
	threads(); /* each has its arena and cache */
}

static void *kept[TARGET_KEPT], *grown[TARGET_GROWN];

/* Frees what another thread has taken. */
static void *freer_main(void *unused)
{
	(void)unused;
	for (;;) {
		pthread_barrier_wait(&start);
		for (int i = 0; i < TARGET_GROWN; i++)
			do_free(grown[i]);
		pthread_barrier_wait(&end);
	}
	return NULL;
}

static void keeps(void)
{
	void *block;

	threads();
	for (int i = 0; i < TARGET_KEPT; i++)
		do_free(kept[i]);
	for (int i = 0; i < TARGET_KEPT; i++)
		kept[i] = do_malloc(TARGET_KEPT_BYTES);
	for (int i = 0; i < TARGET_GROWN; i++)
		grown[i] = do_realloc(do_malloc(TARGET_GROWN_FROM_BYTES), TARGET_GROWN_BYTES);
	for (int i = 0; i < TARGET_STAYED; i++) {
		block = do_malloc(TARGET_STAYED_BYTES);
		fail_if(do_realloc(block, SIZE_MAX / 2) != NULL);
		do_free(block);
	}
}

static void keeps_start(void)
{
	pthread_t t;

	pthread_barrier_init(&start, NULL, 2);
	pthread_barrier_init(&end, NULL, 2);
	fail_if(pthread_create(&t, NULL, freer_main, NULL));
	keeps();
}

static void new_find(void)
{
	void *library = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_GLOBAL);

	fail_if(!library);
	*(void **)&do_new = dlsym(RTLD_DEFAULT, "_Znwm");
	*(void **)&do_delete = dlsym(RTLD_DEFAULT, "_ZdlPv");
	fail_if(!do_new || !do_delete);
	news();
}

void alloc_target_main(int argc, char **argv)
{
	void (*work)(void) = calls;
	char byte = 'r';

	if (argc != 3 || strcmp(argv[1], MARK))
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!strcmp(argv[2], "threads")) {
		threads_start();
		work = threads;
	} else if (!strcmp(argv[2], "new")) {
		new_find();
		work = news;
	} else if (!strcmp(argv[2], "handed")) {
		handed();
		work = handed;
	} else if (!strcmp(argv[2], "keeps")) {
		keeps_start();
		work = keeps;
	} else {
		calls(); /* what an allocator does of itself at its first calls is behind us */
	}
	while (write(READY_FD, &byte, 1) == 1 && read(GO_FD, &byte, 1) == 1)
		work();
	_exit(0);
}

static void become_target(int go_fd, int done_fd, const char *what, const char *preload)
{
	dup2(go_fd, GO_FD);
	dup2(done_fd, READY_FD);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	if (preload)
		setenv("LD_PRELOAD", preload, 1);
	execl("/proc/self/exe", "alloc_target", MARK, what, (char *)NULL);
	_exit(127);
}

static void target_started(struct alloc_target *t, const int go[2], const int done[2])
{
	char byte;

	close(go[0]);
	close(done[1]);
	t->go_fd = go[1];
	t->done_fd = done[0];
	assert_int_equal(read(t->done_fd, &byte, 1), 1);
}

void alloc_target_start(struct alloc_target *t, const char *what, const char *preload)
{
	int go[2], done[2];

	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(done), 0);
	t->pid = fork();
	assert_true(t->pid >= 0);
	if (!t->pid)
		become_target(go[0], done[1], what, preload);
	target_started(t, go, done);
}

pid_t alloc_target_start_below(struct alloc_target *t, const char *what)
{
	int go[2], done[2], told[2];
	pid_t master;

	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(done), 0);
	assert_int_equal(pipe(told), 0);
	master = fork();
	assert_true(master >= 0);
	if (!master) {
		t->pid = fork();
		if (!t->pid)
			become_target(go[0], done[1], what, NULL);
		if (write(told[1], &t->pid, sizeof(t->pid)) != sizeof(t->pid))
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(told[0], &t->pid, sizeof(t->pid)), sizeof(t->pid));
	close(told[0]);
	close(told[1]);
	target_started(t, go, done);
	return master;
}

void alloc_target_run(struct alloc_target *t)
{
	char byte = 'g';

	assert_int_equal(write(t->go_fd, &byte, 1), 1);
	assert_int_equal(read(t->done_fd, &byte, 1), 1);
}

void alloc_target_end(struct alloc_target *t)
{
	close(t->go_fd);
	close(t->done_fd);
	waitpid(t->pid, NULL, 0);
}
