// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "gateway/gateway.h"

#define EVERY_MAX 1000000
#define AMOUNT_BYTES_MAX ((uint64_t)256 << 20)

static const char *const side_names[GATEWAY_SIDES] = {"request", "response", "chunk"};

enum amount_unit { AMOUNT_TIME, AMOUNT_TIME_OR_NONE, AMOUNT_COUNT, AMOUNT_BYTES, AMOUNT_BLOCKS, AMOUNT_QUOTA };

static const struct kind {
	const char *name;
	enum amount_unit unit;
	const char *cause;
} kinds[GATEWAY_PLANT_KINDS] = {
	[GATEWAY_PLANT_SLEEP] = {"sleep", AMOUNT_TIME, "idle"},
	[GATEWAY_PLANT_CPU] = {"cpu", AMOUNT_TIME, "own_user"},
	[GATEWAY_PLANT_SYSCALLS] = {"syscalls", AMOUNT_COUNT, "own_kernel"},
	[GATEWAY_PLANT_HANDOFF] = {"handoff", AMOUNT_TIME_OR_NONE, "hand_off"},
	[GATEWAY_PLANT_LOCK] = {"lock", AMOUNT_TIME, "lock"},
	[GATEWAY_PLANT_FSYNC] = {"fsync", AMOUNT_BYTES, "disk"},
	[GATEWAY_PLANT_MALLOC] = {"malloc", AMOUNT_BLOCKS, "allocator"},
	[GATEWAY_PLANT_PAGE_FAULTS] = {"page_faults", AMOUNT_COUNT, "own_user"},
	[GATEWAY_PLANT_FILE_FAULTS] = {"file_faults", AMOUNT_COUNT, "page_fault"},
	[GATEWAY_PLANT_NEIGHBOUR] = {"neighbour", AMOUNT_TIME, "run_queue"},
	[GATEWAY_PLANT_QUOTA] = {"quota", AMOUNT_QUOTA, "throttled"},
	[GATEWAY_PLANT_RESOLVER] = {"resolver", AMOUNT_TIME, "socket"},
	[GATEWAY_PLANT_HOG] = {"hog", AMOUNT_TIME, "other_work"},
};

static int bad(struct err *err, const char *word, const char *why)
{
	return err_set(
		err, -EINVAL,
		"--plant \"%s\": %s; possible: none, or COST@SIDE with the side request, response or chunk, /N behind it for one "
		"request in N, "
		"and the cost sleep=TIME, cpu=TIME, syscalls=N, handoff, handoff=TIME, lock=TIME, fsync=BYTES, malloc=NxBYTES, "
		"page_faults=N, file_faults=N, neighbour=TIME, quota=TIME/PERIOD, resolver=TIME, hog=TIME",
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

static int kind_find(const char *name, enum gateway_plant_kind *out)
{
	for (unsigned i = 0; i < GATEWAY_PLANT_KINDS; i++) {
		if (!strcmp(name, kinds[i].name)) {
			*out = (enum gateway_plant_kind)i;
			return 0;
		}
	}
	return -EINVAL;
}

static bool bytes_are_bad(const char *text, uint64_t *out)
{
	return units_parse_bytes(text, out) || !*out || *out > AMOUNT_BYTES_MAX;
}

/* "200x4KiB". */
static bool blocks_are_bad(char *text, struct gateway_plant *out)
{
	char *x = strchr(text, 'x');

	if (!x)
		return true;
	*x++ = '\0';
	return units_parse_u64(text, &out->amount) || bytes_are_bad(x, &out->second);
}

/* "1ms/20ms": what the kernel takes of both. */
static bool quota_is_bad(char *text, struct gateway_plant *out)
{
	char *slash = strchr(text, '/');

	if (!slash)
		return true;
	*slash++ = '\0';
	return units_parse_duration_ns(text, &out->amount) || units_parse_duration_ns(slash, &out->second) ||
	       out->amount < NS_PER_MS || out->second < NS_PER_MS || out->second > NS_PER_S || out->amount >= out->second;
}

/* NULL: it is good. */
static const char *amount_parse(char *text, struct gateway_plant *out)
{
	switch (kinds[out->kind].unit) {
	case AMOUNT_COUNT:
		return units_parse_u64(text, &out->amount) ? "its count is no number" : NULL;
	case AMOUNT_BYTES:
		return bytes_are_bad(text, &out->amount) ? "its size is no size up to 256 MiB, such as 64KiB" : NULL;
	case AMOUNT_BLOCKS:
		return blocks_are_bad(text, out) ? "it is no number of blocks and their size, such as 200x4KiB" : NULL;
	case AMOUNT_QUOTA:
		return quota_is_bad(text, out) ? "it is no quota and period, such as 2ms/20ms (1ms to 1s, the quota less)" : NULL;
	case AMOUNT_TIME:
	case AMOUNT_TIME_OR_NONE:
		break;
	}
	return units_parse_duration_ns(text, &out->amount) ? "its time is no time with a unit, such as 200us or 1ms" : NULL;
}

/* The part before the "@". */
static int kind_parse(char *text, struct gateway_plant *out, const char *word, struct err *err)
{
	char *amount = strchr(text, '=');

	if (amount)
		*amount++ = '\0';
	if (kind_find(text, &out->kind))
		return bad(err, word, "no such plant");
	if (out->kind == GATEWAY_PLANT_RESOLVER && out->side != GATEWAY_REQUEST)
		return bad(err, word, "a name is asked for before the upstream is called: @request");
	if (!amount)
		return kinds[out->kind].unit == AMOUNT_TIME_OR_NONE ? 0 : bad(err, word, "how much?");
	const char *why = amount_parse(amount, out);
	return why ? bad(err, word, why) : 0;
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

/* The kernel has one quota for the process. */
static bool is_second_quota(const struct gateway_plants *plants, const struct gateway_plant *p)
{
	for (unsigned i = 0; p->kind == GATEWAY_PLANT_QUOTA && i < plants->count; i++)
		if (plants->plant[i].kind == GATEWAY_PLANT_QUOTA)
			return true;
	return false;
}

static int word_parse(const char *word, struct gateway_plants *out, struct err *err)
{
	bool hoards = hoard_is_plant(word);
	int ret;

	if (hoards && out->hoard.count == HOARD_PLANTS_MAX)
		return bad(err, word, "more than 8 plants that keep something");
	if (!hoards && out->count == GATEWAY_PLANTS_MAX)
		return bad(err, word, "more than 16 plants");
	ret = hoards ? hoard_plant_parse(word, &out->hoard.plant[out->hoard.count], err)
		     : plant_parse(word, &out->plant[out->count], err);
	if (!ret && !hoards && is_second_quota(out, &out->plant[out->count]))
		ret = bad(err, word, "there can be one quota only");
	if (ret)
		return ret;
	out->hoard.count += hoards;
	out->count += !hoards;
	return 0;
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
		int ret = word_parse(word, out, err);
		if (ret)
			return ret;
		at += n;
		if (!*at)
			return 0;
	}
}

bool gateway_plants_have(const struct gateway_plants *plants, enum gateway_plant_kind kind)
{
	for (unsigned i = 0; i < plants->count; i++)
		if (plants->plant[i].kind == kind)
			return true;
	return false;
}

const char *gateway_side_name(enum gateway_side side)
{
	return side_names[side];
}

const char *gateway_plant_cause(enum gateway_plant_kind kind)
{
	return kinds[kind].cause;
}

const char *gateway_plant_describe(const struct gateway_plant *p, char *buf, size_t size)
{
	const char *name = kinds[p->kind].name;
	char amount[32], second[32];

	switch (kinds[p->kind].unit) {
	case AMOUNT_COUNT:
		snprintf(buf, size, "%s %s", name, units_format_count(amount, sizeof(amount), p->amount));
		break;
	case AMOUNT_BYTES:
		snprintf(buf, size, "%s %s", name, units_format_bytes(amount, sizeof(amount), p->amount));
		break;
	case AMOUNT_BLOCKS:
		snprintf(buf, size, "%s %s x %s", name, units_format_count(amount, sizeof(amount), p->amount),
			 units_format_bytes(second, sizeof(second), p->second));
		break;
	case AMOUNT_QUOTA:
		snprintf(buf, size, "%s %s / %s", name, units_format_ns(amount, sizeof(amount), p->amount),
			 units_format_ns(second, sizeof(second), p->second));
		break;
	case AMOUNT_TIME:
	case AMOUNT_TIME_OR_NONE:
		if (p->amount)
			snprintf(buf, size, "%s %s", name, units_format_ns(amount, sizeof(amount), p->amount));
		else
			snprintf(buf, size, "%s", name);
		break;
	}
	return buf;
}
