// SPDX-License-Identifier: GPL-2.0-only
#include "record/request.h"

#include <stddef.h>

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
	};

	/* captures bring any number */
	return (size_t)outcome < RECORD_OUTCOMES ? names[outcome] : names[RECORD_OTHER];
}
