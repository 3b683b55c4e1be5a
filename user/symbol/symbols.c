// SPDX-License-Identifier: GPL-2.0-only
#include "symbol/symbols.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "symbol/process.h"
#include "symbol/space.h"
#include "symbol/text_names.h"

#define WAITING_BYTES_DEFAULT (8u << 20)
#define PROCESSES_MAX 1024
#define PROBE_FRAMES_MAX 12
#define LOOK_AGAIN_NS (100 * NS_PER_MS)
#define SPACES_MAX 128 /* each holds its files open */

struct waiting {
	struct waiting *next;
	struct process *process; /* NULL: was gone before it was seen */
	struct space *space; /* as it was mapped when the stack came */
	_Alignas(8) unsigned char record[];
};

struct spaces {
	unsigned users;
	unsigned count;
	struct space *space[SPACES_MAX];
};

struct symbols {
	struct symbols_config config;
	struct map *process; /* by pid */
	struct spaces *spaces;
	struct waiting *first, **last;
	uint64_t waiting_bytes;
	bool kernel_read;
	struct table kernel;
	struct buf text; /* the record being made */
	struct symbols_stats stats;
};

static void spaces_leave(struct spaces *all)
{
	if (!all || --all->users)
		return;
	for (unsigned i = 0; i < all->count; i++)
		space_free(all->space[i]);
	free(all);
}

struct symbols *symbols_new(const struct symbols_config *config)
{
	struct symbols *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->config = *config;
	if (!s->config.waiting_bytes_max)
		s->config.waiting_bytes_max = WAITING_BYTES_DEFAULT;
	s->last = &s->first;
	s->process = map_new();
	s->spaces = config->files ? config->files->spaces : calloc(1, sizeof(*s->spaces));
	if (s->spaces)
		s->spaces->users++;
	if (!s->process || !s->spaces) {
		symbols_free(s);
		return NULL;
	}
	return s;
}

void symbols_free(struct symbols *s)
{
	size_t cursor = 0;
	uint64_t pid;
	void *p;

	if (!s)
		return;
	while (s->first) {
		struct waiting *w = s->first;

		s->first = w->next;
		free(w);
	}
	while (s->process && map_next(s->process, &cursor, &pid, &p))
		process_free(p);
	map_free(s->process);
	spaces_leave(s->spaces);
	table_fini(&s->kernel);
	buf_fini(&s->text);
	free(s);
}

/* --- processes ------------------------------------------------------------------------------------------------------------------ */

static int space_find(struct spaces *all, uint32_t pid, struct code_maps *maps, struct space **out)
{
	for (unsigned i = 0; i < all->count; i++) {
		if (space_is(all->space[i], maps)) {
			*out = all->space[i];
			return 0;
		}
	}
	if (all->count == SPACES_MAX)
		return -ENOSPC;
	int rc = space_new(out, pid, maps);
	if (!rc)
		all->space[all->count++] = *out;
	return rc;
}

static int process_find(struct symbols *s, uint32_t pid, struct process **out)
{
	struct process *p = map_get(s->process, pid);
	int rc;

	*out = p;
	if (p)
		return 0;
	if (map_count(s->process) >= PROCESSES_MAX)
		return -ENOSPC;
	p = process_new(pid);
	rc = p ? map_put(s->process, pid, p) : -ENOMEM;
	if (rc)
		process_free(p);
	else
		*out = p;
	return rc;
}

int symbols_watch(struct symbols *s, uint32_t pid, const struct code_maps **out)
{
	struct code_maps maps = {0};
	struct space *space = NULL;
	struct process *p = NULL;
	int rc = code_maps_read(pid, &maps);

	/* a process that is ending has no mappings any more: what was known of it stays */
	if (!rc && !maps.count)
		rc = -ENOENT;
	if (!rc)
		rc = process_find(s, pid, &p);
	if (!rc)
		rc = space_find(s->spaces, pid, &maps, &space);
	code_maps_fini(&maps);
	if (rc)
		return rc;
	p->space = space;
	if (out)
		*out = space_maps(space);
	return 0;
}

/* The lowest mapping is the program's own: libraries lie above it, and are chosen by others. */
bool symbols_frame_pointers(const struct symbols *s, uint32_t pid)
{
	const struct process *p = map_get(s->process, pid);
	const struct code_maps *maps = p && p->space ? space_maps(p->space) : NULL;

	return maps && maps->count && space_frame_pointers(p->space, &maps->map[0].at);
}

bool symbols_covers(const struct symbols *s, uint32_t pid, uint64_t address)
{
	const struct process *p = map_get(s->process, pid);

	return p && p->space && code_maps_find(space_maps(p->space), address);
}

/* --- stacks that wait ------------------------------------------------------------------------------------------------------------- */

static bool stack_is_covered(const struct symbols *s, const struct wire_stack *stack)
{
	if (stack->ip && !symbols_covers(s, stack->tgid, stack->ip))
		return false;
	for (unsigned i = 0; i < stack->user_frames; i++)
		if (!symbols_covers(s, stack->tgid, stack->frame[stack->kernel_frames + i]))
			return false;
	return true;
}

/* JIT code and libraries come later; an address that lies nowhere must not cost a look for each stack. */
static int process_look_again(struct symbols *s, const struct wire_stack *stack, const struct code_maps **changed)
{
	struct process *p = map_get(s->process, stack->tgid);
	uint64_t now_ns = clock_now_ns();
	int rc;

	if (stack_is_covered(s, stack) || (p && now_ns < p->looked_ns + LOOK_AGAIN_NS))
		return 0;
	rc = symbols_watch(s, stack->tgid, changed);
	p = map_get(s->process, stack->tgid);
	if (p)
		p->looked_ns = now_ns;
	return rc == -ENOMEM ? rc : 0;
}

int symbols_take(struct symbols *s, const struct wire_stack *stack, const struct code_maps **changed)
{
	struct waiting *w;
	int rc;

	if (changed)
		*changed = NULL;
	rc = process_look_again(s, stack, changed);
	if (rc)
		return rc;
	w = malloc(sizeof(*w) + stack->h.size);
	if (!w)
		return -ENOMEM;
	w->next = NULL;
	w->process = map_get(s->process, stack->tgid);
	w->space = w->process ? w->process->space : NULL;
	memcpy(w->record, stack, stack->h.size);
	*s->last = w;
	s->last = &w->next;
	s->waiting_bytes += stack->h.size;
	return s->waiting_bytes > s->config.waiting_bytes_max ? symbols_name(s) : 0;
}

/* --- names ------------------------------------------------------------------------------------------------------------------------ */

static const char *kernel_name(struct symbols *s, uint64_t address)
{
	if (!s->kernel_read) {
		FILE *in = fopen("/proc/kallsyms", "re");

		if (in) {
			kallsyms_read(in, &s->kernel);
			fclose(in);
		}
		s->stats.kernel_hidden = s->kernel.count == 0;
		s->kernel_read = true;
	}
	return table_find(&s->kernel, address);
}

static int name_put(struct symbols *s, struct record_stack *head, const char *name)
{
	size_t bytes = strnlen(name, RECORD_FRAME_NAME_MAX - 1);

	if (head->frames == RECORD_STACK_FRAMES_MAX)
		return 0;
	head->frames++;
	int rc = buf_append(&s->text, name, bytes);
	return rc ? rc : buf_append(&s->text, "", 1);
}

/* A wait's stack is taken in the scheduler's tracepoint: its first frames are ours. */
static bool is_probe(const char *name)
{
	return !name || !strncmp(name, "bpf_", 4) || !strncmp(name, "__bpf_", 6) || !strncmp(name, "__traceiter_", 12) ||
	       !strncmp(name, "get_perf_callchain", 18);
}

static unsigned probe_frames(struct symbols *s, const struct wire_stack *stack)
{
	unsigned last = 0;

	for (unsigned i = 0; i < stack->kernel_frames && i < PROBE_FRAMES_MAX; i++) {
		const char *name = kernel_name(s, stack->frame[i]);

		if (name && !strncmp(name, "__schedule", 10))
			return last;
		if (!is_probe(name))
			return 0;
		last = i + 1;
	}
	return 0;
}

static int kernel_put(struct symbols *s, struct record_stack *head, uint64_t address)
{
	const char *name = kernel_name(s, address);
	char text[RECORD_FRAME_NAME_MAX];

	snprintf(text, sizeof(text), "%.240s_[k]", name ? name : "kernel");
	head->kernel_frames++;
	if (!name)
		head->unnamed++;
	return name_put(s, head, text);
}

static int user_put(struct symbols *s, struct record_stack *head, const struct waiting *w, uint64_t address)
{
	char text[RECORD_FRAME_NAME_MAX];
	const char *jit;

	switch (w->space ? space_name(w->space, address, text, sizeof(text)) : SPACE_NO_NAME) {
	case SPACE_FUNCTION:
		return name_put(s, head, text);
	case SPACE_FILE:
		head->unnamed++;
		return name_put(s, head, text);
	case SPACE_NO_NAME:
		break;
	}
	jit = w->process ? process_jit_name(w->process, address) : NULL;
	if (!jit)
		head->unnamed++;
	return name_put(s, head, jit ? jit : "[no symbol]");
}

/* The longer of the two chains: frame pointers end where a library without them was passed. */
static void chain_choose(const struct waiting *w, const struct wire_stack *stack, struct record_stack *head, struct chain *c)
{
	const unsigned char *copy = (const unsigned char *)&stack->frame[stack->kernel_frames + stack->user_frames];

	c->frames = 0;
	c->whole = false;
	if (w->space)
		space_unwind(w->space, stack, copy, c);
	head->flags = RECORD_STACK_COPIED;
	if (c->whole || c->frames > stack->user_frames)
		return;
	head->flags = 0;
	c->frames = 0;
	for (unsigned i = 0; i < stack->user_frames && i < WIRE_STACK_FRAMES_MAX; i++)
		c->address[c->frames++] = stack->frame[stack->kernel_frames + i] - (i > 0);
	if (!c->frames && stack->ip)
		c->address[c->frames++] = stack->ip;
}

static int stack_name(struct symbols *s, const struct waiting *w)
{
	const struct wire_stack *stack = (const struct wire_stack *)w->record;
	struct record_stack head = {.stack = stack->stack, .tgid = stack->tgid};
	struct chain chain;
	int rc;

	s->text.used = 0;
	rc = buf_append(&s->text, &head, sizeof(head));
	for (unsigned i = probe_frames(s, stack); i < stack->kernel_frames && !rc; i++)
		rc = kernel_put(s, &head, stack->frame[i]);
	chain_choose(w, stack, &head, &chain);
	for (unsigned i = 0; i < chain.frames && !rc; i++)
		rc = user_put(s, &head, w, chain.address[i]);
	if (rc)
		return rc;
	if (!chain.whole)
		head.flags |= RECORD_STACK_CUT;
	head.text_bytes = (uint32_t)(s->text.used - sizeof(head));
	memcpy(s->text.data, &head, sizeof(head));
	s->stats.stacks++;
	s->stats.whole += chain.whole;
	s->stats.cut += !chain.whole;
	s->stats.copied += (head.flags & RECORD_STACK_COPIED) != 0;
	s->stats.frames += head.frames;
	s->stats.unnamed += head.unnamed;
	s->stats.without_process += !w->space;
	return s->config.named(s->config.ctx, (const struct record_stack *)s->text.data, (uint32_t)s->text.used);
}

int symbols_name(struct symbols *s)
{
	int rc = 0;

	while (s->first && !rc) {
		struct waiting *w = s->first;

		rc = stack_name(s, w);
		s->first = w->next;
		if (!s->first)
			s->last = &s->first;
		s->waiting_bytes -= ((const struct wire_stack *)w->record)->h.size;
		free(w);
	}
	return rc;
}

const struct symbols_stats *symbols_stats(const struct symbols *s)
{
	return &s->stats;
}
