/* SPDX-License-Identifier: GPL-2.0-only */
#include "driver/pool.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

/* --- connections ------------------------------------------------------------------------------------------------------------- */

static struct conn *conn_by_fd(const struct pool *p, int fd)
{
	return fd >= 0 && (size_t)fd < p->by_fd_size ? p->by_fd[fd] : NULL;
}

static int by_fd_grow(struct pool *p, int fd)
{
	size_t size = p->by_fd_size ? p->by_fd_size : 64;
	struct conn **table;

	while (size <= (size_t)fd)
		size *= 2;
	if (size == p->by_fd_size)
		return 0;
	table = reallocarray(p->by_fd, size, sizeof(struct conn *));
	if (!table)
		return -ENOMEM;
	memset(table + p->by_fd_size, 0, (size - p->by_fd_size) * sizeof(struct conn *));
	p->by_fd = table;
	p->by_fd_size = size;
	return 0;
}

static struct conn *conn_new(struct group *g, int fd)
{
	struct conn *c = by_fd_grow(g->pool, fd) ? NULL : calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->fd = fd;
	c->group = g;
	c->next = g->conns;
	g->conns = c;
	g->pool->by_fd[fd] = c;
	return c;
}

static void conn_free(struct conn *c)
{
	struct conn **at = &c->group->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->group->pool->by_fd[c->fd] = NULL;
	free(c);
}

static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct pool_seat *seat = ctx;
	struct group *g = seat->group;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

	(void)purpose;
	if (!seat->opened_ns)
		seat->opened_ns = clock_now_ns();
	if (fd < 0)
		return CURL_SOCKET_BAD;
	if (!conn_new(g, fd)) {
		close(fd);
		errno = ENOMEM;
		return CURL_SOCKET_BAD;
	}
	g->pool->connections++;
	return fd;
}

static int on_close(void *ctx, curl_socket_t fd)
{
	struct group *g = ctx;
	struct conn *c = conn_by_fd(g->pool, fd);

	if (c) {
		if (c->transfer)
			g->pool->ops.closing(g->pool->ops.ctx, c);
		conn_free(c);
	}
	return close(fd);
}

static void conn_look_up(struct conn *c)
{
	struct sockaddr_in6 address = {0}; /* large enough for both families, whose ports lie at the same place */
	socklen_t bytes = sizeof(address);

	_Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port), "place of the port");
	if (getsockname(c->fd, (struct sockaddr *)&address, &bytes))
		return;
	c->v6 = address.sin6_family == AF_INET6;
	c->port = ntohs(address.sin6_port);
	bytes = sizeof(c->cookie);
	if (getsockopt(c->fd, SOL_SOCKET, SO_COOKIE, &c->cookie, &bytes))
		c->cookie = 0;
}

struct conn *group_conn(struct group *g, unsigned local_port, bool v6)
{
	for (struct conn *c = g->conns; c; c = c->next) {
		if (!c->port && !c->foreign)
			conn_look_up(c);
		if (c->port == local_port && c->v6 == v6)
			return c;
	}
	return NULL;
}

/* The peer's FIN takes a number of the sequence, which the kernel counts as a byte received. */
static bool has_fin(const struct tcp_info *info)
{
	return info->tcpi_state == 8 /* TCP_CLOSE_WAIT */ || info->tcpi_state == 9 /* TCP_LAST_ACK */;
}

/*
 * tcp_get_info() takes the state before it has the socket's lock and the counters when it has it: a FIN that came between is counted and
 * not told. By the second look it is.
 */
static bool info_read(int fd, struct tcp_info *info)
{
	socklen_t bytes = sizeof(*info), state_bytes = 1;
	uint8_t state;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &bytes) || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &state_bytes))
		return false;
	bytes = sizeof(*info);
	return state == info->tcpi_state || !getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &bytes);
}

bool conn_positions(const struct conn *c, struct conn_positions *out)
{
	struct tcp_info info = {0};
	int unread = 0;

	if (!info_read(c->fd, &info) || ioctl(c->fd, SIOCINQ, &unread))
		return false;
	out->in = info.tcpi_bytes_received - (has_fin(&info) ? 1u : 0u) - (unsigned)unread;
	out->out = info.tcpi_bytes_sent - info.tcpi_bytes_retrans + info.tcpi_notsent_bytes;
	return true;
}

/* --- libcurl's wishes -------------------------------------------------------------------------------------------------------- */

static void conn_register(struct conn *c, uint32_t mask)
{
	struct epoll_event event = {.events = mask, .data.fd = c->fd};
	int op = c->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (!mask)
		op = EPOLL_CTL_DEL;
	if (!epoll_ctl(c->group->pool->epoll_fd, op, c->fd, &event))
		c->registered = mask;
}

/* Follows what libcurl wants where it must: more than is registered, or less writability (it would be reported for ever). */
static void conn_want(struct conn *c, uint32_t wanted)
{
	c->wanted = wanted;
	if (wanted & ~c->registered)
		conn_register(c, wanted);
	else if (c->registered & ~wanted & EPOLLOUT)
		conn_register(c, EPOLLIN);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *unused)
{
	struct group *g = ctx;
	struct conn *c = conn_by_fd(g->pool, fd);
	uint32_t wanted = 0;

	(void)easy;
	(void)unused;
	if (!c && what != CURL_POLL_REMOVE) {
		c = conn_new(g, fd);
		if (!c)
			return -1;
		c->foreign = true;
	}
	if (!c)
		return 0;
	if (what != CURL_POLL_REMOVE)
		wanted = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) | (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
	conn_want(c, wanted);
	if (c->foreign && !wanted) {
		conn_register(c, 0);
		conn_free(c);
	}
	return 0;
}

/* With every request libcurl asks to be called at once: such groups need not be looked for among all. */
static void group_now(struct group *g)
{
	if (g->is_due)
		return;
	g->is_due = true;
	g->next_due = g->pool->due;
	g->pool->due = g;
}

static int on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct group *g = ctx;

	(void)multi;
	if (!timeout_ms)
		group_now(g);
	g->timer_ns = timeout_ms <= 0 ? UINT64_MAX : clock_now_ns() + (uint64_t)timeout_ms * NS_PER_MS;
	if (g->timer_ns < g->pool->timer_ns)
		g->pool->timer_ns = g->timer_ns;
	return 0;
}

/* --- groups ------------------------------------------------------------------------------------------------------------------ */

static bool group_apply(struct group *g)
{
	int bad = 0;

	bad |= (int)curl_multi_setopt(g->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	bad |= (int)curl_multi_setopt(g->multi, CURLMOPT_SOCKETDATA, g);
	bad |= (int)curl_multi_setopt(g->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	bad |= (int)curl_multi_setopt(g->multi, CURLMOPT_TIMERDATA, g);
	bad |= (int)curl_multi_setopt(g->multi, CURLMOPT_MAXCONNECTS, (long)POOL_GROUP_TRANSFERS);
	return !bad;
}

static void group_free(struct group *g)
{
	if (!g)
		return;
	curl_multi_cleanup(g->multi); /* closes its connections */
	for (struct conn *c = g->conns, *next; c; c = next) {
		next = c->next;
		g->pool->by_fd[c->fd] = NULL;
		free(c);
	}
	free(g);
}

static struct group *group_new(struct pool *p)
{
	struct group *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->pool = p;
	g->timer_ns = UINT64_MAX;
	g->multi = curl_multi_init();
	if (g->multi && group_apply(g))
		return g;
	group_free(g);
	return NULL;
}

struct group *pool_group_take(struct pool *p)
{
	if (!p->groups || p->group[p->groups - 1]->transfers == POOL_GROUP_TRANSFERS) {
		struct group **table = reallocarray(p->group, p->groups + 1, sizeof(struct group *));

		if (!table)
			return NULL;
		p->group = table;
		p->group[p->groups] = group_new(p);
		if (!p->group[p->groups])
			return NULL;
		p->groups++;
	}
	p->group[p->groups - 1]->transfers++;
	return p->group[p->groups - 1];
}

bool pool_apply(struct pool_seat *seat, CURL *easy)
{
	struct group *g = seat->group;
	int bad = 0;

	bad |= (int)curl_easy_setopt(easy, CURLOPT_SHARE, g->pool->share);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, seat);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, g);
	return !bad;
}

int pool_start(struct group *g, CURL *easy)
{
	return curl_multi_add_handle(g->multi, easy) ? -EIO : 0; /* libcurl asks for a timer at once, which runs it */
}

static void group_reap(struct group *g)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(g->multi, &left)))
		if (message->msg == CURLMSG_DONE)
			g->pool->ops.done(g->pool->ops.ctx, message->easy_handle, message->data.result);
}

static void group_action(struct group *g, curl_socket_t fd, int events)
{
	int running;

	curl_multi_socket_action(g->multi, fd, events, &running);
	group_reap(g);
}

void pool_event(struct pool *p, int fd, uint32_t events)
{
	struct conn *c = conn_by_fd(p, fd);
	struct conn_positions positions;
	int what = 0;

	if (!c)
		return;
	if (!c->wanted) { /* the peer closed an idle connection or speaks unasked: libcurl sees it when it wants the connection again */
		conn_register(c, 0);
		return;
	}
	if (c->watch && conn_positions(c, &positions))
		c->seen_in_pos = positions.in;
	if (events & (EPOLLIN | EPOLLHUP))
		what |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		what |= CURL_CSELECT_OUT;
	if (events & EPOLLERR)
		what |= CURL_CSELECT_ERR;
	group_action(c->group, fd, what);
}

static void group_run(struct group *g)
{
	g->timer_ns = UINT64_MAX;
	group_action(g, CURL_SOCKET_TIMEOUT, 0);
}

static void run_due(struct pool *p)
{
	struct group *g;

	while ((g = p->due)) {
		p->due = g->next_due;
		g->is_due = false;
		group_run(g);
	}
}

uint64_t pool_next_ns(const struct pool *p)
{
	return p->due ? 0 : p->timer_ns;
}

void pool_run_timers(struct pool *p, uint64_t now_ns)
{
	run_due(p);
	while (p->timer_ns <= now_ns) {
		p->timer_ns = UINT64_MAX;
		for (unsigned i = 0; i < p->groups; i++) {
			struct group *g = p->group[i];

			if (g->timer_ns <= now_ns)
				group_run(g);
			if (g->timer_ns < p->timer_ns)
				p->timer_ns = g->timer_ns;
		}
		run_due(p);
	}
}

/* --- life -------------------------------------------------------------------------------------------------------------------- */

int pool_init(struct pool *p, int epoll_fd, const struct pool_ops *ops)
{
	*p = (struct pool){.epoll_fd = epoll_fd, .ops = *ops, .timer_ns = UINT64_MAX};
	p->share = curl_share_init();
	if (!p->share)
		return -ENOMEM;
	curl_share_setopt(p->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
	curl_share_setopt(p->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	return 0;
}

void pool_fini(struct pool *p)
{
	for (unsigned i = 0; i < p->groups; i++)
		group_free(p->group[i]);
	free(p->group);
	free(p->by_fd);
	curl_share_cleanup(p->share);
	*p = (struct pool){0};
}
