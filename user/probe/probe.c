// SPDX-License-Identifier: GPL-2.0-only
#include "probe/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "base/log.h"
#include "probe/accounts.h"
#include "probe/calibrate_groups.h"
#include "probe/cookies.h"
#include "probe/find.h"
#include "probe/parts.h"
#include "probe/path_try.h"
#include "probe/turns.h"

#define RING_BYTES_DEFAULT (32u << 20)
#define FLUSH_QUIET_NS (100 * NS_PER_MS)

static void marks_count(struct probe *p, const struct wire_turn *t)
{
	if (t->flags & WIRE_TURN_STILL_OPEN)
		return;
	if (t->role == WIRE_ROLE_GATEWAY && t->side == WIRE_SIDE_SERVER && t->lane[WIRE_LANE_OUT].count)
		p->answers++;
	for (int lane = 0; lane < WIRE_LANES; lane++) {
		p->marks += t->lane[lane].count;
		if (t->role == WIRE_ROLE_GATEWAY)
			p->gateway_marks[lane] += t->lane[lane].count;
	}
}

static void record_pass(struct probe *p, const void *data, uint32_t bytes)
{
	int rc = p->config.record(p->config.ctx, data, bytes);

	p->records++;
	if (rc < 0 && !p->record_error)
		p->record_error = rc;
}

static void turns_pass(struct probe *p, const struct wire_turns *r)
{
	struct wire_turn turn;

	for (unsigned i = 0; i < r->count; i++) {
		turns_get(r, i, &turn);
		marks_count(p, &turn);
		record_pass(p, &turn, sizeof(turn));
	}
}

static void hits_count(struct probe_hits *hits, const struct wire_header *h, uint32_t size)
{
	if (h->kind == WIRE_KIND_OFF_CPU && size == sizeof(struct wire_off_cpu)) {
		hits->periods++;
		hits->waits += ((const struct wire_off_cpu *)h)->stack != 0;
	} else if (h->kind == WIRE_KIND_SYSCALLS && size >= offsetof(struct wire_syscalls, call)) {
		hits->calls += ((const struct wire_syscalls *)h)->count;
	} else if (h->kind == WIRE_KIND_SAMPLE) {
		hits->samples++;
	}
}

static int deliver(void *ctx, void *data, size_t bytes)
{
	struct probe *p = ctx;
	const struct wire_header *h = data;
	uint32_t size = (uint32_t)bytes;

	/* What a snapshot copies is reserved whole and cut by its header. */
	if (bytes >= sizeof(*h) && h->size < size)
		size = h->size;
	if (p->trying)
		return 0;
	if (h->kind == WIRE_KIND_TURNS && turns_check(data, size)) {
		turns_pass(p, data);
		return 0;
	}
	if (h->kind == WIRE_KIND_TURN && size == sizeof(struct wire_turn))
		marks_count(p, data);
	hits_count(&p->hits, h, size);
	record_pass(p, data, size);
	if (h->time_ns > p->polled_ns)
		return -EAGAIN;
	p->poll_cut = p->poll_until_ns != UINT64_MAX && clock_now_ns() >= p->poll_until_ns;
	return p->poll_cut ? -EAGAIN : 0;
}

static int load_chosen(struct probe *p)
{
	uint32_t ring_bytes = p->config.ring_bytes ? p->config.ring_bytes : RING_BYTES_DEFAULT;
	int rc;

	p->skel = toll_bpf__open();
	if (!p->skel)
		return -errno;
	skeleton_choose(p->skel, &p->chosen);
	skeleton_stacks(p->skel, samples_period_ns(p->config.sample_hz));
	p->skel->rodata->alloc_is_wanted = (p->config.groups & PROBE_ALLOC) != 0;
	bpf_map__set_autocreate(p->skel->maps.alloc_threads, (p->config.groups & PROBE_ALLOC) != 0);
	rc = accounts_choose(p->skel, &p->chosen, p->config.groups, p->config.threads_max);
	if (!rc)
		rc = bpf_map__set_max_entries(p->skel->maps.events, ring_bytes);
	if (!rc && p->config.targets_max)
		rc = bpf_map__set_max_entries(p->skel->maps.targets, p->config.targets_max);
	if (!rc)
		rc = toll_bpf__load(p->skel);
	if (rc) {
		toll_bpf__destroy(p->skel);
		p->skel = NULL;
		return rc;
	}
	return 0;
}

/* Accepts are the only marks whose program may load and not attach: then it is not kept. */
static int load_marks(struct probe *p)
{
	int rc = load_chosen(p);

	if (rc)
		return rc;
	rc = skeleton_attach(p->skel->progs.toll_accept, &p->skel->links.toll_accept, &(struct err){0});
	if (!rc)
		rc = skeleton_attach(p->skel->progs.toll_accept_by_argument, &p->skel->links.toll_accept_by_argument,
				     &(struct err){0});
	if (rc) {
		toll_bpf__destroy(p->skel);
		p->skel = NULL;
	}
	return rc;
}

/*
 * The best of all paths first: on a new kernel nothing is tried. Most kernels of virtual machines lack accepts alone. What is left is
 * found one by one.
 */
static int load_paths(struct probe *p, struct err *err)
{
	int rc;

	p->chosen = paths_likely(&p->config.paths);
	rc = p->config.groups & PROBE_ALLOC && p->config.paths.impl[PATH_ALLOC] ? path_asked(&p->chosen, PATH_ALLOC, err) : 0;
	if (rc)
		return rc;
	rc = load_marks(p);
	if (rc && !p->config.paths.impl[PATH_ACCEPT]) {
		path_find(&p->chosen, PATH_ACCEPT);
		rc = load_marks(p);
	}
	if (!rc)
		return 0;
	rc = paths_find(&p->chosen, &p->config.paths, err);
	/* calls of the allocator keep their state in task storage, and are told apart by attach cookies (5.15) */
	if (p->chosen.impl[PATH_THREADS] == PATH_THREADS_HASH)
		p->config.groups &= ~(unsigned)PROBE_ALLOC;
	return rc ? rc : load_marks(p);
}

/* What this kernel refuses is left out: CPU samples alone, accounts of threads alone, or both. err: set only if a path was asked for. */
static int load_best(struct probe *p, struct err *err)
{
	const unsigned hz = p->config.sample_hz, groups = p->config.groups;
	int rc = load_paths(p, err), refused = rc;

	if (err->text[0])
		return rc;
	if (rc && hz) {
		p->config.sample_hz = 0;
		rc = load_marks(p);
	}
	if (rc && groups) {
		p->config.groups = 0;
		p->config.sample_hz = hz;
		rc = load_marks(p);
	}
	if (rc && groups && hz) {
		p->config.sample_hz = 0;
		rc = load_marks(p);
	}
	if (hz && !p->config.sample_hz)
		snprintf(p->no_samples, sizeof(p->no_samples), "this kernel refuses the program that takes stacks: %s",
			 strerror(-refused));
	if (groups && !p->config.groups)
		snprintf(p->no_threads, sizeof(p->no_threads), "this kernel refuses the programs that account for threads: %s",
			 strerror(-refused));
	return rc;
}

/* Processes and states first, marks last: no mark without its connection. */
static int attach_all(struct probe *p, struct err *err)
{
	struct toll_bpf *s = p->skel;
	struct {
		struct bpf_program *prog;
		struct bpf_link **link;
	} rows[] = {
		{s->progs.toll_fork, &s->links.toll_fork},
		{s->progs.toll_exit, &s->links.toll_exit},
		{s->progs.toll_state, &s->links.toll_state},
		{s->progs.toll_retransmit, &s->links.toll_retransmit},
		{s->progs.toll_data_ready, &s->links.toll_data_ready},
		{s->progs.toll_readable, &s->links.toll_readable},
		{s->progs.toll_read, &s->links.toll_read},
		{s->progs.toll_leaves, &s->links.toll_leaves},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = skeleton_attach(rows[i].prog, rows[i].link, err);

		if (rc)
			return rc;
	}
	return accounts_attach(s, err);
}

/* Nobody is wanted by number any longer than the search takes: the number may become another's. */
static int find_wanted(struct probe *p, const struct probe_target *target, unsigned targets)
{
	int rc = find_open(p->skel, &p->chosen);

	for (unsigned i = 0; i < targets; i++)
		bpf_map__delete_elem(p->skel->maps.wanted, &target[i].pid, sizeof(target[i].pid), 0);
	return rc;
}

static int want(struct probe *p, const struct probe_target *target)
{
	uint32_t role = target->role;

	return bpf_map__update_elem(p->skel->maps.wanted, &target->pid, sizeof(target->pid), &role, sizeof(role), BPF_ANY);
}

static void paths_describe(struct probe *p)
{
	const uint8_t *impl = p->chosen.impl;

	snprintf(p->paths, sizeof(p->paths), "leaves net_dev_queue; readable %s; read tcp_rcv_space_adjust; accept %s%s%s",
		 path_impl_name(PATH_READABLE, impl[PATH_READABLE]),
		 impl[PATH_ACCEPT] != PATH_ACCEPT_NONE ? "fexit inet_csk_accept"
		 : p->config.paths.impl[PATH_ACCEPT]   ? "not seen (--path accept=none)"
						       : "not seen (fexit refused by this kernel)",
		 impl[PATH_SOCKETS] == PATH_SOCKETS_HASH ? "; sockets in a hash" : "",
		 p->config.groups && impl[PATH_THREADS] == PATH_THREADS_HASH ? "; threads in a hash" : "");
}

/* Before anything else is watched. */
static void costs_calibrate(struct probe *p, struct group_trial *trial)
{
	uint64_t start_ns = clock_now_ns();
	int rc = group_trial_measure(trial, p->skel, &p->chosen, &p->costs);

	group_trial_end(trial);
	p->trying = true;
	ring_buffer__consume(p->ring);
	p->trying = false;
	p->costs_known = !rc;
	if (rc)
		log_line(LOG_WARN,
			 "what a hit of the probes costs could not be calibrated: %s; the budget does not hold them back",
			 strerror(-rc));
	else
		log_line(LOG_DEBUG,
			 "a hit costs %u ns (off-CPU period), %u (system call), %u (sample), %u (stack of a wait); tried in %llu "
			 "us",
			 p->costs.period_ns, p->costs.call_ns, p->costs.sample_ns, p->costs.wait_ns,
			 (unsigned long long)(clock_now_ns() - start_ns) / 1000);
}

static int targets_want(struct probe *p, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < p->config.targets; i++) {
		rc = want(p, &p->config.target[i]);
		if (rc)
			err_set(err, rc, "cannot watch process %u: %s", p->config.target[i].pid, strerror(-rc));
	}
	return rc;
}

int probe_open(struct probe **out, const struct probe_config *config, struct err *err)
{
	struct probe *p = calloc(1, sizeof(*p));
	struct group_trial trial = {.to = -1, .from = -1};
	int rc;

	if (!p)
		return err_set(err, -ENOMEM, "no memory for the probes");
	p->config = *config;
	/* system calls are written into the threads' accounts */
	if (p->config.groups & PROBE_SYSCALLS)
		p->config.groups |= PROBE_THREADS;
	p->config.groups &= ~(unsigned)PROBE_STACKS; /* sample_hz tells */
	skeleton_quiet();
	rc = skeleton_host_check(err);
	if (rc)
		goto fail;
	rc = load_best(p, err);
	if (rc) {
		if (!err->text[0])
			err_set(err, rc, "cannot load the probes: %s; %s, or use --no-probes", strerror(-rc),
				skeleton_advice(rc));
		goto fail;
	}
	p->ring = ring_buffer__new(bpf_map__fd(p->skel->maps.events), deliver, p, NULL);
	if (!p->ring) {
		rc = err_set(err, -errno, "cannot map the ring buffer: %s", strerror(errno));
		goto fail;
	}
	if (p->config.groups || p->config.sample_hz)
		group_trial_begin(&trial);
	rc = cookies_attach(p->skel, err);
	if (!rc)
		rc = attach_all(p, err);
	if (!rc && (p->config.groups || p->config.sample_hz))
		costs_calibrate(p, &trial);
	if (!rc)
		rc = targets_want(p, err);
	if (rc)
		goto fail;
	rc = find_wanted(p, config->target, config->targets);
	if (rc) {
		err_set(err, rc, "cannot look for open connections: %s; %s", strerror(-rc), skeleton_advice(rc));
		goto fail;
	}
	paths_describe(p);
	*out = p;
	return 0;
fail:
	group_trial_end(&trial);
	probe_close(p);
	return rc;
}

int probe_add_target(struct probe *p, const struct probe_target *target)
{
	int rc = want(p, target);

	return rc ? rc : find_wanted(p, target, 1);
}

int probe_text(struct probe *p, uint32_t tgid, const struct code_maps *maps, bool frame_pointers)
{
	return p->config.sample_hz ? samples_text(p->skel, tgid, maps, frame_pointers) : 0;
}

void probe_samples_start(struct probe *p)
{
	int rc;

	if (!p->config.sample_hz) {
		if (!p->no_samples[0])
			snprintf(p->no_samples, sizeof(p->no_samples), "not asked for");
		return;
	}
	rc = samples_open(&p->samples, p->skel->progs.toll_sample, samples_period_ns(p->config.sample_hz));
	if (rc)
		snprintf(p->no_samples, sizeof(p->no_samples), "the perf software clock cannot be opened: %s; %s", strerror(-rc),
			 skeleton_advice(rc));
}

int probe_alloc_threads_fd(const struct probe *p)
{
	return p->config.groups & PROBE_ALLOC ? bpf_map__fd(p->skel->maps.alloc_threads) : -1;
}

unsigned probe_alloc_path(const struct probe *p)
{
	return p->config.paths.impl[PATH_ALLOC];
}

const char *probe_no_samples(const struct probe *p)
{
	return p->samples ? NULL : p->no_samples;
}

const char *probe_no_threads(const struct probe *p)
{
	if (p->config.groups & PROBE_THREADS)
		return NULL;
	return p->no_threads[0] ? p->no_threads : "not asked for";
}

/*
 * Up to the first that was told after we began: with a gateway that tells as fast as we read, the ring is never empty, and who waited for that
 * would do nothing else, least of all hold probes to their budget. libbpf goes on behind a record whose callback has failed.
 */
int probe_poll_until(struct probe *p, uint64_t until_ns, bool *all)
{
	uint64_t before = p->records;
	int n;

	p->polled_ns = clock_now_ns();
	p->poll_until_ns = until_ns;
	p->poll_cut = false;
	n = ring_buffer__consume(p->ring);
	if (n == -EAGAIN)
		n = (int)(p->records - before);
	*all = !p->poll_cut;
	return p->record_error ? p->record_error : n;
}

int probe_poll(struct probe *p)
{
	bool all;

	return probe_poll_until(p, UINT64_MAX, &all);
}

uint64_t probe_answers(const struct probe *p)
{
	return p->answers;
}

int probe_ring_fd(const struct probe *p)
{
	return ring_buffer__epoll_fd(p->ring);
}

int probe_flush(struct probe *p, bool all)
{
	p->skel->bss->flush_before_ns = all ? UINT64_MAX : clock_now_ns() - FLUSH_QUIET_NS;
	if (p->chosen.impl[PATH_SOCKETS] == PATH_SOCKETS_HASH)
		return skeleton_run_iterator(p->skel->progs.toll_flush_hash, bpf_map__fd(p->skel->maps.sockets_hash));
	return skeleton_run_iterator(p->skel->progs.toll_flush, bpf_map__fd(p->skel->maps.sockets));
}

int probe_counters(const struct probe *p, uint64_t counters[WIRE_COUNTERS])
{
	int rc = skeleton_counters(p->skel, counters);

	counters[WIRE_COUNT_RECORDS] = p->records;
	counters[WIRE_COUNT_MARKS_SEEN] = p->marks;
	return rc;
}

void probe_close(struct probe *p)
{
	if (!p)
		return;
	/* Links first: nothing may write into a ring that nobody reads. */
	samples_close(p->samples);
	if (p->skel)
		toll_bpf__detach(p->skel);
	ring_buffer__free(p->ring);
	toll_bpf__destroy(p->skel);
	free(p);
}

const char *probe_paths(const struct probe *p)
{
	return p->paths;
}
