// SPDX-License-Identifier: GPL-2.0-only
// rooms: base symbol probe
/* Stacks behind growth, of a process that takes and gives back a known number of descriptors, mappings, threads and pages. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/growth_probe.h"
#include "tests/support/test.h"

#define FILES_KEPT 7
#define FILES_CLOSED 11
#define MAPS_KEPT 5
#define MAPS_GIVEN 9
#define MAP_SIZE 40960 /* ten pages */
#define THREADS_KEPT 3
#define THREADS_ENDED 4
#define HEAP_STEPS 4
#define HEAP_STEP 65536

static void fail_if(int failed)
{
	if (failed)
		abort();
}

static void *park(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return NULL;
}

static void *leave(void *unused)
{
	return unused;
}

static void descriptors(void)
{
	int pair[2];

	for (int i = 0; i < FILES_KEPT; i++)
		fail_if(open("/dev/null", O_RDONLY) < 0);
	for (int i = 0; i < FILES_CLOSED; i++)
		close(open("/dev/null", O_RDONLY));
	fail_if(open("/does/not/exist", O_RDONLY) >= 0);
	fail_if(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || close(pair[0])); /* one of two is kept */
}

static void mappings(void)
{
	for (int i = 0; i < MAPS_KEPT + MAPS_GIVEN; i++) {
		char *at = mmap(NULL, MAP_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		fail_if(at == MAP_FAILED);
		at[0] = 1; /* two of its pages are touched */
		at[4096] = 1;
		if (i >= MAPS_KEPT)
			munmap(at, MAP_SIZE);
		else if (!i)
			munmap(at, 4096); /* nine pages stay, from another address on */
	}
}

static void threads(void)
{
	pthread_t t;

	for (int i = 0; i < THREADS_KEPT; i++)
		fail_if(pthread_create(&t, NULL, park, NULL));
	for (int i = 0; i < THREADS_ENDED; i++)
		fail_if(pthread_create(&t, NULL, leave, NULL) || pthread_join(t, NULL));
}

static void heap(void)
{
	for (int i = 0; i <= HEAP_STEPS; i++) /* from where the first one began is not known */
		fail_if(sbrk(HEAP_STEP) == (void *)-1);
}

struct target {
	pid_t pid;
	int go_fd, done_fd;
};

static void target_main(int go_fd, int done_fd)
{
	char byte = 'r';

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (write(done_fd, &byte, 1) == 1 && read(go_fd, &byte, 1) == 1) {
		descriptors();
		mappings();
		threads();
		heap();
	}
	_exit(0);
}

static void target_start(struct target *t)
{
	int go[2], done[2];
	char byte;

	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(done), 0);
	t->pid = fork();
	assert_true(t->pid >= 0);
	if (!t->pid)
		target_main(go[0], done[1]);
	close(go[0]);
	close(done[1]);
	t->go_fd = go[1];
	t->done_fd = done[0];
	assert_int_equal(read(t->done_fd, &byte, 1), 1);
}

static void target_run(const struct target *t)
{
	char byte = 'g';

	assert_int_equal(write(t->go_fd, &byte, 1), 1);
	assert_int_equal(read(t->done_fd, &byte, 1), 1);
}

static void target_end(struct target *t)
{
	close(t->go_fd);
	close(t->done_fd);
	kill(t->pid, SIGKILL);
	waitpid(t->pid, NULL, 0);
}

struct sum {
	uint64_t born, born_bytes, freed, gone;
	unsigned sites;
};

static int on_site(void *ctx, uint64_t key, const struct wire_site *s)
{
	struct sum *sum = (struct sum *)ctx + s->kind;

	assert_true(key && s->kind < WIRE_KEPT_KINDS);
	sum->born += s->born;
	sum->born_bytes += s->born_bytes;
	sum->freed += s->freed;
	sum->gone += s->gone;
	sum->sites++;
	return 0;
}

static int on_thing(void *ctx, const struct wire_block_key *key, const struct wire_block *b)
{
	struct sum *sum = (struct sum *)ctx + key->kind;

	sum->born++;
	sum->born_bytes += b->held_bytes;
	return 0;
}

static int on_stack(void *ctx, const struct wire_stack *stack)
{
	(void)stack;
	(*(unsigned *)ctx)++;
	return 0;
}

static struct growth_probe *probe_start(const struct target *t, unsigned *stacks)
{
	struct growth_probe *p = NULL;
	struct code_maps maps = {0};
	struct err err = {0};

	if (growth_probe_open(&p, on_stack, stacks, &err))
		fail_msg("%s", err.text);
	assert_int_equal(code_maps_read((uint32_t)t->pid, &maps), 0);
	assert_int_equal(growth_probe_text(p, (uint32_t)t->pid, &maps, false), 0);
	code_maps_fini(&maps);
	assert_int_equal(growth_probe_switch(p, true), 0);
	return p;
}

static void what_is_taken_and_given_back(void **state)
{
	struct sum site[WIRE_KEPT_KINDS] = {{0}}, there[WIRE_KEPT_KINDS] = {{0}};
	struct growth_probe *p;
	unsigned stacks = 0;
	struct target t;

	(void)state;
	target_start(&t);
	p = probe_start(&t, &stacks);
	target_run(&t);
	assert_int_equal(growth_probe_switch(p, false), 0);
	assert_int_equal(growth_probe_poll(p), 0);
	assert_int_equal(growth_probe_sites(p, on_site, site), 0);
	assert_int_equal(growth_probe_things(p, on_thing, there), 0);
	assert_int_equal(growth_probe_refused(p), 0);
	assert_int_equal(site[WIRE_KEPT_DESCRIPTOR].born, FILES_KEPT + FILES_CLOSED + 2);
	assert_int_equal(site[WIRE_KEPT_DESCRIPTOR].freed, FILES_CLOSED + 1);
	assert_int_equal(there[WIRE_KEPT_DESCRIPTOR].born, FILES_KEPT + 1);
	assert_int_equal(site[WIRE_KEPT_DESCRIPTOR].sites, 3);
	/* what was mapped readable and writable; stacks of threads are made so later */
	assert_int_equal(site[WIRE_KEPT_MAPPING].born, MAPS_KEPT + MAPS_GIVEN);
	assert_int_equal(site[WIRE_KEPT_MAPPING].born_bytes, (MAPS_KEPT + MAPS_GIVEN) * MAP_SIZE);
	assert_int_equal(site[WIRE_KEPT_MAPPING].freed, MAPS_GIVEN);
	assert_int_equal(there[WIRE_KEPT_MAPPING].born, MAPS_KEPT);
	assert_int_equal(there[WIRE_KEPT_MAPPING].born_bytes, MAPS_KEPT * MAP_SIZE - 4096);
	assert_int_equal(site[WIRE_KEPT_THREAD].born, THREADS_KEPT + THREADS_ENDED);
	assert_int_equal(there[WIRE_KEPT_THREAD].born, THREADS_KEPT);
	assert_in_range(site[WIRE_KEPT_THREAD].sites, 2, 4); /* one way through pthread_create or another */
	assert_in_range(site[WIRE_KEPT_HEAP].born_bytes, HEAP_STEPS * HEAP_STEP, (HEAP_STEPS + 4) * HEAP_STEP);
	assert_int_equal(there[WIRE_KEPT_HEAP].born, 0);
	if (growth_probe_has_touches(p))
		assert_in_range(site[WIRE_KEPT_TOUCH].born, 2 * (MAPS_KEPT + MAPS_GIVEN), 2 * (MAPS_KEPT + MAPS_GIVEN) + 80);
	assert_true(stacks >= 8);
	target_end(&t);
	growth_probe_close(p);
}

/* Nobody else's, nothing between windows; what a window saw and another sees come again is gone. */
static void only_whom_and_when(void **state)
{
	struct sum site[WIRE_KEPT_KINDS] = {{0}}, again[WIRE_KEPT_KINDS] = {{0}};
	struct growth_probe *p;
	unsigned stacks = 0;
	struct target t, other;

	(void)state;
	target_start(&t);
	target_start(&other);
	p = probe_start(&t, &stacks);
	target_run(&other);
	assert_int_equal(growth_probe_switch(p, false), 0);
	target_run(&t);
	assert_int_equal(growth_probe_sites(p, on_site, site), 0);
	for (unsigned i = 0; i < WIRE_KEPT_KINDS; i++)
		assert_int_equal(site[i].born, 0);
	assert_int_equal(growth_probe_switch(p, true), 0);
	assert_int_equal(growth_probe_window(p), 2);
	target_run(&t);
	assert_int_equal(growth_probe_sites(p, on_site, again), 0);
	assert_int_equal(again[WIRE_KEPT_DESCRIPTOR].born, FILES_KEPT + FILES_CLOSED + 2);
	assert_int_equal(again[WIRE_KEPT_DESCRIPTOR].gone, 0);
	target_end(&t);
	target_end(&other);
	growth_probe_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken_and_given_back),
		cmocka_unit_test(only_whom_and_when),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
