/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A non-blocking byte stream over a connected TCP socket, plain or TLS, that knows its positions: how many bytes of the
 * *TCP* stream it has read and written since it was made (on TLS: ciphertext, handshake included).
 */
#ifndef TOLL_HTTP_STREAM_H
#define TOLL_HTTP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"

typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_st SSL;
typedef struct bio_st BIO;

struct stream {
	int fd;
	SSL *ssl; /* NULL: plain */
	BIO *bio;
	uint64_t in_pos; /* plain: bytes read; TLS: end of the last record that was read whole */
	uint64_t out_pos; /* bytes handed to the kernel */
	uint64_t tls_end_ns; /* handshake's end; 0: plain, or not yet */
	uint64_t tls_end_in_pos;
	uint64_t tls_end_out_pos;
	bool tls_blocked; /* a TLS record is half written: it must be finished before anything else */
};

/* PEM files. TLS 1.2 and 1.3. */
int stream_tls_server_new(SSL_CTX **out, const char *cert_path, const char *key_path, struct err *err);
/* insecure: the peer's certificate is not checked. */
int stream_tls_client_new(SSL_CTX **out, bool insecure, struct err *err);
void stream_tls_free(SSL_CTX *ctx);

/* Takes over fd (closed by stream_fini). tls NULL: plain. host: server name of a client; NULL: we are the server. */
int stream_init(struct stream *s, int fd, SSL_CTX *tls, const char *host);
void stream_fini(struct stream *s);

/*
 * All of these: bytes moved (> 0), 0 on the peer's end of stream (read only), -EAGAIN when the socket has to become readable or
 * writable first, other -errno when the connection is broken (-EPROTO: TLS failed). The handshake is part of them.
 */
ssize_t stream_read(struct stream *s, void *data, size_t n);
/* May take only a part; on TLS at most one record a call. After -EAGAIN the same bytes must be offered again (the address may differ). */
ssize_t stream_writev(struct stream *s, const struct iovec *iov, int count);
/* Plaintext that was decrypted but not yet given out: epoll will not tell of it. */
bool stream_pending(const struct stream *s);
/* Our end of the stream: TLS close_notify, then shutdown(SHUT_WR). */
void stream_end(struct stream *s);
/* True once application bytes may flow (plain: always). */
bool stream_ready(const struct stream *s);

#endif
