// SPDX-License-Identifier: GPL-2.0-only
#include "probe/path_try.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "probe/accounts.h"
#include "probe/alloc_programs.h"
#include "probe/kept_feed_bpf.h"
#include "probe/probe.h"
#include "probe/skeleton.h"

#define RING_BYTES 65536

/* The smallest program that stands or falls with the implementation; NULL: nothing to load. */
static const char *const program_of[PATHS][PATH_IMPLS_MAX] = {
	[PATH_SOCKETS] = {"toll_retransmit", "toll_retransmit"},
	[PATH_TCP] = {"toll_read", "toll_read"},
	[PATH_READABLE] = {"toll_data_ready", "toll_readable"},
	[PATH_ACCEPT] = {"toll_accept", "toll_accept_by_argument", NULL},
	[PATH_OPEN] = {"toll_find", "toll_find"},
	[PATH_THREADS] = {"toll_rename", "toll_rename"},
	[PATH_SWITCH] = {"toll_switch", "toll_switch_reads_state"},
};

/* What of the others a path's program builds upon stands before it. */
static unsigned groups_of(enum path path)
{
	return path == PATH_THREADS || path == PATH_SWITCH ? PROBE_THREADS : 0;
}

static int attach_alone(struct bpf_program *prog, char *why, size_t size)
{
	const char *hook = bpf_program__section_name(prog);
	struct bpf_link *link;
	int rc;

	/* An iterator attaches by being run; cookies are made where a cgroup is given. */
	if (strchr(hook, '/') ? !strncmp(hook, "iter/", 5) : true)
		return 0;
	link = bpf_program__attach(prog);
	rc = link ? 0 : -errno;
	if (rc)
		snprintf(why, size, "%s loads but does not attach: %s", hook, strerror(-rc));
	bpf_link__destroy(link);
	return rc;
}

int program_try(const char *name, const struct paths *paths, unsigned groups, char *why, size_t size)
{
	struct toll_bpf *skel = toll_bpf__open();
	struct bpf_program *prog;
	int rc;

	if (!skel)
		return -errno;
	skeleton_choose(skel, paths);
	accounts_choose(skel, paths, groups, 0);
	bpf_object__for_each_program(prog, skel->obj) bpf_program__set_autoload(prog, !strcmp(bpf_program__name(prog), name));
	prog = bpf_object__find_program_by_name(skel->obj, name);
	bpf_map__set_max_entries(skel->maps.events, RING_BYTES);
	if (prog == skel->progs.toll_growth_touch)
		kept_feed_choose(skel, 1); /* where that fails loading tells */
	snprintf(why, size, "%s", bpf_program__section_name(prog));
	rc = toll_bpf__load(skel);
	if (rc)
		snprintf(why, size, "%s does not load: %s", bpf_program__section_name(prog), strerror(-rc));
	else
		rc = attach_alone(prog, why, size);
	toll_bpf__destroy(skel);
	return rc;
}

static int alloc_try(unsigned impl, char *why, size_t size)
{
	struct alloc_programs programs;
	int rc = alloc_programs_load_best(&programs, (enum uprobe_link_kind)impl, -1);

	if (rc)
		snprintf(why, size, "%s: %s", uprobe_link_name((enum uprobe_link_kind)impl), strerror(-rc));
	else
		alloc_programs_unload(&programs);
	return rc;
}

int path_try(const struct paths *paths, enum path path, unsigned impl, char *why, size_t size)
{
	struct paths with = *paths;
	const char *program;

	with.impl[path] = (uint8_t)impl;
	if (size)
		why[0] = '\0';
	if (path == PATH_OPEN && impl == PATH_OPEN_OPERATIONS)
		with.impl[PATH_SOCKETS] = PATH_SOCKETS_HASH;
	if (path == PATH_ALLOC)
		return alloc_try(impl, why, size);
	program = program_of[path][impl - PATH_FIRST];
	return program ? program_try(program, &with, groups_of(path), why, size) : 0;
}

int path_find(struct paths *paths, enum path path)
{
	char why[160];
	int rc = -ENOENT;

	for (unsigned i = PATH_FIRST; path_impl_name(path, i); i++) {
		rc = path_try(paths, path, i, why, sizeof(why));
		if (rc)
			continue;
		paths->impl[path] = (uint8_t)i;
		return 0;
	}
	return rc;
}

struct paths paths_likely(const struct paths *asked)
{
	struct paths p;

	memset(&p, PATH_FIRST, sizeof(p));
	if (libbpf_find_vmlinux_btf_id("bpf_rdonly_cast", BPF_TRACE_FENTRY) <= 0)
		p.impl[PATH_TCP] = PATH_TCP_COPY;
	if (libbpf_find_vmlinux_btf_id("sk_data_ready", BPF_TRACE_RAW_TP) <= 0)
		p.impl[PATH_READABLE] = PATH_READABLE_TCP_PROBE;
	for (unsigned i = 0; i < PATHS; i++)
		if (asked->impl[i])
			p.impl[i] = asked->impl[i];
	return p;
}

int path_asked(const struct paths *paths, enum path path, struct err *err)
{
	char why[160];
	int rc = path_try(paths, path, paths->impl[path], why, sizeof(why));

	if (!rc)
		return 0;
	return err_set(err, rc, "--path %s=%s cannot be taken here: %s; without it the best that works is taken (`toll doctor`)",
		       path_name(path), path_impl_name(path, paths->impl[path]), why);
}

int paths_find(struct paths *out, const struct paths *asked, struct err *err)
{
	*out = paths_likely(asked);
	for (unsigned i = 0; i < PATH_ALLOC; i++) {
		int rc = asked->impl[i] ? path_asked(out, i, err) : 0;

		if (rc)
			return rc;
		if (!asked->impl[i])
			path_find(out, i); /* where none works, loading them all together will tell */
	}
	return 0;
}
