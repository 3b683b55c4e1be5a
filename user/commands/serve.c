// SPDX-License-Identifier: GPL-2.0-only
#include "commands/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static volatile int stop_asked; /* by a signal */

static void on_signal(int signal_number)
{
	(void)signal_number;
	stop_asked = 1;
}

const volatile int *serve_until_signal(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	return &stop_asked;
}

void serve_announce(void *ctx, unsigned port)
{
	const struct serve_announcement *a = ctx;
	const char *colon = strrchr(a->listen, ':');
	int host_bytes = colon ? (int)(colon - a->listen) : 0;

	if (a->ready_fd < 0) {
		printf("listening on %.*s:%u%s\n", host_bytes ? host_bytes : 9, host_bytes ? a->listen : "127.0.0.1", port,
		       a->tls ? " (TLS)" : "");
		fflush(stdout);
		return;
	}
	if (dprintf(a->ready_fd, "%u\n", port) < 0)
		log_line(LOG_WARN, "cannot write the port to descriptor %d: %s", a->ready_fd, strerror(errno));
	close(a->ready_fd);
}
