// SPDX-License-Identifier: GPL-2.0-only
#include "probe/samples.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "base/clock.h"
#include "base/privileges.h"
#include "probe/skeleton.h"

struct samples {
	struct bpf_link **link; /* by CPU; NULL: offline */
	int *fd; /* of each CPU's clock; the link owns it */
	int cpus;
};

uint32_t samples_period_ns(unsigned hz)
{
	return hz ? (uint32_t)(NS_PER_S / hz) : 0;
}

/* Of a CPU (pid -1) or of a process' first thread (cpu -1). */
static int clock_open(pid_t pid, int cpu, uint32_t period_ns)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = period_ns,
	};
	bool raised = privileges_raise_admin();
	long fd = syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	int rc = fd < 0 ? -errno : (int)fd;

	if (raised)
		privileges_lower_admin();
	return rc;
}

static int cpu_attach(struct samples *s, int cpu, struct bpf_program *prog, uint32_t period_ns)
{
	int fd = clock_open(-1, cpu, period_ns), rc;

	if (fd == -ENODEV || fd == -ENXIO)
		return 0; /* offline */
	if (fd < 0)
		return fd;
	s->fd[cpu] = fd;
	s->link[cpu] = bpf_program__attach_perf_event(prog, fd);
	if (s->link[cpu])
		return 0; /* the link owns fd */
	rc = -errno;
	close(fd);
	return rc;
}

int samples_open_thread(struct bpf_link **out, struct bpf_program *prog, pid_t pid, uint32_t period_ns)
{
	int fd = clock_open(pid, -1, period_ns), rc;

	if (fd < 0)
		return fd;
	*out = bpf_program__attach_perf_event(prog, fd);
	if (*out)
		return 0;
	rc = -errno;
	close(fd);
	return rc;
}

int samples_open(struct samples **out, struct bpf_program *prog, uint32_t period_ns)
{
	struct samples *s = calloc(1, sizeof(*s));
	int cpus = libbpf_num_possible_cpus(), rc = 0;

	if (!s || cpus < 0) {
		free(s);
		return cpus < 0 ? cpus : -ENOMEM;
	}
	s->link = calloc((size_t)cpus, sizeof(struct bpf_link *));
	s->fd = calloc((size_t)cpus, sizeof(*s->fd));
	if (!s->link || !s->fd)
		rc = -ENOMEM;
	for (s->cpus = 0; s->cpus < cpus && !rc; s->cpus++)
		rc = cpu_attach(s, s->cpus, prog, period_ns);
	if (rc) {
		samples_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void samples_close(struct samples *s)
{
	if (!s)
		return;
	for (int i = 0; i < s->cpus; i++)
		bpf_link__destroy(s->link[i]);
	free(s->link);
	free(s->fd);
	free(s);
}

void samples_switch(const struct samples *s, bool on)
{
	for (int i = 0; i < s->cpus; i++)
		if (s->link[i])
			ioctl(s->fd[i], on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0);
}

static void text_fill(const struct code_maps *maps, bool frame_pointers, struct wire_text *out)
{
	struct map_range range[WIRE_TEXT_RANGES_MAX];
	uint64_t widest = 0;

	memset(out, 0, sizeof(*out));
	out->ranges = code_maps_ranges(maps, range, WIRE_TEXT_RANGES_MAX);
	out->frame_pointers = frame_pointers;
	for (uint32_t i = 0; i < out->ranges; i++) {
		out->range[i] = (struct wire_text_range){range[i].start, range[i].end};
		if (!i || range[i].start - range[i - 1].end <= widest)
			continue;
		widest = range[i].start - range[i - 1].end;
		out->gap_start = range[i - 1].end;
		out->gap_end = range[i].start;
	}
}

int samples_text(struct toll_bpf *skel, uint32_t tgid, const struct code_maps *maps, bool frame_pointers)
{
	struct wire_text text;

	text_fill(maps, frame_pointers, &text);
	return bpf_map__update_elem(skel->maps.texts, &tgid, sizeof(tgid), &text, sizeof(text), BPF_ANY);
}
