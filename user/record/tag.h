/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tag that joins both ends through any gateway: "[toll:" 16 hex digits "]" at the end of the last user message. Plain ASCII
 * that no JSON encoder escapes; at the end, because prefix-routing gateways hash the beginning.
 */
#ifndef TOLL_RECORD_TAG_H
#define TOLL_RECORD_TAG_H

#include <stddef.h>
#include <stdint.h>

#define TAG_PREFIX "[toll:"
#define TAG_PREFIX_BYTES 6
#define TAG_DIGITS 16
#define TAG_BYTES 23 /* prefix, digits, "]" */

/* The 16 digits alone, without a NUL: patches a body that has its brackets already. */
void tag_digits(char out[TAG_DIGITS], uint64_t id);
/* The tag's 23 characters and a NUL. */
void tag_format(char out[TAG_BYTES + 1], uint64_t id);
/* The last whole tag in a body; 0: none. */
uint64_t tag_find(const char *body, size_t bytes);

/* The same request in W3C Trace Context: its trace (32 hex digits and a NUL), and the header that announces the client's span of it, whose id is the request's. */
#define TAG_TRACE_DIGITS 32
#define TAG_TRACEPARENT_BYTES 68
void tag_trace_id(char out[TAG_TRACE_DIGITS + 1], uint64_t id);
void tag_traceparent(char out[TAG_TRACEPARENT_BYTES + 1], uint64_t id); /* "traceparent: 00-TRACE-SPAN-01" */

#endif
