/* SPDX-License-Identifier: GPL-2.0-only */
/* docker-proxy listens on the host for a port of a container: whom does it forward to? */
#ifndef TOLL_PROBE_DOCKER_PROXY_H
#define TOLL_PROBE_DOCKER_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/proc.h"

struct docker_proxy {
	char ip[64]; /* of the container, as written */
	uint8_t addr[16];
	uint16_t port;
};

/* comm, or exe where comm was changed. */
bool docker_proxy_is(uint32_t pid, const char *comm);
/* An address as written, IPv4 as ::ffff:a.b.c.d, and a port. -EINVAL: none. */
int docker_proxy_target(const char *ip, unsigned port, struct docker_proxy *out);
/*
 * cmdline as /proc has it: words with a NUL behind each. -EINVAL: no -container-ip or -container-port, or no address or port
 * in them.
 */
int docker_proxy_parse(const char *cmdline, size_t bytes, struct docker_proxy *out);
/*
 * Inodes of the sockets that listen at the target, in whichever network namespace of a local process owns its address.
 * Returns how many (at most max), 0: none found, -errno.
 */
int docker_proxy_find_target(const struct proc_table *t, const struct docker_proxy *target, uint64_t *inode, unsigned max);

#endif
