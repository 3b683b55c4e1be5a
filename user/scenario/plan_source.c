/* SPDX-License-Identifier: GPL-2.0-only */
#include "scenario/plan_source.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "scenario/plan.h"

#define EXTENSION ".yaml"

static bool has_scenarios(const char *dir)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/scenarios", dir) < (int)sizeof(path) && access(path, R_OK | X_OK) == 0;
}

/* The directory above the one that the program is in. */
static bool beside_program(char *buf, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", buf, size - 1);

	if (n <= 0)
		return false;
	buf[n] = '\0';
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(buf, '/');

		if (!slash)
			return false;
		*slash = '\0';
	}
	if (has_scenarios(buf))
		return true;
	/* PREFIX/bin/toll has PREFIX/share/toll, wherever PREFIX is */
	size_t used = strlen(buf);
	return (size_t)snprintf(buf + used, size - used, "/share/toll") < size - used && has_scenarios(buf);
}

const char *plan_share_dir(char *buf, unsigned long size)
{
	static const char *const installed[] = {"/usr/share/toll", "/usr/local/share/toll"};
	const char *set = getenv("TOLL_SHARE");

	if (set && *set)
		return (size_t)snprintf(buf, size, "%s", set) < size ? buf : NULL;
	if (beside_program(buf, size))
		return buf;
	for (size_t i = 0; i < sizeof(installed) / sizeof(installed[0]); i++)
		if (has_scenarios(installed[i]) && (size_t)snprintf(buf, size, "%s", installed[i]) < size)
			return buf;
	return NULL;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n > m && strcmp(text + n - m, end) == 0;
}

static int names_add(struct plan_names *names, const char *relative)
{
	char **grown = realloc(names->name, (names->count + 1) * sizeof(*grown));
	char *name;

	if (!grown)
		return -ENOMEM;
	names->name = grown;
	name = strndup(relative, strlen(relative) - strlen(EXTENSION));
	if (!name)
		return -ENOMEM;
	names->name[names->count++] = name;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* gateways/ holds recipes for starting real gateways, no scenarios. */
static int names_walk(struct plan_names *names, FTS *tree, size_t root_length)
{
	FTSENT *entry;
	int ret = 0;

	while (ret == 0 && (entry = fts_read(tree)) != NULL) {
		if (entry->fts_info == FTS_D && entry->fts_level == 1 && strcmp(entry->fts_name, "gateways") == 0)
			fts_set(tree, entry, FTS_SKIP);
		else if (entry->fts_info == FTS_F && ends_with(entry->fts_name, EXTENSION))
			ret = names_add(names, entry->fts_path + root_length + 1);
	}
	return ret;
}

int plan_names_read(struct plan_names *out, struct err *err)
{
	char share[PATH_MAX], dir[PATH_MAX];
	char *roots[] = {dir, NULL};
	FTS *tree;
	int ret;

	*out = (struct plan_names){0};
	if (!plan_share_dir(share, sizeof(share)) || snprintf(dir, sizeof(dir), "%s/scenarios", share) >= (int)sizeof(dir))
		return err_set(err, -ENOENT,
			       "no built-in scenarios found; set TOLL_SHARE to the directory that holds scenarios/");
	tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (!tree) {
		ret = -errno;
		return err_set(err, ret, "cannot read the scenarios in %s: %s", dir, strerror(-ret));
	}
	ret = names_walk(out, tree, strlen(dir));
	fts_close(tree);
	if (ret) {
		plan_names_free(out);
		return err_set(err, ret, "out of memory while listing the scenarios in %s", dir);
	}
	if (out->count)
		qsort(out->name, out->count, sizeof(*out->name), compare_names);
	return 0;
}

void plan_names_free(struct plan_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names->name);
	*names = (struct plan_names){0};
}

/* Near: contains the wanted word ("smoke"), or is a typing slip away. */
static int unknown_name(const char *source, struct err *err)
{
	struct nearest nearest = {.word = source};
	struct plan_names names;
	char near[200] = "";
	int ret = plan_names_read(&names, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < names.count; i++) {
		size_t used = strlen(near);

		nearest_offer(&nearest, names.name[i]);
		if (source[0] && strstr(names.name[i], source))
			snprintf(near + used, sizeof(near) - used, "%s%s", used ? ", " : "", names.name[i]);
	}
	if (!near[0] && nearest.name)
		snprintf(near, sizeof(near), "%s", nearest.name);
	plan_names_free(&names);
	return err_set(err, -ENOENT, "no scenario or file \"%.100s\"%s%s%s; `toll scenarios` lists the built-in ones", source,
		       near[0] ? ", did you mean " : "", near, near[0] ? "?" : "");
}

/* Names stay below scenarios/: no "..", no absolute path. */
static bool is_name(const char *source)
{
	return source[0] != '\0' && source[0] != '/' && source[0] != '.' && !strstr(source, "..") &&
	       strncmp(source, "gateways/", 9) != 0;
}

/* A family's name alone ("model-api") is its standard form, if it has one. */
static bool family_default(const char *source, char *path, size_t size)
{
	char share[PATH_MAX];

	return is_name(source) && !strchr(source, '/') && plan_share_dir(share, sizeof(share)) &&
	       (size_t)snprintf(path, size, "%s/scenarios/%s/standard" EXTENSION, share, source) < size &&
	       access(path, F_OK) == 0;
}

int plan_source_path(const char *source, char *path, size_t size, struct err *err)
{
	char share[PATH_MAX];

	if (family_default(source, path, size))
		return 0;
	if (is_name(source) && !ends_with(source, EXTENSION) && plan_share_dir(share, sizeof(share)) &&
	    (size_t)snprintf(path, size, "%s/scenarios/%s" EXTENSION, share, source) < size && access(path, F_OK) == 0)
		return 0;
	if ((size_t)snprintf(path, size, "%s", source) >= size)
		return err_set(err, -ENAMETOOLONG, "the path of the scenario is longer than %zu bytes: %.100s...", size - 1,
			       source);
	if (strcmp(source, "-") == 0 || strchr(source, '/') == source || ends_with(source, EXTENSION) || access(path, F_OK) == 0)
		return 0; /* a file: reading it tells what is wrong with it */
	return unknown_name(source, err);
}
