// rooms: base scenario
// SPDX-License-Identifier: GPL-2.0-only
/* Any bytes as a file of prompts and as an arrival trace: rows within their bounds, or an error that names file and line. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "scenario/prompts.h"
#include "scenario/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
	if (!holds)
		abort();
}

static void use_prompts(const struct prompts *p)
{
	for (uint32_t i = 0; i < p->rows; i++)
		require(p->row[i].turns > 0 && p->row[i].first_turn + p->row[i].turns <= p->turns);
	for (uint32_t i = 0; i < p->turns; i++) {
		require((size_t)p->turn[i].text_at + p->turn[i].text_bytes <= p->text.used);
		require((size_t)p->turn[i].before_at + p->turn[i].before_bytes <= p->text.used);
	}
}

static void use_trace(const struct trace *t)
{
	require(t->rows > 0 && t->row[0].due_ns == 0);
	for (uint32_t i = 0; i < t->rows; i++) {
		require(i == 0 || t->row[i].due_ns >= t->row[i - 1].due_ns);
		require(t->row[i].first_block + t->row[i].blocks <= t->blocks);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[48];
	struct prompts *prompts;
	struct trace *trace;
	struct err err = {0};
	int fd = memfd_create("data", MFD_CLOEXEC);

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!prompts_read(&prompts, path, &err)) {
		use_prompts(prompts);
		prompts_free(prompts);
	} else {
		require(strncmp(err.text, path, strlen(path)) == 0);
	}
	err = (struct err){0};
	if (!trace_read(&trace, path, &err)) {
		use_trace(trace);
		trace_free(trace);
	} else {
		require(strncmp(err.text, path, strlen(path)) == 0);
	}
	close(fd);
	return 0;
}
