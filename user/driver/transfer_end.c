/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a request ended in its connection's stream, and when its connection was made. */
#include "base/clock.h"
#include "driver/transfer.h"

#define SMALL_BODY_BYTES (64 * 1024) /* up to here libcurl sends head and body in one send, and from a buffer of ours */
#define COUNTED_ENDS_MAX 63 /* then one is looked up again */

bool transfer_body_is_buffered(const struct transfer *t, const struct plan_class *class_)
{
	return t->body->bytes <= SMALL_BODY_BYTES && !class_->body_pause_ns;
}

/* It is idle from here on, or gone. */
static void conn_leave(struct transfer *t)
{
	t->conn->end = t->end;
	t->conn->end_known = t->end_known;
	t->conn->transfer = NULL;
	t->conn = NULL;
}

void transfer_conn_closing(struct transfer *t)
{
	t->end_known = conn_positions(t->conn, &t->end);
	conn_leave(t);
}

/*
 * Asking the kernel takes three system calls (9 % of a request's CPU), so most ends are counted: what came (head, and body as it was coded)
 * and what libcurl says it sent. The count is believed as long as it is the kernel's whenever both are looked at.
 */
static bool count_bytes(const struct transfer *t, struct conn_positions *out)
{
	long sent = 0;

	if (t->env->tls || !t->start_known || !transfer_body_is_buffered(t, t->class_->plan))
		return false;
	curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &sent);
	out->in = t->r.in_start_pos + t->answer.head_bytes + t->answer.body_bytes;
	out->out = t->r.out_start_pos + (uint64_t)sent;
	return true;
}

static void conn_end(struct transfer *t, bool whole)
{
	struct conn_positions counted = {0};
	struct conn *c = t->conn;
	bool can = whole && count_bytes(t, &counted);
	uint64_t head_bytes = counted.out - t->r.out_start_pos - t->body->bytes;

	if (can && !t->class_->each && c->counts && c->counted < COUNTED_ENDS_MAX && head_bytes == t->head_out_bytes) {
		c->counted++;
		t->end = counted;
		t->end_known = true;
		conn_leave(t);
		return;
	}
	transfer_conn_closing(t);
	c->counts = can && t->end_known && t->end.in == counted.in && t->end.out == counted.out;
	c->counted = 0;
	t->head_out_bytes = c->counts ? head_bytes : 0;
}

void transfer_left(struct transfer *t)
{
	conn_end(t, true);
}

void transfer_positions(struct transfer *t, bool whole)
{
	struct record_request *r = &t->r;
	long version = 0;

	curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &version);
	if (version == CURL_HTTP_VERSION_2_0)
		r->flags |= RECORD_HTTP2;
	if (t->conn)
		conn_end(t, whole);
	if (!t->start_known || !t->end_known || (r->flags & RECORD_HTTP2)) {
		r->in_start_pos = r->out_start_pos = 0;
		return;
	}
	r->flags |= RECORD_POSITIONS;
	r->in_end_pos = t->end.in;
	r->out_end_pos = t->end.out;
	if (!t->env->tls && t->answer.body_bytes)
		r->in_body_pos = r->in_start_pos + t->answer.head_bytes;
}

static uint64_t info_time_ns(const struct transfer *t, CURLINFO what)
{
	curl_off_t us = 0;

	curl_easy_getinfo(t->easy, what, &us);
	return us > 0 ? t->started_ns + (uint64_t)us * NS_PER_US : 0;
}

static uint64_t clamp_ns(uint64_t value, uint64_t low, uint64_t high)
{
	return value < low ? low : value > high ? high : value;
}

/* libcurl tells times in µs from its own start of the request: never outside of what we saw ourselves. */
void transfer_connect_times(struct transfer *t, uint64_t end_ns)
{
	struct record_request *r = &t->r;
	uint64_t latest_ns = r->sent_ns ? r->sent_ns : end_ns;
	uint64_t connected_ns = info_time_ns(t, CURLINFO_CONNECT_TIME_T);
	uint64_t tls_ns = info_time_ns(t, CURLINFO_APPCONNECT_TIME_T);

	if (!t->seat.opened_ns)
		return;
	r->connect_start_ns = t->seat.opened_ns;
	if (connected_ns)
		r->connect_end_ns = clamp_ns(connected_ns, r->connect_start_ns, latest_ns);
	if (tls_ns && r->connect_end_ns && t->env->tls)
		r->tls_end_ns = clamp_ns(tls_ns, r->connect_end_ns, latest_ns);
}
