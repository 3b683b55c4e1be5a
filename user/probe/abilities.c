// SPDX-License-Identifier: GPL-2.0-only
/* Abilities are found by loading and attaching each program alone, and the marks by sending bytes over a connection of our own. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe/path_try.h"
#include "probe/probe.h"
#include "probe/samples.h"
#include "probe/skeleton.h"

enum row {
	ROW_BTF,
	ROW_SOCKETS,
	ROW_TCP,
	ROW_LEAVES,
	ROW_READABLE,
	ROW_READ,
	ROW_STATES,
	ROW_RETRANSMITS,
	ROW_ACCEPT,
	ROW_PROCESSES,
	ROW_FIND,
	ROW_FLUSH,
	ROW_SELF_TEST,
	ROW_THREADS,
	ROW_SCHEDULER,
	ROW_FIND_THREADS,
	ROW_SYSCALLS,
	ROW_FAULTS,
	ROW_SAMPLES,
	ROW_ALLOC,
	ROWS,
};

struct seen {
	bool in, read, out, conn;
};

static int seen_record(void *ctx, const void *data, uint32_t bytes)
{
	const struct wire_header *h = data;
	const struct wire_turn *t = data;
	struct seen *seen = ctx;

	(void)bytes;
	if (h->kind == WIRE_KIND_CONN)
		seen->conn = true;
	if (h->kind != WIRE_KIND_TURN)
		return 0;
	seen->in |= t->lane[WIRE_LANE_IN].count > 0;
	seen->read |= t->lane[WIRE_LANE_READ].count > 0;
	seen->out |= t->lane[WIRE_LANE_OUT].count > 0;
	return 0;
}

/* One byte there and back over a loopback connection of this process. */
static int exchange(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int server = -1, rc = -1;
	char byte = 't';

	if (listener >= 0 && client >= 0 && !bind(listener, (struct sockaddr *)&addr, len) && !listen(listener, 1) &&
	    !getsockname(listener, (struct sockaddr *)&addr, &len) && !connect(client, (struct sockaddr *)&addr, len))
		server = accept(listener, NULL, NULL);
	if (server >= 0 && send(client, &byte, 1, MSG_NOSIGNAL) == 1 && recv(server, &byte, 1, 0) == 1 &&
	    send(server, &byte, 1, MSG_NOSIGNAL) == 1 && recv(client, &byte, 1, 0) == 1)
		rc = 0;
	rc = rc ? -errno : 0;
	close(client);
	close(server);
	close(listener);
	return rc;
}

static int self_test(const struct paths *paths, char *detail, size_t size)
{
	struct seen seen = {0};
	struct probe_target self = {.pid = (uint32_t)getpid(), .role = WIRE_ROLE_GATEWAY};
	struct probe_config config = {
		.target = &self, .targets = 1, .ring_bytes = 64 << 10, .paths = *paths, .record = seen_record, .ctx = &seen};
	struct err err = {0};
	struct probe *p;
	int rc = probe_open(&p, &config, &err);

	if (rc) {
		snprintf(detail, size, "%.300s", err.text);
		return rc;
	}
	rc = exchange();
	probe_flush(p, true);
	probe_poll(p);
	if (!rc && (!seen.conn || !seen.in || !seen.read || !seen.out)) {
		snprintf(detail, size, "missing:%s%s%s%s", seen.conn ? "" : " connection", seen.in ? "" : " readable",
			 seen.read ? "" : " read", seen.out ? "" : " leaves");
		rc = -ENODATA;
	} else if (!rc) {
		snprintf(detail, size, "%.300s", probe_paths(p));
	}
	probe_close(p);
	return rc;
}

static const struct ability table[ROWS] = {
	[ROW_BTF] = {"kernel type information", "read /sys/kernel/btf/vmlinux", "every probe", true, ABILITY_UNKNOWN, ""},
	[ROW_SOCKETS] = {"state of sockets", "load and attach", "all phases", true, ABILITY_UNKNOWN, ""},
	[ROW_TCP] = {"TCP headers and sockets", "load and attach", "all phases", true, ABILITY_UNKNOWN, ""},
	[ROW_LEAVES] = {"leaves marks", "load and attach", "t1, t4, t6, t9: all phases", true, ABILITY_UNKNOWN, ""},
	[ROW_READABLE] = {"readable marks", "load and attach", "t2, t5, t7, t10: all phases", true, ABILITY_UNKNOWN, ""},
	[ROW_READ] = {"read marks", "load and attach", "t3, t8: pick up and process cannot be told apart", true, ABILITY_UNKNOWN,
		      ""},
	[ROW_STATES] = {"connects and closes", "load and attach", "all joins", true, ABILITY_UNKNOWN, ""},
	[ROW_RETRANSMITS] = {"retransmits, full listen queues", "load and attach", "listen drops read as network", true,
			     ABILITY_UNKNOWN, ""},
	[ROW_ACCEPT] = {"accepts", "load and attach", "the accept queue's share is inside pick up request", false,
			ABILITY_UNKNOWN, ""},
	[ROW_PROCESSES] = {"children of the gateway", "load and attach", "workers forked later are not watched", true,
			   ABILITY_UNKNOWN, ""},
	[ROW_FIND] = {"connections open before we attach", "load the iterator", "their turns", true, ABILITY_UNKNOWN, ""},
	[ROW_FLUSH] = {"turns still open", "load the iterator", "the last turn of idle connections", true, ABILITY_UNKNOWN, ""},
	[ROW_SELF_TEST] = {"marks of a real exchange", "a byte there and back on loopback, probes on",
			   "trust in all of the above", true, ABILITY_UNKNOWN, ""},
	[ROW_THREADS] = {"accounts of threads", "load and attach", "causes: what a thread waited for and who held its CPU", false,
			 ABILITY_UNKNOWN, ""},
	[ROW_SCHEDULER] = {"threads leave their CPU", "load and attach", "the same", false, ABILITY_UNKNOWN, ""},
	[ROW_FIND_THREADS] = {"threads that exist before we attach", "load the iterator", "their accounts", false,
			      ABILITY_UNKNOWN, ""},
	[ROW_SYSCALLS] = {"system calls", "load and attach", "the kernel's share of CPU time, by call", false, ABILITY_UNKNOWN,
			  ""},
	[ROW_FAULTS] = {"faults of pages", "load and attach", "stacks behind pages that a soak sees written to first", false,
			ABILITY_UNKNOWN, ""},
	[ROW_SAMPLES] = {"CPU samples with stacks", "samples of this process, unwound and named",
			 "stacks inside the toll, top frames", false, ABILITY_UNKNOWN, ""},
	[ROW_ALLOC] = {"calls of the allocator", "load, and attach to a function of our own", "calls, bytes and time of malloc",
		       false, ABILITY_UNKNOWN, ""},
};

/* Done in one way on all kernels: the program. */
static const char *const program_of[ROWS] = {
	[ROW_LEAVES] = "toll_leaves",          [ROW_READ] = "toll_read",           [ROW_STATES] = "toll_state",
	[ROW_RETRANSMITS] = "toll_retransmit", [ROW_PROCESSES] = "toll_fork",      [ROW_FIND_THREADS] = "toll_find_threads",
	[ROW_SYSCALLS] = "toll_sys_exit",      [ROW_FAULTS] = "toll_growth_touch",
};

/* Done in several ways. In this order: sockets and threads first, for the programs of others keep their state there. */
static const struct {
	enum path path;
	enum row row;
} path_rows[PATHS] = {
	{PATH_SOCKETS, ROW_SOCKETS}, {PATH_TCP, ROW_TCP},         {PATH_READABLE, ROW_READABLE}, {PATH_ACCEPT, ROW_ACCEPT},
	{PATH_OPEN, ROW_FIND},       {PATH_THREADS, ROW_THREADS}, {PATH_SWITCH, ROW_SCHEDULER},  {PATH_ALLOC, ROW_ALLOC},
};

static unsigned groups_of(unsigned row)
{
	return row == ROW_SYSCALLS ? PROBE_THREADS | PROBE_SYSCALLS : row == ROW_FIND_THREADS ? PROBE_THREADS : 0;
}

static void detail_add(struct ability *a, const char *before, const char *name, const char *after)
{
	size_t used = strlen(a->detail);

	snprintf(a->detail + used, sizeof(a->detail) - used, "%s%s%s%s", used ? "; " : "", before, name, after);
}

/* Every implementation is tried, so that what was not chosen is told too; the first that works, or the one asked for, is chosen. */
static void path_row(struct ability *a, struct paths *paths, const struct paths *asked, enum path path)
{
	char why[PATH_IMPLS_MAX][160];
	int rc[PATH_IMPLS_MAX] = {0};
	unsigned chosen = asked->impl[path], count = 0;

	while (path_impl_name(path, count + PATH_FIRST)) {
		rc[count] = path_try(paths, path, count + PATH_FIRST, why[count], sizeof(why[0]));
		if (!rc[count] && !chosen)
			chosen = count + PATH_FIRST;
		count++;
	}
	paths->impl[path] = (uint8_t)(chosen ? chosen : PATH_FIRST);
	a->state = chosen && !rc[chosen - PATH_FIRST] && !(path == PATH_ACCEPT && chosen == PATH_ACCEPT_NONE) ? ABILITY_YES
													      : ABILITY_NO;
	if (a->state == ABILITY_YES)
		detail_add(a, path_impl_name(path, chosen), asked->impl[path] ? " as asked for" : "", "");
	for (unsigned i = PATH_FIRST; i < count + PATH_FIRST; i++) {
		if (i == chosen && a->state == ABILITY_YES)
			continue;
		if (rc[i - PATH_FIRST])
			detail_add(a, "not ", path_impl_name(path, i), "");
		if (rc[i - PATH_FIRST] && why[i - PATH_FIRST][0])
			snprintf(a->detail + strlen(a->detail), sizeof(a->detail) - strlen(a->detail), ": %s",
				 why[i - PATH_FIRST]);
		else if (!rc[i - PATH_FIRST] && path != PATH_ACCEPT)
			detail_add(a, path_impl_name(path, i), " works too", "");
	}
}

void abilities_probe(const struct paths *asked, struct ability out[ABILITIES_MAX], unsigned *rows)
{
	struct paths paths;
	int rc;

	skeleton_quiet();
	memcpy(out, table, sizeof(table));
	*rows = ROWS;
	rc = access("/sys/kernel/btf/vmlinux", R_OK) ? -errno : 0;
	snprintf(out[ROW_BTF].detail, sizeof(out[ROW_BTF].detail), "%s", rc ? strerror(-rc) : "present");
	out[ROW_BTF].state = rc ? ABILITY_NO : ABILITY_YES;
	paths = paths_likely(asked);
	for (unsigned i = 0; i < PATHS; i++)
		path_row(&out[path_rows[i].row], &paths, asked, path_rows[i].path);
	for (unsigned i = 0; i < ROWS; i++) {
		if (!program_of[i])
			continue;
		rc = program_try(program_of[i], &paths, groups_of(i), out[i].detail, sizeof(out[i].detail));
		out[i].state = rc ? ABILITY_NO : ABILITY_YES;
	}
	rc = program_try(paths.impl[PATH_SOCKETS] == PATH_SOCKETS_HASH ? "toll_flush_hash" : "toll_flush", &paths, 0,
			 out[ROW_FLUSH].detail, sizeof(out[ROW_FLUSH].detail));
	out[ROW_FLUSH].state = rc ? ABILITY_NO : ABILITY_YES;
	rc = self_test(asked, out[ROW_SELF_TEST].detail, sizeof(out[ROW_SELF_TEST].detail));
	out[ROW_SELF_TEST].state = rc ? ABILITY_NO : ABILITY_YES;
	rc = samples_try(asked, out[ROW_SAMPLES].detail, sizeof(out[ROW_SAMPLES].detail));
	out[ROW_SAMPLES].state = rc ? ABILITY_NO : ABILITY_YES;
}
