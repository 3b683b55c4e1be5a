/* SPDX-License-Identifier: GPL-2.0-only */
/* One request at a time on a libcurl easy handle: sets it up, notes the four times and the positions, judges the outcome. */
#ifndef TOLL_DRIVER_TRANSFER_H
#define TOLL_DRIVER_TRANSFER_H

#include "driver/answer.h"
#include "driver/deadline.h"
#include "driver/env.h"
#include "driver/pool.h"
#include "driver/schedule.h"
#include "record/tag.h"

struct transfer {
	const struct env *env;
	struct pool_seat seat;
	CURL *easy;
	struct transfer *next_free;
	bool active;
	/* the request in hand */
	struct order order;
	struct record_request r;
	const struct env_class *class_; /* also: what easy is set up for ... */
	uint32_t tenant; /* ... and whose key it carries */
	struct answer answer;
	const struct body *body; /* of its class, or own */
	struct body own;
	struct talk *talk; /* the conversation that it is part of; NULL: none */
	struct buf said; /* the answer's text, for the conversation */
	struct curl_slist traceparent; /* before its class's headers; not libcurl's to free */
	char traceparent_line[TAG_TRACEPARENT_BYTES + 1];
	char *buffer; /* small bodies: sent from here */
	size_t buffer_size;
	size_t body_sent; /* large or paused bodies: sent by on_read */
	bool paused, pause_done;
	uint64_t started_ns;
	struct conn *conn;
	bool start_known, end_known;
	uint64_t head_out_bytes; /* of a request of class_, as the kernel counted it; 0: not known yet */
	struct conn_positions end; /* taken when libcurl closed the connection before it told that it is done */
	struct deadline timeout;
	struct deadline pause;
	struct deadline_list *pauses; /* of the thread */
	CURLcode code;
	int os_error;
	char curl_error[CURL_ERROR_SIZE];
};

struct transfer *transfer_new(const struct env *env, struct pool *pool, struct tally *tally, struct deadline_list *pauses);
void transfer_free(struct transfer *t);
/* Hands a request to libcurl. talk: the user's conversation; NULL: none. 0 or -errno: then it is finished (t->r is whole) without having begun. */
int transfer_start(struct transfer *t, const struct order *order, struct talk *talk, uint64_t id, uint32_t flags,
		   uint64_t now_ns);
/* libcurl is done with it: t->r is whole afterwards. */
void transfer_done(struct transfer *t, CURLcode code, uint64_t now_ns);
/* Ends it at end_ns with this outcome, whatever it is doing. */
void transfer_abort(struct transfer *t, enum record_outcome outcome, uint64_t end_ns);
/* The pause in the middle of its body is over. */
void transfer_resume(struct transfer *t);
/* Its connection is being closed. */
void transfer_conn_closing(struct transfer *t);
/* transfer_end.c: is the body sent from t->buffer, head and body in one send? */
bool transfer_body_is_buffered(const struct transfer *t, const struct plan_class *class_);
/*
 * libcurl has given its connection to another request, of which nothing is sent yet: its answer has come to its end, though libcurl has not
 * said so.
 */
void transfer_left(struct transfer *t);
/* The request is over: its positions into the record, its connection is left. whole: the answer's end was seen. */
void transfer_positions(struct transfer *t, bool whole);
void transfer_connect_times(struct transfer *t, uint64_t end_ns);
/* A sentence on why t->r failed. */
void transfer_describe(const struct transfer *t, char *text, size_t size);

#endif
