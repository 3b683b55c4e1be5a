// rooms: base provider/distribution
// SPDX-License-Identifier: GPL-2.0-only
/* Any text as a distribution of durations, and as a file of recorded ones: what is drawn lies within an hour, or an error names the word. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "provider/distribution.h"

#define HOUR_NS (UINT64_C(3600) * 1000000000)
#define DRAWS 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
	if (!holds)
		abort();
}

static void parsed(const char *text)
{
	struct distribution *d = NULL;
	struct err err = {0};
	struct rng rng;

	if (distribution_parse(&d, text, &err)) {
		require(err.text[0] && !strpbrk(err.text, "\n\r\x1b"));
		return;
	}
	rng_init(&rng, 1, 0);
	for (unsigned i = 0; i < DRAWS; i++)
		require(distribution_draw(d, &rng) <= HOUR_NS);
	distribution_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[48], *text = malloc(size + 1);
	int fd = memfd_create("durations", MFD_CLOEXEC);

	require(text && fd >= 0 && write(fd, data, size) == (ssize_t)size);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (!strstr(text, "file:")) /* no other file is opened */
		parsed(text);
	snprintf(path, sizeof(path), "file:/proc/self/fd/%d", fd);
	parsed(path);
	close(fd);
	free(text);
	return 0;
}
