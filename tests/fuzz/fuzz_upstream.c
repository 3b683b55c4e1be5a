// rooms: base http/loop gateway/redis gateway/upstream_answer
// SPDX-License-Identifier: GPL-2.0-only
/* Any bytes as what the gateway's upstream answers, whole and in parts, and as replies of its Redis. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/redis.h"
#include "gateway/upstream_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct body {
	uint64_t bytes, sum;
};

static void require(int holds)
{
	if (!holds)
		abort();
}

/* As upstream.c does: taken with each read, whatever has come. */
static void body_take(struct body *b, struct buf *in)
{
	for (size_t i = 0; i < in->used; i++)
		b->sum = b->sum * 31 + (unsigned char)in->data[i];
	b->bytes += in->used;
	in->used = 0;
}

static int answer_feed(struct upstream_answer *a, struct body *b, const uint8_t *data, size_t size, size_t step)
{
	int ret = 0;

	for (size_t at = 0; at < size && !ret && !a->complete; at += step) {
		size_t n = size - at < step ? size - at : step;
		char *copy = malloc(n);

		require(copy != NULL);
		memcpy(copy, data + at, n);
		ret = upstream_answer_feed(a, copy, n);
		free(copy);
		body_take(b, &a->body);
	}
	if (!ret && !a->complete)
		ret = upstream_answer_feed(a, NULL, 0);
	require(ret == 0 || ret == -EPROTO);
	return ret;
}

static void answers(const uint8_t *data, size_t size, size_t step, bool no_body)
{
	struct upstream_answer whole = {0}, parts = {0};
	struct body one = {0}, other = {0};

	for (int again = 0; again < 2; again++) { /* a kept connection's second answer */
		upstream_answer_reset(&whole, no_body);
		upstream_answer_reset(&parts, no_body);
		one = other = (struct body){0};
		int a = answer_feed(&whole, &one, data, size, size), b = answer_feed(&parts, &other, data, size, step);
		require((a == 0) == (b == 0) && whole.head_done == parts.head_done && whole.complete == parts.complete);
		if (!whole.head_done)
			continue;
		require(whole.status == parts.status && whole.status >= 200 && whole.body_bytes == parts.body_bytes);
		require(one.bytes == other.bytes && one.sum == other.sum && whole.keep_alive == parts.keep_alive);
		require(whole.fields.used == parts.fields.used && whole.content_type.used == parts.content_type.used);
	}
	upstream_answer_fini(&whole);
	upstream_answer_fini(&parts);
}

static void replies(const char *data, size_t size)
{
	while (size) {
		const char *value;
		size_t bytes;
		long took = redis_reply_parse(data, size, &value, &bytes);

		require(took <= (long)size);
		if (took <= 0)
			break;
		require(!value || (value >= data && value + bytes + 2 <= data + took));
		data += took;
		size -= (size_t)took;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy;

	if (size < 2)
		return 0;
	answers(data + 1, size - 1, 1 + data[0] % 61u, data[0] & 128);
	copy = malloc(size - 1);
	require(copy != NULL);
	memcpy(copy, data + 1, size - 1);
	replies(copy, size - 1);
	free(copy);
	return 0;
}
