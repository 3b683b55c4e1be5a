/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hold runs from the moment the request's last byte was read to just before the answer's first write. It is one absolute timer; the
 * record tells the hold that really was, so that a late wake-up (50 us on an idle virtual CPU) is known and not charged to anybody.
 */
#include "provider/job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "provider/ask.h"
#include "provider/faults.h"
#include "provider/text.h"

#define EVENTS_BATCH 64
#define TOKENS_DEFAULT 16
#define TOKENS_PER_TURN 64 /* of one stream, before other connections have their turn */

enum job_step {
	JOB_HEAD = 0, /* next is the head */
	JOB_BODY = 1, /* next is the body, its first half, or a token */
	JOB_REST = 2, /* plain: next is the second half */
};

struct job {
	struct worker *worker;
	struct http_exchange *x;
	struct loop_timer timer;
	enum job_step step;
	unsigned status;
	const char *fields; /* of the head; NULL: none. Set only where the answer is given at once */
	uint64_t due_ns; /* of the next step */
	uint64_t planned_hold_ns;
	struct ask ask;
	struct faults_effect fault;
	struct text_answer answer;
	struct buf body; /* plain: made before the hold, so that the write comes at once */
	uint32_t token; /* next one of a stream */
	uint32_t chunks; /* events that the kernel has taken */
	struct record_event *event; /* [EVENTS_BATCH], streams only */
	uint32_t events, events_first;
};

/* --- the log ------------------------------------------------------------------------------------------------------------------- */

static void events_flush(struct job *j, uint64_t cookie)
{
	if (!j->events)
		return;
	struct record_events head = {.id = j->ask.tag, .conn = cookie, .first = j->events_first, .count = j->events};
	arrivals_events(&j->worker->arrivals, &head, j->event);
	j->events_first += j->events;
	j->events = 0;
}

static void job_marked(void *ctx, struct http_exchange *x, uint32_t mark, uint64_t pos, uint64_t time_ns)
{
	struct job *j = http_exchange_ctx(x);
	(void)ctx;
	(void)mark; /* tokens are taken in their order */
	j->event[j->events++] = (struct record_event){.pos = pos, .time_ns = time_ns};
	j->chunks++;
	if (j->events == EVENTS_BATCH) {
		struct http_connection_info connection;
		http_exchange_connection(x, &connection);
		events_flush(j, connection.cookie);
	}
}

static void job_log(struct job *j, enum http_end end)
{
	if (!arrivals_are_read(&j->worker->arrivals))
		return;
	const struct http_stamps *s = http_exchange_stamps(j->x);
	struct http_connection_info c;
	http_exchange_connection(j->x, &c);
	events_flush(j, c.cookie);
	struct record_provider record = {
		.tag = j->ask.tag,
		.conn = c.cookie,
		.in_start_pos = s->in_start_pos,
		.in_end_pos = s->in_end_pos,
		.out_start_pos = s->out_start_pos,
		.out_end_pos = s->out_end_pos,
		.out_body_pos = s->out_body_pos,
		.request_first_ns = s->request_first_ns,
		.request_last_ns = s->request_last_ns,
		.answer_first_ns = s->answer_first_ns,
		.answer_last_ns = s->answer_last_ns,
		.planned_hold_ns = j->planned_hold_ns,
		.tls_end_ns = c.tls_end_ns,
		.tls_end_in_pos = c.tls_end_in_pos,
		.tls_end_out_pos = c.tls_end_out_pos,
		.chunks = j->chunks,
		.http_status = s->answer_first_ns ? (uint16_t)j->status : 0,
		.flags = (uint16_t)((end == HTTP_END_ABORTED ? RECORD_PROVIDER_ABORTED : 0) |
				    (j->ask.stream ? RECORD_PROVIDER_STREAM : 0)),
		.upstream_index = j->worker->behaviour->upstream_index,
	};
	arrivals_provider(&j->worker->arrivals, &record);
}

static void job_done(void *ctx, struct http_exchange *x, enum http_end end)
{
	struct worker *w = ctx;
	struct job *j = http_exchange_ctx(x);
	if (!j)
		return;
	loop_timer_cancel(w->loop, &j->timer);
	job_log(j, end);
	buf_give(&j->body, &w->spare);
	free(j->event);
	free(j);
}

/* --- plain answers --------------------------------------------------------------------------------------------------------------- */

static void job_wait(struct job *j, uint64_t due_ns)
{
	j->due_ns = due_ns;
	if (loop_timer_set(j->worker->loop, &j->timer, due_ns))
		http_answer_break(j->x);
}

static struct http_head plain_head(const struct job *j)
{
	return (struct http_head){.status = j->status,
				  .content_type = "application/json",
				  .fields = j->fields,
				  .body_bytes = (int64_t)j->body.used,
				  .close_unannounced = j->fault.close};
}

/* The head promises the whole body. */
static void plain_truncated(struct job *j, size_t half)
{
	struct http_head head = plain_head(j);
	if (!http_answer_head(j->x, &head, HTTP_MORE) && !http_answer_body(j->x, j->body.data, half, 0, HTTP_NO_MARK))
		http_answer_break(j->x);
}

/* Only a pause takes an answer apart; without one it is a single write. The exchange may be gone after the last call of each. */
static void plain_step(struct job *j)
{
	const struct plan_provider *plan = j->worker->behaviour->plan;
	struct http_head head = plain_head(j);
	size_t half = j->body.used / 2;
	if (j->fault.truncate) {
		plain_truncated(j, half);
		return;
	}
	if (j->step == JOB_HEAD && !plan->head_pause_ns && !plan->pause_ns) {
		http_answer(j->x, &head, j->body.data, j->body.used);
		return;
	}
	if (j->step == JOB_HEAD) {
		j->step = JOB_BODY;
		if (http_answer_head(j->x, &head, plan->head_pause_ns ? 0 : HTTP_MORE))
			return;
		if (plan->head_pause_ns) {
			job_wait(j, clock_now_ns() + plan->head_pause_ns);
			return;
		}
	}
	if (j->step == JOB_BODY && plan->pause_ns) {
		j->step = JOB_REST;
		if (!http_answer_body(j->x, j->body.data, half, 0, HTTP_NO_MARK))
			job_wait(j, clock_now_ns() + plan->pause_ns);
		return;
	}
	size_t from = j->step == JOB_REST ? half : 0;
	if (!http_answer_body(j->x, j->body.data + from, j->body.used - from, 0, HTTP_NO_MARK))
		http_answer_end(j->x);
}

/* --- streams --------------------------------------------------------------------------------------------------------------------- */

static int stream_head(struct job *j, unsigned flags)
{
	struct http_head head = {.status = j->status,
				 .content_type = "text/event-stream",
				 .fields = "Cache-Control: no-cache\r\n",
				 .body_bytes = HTTP_CHUNKED,
				 .close_unannounced = j->fault.close};
	return http_answer_head(j->x, &head, flags);
}

/* Says what the text functions put into the scratch. */
static int stream_say(struct job *j, int made, unsigned flags, uint32_t mark)
{
	const struct buf *text = &j->worker->text;
	if (made) {
		http_answer_break(j->x);
		return made;
	}
	return http_answer_body(j->x, text->data, text->used, flags, mark);
}

static int stream_open(struct job *j)
{
	j->worker->text.used = 0;
	return stream_say(j, text_stream_open(&j->worker->text, &j->ask, &j->answer), HTTP_MORE, HTTP_NO_MARK);
}

static int stream_token(struct job *j, unsigned flags)
{
	j->worker->text.used = 0;
	int made = text_stream_token(&j->worker->text, &j->ask, &j->answer, j->token);
	return stream_say(j, made, flags, j->token++);
}

static void stream_close(struct job *j)
{
	j->worker->text.used = 0;
	if (!stream_say(j, text_stream_close(&j->worker->text, &j->ask, &j->answer), HTTP_MORE, HTTP_NO_MARK))
		http_answer_end(j->x);
}

/* Each token's time follows from the one before it, not from when that was really sent: no drift. */
static uint64_t stream_next_due(struct job *j)
{
	const struct behaviour *b = j->worker->behaviour;
	uint64_t gap_ns = b->inter_token ? distribution_draw(b->inter_token, &j->worker->rng) : 0;
	gap_ns += j->fault.token_delay_ns;
	if (j->token + 1 == (j->answer.tokens + 1) / 2)
		gap_ns += b->plan->pause_ns;
	return j->due_ns + gap_ns;
}

/* Half of the tokens are out: the stream ends here without its end, or goes on with what is no event. */
static bool stream_breaks(struct job *j)
{
	static const char garbage[] = "data: {\"choices\":[{\"delta\":{\"content\":\"\0\xff\xfe\n\n\r\nnot: an event\0\n\n";
	if ((!j->fault.truncate && !j->fault.malformed) || j->token < j->answer.tokens / 2)
		return false;
	if (j->fault.truncate)
		http_answer_break(j->x);
	else if (!http_answer_body(j->x, garbage, sizeof(garbage) - 1, HTTP_MORE, HTTP_NO_MARK))
		http_answer_end(j->x);
	return true;
}

/* Sends the tokens that are due; those that are due together leave in one write. */
static void stream_tokens(struct job *j)
{
	for (unsigned budget = TOKENS_PER_TURN; budget; budget--) {
		if (stream_breaks(j))
			return;
		bool last = j->token + 1 == j->answer.tokens;
		uint64_t next_ns = last ? 0 : stream_next_due(j);
		bool more = last || (budget > 1 && next_ns <= clock_now_ns());
		if (stream_token(j, more ? HTTP_MORE : 0))
			return;
		if (last) {
			stream_close(j);
			return;
		}
		j->due_ns = next_ns;
		if (http_answer_full(j->x))
			return; /* job_drained() goes on */
		if (!more)
			break;
	}
	job_wait(j, j->due_ns);
}

static void stream_step(struct job *j)
{
	const struct plan_provider *plan = j->worker->behaviour->plan;
	if (j->step == JOB_HEAD) {
		j->step = JOB_BODY;
		if (stream_head(j, plan->head_pause_ns ? 0 : HTTP_MORE))
			return;
		if (plan->head_pause_ns) {
			job_wait(j, clock_now_ns() + plan->head_pause_ns);
			return;
		}
	}
	if (!j->token && stream_open(j))
		return;
	stream_tokens(j);
}

/* The head leaves at once, the first token when it is due. */
static void stream_head_early(struct job *j)
{
	j->step = JOB_BODY;
	if (!stream_head(j, 0))
		job_wait(j, j->due_ns + j->worker->behaviour->plan->head_pause_ns);
}

static void job_drained(void *ctx, struct http_exchange *x)
{
	struct job *j = http_exchange_ctx(x);
	(void)ctx;
	if (j->ask.stream && !j->timer.slot)
		job_wait(j, j->due_ns);
}

/* --- from the request on ---------------------------------------------------------------------------------------------------------- */

static void job_step(struct job *j)
{
	if (j->ask.stream)
		stream_step(j);
	else
		plain_step(j);
}

static void job_due(struct loop_timer *t)
{
	job_step(t->ctx);
}

static uint32_t tokens_of(const struct ask *ask, const struct plan_provider *plan)
{
	uint32_t tokens = plan->tokens && plan->tokens < ASK_TOKENS_MAX ? plan->tokens : plan->tokens ? ASK_TOKENS_MAX : 0;
	if (!tokens)
		return ask->max_tokens ? ask->max_tokens : TOKENS_DEFAULT;
	return ask->max_tokens && ask->max_tokens < tokens ? ask->max_tokens : tokens;
}

static uint64_t hold_draw(struct worker *w, const struct ask *ask)
{
	const struct behaviour *b = w->behaviour;
	if (ask->kind == ASK_MODELS || ask->kind == ASK_HEALTH)
		return 0; /* no model runs for these */
	return distribution_draw(ask->stream && b->first_token ? b->first_token : b->service, &w->rng);
}

static int job_prepare(struct job *j)
{
	struct worker *w = j->worker;
	j->planned_hold_ns = hold_draw(w, &j->ask) + j->fault.start_delay_ns;
	j->answer = (struct text_answer){.id = j->ask.tag ? j->ask.tag : ++w->answers,
					 .created_s = (uint64_t)time(NULL),
					 .tokens = tokens_of(&j->ask, w->behaviour->plan)};
	if (!j->ask.stream) {
		int made = text_plain(&j->body, &j->ask, &j->answer);
		if (j->fault.malformed)
			j->body.used /= 2; /* half a JSON document, of the length that it says */
		return made;
	}
	j->event = malloc(EVENTS_BATCH * sizeof(*j->event));
	return j->event ? 0 : -ENOMEM;
}

static void job_refuse(struct job *j, unsigned status, const char *why)
{
	j->ask.stream = false;
	j->status = status;
	if (text_refusal(&j->body, &j->ask, why)) {
		http_answer_break(j->x);
		return;
	}
	struct http_head head = plain_head(j);
	http_answer(j->x, &head, j->body.data, j->body.used);
}

/* Whole seconds, as RFC 9110 wants it: rounded up, so that who obeys it does not come too early. */
static void job_refuse_for_now(struct job *j)
{
	char fields[48] = "";
	if (j->fault.retry_after_ns)
		snprintf(fields, sizeof(fields), "Retry-After: %" PRIu64 "\r\n",
			 (j->fault.retry_after_ns + NS_PER_S - 1) / NS_PER_S);
	j->fields = fields;
	job_refuse(j, j->fault.status, j->fault.status == 429 ? "rate limit reached" : "the model is not available");
}

/* False: the request went on as if nothing were wrong. */
static bool job_struck(struct job *j)
{
	if (j->ask.kind == ASK_HEALTH)
		return false;
	if (!j->worker->faults->count)
		return false;
	faults_draw(j->worker->faults, &j->worker->rng, clock_now_ns(), &j->fault);
	if (j->fault.reset)
		http_answer_reset(j->x);
	else if (j->fault.status)
		job_refuse_for_now(j);
	return j->fault.reset || j->fault.status || j->fault.hang; /* a hang ends when the client leaves */
}

static void job_begin(struct job *j)
{
	const struct plan_provider *plan = j->worker->behaviour->plan;
	if (job_prepare(j)) {
		http_answer_break(j->x);
		return;
	}
	j->due_ns = http_exchange_stamps(j->x)->request_last_ns + j->planned_hold_ns;
	if (j->ask.stream && plan->head_early)
		stream_head_early(j);
	else if (!j->planned_hold_ns)
		job_step(j);
	else
		job_wait(j, j->due_ns);
}

static void job_request(void *ctx, struct http_exchange *x)
{
	struct worker *w = ctx;
	struct job *j = malloc(sizeof(*j));
	if (!j) {
		http_answer_break(x);
		return;
	}
	*j = (struct job){.worker = w, .x = x, .status = 200, .timer = {.fire = job_due, .ctx = j}};
	buf_take(&j->body, &w->spare);
	http_exchange_set_ctx(x, j);
	size_t bytes;
	const char *body = http_request_body(x, &bytes), *why = "";
	unsigned refused = ask_parse(&j->ask, http_request_method(x), http_request_target(x), body, bytes, &why);
	http_request_drop(x); /* thousands of these wait at once */
	if (refused)
		job_refuse(j, refused, why);
	else if (!job_struck(j))
		job_begin(j);
}

const struct http_callbacks job_callbacks = {
	.request = job_request, .done = job_done, .drained = job_drained, .marked = job_marked};
