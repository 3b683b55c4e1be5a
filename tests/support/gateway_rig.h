/* SPDX-License-Identifier: GPL-2.0-only */
/* The reference gateway in a thread, between raw sockets and an upstream whose answers are written down beforehand. */
#ifndef TOLL_TESTS_SUPPORT_GATEWAY_RIG_H
#define TOLL_TESTS_SUPPORT_GATEWAY_RIG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"
#include "gateway/gateway.h"
#include "tests/support/test.h"

#define WAIT_MS 10000

int listen_loopback(unsigned *port);
int connect_loopback(unsigned port);
void send_text(int fd, const char *text);
/* Appends what comes until `mark` is in it (NULL: until the end). False: the end came before, or nothing for WAIT_MS. */
bool receive_until(int fd, struct buf *b, const char *mark);

#define ANSWERS_MAX 8
#define PARTS_MAX 4
struct planned {
	const char *part[PARTS_MAX]; /* written one by one */
	bool step; /* waits for upstream_step() before each part but the first */
	bool hang_up; /* closes after it */
	bool no_answer; /* closes without a word */
	size_t flood; /* that many bytes 'f' behind the parts */
};

/* One thread, one connection at a time. */
struct upstream {
	int listener;
	unsigned port;
	const struct planned *plan;
	unsigned planned;
	struct buf seen; /* all requests */
	_Atomic unsigned requests, connections;
	_Atomic bool peer_left;
	_Atomic size_t flooded;
	int step[2];
	pthread_t thread;
};
void upstream_open(struct upstream *u, const struct planned *plan, unsigned planned);
void upstream_step(struct upstream *u);
void upstream_close(struct upstream *u);

/* Zero-initialise and set what config shall differ in. */
struct gateway_thread {
	struct gateway_config config;
	char upstream[64], truth[64];
	volatile int stop;
	int port_pipe[2];
	unsigned port;
	int ret;
	struct err err;
	pthread_t thread;
};
void gateway_open(struct gateway_thread *g, unsigned upstream_port, const char *plants);
/* Its truth log comes back in *truth (room for `room`); returns how many. */
size_t gateway_close(struct gateway_thread *g, struct gateway_truth *truth, size_t room);

#define POST(body_bytes, body)                                                                                                   \
	"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\nX-Mine: yes\r\n"               \
	"Connection: close, X-Hop\r\nX-Hop: no\r\nContent-Length: " body_bytes "\r\n\r\n" body
#define OK(body_bytes, body)                                                                                                     \
	"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Theirs: y\r\nContent-Length: " body_bytes "\r\n\r\n" body

/* A request of its own connection; the whole answer is left in *answer. */
void ask(unsigned port, const char *request, struct buf *answer);
void assert_has(const struct buf *b, const char *text);
void assert_lacks(const struct buf *b, const char *text);

#endif
