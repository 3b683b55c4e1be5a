// SPDX-License-Identifier: GPL-2.0-only
#include "session/reach_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "leak/reach.h"
#include "probe/heap_kind.h"
#include "probe/image_read.h"

#define TRIES 3
#define AGAIN_NS (20 * NS_PER_MS)
#define TOTAL_NS (60 * NS_PER_S) /* for all processes */
#define ROUNDED_BYTES 16 /* a block may get so much more than it asked for, rather than that a useless rest is left */
#define PAGE_ROUNDED_BYTES 8192 /* ... in a mapping of its own */

struct search {
	struct survivor_watch *survivors;
	struct report_reach_process *seen;
	struct image image;
	struct heap heap;
};

static void search_clear(struct search *s)
{
	image_fini(&s->image);
	heap_fini(&s->heap);
}

/* A copy that was taken in the middle of a call of malloc makes no sense in places; the next one probably does. */
static int heap_take(struct search *s, unsigned minor, struct err *err)
{
	int rc = -EAGAIN;

	for (unsigned i = 0; i < TRIES && rc == -EAGAIN; i++) {
		struct image_seen seen;

		if (i)
			clock_sleep_until(clock_now_ns() + AGAIN_NS, NULL);
		search_clear(s);
		rc = image_take(s->seen->pid, &s->image, &seen, err);
		s->seen->pauses++;
		s->seen->pause_ns += seen.pause_ns;
		s->seen->threads = seen.threads;
		if (!rc)
			rc = glibc_heap_walk(&s->image, minor, &s->heap);
	}
	s->seen->broken = s->heap.broken;
	s->seen->arenas = s->heap.arenas;
	if (rc == -ENODATA)
		return err_set(err, rc, "no arena of glibc's malloc was found in process %u", s->seen->pid);
	if (rc == -EAGAIN && s->heap.blocks)
		return 0;
	return rc && !err->text[0] ? err_set(err, rc, "the heap of process %u cannot be read: %s", s->seen->pid, strerror(-rc))
				   : rc;
}

static bool is_of_size(const struct heap_block *b, uint64_t held_bytes)
{
	uint64_t bytes = b->bytes + b->overhead_bytes;
	uint64_t more = b->overhead_bytes > sizeof(uint64_t) ? PAGE_ROUNDED_BYTES : ROUNDED_BYTES;

	return bytes >= held_bytes && bytes - held_bytes <= more;
}

/* What was given back between windows is no block any more, or another one. */
static int on_block(void *ctx, const struct wire_block_key *key, const struct wire_block *b)
{
	struct search *s = ctx;
	const struct heap_block *at;
	enum survivor_fate fate = SURVIVOR_GONE;
	uint64_t bytes = b->held_bytes;

	if (key->tgid != s->seen->pid || key->kind != WIRE_KEPT_BLOCK)
		return 0;
	at = heap_block_at(&s->heap, key->address);
	if (at && !(at->flags & HEAP_FREE) && is_of_size(at, b->held_bytes)) {
		fate = at->flags & HEAP_REACHED ? SURVIVOR_REACHED : SURVIVOR_LOST;
		bytes = at->bytes + at->overhead_bytes;
	} else if (!at && s->heap.broken) {
		return 0; /* it may be where the heap could not be followed */
	}
	if (fate == SURVIVOR_LOST) {
		s->seen->followed_lost++;
		s->seen->followed_lost_bytes += bytes;
	}
	return survivors_fate(s->survivors->kept.found, b, fate, bytes);
}

static int heap_search(struct search *s)
{
	struct reach found;
	int rc = reach_mark(&s->image, &s->heap, &found);

	if (rc)
		return rc;
	for (size_t i = 0; i < s->image.pieces; i++)
		s->seen->copied_bytes += s->image.piece[i].bytes;
	s->seen->blocks = found.blocks;
	s->seen->bytes = found.bytes;
	s->seen->lost = found.lost;
	s->seen->lost_bytes = found.lost_bytes;
	s->seen->heads = found.heads;
	if (!s->survivors->probe || s->survivors->why[0])
		return 0;
	s->survivors->searched = true;
	return survivor_probe_blocks(s->survivors->probe, on_block, s);
}

static int process_search(struct report_reach_process *p, struct survivor_watch *survivors, struct err *err)
{
	struct search s = {.survivors = survivors, .seen = p};
	unsigned minor;
	int rc = heap_kind_glibc(p->pid, &minor, err);

	if (!rc && (minor < GLIBC_HEAP_FIRST || minor > GLIBC_HEAP_LAST))
		rc = err_set(err, -ENOTSUP, "process %u has glibc 2.%u, whose heap is known from 2.%u to 2.%u", p->pid, minor,
			     GLIBC_HEAP_FIRST, GLIBC_HEAP_LAST);
	if (!rc)
		rc = heap_take(&s, minor, err);
	if (!rc)
		rc = heap_search(&s);
	search_clear(&s);
	if (rc && !err->text[0])
		err_set(err, rc, "process %u: %s", p->pid, strerror(-rc));
	return rc;
}

static void note_add(struct reach_watch *w, const char *text)
{
	log_line(LOG_WARN, "not searched for what nothing points to: %s", text);
	if (w->notes < REACH_NOTES_MAX)
		snprintf(w->note[w->notes++], sizeof(w->note[0]), "%.300s", text);
}

void reach_watch_end(struct reach_watch *w, const uint32_t *pid, unsigned pids, struct survivor_watch *survivors)
{
	uint64_t until_ns = clock_now_ns() + TOTAL_NS;
	char span[32], bytes[32];

	w->process = calloc(pids ? pids : 1, sizeof(*w->process));
	for (unsigned i = 0; w->process && i < pids; i++) {
		struct report_reach_process *p = &w->process[w->processes];
		struct err err = {0};

		*p = (struct report_reach_process){.pid = pid[i]};
		if (clock_now_ns() > until_ns) {
			note_add(w, "there was no more time for the other processes");
			break;
		}
		if (process_search(p, survivors, &err)) {
			note_add(w, err.text);
			continue;
		}
		w->processes++;
		log_line(LOG_INFO, "process %u stood still for %s, while %s of its memory were copied", p->pid,
			 units_format_ns(span, sizeof(span), p->pause_ns),
			 units_format_bytes(bytes, sizeof(bytes), p->copied_bytes));
	}
}

void reach_watch_fini(struct reach_watch *w)
{
	free(w->process);
	*w = (struct reach_watch){.process = NULL};
}

void reach_watch_result(const struct reach_watch *w, bool asked, json_t *parts, json_t *not_measured)
{
	const char *note[REACH_NOTES_MAX + 1] = {NULL};
	const struct report_reachability r = {.process = w->process, .processes = w->processes, .note = note};

	for (unsigned i = 0; i < w->notes; i++)
		note[i] = w->note[i];
	if (w->processes)
		json_object_set_new(parts, "reachability", report_reachability(&r));
	else
		json_object_set_new(not_measured, "leak.reachability",
				    json_string(!asked     ? "--reachability was not given"
						: w->notes ? w->note[0]
							   : "no process of the gateway was there at the end"));
}
