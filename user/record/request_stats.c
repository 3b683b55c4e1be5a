// SPDX-License-Identifier: GPL-2.0-only
#include "record/request_stats.h"

#include <errno.h>

int request_stats_init(struct request_stats *s)
{
	*s = (struct request_stats){0};
	s->latency = hist_new();
	s->service = hist_new();
	s->lateness = hist_new();
	s->ttft = hist_new();
	s->inter_token = hist_new();
	if (s->latency && s->service && s->lateness && s->ttft && s->inter_token)
		return 0;
	request_stats_fini(s);
	return -ENOMEM;
}

void request_stats_fini(struct request_stats *s)
{
	hist_free(s->latency);
	hist_free(s->service);
	hist_free(s->lateness);
	hist_free(s->ttft);
	hist_free(s->inter_token);
	*s = (struct request_stats){0};
}

static bool is_whole(uint16_t outcome)
{
	return outcome == RECORD_OK || outcome == RECORD_HTTP_ERROR || outcome == RECORD_CHECK_FAILED;
}

bool request_stats_was_sent(const struct record_request *r)
{
	if (r->sent_ns || r->connect_start_ns)
		return true;
	return r->outcome != RECORD_TIMEOUT && r->outcome != RECORD_LEFT && r->outcome != RECORD_CUT_SHORT;
}

static uint64_t span_of(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t request_last_known_ns(const struct record_request *r)
{
	uint64_t last = max_u64(r->due_ns, max_u64(r->connect_start_ns, r->sent_ns));

	return max_u64(last, max_u64(r->end_ns, max_u64(r->first_byte_ns, r->first_token_ns)));
}

uint64_t request_stats_latency_ns(const struct record_request *r, bool *at_least)
{
	*at_least = !is_whole(r->outcome);
	return span_of(r->due_ns, *at_least ? request_last_known_ns(r) : r->end_ns);
}

static int record_span(struct hist *h, uint64_t from, uint64_t to, bool exact)
{
	return exact ? hist_record(h, span_of(from, to)) : hist_record_at_least(h, span_of(from, to));
}

uint64_t request_lateness_ns(const struct record_request *r)
{
	uint64_t connect_ns = span_of(r->connect_start_ns, max_u64(r->connect_end_ns, r->tls_end_ns));

	return span_of(r->due_ns + (r->connect_start_ns ? connect_ns : 0), r->sent_ns);
}

static int add_lateness(struct request_stats *s, const struct record_request *r)
{
	if (r->sent_ns)
		return hist_record(s->lateness, request_lateness_ns(r));
	if (r->connect_start_ns)
		return hist_record(s->lateness, span_of(r->due_ns, r->connect_start_ns));
	return hist_record_at_least(s->lateness, span_of(r->due_ns, request_last_known_ns(r)));
}

static int add_times(struct request_stats *s, const struct record_request *r)
{
	bool whole = is_whole(r->outcome);
	uint64_t end_ns = whole ? r->end_ns : request_last_known_ns(r);
	int rc = record_span(s->latency, r->due_ns, end_ns, whole);
	int rc2 = add_lateness(s, r);

	if (!rc)
		rc = rc2;
	if (r->sent_ns) {
		rc2 = record_span(s->service, r->sent_ns, end_ns, whole);
		if (!rc)
			rc = rc2;
	}
	/* a whole stream without a token has no first one; one that broke off before it might have had one later */
	if ((r->flags & RECORD_STREAM) && (r->first_token_ns || !whole)) {
		rc2 = record_span(s->ttft, r->due_ns, r->first_token_ns ? r->first_token_ns : end_ns, r->first_token_ns != 0);
		if (!rc)
			rc = rc2;
	}
	return rc;
}

int request_stats_add(struct request_stats *s, const struct record_request *r)
{
	unsigned i;

	s->sent += request_stats_was_sent(r);
	s->completed += is_whole(r->outcome);
	s->failed += record_outcome_is_failure((enum record_outcome)r->outcome);
	s->outcome[r->outcome < RECORD_OUTCOMES ? r->outcome : RECORD_OTHER]++;
	s->status[r->http_status < REQUEST_STATS_STATUSES ? r->http_status : 0]++;
	s->tokens += r->tokens;
	s->prompt_tokens += r->prompt_tokens;
	s->chunks += r->chunks;
	s->slo += (r->flags & RECORD_SLO) != 0;
	s->good += (r->flags & RECORD_GOOD) != 0;
	s->heard += (r->flags & RECORD_HEARD) != 0;
	s->foreign += (r->flags & RECORD_FOREIGN) != 0;
	s->disordered += (r->flags & RECORD_DISORDERED) != 0;
	if (r->flags & RECORD_POSITIONS) {
		s->bytes_out += span_of(r->out_start_pos, r->out_end_pos);
		s->bytes_in += span_of(r->in_start_pos, r->in_end_pos);
	}
	for (i = 0; i < REQUEST_STATS_CHECKS; i++) {
		s->check_passed[i] += (r->checks_passed >> i) & 1u;
		s->check_failed[i] += (r->checks_failed >> i) & 1u;
	}
	return add_times(s, r);
}

int request_stats_gap(struct request_stats *s, uint64_t inter_token_ns)
{
	return hist_record(s->inter_token, inter_token_ns);
}

static void add_each(uint64_t *into, const uint64_t *from, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		into[i] += from[i];
}

int request_stats_merge(struct request_stats *into, const struct request_stats *from)
{
	struct hist *const hists[] = {into->latency, into->service, into->lateness, into->ttft, into->inter_token};
	const struct hist *const others[] = {from->latency, from->service, from->lateness, from->ttft, from->inter_token};
	unsigned i;

	for (i = 0; i < sizeof(hists) / sizeof(hists[0]); i++) {
		int rc = hist_merge(hists[i], others[i]);

		if (rc)
			return rc;
	}
	into->sent += from->sent;
	into->completed += from->completed;
	into->failed += from->failed;
	into->tokens += from->tokens;
	into->prompt_tokens += from->prompt_tokens;
	into->chunks += from->chunks;
	into->slo += from->slo;
	into->good += from->good;
	into->heard += from->heard;
	into->foreign += from->foreign;
	into->disordered += from->disordered;
	into->bytes_in += from->bytes_in;
	into->bytes_out += from->bytes_out;
	add_each(into->outcome, from->outcome, RECORD_OUTCOMES);
	add_each(into->status, from->status, REQUEST_STATS_STATUSES);
	add_each(into->check_passed, from->check_passed, REQUEST_STATS_CHECKS);
	add_each(into->check_failed, from->check_failed, REQUEST_STATS_CHECKS);
	return 0;
}
