// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "gateway/gateway.h"

#define EVERY_MAX 1000000

static const char *const side_names[GATEWAY_SIDES] = {"request", "response", "chunk"};

static int bad(struct err *err, const char *word, const char *why)
{
	return err_set(
		err, -EINVAL,
		"--plant \"%s\": %s; possible: none, sleep=TIME@SIDE, cpu=TIME@SIDE, syscalls=COUNT@SIDE, handoff@SIDE, with "
		"SIDE request, response or chunk, and /N behind it for one request in N",
		word, why);
}

static int side_parse(const char *text, enum gateway_side *out)
{
	for (unsigned i = 0; i < GATEWAY_SIDES; i++) {
		if (!strcmp(text, side_names[i])) {
			*out = (enum gateway_side)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int every_parse(char *side, uint32_t *out)
{
	char *slash = strchr(side, '/');
	uint64_t n = 1;

	if (slash) {
		*slash = '\0';
		if (units_parse_u64(slash + 1, &n) || n < 1 || n > EVERY_MAX)
			return -EINVAL;
	}
	*out = (uint32_t)n;
	return 0;
}

/* The part before the "@". */
static int kind_parse(char *text, struct gateway_plant *out, const char *word, struct err *err)
{
	char *amount = strchr(text, '=');

	if (!strcmp(text, "handoff")) {
		out->kind = GATEWAY_PLANT_HANDOFF;
		return 0;
	}
	if (!amount)
		return bad(err, word, "no such plant");
	*amount++ = '\0';
	if (!strcmp(text, "syscalls")) {
		out->kind = GATEWAY_PLANT_SYSCALLS;
		return units_parse_u64(amount, &out->amount) ? bad(err, word, "its count is no number") : 0;
	}
	out->kind = !strcmp(text, "cpu") ? GATEWAY_PLANT_CPU : GATEWAY_PLANT_SLEEP;
	if (out->kind == GATEWAY_PLANT_SLEEP && strcmp(text, "sleep") != 0)
		return bad(err, word, "no such plant");
	return units_parse_duration_ns(amount, &out->amount)
		       ? bad(err, word, "its time is no time with a unit, such as 200us or 1ms")
		       : 0;
}

static int plant_parse(const char *word, struct gateway_plant *out, struct err *err)
{
	char text[96];

	*out = (struct gateway_plant){.every = 1};
	if (strlen(word) >= sizeof(text))
		return bad(err, word, "too long");
	memcpy(text, word, strlen(word) + 1);
	char *at = strchr(text, '@');
	if (!at)
		return bad(err, word, "it has no @SIDE");
	*at++ = '\0';
	if (every_parse(at, &out->every))
		return bad(err, word, "the N of /N is a whole number from 1 to 1000000");
	if (side_parse(at, &out->side))
		return bad(err, word, "no such side");
	return kind_parse(text, out, word, err);
}

int gateway_plants_parse(const char *text, struct gateway_plants *out, struct err *err)
{
	char word[128];

	memset(out, 0, sizeof(*out));
	if (!strcmp(text, "none"))
		return 0;
	for (const char *at = text;; at++) {
		size_t n = strcspn(at, ",");
		snprintf(word, sizeof(word), "%.*s", (int)(n < sizeof(word) ? n : sizeof(word) - 1), at);
		if (out->count == GATEWAY_PLANTS_MAX)
			return bad(err, word, "more than 16 plants");
		int ret = plant_parse(word, &out->plant[out->count], err);
		if (ret)
			return ret;
		out->count++;
		at += n;
		if (!*at)
			return 0;
	}
}
