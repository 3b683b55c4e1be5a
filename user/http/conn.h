/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of the http room: a connection, which is also its one exchange. Only the sources of http/ include this. */
#ifndef TOLL_HTTP_CONN_H
#define TOLL_HTTP_CONN_H

#include <http_parser.h>

#include "base/buf.h"
#include "http/server.h"
#include "http/stream.h"

#define HTTP_HEAD_MAX ((size_t)64 << 10)
#define HTTP_HEAD_KEEP ((size_t)2 << 10) /* a larger buffer is not worth keeping for the next request */

struct http_listener {
	int fd;
	unsigned port;
	SSL_CTX *tls; /* NULL: plain */
};

enum conn_state {
	CONN_READING = 0, /* a request, or waiting for one */
	CONN_ANSWERING = 1, /* the user has the exchange */
	CONN_LINGERING = 2, /* our end is shut; what the peer still sends is dropped, so that no RST overtakes the answer */
	CONN_CLOSING = 3, /* freed by its task */
};

/* Offsets into the head buffer, where names and values are NUL-terminated. */
struct conn_field {
	uint32_t name, name_bytes, value, value_bytes;
};

struct conn_mark {
	uint64_t offset; /* answer's byte after the piece */
	uint32_t mark;
};

struct conn_request {
	http_parser parser;
	struct buf head; /* target, then names and values */
	struct buf body;
	struct conn_field *field;
	size_t fields, field_room;
	unsigned refuse_status; /* why the parser was stopped, 0: malformed */
	bool head_done;
	bool complete;
	bool in_value; /* the last piece of head was of a value */
	bool keep_alive;
	bool expects_continue;
};

struct conn_answer {
	struct buf out; /* plain text not yet taken by the kernel: [out_at, used) */
	size_t out_at;
	uint64_t queued, flushed; /* bytes of this answer given by the user, taken by the kernel */
	uint64_t head_bytes;
	struct conn_mark *mark; /* [mark_at, marks) wait for their bytes to be flushed */
	size_t marks, mark_at, mark_room;
	bool chunked, close, ended;
	bool unannounced; /* the head does not tell of the close */
	bool no_body; /* HEAD, 204, 304 */
	bool was_full; /* the user was told to wait for drained() */
};

struct http_exchange {
	struct http_server *server;
	struct http_exchange *next, *prev;
	struct stream stream;
	struct loop_watch watch;
	struct loop_task task;
	struct loop_timer linger;
	enum conn_state state;
	bool readable; /* the socket may hold unread data (edge-triggered: epoll tells once) */
	bool blocked; /* the socket took less than was offered: wait for EPOLLOUT */
	bool broken; /* nothing more can be written or read */
	uint64_t read_ns; /* when the last read returned */
	uint64_t parsed_pos; /* position up to which the stream was parsed */
	struct buf unparsed; /* read but behind the request that is being answered */
	struct conn_request request;
	struct conn_answer answer;
	struct http_stamps stamps;
	uint64_t cookie;
	uint64_t accepted_ns;
	uint32_t turn;
	void *user;
};

struct http_server {
	struct loop *loop;
	struct http_server_config config;
	struct loop_watch accept_watch;
	struct loop_timer accept_retry;
	struct http_exchange *connections;
	size_t count;
	char *scratch; /* read into by all connections: an idle one holds no buffer */
	struct buf spare_body; /* of a request that was dropped, for the next */
	bool accept_warned;
	bool retiring; /* each answer is its connection's last */
};

/* --- request.c: bytes -> request */
void request_begin(struct http_exchange *x);
/* Parses up to the end of the request; returns how many bytes it took, -1 if they are no request (x->request.refuse_status says more). */
ssize_t request_feed(struct http_exchange *x, const char *data, size_t n);
void request_free(struct conn_request *r);

/* --- answer.c */
/* Flushes what waits; ends the exchange when that was all. */
void answer_flush(struct http_exchange *x);
bool answer_pending(const struct http_exchange *x);
void answer_free(struct conn_answer *a);
/* An answer of ours, without the user: then the connection is closed. */
void answer_refuse(struct http_exchange *x, unsigned status);

/* --- server.c */
/* The answer has been handed to the kernel whole. */
void conn_answered(struct http_exchange *x);
/* The connection is of no more use: done() if the user has the exchange, then it is freed, all from the loop. */
void conn_break(struct http_exchange *x);

#endif
