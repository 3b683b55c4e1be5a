// SPDX-License-Identifier: GPL-2.0-only
#include "probe/discover.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/docker_proxy.h"
#include "probe/proc.h"

#define LISTENERS_MAX 64
#define NEAR_MAX 3

static const uint8_t any6[16];
static const uint8_t any4[16] = {[10] = 0xff, [11] = 0xff};
static const uint8_t loopback6[16] = {[15] = 1};
static const uint8_t loopback4[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};

/* --- which processes: roots and their descendants --------------------------------------------------------------------------- */

static bool contains(const uint32_t *pid, unsigned pids, uint32_t wanted)
{
	for (unsigned i = 0; i < pids; i++)
		if (pid[i] == wanted)
			return true;
	return false;
}

static int found_add(struct discovered *out, uint32_t pid)
{
	if (contains(out->pid, out->pids, pid))
		return 0;
	if (out->pids == DISCOVER_PIDS_MAX)
		return -E2BIG;
	out->pid[out->pids++] = pid;
	return 0;
}

static bool is_alive(char state)
{
	return state != 'Z' && state != 'X' && state != 'x';
}

/* Appends the children of out->pid[at ...] generation by generation: parents come before children. Never ourselves. */
static int add_descendants(const struct proc_table *t, struct discovered *out)
{
	int ret = 0;

	for (unsigned at = 0; at < out->pids && !ret; at++)
		for (size_t i = 0; i < t->count && !ret; i++)
			if (t->entry[i].ppid == out->pid[at] && t->entry[i].pid != (uint32_t)getpid() &&
			    is_alive(t->entry[i].state))
				ret = found_add(out, t->entry[i].pid);
	return ret;
}

static bool has_ancestor_in(const struct proc_table *t, uint32_t pid, const uint32_t *set, unsigned count)
{
	const struct proc_entry *e = proc_table_find(t, pid);

	/* bounded: a table read while processes come and go may hold a loop */
	for (size_t depth = 0; e && e->ppid && depth < t->count; depth++) {
		if (contains(set, count, e->ppid))
			return true;
		e = proc_table_find(t, e->ppid);
	}
	return false;
}

/* Roots first (those with no ancestor among them), then everything below. */
static int build_tree(const struct proc_table *t, const uint32_t *pid, unsigned pids, struct discovered *out)
{
	int ret = 0;

	for (unsigned i = 0; i < pids && !ret; i++)
		if (!has_ancestor_in(t, pid[i], pid, pids))
			ret = found_add(out, pid[i]);
	if (!ret)
		ret = add_descendants(t, out);
	for (unsigned i = 0; i < pids && !ret; i++) /* reached through ourselves only: add_descendants stops there */
		ret = found_add(out, pid[i]);
	return ret;
}

static void describe_first(const struct proc_table *t, struct discovered *out)
{
	const struct proc_entry *e = out->pids ? proc_table_find(t, out->pid[0]) : NULL;

	if (!e)
		return;
	snprintf(out->comm, sizeof(out->comm), "%s", e->comm);
	proc_link(e->pid, "exe", out->exe, sizeof(out->exe));
}

/* "nginx (pid 12) and 2 children", "node (pid 3) and 1 more process". */
static void describe_set(const struct proc_table *t, const struct discovered *d, char *text, size_t size)
{
	unsigned below = 0, beside = 0;
	char more[32] = "", children[32] = "";

	for (unsigned i = 1; i < d->pids; i++) {
		if (has_ancestor_in(t, d->pid[i], d->pid, 1))
			below++;
		else
			beside++;
	}
	if (below)
		snprintf(children, sizeof(children), " and %u %s", below, below == 1 ? "child" : "children");
	if (beside)
		snprintf(more, sizeof(more), " and %u more %s", beside, beside == 1 ? "process" : "processes");
	snprintf(text, size, "%s (pid %u)%s%s", d->comm, d->pids ? d->pid[0] : 0, children, more);
}

static int finish(const struct proc_table *t, int ret, struct discovered *out, const char *what, struct err *err)
{
	char set[128];

	if (ret == -E2BIG)
		return err_set(err, ret, "%s: more than %d processes; name one of them by --pid", what, DISCOVER_PIDS_MAX);
	if (ret)
		return err_set(err, ret, "cannot list the processes of %s: %s", what, strerror(-ret));
	describe_first(t, out);
	describe_set(t, out, set, sizeof(set));
	snprintf(out->how, sizeof(out->how), "%s: %s", what, set);
	return 0;
}

/* --- by port ---------------------------------------------------------------------------------------------------------------- */

struct port_search {
	uint8_t host[16];
	bool any_host, loopback;
	uint16_t port;
	uint64_t inode[LISTENERS_MAX], exact[LISTENERS_MAX];
	unsigned inodes, exacts;
	uint8_t elsewhere[16]; /* an address that has the port, but not the one that was asked for */
	bool is_elsewhere;
	struct {
		uint16_t port;
		uint64_t inode;
	} near[NEAR_MAX];
	unsigned nears;
};

static int host_parse(const char *host, struct port_search *q, struct err *err)
{
	struct in_addr v4;

	if (!host || !host[0]) {
		q->any_host = true;
		return 0;
	}
	if (!strcmp(host, "localhost")) {
		q->loopback = true;
		return 0;
	}
	if (inet_pton(AF_INET, host, &v4) == 1) {
		memcpy(q->host, any4, 12);
		memcpy(q->host + 12, &v4, 4);
		return 0;
	}
	if (inet_pton(AF_INET6, host, q->host) == 1)
		return 0;
	return err_set(err, -EINVAL, "\"%s\" is no IP address and not localhost; give the address that the gateway listens on",
		       host);
}

static bool host_is_exact(const struct port_search *q, const uint8_t addr[16])
{
	if (q->loopback)
		return !memcmp(addr, loopback4, 16) || !memcmp(addr, loopback6, 16);
	return !q->any_host && !memcmp(addr, q->host, 16);
}

/* A socket on :: takes IPv4 too unless it was told not to, which /proc does not show. */
static bool host_fits(const struct port_search *q, const uint8_t addr[16])
{
	if (q->any_host || !memcmp(addr, any6, 16))
		return true;
	return !memcmp(addr, any4, 16) && (q->loopback || !memcmp(q->host, any4, 12));
}

static unsigned distance(uint16_t a, uint16_t b)
{
	return a > b ? (unsigned)(a - b) : (unsigned)(b - a);
}

/* Keeps the NEAR_MAX nearest other ports, nearest first. */
static void near_keep(struct port_search *q, const struct proc_tcp *s)
{
	unsigned at = 0;

	for (unsigned i = 0; i < q->nears; i++)
		if (q->near[i].port == s->local_port)
			return;
	while (at < q->nears && distance(q->near[at].port, q->port) <= distance(s->local_port, q->port))
		at++;
	if (at == NEAR_MAX)
		return;
	if (q->nears < NEAR_MAX)
		q->nears++;
	memmove(&q->near[at + 1], &q->near[at], (q->nears - at - 1) * sizeof(q->near[0]));
	q->near[at].port = s->local_port;
	q->near[at].inode = s->inode;
}

static int port_visit(void *ctx, const struct proc_tcp *s)
{
	struct port_search *q = ctx;

	if (s->local_port != q->port) {
		near_keep(q, s);
	} else if (host_is_exact(q, s->local)) {
		if (q->exacts < LISTENERS_MAX)
			q->exact[q->exacts++] = s->inode;
	} else if (host_fits(q, s->local)) {
		if (q->inodes < LISTENERS_MAX)
			q->inode[q->inodes++] = s->inode;
	} else {
		q->is_elsewhere = true;
		memcpy(q->elsewhere, s->local, 16);
	}
	return 0;
}

static void address_text(const uint8_t addr[16], char *text, socklen_t size)
{
	if (!memcmp(addr, any4, 12))
		inet_ntop(AF_INET, addr + 12, text, size);
	else
		inet_ntop(AF_INET6, addr, text, size);
}

static void near_text(const struct proc_table *t, const struct port_search *q, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < q->nears && used < size; i++) {
		struct proc_holders holders;
		const struct proc_entry *e = NULL;
		if (!proc_find_holders(t, &q->near[i].inode, 1, NULL, &holders) && holders.pids)
			e = proc_table_find(t, holders.pid[0]);
		int n = snprintf(text + used, size - used, "%s%u (%s)", used ? ", " : "", q->near[i].port,
				 e ? e->comm : "owner not visible");
		used += n > 0 ? (size_t)n : 0;
	}
}

static int no_listener(const struct proc_table *t, const struct port_search *q, const char *host, struct err *err)
{
	char text[200];

	if (q->is_elsewhere) {
		address_text(q->elsewhere, text, sizeof(text));
		return err_set(err, -ENOENT, "nothing listens on port %u at %s; it is listened on at %s: use that address",
			       q->port, host, text);
	}
	near_text(t, q, text, sizeof(text));
	if (!text[0])
		return err_set(err, -ENOENT,
			       "nothing listens on TCP port %u, nor on any other here; start the gateway, or name it by --pid, "
			       "--comm or --cgroup",
			       q->port);
	return err_set(err, -ENOENT,
		       "nothing listens on TCP port %u; nearest that are listened on: %s; start the gateway, or name it by "
		       "--pid, --comm or --cgroup (behind NAT)",
		       q->port, text);
}

static int no_owner(const struct proc_holders *holders, unsigned port, struct err *err)
{
	if (holders->denied)
		return err_set(
			err, -EPERM,
			"port %u is listened on, but by a process that this user may not look into; run as root, or name it "
			"by --pid",
			port);
	return err_set(
		err, -ENOENT,
		"port %u is listened on, but by no process that can be seen from here (another pid namespace?); run toll on "
		"the host, outside of the container",
		port);
}

/* systemd keeps the listener of a socket-activated service open beside the service: it is not the gateway. */
static void drop_activators(const struct proc_table *t, struct proc_holders *h)
{
	unsigned kept = 0;
	struct proc_holders others = {.denied = h->denied};

	for (unsigned i = 0; i < h->pids; i++) {
		const struct proc_entry *e = proc_table_find(t, h->pid[i]);
		if (e && (!strcmp(e->comm, "systemd") || e->pid == (uint32_t)getpid()))
			continue;
		others.pid[kept++] = h->pid[i];
	}
	others.pids = kept;
	if (kept)
		*h = others;
}

/*
 * Several processes share a listener that they did not make: their parent made it, closed its own fd and runs the same
 * program.
 */
static void add_maker(const struct proc_table *t, struct proc_holders *h)
{
	char parent_exe[256], exe[256];
	const struct proc_entry *first = h->pids > 1 ? proc_table_find(t, h->pid[0]) : NULL;

	if (!first || first->ppid <= 1 || first->ppid == (uint32_t)getpid() || contains(h->pid, h->pids, first->ppid))
		return;
	for (unsigned i = 1; i < h->pids; i++) {
		const struct proc_entry *e = proc_table_find(t, h->pid[i]);
		if (!e || e->ppid != first->ppid)
			return;
	}
	if (proc_link(first->pid, "exe", exe, sizeof(exe)) || proc_link(first->ppid, "exe", parent_exe, sizeof(parent_exe)))
		return;
	if (!strcmp(exe, parent_exe) && h->pids < sizeof(h->pid) / sizeof(h->pid[0]))
		h->pid[h->pids++] = first->ppid;
}

/* 1: it is docker-proxy and `holders` now are those behind it; 0: it is not; -errno. */
static int follow_docker_proxy(const struct proc_table *t, struct proc_holders *holders, struct discovered *out, struct err *err)
{
	char cmdline[4096];
	uint64_t inode[LISTENERS_MAX];
	struct docker_proxy target;
	const struct proc_entry *e = proc_table_find(t, holders->pid[0]);

	if (!e || !docker_proxy_is(e->pid, e->comm))
		return 0;
	int bytes = proc_read(e->pid, "cmdline", cmdline, sizeof(cmdline));
	if (bytes <= 0 || docker_proxy_parse(cmdline, (size_t)bytes, &target))
		return err_set(
			err, -EPROTO,
			"docker-proxy (pid %u) listens there, but its command line names no container; name the gateway by --pid",
			e->pid);
	int inodes = docker_proxy_find_target(t, &target, inode, LISTENERS_MAX);
	if (inodes <= 0 || proc_find_holders(t, inode, (unsigned)inodes, NULL, holders) || !holders->pids)
		return err_set(
			err, -ENOENT,
			"docker-proxy (pid %u) forwards to %s:%u, but no process that can be seen listens there; run as root, or "
			"name the gateway by --pid",
			e->pid, target.ip, target.port);
	snprintf(out->not_owner, sizeof(out->not_owner), "docker-proxy (pid %u) forwards to %s:%u", e->pid, target.ip,
		 target.port);
	return 1;
}

static int owners_to_tree(const struct proc_table *t, struct port_search *q, struct proc_strangers *strangers,
			  struct discovered *out, struct err *err)
{
	struct proc_holders holders;
	char what[192];

	int ret = proc_find_holders(t, q->inode, q->inodes, strangers, &holders);
	if (ret)
		return err_set(err, ret, "too many processes share port %u; name the gateway by --pid", q->port);
	drop_activators(t, &holders);
	if (!holders.pids)
		return no_owner(&holders, q->port, err);
	ret = follow_docker_proxy(t, &holders, out, err);
	if (ret < 0)
		return ret;
	add_maker(t, &holders);
	if (ret)
		snprintf(what, sizeof(what), "%s", out->not_owner);
	else
		snprintf(what, sizeof(what), "listens on port %u", q->port);
	return finish(t, build_tree(t, holders.pid, holders.pids, out), out, what, err);
}

int discover_by_port(const char *host, unsigned port, struct proc_strangers *strangers, struct discovered *out, struct err *err)
{
	struct port_search q = {.port = (uint16_t)port};
	struct proc_table t;

	memset(out, 0, sizeof(*out));
	if (port == 0 || port > UINT16_MAX)
		return err_set(err, -EINVAL, "%u is no TCP port; ports are 1 to 65535", port);
	int ret = host_parse(host, &q, err);
	if (ret)
		return ret;
	ret = proc_table_read(&t);
	if (!ret)
		ret = proc_tcp_listeners(0, port_visit, &q);
	if (ret) {
		proc_table_fini(&t);
		return err_set(err, ret, "cannot read /proc to find who listens on port %u: %s", port, strerror(-ret));
	}
	/* the kernel hands a connection to the listener with the more specific address */
	if (q.exacts) {
		memcpy(q.inode, q.exact, sizeof(q.inode));
		q.inodes = q.exacts;
	}
	ret = q.inodes ? owners_to_tree(&t, &q, strangers, out, err) : no_listener(&t, &q, host, err);
	proc_table_fini(&t);
	return ret;
}

/* --- by address in another network namespace ---------------------------------------------------------------------------------- */

int discover_by_container(const char *host, unsigned port, struct discovered *out, struct err *err)
{
	uint64_t inode[LISTENERS_MAX];
	struct docker_proxy target;
	struct proc_holders holders = {0};
	struct proc_table t;
	char what[128];
	int inodes = 0, ret;

	memset(out, 0, sizeof(*out));
	if (docker_proxy_target(host, port, &target))
		return err_set(err, -EINVAL, "\"%s\" port %u is no address and TCP port", host, port);
	ret = proc_table_read(&t);
	if (ret)
		return err_set(err, ret, "cannot read /proc: %s", strerror(-ret));
	inodes = docker_proxy_find_target(&t, &target, inode, LISTENERS_MAX);
	if (inodes > 0)
		ret = proc_find_holders(&t, inode, (unsigned)inodes, NULL, &holders);
	snprintf(what, sizeof(what), "listens on port %u in a network namespace of its own", port);
	if (ret)
		ret = err_set(err, ret, "too many processes share %s port %u; name the gateway by --pid", host, port);
	else if (!holders.pids)
		ret = err_set(err, -ENOENT, "no process here listens on %s port %u", host, port);
	else
		ret = finish(&t, build_tree(&t, holders.pid, holders.pids, out), out, what, err);
	proc_table_fini(&t);
	return ret;
}

/* --- by pid, by name -------------------------------------------------------------------------------------------------------- */

int discover_by_pid(uint32_t pid, struct discovered *out, struct err *err)
{
	struct proc_table t;
	char what[64];

	memset(out, 0, sizeof(*out));
	int ret = proc_table_read(&t);
	if (ret)
		return err_set(err, ret, "cannot read /proc: %s", strerror(-ret));
	const struct proc_entry *e = proc_table_find(&t, pid);
	snprintf(what, sizeof(what), "pid %u was given", pid);
	if (!e || !is_alive(e->state))
		ret = err_set(err, -ESRCH, "there is no process with pid %u (threads do not count; see `ps -e`)", pid);
	else
		ret = finish(&t, build_tree(&t, &pid, 1, out), out, what, err);
	proc_table_fini(&t);
	return ret;
}

int discover_by_comm(const char *comm, struct discovered *out, struct err *err)
{
	struct proc_table t;
	struct proc_holders named = {0};
	char what[96];

	memset(out, 0, sizeof(*out));
	int ret = proc_table_read(&t);
	if (ret)
		return err_set(err, ret, "cannot read /proc: %s", strerror(-ret));
	for (size_t i = 0; i < t.count; i++) {
		/* the kernel keeps 15 characters of a name */
		bool same = !strncmp(t.entry[i].comm, comm, 15) && comm[0];
		if (!same || !is_alive(t.entry[i].state) || t.entry[i].pid == (uint32_t)getpid())
			continue;
		if (named.pids < sizeof(named.pid) / sizeof(named.pid[0]))
			named.pid[named.pids++] = t.entry[i].pid;
	}
	snprintf(what, sizeof(what), "name \"%.40s\" was given", comm);
	if (!named.pids)
		ret = err_set(err, -ESRCH, "no process is called \"%s\" (names as in /proc/PID/comm, at most 15 characters)",
			      comm);
	else
		ret = finish(&t, build_tree(&t, named.pid, named.pids, out), out, what, err);
	proc_table_fini(&t);
	return ret;
}
