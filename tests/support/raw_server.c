// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/raw_server.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "record/tag.h"
#include "tests/support/test.h"

struct raw_conn {
	struct raw_server *server;
	int fd;
	SSL *ssl;
	uint64_t read, written;
};

/* --- bytes --------------------------------------------------------------------------------------------------------------- */

static long conn_recv(struct raw_conn *c, char *data, size_t bytes)
{
	ssize_t n;

	do
		n = recv(c->fd, data, bytes, c->server->spins ? MSG_DONTWAIT : 0);
	while (n < 0 && errno == EAGAIN && !c->server->stop && !sched_yield());
	return n;
}

static long conn_read(struct raw_conn *c, char *data, size_t bytes)
{
	long n = c->ssl ? SSL_read(c->ssl, data, (int)bytes) : conn_recv(c, data, bytes);

	if (n > 0)
		c->read += (uint64_t)n;
	return n;
}

static bool conn_write(struct raw_conn *c, const char *data, size_t bytes)
{
	while (bytes) {
		long n = c->ssl ? SSL_write(c->ssl, data, (int)bytes) : send(c->fd, data, bytes, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		c->written += (uint64_t)n;
		data += n;
		bytes -= (size_t)n;
	}
	return true;
}

#define TURN_WAIT_NS (5 * NS_PER_S)

static void conn_positions(const struct raw_conn *c, uint64_t *in, uint64_t *out)
{
	struct tcp_info info = {0};
	socklen_t bytes = sizeof(info);
	int unread = 0;

	*in = c->read;
	*out = c->written;
	if (!c->ssl)
		return;
	assert_int_equal(getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &bytes), 0);
	assert_int_equal(ioctl(c->fd, SIOCINQ, &unread), 0);
	*in = info.tcpi_bytes_received - (uint64_t)(unsigned)unread;
	*out = info.tcpi_bytes_sent - info.tcpi_bytes_retrans + info.tcpi_notsent_bytes;
}

/* Reads a request; false: the peer is gone. */
static bool read_request(struct raw_conn *c, struct raw_turn *turn)
{
	size_t size = 1 << 21, used = 0, want = 0;
	char *text = calloc(1, size);
	char *end = NULL;

	while (!end || used < want) {
		long n = conn_read(c, text + used, size - 1 - used);

		if (n <= 0)
			break;
		used += (size_t)n;
		end = strstr(text, "\r\n\r\n");
		if (end && !want) {
			char *length = strcasestr(text, "content-length:");

			want = (size_t)(end + 4 - text) + (length && length < end ? strtoul(length + 15, NULL, 10) : 0);
		}
		if (!turn->first_half_ns)
			turn->first_half_ns = clock_now_ns();
	}
	turn->last_byte_ns = clock_now_ns();
	turn->tag = tag_find(text, used);
	char *trace = strcasestr(text, "traceparent:");
	if (trace && trace < end)
		snprintf(turn->traceparent, sizeof(turn->traceparent), "%.*s", (int)strcspn(trace, "\r"), trace);
	free(text);
	return end && used == want;
}

/* --- answers ------------------------------------------------------------------------------------------------------------- */

static const char body[] =
	"{\"choices\":[{\"message\":{\"content\":\"hello\"}}],\"usage\":{\"completion_tokens\":5,\"prompt_tokens\":7}}";

static const char early_hints[] = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";

static bool write_plain(struct raw_conn *c, struct raw_turn *turn, unsigned status, const char *more)
{
	char head[256];
	int n = snprintf(head, sizeof(head),
			 "HTTP/1.1 %u Some Reason\r\n%sContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status,
			 more, sizeof(body) - 1);
	uint64_t in;

	if (!conn_write(c, head, (size_t)n))
		return false;
	conn_positions(c, &in, &turn->out_body);
	return conn_write(c, body, sizeof(body) - 1);
}

static const char *const event_text[] = {
	"data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
	": still there\n\n",
	"data: {\"choices\":[{\"delta\":{\"content\":\"one\"}}]}\n\n",
	"data: {\"choices\":[{\"delta\":{\"content\":\" two three\"}}]}\r\n\r\n",
	"data: {\"choices\":[{\"delta\":{\"content\":\" fo\"}}]}\n\n",
	"data: {\"choices\":[{\"delta\":{\"content\":\"ur\"}}]}\n\n",
	"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":6}}\n\n",
	"data: [DONE]\n\n",
};
#define EVENTS (sizeof(event_text) / sizeof(event_text[0]))

struct chunker {
	struct raw_conn *conn;
	struct raw_turn *turn;
	size_t payload; /* so far */
	size_t event_payload_end[RAW_EVENTS_MAX];
	unsigned next;
};

/* A chunk of payload bytes; notes where events end in the stream. */
static bool write_chunk(struct chunker *k, const char *data, size_t bytes)
{
	char text[600];
	int head = snprintf(text, sizeof(text), "%zx\r\n", bytes);
	uint64_t in, out;

	conn_positions(k->conn, &in, &out);
	memcpy(text + head, data, bytes);
	text[(size_t)head + bytes] = '\r';
	text[(size_t)head + bytes + 1] = '\n';
	for (; k->next < k->turn->events && k->event_payload_end[k->next] <= k->payload + bytes; k->next++)
		k->turn->event_end[k->next] = out + (uint64_t)head + k->event_payload_end[k->next] - k->payload;
	k->payload += bytes;
	return conn_write(k->conn, text, (size_t)head + bytes + 2);
}

/* Chunks of changing sizes that cut events and lines where they may. */
static bool write_stream(struct raw_conn *c, struct raw_turn *turn)
{
	static const char head[] =
		"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\ntransfer-encoding: Chunked\r\n\r\n";
	struct chunker k = {.conn = c, .turn = turn};
	size_t events = c->server->mode == RAW_STREAM_CUT ? EVENTS - 1 : EVENTS, bytes = 0, at = 0, size = 1;
	char text[1024];
	uint64_t in;

	for (size_t i = 0; i < events; i++) {
		bytes += (size_t)snprintf(text + bytes, sizeof(text) - bytes, "%s", event_text[i]);
		if (i >= 2 && i <= 5)
			k.event_payload_end[turn->events++] = bytes;
	}
	if (!conn_write(c, head, sizeof(head) - 1))
		return false;
	conn_positions(c, &in, &turn->out_body);
	if (c->server->mode == RAW_STREAM_BAD)
		return conn_write(c, "wrong\r\n", 7);
	for (; at < bytes; at += size, size = (size * 5 + 3) % 67 + 1) {
		if (size > bytes - at)
			size = bytes - at;
		if (!write_chunk(&k, text + at, size))
			return false;
	}
	return conn_write(c, "0\r\n\r\n", 5);
}

static void reset(struct raw_conn *c)
{
	static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly half";
	struct linger now = {.l_onoff = 1};

	conn_write(c, half, sizeof(half) - 1);
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void hold(struct raw_server *s, unsigned turn)
{
	if (s->tls || (s->mode == RAW_STALL && turn == s->stall_turn))
		clock_sleep_until(clock_now_ns() + s->stall_ms * NS_PER_MS, NULL);
}

static void hang(struct raw_conn *c)
{
	char byte;

	while (!atomic_load(&c->server->stop) && conn_read(c, &byte, 1) > 0)
		;
}

/* true: the connection goes on. */
static bool answer(struct raw_conn *c, struct raw_turn *turn)
{
	switch (c->server->mode) {
	case RAW_STREAM:
	case RAW_STREAM_CUT:
		return write_stream(c, turn);
	case RAW_STREAM_BAD:
		write_stream(c, turn);
		return false;
	case RAW_EARLY_HINTS:
		return conn_write(c, early_hints, sizeof(early_hints) - 1) && write_plain(c, turn, 200, "");
	case RAW_ERROR:
		return write_plain(c, turn, 500, "");
	case RAW_UNAUTHORIZED:
		return write_plain(c, turn, 401, "");
	case RAW_CLOSE:
		write_plain(c, turn, 200, "Connection: close\r\n");
		return false;
	case RAW_RESET:
		reset(c);
		return false;
	case RAW_HANG:
		hang(c);
		return false;
	case RAW_NOT_HTTP:
		conn_write(c, "SSH-2.0-OpenSSH\r\n", 17);
		return false;
	default:
		return write_plain(c, turn, 200, "");
	}
}

/* --- life ---------------------------------------------------------------------------------------------------------------- */

static unsigned keep_turn(struct raw_server *s, const struct raw_turn *turn, unsigned at)
{
	pthread_mutex_lock(&s->lock);
	if (at == RAW_TURNS_MAX)
		at = s->turns < RAW_TURNS_MAX - 1 ? s->turns++ : RAW_TURNS_MAX - 1;
	s->turn[at] = *turn;
	pthread_mutex_unlock(&s->lock);
	return at;
}

static void serve(struct raw_conn *c)
{
	for (bool more = true; more;) {
		struct raw_turn turn = {0};
		uint64_t unused;
		unsigned at;

		conn_positions(c, &turn.in_start, &unused);
		if (!read_request(c, &turn))
			return;
		conn_positions(c, &turn.in_end, &unused);
		at = keep_turn(c->server, &turn, RAW_TURNS_MAX);
		hold(c->server, at);
		conn_positions(c, &unused, &turn.out_start);
		more = answer(c, &turn);
		conn_positions(c, &unused, &turn.out_end);
		turn.done = true;
		keep_turn(c->server, &turn, at);
	}
}

static void *conn_main(void *arg)
{
	struct raw_conn *c = arg;

	if (c->server->tls) {
		c->ssl = SSL_new(c->server->tls);
		SSL_set_fd(c->ssl, c->fd);
	}
	if (!c->ssl || SSL_accept(c->ssl) == 1)
		serve(c);
	SSL_free(c->ssl);
	shutdown(c->fd, c->server->mode == RAW_RESET ? SHUT_RD : SHUT_WR);
	pthread_mutex_lock(&c->server->lock);
	for (unsigned i = 0; i < c->server->connections; i++)
		if (c->server->fd[i] == c->fd)
			c->server->fd[i] = -1;
	close(c->fd);
	pthread_mutex_unlock(&c->server->lock);
	free(c);
	return NULL;
}

static void *accept_main(void *arg)
{
	struct raw_server *s = arg;
	int fd;

	while ((fd = accept(s->listen_fd, NULL, NULL)) >= 0) {
		struct raw_conn *c = calloc(1, sizeof(*c));

		c->server = s;
		c->fd = fd;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); /* its answers come in pieces */
		pthread_mutex_lock(&s->lock);
		assert_true(s->connections < RAW_CONNS_MAX);
		s->fd[s->connections] = fd;
		pthread_create(&s->thread[s->connections++], NULL, conn_main, c);
		pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

static SSL_CTX *make_tls(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1,
				   0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_sign(cert, key, EVP_sha256());
	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

struct raw_server *raw_server_start(enum raw_mode mode, bool tls)
{
	struct raw_server *s = calloc(1, sizeof(*s));
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(address);

	s->mode = mode;
	s->tls = tls ? make_tls() : NULL;
	pthread_mutex_init(&s->lock, NULL);
	s->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(s->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(s->listen_fd, 128), 0);
	assert_int_equal(getsockname(s->listen_fd, (struct sockaddr *)&address, &bytes), 0);
	s->port = ntohs(address.sin_port);
	pthread_create(&s->acceptor, NULL, accept_main, s);
	return s;
}

void raw_server_stop(struct raw_server *s)
{
	atomic_store(&s->stop, true);
	shutdown(s->listen_fd, SHUT_RDWR);
	pthread_join(s->acceptor, NULL);
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->connections; i++)
		if (s->fd[i] >= 0)
			shutdown(s->fd[i], SHUT_RDWR);
	pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i < s->connections; i++)
		pthread_join(s->thread[i], NULL);
	close(s->listen_fd);
	SSL_CTX_free(s->tls);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static const struct raw_turn *turn_find(struct raw_server *s, uint64_t tag)
{
	const struct raw_turn *found = NULL;

	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->turns && !found; i++)
		if (s->turn[i].tag == tag && s->turn[i].done)
			found = &s->turn[i];
	pthread_mutex_unlock(&s->lock);
	return found;
}

const struct raw_turn *raw_server_turn(struct raw_server *s, uint64_t tag)
{
	uint64_t until_ns = clock_now_ns() + TURN_WAIT_NS;
	const struct raw_turn *found = turn_find(s, tag);

	/* the client may have its last byte before the server has written its end down */
	while (!found && clock_now_ns() < until_ns) {
		clock_sleep_until(clock_now_ns() + NS_PER_MS, NULL);
		found = turn_find(s, tag);
	}
	return found;
}
