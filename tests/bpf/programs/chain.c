// SPDX-License-Identifier: GPL-2.0-only
/*
 * Known call chains: main -> chain_a -> chain_b -> chain_c, which spins or waits. Built by the tests in several ways (with and without frame
 * pointers, stripped). Ends with its parent.
 *
 * usage: chain spin|wait|churn|jit
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef KEPT
#define KEPT __attribute__((noinline, noclone, used, visibility("default")))
#endif

static volatile unsigned long turns;
static const char *mode;

/* mov $400000000, %ecx; 1: dec %ecx; jnz 1b; ret */
static const unsigned char jit_loop[] = {0xb9, 0x00, 0x84, 0xd7, 0x17, 0xff, 0xc9, 0x75, 0xfc, 0xc3};

static void jit_run(void)
{
	void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char path[64];
	FILE *map;

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	map = fopen(path, "w");
	if (code == MAP_FAILED || !map)
		_exit(1);
	fprintf(map, "%lx %zx JS:*planted /srv/app.js:7\n", (unsigned long)(uintptr_t)code, sizeof(jit_loop));
	fclose(map);
	memcpy(code, jit_loop, sizeof(jit_loop));
	for (;;)
		((void (*)(void))(uintptr_t)code)();
}

KEPT void chain_c(void)
{
	struct timespec rest = {.tv_nsec = 2000000};

	if (!strcmp(mode, "wait")) {
		for (;;)
			nanosleep(&rest, NULL);
	}
	if (!strcmp(mode, "jit"))
		jit_run();
	for (unsigned long i = 0; strcmp(mode, "churn") || i < 3000000; i++)
		turns++;
}

KEPT void chain_b(void)
{
	chain_c();
	turns++;
}

KEPT void chain_a(void)
{
	chain_b();
	turns++;
}

static void *thread_main(void *arg)
{
	chain_a();
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	mode = argc > 1 ? argv[1] : "spin";
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!strcmp(mode, "churn")) {
		if (pthread_create(&thread, NULL, thread_main, NULL))
			return 1;
		pthread_join(thread, NULL);
	}
	chain_a();
	return 0;
}
