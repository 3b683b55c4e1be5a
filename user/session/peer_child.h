/* SPDX-License-Identifier: GPL-2.0-only */
/* Peers of the run's own, for the embedded gateway: started on a free port, without a trace on disk, ended again. */
#ifndef TOLL_SESSION_PEER_CHILD_H
#define TOLL_SESSION_PEER_CHILD_H

#include <sys/types.h>

#include "base/err.h"

struct peer_child {
	pid_t pid; /* 0: none */
	unsigned port;
};

unsigned peer_child_port(void); /* of loopback, that nobody listens on now; 0: none */
/* Returns when it accepts connections; log_path: its output. err: what is missing, or what it said. */
int peer_child_start_redis(struct peer_child *out, const char *log_path, struct err *err);
/* Everything that it holds is forgotten. */
int peer_child_clear_redis(const struct peer_child *p, struct err *err);
/* The same with a service that takes usage records, each in a millisecond. */
int peer_child_start_billing(struct peer_child *out, const char *log_path, struct err *err);
void peer_child_stop(struct peer_child *p);

#endif
