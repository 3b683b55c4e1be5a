/* SPDX-License-Identifier: GPL-2.0-only */
/* What a recipe consists of, as read from its file; shared by the recipe_*.c files only. */
#ifndef TOLL_SESSION_RECIPE_PARTS_H
#define TOLL_SESSION_RECIPE_PARTS_H

#include <limits.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "session/recipe.h"

struct recipe_words {
	char **word;
	unsigned words;
};

struct recipe_file {
	char *path; /* under workdir (files) or the cache directory (prepare.files) */
	char *text; /* template */
	char *copy; /* instead of text: a file of the recipe's directory, taken as it is */
};

struct recipe_need {
	char *program;
	char *package; /* where to get it, for the message */
	uint32_t version; /* least major version, 0: any */
};

struct recipe_parameter {
	char *name;
	char *value; /* default */
	char **one_of;
	unsigned one_ofs;
};

struct recipe_prepare {
	char *directory; /* under the cache */
	struct recipe_need *need;
	unsigned needs;
	struct recipe_file *file;
	unsigned files;
	struct recipe_words run;
	char *timeout;
};

struct recipe_ready {
	char *path; /* GET this; NULL: a TCP connect is enough */
	char *timeout;
};

struct recipe_end {
	char *signal;
	char *grace;
};

struct recipe_content {
	char *name;
	char *title;
	char *url;
	struct recipe_words start;
	struct recipe_need *need;
	unsigned needs;
	struct recipe_parameter *parameter;
	unsigned parameters;
	struct recipe_prepare *prepare;
	struct recipe_file *file;
	unsigned files;
	struct recipe_words environment;
	struct recipe_words headers;
	struct recipe_ready *ready;
	struct recipe_end *end;
};

struct recipe {
	char path[PATH_MAX];
	char dir[PATH_MAX];
	struct recipe_content *content;
	int signal;
	uint64_t grace_ns, ready_ns, prepare_ns;
};

/* --- recipe_schema.c -------------------------------------------------------------------------------------------------------- */
int recipe_schema_load(const char *path, const char *text, unsigned long bytes, struct recipe_content **out, struct err *err);
void recipe_schema_free(struct recipe_content *content);

/* --- recipe_template.c ------------------------------------------------------------------------------------------------------ */
#define TEMPLATE_VARS_MAX 48
struct template_var {
	const char *name;
	const char *value;
};
struct template_vars {
	struct template_var var[TEMPLATE_VARS_MAX];
	unsigned count;
};
int template_set(struct template_vars *v, const char *name, const char *value); /* replaces; -E2BIG */
const char *template_get(const struct template_vars *v, const char *name); /* NULL: unknown */
/* Appends to out (NUL behind it). -EINVAL with what is wrong in `problem`: an unknown name, a section that is not closed. */
int template_expand(const struct template_vars *v, const char *text, struct buf *out, char *problem, size_t problem_size);

/* --- recipe_prepare.c ------------------------------------------------------------------------------------------------------- */
/* Checks that the programs are there and new enough: -ENOTSUP and what is missing. */
int recipe_check_needs(const struct recipe *r, const struct recipe_need *need, unsigned needs, struct err *err);
/* Where prepare works: $TOLL_CACHE or ~/.cache/toll, then its directory. */
int recipe_cache_dir(const struct recipe *r, char *dir, size_t size, struct err *err);
/* Once for each cache directory and content of the recipe; two that come at the same time wait for each other. */
int recipe_prepare(const struct recipe *r, const struct template_vars *vars, const char *cache_dir, struct err *err);
int recipe_write_file(const struct recipe *r, const struct recipe_file *f, const struct template_vars *vars, const char *dir,
		      struct err *err);
int make_directories(const char *path); /* as mkdir -p, 0755 */

#endif
