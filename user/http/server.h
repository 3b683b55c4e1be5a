/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The server side of HTTP/1.1 that provider and gateway share: one server per event loop, any number of them on one listener.
 * A request is handed over when its whole body is there; its answer may be written at once or later from any callback of the
 * same loop. Bad requests are answered (400, 413, 431, 503, 505) and closed here; the user never sees them.
 *
 * Times are CLOCK_MONOTONIC ns, positions count the bytes of the TCP stream since accept (TLS: ciphertext).
 */
#ifndef TOLL_HTTP_SERVER_H
#define TOLL_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "http/loop.h"

/* --- listener: shared by the threads ---------------------------------------------------------------------------------------- */
struct http_listener;
struct http_listen_config {
	const char *listen; /* "127.0.0.1:9000", "[::1]:9000", ":9000" (loopback), port 0: any free one */
	unsigned backlog; /* 0: 1024 */
	const char *tls_cert; /* PEM files; both or none */
	const char *tls_key;
	const char *option; /* where the address came from, for errors; NULL: "--listen" */
};
/* err says which port is taken and what to do. */
int http_listener_open(struct http_listener **out, const struct http_listen_config *config, struct err *err);
int http_listener_fd(const struct http_listener *l); /* for a server that is not ours; stays the listener's */
unsigned http_listener_port(const struct http_listener *l);
bool http_listener_tls(const struct http_listener *l);
void http_listener_close(struct http_listener *l); /* after its servers are freed */

/* --- server: one per loop --------------------------------------------------------------------------------------------------- */
struct http_server;
struct http_exchange; /* one request and its answer; valid from request() until done() returns */

enum http_end {
	HTTP_END_ANSWERED = 0, /* the last byte of the answer was handed to the kernel */
	HTTP_END_ABORTED = 1, /* the peer left, the connection broke, or the server is being freed */
};

/* Positions of the stream and times of one exchange; 0 = did not happen (yet). */
struct http_stamps {
	uint64_t request_first_ns; /* right after the read that brought the request's first byte */
	uint64_t request_last_ns; /* ... its last byte */
	uint64_t in_start_pos, in_end_pos;
	uint64_t answer_first_ns; /* right before the first write of the answer */
	uint64_t answer_last_ns; /* right after the last byte was handed to the kernel */
	uint64_t out_start_pos;
	uint64_t out_body_pos; /* plain: the byte after the head; TLS: before the record that holds that byte */
	uint64_t out_end_pos; /* of what was handed to the kernel; final in done() */
};

struct http_connection_info {
	uint64_t cookie; /* socket cookie; 0: unknown */
	uint64_t accepted_ns;
	uint64_t tls_end_ns; /* 0: plain */
	uint64_t tls_end_in_pos, tls_end_out_pos;
	uint32_t turn; /* requests before this one on the connection */
};

struct http_callbacks {
	void (*request)(void *ctx, struct http_exchange *x);
	/* Once for each request(): after it x is gone. May be called from within http_answer() and http_answer_end(). */
	void (*done)(void *ctx, struct http_exchange *x, enum http_end end);
	/* The out-buffer was full (http_answer_full()) and is empty now. May be NULL. */
	void (*drained)(void *ctx, struct http_exchange *x);
	/*
	 * The piece written with `mark` was handed to the kernel whole: it ends at pos; the write that took its last byte began at
	 * time_ns. Called from within the http_answer functions too, so it must not answer. May be NULL if no marks are given.
	 */
	void (*marked)(void *ctx, struct http_exchange *x, uint32_t mark, uint64_t pos, uint64_t time_ns);
};

struct http_server_config {
	struct http_listener *listener;
	size_t body_max; /* 0: 64 MiB; more is answered with 413 */
	size_t out_full; /* 0: 256 KiB waiting in the out-buffer make it full */
	struct http_callbacks callbacks;
	void *ctx;
};
int http_server_new(struct http_server **out, struct loop *loop, const struct http_server_config *config);
/* Aborts what is open (done() is called), closes all connections. Not from within a callback of its own. */
void http_server_free(struct http_server *s);
/* Takes no more connections; those it has are closed with their next answer. From its loop. */
void http_server_retire(struct http_server *s);
/* Closes the connections on which no request is under way. From its loop, not from within a callback of its own. */
void http_server_end_idle(struct http_server *s);
size_t http_server_connections(const struct http_server *s);

/* --- the request -------------------------------------------------------------------------------------------------------------- */
struct http_field {
	const char *name; /* NUL-terminated, as sent */
	const char *value;
	size_t name_bytes, value_bytes;
};
const char *http_request_method(const struct http_exchange *x); /* "POST" */
const char *http_request_target(const struct http_exchange *x); /* "/v1/models?x=1", NUL-terminated */
unsigned http_request_minor(const struct http_exchange *x); /* 0 or 1: HTTP/1.minor */
size_t http_request_field_count(const struct http_exchange *x);
struct http_field http_request_field_at(const struct http_exchange *x, size_t i);
const char *http_request_field(const struct http_exchange *x, const char *name); /* first of that name, any case; NULL: none */
/* De-chunked; NUL behind the last byte. */
const char *http_request_body(const struct http_exchange *x, size_t *bytes);
void http_request_drop(struct http_exchange *x); /* frees memory early: nothing of the request may be read after it */

const struct http_stamps *http_exchange_stamps(const struct http_exchange *x);
void http_exchange_connection(const struct http_exchange *x, struct http_connection_info *out);
void http_exchange_set_ctx(struct http_exchange *x, void *ctx); /* NULL at request() */
void *http_exchange_ctx(const struct http_exchange *x);

/* --- the answer ----------------------------------------------------------------------------------------------------------------- */
#define HTTP_CHUNKED (-1)
struct http_head {
	unsigned status;
	const char *content_type; /* NULL: none */
	const char *fields; /* more, as "Name: value\r\n" lines; NULL: none. No Content-Length, Transfer-Encoding or Connection */
	int64_t body_bytes; /* Content-Length, or HTTP_CHUNKED (to HTTP/1.0: ends with the connection) */
	bool close; /* close after this answer */
	bool close_unannounced; /* the same without a word of it in the head, as a server does that is tired of an idle connection */
};

enum http_write_flag {
	HTTP_MORE = 1, /* more follows at once: hold these bytes back and send them with it */
};
#define HTTP_NO_MARK UINT32_MAX

/*
 * The whole answer at once. Returns 0, or -errno if the peer is gone (done(HTTP_END_ABORTED) follows from the loop). x must not be
 * used after it.
 */
int http_answer(struct http_exchange *x, const struct http_head *head, const void *body, size_t bytes);

/*
 * The same in pieces: head, then body pieces (each one chunk if chunked), then end. Returns 0 or -errno if the peer is gone (see above).
 * Data is always taken; a writer that sees http_answer_full() waits for drained(), else memory grows. The body of an answer to HEAD is
 * swallowed. x must not be used after http_answer_end().
 */
int http_answer_head(struct http_exchange *x, const struct http_head *head, unsigned flags);
int http_answer_body(struct http_exchange *x, const void *data, size_t bytes, unsigned flags, uint32_t mark);
int http_answer_end(struct http_exchange *x);
bool http_answer_full(const struct http_exchange *x);
/* Breaks the connection off in the middle of an answer (a faulty upstream, a dead one behind a gateway); done() follows from the loop. */
void http_answer_break(struct http_exchange *x);
/* The same with a reset: the peer's read fails instead of ending. */
void http_answer_reset(struct http_exchange *x);

#endif
