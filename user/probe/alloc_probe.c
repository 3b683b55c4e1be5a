// SPDX-License-Identifier: GPL-2.0-only
#include "probe/alloc_probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "probe/alloc_programs.h"
#include "probe/allocator.h"
#include "probe/discover.h"
#include "probe/proc.h"

#define NOTES_MAX 8

struct watched {
	uint32_t pid;
	struct allocators found;
	uint8_t index[ALLOCATOR_FUNCTIONS_MAX]; /* of each function among all rows; UINT8_MAX: no row was left */
	struct uprobe_group *takes[ALLOCATOR_FILES_MAX], *frees[ALLOCATOR_FILES_MAX]; /* of the functions of each file */
	uint32_t ppid;
	uint64_t start_cpu_ns; /* of the process, when it was added */
	bool has_run, rests; /* since then; its probes are off, whatever the others' are */
};

struct row {
	struct allocator_function function;
	struct allocator_file file;
};

struct alloc_probe {
	struct alloc_probe_config config;
	struct alloc_programs programs;
	struct watched **process;
	unsigned processes;
	struct row row[WIRE_ALLOC_FUNCTIONS_MAX];
	unsigned rows;
	char note[NOTES_MAX][240];
	unsigned notes;
	bool on, frees_off;
};

const char *uprobe_link_name(enum uprobe_link_kind kind)
{
	static const char *const name[UPROBE_LINKS] = {"best", "session link", "uprobe and uretprobe by multi links",
						       "uprobe and uretprobe by perf events"};

	return (unsigned)kind < UPROBE_LINKS ? name[kind] : "?";
}

int alloc_probe_open_with(struct alloc_probe **out, const struct alloc_probe_config *config, struct alloc_programs *programs)
{
	struct alloc_probe *p = calloc(1, sizeof(*p));

	if (!p) {
		alloc_programs_unload(programs);
		return -ENOMEM;
	}
	p->config = *config;
	p->programs = *programs;
	*out = p;
	return 0;
}

int alloc_probe_open(struct alloc_probe **out, const struct alloc_probe_config *config, struct err *err)
{
	struct alloc_programs programs;
	int rc = alloc_programs_load_best(&programs, config->link, config->threads_map_fd);

	if (rc)
		return err_set(err, rc, "cannot load the allocator probes: %s; %s", strerror(-rc), skeleton_advice(rc));
	rc = alloc_probe_open_with(out, config, &programs);
	if (rc)
		return err_set(err, rc, "no memory for the allocator probes");
	alloc_probe_sample(*out, 1, ALLOC_FREE_SAMPLE);
	return 0;
}

void alloc_probe_sample(struct alloc_probe *p, uint32_t one_in_allocs, uint32_t one_in_frees)
{
	p->programs.skel->bss->alloc_skip_mask = one_in_allocs - 1;
	p->programs.skel->bss->free_skip_mask = one_in_frees - 1;
}

static void detach_all(struct uprobe_group *group[ALLOCATOR_FILES_MAX])
{
	for (unsigned i = 0; i < ALLOCATOR_FILES_MAX; i++) {
		uprobe_group_detach(group[i]);
		group[i] = NULL;
	}
}

static void detach(struct watched *w)
{
	detach_all(w->takes);
	detach_all(w->frees);
}

static void collect(struct uprobe_group *from[ALLOCATOR_FILES_MAX], struct uprobe_group **to, unsigned *count)
{
	for (unsigned i = 0; i < ALLOCATOR_FILES_MAX; i++) {
		if (from[i])
			to[(*count)++] = from[i];
		from[i] = NULL;
	}
}

/* Of all processes. */
static void detach_everywhere(struct alloc_probe *p, bool takes_too)
{
	struct uprobe_group **list = calloc(2 * (size_t)ALLOCATOR_FILES_MAX * p->processes + 1, sizeof(struct uprobe_group *));
	unsigned count = 0;

	for (unsigned i = 0; i < p->processes; i++) {
		struct watched *w = p->process[i];

		if (!list && takes_too)
			detach_all(w->takes);
		if (!list)
			detach_all(w->frees);
		if (list && takes_too)
			collect(w->takes, list, &count);
		if (list)
			collect(w->frees, list, &count);
	}
	if (list)
		uprobe_groups_detach(list, count);
	free(list);
}

void alloc_probe_close(struct alloc_probe *p)
{
	if (!p)
		return;
	detach_everywhere(p, true);
	for (unsigned i = 0; i < p->processes; i++)
		free(p->process[i]);
	free(p->process);
	alloc_programs_unload(&p->programs);
	free(p);
}

enum uprobe_link_kind alloc_probe_link(const struct alloc_probe *p)
{
	return p->programs.kind;
}

static void note_add(struct alloc_probe *p, const char *text)
{
	for (unsigned i = 0; i < p->notes; i++)
		if (!strcmp(p->note[i], text))
			return;
	if (p->notes < NOTES_MAX)
		snprintf(p->note[p->notes++], sizeof(p->note[0]), "%s", text);
}

/* Functions of one file have one row, whatever process they are called in. */
static uint8_t row_of(struct alloc_probe *p, const struct allocator_function *f, const struct allocator_file *file)
{
	for (unsigned i = 0; i < p->rows; i++)
		if (p->row[i].file.inode == file->inode && p->row[i].file.device == file->device &&
		    p->row[i].function.entry == f->entry)
			return (uint8_t)i;
	if (p->rows == WIRE_ALLOC_FUNCTIONS_MAX) {
		note_add(p, "more allocator functions than can be told apart: the calls of some are not counted");
		return UINT8_MAX;
	}
	p->row[p->rows] = (struct row){*f, *file};
	return (uint8_t)p->rows++;
}

/* musl's posix_memalign is its aligned_alloc; the others hand on to malloc only what needs no alignment of its own. */
static uint64_t flags_of(const struct allocator_function *f, const struct allocator_file *file)
{
	bool aligns = f->kind == WIRE_ALLOC_POSIX_MEMALIGN || f->kind == WIRE_ALLOC_ALIGNED;

	return (f->entry_only ? WIRE_ALLOC_ENTRY_ONLY : 0) | (f->hands_on ? WIRE_ALLOC_HANDS_ON : 0) |
	       (aligns && file->family[0] && strcmp(file->family, "musl") ? WIRE_ALLOC_ALIGNS_ITSELF : 0) |
	       (!strcmp(file->family, "glibc") ? WIRE_ALLOC_GLIBC : 0);
}

static unsigned spots_of(const struct alloc_probe *p, const struct watched *w, unsigned file, bool frees,
			 struct uprobe_spot *spot)
{
	unsigned spots = 0;

	for (unsigned i = 0; i < w->found.functions; i++) {
		const struct allocator_function *f = &w->found.function[i];
		const struct placement *at = &f->place;

		if (f->file != file || w->index[i] == UINT8_MAX || frees != (f->kind == WIRE_ALLOC_FREE))
			continue;
		spot[spots].offset = f->entry + at->offset;
		spot[spots].cookie = WIRE_ALLOC_COOKIE(w->index[i], f->kind, at->reg, flags_of(f, &w->found.file[file]),
						       p->config.bias_ns[at->insn]);
		spots++;
	}
	return spots;
}

static int attach_all(const struct alloc_probe *p, const struct watched *w, bool frees,
		      struct uprobe_group *group[ALLOCATOR_FILES_MAX])
{
	struct uprobe_spot spot[ALLOCATOR_FUNCTIONS_MAX];
	int rc = 0;

	if (w->rests)
		return 0;
	for (unsigned file = 0; !rc && file < w->found.files; file++) {
		unsigned spots = spots_of(p, w, file, frees, spot);

		if (spots && !group[file])
			rc = uprobe_group_attach(&group[file], &p->programs, w->found.file[file].open_path, w->pid, spot, spots);
	}
	return rc;
}

static int attach(const struct alloc_probe *p, struct watched *w)
{
	int rc = attach_all(p, w, false, w->takes);

	if (!rc && !p->frees_off)
		rc = attach_all(p, w, true, w->frees);
	if (rc)
		detach(w);
	return rc;
}

int alloc_probe_add(struct alloc_probe *p, uint32_t pid, struct err *err)
{
	struct proc_entry entry;
	struct watched **grown;
	struct watched *w;
	int rc;

	for (unsigned i = 0; i < p->processes; i++)
		if (p->process[i]->pid == pid)
			return 0;
	grown = realloc(p->process, (p->processes + 1) * sizeof(struct watched *));
	w = calloc(1, sizeof(*w));
	if (grown)
		p->process = grown;
	if (!grown || !w) {
		free(w);
		return err_set(err, -ENOMEM, "no memory for the allocator probes of process %u", pid);
	}
	w->pid = pid;
	rc = allocators_find(pid, &w->found, err);
	for (unsigned i = 0; i < w->found.functions; i++)
		w->index[i] = row_of(p, &w->found.function[i], &w->found.file[w->found.function[i].file]);
	for (unsigned i = 0; i < w->found.notes; i++)
		note_add(p, w->found.note[i]);
	if (!rc && p->on)
		rc = attach(p, w);
	if (rc) {
		free(w);
		return err_set(err, rc, "cannot put allocator probes on process %u: %s", pid, strerror(-rc));
	}
	w->start_cpu_ns = discover_cpu_ns(&pid, 1);
	if (!proc_stat_read(pid, &entry))
		w->ppid = entry.ppid;
	p->process[p->processes++] = w;
	return 0;
}

void alloc_probe_forget(struct alloc_probe *p, uint32_t pid)
{
	for (unsigned i = 0; i < p->processes; i++) {
		if (p->process[i]->pid != pid)
			continue;
		detach(p->process[i]);
		free(p->process[i]);
		p->process[i] = p->process[--p->processes];
		return;
	}
}

/* It has ended; who tells us of ends will forget it. */
static int unless_gone(int rc)
{
	return rc == -ESRCH || rc == -ENOENT ? 0 : rc;
}

static bool has_workers(const struct alloc_probe *p, const struct watched *w)
{
	for (unsigned i = 0; i < p->processes; i++)
		if (p->process[i]->ppid == w->pid)
			return true;
	return false;
}

int alloc_probe_rest(struct alloc_probe *p)
{
	bool some = false;
	int rc = 0;

	for (unsigned i = 0; i < p->processes; i++) {
		struct watched *w = p->process[i];

		if (!w->has_run)
			w->has_run = discover_cpu_ns(&w->pid, 1) > w->start_cpu_ns;
		some |= w->has_run;
	}
	for (unsigned i = 0; i < p->processes; i++) {
		struct watched *w = p->process[i];
		int its = 0;

		if (w->rests == (some && !w->has_run && has_workers(p, w)))
			continue;
		w->rests = !w->rests;
		if (p->on && w->rests)
			detach(w);
		else if (p->on)
			its = unless_gone(attach(p, w));
		if (!w->rests)
			note_add(p, its ? "a master process ran after it had slept, and could not be probed again: its calls are "
					  "not counted"
					: "a master process ran after it had slept beside its workers: its first calls, for up "
					  "to a tenth of a "
					  "second, are not counted");
		rc = rc ? rc : its;
	}
	return rc;
}

unsigned alloc_probe_resting(const struct alloc_probe *p)
{
	unsigned resting = 0;

	for (unsigned i = 0; i < p->processes; i++)
		resting += p->process[i]->rests;
	return resting;
}

int alloc_probe_switch(struct alloc_probe *p, bool on)
{
	bool *takes_pass = &p->programs.skel->bss->takes_pass, *frees_pass = &p->programs.skel->bss->frees_pass;
	int rc = 0;

	if (on == p->on)
		return 0;
	*takes_pass = *frees_pass = true;
	if (on) {
		p->programs.skel->bss->alloc_awaited_calls.count = 0;
		++*p->programs.window;
	}
	if (!on)
		detach_everywhere(p, true);
	for (unsigned i = 0; on && i < p->processes; i++) {
		int its = unless_gone(attach(p, p->process[i]));

		rc = rc ? rc : its;
	}
	*takes_pass = *frees_pass = !on;
	p->on = on;
	return rc;
}

int alloc_probe_frees(struct alloc_probe *p, bool on)
{
	int rc = 0;

	if (on != p->frees_off)
		return 0;
	p->frees_off = !on;
	p->programs.skel->bss->frees_pass = true;
	if (!on)
		detach_everywhere(p, false);
	for (unsigned i = 0; on && p->on && i < p->processes; i++) {
		int its = unless_gone(attach_all(p, p->process[i], true, p->process[i]->frees));

		rc = rc ? rc : its;
	}
	p->programs.skel->bss->frees_pass = !on || !p->on;
	return rc;
}

bool alloc_probe_is_on(const struct alloc_probe *p)
{
	return p->on;
}

unsigned alloc_probe_rows(const struct alloc_probe *p)
{
	return p->rows;
}

static bool is_beside(const struct alloc_probe *p, unsigned row)
{
	unsigned processes = 0;

	for (unsigned i = 0; i < p->processes && processes < 2; i++) {
		const struct watched *w = p->process[i];
		bool has = false;

		for (unsigned f = 0; !w->rests && !has && f < w->found.functions; f++)
			has = w->index[f] == row;
		processes += has;
	}
	return processes > 1;
}

int alloc_probe_row(const struct alloc_probe *p, unsigned index, struct alloc_row *out)
{
	const struct row *r = &p->row[index];

	*out = (struct alloc_row){
		.name = r->function.name,
		.file = r->file.shown,
		.family = r->file.family,
		.kind = r->function.kind,
		.entry_only = r->function.entry_only,
		.beside = is_beside(p, index),
		.place = r->function.place,
	};
	return alloc_programs_stats(&p->programs, index, &out->stats);
}

const char *alloc_probe_note(const struct alloc_probe *p, unsigned index)
{
	return index < p->notes ? p->note[index] : NULL;
}

uint64_t alloc_bucket_low_ns(unsigned bucket)
{
	return bucket < 16 ? bucket : (uint64_t)(16 + bucket % 16) << (bucket / 16 - 1);
}
