// SPDX-License-Identifier: GPL-2.0-only
#include "probe/docker_proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

#define NAMESPACES_MAX 4096

bool docker_proxy_is(uint32_t pid, const char *comm)
{
	char exe[256];

	if (!strcmp(comm, "docker-proxy"))
		return true;
	if (proc_link(pid, "exe", exe, sizeof(exe)))
		return false;
	const char *base = strrchr(exe, '/');
	return base && !strcmp(base + 1, "docker-proxy");
}

/*
 * Go's flag package takes -name value, -name=value, and both with two dashes. NULL: not this flag. *next: the value is the
 * next word.
 */
static const char *flag_value(const char *word, const char *name, bool *next)
{
	size_t n = strlen(name);

	*next = false;
	if (word[0] != '-')
		return NULL;
	word += word[1] == '-' ? 2 : 1;
	if (strncmp(word, name, n))
		return NULL;
	if (word[n] == '=')
		return word + n + 1;
	*next = word[n] == '\0';
	return NULL;
}

static const char *find_flag(const char *cmdline, size_t bytes, const char *name)
{
	for (size_t at = 0; at < bytes; at += strnlen(cmdline + at, bytes - at) + 1) {
		bool next;
		const char *value = flag_value(cmdline + at, name, &next);
		if (value)
			return value;
		size_t behind = at + strnlen(cmdline + at, bytes - at) + 1;
		if (next && behind < bytes)
			return cmdline + behind;
	}
	return NULL;
}

static int address_from_text(const char *text, uint8_t out[16])
{
	struct in_addr v4;

	memset(out, 0, 16);
	if (inet_pton(AF_INET, text, &v4) == 1) {
		out[10] = out[11] = 0xff;
		memcpy(out + 12, &v4, 4);
		return 0;
	}
	return inet_pton(AF_INET6, text, out) == 1 ? 0 : -EINVAL;
}

int docker_proxy_target(const char *ip, unsigned port, struct docker_proxy *out)
{
	memset(out, 0, sizeof(*out));
	if (strlen(ip) >= sizeof(out->ip) || address_from_text(ip, out->addr) || port == 0 || port > UINT16_MAX)
		return -EINVAL;
	memcpy(out->ip, ip, strlen(ip) + 1);
	out->port = (uint16_t)port;
	return 0;
}

int docker_proxy_parse(const char *cmdline, size_t bytes, struct docker_proxy *out)
{
	uint64_t port;

	if (!bytes || cmdline[bytes - 1] != '\0')
		return -EINVAL;
	const char *ip = find_flag(cmdline, bytes, "container-ip");
	const char *port_text = find_flag(cmdline, bytes, "container-port");
	if (!ip || !port_text || units_parse_u64(port_text, &port) || port > UINT16_MAX)
		return -EINVAL;
	return docker_proxy_target(ip, (unsigned)port, out);
}

/* IPv4: fib_trie names each local address as "|-- 172.17.0.2", with "/32 host LOCAL" on the next line. */
static bool fib_trie_has(uint32_t pid, const char *ip)
{
	char path[64], line[256], leaf[80];
	bool at_leaf = false, found = false;

	snprintf(path, sizeof(path), "/proc/%u/net/fib_trie", pid);
	snprintf(leaf, sizeof(leaf), "|-- %s\n", ip);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f)) {
		if (strstr(line, "|-- "))
			at_leaf = strstr(line, leaf) != NULL;
		else
			found = at_leaf && strstr(line, "host LOCAL");
	}
	fclose(f);
	return found;
}

/* IPv6: if_inet6 begins each line with the address as 32 hex digits. */
static bool if_inet6_has(uint32_t pid, const uint8_t addr[16])
{
	char path[64], line[256], want[33];
	bool found = false;

	for (unsigned i = 0; i < 16; i++)
		snprintf(want + 2 * i, 3, "%02x", addr[i]);
	snprintf(path, sizeof(path), "/proc/%u/net/if_inet6", pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = !strncmp(line, want, 32);
	fclose(f);
	return found;
}

static bool is_v4(const uint8_t addr[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(addr, mapped, sizeof(mapped));
}

struct listen_search {
	const struct docker_proxy *target;
	uint64_t *inode;
	unsigned max, found;
};

static int collect_listener(void *ctx, const struct proc_tcp *s)
{
	static const uint8_t any6[16];
	static const uint8_t any4[16] = {[10] = 0xff, [11] = 0xff};
	struct listen_search *q = ctx;

	if (s->local_port != q->target->port || q->found == q->max)
		return 0;
	if (memcmp(s->local, q->target->addr, 16) && memcmp(s->local, any6, 16) && memcmp(s->local, any4, 16))
		return 0;
	q->inode[q->found++] = s->inode;
	return 0;
}

/* Remembers names of network namespaces, so that each is searched once: many processes share one. */
static bool namespace_is_new(uint32_t pid, uint64_t *seen, unsigned *count)
{
	char link[64];
	unsigned long long id;

	if (proc_link(pid, "ns/net", link, sizeof(link)) || sscanf(link, "net:[%llu]", &id) != 1)
		return false;
	for (unsigned i = 0; i < *count; i++)
		if (seen[i] == id)
			return false;
	if (*count == NAMESPACES_MAX)
		return false;
	seen[(*count)++] = id;
	return true;
}

int docker_proxy_find_target(const struct proc_table *t, const struct docker_proxy *target, uint64_t *inode, unsigned max)
{
	struct listen_search q = {.target = target, .inode = inode, .max = max};
	unsigned namespaces = 0;

	uint64_t *seen = calloc(NAMESPACES_MAX, sizeof(*seen));
	if (!seen)
		return -ENOMEM;
	for (size_t i = 0; i < t->count && !q.found; i++) {
		uint32_t pid = t->entry[i].pid;
		if (!namespace_is_new(pid, seen, &namespaces))
			continue;
		if (is_v4(target->addr) ? fib_trie_has(pid, target->ip) : if_inet6_has(pid, target->addr))
			proc_tcp_listeners(pid, collect_listener, &q);
	}
	free(seen);
	return (int)q.found;
}
