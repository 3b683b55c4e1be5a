// SPDX-License-Identifier: GPL-2.0-only
#include "leak/survivors.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

/* Windows are counted by their number modulo this: what one of few windows took stands out, and so it does among many. */
#define SLOTS 16u

struct site {
	struct wire_site seen;
	uint64_t censored[WIRE_SITE_LIVES];
	uint64_t carried, alive, alive_bytes, youngest_ns, oldest_ns;
	uint64_t slot_bytes[SLOTS]; /* of alive_bytes */
	uint64_t fate[SURVIVOR_FATES], fate_bytes[SURVIVOR_FATES];
	char *text;
	uint32_t text_bytes;
	unsigned frames;
};

struct survivors {
	struct map *site;
	uint32_t slots; /* bit: blocks of such a window are alive */
};

unsigned life_bucket(uint64_t age_ns)
{
	uint64_t v = age_ns >> WIRE_SITE_LIFE_SHIFT;
	unsigned top = 0;

	while (v >>= 1)
		top++;
	return top < WIRE_SITE_LIVES ? top : WIRE_SITE_LIVES - 1;
}

double life_survival(const struct life_table *t, double *until_s)
{
	double at_risk = 0, survival = 1;
	unsigned last = 0;

	for (unsigned i = 0; i < WIRE_SITE_LIVES; i++)
		at_risk += (double)t->died[i] + (double)t->censored[i];
	*until_s = 0;
	if (at_risk <= 0)
		return 0;
	for (unsigned i = 0; i < WIRE_SITE_LIVES; i++) {
		double died = (double)t->died[i], censored = (double)t->censored[i], exposed = at_risk - censored / 2;

		if (died + censored > 0)
			last = i;
		if (died > 0)
			survival *= died < exposed ? 1 - died / exposed : 0;
		at_risk -= died + censored;
	}
	*until_s = ldexp(1, (int)last + WIRE_SITE_LIFE_SHIFT) / 1e9;
	return survival;
}

struct survivors *survivors_new(void)
{
	struct survivors *s = calloc(1, sizeof(*s));

	if (s)
		s->site = map_new();
	if (s && !s->site) {
		free(s);
		s = NULL;
	}
	return s;
}

static void site_free(void *at)
{
	struct site *site = at;

	free(site->text);
	free(site);
}

void survivors_free(struct survivors *s)
{
	if (!s)
		return;
	map_free_with(s->site, site_free);
	free(s);
}

static struct site *site_find(struct survivors *s, uint64_t key)
{
	struct site *site = map_get(s->site, key);

	if (site)
		return site;
	site = calloc(1, sizeof(*site));
	if (site && map_put(s->site, key, site)) {
		free(site);
		return NULL;
	}
	return site;
}

int survivors_site(struct survivors *s, uint64_t key, const struct wire_site *seen)
{
	struct site *site = site_find(s, key);

	if (!site)
		return -ENOMEM;
	site->seen = *seen;
	return 0;
}

int survivors_censored(struct survivors *s, const struct wire_block *block, uint64_t now_ns, bool again)
{
	struct site *site = site_find(s, block->site);

	if (!site)
		return -ENOMEM;
	site->censored[life_bucket(now_ns > block->birth_ns ? now_ns - block->birth_ns : 0)] += block->weight;
	if (again)
		site->carried += block->weight;
	return 0;
}

void survivors_forgotten(struct survivors *s, const struct wire_block *block)
{
	struct site *site = map_get(s->site, block->site);

	if (site)
		site->carried -= site->carried < block->weight ? site->carried : block->weight;
}

int survivors_alive(struct survivors *s, const struct wire_block *block, uint64_t now_ns)
{
	struct site *site = site_find(s, block->site);
	uint64_t age_ns = now_ns > block->birth_ns ? now_ns - block->birth_ns : 0;

	if (!site)
		return -ENOMEM;
	if (!site->alive || age_ns < site->youngest_ns)
		site->youngest_ns = age_ns;
	if (age_ns > site->oldest_ns)
		site->oldest_ns = age_ns;
	site->alive++;
	site->alive_bytes += block->held_bytes;
	site->slot_bytes[block->window % SLOTS] += block->held_bytes;
	s->slots |= 1u << block->window % SLOTS;
	return 0;
}

int survivors_fate(struct survivors *s, const struct wire_block *block, enum survivor_fate fate, uint64_t bytes)
{
	struct site *site = site_find(s, block->site);

	if (!site)
		return -ENOMEM;
	site->fate[fate]++;
	site->fate_bytes[fate] += bytes;
	return 0;
}

int survivors_named(struct survivors *s, uint64_t key, const char *text, uint32_t bytes, unsigned frames)
{
	struct site *site = site_find(s, key);
	char *copy = malloc(bytes ? bytes : 1);

	if (!site || !copy) {
		free(copy);
		return -ENOMEM;
	}
	memcpy(copy, text, bytes);
	free(site->text);
	site->text = copy;
	site->text_bytes = bytes;
	site->frames = frames;
	return 0;
}

/* --- rows ------------------------------------------------------------------------------------------------------------------ */

static int by_names(const void *a, const void *b)
{
	const struct site *x = *(struct site *const *)a, *y = *(struct site *const *)b;
	uint32_t n = x->text_bytes < y->text_bytes ? x->text_bytes : y->text_bytes;
	int d = n ? memcmp(x->text, y->text, n) : 0;

	if (x->seen.kind != y->seen.kind)
		return x->seen.kind < y->seen.kind ? -1 : 1;
	return d ? d : (x->text_bytes > y->text_bytes) - (x->text_bytes < y->text_bytes);
}

/*
 * What it keeps at the least: a few large blocks that happened to be taken in a window tell less than many that were; and what one window took
 * alone (connections that a burst opened) came once, where a leak comes with the requests of every window.
 */
static double kept_for_sure(const struct survivor_row *row)
{
	double others = 1 - row->one_window_share;

	return others * row->kept_bytes - SURVIVORS_Z * sqrt(others) * row->kept_error_bytes;
}

static int by_kept(const void *a, const void *b)
{
	const struct survivor_row *x = a, *y = b;
	double least_x = kept_for_sure(x), least_y = kept_for_sure(y);

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if ((least_x > 0 || least_y > 0) && (least_x < least_y || least_x > least_y))
		return least_x < least_y ? 1 : -1;
	if (x->kept_bytes < y->kept_bytes || x->kept_bytes > y->kept_bytes)
		return x->kept_bytes < y->kept_bytes ? 1 : -1;
	return (x->taken_bytes < y->taken_bytes) - (x->taken_bytes > y->taken_bytes);
}

static void row_add(struct survivor_row *row, const struct site *site)
{
	const struct wire_site *w = &site->seen;

	if (w->first_ns && (!row->first_ns || w->first_ns < row->first_ns))
		row->first_ns = w->first_ns;
	if (w->last_ns > row->last_ns)
		row->last_ns = w->last_ns;
	row->taken += w->born;
	row->taken_bytes += w->born_bytes;
	row->asked_bytes += w->asked_bytes;
	row->freed += w->freed;
	row->gone += w->gone;
	row->carried += site->carried;
	if (site->alive && (!row->alive || site->youngest_ns < row->youngest_ns))
		row->youngest_ns = site->youngest_ns;
	if (site->oldest_ns > row->oldest_ns)
		row->oldest_ns = site->oldest_ns;
	row->alive += site->alive;
	row->alive_bytes += site->alive_bytes;
	for (unsigned i = 0; i < SURVIVOR_FATES; i++) {
		row->fate[i] += site->fate[i];
		row->fate_bytes[i] += site->fate_bytes[i];
	}
}

/*
 * Of what was carried over, the share that was seen to be gone later counts as given back. The error is that of a Poisson number of survivors,
 * each with its own weight: exact for the sample of addresses, too wide for a leak that comes with every request.
 */
static void row_finish(struct survivor_row *row, const struct life_table *lives, double squared_bytes)
{
	double stays = row->carried ? 1 - (double)row->gone / (double)row->carried : 1, share;

	row->survival = life_survival(lives, &row->until_s);
	share = row->survival * (stays > 0 ? stays : 0);
	row->kept = share * (double)row->taken;
	row->kept_bytes = share * (double)row->taken_bytes;
	row->kept_error_bytes = sqrt(share * squared_bytes);
}

static double one_window_share(struct site *const *site, size_t sites)
{
	double fullest = 0, all = 0;

	for (unsigned slot = 0; slot < SLOTS; slot++) {
		double bytes = 0;

		for (size_t i = 0; i < sites; i++)
			bytes += (double)site[i]->slot_bytes[slot];
		fullest = fmax(fullest, bytes);
		all += bytes;
	}
	return all > 0 ? fullest / all : 0;
}

static void group_make(struct survivor_row *row, struct site *const *site, size_t sites)
{
	struct life_table lives = {.died = {0}};
	double squared_bytes = 0;

	*row = (struct survivor_row){
		.kind = site[0]->seen.kind, .text = site[0]->text ? site[0]->text : "", .frames = site[0]->frames};
	for (size_t i = 0; i < sites; i++) {
		row_add(row, site[i]);
		squared_bytes += 256 * (double)site[i]->seen.squared_bytes;
		for (unsigned b = 0; b < WIRE_SITE_LIVES; b++) {
			lives.died[b] += site[i]->seen.life[b];
			lives.censored[b] += site[i]->censored[b];
		}
	}
	row_finish(row, &lives, squared_bytes);
}

int survivors_rows(const struct survivors *s, struct survivor_row **rows, size_t *count)
{
	size_t sites = map_count(s->site), cursor = 0, n = 0;
	struct site **site = calloc(sites ? sites : 1, sizeof(struct site *));
	uint64_t key;
	void *at;

	*rows = calloc(sites ? sites : 1, sizeof(**rows));
	*count = 0;
	if (!*rows || !site) {
		free(*rows);
		free(site);
		return -ENOMEM;
	}
	/* a name may come for a site that the kernel side had no room for */
	while (map_next(s->site, &cursor, &key, &at))
		if (((struct site *)at)->seen.born)
			site[n++] = at;
	qsort(site, n, sizeof(void *), by_names);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && !by_names(&site[i], &site[end]); end++)
			;
		group_make(&(*rows)[*count], &site[i], end - i);
		if (s->slots & (s->slots - 1)) /* of two windows and more */
			(*rows)[*count].one_window_share = one_window_share(&site[i], end - i);
		(*count)++;
	}
	qsort(*rows, *count, sizeof(**rows), by_kept);
	free(site);
	return 0;
}
