// rooms: base scenario
// SPDX-License-Identifier: GPL-2.0-only
/* Any bytes as a table of prices: a cost that is a number, or an error that names the file. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "scenario/plan_cost.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
	if (!holds)
		abort();
}

static const struct plan *plan_of_one_stage(void)
{
	static struct plan plan = {.model = "gpt-4o", .classes = 1, .stages = 1};

	plan.class_[0] = (struct plan_class){.weight = 1.0, .prompt_bytes = 400, .max_tokens = 100, .turns = 1};
	plan.stage[0] = (struct plan_stage){.requests = 1000, .from = 1.0, .to = 1.0};
	return &plan;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan_cost cost;
	struct err err = {0};
	char path[48];
	int fd = memfd_create("prices", MFD_CLOEXEC);

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!plan_cost(plan_of_one_stage(), path, &cost, &err))
		require(isfinite(cost.dollars) && cost.dollars >= 0.0 && (cost.priced || cost.dollars == 0.0));
	else
		require(strncmp(err.text, path, strlen(path)) == 0 && !strpbrk(err.text, "\n\r\x1b"));
	close(fd);
	return 0;
}
