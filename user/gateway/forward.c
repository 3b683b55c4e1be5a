// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/forward.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "record/tag.h"

#define CACHED_BODY_MAX ((size_t)4 << 20)

struct forward {
	struct forward_shared *shared;
	struct forward *next, *prev;
	struct http_exchange *x; /* NULL: the client's side is over */
	struct upstream_turn *up; /* NULL: none now */
	struct plant_run plants;
	struct gateway_truth truth;
	struct buf head; /* as it goes upstream */
	struct buf key; /* of the cache */
	struct buf copy; /* of the answer, for the cache */
	const char *body;
	size_t body_bytes;
	struct route_walk walk;
	struct redis_ask second; /* what Redis is asked for */
	struct loop_timer timer; /* of the back-off before an attempt, or of the attempt's limit */
	bool answering; /* an answer that is forwarded has begun to arrive */
	bool head_sent;
	bool full; /* waits for drained() */
	unsigned status; /* as answered */
	void *held; /* of the hoard */
};

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
	if (s->redis)
		redis_forget(s->redis, &f->second);
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
	f->truth.upstream_turns++;
	int ret = forward_head_build(f->x, authority(f), f->body_bytes, &f->head);
	request.head = f->head.data;
	request.head_bytes = f->head.used;
	if (!ret)
		ret = upstream_start(route_current(&s->route, &f->walk)->pool, &request, &callbacks, f, &f->up);
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

static struct http_head answer_head(const struct forward *f)
{
	int64_t bytes = upstream_body_bytes(f->up);

	return (struct http_head){.status = upstream_status(f->up),
				  .content_type = upstream_content_type(f->up),
				  .fields = upstream_fields(f->up),
				  .body_bytes = bytes < 0 ? HTTP_CHUNKED : bytes};
}

static void cache_copy(struct forward *f, const struct buf *body)
{
	if (!f->key.used)
		return;
	if (upstream_status(f->up) != 200 || f->copy.used + body->used > CACHED_BODY_MAX ||
	    buf_append(&f->copy, body->data, body->used))
		f->key.used = 0; /* this one is not kept */
}

/* As Redis holds it: content type, a newline, the body. */
static void second_keep(struct forward *f, const struct cache_answer *answer)
{
	struct buf value = {0};
	int ret = buf_printf(&value, "%s\n", answer->content_type ? answer->content_type : "");

	if (!ret)
		ret = buf_append(&value, answer->body, answer->body_bytes);
	if (!ret)
		redis_set(f->shared->redis, f->key.data, f->key.used, value.data, value.used, f->shared->redis_ttl_ns);
	buf_fini(&value);
}

static void cache_keep(struct forward *f)
{
	const struct cache_answer answer = {.status = upstream_status(f->up),
					    .content_type = upstream_content_type(f->up),
					    .fields = upstream_fields(f->up),
					    .body = f->copy.data,
					    .body_bytes = f->copy.used};

	if (!f->key.used || answer.status != 200)
		return;
	cache_put(f->shared->cache, f->key.data, f->key.used, &answer);
	if (f->shared->redis)
		second_keep(f, &answer);
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

/* True: answered from the cache. */
static bool answer_cached(struct forward *f)
{
	struct cache *cache = f->shared->cache;

	if (!cache || buf_printf(&f->key, "%s %s\n", http_request_method(f->x), http_request_target(f->x)) ||
	    buf_append(&f->key, f->body, f->body_bytes)) {
		f->key.used = 0;
		return false;
	}
	const struct cache_entry *e = cache_find(cache, f->key.data, f->key.used);
	if (!e)
		return false;
	const struct cache_answer *a = cache_entry_answer(e);
	const struct http_head head = {
		.status = a->status, .content_type = a->content_type, .fields = a->fields, .body_bytes = (int64_t)a->body_bytes};
	http_answer(f->x, &head, a->body, a->body_bytes);
	cache_release(e);
	return true;
}

/* An answer without any upstream. f may be gone after it. */
static void answer_own(struct forward *f, unsigned status, const char *why, uint64_t retry_after_s)
{
	char body[200], fields[48] = "";
	struct http_head head = {.status = status, .content_type = "application/json", .fields = fields};

	if (retry_after_s)
		snprintf(fields, sizeof(fields), "Retry-After: %llu\r\n", (unsigned long long)retry_after_s);
	head.body_bytes = snprintf(body, sizeof(body), "{\"error\":{\"message\":\"%s\",\"type\":\"%s\"}}\n", why,
				   status == 429   ? "rate_limit_exceeded"
				   : status == 401 ? "invalid_api_key"
						   : "overloaded");
	http_answer(f->x, &head, body, (size_t)head.body_bytes);
}

/* True: it may not call, or not now, and has been told so. */
static bool refused(struct forward *f)
{
	struct limiter *limiter = f->shared->limiter;
	uint64_t wait_ns = 0;

	if (!limiter || !strcmp(http_request_method(f->x), "GET"))
		return false;
	switch (limiter_take(limiter, http_request_field(f->x, "authorization"), clock_now_ns(), &wait_ns)) {
	case LIMITER_GO:
		return false;
	case LIMITER_UNKNOWN:
		answer_own(f, 401, "this API key is not known", 0);
		return true;
	case LIMITER_WAIT:
		answer_own(f, 429, "this API key's rate limit is reached", (wait_ns + NS_PER_S - 1) / NS_PER_S);
		return true;
	}
	return false;
}

static void upstream_go(struct forward *f);

/* What Redis has goes into the memory too, so that the next one need not ask. */
static void on_second(struct redis_ask *ask, const char *value, size_t bytes)
{
	struct forward *f = ask->ctx;
	const char *body = value ? memchr(value, '\n', bytes) : NULL;
	char type[128] = "";

	if (!body) {
		upstream_go(f);
		return;
	}
	snprintf(type, sizeof(type), "%.*s", (int)(body - value), value);
	const struct cache_answer answer = {.status = 200,
					    .content_type = type[0] ? type : NULL,
					    .body = body + 1,
					    .body_bytes = bytes - (size_t)(body + 1 - value)};
	const struct http_head head = {
		.status = 200, .content_type = answer.content_type, .body_bytes = (int64_t)answer.body_bytes};
	cache_put(f->shared->cache, f->key.data, f->key.used, &answer);
	http_answer(f->x, &head, answer.body, answer.body_bytes);
}

static void request_go(struct forward *f)
{
	if (answer_cached(f))
		return;
	f->second = (struct redis_ask){.answer = on_second, .ctx = f};
	if (!f->shared->redis || !f->key.used || redis_get(f->shared->redis, &f->second, f->key.data, f->key.used))
		upstream_go(f);
}

static void upstream_go(struct forward *f)
{
	uint64_t wait_ns;

	if (route_next(&f->shared->route, &f->walk, 0, clock_now_ns(), &wait_ns))
		attempt_start(f, f->plants.resolved);
	else
		answer_own(f, 503, "no upstream is available: every breaker is open", 1);
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

void forward_request(void *ctx, struct http_exchange *x)
{
	static const struct http_head no_memory = {.status = 503};
	struct forward_shared *s = ctx;
	struct forward *f = calloc(1, sizeof(*f));

	if (!f) {
		http_answer(x, &no_memory, NULL, 0);
		return;
	}
	f->shared = s;
	f->x = x;
	f->next = s->live;
	if (s->live)
		s->live->prev = f;
	s->live = f;
	http_exchange_set_ctx(x, f);
	f->body = http_request_body(x, &f->body_bytes);
	if (s->truth.fd >= 0)
		f->truth.tag = f->body ? tag_find(f->body, f->body_bytes) : 0;
	if (s->hoard) {
		const struct hoard_request request = hoard_request_of(f, false);
		f->held = hoard_begin(s->hoard, &request);
	}
	f->plants = (struct plant_run){
		.place = &s->place, .truth = &f->truth, .chance = rng_u64(&s->rng), .done = plants_done, .ctx = f};
	if (!refused(f) && !plant_run_start(&f->plants, GATEWAY_REQUEST))
		request_go(f);
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
	f->x = NULL;
	upstream_release(f);
	if (f->shared->redis)
		redis_forget(f->shared->redis, &f->second);
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
