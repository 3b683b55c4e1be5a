// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/hoard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define CACHE_ENTRIES 4096
#define CACHE_ENTRY_BYTES 2048
#define FRAGMENT_PIECE_BYTES 256
#define FRAGMENT_KEEP_EVERY 16 /* one piece in so many survives ... */
#define FRAGMENT_SURVIVORS 8192 /* ... until so many newer ones have */
#define HEAP_HEADER_BYTES 8 /* glibc: size field before each block */

/* A piece that was taken; `next` lies in it, so that nothing else grows with it. */
struct kept {
	struct kept *next;
};

/* A leak is a block that nothing points to: the way back to it is kept as the complement of its address. */
struct lost {
	uintptr_t next_hidden;
};

struct mapped {
	struct mapped *next;
	size_t bytes;
};

struct ring {
	void *entry[FRAGMENT_SURVIVORS];
	uint64_t added;
};

struct hoard {
	const struct hoard_plants *plants;
	const char *upstream;
	struct rng rng;
	uintptr_t lost_hidden;
	struct mapped *mapped;
	int *fd;
	size_t fds, fds_max;
	pthread_t *thread;
	size_t threads;
	struct ring cache, survivors;
	void *warm_up;
	struct kept *garbage;
	uint64_t garbage_bytes;
};

/* --- what each kind does. Functions of their own: their names are what a stack of the growth shows --------------------------------- */

static void *piece_take(uint64_t bytes)
{
	void *piece = malloc(bytes);

	if (piece)
		memset(piece, 0x5a, bytes); /* touched, else it costs no memory */
	return piece;
}

__attribute__((noinline)) static void hoard_leak(struct hoard *h, uint64_t bytes)
{
	struct lost *piece = piece_take(bytes - HEAP_HEADER_BYTES);

	if (!piece)
		return;
	piece->next_hidden = h->lost_hidden;
	h->lost_hidden = ~(uintptr_t)piece;
}

__attribute__((noinline)) static void hoard_map(struct hoard *h, uint64_t bytes)
{
	struct mapped *m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (m == MAP_FAILED)
		return;
	memset(m, 0x5a, bytes);
	m->next = h->mapped;
	m->bytes = bytes;
	h->mapped = m;
}

static void fd_keep(struct hoard *h, int fd)
{
	if (fd < 0)
		return;
	if (h->fds == h->fds_max) {
		size_t more = h->fds_max ? 2 * h->fds_max : 1024;
		int *grown = realloc(h->fd, more * sizeof(*grown));
		if (!grown) {
			close(fd);
			return;
		}
		h->fd = grown;
		h->fds_max = more;
	}
	h->fd[h->fds++] = fd;
}

/* An own connection with an answer that the upstream closes behind; nobody reads it or closes this end. */
__attribute__((noinline)) static int close_wait_open(const char *upstream)
{
	static const char request[] = "GET /health HTTP/1.1\r\nHost: upstream\r\nConnection: close\r\n\r\n";
	struct sockaddr_in addr = {.sin_family = AF_INET};
	unsigned port;
	char host[64];

	if (sscanf(upstream, "%63[^:]:%u", host, &port) != 2 || inet_pton(AF_INET, host, &addr.sin_addr) != 1)
		return -1;
	addr.sin_port = htons((uint16_t)port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) || send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

__attribute__((noinline)) static void hoard_file(struct hoard *h)
{
	fd_keep(h, open("/dev/null", O_RDONLY | O_CLOEXEC));
}

__attribute__((noinline)) static void hoard_socket(struct hoard *h)
{
	fd_keep(h, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static void *park(void *arg)
{
	sigset_t none;

	(void)arg;
	sigemptyset(&none);
	for (;;)
		sigsuspend(&none);
	return NULL;
}

__attribute__((noinline)) static void hoard_thread(struct hoard *h)
{
	pthread_t *grown = realloc(h->thread, (h->threads + 1) * sizeof(*grown));

	if (!grown)
		return;
	h->thread = grown;
	if (!pthread_create(&h->thread[h->threads], NULL, park, NULL))
		h->threads++;
}

static void ring_put(struct ring *ring, void *entry, uint64_t limit)
{
	void **place = &ring->entry[ring->added++ % limit];

	free(*place);
	*place = entry;
}

/* Eviction of a slow cache begins late and is rare: the chance that an entry stays falls with how many there are. */
static void cache_slow_put(struct hoard *h, void *entry)
{
	struct ring *ring = &h->cache;
	uint64_t full = ring->added < FRAGMENT_SURVIVORS ? ring->added : FRAGMENT_SURVIVORS - 1;

	if (rng_below(&h->rng, FRAGMENT_SURVIVORS) >= full && !ring->entry[full]) {
		ring->entry[full] = entry;
		ring->added++;
		return;
	}
	void **place = &ring->entry[rng_below(&h->rng, full + 1)];
	free(*place);
	*place = entry;
}

static void fragment(struct hoard *h, uint64_t bytes)
{
	uint64_t pieces = bytes / FRAGMENT_PIECE_BYTES;
	void **piece = calloc(pieces + 1, sizeof(*piece));

	for (uint64_t i = 0; piece && i < pieces; i++)
		piece[i] = piece_take(FRAGMENT_PIECE_BYTES - HEAP_HEADER_BYTES);
	for (uint64_t i = 0; piece && i < pieces; i++) {
		if (i % FRAGMENT_KEEP_EVERY)
			free(piece[i]);
		else
			ring_put(&h->survivors, piece[i], FRAGMENT_SURVIVORS);
	}
	free(piece);
}

static void chain_free(struct kept **first)
{
	for (struct kept *piece = *first, *next; piece; piece = next) {
		next = piece->next;
		free(piece);
	}
	*first = NULL;
}

static void lost_free(struct hoard *h)
{
	while (~h->lost_hidden) {
		struct lost *piece = (struct lost *)~h->lost_hidden; /* NOLINT(performance-no-int-to-ptr) */

		h->lost_hidden = piece->next_hidden;
		free(piece);
	}
}

/* 16 KiB a request, collected all at once. */
static void garbage_add(struct hoard *h, uint64_t limit)
{
	struct kept *piece = piece_take(16384);

	if (!piece)
		return;
	piece->next = h->garbage;
	h->garbage = piece;
	h->garbage_bytes += 16384;
	if (h->garbage_bytes < limit)
		return;
	chain_free(&h->garbage);
	h->garbage_bytes = 0;
}

/* --- when -------------------------------------------------------------------------------------------------------------------- */

static bool is_stream(const struct hoard_request *r)
{
	static const char word[] = "\"stream\":";
	const char *at = r->body ? memmem(r->body, r->body_bytes, word, sizeof(word) - 1) : NULL;

	if (!at)
		return false;
	at += sizeof(word) - 1;
	at += strspn(at, " ");
	return !strncmp(at, "true", 4);
}

static bool applies(enum hoard_when when, const struct hoard_request *r)
{
	switch (when) {
	case HOARD_ANY:
		return true;
	case HOARD_CHAT:
		return strstr(r->target, "/chat/") && !is_stream(r);
	case HOARD_STREAM:
		return is_stream(r);
	case HOARD_EMBEDDINGS:
		return strstr(r->target, "/embeddings") != NULL;
	case HOARD_MODELS:
		return strstr(r->target, "/models") != NULL;
	case HOARD_CONNECTION:
		return r->first_of_connection;
	case HOARD_ERROR:
		return r->status >= 500;
	case HOARD_DISCONNECT:
		return r->left;
	}
	return false;
}

static void plant_do(struct hoard *h, const struct hoard_plant *p)
{
	switch (p->kind) {
	case HOARD_LEAK:
		hoard_leak(h, p->bytes);
		break;
	case HOARD_MMAP:
		hoard_map(h, p->bytes);
		break;
	case HOARD_FD:
		hoard_file(h);
		break;
	case HOARD_CLOSED:
		hoard_socket(h);
		break;
	case HOARD_CLOSE_WAIT:
		fd_keep(h, close_wait_open(h->upstream));
		break;
	case HOARD_THREAD:
		hoard_thread(h);
		break;
	case HOARD_CACHE:
		ring_put(&h->cache, piece_take(CACHE_ENTRY_BYTES), CACHE_ENTRIES);
		break;
	case HOARD_SLOW_CACHE:
		cache_slow_put(h, piece_take(CACHE_ENTRY_BYTES));
		break;
	case HOARD_FRAGMENT:
		fragment(h, p->bytes);
		break;
	case HOARD_WARM_UP:
		if (!h->warm_up)
			h->warm_up = piece_take(p->bytes);
		break;
	case HOARD_SAWTOOTH:
		garbage_add(h, p->bytes);
		break;
	case HOARD_IN_FLIGHT:
		break; /* at the begin */
	}
}

void *hoard_begin(struct hoard *h, const struct hoard_request *r)
{
	for (unsigned i = 0; i < h->plants->count; i++) {
		const struct hoard_plant *p = &h->plants->plant[i];

		if (p->kind == HOARD_IN_FLIGHT && applies(p->when, r))
			return piece_take(p->bytes);
	}
	return NULL;
}

void hoard_end(struct hoard *h, const struct hoard_request *r, void *held)
{
	free(held);
	for (unsigned i = 0; i < h->plants->count; i++) {
		const struct hoard_plant *p = &h->plants->plant[i];

		if (applies(p->when, r) && (p->every < 2 || !rng_below(&h->rng, p->every)))
			plant_do(h, p);
	}
}

struct hoard *hoard_new(const struct hoard_plants *plants, const char *upstream, uint64_t seed)
{
	struct hoard *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->plants = plants;
	h->upstream = upstream;
	h->lost_hidden = ~(uintptr_t)NULL;
	rng_init(&h->rng, 2, seed);
	return h;
}

static void ring_free(struct ring *ring)
{
	for (size_t i = 0; i < FRAGMENT_SURVIVORS; i++)
		free(ring->entry[i]);
}

void hoard_free(struct hoard *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->threads; i++) {
		pthread_cancel(h->thread[i]); /* sigsuspend is a cancellation point */
		pthread_join(h->thread[i], NULL);
	}
	for (size_t i = 0; i < h->fds; i++)
		close(h->fd[i]);
	for (struct mapped *m = h->mapped, *next; m; m = next) {
		next = m->next;
		munmap(m, m->bytes);
	}
	lost_free(h);
	chain_free(&h->garbage);
	ring_free(&h->cache);
	ring_free(&h->survivors);
	free(h->warm_up);
	free(h->thread);
	free(h->fd);
	free(h);
}
