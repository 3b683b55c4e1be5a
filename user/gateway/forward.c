// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/forward_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "record/tag.h"

static void asks_forget(struct forward *f)
{
	if (f->shared->redis)
		redis_forget(f->shared->redis, &f->second);
	if (f->shared->db)
		db_forget(f->shared->db, &f->key_ask);
}

static void forward_free(struct forward *f)
{
	struct forward_shared *s = f->shared;

	if (f->prev)
		f->prev->next = f->next;
	else
		s->live = f->next;
	if (f->next)
		f->next->prev = f->prev;
	truth_log_add(&s->truth, &f->truth);
	loop_timer_cancel(s->place.loop, &f->timer);
	route_forget(&s->route, &f->walk);
	asks_forget(f);
	buf_fini(&f->head);
	buf_fini(&f->key);
	buf_fini(&f->copy);
	free(f);
}

static void upstream_release(struct forward *f)
{
	if (f->up)
		upstream_end(f->up);
	f->up = NULL;
}

static const char *authority(const struct forward *f)
{
	return route_current(&f->shared->route, &f->walk)->target->authority;
}

/* f may be gone after it. */
static void answer_error(struct forward *f, unsigned status, const char *what, const char *why)
{
	struct http_head head = {.status = status, .content_type = "application/json"};
	struct buf body = {0};

	upstream_release(f);
	f->status = status;
	int ret = buf_printf(&body, "{\"error\":{\"message\":\"upstream %s %s: %s\",\"type\":\"bad_gateway\"}}\n", authority(f),
			     what, why);
	head.body_bytes = ret ? 0 : (int64_t)body.used;
	http_answer(f->x, &head, body.data, ret ? 0 : body.used);
	buf_fini(&body);
}

/* --- upstream attempts ------------------------------------------------------------------------------------------------------ */

static void on_data(void *ctx);
static void on_failed(void *ctx, enum upstream_failure failure, int code);

static void on_timer(struct loop_timer *timer);

/* By this clock, until now: the request's time is ours, or waited for an upstream. */
static void own_time(struct forward *f, bool ours)
{
	uint64_t now_ns;

	if (!f->shared->overhead_header || ours == (f->own_from_ns != 0))
		return;
	now_ns = clock_now_ns();
	if (!ours)
		f->own_ns += now_ns - f->own_from_ns;
	f->own_from_ns = ours ? now_ns : 0;
}

static void timer_set(struct forward *f, uint64_t after_ns)
{
	f->timer = (struct loop_timer){.fire = on_timer, .ctx = f};
	if (loop_timer_set(f->shared->place.loop, &f->timer, clock_now_ns() + after_ns))
		answer_error(f, 503, "was not called", strerror(ENOMEM));
}

static void attempt_start(struct forward *f, bool fresh)
{
	static const struct upstream_callbacks callbacks = {.data = on_data, .failed = on_failed};
	struct forward_shared *s = f->shared;
	struct upstream_request request = {
		.body = f->body,
		.body_bytes = f->body_bytes,
		.is_head = !strcmp(http_request_method(f->x), "HEAD"),
		.fresh = fresh,
	};

	upstream_release(f);
	loop_timer_cancel(s->place.loop, &f->timer);
	own_time(f, true);
	f->truth.upstream_turns++;
	int ret = forward_head_build(f->x, authority(f), f->body_bytes, &f->head);
	request.head = f->head.data;
	request.head_bytes = f->head.used;
	if (!ret)
		ret = upstream_start(route_current(&s->route, &f->walk)->pool, &request, &callbacks, f, &f->up);
	own_time(f, false);
	if (ret)
		answer_error(f, 502, "cannot be called", strerror(-ret));
	else if (s->route.attempt_ns)
		timer_set(f, s->route.attempt_ns);
}

/* True: another attempt is on its way, now or after its back-off. */
static bool attempt_again(struct forward *f, uint64_t retry_after_ns)
{
	uint64_t wait_ns;

	if (f->answering || !route_next(&f->shared->route, &f->walk, retry_after_ns, clock_now_ns(), &wait_ns))
		return false;
	upstream_release(f);
	own_time(f, true);
	if (wait_ns)
		timer_set(f, wait_ns);
	else
		attempt_start(f, false);
	return true;
}

static void on_timer(struct loop_timer *timer)
{
	struct forward *f = timer->ctx;

	if (!f->up) {
		attempt_start(f, false);
		return;
	}
	route_tell(&f->shared->route, &f->walk, false, clock_now_ns());
	if (!attempt_again(f, 0))
		answer_error(f, 504, "did not answer in time", strerror(ETIMEDOUT));
}

static void on_failed(void *ctx, enum upstream_failure failure, int code)
{
	static const char *const what[] = {"cannot be reached", "broke off", "did not answer in HTTP"};
	struct forward *f = ctx;

	/* the upstream ended a kept connection just as the request went out: nothing was processed, so this is no retry */
	if (failure == UPSTREAM_RESET && upstream_was_kept(f->up) && !upstream_answered(f->up)) {
		attempt_start(f, true);
		return;
	}
	route_tell(&f->shared->route, &f->walk, false, clock_now_ns());
	if (failure != UPSTREAM_MALFORMED && attempt_again(f, 0))
		return;
	loop_timer_cancel(f->shared->place.loop, &f->timer);
	if (f->head_sent) {
		upstream_release(f);
		http_answer_break(f->x);
	} else {
		bool tls = failure == UPSTREAM_CONNECT && code == -EPROTO;
		answer_error(f, 502, what[failure],
			     tls ? "TLS failed, is its certificate trusted? (--upstream-insecure)" : strerror(-code));
	}
}

/* --- the answer ------------------------------------------------------------------------------------------------------------- */

/* The upstream's fields, and what we took; f->head is not needed any more. */
static const char *answer_fields(struct forward *f)
{
	const char *fields = upstream_fields(f->up);

	if (!f->shared->overhead_header)
		return fields;
	own_time(f, false);
	f->head.used = 0;
	if (buf_printf(&f->head, "%s%s: %.6fms\r\n", fields ? fields : "", f->shared->overhead_header, (double)f->own_ns / 1e6))
		return fields;
	return f->head.data;
}

static struct http_head answer_head(struct forward *f)
{
	int64_t bytes = upstream_body_bytes(f->up);

	return (struct http_head){.status = upstream_status(f->up),
				  .content_type = upstream_content_type(f->up),
				  .fields = answer_fields(f),
				  .body_bytes = bytes < 0 ? HTTP_CHUNKED : bytes};
}

/* Whose client gets this piece: with the planted defect, one stream's piece in 32 goes into another's. */
static struct http_exchange *receiver(struct forward *f)
{
	struct forward_shared *s = f->shared;

	if (!(s->defects & GATEWAY_STREAM_CROSSTALK) || upstream_body_bytes(f->up) >= 0 || rng_below(&s->rng, 32))
		return f->x;
	for (struct forward *other = s->live; other; other = other->next)
		if (other != f && other->x && other->up && other->head_sent && upstream_body_bytes(other->up) < 0 &&
		    !upstream_complete(other->up))
			return other->x;
	return f->x;
}

/* What the last read brought goes out. f may be gone after it. */
static void answer_go(struct forward *f)
{
	struct buf *body = upstream_body(f->up);
	bool complete = upstream_complete(f->up);
	int ret = 0;

	if (!f->head_sent) {
		struct http_head head = answer_head(f);
		f->status = head.status;
		ret = http_answer_head(f->x, &head, body->used || complete ? HTTP_MORE : 0);
		f->head_sent = true;
	}
	if (body->used) {
		f->truth.chunks++;
		f->answer_bytes += body->used;
		cache_copy(f, body);
		if (!ret)
			ret = http_answer_body(receiver(f), body->data, body->used, complete ? HTTP_MORE : 0, HTTP_NO_MARK);
		body->used = 0;
	}
	if (ret)
		return; /* the client has left: done() follows */
	if (complete) {
		cache_keep(f);
		upstream_release(f);
		http_answer_end(f->x);
	} else if (http_answer_full(f->x)) {
		f->full = true;
	} else {
		upstream_continue(f->up);
	}
}

static bool is_retried(unsigned status)
{
	return status >= 500 || status == 429;
}

/* In whole seconds; a date (RFC 9110 knows both) reads as none. */
static uint64_t retry_after_ns(const struct upstream_turn *up)
{
	const char *fields = upstream_fields(up), *at = fields ? strcasestr(fields, "retry-after:") : NULL;

	return at ? strtoull(at + strlen("retry-after:"), NULL, 10) * NS_PER_S : 0;
}

static void on_data(void *ctx)
{
	struct forward *f = ctx;
	enum gateway_side side = f->answering ? GATEWAY_CHUNK : GATEWAY_RESPONSE;

	own_time(f, true);
	if (!f->answering) {
		route_tell(&f->shared->route, &f->walk, upstream_status(f->up) < 500, clock_now_ns());
		if (is_retried(upstream_status(f->up)) && attempt_again(f, retry_after_ns(f->up)))
			return;
		loop_timer_cancel(f->shared->place.loop, &f->timer);
	}
	f->answering = true;
	/* a read that brings only the end of the answer is no chunk */
	bool planted = side == GATEWAY_RESPONSE || upstream_body(f->up)->used;
	if (!planted || !plant_run_start(&f->plants, side))
		answer_go(f);
}

/* --- the request ------------------------------------------------------------------------------------------------------------ */

void forward_refuse(struct forward *f, unsigned status, const char *why, uint64_t retry_after_s)
{
	char body[200], fields[48] = "";
	struct http_head head = {.status = status, .content_type = "application/json", .fields = fields};

	f->status = status;
	if (retry_after_s)
		snprintf(fields, sizeof(fields), "Retry-After: %llu\r\n", (unsigned long long)retry_after_s);
	head.body_bytes = snprintf(body, sizeof(body), "{\"error\":{\"message\":\"%s\",\"type\":\"%s\"}}\n", why,
				   status == 429   ? "rate_limit_exceeded"
				   : status == 401 ? "invalid_api_key"
						   : "overloaded");
	http_answer(f->x, &head, body, (size_t)head.body_bytes);
}

static void request_go(struct forward *f)
{
	if (!cache_answers(f))
		forward_upstream(f);
}

void forward_upstream(struct forward *f)
{
	uint64_t wait_ns;

	if (route_next(&f->shared->route, &f->walk, 0, clock_now_ns(), &wait_ns))
		attempt_start(f, f->plants.resolved);
	else
		forward_refuse(f, 503, "no upstream is available: every breaker is open", 1);
}

static void plants_done(struct plant_run *run, uint64_t wall_ns, uint64_t cpu_ns)
{
	struct forward *f = run->ctx;

	f->truth.side_ns[run->side] += wall_ns;
	f->truth.side_cpu_ns[run->side] += cpu_ns;
	if (!f->x)
		forward_free(f);
	else if (run->side == GATEWAY_REQUEST)
		request_go(f);
	else
		answer_go(f);
}

void forward_enter(struct forward *f)
{
	if (!plant_run_start(&f->plants, GATEWAY_REQUEST))
		request_go(f);
}

static struct hoard_request hoard_request_of(const struct forward *f, bool left)
{
	struct http_connection_info info;

	http_exchange_connection(f->x, &info);
	return (struct hoard_request){.target = http_request_target(f->x),
				      .body = f->body,
				      .body_bytes = f->body_bytes,
				      .first_of_connection = info.turn == 0,
				      .status = f->status,
				      .left = left};
}

/* True: it asked for the gateway's own counters, and has them. */
static bool metrics_answered(struct forward_shared *s, struct http_exchange *x)
{
	struct http_head head = {.status = 200, .content_type = "text/plain; version=0.0.4"};
	struct buf body = {0};

	if (strcmp(http_request_target(x), "/metrics") != 0 || strcmp(http_request_method(x), "GET") != 0)
		return false;
	if (own_metrics_print(s->metrics, &body))
		head.status = 503;
	head.body_bytes = (int64_t)body.used;
	http_answer(x, &head, body.data, body.used);
	buf_fini(&body);
	return true;
}

void forward_request(void *ctx, struct http_exchange *x)
{
	static const struct http_head no_memory = {.status = 503};
	struct forward_shared *s = ctx;
	struct forward *f;

	if (metrics_answered(s, x))
		return;
	f = calloc(1, sizeof(*f));
	if (!f) {
		http_answer(x, &no_memory, NULL, 0);
		return;
	}
	f->shared = s;
	f->start_ns = clock_now_ns();
	f->x = x;
	f->next = s->live;
	if (s->live)
		s->live->prev = f;
	s->live = f;
	http_exchange_set_ctx(x, f);
	own_time(f, true);
	f->body = http_request_body(x, &f->body_bytes);
	if (s->truth.fd >= 0)
		f->truth.tag = f->body ? tag_find(f->body, f->body_bytes) : 0;
	if (s->hoard) {
		const struct hoard_request request = hoard_request_of(f, false);
		f->held = hoard_begin(s->hoard, &request);
	}
	f->plants = (struct plant_run){
		.place = &s->place, .truth = &f->truth, .chance = rng_u64(&s->rng), .done = plants_done, .ctx = f};
	gate_enter(f);
}

static void metrics_count(const struct forward *f)
{
	struct own_metrics *m = f->shared->metrics;

	atomic_fetch_add(&m->requests, 1);
	atomic_fetch_add(&m->errors, f->status >= 500);
	atomic_fetch_add(&m->duration_ns, clock_now_ns() - f->start_ns);
}

static void usage_tell(const struct forward *f)
{
	struct billing_usage usage = {.status = f->status, .request_bytes = f->body_bytes, .answer_bytes = f->answer_bytes};

	if (!f->shared->billing)
		return;
	snprintf(usage.tenant, sizeof(usage.tenant), "%s", f->tenant);
	billing_add(f->shared->billing, &usage);
}

void forward_done(void *ctx, struct http_exchange *x, enum http_end end)
{
	struct forward *f = http_exchange_ctx(x);

	(void)ctx;
	if (!f)
		return;
	if (f->shared->hoard) {
		const struct hoard_request request = hoard_request_of(f, end == HTTP_END_ABORTED);
		hoard_end(f->shared->hoard, &request, f->held);
	}
	usage_tell(f);
	metrics_count(f);
	f->x = NULL;
	if (f->up && (f->shared->defects & GATEWAY_KEEPS_CALLS))
		upstream_abandon(f->up);
	else if (f->up)
		upstream_end(f->up);
	f->up = NULL;
	asks_forget(f);
	loop_timer_cancel(f->shared->place.loop, &f->timer);
	if (plant_run_cancel(&f->plants))
		forward_free(f);
}

void forward_drained(void *ctx, struct http_exchange *x)
{
	struct forward *f = http_exchange_ctx(x);

	(void)ctx;
	if (!f || !f->full)
		return;
	f->full = false;
	upstream_continue(f->up);
}

void forward_free_all(struct forward_shared *s)
{
	for (struct forward *f = s->live, *next; f; f = next) {
		next = f->next;
		forward_free(f);
	}
}
