// SPDX-License-Identifier: GPL-2.0-only
#include "probe/accounts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"

#define PROGRAMS_MAX 13

struct row {
	enum probe_group group;
	bool stays; /* of the threads' lives: few, and an account once made must be known to end */
	struct bpf_program *prog;
	struct bpf_link **link; /* NULL: an iterator */
};

/* In the order of attaching: what makes an account before what writes into it. */
static unsigned rows_of(struct toll_bpf *s, struct row row[PROGRAMS_MAX])
{
	const struct row all[] = {
		{PROBE_THREADS, true, s->progs.toll_find_threads, NULL},
		{PROBE_THREADS, true, s->progs.toll_thread_exit, &s->links.toll_thread_exit},
		{PROBE_THREADS, true, s->progs.toll_thread_fork, &s->links.toll_thread_fork},
		{PROBE_THREADS, true, s->progs.toll_thread_exec, &s->links.toll_thread_exec},
		{PROBE_THREADS, true, s->progs.toll_rename, &s->links.toll_rename},
		{PROBE_THREADS, false, s->progs.toll_waking, &s->links.toll_waking},
		{PROBE_THREADS, false, s->progs.toll_wakeup_new, &s->links.toll_wakeup_new},
		{PROBE_THREADS, false, s->progs.toll_migrate, &s->links.toll_migrate},
		{PROBE_THREADS, false, s->progs.toll_switch, &s->links.toll_switch},
		{PROBE_THREADS, false, s->progs.toll_switch_reads_state, &s->links.toll_switch_reads_state},
		{PROBE_SYSCALLS, false, s->progs.toll_sys_exit, &s->links.toll_sys_exit},
		{PROBE_SYSCALLS, false, s->progs.toll_sys_enter, &s->links.toll_sys_enter},
	};

	memcpy(row, all, sizeof(all));
	return sizeof(all) / sizeof(all[0]);
}

int accounts_choose(struct toll_bpf *skel, const struct paths *paths, unsigned groups, uint32_t threads_max)
{
	bool on = (groups & PROBE_THREADS) != 0, in_hash = paths->impl[PATH_THREADS] == PATH_THREADS_HASH;
	bool sockets_in_hash = paths->impl[PATH_SOCKETS] == PATH_SOCKETS_HASH;
	struct row row[PROGRAMS_MAX];
	unsigned rows = rows_of(skel, row);
	int cpus = libbpf_num_possible_cpus();

	if (cpus < 0)
		return cpus;
	for (unsigned i = 0; i < rows; i++)
		bpf_program__set_autoload(row[i].prog, (groups & row[i].group) != 0);
	bpf_program__set_autoload(paths->impl[PATH_SWITCH] == PATH_SWITCH_ARGUMENT ? skel->progs.toll_switch_reads_state
										   : skel->progs.toll_switch,
				  false);
	bpf_map__set_autocreate(skel->maps.threads, on && !in_hash);
	bpf_map__set_autocreate(skel->maps.threads_hash, on && in_hash);
	bpf_map__set_autocreate(skel->maps.cpus, on);
	bpf_map__set_autocreate(skel->maps.lookups, on && !sockets_in_hash);
	bpf_map__set_autocreate(skel->maps.lookups_open, on);
	skel->rodata->lookups_on = on;
	skel->rodata->lookups_answers = on && !sockets_in_hash && paths->impl[PATH_READABLE] == PATH_READABLE_DATA_READY;
	if (threads_max)
		skel->rodata->threads_max = threads_max;
	if (bpf_map__set_max_entries(skel->maps.threads_hash, skel->rodata->threads_max))
		return -errno;
	return bpf_map__set_max_entries(skel->maps.cpus, (uint32_t)cpus);
}

int accounts_attach(struct toll_bpf *skel, struct err *err)
{
	struct row row[PROGRAMS_MAX];
	unsigned rows = rows_of(skel, row);

	for (unsigned i = 0; i < rows; i++) {
		int rc = row[i].link ? skeleton_attach(row[i].prog, row[i].link, err) : 0;

		if (rc)
			return rc;
	}
	return 0;
}

int accounts_find(struct toll_bpf *skel)
{
	return bpf_program__autoload(skel->progs.toll_find_threads) ? skeleton_run_iterator(skel->progs.toll_find_threads, -1)
								    : 0;
}

/* Nobody is known to hold any CPU: what was noted down last is as old as the programs' last run. */
static int cpus_forget(const struct toll_bpf *skel)
{
	const uint32_t bytes = bpf_map__value_size(skel->maps.cpus), cpus = bpf_map__max_entries(skel->maps.cpus);
	const uint32_t idle = WIRE_HOLDER_IDLE;
	char *state = calloc(1, bytes);
	int rc = state ? 0 : -ENOMEM;

	if (state)
		memcpy(state + sizeof(uint64_t), &idle, sizeof(idle)); /* struct cpu_state: since_ns, holder */
	for (uint32_t cpu = 0; !rc && cpu < cpus; cpu++)
		rc = bpf_map__update_elem(skel->maps.cpus, &cpu, sizeof(cpu), state, bytes, BPF_ANY);
	free(state);
	return rc;
}

int accounts_switch(struct toll_bpf *skel, unsigned group, bool on, struct err *err)
{
	struct row row[PROGRAMS_MAX];
	unsigned rows = rows_of(skel, row);
	int rc = on && group == PROBE_THREADS ? cpus_forget(skel) : 0;

	if (on)
		*(group == PROBE_THREADS ? &skel->bss->threads_since_ns : &skel->bss->calls_since_ns) = clock_now_ns();
	for (unsigned i = 0; i < rows && !rc; i++) {
		if (row[i].group != group || row[i].stays || !row[i].link)
			continue;
		if (on) {
			rc = skeleton_attach(row[i].prog, row[i].link, err);
		} else {
			bpf_link__destroy(*row[i].link);
			*row[i].link = NULL;
		}
	}
	return rc || !on || group != PROBE_THREADS ? rc : accounts_find(skel);
}
