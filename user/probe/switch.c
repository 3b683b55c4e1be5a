// SPDX-License-Identifier: GPL-2.0-only
/* Groups of open probes: off and on while they run, and what they cost. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "base/privileges.h"
#include "probe/accounts.h"
#include "probe/parts.h"

/* After all that the ring holds: what was told before it stands before it. */
static int switched_tell(struct probe *p, unsigned group, bool on, uint64_t time_ns, uint64_t whole_ns)
{
	struct wire_groups told = {.h = {.kind = WIRE_KIND_GROUPS, .size = sizeof(told), .time_ns = time_ns},
				   .whole_ns = whole_ns};
	int rc;

	p->off = on ? p->off & ~group : p->off | group;
	told.off = p->off;
	rc = probe_poll(p);
	return rc < 0 ? rc : p->config.record(p->config.ctx, &told, sizeof(told));
}

uint64_t probe_alloc_hush(struct probe *p)
{
	uint64_t now_ns = clock_now_ns();

	p->skel->bss->alloc_is_on = false;
	return now_ns;
}

int probe_alloc_hushed(struct probe *p, uint64_t since_ns)
{
	return switched_tell(p, PROBE_ALLOC, false, since_ns, since_ns);
}

int probe_alloc_marks(struct probe *p, bool on)
{
	uint64_t now_ns = clock_now_ns();

	if (!on)
		return probe_alloc_hushed(p, probe_alloc_hush(p));
	p->skel->bss->alloc_is_on = true;
	return switched_tell(p, PROBE_ALLOC, true, now_ns, now_ns);
}

int probe_switch(struct probe *p, enum probe_group group, bool on, struct err *err)
{
	uint64_t now_ns = clock_now_ns();
	int rc = 0;

	if (!(probe_groups(p) & group) || on == !(p->off & group))
		return 0;
	if (group == PROBE_STACKS) {
		p->skel->bss->stack_blocks_held = !on;
		samples_switch(p->samples, on);
	} else {
		rc = accounts_switch(p->skel, group, on, err);
	}
	return rc ? rc : switched_tell(p, group, on, now_ns, on ? clock_now_ns() : now_ns);
}

unsigned probe_groups(const struct probe *p)
{
	return p->config.groups | (p->samples ? PROBE_STACKS : 0);
}

const struct probe_hits *probe_hits(const struct probe *p)
{
	return &p->hits;
}

const struct probe_group_costs *probe_group_costs(const struct probe *p)
{
	return p->costs_known ? &p->costs : NULL;
}

static int program_costs(const struct bpf_program *prog, uint64_t *run_ns, uint64_t *runs)
{
	struct bpf_prog_info info = {};
	uint32_t bytes = sizeof(info);
	int fd = bpf_program__fd(prog);

	if (fd < 0)
		return 0; /* not loaded: it costs nothing */
	if (bpf_obj_get_info_by_fd(fd, &info, &bytes))
		return -errno;
	*run_ns += info.run_time_ns;
	*runs += info.run_cnt;
	return 0;
}

int probe_costs(const struct probe *p, struct probe_costs *out)
{
	int rc;

	memset(out, 0, sizeof(*out));
	memcpy(out->gateway_marks, p->gateway_marks, sizeof(out->gateway_marks));
	rc = program_costs(p->skel->progs.toll_readable, &out->run_ns[WIRE_LANE_IN], &out->runs[WIRE_LANE_IN]);
	/* one of the two is loaded */
	if (!rc)
		rc = program_costs(p->skel->progs.toll_data_ready, &out->run_ns[WIRE_LANE_IN], &out->runs[WIRE_LANE_IN]);
	if (!rc)
		rc = program_costs(p->skel->progs.toll_read, &out->run_ns[WIRE_LANE_READ], &out->runs[WIRE_LANE_READ]);
	if (!rc)
		rc = program_costs(p->skel->progs.toll_leaves, &out->run_ns[WIRE_LANE_OUT], &out->runs[WIRE_LANE_OUT]);
	return rc;
}

int probe_stats_enable(void)
{
	bool raised = privileges_raise_admin();
	int fd = bpf_enable_stats(BPF_STATS_RUN_TIME), rc = fd < 0 ? -errno : fd;

	if (raised)
		privileges_lower_admin();
	return rc;
}
