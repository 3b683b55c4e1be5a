// rooms: base
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/support/test.h"

struct redirected {
	int real_stderr;
	int pipe_out;
	char text[8192];
};

static int setup(void **state)
{
	static struct redirected r;
	int fds[2];

	if (pipe(fds))
		return -1;
	r.real_stderr = dup(STDERR_FILENO);
	r.pipe_out = fds[0];
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	fcntl(r.pipe_out, F_SETFL, O_NONBLOCK);
	*state = &r;
	return 0;
}

static int teardown(void **state)
{
	struct redirected *r = *state;

	dup2(r->real_stderr, STDERR_FILENO);
	close(r->real_stderr);
	close(r->pipe_out);
	log_set_level(LOG_INFO);
	return 0;
}

static const char *logged(struct redirected *r)
{
	ssize_t n = read(r->pipe_out, r->text, sizeof(r->text) - 1);

	r->text[n > 0 ? n : 0] = '\0';
	return r->text;
}

static void test_levels(void **state)
{
	struct redirected *r = *state;

	log_line(LOG_INFO, "armed after %d ms", 12);
	assert_string_equal(logged(r), "toll: armed after 12 ms\n");
	log_line(LOG_DEBUG, "hidden");
	assert_string_equal(logged(r), "");
	log_set_level(LOG_DEBUG);
	assert_int_equal(log_level_get(), LOG_DEBUG);
	log_line(LOG_DEBUG, "shown");
	assert_string_equal(logged(r), "toll: shown\n");
	log_set_level(LOG_WARN);
	log_line(LOG_INFO, "hidden");
	log_line(LOG_WARN, "w");
	log_line(LOG_ERROR, "e");
	assert_string_equal(logged(r), "toll: warning: w\ntoll: error: e\n");
}

static void test_one_line_and_errno(void **state)
{
	struct redirected *r = *state;
	char text[4000];

	errno = EXDEV;
	log_line(LOG_INFO, "libbpf brings its own newline\n\n");
	assert_int_equal(errno, EXDEV);
	assert_string_equal(logged(r), "toll: libbpf brings its own newline\n");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_line(LOG_INFO, "%s", text);
	logged(r);
	assert_in_range(strlen(r->text), 2000, 2048);
	assert_int_equal(r->text[strlen(r->text) - 1], '\n');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_line_and_errno, setup, teardown),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
