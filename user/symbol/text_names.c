// SPDX-License-Identifier: GPL-2.0-only
#include "symbol/text_names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define JIT_NAMES_MAX (1u << 20)

static bool hex_take(const char **at, uint64_t *value)
{
	char *end;

	if (!strchr("0123456789abcdefABCDEF", **at) || !**at)
		return false;
	errno = 0;
	*value = strtoull(*at, &end, 16);
	if (errno || (*end != ' ' && *end != '\t'))
		return false;
	while (*end == ' ' || *end == '\t')
		end++;
	*at = end;
	return true;
}

static int lines_each(FILE *in, struct table *out, int (*line)(struct table *out, const char *text))
{
	char *text = NULL;
	size_t room = 0;
	int rc = 0;

	while (!rc && getline(&text, &room, in) > 0) {
		text[strcspn(text, "\r\n")] = '\0';
		rc = line(out, text);
	}
	free(text);
	table_seal(out);
	return rc;
}

static int perf_map_line(struct table *out, const char *text)
{
	uint64_t start, size;

	if (!hex_take(&text, &start) || !hex_take(&text, &size) || !size || !*text)
		return 0;
	return table_add(out, start, size, 0, text, strlen(text));
}

int perf_map_read(FILE *in, struct table *out)
{
	out->entries_max = JIT_NAMES_MAX;
	return lines_each(in, out, perf_map_line);
}

static int kallsyms_line(struct table *out, const char *text)
{
	uint64_t start;
	char type;

	if (!hex_take(&text, &start) || !start || !*text)
		return 0;
	type = *text++;
	if (!strchr("tTwW", type) || *text++ != ' ')
		return 0;
	return table_add(out, start, 0, type == 'T', text, strcspn(text, " \t"));
}

int kallsyms_read(FILE *in, struct table *out)
{
	return lines_each(in, out, kallsyms_line);
}
