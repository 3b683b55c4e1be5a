// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/plan_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/test.h"

/* A file of the test's own, gone after fini. */
struct file {
	char path[64];
};

static void file_init(struct file *f, const void *text, size_t bytes)
{
	int fd;

	snprintf(f->path, sizeof(f->path), "/tmp/toll-plan-XXXXXX.yaml");
	fd = mkstemps(f->path, 5);
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, bytes), bytes);
	close(fd);
}

int plan_text_load(const char *text, const struct plan_overrides *over, struct plan **plan, struct err *err)
{
	struct file f = {""};
	int ret;

	*plan = NULL;
	*err = (struct err){0};
	file_init(&f, text, strlen(text));
	ret = plan_load(f.path, over, plan, err);
	unlink(f.path);
	return ret;
}

struct plan *plan_text_good(const char *text, const struct plan_overrides *over)
{
	struct plan *plan;
	struct err err;

	if (plan_text_load(text, over, &plan, &err) != 0)
		fail_msg("%s", err.text);
	return plan;
}

/* The error must be "FILE:LINE: KEY: ..." and hold the words. */
void plan_text_error(const char *text, const struct plan_overrides *over, const char *place, const char *words)
{
	struct plan *plan;
	struct err err;
	int ret = plan_text_load(text, over, &plan, &err);
	const char *yaml = strstr(err.text, ".yaml:");

	plan_free(plan);
	assert_int_not_equal(ret, 0);
	if (place && (!yaml || strncmp(yaml + strlen(".yaml:"), place, strlen(place)) != 0))
		fail_msg("expected ...yaml:%s..., got: %s", place, err.text);
	if (!strstr(err.text, words))
		fail_msg("expected \"%s\" in: %s", words, err.text);
	assert_null(strchr(err.text, '\n'));
}

int plan_text_share(void **state)
{
	(void)state;
	return setenv("TOLL_SHARE", ".", 1);
}
