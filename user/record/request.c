// SPDX-License-Identifier: GPL-2.0-only
#include "record/request.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

const char *record_outcome_name(enum record_outcome outcome)
{
	static const char *const names[RECORD_OUTCOMES] = {
		[RECORD_OK] = "ok",
		[RECORD_HTTP_ERROR] = "http",
		[RECORD_TIMEOUT] = "timeout",
		[RECORD_CONNECT_FAILED] = "connect_failed",
		[RECORD_RESET] = "reset",
		[RECORD_MALFORMED] = "malformed",
		[RECORD_TLS_FAILED] = "tls_failed",
		[RECORD_CUT_SHORT] = "cut_short",
		[RECORD_CHECK_FAILED] = "check_failed",
		[RECORD_OTHER] = "other",
		[RECORD_LEFT] = "left",
	};

	/* captures bring any number */
	return (size_t)outcome < RECORD_OUTCOMES ? names[outcome] : names[RECORD_OTHER];
}

int record_gauges_read(const void *data, uint32_t bytes, struct record_gauges *out)
{
	if (bytes < RECORD_GAUGES_LEAST || bytes > sizeof(*out))
		return -EPROTO;
	*out = (struct record_gauges){0};
	memcpy(out, data, bytes);
	if (bytes < sizeof(*out))
		out->pages_read = 1; /* it was not told */
	if (bytes < offsetof(struct record_gauges, runtime_bytes))
		out->missing |= RECORD_GAUGES_ADDED;
	else if (bytes < sizeof(*out))
		out->missing |= RECORD_GAUGES_NO_RUNTIME;
	return 0;
}
