/* SPDX-License-Identifier: GPL-2.0-only */
/* What the commands that serve (provider, gateway) share: ending by a signal, and telling where they listen. */
#ifndef TOLL_COMMANDS_SERVE_H
#define TOLL_COMMANDS_SERVE_H

#include <stdbool.h>

struct serve_announcement {
	const char *listen;
	int ready_fd; /* -1: say it on stdout */
	bool tls;
};

/* "listening on HOST:PORT" for people, the port alone for the program that started us. ctx: struct serve_announcement. */
void serve_announce(void *ctx, unsigned port);
/* SIGTERM, SIGINT and SIGHUP set the returned flag from here on. */
const volatile int *serve_until_signal(void);

#endif
