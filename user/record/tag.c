/* SPDX-License-Identifier: GPL-2.0-only */
#include "record/tag.h"

#include <stdio.h>
#include <string.h>

void tag_digits(char out[TAG_DIGITS], uint64_t id)
{
	static const char digit[] = "0123456789abcdef";

	for (unsigned i = 0; i < TAG_DIGITS; i++)
		out[i] = digit[id >> (60 - 4 * i) & 15];
}

void tag_format(char out[TAG_BYTES + 1], uint64_t id)
{
	memcpy(out, TAG_PREFIX, TAG_PREFIX_BYTES);
	tag_digits(out + TAG_PREFIX_BYTES, id);
	out[TAG_BYTES - 1] = ']';
	out[TAG_BYTES] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static uint64_t tag_parse(const char *tag)
{
	uint64_t id = 0;

	if (memcmp(tag, TAG_PREFIX, TAG_PREFIX_BYTES) || tag[TAG_BYTES - 1] != ']')
		return 0;
	for (unsigned i = 0; i < TAG_DIGITS; i++) {
		int value = hex_value(tag[TAG_PREFIX_BYTES + i]);

		if (value < 0)
			return 0;
		id = id << 4 | (uint64_t)value;
	}
	return id;
}

uint64_t tag_find(const char *body, size_t bytes)
{
	while (bytes >= TAG_BYTES) {
		const char *at = memrchr(body, '[', bytes - TAG_BYTES + 1);
		uint64_t id;

		if (!at)
			return 0;
		id = tag_parse(at);
		if (id)
			return id;
		bytes = (size_t)(at - body) + TAG_BYTES - 1;
	}
	return 0;
}

/* Ids of one run begin alike, and backends sample by a trace's digits: the upper half is the id well mixed (Steele, Lea, Flood: splitmix64, 2014). */
void tag_trace_id(char out[TAG_TRACE_DIGITS + 1], uint64_t id)
{
	uint64_t mixed = id + UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	tag_digits(out, mixed ^ mixed >> 31);
	tag_digits(out + TAG_DIGITS, id);
	out[TAG_TRACE_DIGITS] = '\0';
}

void tag_traceparent(char out[TAG_TRACEPARENT_BYTES + 1], uint64_t id)
{
	char trace[TAG_TRACE_DIGITS + 1];

	tag_trace_id(trace, id);
	/* the lower half of the trace is the span's id too */
	snprintf(out, TAG_TRACEPARENT_BYTES + 1, "traceparent: 00-%s-%s-01", trace, trace + TAG_DIGITS);
}
