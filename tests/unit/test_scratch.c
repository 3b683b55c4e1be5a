// rooms: session/scratch session/child base
// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "session/child.h"
#include "session/scratch.h"
#include "tests/support/test.h"

static void file_make(const char *directory, const char *name)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

/* What a process leaves that is killed: its directory, with something in it. */
static void killed(char *path, size_t size)
{
	int said[2], status;
	struct scratch s;
	ssize_t n;

	assert_int_equal(pipe(said), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		_exit(scratch_make(&s, "test") || write(said[1], s.path, strlen(s.path) + 1) < 0);
	}
	close(said[1]);
	n = read(said[0], path, size);
	close(said[0]);
	assert_true(n > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	file_make(path, "log");
}

static void test_what_a_killed_one_left_is_removed(void **state)
{
	char left[64], strange[] = "/tmp/toll-test-XXXXXX";
	struct scratch used;
	struct stat st;

	(void)state;
	assert_int_equal(scratch_make(&used, "test"), 0);
	assert_int_equal(stat(used.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_non_null(mkdtemp(strange)); /* not made by us, whatever its name */
	killed(left, sizeof(left));
	assert_int_equal(access(left, F_OK), 0);
	scratch_sweep();
	assert_int_equal(access(left, F_OK), -1);
	assert_int_equal(access(used.path, F_OK), 0);
	assert_int_equal(access(strange, F_OK), 0);
	assert_int_equal(rmdir(strange), 0);
	snprintf(left, sizeof(left), "%s", used.path);
	scratch_remove(&used);
	assert_int_equal(access(left, F_OK), -1);
	scratch_remove(&used);
}

static void test_what_tells_why_stays_an_hour(void **state)
{
	struct timespec times[2] = {{.tv_sec = time(NULL)}, {.tv_sec = time(NULL) - 2 * 3600}};
	char path[64], lock[80];
	struct scratch s;

	(void)state;
	assert_int_equal(scratch_make(&s, "test"), 0);
	snprintf(path, sizeof(path), "%s", s.path);
	snprintf(lock, sizeof(lock), "%s/.toll-lock", s.path);
	scratch_leave(&s);
	assert_string_equal(s.path, "");
	scratch_sweep();
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(utimensat(AT_FDCWD, lock, times, 0), 0);
	scratch_sweep();
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_killed_one_left_is_removed),
		cmocka_unit_test(test_what_tells_why_stays_an_hour),
	};

	return cmocka_run_group_tests_name("scratch", tests, NULL, NULL);
}
