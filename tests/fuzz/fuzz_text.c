// rooms: base
// SPDX-License-Identifier: GPL-2.0-only
/* Any text as a histogram, a number with a unit, a mistyped word. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hist.h"
#include "base/nearest.h"
#include "base/units.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode_and_back(const char *text)
{
	struct hist *h = NULL;
	char *again;

	if (hist_decode(text, &h))
		return;
	again = hist_encode(h);
	if (!again)
		abort();
	hist_percentile(h, 99);
	free(again);
	hist_free(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	uint64_t n;
	double d;

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	decode_and_back(text);
	units_parse_duration_ns(text, &n);
	units_parse_bytes(text, &n);
	if (units_parse_rate(text, &d) == 0 && !(d > 0.0))
		abort();
	units_parse_u64(text, &n);
	nearest_distance(text, "gateway");
	free(text);
	return 0;
}
