// SPDX-License-Identifier: GPL-2.0-only
#include "session/child.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define POLL_NS (2 * NS_PER_MS)
#define LOOK_NS (50 * NS_PER_MS)

extern char **environ;

static bool find_in(const char *directories, const char *name, char *path, size_t size)
{
	for (const char *at = directories; *at; at += strspn(at, ":")) {
		int length = (int)strcspn(at, ":");
		int n = snprintf(path, size, "%.*s/%s", length, at, name);
		if (n > 0 && (size_t)n < size && !access(path, X_OK))
			return true;
		at += length;
	}
	return false;
}

int child_find_program(const char *name, char *path, size_t size)
{
	const char *directories = getenv("PATH");

	if (strchr(name, '/')) {
		int n = snprintf(path, size, "%s", name);
		return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
	}
	if (directories && find_in(directories, name, path, size))
		return 0;
	return find_in("/usr/local/sbin:/usr/sbin:/sbin", name, path, size) ? 0 : -ENOENT;
}

/* Ours, with those of the same name replaced. Points into both; the array is the caller's to free. */
static char **environment_merge(char *const *added)
{
	size_t ours = 0, more = 0, used = 0;

	while (environ[ours])
		ours++;
	while (added && added[more])
		more++;
	char **merged = calloc(ours + more + 1, sizeof(*merged));
	if (!merged)
		return NULL;
	for (size_t i = 0; i < ours; i++) {
		size_t name = strcspn(environ[i], "=") + 1;
		bool replaced = false;
		for (size_t k = 0; k < more && !replaced; k++)
			replaced = !strncmp(environ[i], added[k], name);
		if (!replaced)
			merged[used++] = environ[i];
	}
	for (size_t k = 0; k < more; k++)
		merged[used++] = added[k];
	return merged;
}

static bool other_user(const struct child_spec *spec)
{
	return !spec->uid || (!setgroups(0, NULL) && !setgid(spec->gid) && !setuid(spec->uid));
}

/* Between fork and exec only async-signal-safe calls: the caller may have threads. Never returns. */
static void become(const struct child_spec *spec, const char *program, char **environment, int log_fd, int report_fd,
		   pid_t parent)
{
	sigset_t none;
	int failed;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL); /* an ignored signal stays ignored over exec */
	setpgid(0, 0);
	bool ready = other_user(spec);
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* after it: another user clears it */
	if (getppid() != parent)
		_exit(127);
	int input_fd = ready ? open(spec->input_path ? spec->input_path : "/dev/null", O_RDONLY) : -1;
	ready = input_fd >= 0 && dup2(input_fd, STDIN_FILENO) == STDIN_FILENO;
	if (log_fd >= 0) {
		dup2(log_fd, STDOUT_FILENO);
		dup2(log_fd, STDERR_FILENO);
	}
	if (ready && (!spec->directory || !chdir(spec->directory)))
		execve(program, spec->argv, environment);
	failed = errno;
	if (write(report_fd, &failed, sizeof(failed)) != (ssize_t)sizeof(failed))
		_exit(126);
	_exit(127);
}

static pid_t fork_child(const struct child_spec *spec, const char *program, char **environment, int log_fd, int *report)
{
	int pipefd[2];

	if (pipe2(pipefd, O_CLOEXEC))
		return -errno;
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid < 0) {
		int e = errno;
		close(pipefd[0]);
		close(pipefd[1]);
		return -e;
	}
	if (pid == 0)
		become(spec, program, environment, log_fd, pipefd[1], parent);
	close(pipefd[1]);
	setpgid(pid, pid); /* in both: whoever comes first, the group is there before we use it */
	*report = pipefd[0];
	return pid;
}

/* The pipe closes without a word when exec succeeds. */
static int wait_for_exec(pid_t pid, int report, const struct child_spec *spec, struct err *err)
{
	int failed = 0;
	ssize_t n;

	do
		n = read(report, &failed, sizeof(failed));
	while (n < 0 && errno == EINTR);
	close(report);
	if (n != (ssize_t)sizeof(failed))
		return 0;
	waitpid(pid, NULL, 0);
	return err_set(err, -failed, "cannot start %s: %s", spec->argv[0], strerror(failed));
}

int child_start(const struct child_spec *spec, pid_t *pid, struct err *err)
{
	int log_fd = -1, report = -1;
	char program[PATH_MAX];

	if (child_find_program(spec->argv[0], program, sizeof(program)))
		return err_set(err, -ENOENT, "cannot start %s: there is no such program in PATH; install it", spec->argv[0]);
	if (spec->log_path) {
		log_fd = open(spec->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (log_fd < 0) {
			int e = errno;
			return err_set(err, -e, "cannot write the log %s of %s: %s", spec->log_path, spec->argv[0], strerror(e));
		}
	}
	char **environment = environment_merge(spec->env);
	pid_t child = environment ? fork_child(spec, program, environment, log_fd, &report) : -ENOMEM;
	free(environment);
	if (log_fd >= 0)
		close(log_fd);
	if (child < 0)
		return err_set(err, child, "cannot start %s: %s", spec->argv[0], strerror(-child));
	int ret = wait_for_exec(child, report, spec, err);
	if (!ret)
		*pid = child;
	return ret;
}

bool child_ended(pid_t pid, int *status)
{
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT))
		return true; /* ECHILD: reaped already */
	if (info.si_pid == 0)
		return false;
	/* waitid tells code and value apart; put together as waitpid has them */
	*status = info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8 : info.si_status & 0x7f;
	return true;
}

static bool wait_until(pid_t pid, uint64_t deadline_ns, int *status)
{
	while (!child_ended(pid, status)) {
		uint64_t now = clock_now_ns();
		if (now >= deadline_ns)
			return false;
		clock_sleep_until(now + POLL_NS, NULL);
	}
	return true;
}

void child_stop(pid_t pid, int signal_number, uint64_t grace_ns, int *status)
{
	int ended = 0;

	if (!child_ended(pid, &ended) && !kill(pid, signal_number))
		wait_until(pid, clock_now_ns() + grace_ns, &ended);
	/* before it is reaped: until then its number cannot be given to another group */
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	while (waitpid(pid, &ended, 0) < 0 && errno == EINTR)
		;
	if (status)
		*status = ended;
}

bool child_stop_pending(void)
{
	sigset_t pending;

	return !sigpending(&pending) &&
	       (sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) || sigismember(&pending, SIGHUP));
}

int child_run(const struct child_spec *spec, uint64_t timeout_ns, int *status, struct err *err)
{
	uint64_t deadline_ns = clock_now_ns() + timeout_ns;
	bool ended = false;
	pid_t pid;

	*status = 0;
	int ret = child_start(spec, &pid, err);
	if (ret)
		return ret;
	while (!ended && !child_stop_pending() && clock_now_ns() < deadline_ns)
		ended = wait_until(pid, clock_now_ns() + LOOK_NS, status);
	child_stop(pid, SIGKILL, 0, ended ? status : NULL);
	if (!ended && child_stop_pending())
		return err_set(err, -EINTR, "%s was killed: a signal came while it ran", spec->argv[0]);
	if (!ended)
		return err_set(err, -ETIMEDOUT, "%s did not end within %llu s and was killed", spec->argv[0],
			       (unsigned long long)(timeout_ns / NS_PER_S));
	return 0;
}

const char *child_status_text(int status, char *buf, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(buf, size, "was killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(buf, size, "ended with code %d", WEXITSTATUS(status));
	return buf;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

void child_remove_directory(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void line_clean(char *line)
{
	for (; *line; line++)
		if (iscntrl((unsigned char)*line))
			*line = ' ';
}

void child_log_last_line(const char *path, char *buf, size_t size)
{
	char tail[4096];

	buf[0] = '\0';
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	off_t end = lseek(fd, 0, SEEK_END);
	off_t from = end > (off_t)sizeof(tail) - 1 ? end - ((off_t)sizeof(tail) - 1) : 0;
	ssize_t n = end > 0 ? pread(fd, tail, sizeof(tail) - 1, from) : 0;
	close(fd);
	while (n > 0 && isspace((unsigned char)tail[n - 1]))
		n--;
	if (n <= 0)
		return;
	tail[n] = '\0';
	char *last = strrchr(tail, '\n');
	snprintf(buf, size, "%s", last ? last + 1 : tail);
	line_clean(buf);
}
