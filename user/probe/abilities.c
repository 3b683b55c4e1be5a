// SPDX-License-Identifier: GPL-2.0-only
/* Abilities are found by loading and attaching each program alone, and the marks by sending bytes over a connection of our own. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "probe/accounts.h"
#include "probe/probe.h"
#include "probe/samples.h"
#include "probe/skeleton.h"

enum row {
	ROW_BTF,
	ROW_LEAVES,
	ROW_DATA_READY,
	ROW_READABLE,
	ROW_READ,
	ROW_STATES,
	ROW_RETRANSMITS,
	ROW_ACCEPT,
	ROW_PROCESSES,
	ROW_FIND,
	ROW_FLUSH,
	ROW_SELF_TEST,
	ROW_SCHEDULER,
	ROW_THREADS,
	ROW_SYSCALLS,
	ROW_SAMPLES,
	ROWS,
};

/* Loads the skeleton with one program only and attaches it, unless it is an iterator. */
static int try_program(const char *name, unsigned groups, char *detail, size_t size)
{
	struct toll_bpf *skel = toll_bpf__open();
	struct bpf_program *prog;
	struct bpf_link *link = NULL;
	bool iterator;
	int rc;

	if (!skel)
		return -errno;
	skeleton_choose(skel, true);
	accounts_choose(skel, groups, 0);
	bpf_object__for_each_program(prog, skel->obj) bpf_program__set_autoload(prog, !strcmp(bpf_program__name(prog), name));
	prog = bpf_object__find_program_by_name(skel->obj, name);
	iterator = !strncmp(bpf_program__section_name(prog), "iter/", 5);
	bpf_map__set_max_entries(skel->maps.events, 64 << 10);
	rc = toll_bpf__load(skel);
	if (rc)
		snprintf(detail, size, "%s does not load: %s", bpf_program__section_name(prog), strerror(-rc));
	if (!rc && !iterator) {
		link = bpf_program__attach(prog);
		if (!link) {
			rc = -errno;
			snprintf(detail, size, "%s loads but does not attach: %s", bpf_program__section_name(prog),
				 strerror(-rc));
		}
	}
	if (!rc)
		snprintf(detail, size, "%s", bpf_program__section_name(prog));
	bpf_link__destroy(link);
	toll_bpf__destroy(skel);
	return rc;
}

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

static int self_test(char *detail, size_t size)
{
	struct seen seen = {0};
	struct probe_target self = {.pid = (uint32_t)getpid(), .role = WIRE_ROLE_GATEWAY};
	struct probe_config config = {.target = &self, .targets = 1, .ring_bytes = 64 << 10, .record = seen_record, .ctx = &seen};
	struct err err = {0};
	struct probe *p;
	int rc = probe_open(&p, &config, &err);

	if (rc) {
		snprintf(detail, size, "%.150s", err.text);
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
		snprintf(detail, size, "%.150s", probe_paths(p));
	}
	probe_close(p);
	return rc;
}

static const struct ability table[ROWS] = {
	[ROW_BTF] = {"kernel type information", "read /sys/kernel/btf/vmlinux", "every probe", true, ABILITY_UNKNOWN, ""},
	[ROW_LEAVES] = {"leaves marks", "load and attach", "t1, t4, t6, t9: all phases", true, ABILITY_UNKNOWN, ""},
	[ROW_DATA_READY] =
		{"readable marks", "load and attach (6.3 and later)",
		 "they come from tcp_probe; the mark of data that came with a handshake's last ACK is taken from its read", false,
		 ABILITY_UNKNOWN, ""},
	[ROW_READABLE] = {"readable marks, before 6.3", "load and attach", "t2, t5, t7, t10: all phases", true, ABILITY_UNKNOWN,
			  ""},
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
	[ROW_SCHEDULER] = {"accounts of threads", "load and attach, with task storage (6.0 and later)",
			   "causes: what a thread waited for and who held its CPU", false, ABILITY_UNKNOWN, ""},
	[ROW_THREADS] = {"threads that exist before we attach", "load the iterator", "their accounts", false, ABILITY_UNKNOWN,
			 ""},
	[ROW_SYSCALLS] = {"system calls", "load and attach", "the kernel's share of CPU time, by call", false, ABILITY_UNKNOWN,
			  ""},
	[ROW_SAMPLES] = {"CPU samples with stacks", "samples of this process, unwound and named",
			 "stacks inside the toll, top frames", false, ABILITY_UNKNOWN, ""},
};

static const char *const program_of[ROWS] = {
	[ROW_LEAVES] = "toll_leaves",     [ROW_READABLE] = "toll_readable", [ROW_DATA_READY] = "toll_data_ready",
	[ROW_READ] = "toll_read",         [ROW_STATES] = "toll_state",      [ROW_RETRANSMITS] = "toll_retransmit",
	[ROW_ACCEPT] = "toll_accept",     [ROW_PROCESSES] = "toll_fork",    [ROW_FIND] = "toll_find",
	[ROW_FLUSH] = "toll_flush",       [ROW_SCHEDULER] = "toll_switch",  [ROW_THREADS] = "toll_find_threads",
	[ROW_SYSCALLS] = "toll_sys_exit",
};

static unsigned groups_of(unsigned row)
{
	return row == ROW_SYSCALLS                          ? PROBE_THREADS | PROBE_SYSCALLS
	       : row == ROW_SCHEDULER || row == ROW_THREADS ? PROBE_THREADS
							    : 0;
}

void abilities_probe(struct ability out[ABILITIES_MAX], unsigned *rows)
{
	int rc;

	skeleton_quiet();
	memcpy(out, table, sizeof(table));
	*rows = ROWS;
	rc = access("/sys/kernel/btf/vmlinux", R_OK) ? -errno : 0;
	snprintf(out[ROW_BTF].detail, sizeof(out[ROW_BTF].detail), "%s", rc ? strerror(-rc) : "present");
	out[ROW_BTF].state = rc ? ABILITY_NO : ABILITY_YES;
	for (unsigned i = 0; i < ROWS; i++) {
		if (!program_of[i])
			continue;
		rc = try_program(program_of[i], groups_of(i), out[i].detail, sizeof(out[i].detail));
		out[i].state = rc ? ABILITY_NO : ABILITY_YES;
	}
	if (out[ROW_DATA_READY].state == ABILITY_YES)
		out[ROW_READABLE].required = false;
	rc = self_test(out[ROW_SELF_TEST].detail, sizeof(out[ROW_SELF_TEST].detail));
	out[ROW_SELF_TEST].state = rc ? ABILITY_NO : ABILITY_YES;
	rc = samples_try(out[ROW_SAMPLES].detail, sizeof(out[ROW_SAMPLES].detail));
	out[ROW_SAMPLES].state = rc ? ABILITY_NO : ABILITY_YES;
}
