/* SPDX-License-Identifier: GPL-2.0-only */
/* Listening sockets. One for all threads (EPOLLEXCLUSIVE): SO_REUSEPORT would hide that a port is taken by a twin of ours. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/conn.h"

#define LISTEN_HOST_MAX 256
#define LISTEN_BACKLOG 1024

/* "host:port", "[v6]:port", ":port" (loopback: nobody else's traffic reaches us unless told so). */
static int listen_split(const char *text, char host[LISTEN_HOST_MAX], const char **port)
{
	const char *colon = strrchr(text, ':');
	if (!colon || !colon[1])
		return -EINVAL;
	size_t n = (size_t)(colon - text);
	if (n >= 2 && text[0] == '[' && colon[-1] == ']') {
		text++;
		n -= 2;
	}
	if (n >= LISTEN_HOST_MAX)
		return -EINVAL;
	if (n)
		snprintf(host, LISTEN_HOST_MAX, "%.*s", (int)n, text);
	else
		snprintf(host, LISTEN_HOST_MAX, "127.0.0.1");
	*port = colon + 1;
	return 0;
}

static int listen_failed(struct err *err, const struct http_listen_config *config, const char *port, int code)
{
	const char *listen_text = config->listen, *option = config->option ? config->option : "--listen";

	if (code == -EADDRINUSE)
		return err_set(err, code,
			       "cannot listen on %s: port %s is taken by another program: stop it, or give another port "
			       "with %s (port 0: any free one)",
			       listen_text, port, option);
	if (code == -EACCES)
		return err_set(err, code, "cannot listen on %s: ports below 1024 need root: give a higher one with %s",
			       listen_text, option);
	if (code == -EADDRNOTAVAIL)
		return err_set(err, code,
			       "cannot listen on %s: this machine has no such address: give one of its own, or 127.0.0.1",
			       listen_text);
	return err_set(err, code, "cannot listen on %s: %s", listen_text, strerror(-code));
}

/* fd or -errno */
static int socket_listen(const struct addrinfo *ai, unsigned backlog)
{
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0)
		return -errno;
	int on = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, backlog ? (int)backlog : LISTEN_BACKLOG)) {
		int code = -errno;
		close(fd);
		return code;
	}
	return fd;
}

static int listener_bind(struct http_listener *l, const struct http_listen_config *config, struct err *err)
{
	char host[LISTEN_HOST_MAX];
	const char *port;
	if (listen_split(config->listen, host, &port))
		return err_set(err, -EINVAL, "cannot listen on \"%s\": give HOST:PORT, for example 127.0.0.1:9000",
			       config->listen);
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found;
	int failure = getaddrinfo(host, port, &hints, &found);
	if (failure)
		return err_set(err, -EINVAL, "cannot listen on \"%s\": %s: give HOST:PORT, for example 127.0.0.1:9000",
			       config->listen, gai_strerror(failure));
	l->fd = socket_listen(found, config->backlog);
	freeaddrinfo(found);
	return l->fd < 0 ? listen_failed(err, config, port, l->fd) : 0;
}

static int listener_find_port(struct http_listener *l)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} addr = {.in6 = {.sin6_family = AF_UNSPEC}};
	socklen_t size = sizeof(addr);
	if (getsockname(l->fd, &addr.any, &size))
		return -errno;
	l->port = ntohs(addr.any.sa_family == AF_INET6 ? addr.in6.sin6_port : addr.in.sin_port);
	return 0;
}

static int listener_fill(struct http_listener *l, const struct http_listen_config *config, struct err *err)
{
	if (!config->tls_cert != !config->tls_key)
		return err_set(err, -EINVAL, "TLS needs both a certificate and its key: give --tls-cert and --tls-key");
	int ret = 0;
	if (config->tls_cert)
		ret = stream_tls_server_new(&l->tls, config->tls_cert, config->tls_key, err);
	if (!ret)
		ret = listener_bind(l, config, err);
	return ret ? ret : listener_find_port(l);
}

int http_listener_open(struct http_listener **out, const struct http_listen_config *config, struct err *err)
{
	struct http_listener *l = calloc(1, sizeof(*l));
	if (!l)
		return err_set(err, -ENOMEM, "cannot listen on %s: no memory", config->listen);
	l->fd = -1;
	int ret = listener_fill(l, config, err);
	if (ret) {
		http_listener_close(l);
		return ret;
	}
	*out = l;
	return 0;
}

int http_listener_fd(const struct http_listener *l)
{
	return l->fd;
}

unsigned http_listener_port(const struct http_listener *l)
{
	return l->port;
}

bool http_listener_tls(const struct http_listener *l)
{
	return l->tls;
}

void http_listener_close(struct http_listener *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
	stream_tls_free(l->tls);
	free(l);
}
