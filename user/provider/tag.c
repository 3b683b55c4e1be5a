/* SPDX-License-Identifier: GPL-2.0-only */
/* The tag that carries a request's id through gateways that re-encode the body: see provider.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "provider/provider.h"

#define TAG_DIGITS 16

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* 0: no tag here. */
static uint64_t tag_read(const char *at)
{
	const size_t prefix = strlen(PROVIDER_TAG_PREFIX);
	uint64_t id = 0;
	if (memcmp(at, PROVIDER_TAG_PREFIX, prefix) != 0 || at[prefix + TAG_DIGITS] != ']')
		return 0;
	for (size_t i = 0; i < TAG_DIGITS; i++) {
		int value = hex_value(at[prefix + i]);
		if (value < 0)
			return 0;
		id = id << 4 | (unsigned)value;
	}
	return id;
}

/* From the end: the tag stands at the end of the last user message, so even a large body is not searched through. */
uint64_t provider_find_tag(const char *body, unsigned long bytes)
{
	if (bytes < PROVIDER_TAG_BYTES)
		return 0;
	size_t left = bytes - PROVIDER_TAG_BYTES + 1;
	for (;;) {
		const char *at = memrchr(body, PROVIDER_TAG_PREFIX[0], left);
		if (!at)
			return 0;
		uint64_t id = tag_read(at);
		if (id)
			return id;
		left = (size_t)(at - body);
	}
}

void provider_format_tag(char out[PROVIDER_TAG_BYTES + 1], uint64_t id)
{
	snprintf(out, PROVIDER_TAG_BYTES + 1, PROVIDER_TAG_PREFIX "%016" PRIx64 "]", id);
}
