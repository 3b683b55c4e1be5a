// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "session/recipe_parts.h"

#define SECTIONS_MAX 8
#define NAME_MAX_BYTES 63

int template_set(struct template_vars *v, const char *name, const char *value)
{
	for (unsigned i = 0; i < v->count; i++) {
		if (!strcmp(v->var[i].name, name)) {
			v->var[i].value = value;
			return 0;
		}
	}
	if (v->count == TEMPLATE_VARS_MAX)
		return -E2BIG;
	v->var[v->count++] = (struct template_var){name, value};
	return 0;
}

const char *template_get(const struct template_vars *v, const char *name)
{
	for (unsigned i = 0; i < v->count; i++)
		if (!strcmp(v->var[i].name, name))
			return v->var[i].value;
	return NULL;
}

struct expansion {
	const struct template_vars *vars;
	struct buf *out;
	struct {
		char name[NAME_MAX_BYTES + 1];
		bool shown; /* with all sections around it */
	} section[SECTIONS_MAX];
	unsigned depth;
	char *problem;
	size_t problem_size;
};

static bool is_shown(const struct expansion *e)
{
	return e->depth == 0 || e->section[e->depth - 1].shown;
}

static int section_open(struct expansion *e, const char *name, bool shown)
{
	bool around = is_shown(e);

	if (e->depth == SECTIONS_MAX) {
		snprintf(e->problem, e->problem_size, "sections are nested deeper than %d at {{%s}}", SECTIONS_MAX, name);
		return -EINVAL;
	}
	snprintf(e->section[e->depth].name, sizeof(e->section[0].name), "%s", name);
	e->section[e->depth++].shown = around && shown;
	return 0;
}

static int section_close(struct expansion *e, const char *name)
{
	if (e->depth && !strcmp(e->section[e->depth - 1].name, name)) {
		e->depth--;
		return 0;
	}
	snprintf(e->problem, e->problem_size, "{{/%s}} closes a section that is not open", name);
	return -EINVAL;
}

/* word: what stands between {{ and }}. */
static int expand_word(struct expansion *e, const char *word)
{
	const char *name = word + (*word == '#' || *word == '^' || *word == '/');
	const char *value = template_get(e->vars, name);

	if (*word == '/')
		return section_close(e, name);
	if (!value) {
		snprintf(e->problem, e->problem_size, "unknown placeholder {{%s}}", word);
		return -EINVAL;
	}
	if (name != word)
		return section_open(e, name, (*word == '#') == (value[0] != '\0'));
	return is_shown(e) ? buf_append(e->out, value, strlen(value)) : 0;
}

static int expand_one(struct expansion *e, const char **at)
{
	char word[NAME_MAX_BYTES + 1];
	const char *open = strstr(*at, "{{");
	size_t plain = open ? (size_t)(open - *at) : strlen(*at);

	int ret = is_shown(e) ? buf_append(e->out, *at, plain) : 0;
	*at += plain;
	if (ret || !open)
		return ret;
	const char *close = strstr(open, "}}");
	size_t n = close ? (size_t)(close - open - 2) : 0;
	if (n == 0 || n > NAME_MAX_BYTES) {
		snprintf(e->problem, e->problem_size, "\"%.20s\" is no placeholder: expected {{name}}", open);
		return -EINVAL;
	}
	memcpy(word, open + 2, n);
	word[n] = '\0';
	*at = close + 2;
	return expand_word(e, word);
}

int template_expand(const struct template_vars *v, const char *text, struct buf *out, char *problem, size_t problem_size)
{
	struct expansion e = {.vars = v, .out = out, .problem = problem, .problem_size = problem_size};
	int ret = 0;

	snprintf(problem, problem_size, "out of memory");
	while (!ret && *text)
		ret = expand_one(&e, &text);
	if (!ret && e.depth) {
		snprintf(problem, problem_size, "the section {{#%s}} is not closed", e.section[e.depth - 1].name);
		ret = -EINVAL;
	}
	if (!ret)
		ret = buf_append(out, "", 1);
	if (!ret)
		out->used--; /* the NUL stands behind it */
	return ret;
}
