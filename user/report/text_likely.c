// SPDX-License-Identifier: GPL-2.0-only
/* Under missed criteria: what may have caused it, what the kernel saw first, then what the answers say. Never without a figure. */
#include <stdarg.h>
#include <string.h>

#include "report/text.h"

#define CPU_SHORT 0.9 /* of the cores that the gateway may use */
#define MEMORY_GREW 1.5
#define CAUSES_MAX 6

struct likely {
	struct text *t;
	const json_t *doc;
	unsigned told;
};

__attribute__((format(printf, 2, 3))) static void tell(struct likely *l, const char *fmt, ...)
{
	char line[400];
	va_list ap;

	if (l->told == CAUSES_MAX)
		return;
	if (!l->told)
		text_put(l->t, TEXT_BOLD, "LIKELY CAUSES");
	if (!l->told++)
		text_end(l->t);
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	text_wrap(l->t, TEXT_PLAIN, "", 2, line);
}

static void from_cpu(struct likely *l)
{
	const json_t *cores = text_at(l->doc, "gateway.cpu_cores");
	double usable = text_number(cores, "usable"), mean = text_number(cores, "mean"), most = text_number(cores, "max");

	if (usable > 0 && most > CPU_SHORT * usable)
		tell(l, "CPU: the gateway used %.2f of its %.0f cores on average, %.2f in its busiest second", mean, usable,
		     most);
}

static void from_memory(struct likely *l)
{
	const json_t *memory = text_at(l->doc, "gateway.memory_bytes");
	uint64_t first = text_u64(memory, "initial"), peak = text_u64(memory, "peak");

	if (first && (double)peak > MEMORY_GREW * (double)first)
		tell(l, "memory: the gateway's grew from %.1f MB to %.1f MB", (double)first / 1e6, (double)peak / 1e6);
}

/* The ranked sentences of the causes: queueing, run queue, lock, disk. */
static void from_findings(struct likely *l)
{
	const json_t *findings = json_object_get(l->doc, "findings");

	for (size_t i = 0; i < json_array_size(findings) && i < 2; i++)
		tell(l, "inside the gateway: %s", text_string(json_array_get(findings, i), "text"));
}

static void from_queue(struct likely *l)
{
	const json_t *counters = text_at(l->doc, "trust.counters");
	uint64_t full = text_u64(counters, "listen_full"), lost = text_u64(counters, "retransmits");

	if (full)
		tell(l, "queueing: the gateway's accept queue was full %llu times", (unsigned long long)full);
	if (lost)
		tell(l, "network: %llu segments were sent again", (unsigned long long)lost);
}

static void from_upstreams(struct likely *l)
{
	const json_t *upstreams = text_at(l->doc, "resilience.upstreams"), *retries = text_at(l->doc, "resilience.retries");
	const char *label;
	json_t *u;

	json_object_foreach ((json_t *)upstreams, label, u) {
		if (text_u64(u, "opened"))
			tell(l, "breaker: that of %s opened %llu times (now %s), and %llu requests passed it over", label,
			     (unsigned long long)text_u64(u, "opened"), text_string(u, "breaker"),
			     (unsigned long long)text_u64(u, "passed_over"));
		else if (text_u64(u, "failed"))
			tell(l, "upstream: %llu of %llu calls of %s failed, and its breaker did not open",
			     (unsigned long long)text_u64(u, "failed"), (unsigned long long)text_u64(u, "turns"), label);
	}
	if (text_u64(retries, "attempts_max") > 2)
		tell(l, "retries: %llu requests called upstream more than once, at most %llu times",
		     (unsigned long long)text_u64(retries, "requests"), (unsigned long long)text_u64(retries, "attempts_max"));
}

struct counted {
	const char *key, *before, *behind;
};

static void from_counts(struct likely *l, const json_t *counts, const struct counted *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text_u64(counts, rows[i].key))
			tell(l, "%s%llu %s", rows[i].before, (unsigned long long)text_u64(counts, rows[i].key), rows[i].behind);
}

static void from_errors(struct likely *l)
{
	static const struct counted statuses[] = {
		{"429", "quota or rate limit: ", "answers were 429"},
		{"503", "overload or an open breaker: ", "answers were 503"},
		{"401", "the API key is refused: ", "answers were 401"},
		{"403", "the API key may not do this: ", "answers were 403"},
		{"500", "a fault in the gateway or behind it: ", "answers were 500"},
		{"502", "the upstream broke off or could not be reached: ", "answers were 502"},
		{"504", "the upstream did not answer in time: ", "answers were 504"},
	};
	static const struct counted errors[] = {
		{"timeout", "time-out: the driver gave up on ", "requests"},
		{"connect_failed", "connection refused: ", "requests found no listener"},
		{"reset", "a crash, a restart, or an upstream that broke off: ", "answers ended before their end"},
		{"malformed", "broken or mixed-up streams: ", "answers were not what they should be"},
		{"tls_failed", "TLS failed: ", "requests"},
	};

	from_counts(l, text_at(l->doc, "requests.status"), statuses, sizeof(statuses) / sizeof(statuses[0]));
	from_counts(l, text_at(l->doc, "requests.errors"), errors, sizeof(errors) / sizeof(errors[0]));
}

void text_likely(struct text *t, const json_t *doc)
{
	struct likely l = {.t = t, .doc = doc};

	if (strcmp(text_string(doc, "verdict"), "missed") != 0)
		return;
	from_cpu(&l);
	from_queue(&l);
	from_upstreams(&l);
	from_errors(&l);
	from_memory(&l);
	from_findings(&l);
	if (l.told)
		text_blank(t);
}
