// SPDX-License-Identifier: GPL-2.0-only
#include "base/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/nearest.h"
#include "base/units.h"

#define HELP_COLUMN 30

struct parse {
	const struct option *rows;
	int argc;
	char **argv;
	int next;
	struct err *err;
};

/* One argument that looks like an option. */
struct argument {
	const char *text; /* as given, for messages */
	const char *name; /* behind the dashes */
	size_t name_bytes; /* up to "=" */
	const char *value; /* behind "=", or NULL */
	bool is_letter;
};

static const struct option *row_find(const struct option *rows, const struct argument *a)
{
	for (; rows->kind != OPTION_END; rows++) {
		if (a->is_letter ? rows->letter == a->name[0]
				 : strlen(rows->name) == a->name_bytes && memcmp(rows->name, a->name, a->name_bytes) == 0)
			return rows;
	}
	return NULL;
}

/* The flag that "--no-NAME" clears. */
static const struct option *row_find_negated(const struct option *rows, const struct argument *a)
{
	struct argument bare = *a;
	const struct option *row;

	if (a->is_letter || a->name_bytes < 4 || memcmp(a->name, "no-", 3) != 0)
		return NULL;
	bare.name += 3;
	bare.name_bytes -= 3;
	row = row_find(rows, &bare);
	return row && row->kind == OPTION_FLAG ? row : NULL;
}

static int unknown_option(const struct parse *p, const struct argument *a)
{
	char word[64];
	struct nearest n = {.word = word};
	const struct option *row;

	snprintf(word, sizeof(word), "%.*s", (int)(a->name_bytes < 63 ? a->name_bytes : 63), a->name);
	for (row = p->rows; !a->is_letter && row->kind != OPTION_END; row++)
		nearest_offer(&n, row->name);
	if (n.name)
		return err_set(p->err, -EINVAL, "unknown option %s: did you mean --%s? (--help lists all)", a->text, n.name);
	return err_set(p->err, -EINVAL, "unknown option %s: --help lists all options", a->text);
}

static int value_wrong(const struct parse *p, const struct option *row, const char *value, int rc)
{
	static const char *const expected[] = {
		[OPTION_U64] = "a whole number such as 100",
		[OPTION_DURATION] = "a time with its unit, such as 200us, 1.5s or 1h30m",
		[OPTION_BYTES] = "a size such as 64, 200kB or 16MiB",
	};

	if (rc == -ERANGE)
		return err_set(p->err, -EINVAL, "--%s %s is out of range: expected %s", row->name, value, expected[row->kind]);
	return err_set(p->err, -EINVAL, "--%s '%s' is not understood: expected %s", row->name, value, expected[row->kind]);
}

static int list_add(const struct parse *p, const struct option *row, const char *value)
{
	struct option_list *list = row->out;

	if (list->count == OPTION_LIST_MAX)
		return err_set(p->err, -EINVAL, "--%s is given more than %d times: that is its bound", row->name,
			       OPTION_LIST_MAX);
	list->value[list->count++] = value;
	return 0;
}

static int value_store(const struct parse *p, const struct option *row, const char *value)
{
	int rc = 0;

	switch (row->kind) {
	case OPTION_STRING:
		*(const char **)row->out = value;
		break;
	case OPTION_U64:
		rc = units_parse_u64(value, row->out);
		break;
	case OPTION_DURATION:
		rc = units_parse_duration_ns(value, row->out);
		break;
	case OPTION_BYTES:
		rc = units_parse_bytes(value, row->out);
		break;
	case OPTION_LIST:
		return list_add(p, row, value);
	case OPTION_FLAG:
	case OPTION_END:
		return -EINVAL;
	}
	return rc ? value_wrong(p, row, value, rc) : 0;
}

static int option_take(struct parse *p, const struct argument *a)
{
	const struct option *row = row_find(p->rows, a);
	const struct option *negated = row ? NULL : row_find_negated(p->rows, a);
	const char *value = a->value;

	if (!row && !negated)
		return unknown_option(p, a);
	if (negated || row->kind == OPTION_FLAG) {
		if (value)
			return err_set(p->err, -EINVAL, "%s takes no value", a->text);
		*(bool *)(row ? row : negated)->out = row != NULL;
		return 0;
	}
	if (!value && p->next < p->argc)
		value = p->argv[p->next++];
	if (!value)
		return err_set(p->err, -EINVAL, "%s wants a value: --%s %s", a->text, row->name, row->argname);
	return value_store(p, row, value);
}

static struct argument argument_split(const char *text)
{
	struct argument a = {.text = text};
	const char *equals;

	a.is_letter = text[1] != '-';
	a.name = text + (a.is_letter ? 1 : 2);
	equals = strchr(a.name, '=');
	a.name_bytes = equals ? (size_t)(equals - a.name) : strlen(a.name);
	a.value = equals ? equals + 1 : NULL;
	return a;
}

static bool is_help(const char *text)
{
	return strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0;
}

/* One row a line, for completion scripts: "--name <tab> ARGNAME <tab> help". */
static void list_rows(const struct option *row)
{
	for (; row->kind != OPTION_END; row++)
		printf("--%s\t%s\t%s\n", row->name, row->kind == OPTION_FLAG ? "" : row->argname, row->help);
}

static int positional_take(const struct parse *p, const char *text, const char **positional, unsigned max, unsigned *count)
{
	if (*count == max)
		return err_set(p->err, -EINVAL, "unexpected argument '%s': --help shows the usage", text);
	positional[(*count)++] = text;
	return 0;
}

int options_parse(const struct option *rows, const struct command_help *help, int argc, char **argv, const char **positional,
		  unsigned max, unsigned *count, struct err *err)
{
	struct parse p = {.rows = rows, .argc = argc, .argv = argv, .next = 1, .err = err};
	bool options_ended = false;
	int rc = 0;

	*count = 0;
	while (!rc && p.next < argc) {
		const char *text = argv[p.next++];

		if (!options_ended && strcmp(text, "--") == 0) {
			options_ended = true;
		} else if (!options_ended && argc == 2 && strcmp(text, "--list-options") == 0) {
			list_rows(rows);
			return 1;
		} else if (!options_ended && is_help(text)) {
			options_print_help(stdout, rows, help);
			return 1;
		} else if (!options_ended && text[0] == '-' && text[1]) {
			struct argument a = argument_split(text);

			if (a.is_letter && a.name_bytes != 1)
				rc = unknown_option(&p, &a);
			else
				rc = option_take(&p, &a);
		} else {
			rc = positional_take(&p, text, positional, max, count);
		}
	}
	return rc;
}

static void print_row(FILE *out, char letter, const char *name, const char *argname, const char *help)
{
	char left[128];
	char short_form[8] = "    ";

	if (letter)
		snprintf(short_form, sizeof(short_form), "-%c, ", letter);
	snprintf(left, sizeof(left), "  %s--%s%s%s", short_form, name, argname ? " " : "", argname ? argname : "");
	if (strlen(left) >= HELP_COLUMN)
		fprintf(out, "%s\n%*s%s\n", left, HELP_COLUMN, "", help);
	else
		fprintf(out, "%-*s%s\n", HELP_COLUMN, left, help);
}

void options_print_help(FILE *out, const struct option *rows, const struct command_help *help)
{
	fprintf(out, "usage: %s\n\n%s\n\noptions:\n", help->usage, help->text);
	for (; rows->kind != OPTION_END; rows++)
		print_row(out, rows->letter, rows->name, rows->kind == OPTION_FLAG ? NULL : rows->argname, rows->help);
	print_row(out, 'h', "help", NULL, "print this and end");
	if (help->tables)
		fprintf(out, "\n%s", help->tables);
	if (help->examples)
		fprintf(out, "\nexamples:\n%s\n", help->examples);
}
