// SPDX-License-Identifier: GPL-2.0-only
#include "session/recipe.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/units.h"
#include "scenario/plan.h"
#include "session/recipe_parts.h"

#define RECIPE_BYTES_MAX (1u << 20)
#define READY_DEFAULT_NS (10 * NS_PER_S)
#define GRACE_DEFAULT_NS (3 * NS_PER_S)
#define PREPARE_DEFAULT_NS (300 * NS_PER_S)

/* libcyaml has let go of the lines by the time values are judged: the first line that holds the text is as good. */
static unsigned line_of(const char *text, const char *needle)
{
	const char *found = strstr(text, needle);
	unsigned line = 1;

	for (const char *p = text; found && p < found; p++)
		line += *p == '\n';
	return found ? line : 0;
}

static const struct {
	const char *name;
	int number;
} signals[] = {{"TERM", SIGTERM}, {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"HUP", SIGHUP},
	       {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"KILL", SIGKILL}};

static int signal_parse(const char *text, int *number)
{
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (!strcmp(signals[i].name, text)) {
			*number = signals[i].number;
			return 0;
		}
	}
	return -EINVAL;
}

static int duration_parse(const struct recipe *r, const char *text, const char *key, const char *value, uint64_t *out,
			  struct err *err)
{
	if (!value || !units_parse_duration_ns(value, out))
		return 0;
	return err_set(err, -EINVAL, "%s:%u: %s: \"%s\" is no time; expected for example 10s or 500ms", r->path,
		       line_of(text, value), key, value);
}

static int check_values(struct recipe *r, const char *text, struct err *err)
{
	const struct recipe_content *c = r->content;
	int ret = 0;

	r->signal = SIGTERM;
	r->grace_ns = GRACE_DEFAULT_NS;
	r->ready_ns = READY_DEFAULT_NS;
	r->prepare_ns = PREPARE_DEFAULT_NS;
	if (c->end && c->end->signal && signal_parse(c->end->signal, &r->signal))
		return err_set(err, -EINVAL,
			       "%s:%u: end.signal: \"%s\" is not known; expected TERM, INT, QUIT, HUP, USR1, USR2 or KILL",
			       r->path, line_of(text, c->end->signal), c->end->signal);
	if (c->headers.words > RECIPE_HEADERS_MAX)
		return err_set(err, -EINVAL, "%s:%u: headers: more than %d", r->path, line_of(text, "headers:"),
			       RECIPE_HEADERS_MAX);
	if (c->end)
		ret = duration_parse(r, text, "end.grace", c->end->grace, &r->grace_ns, err);
	if (!ret && c->ready)
		ret = duration_parse(r, text, "ready.timeout", c->ready->timeout, &r->ready_ns, err);
	if (!ret && c->prepare)
		ret = duration_parse(r, text, "prepare.timeout", c->prepare->timeout, &r->prepare_ns, err);
	return ret;
}

/* Files are written below a directory of ours, and nowhere else. */
static int check_files(const struct recipe *r, const char *text, const struct recipe_file *file, unsigned files, struct err *err)
{
	for (unsigned i = 0; i < files; i++) {
		if (file[i].path[0] == '/' || strstr(file[i].path, ".."))
			return err_set(err, -EINVAL, "%s:%u: files[%u].path: \"%s\" must stay below its directory", r->path,
				       line_of(text, file[i].path), i, file[i].path);
		if (!file[i].text == !file[i].copy)
			return err_set(err, -EINVAL, "%s:%u: files[%u]: expected either text or copy", r->path,
				       line_of(text, file[i].path), i);
	}
	return 0;
}

/* --- every template is tried once, so that a mistyped placeholder is found when the file is read ---------------------------- */

struct lint {
	const struct recipe *r;
	const char *text;
	struct template_vars vars;
	struct err *err;
};

static int lint_one(struct lint *l, const char *key, const char *template)
{
	struct buf out = {0};
	char problem[160], *mark;

	if (!template)
		return 0;
	int ret = template_expand(&l->vars, template, &out, problem, sizeof(problem));
	buf_fini(&out);
	if (!ret)
		return 0;
	char needle[80] = "";
	mark = strstr(problem, "{{");
	if (mark)
		snprintf(needle, sizeof(needle), "%.*s", (int)(strcspn(mark, "}") + 2), mark);
	return err_set(l->err, ret, "%s:%u: %s: %s", l->r->path, line_of(l->text, needle), key, problem);
}

static int lint_words(struct lint *l, const char *key, const struct recipe_words *w)
{
	int ret = 0;

	for (unsigned i = 0; i < w->words && !ret; i++)
		ret = lint_one(l, key, w->word[i]);
	return ret;
}

static int lint_files(struct lint *l, const char *key, const struct recipe_file *file, unsigned files)
{
	int ret = 0;

	for (unsigned i = 0; i < files && !ret; i++)
		ret = lint_one(l, key, file[i].text);
	return ret;
}

static int check_templates(const struct recipe *r, const char *text, struct err *err)
{
	static const char *const known[] = {"listen_host",   "listen_port", "upstream_scheme", "upstream_tls", "upstream_host",
					    "upstream_port", "workdir",     "workers",         "recipe_dir",   "cache_dir",
					    "user",          "toll"};
	const struct recipe_content *c = r->content;
	struct lint l = {.r = r, .text = text, .err = err};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		template_set(&l.vars, known[i], "x");
	for (unsigned i = 0; i < c->parameters; i++)
		if (template_set(&l.vars, c->parameter[i].name, "x"))
			return err_set(err, -EINVAL, "%s:%u: parameters: too many", r->path, line_of(text, "parameters:"));
	int ret = lint_one(&l, "url", c->url);
	if (!ret)
		ret = lint_words(&l, "start", &c->start);
	if (!ret)
		ret = lint_words(&l, "environment", &c->environment);
	if (!ret)
		ret = lint_words(&l, "headers", &c->headers);
	if (!ret)
		ret = lint_files(&l, "files", c->file, c->files);
	if (!ret && c->prepare)
		ret = lint_words(&l, "prepare.run", &c->prepare->run);
	if (!ret && c->prepare)
		ret = lint_files(&l, "prepare.files", c->prepare->file, c->prepare->files);
	return ret;
}

int recipe_parse(const char *path, const char *text, unsigned long bytes, struct recipe **out, struct err *err)
{
	struct recipe *r = calloc(1, sizeof(*r));

	if (!r)
		return err_set(err, -ENOMEM, "%s: out of memory while reading it", path);
	snprintf(r->path, sizeof(r->path), "%s", path);
	snprintf(r->dir, sizeof(r->dir), "%s", path);
	char *slash = strrchr(r->dir, '/');
	snprintf(slash ? slash : r->dir, 2, "%s", slash ? "" : ".");
	int ret = recipe_schema_load(path, text, bytes, &r->content, err);
	if (!ret)
		ret = check_values(r, text, err);
	if (!ret)
		ret = check_files(r, text, r->content->file, r->content->files, err);
	if (!ret && r->content->prepare)
		ret = check_files(r, text, r->content->prepare->file, r->content->prepare->files, err);
	if (!ret)
		ret = check_templates(r, text, err);
	if (ret)
		recipe_free(r);
	else
		*out = r;
	return ret;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static void list_built_in(const char *dir, char *text, size_t size)
{
	size_t used = 0;
	struct dirent **entry;
	int entries = scandir(dir, &entry, NULL, alphasort);

	text[0] = '\0';
	for (int i = 0; i < entries; i++) {
		if (entry[i]->d_name[0] != '.' && used < size) {
			int n = snprintf(text + used, size - used, "%s%s", used ? ", " : "", entry[i]->d_name);
			used += n > 0 ? (size_t)n : 0;
		}
		free(entry[i]);
	}
	if (entries >= 0)
		free(entry);
}

static int find_file(const char *name, char *path, size_t size, struct err *err)
{
	char share[PATH_MAX], known[200];

	if (strchr(name, '/')) {
		snprintf(path, size, is_directory(name) ? "%s/recipe.yaml" : "%s", name);
		return 0;
	}
	if (!plan_share_dir(share, sizeof(share)))
		return err_set(
			err, -ENOENT,
			"cannot find the directory of the built-in recipes; set TOLL_SHARE to the one that holds scenarios/");
	int n = snprintf(path, size, "%s/scenarios/gateways/%s", share, name);
	if (n > 0 && (size_t)n + sizeof("/recipe.yaml") <= size && is_directory(path)) {
		snprintf(path + n, size - (size_t)n, "/recipe.yaml");
		return 0;
	}
	snprintf(path, size, "%.3000s/scenarios/gateways", share);
	list_built_in(path, known, sizeof(known));
	return err_set(err, -ENOENT, "there is no recipe \"%s\"; known: %s, or the path of a recipe.yaml", name, known);
}

int recipe_load(const char *name, struct recipe **out, struct err *err)
{
	char path[PATH_MAX];
	struct buf b = {0};

	int ret = find_file(name, path, sizeof(path), err);
	if (ret)
		return ret;
	ret = buf_read_file(&b, path, RECIPE_BYTES_MAX);
	if (ret)
		err_set(err, ret, "cannot read the recipe %s: %s", path, strerror(-ret));
	else
		ret = recipe_parse(path, b.data, b.used, out, err);
	buf_fini(&b);
	return ret;
}

void recipe_free(struct recipe *r)
{
	if (!r)
		return;
	recipe_schema_free(r->content);
	free(r);
}

const char *recipe_name(const struct recipe *r)
{
	return r->content->name;
}

const char *recipe_title(const struct recipe *r)
{
	return r->content->title;
}
