/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program that makes so many pairs of malloc and free a second, with work between them; counts them in a file that is mapped.
 * usage: pairs FILE PAIRS-A-SECOND [ONE-IN-N [SPIN]]: one block in N leaks, from three places in turn; SPIN: no calibration
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static void *(*volatile do_malloc)(size_t) = malloc;
static void (*volatile do_free)(void *) = free;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What leaks; names of their own, for a stack has to tell them apart. */
__attribute__((noinline)) static void leak_session(void)
{
	*(volatile char *)do_malloc(48) = 1;
}
__attribute__((noinline)) static void leak_header(void)
{
	*(volatile char *)do_malloc(160) = 1;
}
__attribute__((noinline)) static void leak_token(void)
{
	*(volatile char *)do_malloc(600) = 1;
}

static void leak(uint64_t number)
{
	static void (*const place[])(void) = {leak_session, leak_header, leak_token};

	place[number % 3]();
}

static void pairs(volatile uint64_t *count, uint64_t n, uint64_t spin, uint64_t one_in)
{
	for (uint64_t i = 0; i < n; i++) {
		char *block = do_malloc(64 + i % 8 * 32);

		block[0] = 1;
		for (volatile uint64_t s = 0; s < spin; s++)
			;
		do_free(block);
		if (one_in && *count % one_in == 0)
			leak(*count / one_in);
		++*count;
	}
}

/* How much of the loop makes a pair last as long as is asked for: the fastest of several tries, before anything is probed. */
static uint64_t spin_find(volatile uint64_t *count, double pair_ns)
{
	double spin_ns = 1e9;

	for (int i = 0; i < 20; i++) {
		uint64_t start_ns = now_ns();
		double ns;

		pairs(count, 1000, 1000, 0);
		ns = (double)(now_ns() - start_ns) / 1e6;
		spin_ns = ns < spin_ns ? ns : spin_ns;
	}
	return (uint64_t)((pair_ns - 20) / spin_ns);
}

int main(int argc, char **argv)
{
	int fd = argc >= 3 ? open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600) : -1;
	uint64_t one_in = argc > 3 ? strtoull(argv[3], NULL, 10) : 0, spin;
	volatile uint64_t *count; /* and the spin found */

	if (fd < 0 || ftruncate(fd, 2 * sizeof(*count)))
		return 2;
	count = mmap(NULL, 2 * sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (count == MAP_FAILED)
		return 2;
	spin = argc > 4 ? strtoull(argv[4], NULL, 10) : spin_find(count, 1e9 / atof(argv[2]));
	count[1] = spin;
	for (;;)
		pairs(count, 1000000, spin, one_in);
}
