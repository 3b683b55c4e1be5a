// SPDX-License-Identifier: GPL-2.0-only
#include "record/overhead_header.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/units.h"

#define VALUE_MAX 48
#define OVERHEAD_MAX_NS 1e14 /* more than a day is no overhead */

/*
 * LiteLLM: all of a request but the provider's call. MLflow's AI gateway: the same, not for streams. Kong: from the request's arrival
 * to its leaving for the upstream.
 */
static const char *const known[OVERHEAD_HEADERS] = {
	NULL,
	"x-litellm-overhead-duration-ms",
	"x-mlflow-gateway-overhead-duration-ms",
	"x-kong-proxy-latency",
};

const char *overhead_header_name(uint32_t index)
{
	return index < OVERHEAD_HEADERS ? known[index] : NULL;
}

bool overhead_header_is_name(const char *name)
{
	size_t bytes = strlen(name);

	for (size_t i = 0; i < bytes; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("!#$%&'*+-.^_`|~", name[i])) /* RFC 9110: token */
			return false;
	return bytes && bytes < OVERHEAD_HEADER_NAME_MAX;
}

/* The value of the header `name:`; NULL: it is another. */
static const char *value_of(const char *line, size_t bytes, const char *name)
{
	size_t n = strlen(name);

	return bytes > n && line[n] == ':' && !strncasecmp(line, name, n) ? line + n + 1 : NULL;
}

static const char *unit_of(const char *name)
{
	static const struct {
		const char *end, *unit;
	} rows[] = {{"ms", "ms"},          {"us", "us"}, {"ns", "ns"}, {"milliseconds", "ms"}, {"microseconds", "us"},
		    {"nanoseconds", "ns"}, {"s", "s"},   {"sec", "s"}, {"seconds", "s"}};
	const char *last = strrchr(name, '-');

	for (size_t i = 0; last && i < sizeof(rows) / sizeof(*rows); i++)
		if (!strcasecmp(last + 1, rows[i].end))
			return rows[i].unit;
	return "ms";
}

static bool value_read(const char *value, size_t bytes, const char *name, uint64_t *ns)
{
	char text[VALUE_MAX + 1], one[VALUE_MAX + 2], *end;
	uint64_t unit_ns;
	double number;

	while (bytes && isspace((unsigned char)*value)) {
		value++;
		bytes--;
	}
	while (bytes && isspace((unsigned char)value[bytes - 1]))
		bytes--;
	if (!bytes || bytes > VALUE_MAX || !isdigit((unsigned char)*value))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)bytes, value);
	number = strtod(text, &end); /* Python prints small ones as 9.5e-05 */
	snprintf(one, sizeof(one), "1%s", *end ? end : unit_of(name));
	if (units_parse_duration_ns(one, &unit_ns) || number * (double)unit_ns > OVERHEAD_MAX_NS)
		return false;
	*ns = (uint64_t)(number * (double)unit_ns + 0.5);
	return true;
}

bool overhead_header_read(const char *line, size_t bytes, const char *named, uint32_t *index, uint64_t *ns)
{
	for (uint32_t i = named ? 0 : 1; i < (named ? 1 : OVERHEAD_HEADERS); i++) {
		const char *name = named ? named : known[i];
		const char *value = value_of(line, bytes, name);

		if (!value)
			continue;
		*index = i;
		return value_read(value, bytes - (size_t)(value - line), name, ns);
	}
	return false;
}
