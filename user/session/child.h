/* SPDX-License-Identifier: GPL-2.0-only */
/* Child processes: started without a shell, in a process group of their own, ended by pid. */
#ifndef TOLL_SESSION_CHILD_H
#define TOLL_SESSION_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Looks in PATH, then where Debian keeps daemons (/usr/sbin), which PATH lacks for users other than root. -ENOENT. */
int child_find_program(const char *name, char *path, size_t size);

struct child_spec {
	char *const *argv; /* NULL at the end; argv[0] is found by child_find_program */
	char *const *env; /* "NAME=value" added to ours; NULL at the end; may be NULL */
	const char *directory; /* NULL: ours */
	const char *log_path; /* stdout and stderr are appended; NULL: ours */
	const char *input_path; /* stdin; NULL: nothing */
	uid_t uid; /* 0: ours; as whom it runs, with the group below and no others */
	gid_t gid;
};

/* err says why it could not be started. It gets SIGTERM when the calling thread dies. */
int child_start(const struct child_spec *spec, pid_t *pid, struct err *err);
/* A signal that ends the session has come and waits, blocked, for its loop: whoever waits before that stops waiting. */
bool child_stop_pending(void);
/* Starts and waits; -ETIMEDOUT, or -EINTR with a stop pending, after it was killed. *status as waitpid(2) has it. */
int child_run(const struct child_spec *spec, uint64_t timeout_ns, int *status, struct err *err);
/* Has it ended? Does not reap. *status as waitpid(2) has it. */
bool child_ended(pid_t pid, int *status);
/*
 * signal_number to the process; after grace_ns, or once it is gone, SIGKILL to what is left of its group; reaps. *status may
 * be NULL.
 */
void child_stop(pid_t pid, int signal_number, uint64_t grace_ns, int *status);
/* "ended with code 1", "was killed by signal 9 (Killed)". */
const char *child_status_text(int status, char *buf, size_t size);
/* A directory that a child used, and all that is in it. */
void child_remove_directory(const char *path);
/* Last line of a log that is not empty, control characters replaced; "" if there is none. */
void child_log_last_line(const char *path, char *buf, size_t size);

#endif
