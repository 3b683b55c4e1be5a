// SPDX-License-Identifier: GPL-2.0-only
#include "probe/pause.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "base/clock.h"

#define LOOK_NS 20000
#define VECTORS_BYTES 16384 /* XSAVE with AVX-512 and AMX: 11 KiB */

#ifdef __x86_64__
#define STACK_POINTER rsp
#define VECTORS NT_X86_XSTATE
#else /* aarch64 */
#define STACK_POINTER sp
#define VECTORS NT_PRFPREG
#endif

/* A thread that has ended, or the first one that waits for the others to end, cannot be stopped and does nothing. */
static bool is_gone(uint32_t pid, int tid)
{
	char path[64], text[512];
	const char *state;
	bool gone = true;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%u/task/%d/stat", pid, tid);
	stat = fopen(path, "re");
	if (!stat)
		return true;
	if (fgets(text, sizeof(text), stat)) {
		state = strrchr(text, ')');
		gone = state && strlen(state) > 2 && (state[2] == 'Z' || state[2] == 'X');
	}
	fclose(stat);
	return gone;
}

static bool is_known(const struct pause *p, int tid)
{
	for (size_t i = 0; i < p->threads; i++)
		if (p->thread[i].tid == tid)
			return true;
	return false;
}

/* Asked to stop; 1: done, 0: it is gone. */
static int thread_ask(struct pause *p, int tid)
{
	if (p->threads == p->room) {
		size_t room = p->room ? 2 * p->room : 64;
		struct pause_thread *grown = reallocarray(p->thread, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		p->thread = grown;
		p->room = room;
	}
	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL))
		return is_gone(p->pid, tid) ? 0 : -EPERM;
	p->thread[p->threads++] = (struct pause_thread){.tid = tid};
	ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	return 1;
}

/* One thread stands still: 0; it has ended: -ESRCH. */
static int thread_wait(struct pause_thread *t, uint64_t until_ns)
{
	for (;;) {
		int status = 0;
		pid_t got = waitpid(t->tid, &status, __WALL | WNOHANG);

		if (got < 0 && errno != EINTR)
			return -ESRCH;
		if (got > 0 && !WIFSTOPPED(status))
			return -ESRCH;
		if (got > 0) {
			t->signal = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
			t->stopped = true;
			return 0;
		}
		if (clock_now_ns() > until_ns)
			return -ETIME;
		clock_sleep_until(clock_now_ns() + LOOK_NS, NULL);
	}
}

/* Those that are not known yet; returns how many. */
static int threads_ask(struct pause *p)
{
	struct dirent *d;
	char path[64];
	int asked = 0, rc = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%u/task", p->pid);
	tasks = opendir(path);
	if (!tasks)
		return -ESRCH;
	for (d = readdir(tasks); d && rc >= 0; d = readdir(tasks)) {
		int tid = (int)strtol(d->d_name, NULL, 10);

		rc = tid <= 0 || is_known(p, tid) ? 0 : thread_ask(p, tid);
		asked += rc > 0;
	}
	closedir(tasks);
	return rc < 0 ? rc : asked;
}

static int threads_wait(struct pause *p, size_t from, uint64_t until_ns)
{
	size_t kept = from;
	int rc = 0;

	for (size_t i = from; i < p->threads; i++) {
		int its = rc ? 0 : thread_wait(&p->thread[i], until_ns);

		rc = its == -ESRCH ? rc : rc ? rc : its;
		if (its != -ESRCH)
			p->thread[kept++] = p->thread[i];
	}
	p->threads = kept;
	return rc;
}

/* A thread may start others until it stands still itself: until none is new. */
int pause_begin(struct pause *p, uint32_t pid, uint64_t until_ns)
{
	int asked = 1, rc = 0;

	*p = (struct pause){.pid = pid, .begun_ns = clock_now_ns()};
	while (!rc && asked > 0) {
		size_t before = p->threads;

		asked = threads_ask(p);
		rc = threads_wait(p, before, until_ns);
		rc = asked < 0 ? asked : rc;
	}
	if (!rc && !p->threads)
		rc = -ESRCH;
	if (rc)
		pause_end(p);
	return rc;
}

static int set_add(int tid, int set, unsigned char *room, size_t size, struct image *into, size_t *got)
{
	struct iovec all = {.iov_base = room, .iov_len = size};
	int rc = 0;

	*got = 0;
	if (ptrace(PTRACE_GETREGSET, tid, set, &all))
		return 0; /* it has been killed, or the machine has no such registers */
	*got = all.iov_len;
	for (size_t i = 0; i + sizeof(uint64_t) <= all.iov_len && !rc; i += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, room + i, sizeof(word));
		if (word)
			rc = image_word_add(into, word);
	}
	return rc;
}

int pause_registers(const struct pause *p, struct image *into)
{
	unsigned char *room = malloc(VECTORS_BYTES);
	int rc = room ? 0 : -ENOMEM;

	for (size_t i = 0; i < p->threads && !rc; i++) {
		struct user_regs_struct regs = {0};
		size_t got;

		rc = set_add(p->thread[i].tid, NT_PRSTATUS, room, sizeof(regs), into, &got);
		if (!rc && got && got < sizeof(regs))
			rc = -ENOTSUP;
		if (rc || !got)
			continue;
		memcpy(&regs, room, sizeof(regs));
		rc = image_sp_add(into, regs.STACK_POINTER);
		if (!rc)
			rc = set_add(p->thread[i].tid, VECTORS, room, VECTORS_BYTES, into, &got);
	}
	free(room);
	return rc;
}

static void thread_go_on(const struct pause_thread *t)
{
	ptrace(PTRACE_DETACH, t->tid, NULL, (void *)(intptr_t)t->signal);
}

void pause_end(struct pause *p)
{
	uint64_t until_ns;

	for (size_t i = 0; i < p->threads; i++)
		if (p->thread[i].stopped)
			thread_go_on(&p->thread[i]);
	until_ns = clock_now_ns() + PAUSE_LINGER_NS;
	for (size_t i = 0; i < p->threads; i++)
		if (!p->thread[i].stopped && !thread_wait(&p->thread[i], until_ns))
			thread_go_on(&p->thread[i]);
	free(p->thread);
	p->thread = NULL;
	p->threads = p->room = 0;
}
