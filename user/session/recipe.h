/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A recipe says in one file how a gateway is started, where it listens, how it is pointed at the provider and how it is ended:
 * scenarios/gateways/NAME/recipe.yaml. Nothing in it goes through a shell: every command is a list of words.
 *
 * In its words, files, headers and environment {{name}} is replaced; {{#name}}...{{/name}} stays only if the value is not empty,
 * {{^name}}...{{/name}} only if it is. A word of a command that comes out empty is dropped. Names that are always there:
 * listen_host,
 * listen_port, upstream_scheme, upstream_tls ("" for http), upstream_host, upstream_port, workdir, workers, recipe_dir,
 * cache_dir, user,
 * toll (this program's path); the recipe's `parameters` add to them.
 */
#ifndef TOLL_SESSION_RECIPE_H
#define TOLL_SESSION_RECIPE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "session/scratch.h"

struct recipe;

/* name: "nginx" (a built-in one), or the path of a recipe.yaml or of its directory. Errors name file, line and key. */
int recipe_load(const char *name, struct recipe **out, struct err *err);
/* The same from text (NUL behind it); path is what errors call it, its directory is {{recipe_dir}}. */
int recipe_parse(const char *path, const char *text, unsigned long bytes, struct recipe **out, struct err *err);
void recipe_free(struct recipe *r);
const char *recipe_name(const struct recipe *r);
const char *recipe_title(const struct recipe *r);

struct recipe_params {
	const char *upstream_scheme; /* NULL: http */
	const char *upstream_host;
	unsigned upstream_port;
	unsigned listen_port; /* 0: a free one is found */
	unsigned workers; /* 0: 1 */
	const char *workdir; /* made if it is not there; NULL: one under /tmp that recipe_stop removes */
	const char *const *extra; /* "key=value", keys from the recipe's parameters */
	unsigned extras;
};

#define RECIPE_HEADERS_MAX 16
struct recipe_running {
	pid_t pid; /* also its process group */
	unsigned listen_port;
	char url[128];
	char log_path[256]; /* stdout and stderr */
	char workdir[224];
	struct scratch own; /* the workdir, where recipe_stop is to remove it */
	char *header[RECIPE_HEADERS_MAX]; /* "Name: value" that each request must carry */
	unsigned headers;
	int stop_signal;
	uint64_t grace_ns;
};

/*
 * Starts the gateway and waits until it is ready. err: a parameter that the recipe does not know; -ENOTSUP and what is missing
 * on this
 * machine (a program, its version); what the gateway said last if it ended at once; -ETIMEDOUT.
 */
int recipe_start(const struct recipe *r, const struct recipe_params *params, struct recipe_running *out, struct err *err);
/* True once it has ended by itself; why: "ended with code 1: last line of its log". */
bool recipe_has_ended(const struct recipe_running *running, char *why, unsigned long size);
/* Signal, grace period, SIGKILL to the whole process group, reap. Safe to call twice and on a zeroed struct. */
void recipe_stop(struct recipe_running *running);

#endif
