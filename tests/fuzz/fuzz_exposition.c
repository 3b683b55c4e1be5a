// rooms: base record
// SPDX-License-Identifier: GPL-2.0-only
/* Any bytes as the page of a gateway's own counters: samples lie within what was read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "record/exposition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct page {
	const char *text;
	size_t bytes;
};

static void on_sample(void *ctx, const struct exposition_sample *s)
{
	const struct page *p = ctx;

	if (s->name < p->text || s->name + s->name_bytes > p->text + p->bytes || !s->name_bytes)
		abort();
	if (s->labels_bytes && (s->labels < p->text || s->labels + s->labels_bytes > p->text + p->bytes))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1);
	struct page page = {.text = text, .bytes = size};

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	exposition_parse(text, size, on_sample, &page);
	free(text);
	return 0;
}
