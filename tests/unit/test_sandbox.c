// rooms: base
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sandbox.h"
#include "tests/support/test.h"

enum {
	FINE = 0,
	NO_FILTER = 10,
	COULD_EXEC = 11,
	COULD_FORK = 12,
	COULD_CONNECT = 13,
	CANNOT_READ = 14,
	CANNOT_WRITE = 15,
	COULD_KILL = 16,
	NO_THREAD = 17
};

static void *thread_main(void *arg)
{
	return arg;
}

/* Runs in a process of its own, which is never let out again. */
static int inside(void)
{
	char *const argv[] = {"true", NULL};
	pthread_t thread;
	char byte;

	if (sandbox_enter())
		return NO_FILTER;
	if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM)
		return COULD_CONNECT;
	if (vfork() >= 0 || errno != EPERM || fork() >= 0 || errno != EPERM)
		return COULD_FORK;
	if (kill(getppid(), 0) >= 0 || errno != EPERM)
		return COULD_KILL;
	if (pthread_create(&thread, NULL, thread_main, NULL) || pthread_join(thread, NULL))
		return NO_THREAD;
	execv("/bin/true", argv);
	if (errno != EPERM)
		return COULD_EXEC;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, &byte, 1) != 1)
		return CANNOT_READ;
	FILE *f = tmpfile();
	return f && fputc('x', f) == 'x' && !fclose(f) ? FINE : CANNOT_WRITE;
}

static void test_reads_and_prints_but_nothing_else(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (!pid)
		_exit(inside());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_FILTER) {
		print_message("skip test_reads_and_prints_but_nothing_else: this kernel has no seccomp filters\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), FINE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_reads_and_prints_but_nothing_else)};

	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
