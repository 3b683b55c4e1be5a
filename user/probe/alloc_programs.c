// SPDX-License-Identifier: GPL-2.0-only
#include "probe/alloc_programs.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/privileges.h"

/*
 * bpf(BPF_LINK_CREATE) for many uprobes of a file at once, from include/uapi/linux/bpf.h: BPF_TRACE_UPROBE_MULTI came with 6.6
 * (89ae89f53d20), BPF_TRACE_UPROBE_SESSION with 6.13 (d920179b3d48). libbpf 1.1.2 and Debian 12's headers know neither.
 */
#define ATTACH_UPROBE_MULTI 48
#define ATTACH_UPROBE_SESSION 57
#define UPROBE_MULTI_RETURN 1u
struct link_create_uprobe_multi {
	uint32_t prog_fd;
	uint32_t target_fd;
	uint32_t attach_type;
	uint32_t link_flags;
	uint64_t path;
	uint64_t offsets;
	uint64_t ref_ctr_offsets;
	uint64_t cookies;
	uint32_t count;
	uint32_t flags;
	uint32_t pid;
	uint32_t padding;
};

#define SPOTS_MAX WIRE_ALLOC_FUNCTIONS_MAX
#define DETACH_THREADS_MAX 64
struct uprobe_group {
	int fd[2];
	struct bpf_link *link[2 * SPOTS_MAX];
	unsigned links;
};

void alloc_programs_choose(struct alloc_programs *p)
{
	bool session = p->kind == UPROBE_LINK_SESSION;

	skeleton_none(p->skel);
	bpf_program__set_autoload(p->session, session);
	bpf_program__set_autoload(p->enter, !session);
	bpf_program__set_autoload(p->leave, !session);
	if (session)
		bpf_program__set_expected_attach_type(p->session, ATTACH_UPROBE_SESSION);
	if (p->kind == UPROBE_LINK_MULTI) {
		bpf_program__set_expected_attach_type(p->enter, ATTACH_UPROBE_MULTI);
		bpf_program__set_expected_attach_type(p->leave, ATTACH_UPROBE_MULTI);
	}
}

static int load(struct alloc_programs *p, int threads_map_fd)
{
	int rc = 0;

	p->session = p->skel->progs.toll_alloc_session;
	p->enter = p->skel->progs.toll_alloc_enter;
	p->leave = p->skel->progs.toll_alloc_leave;
	p->window = &p->skel->bss->alloc_window;
	alloc_programs_choose(p);
	bpf_map__set_autocreate(p->skel->maps.alloc_threads, true);
	bpf_map__set_autocreate(p->skel->maps.alloc_functions, true);
	if (threads_map_fd >= 0)
		rc = bpf_map__reuse_fd(p->skel->maps.alloc_threads, threads_map_fd);
	return rc ? rc : toll_bpf__load(p->skel);
}

int alloc_programs_load(struct alloc_programs *p, enum uprobe_link_kind kind, int threads_map_fd)
{
	int rc;

	skeleton_quiet();
	*p = (struct alloc_programs){.skel = toll_bpf__open(), .kind = kind};
	if (!p->skel)
		return -errno;
	rc = load(p, threads_map_fd);
	if (rc)
		alloc_programs_unload(p);
	return rc;
}

void alloc_programs_unload(struct alloc_programs *p)
{
	toll_bpf__destroy(p->skel);
	p->skel = NULL;
}

int alloc_programs_stats(const struct alloc_programs *p, unsigned index, struct wire_alloc_stats *out)
{
	int cpus = libbpf_num_possible_cpus(), rc;
	struct wire_alloc_stats *per_cpu;
	uint32_t key = index;

	memset(out, 0, sizeof(*out));
	if (cpus < 0)
		return cpus;
	per_cpu = calloc((size_t)cpus, sizeof(*per_cpu));
	if (!per_cpu)
		return -ENOMEM;
	rc = bpf_map__lookup_elem(p->skel->maps.alloc_functions, &key, sizeof(key), per_cpu, (size_t)cpus * sizeof(*per_cpu), 0);
	for (int cpu = 0; !rc && cpu < cpus; cpu++) {
		const uint64_t *from = (const uint64_t *)&per_cpu[cpu];
		uint64_t *to = (uint64_t *)out;

		for (size_t i = 0; i < sizeof(*out) / sizeof(*to); i++)
			to[i] += from[i];
	}
	free(per_cpu);
	return rc;
}

static int link_multi(const struct bpf_program *prog, uint32_t attach_type, uint32_t flags, const char *path, uint32_t pid,
		      const struct uprobe_spot *spot, unsigned spots)
{
	uint64_t offset[SPOTS_MAX], cookie[SPOTS_MAX];
	struct link_create_uprobe_multi attr;
	long fd;

	for (unsigned i = 0; i < spots; i++) {
		offset[i] = spot[i].offset;
		cookie[i] = spot[i].cookie;
	}
	memset(&attr, 0, sizeof(attr));
	attr.prog_fd = (uint32_t)bpf_program__fd(prog);
	attr.attach_type = attach_type;
	attr.path = (uint64_t)(uintptr_t)path;
	attr.offsets = (uint64_t)(uintptr_t)offset;
	attr.cookies = (uint64_t)(uintptr_t)cookie;
	attr.count = spots;
	attr.flags = flags;
	attr.pid = pid;
	fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return fd < 0 ? -errno : (int)fd;
}

/* Returns first: a call that is seen to begin is seen to end. */
static int attach_multi(struct uprobe_group *g, const struct alloc_programs *p, const char *path, uint32_t pid,
			const struct uprobe_spot *spot, unsigned spots)
{
	if (p->kind == UPROBE_LINK_SESSION) {
		g->fd[0] = link_multi(p->session, ATTACH_UPROBE_SESSION, 0, path, pid, spot, spots);
		return g->fd[0] < 0 ? g->fd[0] : 0;
	}
	g->fd[0] = link_multi(p->leave, ATTACH_UPROBE_MULTI, UPROBE_MULTI_RETURN, path, pid, spot, spots);
	if (g->fd[0] >= 0)
		g->fd[1] = link_multi(p->enter, ATTACH_UPROBE_MULTI, 0, path, pid, spot, spots);
	return g->fd[0] < 0 ? g->fd[0] : g->fd[1] < 0 ? g->fd[1] : 0;
}

static int attach_one(struct uprobe_group *g, const struct bpf_program *prog, bool is_return, const char *path, uint32_t pid,
		      const struct uprobe_spot *spot)
{
	struct bpf_uprobe_opts opts;
	struct bpf_link *link;

	memset(&opts, 0, sizeof(opts)); /* libbpf refuses options whose padding is not zero */
	opts.sz = sizeof(opts);
	opts.bpf_cookie = spot->cookie;
	opts.retprobe = is_return;
	link = bpf_program__attach_uprobe_opts(prog, (pid_t)pid, path, spot->offset, &opts);
	if (!link)
		return -errno;
	g->link[g->links++] = link;
	return 0;
}

static int attach_each(struct uprobe_group *g, const struct alloc_programs *p, const char *path, uint32_t pid,
		       const struct uprobe_spot *spot, unsigned spots)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < spots; i++) {
		if (!(spot[i].cookie & WIRE_ALLOC_ENTRY_ONLY))
			rc = attach_one(g, p->leave, true, path, pid, &spot[i]);
		if (!rc)
			rc = attach_one(g, p->enter, false, path, pid, &spot[i]);
	}
	return rc;
}

int uprobe_group_attach(struct uprobe_group **out, const struct alloc_programs *p, const char *path, uint32_t pid,
			const struct uprobe_spot *spot, unsigned spots)
{
	struct uprobe_group *g = calloc(1, sizeof(*g));
	bool raised;
	int rc;

	if (!g)
		return -ENOMEM;
	g->fd[0] = g->fd[1] = -1;
	raised = privileges_raise_admin();
	if (!spots || spots > SPOTS_MAX)
		rc = -E2BIG;
	else if (p->kind == UPROBE_LINK_PERF)
		rc = attach_each(g, p, path, pid, spot, spots);
	else
		rc = attach_multi(g, p, path, pid, spot, spots);
	if (raised)
		privileges_lower_admin();
	if (rc) {
		uprobe_group_detach(g);
		return rc;
	}
	*out = g;
	return 0;
}

void uprobe_group_detach(struct uprobe_group *g)
{
	if (!g)
		return;
	for (unsigned i = g->links; i-- > 0;)
		bpf_link__destroy(g->link[i]);
	for (int i = 1; i >= 0; i--)
		if (g->fd[i] >= 0)
			close(g->fd[i]);
	free(g);
}

static void *detach_one(void *group)
{
	uprobe_group_detach(group);
	return NULL;
}

void uprobe_groups_detach(struct uprobe_group **group, unsigned groups)
{
	pthread_t thread[DETACH_THREADS_MAX];
	unsigned threads = 0;

	for (unsigned i = 0; i < groups; i++) {
		bool alone = i + 1 == groups || threads == DETACH_THREADS_MAX;

		if (alone || pthread_create(&thread[threads], NULL, detach_one, group[i]))
			uprobe_group_detach(group[i]);
		else
			threads++;
		group[i] = NULL;
	}
	while (threads)
		pthread_join(thread[--threads], NULL);
}
