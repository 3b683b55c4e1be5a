/* SPDX-License-Identifier: GPL-2.0-only */
#include "http/stream.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define TLS_RECORD_BYTES 16384
#define GATHER_BYTES 2048 /* copying so much costs less than handing the kernel a list of pieces */

static const char *tls_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	return reason ? reason : "unknown reason";
}

static int tls_context_new(SSL_CTX **out, const SSL_METHOD *method, struct err *err)
{
	ERR_clear_error();
	SSL_CTX *ctx = SSL_CTX_new(method);
	if (!ctx)
		return err_set(err, -ENOMEM, "cannot start TLS: %s", tls_reason());
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	/* Peers that close without close_notify are ordinary here; a truncated answer is told by its framing. */
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	*out = ctx;
	return 0;
}

static int tls_load(SSL_CTX *ctx, const char *cert_path, const char *key_path, struct err *err)
{
	if (SSL_CTX_use_certificate_chain_file(ctx, cert_path) != 1)
		return err_set(err, -EINVAL,
			       "cannot use TLS certificate %s (%s): give a PEM file with the certificate, then its chain",
			       cert_path, tls_reason());
	if (SSL_CTX_use_PrivateKey_file(ctx, key_path, SSL_FILETYPE_PEM) != 1)
		return err_set(err, -EINVAL, "cannot use TLS key %s (%s): give the unencrypted PEM key of %s", key_path,
			       tls_reason(), cert_path);
	return 0;
}

int stream_tls_server_new(SSL_CTX **out, const char *cert_path, const char *key_path, struct err *err)
{
	SSL_CTX *ctx;
	int ret = tls_context_new(&ctx, TLS_server_method(), err);
	if (ret)
		return ret;
	ret = tls_load(ctx, cert_path, key_path, err);
	if (ret) {
		SSL_CTX_free(ctx);
		return ret;
	}
	*out = ctx;
	return 0;
}

int stream_tls_client_new(SSL_CTX **out, bool insecure, struct err *err)
{
	SSL_CTX *ctx;
	int ret = tls_context_new(&ctx, TLS_client_method(), err);
	if (ret)
		return ret;
	if (!insecure && SSL_CTX_set_default_verify_paths(ctx) != 1) {
		SSL_CTX_free(ctx);
		return err_set(err, -ENOENT, "cannot read the system's CA certificates (%s): install ca-certificates",
			       tls_reason());
	}
	SSL_CTX_set_verify(ctx, insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	*out = ctx;
	return 0;
}

void stream_tls_free(SSL_CTX *ctx)
{
	SSL_CTX_free(ctx);
}

static int tls_attach(struct stream *s, SSL_CTX *tls, const char *host)
{
	s->ssl = SSL_new(tls);
	s->bio = BIO_new_socket(s->fd, BIO_NOCLOSE);
	if (!s->ssl || !s->bio) {
		BIO_free(s->bio);
		return -ENOMEM;
	}
	SSL_set_bio(s->ssl, s->bio, s->bio); /* one BIO for both directions: it counts what passed */
	if (!host) {
		SSL_set_accept_state(s->ssl);
		return 0;
	}
	SSL_set_connect_state(s->ssl);
	if (SSL_set_tlsext_host_name(s->ssl, host) != 1 || SSL_set1_host(s->ssl, host) != 1)
		return -ENOMEM;
	return 0;
}

int stream_init(struct stream *s, int fd, SSL_CTX *tls, const char *host)
{
	*s = (struct stream){.fd = fd};
	if (!tls)
		return 0;
	int ret = tls_attach(s, tls, host);
	if (ret)
		stream_fini(s);
	return ret;
}

void stream_fini(struct stream *s)
{
	SSL_free(s->ssl);
	s->ssl = NULL;
	s->bio = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* What an OpenSSL call that did not succeed means: 0 (end of stream), -EAGAIN or another -errno. */
static ssize_t tls_failure(const struct stream *s, int ret)
{
	int saved = errno;
	switch (SSL_get_error(s->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return saved ? -saved : -ECONNRESET;
	default:
		return -EPROTO;
	}
}

/* 1: done; else as tls_failure(). */
static ssize_t tls_handshake(struct stream *s)
{
	if (s->tls_end_ns)
		return 1;
	ERR_clear_error();
	errno = 0;
	int ret = SSL_do_handshake(s->ssl);
	if (ret != 1) {
		ssize_t failure = tls_failure(s, ret);
		return failure ? failure : -ECONNRESET;
	}
	s->tls_end_ns = clock_now_ns();
	s->tls_end_in_pos = s->in_pos = BIO_number_read(s->bio);
	s->tls_end_out_pos = s->out_pos = BIO_number_written(s->bio);
	return 1;
}

static ssize_t tls_read(struct stream *s, void *data, size_t n)
{
	ssize_t shaken = tls_handshake(s);
	if (shaken != 1)
		return shaken;
	ERR_clear_error();
	errno = 0;
	int ret = SSL_read(s->ssl, data, n > INT32_MAX ? INT32_MAX : (int)n);
	if (ret <= 0)
		return tls_failure(s, ret);
	s->in_pos = BIO_number_read(s->bio); /* read_ahead is off: exactly the end of the record that these bytes are from */
	return ret;
}

static size_t iov_gather(char *out, size_t room, const struct iovec *iov, int count)
{
	size_t used = 0;
	for (int i = 0; i < count && used < room; i++) {
		size_t n = iov[i].iov_len < room - used ? iov[i].iov_len : room - used;
		if (n)
			memcpy(out + used, iov[i].iov_base, n);
		used += n;
	}
	return used;
}

/* One record a call. A record that the socket took only in part is offered again by the caller, at least as long as before. */
static ssize_t tls_writev(struct stream *s, const struct iovec *iov, int count)
{
	char record[TLS_RECORD_BYTES];
	ssize_t shaken = tls_handshake(s);
	if (shaken != 1)
		return shaken;
	size_t n = iov_gather(record, sizeof(record), iov, count);
	ERR_clear_error();
	errno = 0;
	int ret = SSL_write(s->ssl, record, (int)n);
	ssize_t moved = ret > 0 ? ret : tls_failure(s, ret);
	s->tls_blocked = moved == -EAGAIN;
	s->out_pos = BIO_number_written(s->bio);
	return moved ? moved : -EPIPE;
}

ssize_t stream_read(struct stream *s, void *data, size_t n)
{
	if (s->ssl)
		return tls_read(s, data, n);
	ssize_t got;
	do
		got = recv(s->fd, data, n, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	s->in_pos += (uint64_t)got;
	return got;
}

static ssize_t plain_writev(const struct stream *s, const struct iovec *iov, int count)
{
	char gathered[GATHER_BYTES];
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};
	size_t n = 0;
	if (count == 1)
		return send(s->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL);
	for (int i = 0; i < count; i++)
		n += iov[i].iov_len;
	if (n > GATHER_BYTES)
		return sendmsg(s->fd, &msg, MSG_NOSIGNAL);
	return send(s->fd, gathered, iov_gather(gathered, sizeof(gathered), iov, count), MSG_NOSIGNAL);
}

ssize_t stream_writev(struct stream *s, const struct iovec *iov, int count)
{
	if (s->ssl)
		return tls_writev(s, iov, count);
	ssize_t sent;
	do
		sent = plain_writev(s, iov, count);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	s->out_pos += (uint64_t)sent;
	return sent;
}

bool stream_pending(const struct stream *s)
{
	return s->ssl && SSL_pending(s->ssl) > 0;
}

void stream_end(struct stream *s)
{
	if (s->ssl && s->tls_end_ns && !s->tls_blocked) {
		ERR_clear_error();
		SSL_shutdown(s->ssl);
	}
	shutdown(s->fd, SHUT_WR);
}

bool stream_ready(const struct stream *s)
{
	return !s->ssl || s->tls_end_ns;
}
