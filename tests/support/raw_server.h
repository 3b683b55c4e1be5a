/* SPDX-License-Identifier: GPL-2.0-only */
/* A small HTTP server on raw sockets, a thread per connection, that knows the place of every byte it read and wrote. */
#ifndef TOLL_TESTS_SUPPORT_RAW_SERVER_H
#define TOLL_TESTS_SUPPORT_RAW_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RAW_TURNS_MAX 4096
#define RAW_EVENTS_MAX 8
#define RAW_CONNS_MAX 128

enum raw_mode {
	RAW_PLAIN, /* Content-Length, keep-alive */
	RAW_CLOSE, /* Connection: close after each answer */
	RAW_STREAM, /* chunked SSE; chunks do not follow events */
	RAW_STREAM_CUT, /* ... without [DONE] */
	RAW_STREAM_BAD, /* ... with a chunk size that is none */
	RAW_EARLY_HINTS, /* a 103 before the answer */
	RAW_ERROR, /* 500 with a body */
	RAW_UNAUTHORIZED, /* 401 */
	RAW_RESET, /* half the body, then RST */
	RAW_HANG, /* no answer until the server is closed */
	RAW_STALL, /* like RAW_PLAIN, but turn `stall_turn` is held for stall_ms */
	RAW_NOT_HTTP,
};

struct raw_turn {
	uint64_t tag;
	char traceparent[80]; /* the header as it came, "": none */
	uint64_t in_start, in_end, out_start, out_body, out_end;
	uint64_t event_end[RAW_EVENTS_MAX]; /* events with content */
	unsigned events;
	uint64_t first_half_ns, last_byte_ns; /* of the request's body */
	bool done; /* the whole answer was written */
};

struct ssl_ctx_st;

struct raw_server {
	enum raw_mode mode;
	unsigned stall_turn, stall_ms; /* every turn of a TLS server is held for stall_ms */
	unsigned port;
	int listen_fd;
	struct ssl_ctx_st *tls;
	pthread_t acceptor;
	_Atomic bool stop;
	_Atomic bool spins; /* never sleeps for a request: answers before the client's send has returned to it */
	pthread_mutex_t lock;
	struct raw_turn turn[RAW_TURNS_MAX];
	unsigned turns, connections;
	int fd[RAW_CONNS_MAX];
	pthread_t thread[RAW_CONNS_MAX];
};

struct raw_server *raw_server_start(enum raw_mode mode, bool tls);
void raw_server_stop(struct raw_server *s);
/* NULL: no turn with this tag. */
const struct raw_turn *raw_server_turn(struct raw_server *s, uint64_t tag);

#endif
