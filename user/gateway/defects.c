// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/gateway.h"

static const struct {
	const char *name;
	unsigned bit;
} defects[] = {
	{"breaker_never_opens", GATEWAY_BREAKER_NEVER_OPENS},
	{"unlimited_retries", GATEWAY_UNLIMITED_RETRIES},
	{"unfair_limiter", GATEWAY_UNFAIR_LIMITER},
	{"stream_crosstalk", GATEWAY_STREAM_CROSSTALK},
	{"pool_leak", GATEWAY_POOL_LEAK},
	{"keeps_calls", GATEWAY_KEEPS_CALLS},
	{"billing_stalls", GATEWAY_BILLING_STALLS},
};

static unsigned defect_bit(const char *word)
{
	for (size_t i = 0; i < sizeof(defects) / sizeof(defects[0]); i++)
		if (!strcmp(word, defects[i].name))
			return defects[i].bit;
	return 0;
}

int gateway_defects_parse(const char *text, unsigned *out, struct err *err)
{
	char word[64];

	*out = 0;
	if (!strcmp(text, "none"))
		return 0;
	for (const char *at = text;; at++) {
		size_t n = strcspn(at, ",");
		unsigned bit;

		snprintf(word, sizeof(word), "%.*s", (int)(n < sizeof(word) ? n : sizeof(word) - 1), at);
		bit = defect_bit(word);
		if (!bit)
			return err_set(err, -EINVAL,
				       "--defect \"%s\": no such defect; possible: none, breaker_never_opens, unlimited_retries, "
				       "unfair_limiter, stream_crosstalk, pool_leak, keeps_calls, billing_stalls",
				       word);
		*out |= bit;
		at += n;
		if (!*at)
			return 0;
	}
}
