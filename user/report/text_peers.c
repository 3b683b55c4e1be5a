// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "report/text.h"

#define LABEL 20
#define CELL 10

/* Which state the breaker was in when request n called: CLOSED until the first change. */
static const char *state_at(const json_t *upstream, uint64_t request)
{
	const json_t *changes = json_object_get(upstream, "changes");
	const char *state = "CLOSED";
	json_t *change;
	size_t i;

	json_array_foreach (changes, i, change) {
		if (text_u64(change, "at_request") > request)
			break;
		state = text_string(change, "state");
	}
	return state;
}

static void print_changes(struct text *t, const char *label, const json_t *upstream)
{
	const json_t *changes = json_object_get(upstream, "changes");
	char line[640] = "";
	json_t *change;
	size_t i, used = 0;

	if (!json_array_size(changes))
		return;
	json_array_foreach (changes, i, change) {
		if (i == 12 || used >= sizeof(line))
			break;
		used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%s at request %llu", i ? " → " : "",
					 text_string(change, "state"), (unsigned long long)text_u64(change, "at_request"));
		if (json_object_get(change, "at_s") && used < sizeof(line))
			used += (size_t)snprintf(line + used, sizeof(line) - used, " (%.2f s)", text_number(change, "at_s"));
	}
	if (i < json_array_size(changes) && used < sizeof(line))
		snprintf(line + used, sizeof(line) - used, " …");
	text_wrap(t, TEXT_DIM, label, 4, line);
}

static void print_states(struct text *t, const json_t *upstreams)
{
	static const unsigned requests[] = {0, 5, 10, 15};
	char line[400] = "state at requests 0, 5, 10, 15:";
	const char *label;
	json_t *upstream;
	size_t used = strlen(line);

	json_object_foreach ((json_t *)upstreams, label, upstream) {
		for (size_t i = 0; i < sizeof(requests) / sizeof(*requests) && used < sizeof(line); i++)
			used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%s",
						 i               ? ", "
						 : label == NULL ? ""
								 : " ",
						 state_at(upstream, requests[i]));
		if (used < sizeof(line))
			used += (size_t)snprintf(line + used, sizeof(line) - used, " (%s);", label);
	}
	line[strlen(line) - 1] = '\0';
	text_wrap(t, TEXT_DIM, "", 4, line);
}

static bool has_changes(const json_t *upstreams)
{
	const char *label;
	json_t *upstream;

	json_object_foreach ((json_t *)upstreams, label, upstream) {
		if (json_array_size(json_object_get(upstream, "changes")))
			return true;
	}
	return false;
}

static void print_upstreams(struct text *t, const json_t *upstreams)
{
	static const char *const names[] = {"turns", "failed", "answered", "passed", "opened", "half open", "closed"};
	static const char *const keys[] = {"turns", "failed", "answered", "passed_over", "opened", "half_opened", "closed"};
	const char *label;
	json_t *upstream;
	char cell[TEXT_CELL];

	text_left(t, TEXT_BOLD, LABEL, "BREAKERS, AS SEEN");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		text_right(t, TEXT_DIM, CELL, names[i]);
	text_right(t, TEXT_DIM, CELL, "now");
	text_end(t);
	json_object_foreach ((json_t *)upstreams, label, upstream) {
		text_put(t, TEXT_PLAIN, "  ");
		text_left(t, TEXT_PLAIN, LABEL - 2, label);
		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
			text_right(t, TEXT_PLAIN, CELL, text_count(cell, upstream, keys[i]));
		text_right(t, TEXT_PLAIN, CELL, text_string(upstream, "breaker"));
		text_end(t);
		print_changes(t, "", upstream);
	}
}

static void print_failovers(struct text *t, const json_t *resilience)
{
	const json_t *f = json_object_get(resilience, "failovers"), *r = json_object_get(resilience, "retries");
	const json_t *time = json_object_get(f, "time"), *backoff = json_object_get(r, "backoff");
	char a[TEXT_CELL], b[TEXT_CELL], c[TEXT_CELL], line[300];

	if (text_u64(f, "count")) {
		snprintf(line, sizeof(line), "failovers: %s, %s of them ended well", text_count(a, f, "count"),
			 text_count(b, f, "ok"));
		text_wrap(t, TEXT_PLAIN, "", 2, line);
	}
	if (time) {
		snprintf(line, sizeof(line), "first failed attempt → first byte from another: min %s, mean %s, max %s",
			 text_dist(a, time, "min_ns"), text_dist(b, time, "mean_ns"), text_dist(c, time, "max_ns"));
		text_wrap(t, TEXT_PLAIN, "", 2, line);
	}
	if (text_u64(r, "requests")) {
		snprintf(line, sizeof(line), "retries: %s requests called upstream more than once, at most %s times",
			 text_count(a, r, "requests"), text_count(b, r, "attempts_max"));
		text_wrap(t, TEXT_PLAIN, "", 2, line);
	}
	if (backoff) {
		snprintf(line, sizeof(line), "back-off before another attempt: p50 %s, p99 %s, max %s",
			 text_dist(a, backoff, "p50_ns"), text_dist(b, backoff, "p99_ns"), text_dist(c, backoff, "max_ns"));
		text_wrap(t, TEXT_PLAIN, "", 2, line);
	}
}

/* Only where there is something to tell: several upstreams, or one that was called again. */
void text_resilience(struct text *t, const json_t *doc)
{
	const json_t *resilience = json_object_get(doc, "resilience"), *upstreams = json_object_get(resilience, "upstreams");
	const json_t *retries = json_object_get(resilience, "retries");

	if (!resilience || (json_object_size(upstreams) < 2 && !text_u64(retries, "requests") && !has_changes(upstreams)))
		return;
	print_upstreams(t, upstreams);
	if (has_changes(upstreams))
		print_states(t, upstreams);
	print_failovers(t, resilience);
	text_blank(t);
}

/* Only where clients left. */
void text_disconnects(struct text *t, const json_t *doc)
{
	const json_t *d = json_object_get(doc, "disconnects"), *kept = json_object_get(d, "kept");
	char clients[TEXT_CELL], calls[TEXT_CELL], answered[TEXT_CELL], p50[TEXT_CELL], max[TEXT_CELL], line[400];
	size_t used;

	if (!d)
		return;
	used = (size_t)snprintf(line, sizeof(line), "%s before their answer was whole; upstream calls that ran on: %s",
				text_count(clients, d, "clients"), text_count(calls, d, "calls"));
	if (kept && used < sizeof(line))
		snprintf(line + used, sizeof(line) - used,
			 ", for %s at p50, %s at most; %s of them until the provider had answered",
			 text_dist(p50, kept, "p50_ns"), text_dist(max, kept, "max_ns"), text_count(answered, d, "answered"));
	text_wrap(t, TEXT_BOLD, "CLIENTS LEFT", 14, line);
	text_blank(t);
}
