// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "attribution/unread.h"
#include "base/map.h"

/* Fewer connections than these say nothing about habits. */
#define OPENED_MIN 10
#define OPENED_SHARE 0.9
#define PLACES_MAX 64

/* One socket of the gateway. */
struct sock {
	bool server, used;
	unsigned peer; /* of a client's */
	uint64_t established_ns; /* 0: found open */
	struct unread unread;
	struct wire_turn last; /* known by a snapshot only so far */
	bool has_last;
};

/* Where the gateway itself serves. */
struct place {
	uint8_t addr[16];
	uint16_t port;
};

/* Turns of joined requests to one peer. */
struct asked {
	uint8_t addr[16];
	uint16_t port;
	uint64_t requests;
};

struct sockets {
	uint64_t start_ns;
	struct map *socks;
	struct sockets_peer inbound, upstream;
	struct sockets_peer peer[SOCKETS_PEERS_MAX];
	unsigned peers;
	struct sockets_sends sends;
	struct place place[PLACES_MAX];
	unsigned places;
	/* sockets_whole()'s, which may be called on another thread: on lines of its own */
	_Alignas(64) uint64_t requests;
	struct asked asked[SOCKETS_PEERS_MAX];
	unsigned askeds;
};

/* --- peers ------------------------------------------------------------------------------------------------------------------ */

static int peer_init(struct sockets_peer *p, const uint8_t addr[16], uint16_t port)
{
	*p = (struct sockets_peer){.port = port, .connect = hist_new(), .unread = hist_new()};
	memcpy(p->addr, addr, sizeof(p->addr));
	return p->connect && p->unread ? 0 : -ENOMEM;
}

static void peer_fini(struct sockets_peer *p)
{
	hist_free(p->connect);
	hist_free(p->unread);
}

/* Its index; -ENOMEM. */
static int peer_find(struct sockets *s, const uint8_t addr[16], uint16_t port)
{
	for (unsigned i = 0; i < s->peers; i++)
		if (s->peer[i].port == port && !memcmp(s->peer[i].addr, addr, sizeof(s->peer[i].addr)))
			return (int)i;
	if (s->peers == SOCKETS_PEERS_MAX)
		return SOCKETS_PEERS_MAX - 1;
	int rc = peer_init(&s->peer[s->peers], addr, port);
	return rc ? rc : (int)s->peers++;
}

static void place_note(struct sockets *s, const struct wire_conn *r)
{
	struct place p = {.port = r->local_port};

	memcpy(p.addr, r->local_addr, sizeof(p.addr));
	for (unsigned i = 0; i < s->places; i++)
		if (s->place[i].port == p.port && !memcmp(s->place[i].addr, p.addr, sizeof(p.addr)))
			return;
	if (s->places < PLACES_MAX)
		s->place[s->places++] = p;
}

static struct sockets_peer *peer_of(struct sockets *s, const struct sock *k)
{
	return k->server ? &s->inbound : &s->peer[k->peer];
}

/* --- connections ------------------------------------------------------------------------------------------------------------ */

static bool is_measured(const struct sockets *s, uint64_t time_ns)
{
	return time_ns >= s->start_ns;
}

static void sock_free(void *sock)
{
	struct sock *k = sock;

	unread_fini(&k->unread);
	free(k);
}

/* NULL: no memory. */
static struct sock *sock_new(struct sockets *s, const struct wire_conn *r)
{
	bool server = r->side == WIRE_SIDE_SERVER;
	int peer = server ? 0 : peer_find(s, r->peer_addr, r->peer_port);
	struct sock *k = peer < 0 ? NULL : calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	*k = (struct sock){.server = server,
			   .peer = (unsigned)peer,
			   .established_ns = r->flags & WIRE_CONN_FOUND_OPEN ? 0 : r->established_ns};
	if (map_put(s->socks, r->conn, k)) {
		free(k);
		return NULL;
	}
	return k;
}

static int wire_conn(struct sockets *s, const struct wire_conn *r)
{
	bool of_gateway = r->role == WIRE_ROLE_GATEWAY && (r->side == WIRE_SIDE_SERVER || r->side == WIRE_SIDE_CLIENT);

	if (!of_gateway || map_get(s->socks, r->conn))
		return 0;
	struct sock *k = sock_new(s, r);
	if (!k)
		return -ENOMEM;
	if (k->server)
		place_note(s, r);
	if (!k->established_ns || !is_measured(s, k->established_ns))
		return 0;
	struct sockets_peer *p = peer_of(s, k);
	p->opened++;
	if (k->server || !r->syn_ns || r->established_ns < r->syn_ns)
		return 0;
	return hist_record(p->connect, r->established_ns - r->syn_ns);
}

static int wire_accept(struct sockets *s, const struct wire_accept *r)
{
	const struct sock *k = map_get(s->socks, r->conn);

	if (!k || !k->established_ns || !is_measured(s, k->established_ns) || r->h.time_ns < k->established_ns)
		return 0;
	return hist_record(s->inbound.connect, r->h.time_ns - k->established_ns);
}

static int wire_connect_failed(struct sockets *s, const struct wire_connect_failed *r)
{
	if (r->role != WIRE_ROLE_GATEWAY || !is_measured(s, r->h.time_ns))
		return 0;
	int peer = peer_find(s, r->peer_addr, r->peer_port);
	if (peer < 0)
		return peer;
	struct sockets_peer *p = &s->peer[peer];
	unsigned i = 0;
	while (i < SOCKETS_ERRORS_MAX - 1 && p->error[i].count && p->error[i].err != r->err)
		i++;
	if (p->error[i].count && p->error[i].err != r->err)
		p->error[i].err = 0; /* the last one takes all others */
	else
		p->error[i].err = r->err;
	p->error[i].count++;
	p->failed++;
	return 0;
}

/* --- turns ------------------------------------------------------------------------------------------------------------------ */

static uint64_t turn_start(const struct wire_turn *r)
{
	uint64_t in_ns = r->lane[WIRE_LANE_IN].first_ns, out_ns = r->lane[WIRE_LANE_OUT].first_ns;

	return !in_ns || (out_ns && out_ns < in_ns) ? out_ns : in_ns;
}

static int turn_count(struct sockets *s, struct sock *k, const struct wire_turn *r)
{
	uint64_t longest_ns = 0;
	int rc = 0;
	bool told = unread_turn(&k->unread, r, &longest_ns, &rc);

	k->has_last = false;
	if (rc || !is_measured(s, turn_start(r)))
		return rc;
	struct sockets_peer *p = peer_of(s, k);
	p->turns++;
	p->used += !k->used;
	k->used = true;
	p->retransmits += r->retransmits;
	if (told)
		return hist_record(p->unread, longest_ns);
	p->unread_untold++;
	return 0;
}

/* A snapshot waits for the turn itself, which comes longer under the same number, or for the end. */
static int wire_turn(struct sockets *s, const struct wire_turn *r)
{
	struct sock *k = r->role == WIRE_ROLE_GATEWAY ? map_get(s->socks, r->conn) : NULL;
	int rc = 0;

	if (!k)
		return 0;
	if (k->has_last && k->last.turn != r->turn)
		rc = turn_count(s, k, &k->last);
	if (rc)
		return rc;
	if (!(r->flags & WIRE_TURN_STILL_OPEN))
		return turn_count(s, k, r);
	k->last = *r;
	k->has_last = true;
	return 0;
}

static int wire_marks(struct sockets *s, const struct wire_marks *r)
{
	struct sock *k = map_get(s->socks, r->conn);

	return k ? unread_marks(&k->unread, r) : 0;
}

static int sock_end(struct sockets *s, struct sock *k)
{
	return k->has_last ? turn_count(s, k, &k->last) : 0;
}

static int wire_close(struct sockets *s, const struct wire_close *r)
{
	struct sock *k = map_remove(s->socks, r->conn);
	int rc = k ? sock_end(s, k) : 0;

	if (k)
		sock_free(k);
	return rc;
}

/* --- full send buffers -------------------------------------------------------------------------------------------------------- */

static bool is_send(uint16_t nr)
{
	return nr == SYS_sendto || nr == SYS_sendmsg || nr == SYS_sendmmsg;
}

/* May be a send: what it writes to is not told. Files do not block but for a disk, and take all that they are given. */
static bool is_write(uint16_t nr)
{
	return nr == SYS_write || nr == SYS_writev || nr == SYS_sendfile;
}

static int wire_syscalls(struct sockets *s, const struct wire_syscalls *r)
{
	s->sends.calls_seen = true;
	for (uint32_t i = 0; i < r->count; i++) {
		const struct wire_syscall *c = &r->call[i];

		if (!is_measured(s, c->enter_ns))
			continue;
		s->sends.short_ += (c->flags & WIRE_SYSCALL_SHORT) != 0;
		s->sends.would_block += (is_send(c->nr) || is_write(c->nr)) && c->result == -EAGAIN;
	}
	return 0;
}

static int wire_off_cpu(struct sockets *s, const struct wire_off_cpu *r)
{
	const uint16_t not_a_buffer = WIRE_OFF_PREEMPTED | WIRE_OFF_UNINTERRUPTIBLE | WIRE_OFF_IOWAIT | WIRE_OFF_MEMSTALL |
				      WIRE_OFF_FAULT | WIRE_OFF_STOPPED;

	s->sends.waits_seen = true;
	if (!is_measured(s, r->out_ns) || r->flags & not_a_buffer || !(is_send(r->syscall) || is_write(r->syscall)))
		return 0;
	return hist_record(s->sends.blocked, r->runnable_ns > r->out_ns ? r->runnable_ns - r->out_ns : 0);
}

/* --- what the room offers ------------------------------------------------------------------------------------------------------ */

struct sockets *sockets_new(void)
{
	static const uint8_t nobody[16];
	struct sockets *s = aligned_alloc(_Alignof(struct sockets), sizeof(*s));

	if (!s)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->socks = map_new();
	s->sends.blocked = hist_new();
	if (peer_init(&s->inbound, nobody, 0) || peer_init(&s->upstream, nobody, 0) || !s->socks || !s->sends.blocked) {
		sockets_free(s);
		return NULL;
	}
	return s;
}

void sockets_free(struct sockets *s)
{
	if (!s)
		return;
	map_free_with(s->socks, sock_free);
	peer_fini(&s->inbound);
	peer_fini(&s->upstream);
	for (unsigned i = 0; i < SOCKETS_PEERS_MAX; i++)
		peer_fini(&s->peer[i]);
	hist_free(s->sends.blocked);
	free(s);
}

void sockets_start(struct sockets *s, uint64_t start_ns)
{
	s->start_ns = start_ns;
}

int sockets_wire(struct sockets *s, const void *record)
{
	const struct wire_header *h = record;

	switch (h->kind) {
	case WIRE_KIND_CONN:
		return wire_conn(s, record);
	case WIRE_KIND_ACCEPT:
		return wire_accept(s, record);
	case WIRE_KIND_MARKS:
		return wire_marks(s, record);
	case WIRE_KIND_TURN:
		return wire_turn(s, record);
	case WIRE_KIND_CLOSE:
		return wire_close(s, record);
	case WIRE_KIND_CONNECT_FAILED:
		return wire_connect_failed(s, record);
	case WIRE_KIND_SYSCALLS:
		return wire_syscalls(s, record);
	case WIRE_KIND_OFF_CPU:
		return wire_off_cpu(s, record);
	default:
		return 0;
	}
}

void sockets_whole(struct sockets *s, const struct whole_request *w)
{
	if (w->driver.flags & RECORD_WARMUP || w->unmatched != TIMELINE_MATCHED)
		return;
	s->requests++;
	for (uint32_t i = 0; i < w->upstreams; i++) {
		const struct whole_upstream *u = &w->upstream[i];
		unsigned at = 0;

		while (at < s->askeds &&
		       (s->asked[at].port != u->peer_port || memcmp(s->asked[at].addr, u->peer_addr, sizeof(u->peer_addr)) != 0))
			at++;
		if (at == SOCKETS_PEERS_MAX) {
			at--;
		} else if (at == s->askeds) {
			s->asked[s->askeds++].port = u->peer_port;
			memcpy(s->asked[at].addr, u->peer_addr, sizeof(u->peer_addr));
		}
		s->asked[at].requests++;
	}
}

int sockets_count_requests(struct sockets *s)
{
	s->inbound.requests = s->requests;
	for (unsigned i = 0; i < s->peers; i++)
		s->peer[i].requests = 0;
	for (unsigned i = 0; i < s->askeds; i++) {
		int peer = peer_find(s, s->asked[i].addr, s->asked[i].port);
		if (peer < 0)
			return peer;
		s->peer[peer].requests += s->asked[i].requests;
	}
	return 0;
}

static bool is_inner(const struct sockets *s, const struct sockets_peer *p)
{
	for (unsigned i = 0; i < s->places; i++)
		if (p->port == s->place[i].port && !memcmp(p->addr, s->place[i].addr, sizeof(p->addr)))
			return true;
	return false;
}

static int peer_merge(struct sockets_peer *into, const struct sockets_peer *p)
{
	into->opened += p->opened;
	into->used += p->used;
	into->turns += p->turns;
	into->requests += p->requests;
	into->retransmits += p->retransmits;
	into->unread_untold += p->unread_untold;
	into->failed += p->failed;
	int rc = hist_merge(into->connect, p->connect);
	return rc ? rc : hist_merge(into->unread, p->unread);
}

int sockets_finish(struct sockets *s)
{
	uint64_t cookie;
	size_t cursor = 0;
	void *k;
	int rc = 0;

	while (!rc && map_next(s->socks, &cursor, &cookie, &k))
		rc = sock_end(s, k);
	if (!rc)
		rc = sockets_count_requests(s);
	for (unsigned i = 0; i < s->peers && !rc; i++) {
		s->peer[i].inner = is_inner(s, &s->peer[i]);
		if (!s->peer[i].inner)
			rc = peer_merge(&s->upstream, &s->peer[i]);
	}
	return rc;
}

const struct sockets_peer *sockets_inbound(const struct sockets *s)
{
	return &s->inbound;
}

unsigned sockets_peers(const struct sockets *s, const struct sockets_peer **out)
{
	*out = s->peer;
	return s->peers;
}

const struct sockets_sends *sockets_sends(const struct sockets *s)
{
	return &s->sends;
}

const struct sockets_peer *sockets_upstream(const struct sockets *s)
{
	return &s->upstream;
}

double sockets_turns_per_connection(const struct sockets_peer *p)
{
	return p->used ? (double)p->turns / (double)p->used : 0.0;
}

/* TLS makes a turn of its handshake, so joined requests tell more than turns. */
bool sockets_opens_per_request(const struct sockets_peer *p)
{
	uint64_t requests = p->requests ? p->requests : p->turns;

	return p->opened >= OPENED_MIN && (double)p->opened >= OPENED_SHARE * (double)requests;
}
