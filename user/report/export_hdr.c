// SPDX-License-Identifier: GPL-2.0-only
/*
 * HdrHistogram's interval log, version 1.3, with histograms in V2 compressed encoding: three digits, values in ns, a tag for each
 * distribution. Values are the middles of our buckets (0.4 % wide), which three digits hold exactly enough.
 */
#include "report/export.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/buf.h"
#include "report/text.h"

#define V2_COOKIE 0x1c849313u /* encoding base 3, word size tag 0x10 */
#define V2_COMPRESSED_COOKIE 0x1c849314u
#define DIGITS 3
#define SUB_BUCKET_BITS 11 /* 2048 linear steps hold 3 digits */
#define SUB_BUCKETS (1u << SUB_BUCKET_BITS)

/* HdrHistogram's own index of a value: first bucket linear, each later one its upper half. */
static uint32_t hdr_index(uint64_t value)
{
	unsigned shift = value < SUB_BUCKETS ? 0 : 64u - (unsigned)__builtin_clzll(value) - SUB_BUCKET_BITS;

	return shift * (SUB_BUCKETS / 2) + (uint32_t)(value >> shift);
}

static int put_u32(struct buf *b, uint32_t value)
{
	value = htobe32(value);
	return buf_append(b, &value, sizeof(value));
}

static int put_u64(struct buf *b, uint64_t value)
{
	value = htobe64(value);
	return buf_append(b, &value, sizeof(value));
}

/* ZigZag LEB128 as HdrHistogram has it: at most 9 bytes, the ninth a whole one. */
static int put_zigzag(struct buf *b, int64_t value)
{
	uint64_t v = value < 0 ? ((uint64_t)-value << 1) - 1 : (uint64_t)value << 1;
	unsigned char byte[9];
	unsigned n = 0;

	while (v > 0x7f && n < 8) {
		byte[n++] = (unsigned char)(v | 0x80);
		v >>= 7;
	}
	byte[n++] = (unsigned char)v;
	return buf_append(b, byte, n);
}

/* Counts in order; a run of empty ones is its negative length. Our buckets rise, so theirs do. */
static int counts_put(struct buf *b, const struct hist *h)
{
	uint64_t count = 0, pending = 0;
	uint32_t next = 0, pending_at = 0;
	int rc = 0;

	for (unsigned i = hist_next(h, 0, &count); i < HIST_BUCKETS && !rc; i = hist_next(h, i + 1, &count)) {
		uint32_t at = hdr_index(hist_bucket_value(i));
		if (pending && at != pending_at) {
			rc = put_zigzag(b, (int64_t)pending);
			next = pending_at + 1;
			pending = 0;
		}
		if (at > next && !pending)
			rc |= put_zigzag(b, -(int64_t)(at - next));
		pending += count;
		pending_at = at;
		next = at;
	}
	return rc ? rc : pending ? put_zigzag(b, (int64_t)pending) : 0;
}

static int v2_encode(struct buf *b, const struct hist *h)
{
	struct buf counts = {0};
	double ratio = 1.0;
	uint64_t bits;
	int rc = counts_put(&counts, h);

	memcpy(&bits, &ratio, sizeof(bits));
	if (!rc)
		rc = put_u32(b, V2_COOKIE) | put_u32(b, (uint32_t)counts.used) | put_u32(b, 0) | put_u32(b, DIGITS) |
		     put_u64(b, 1) | put_u64(b, UINT64_C(1) << 48) | put_u64(b, bits) | buf_append(b, counts.data, counts.used);
	buf_fini(&counts);
	return rc;
}

static int compressed(struct buf *out, const struct buf *plain)
{
	uLongf bytes = compressBound(plain->used);
	unsigned char *packed = malloc(bytes);
	int rc = packed && compress(packed, &bytes, (const unsigned char *)plain->data, plain->used) == Z_OK ? 0 : -ENOMEM;

	if (!rc)
		rc = put_u32(out, V2_COMPRESSED_COOKIE) | put_u32(out, (uint32_t)bytes) | buf_append(out, packed, bytes);
	free(packed);
	return rc;
}

static void base64(FILE *out, const struct buf *b)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < b->used; i += 3) {
		uint32_t n = 0;
		for (size_t k = 0; k < 3; k++)
			n = n << 8 | (i + k < b->used ? (unsigned char)b->data[i + k] : 0u);
		for (unsigned k = 0; k < 4; k++)
			fputc(i + k > b->used ? '=' : digits[n >> (18 - 6 * k) & 63], out);
	}
}

struct log {
	FILE *out;
	const json_t *doc;
	unsigned lines;
};

/* Tags may not hold commas or blanks. */
static void tag_put(FILE *out, const char *set, const char *name)
{
	fputs("Tag=", out);
	for (const char *s = set; *s; s++)
		fputc(strchr(", \t\r\n", *s) ? '_' : *s, out);
	fprintf(out, "%s%s,", *set ? "." : "", name);
}

static int line_put(struct log *l, const char *set, const char *name, const json_t *dist)
{
	struct hist *h = export_hist(dist);
	struct buf plain = {0}, packed = {0};

	if (!h)
		return 0;
	int rc = v2_encode(&plain, h);
	if (!rc)
		rc = compressed(&packed, &plain);
	if (!rc) {
		tag_put(l->out, set, name);
		fprintf(l->out, "0.000,%.3f,%.3f,", text_number(l->doc, "duration_s"), (double)hist_max(h) / 1e6);
		base64(l->out, &packed);
		fputc('\n', l->out);
		l->lines++;
	}
	buf_fini(&plain);
	buf_fini(&packed);
	hist_free(h);
	return rc;
}

static int set_put(void *ctx, const char *name, const json_t *set)
{
	const json_t *phases = json_object_get(set, "phases");
	struct log *l = ctx;
	int rc = line_put(l, name, "latency", json_object_get(set, "latency"));

	if (!rc)
		rc = line_put(l, name, "toll", json_object_get(set, "toll"));
	for (void *it = json_object_iter((json_t *)phases); it && !rc; it = json_object_iter_next((json_t *)phases, it))
		rc = line_put(l, name, json_object_iter_key(it), json_object_iter_value(it));
	return rc;
}

int export_hdr(const json_t *doc, FILE *out)
{
	struct log l = {out, doc, 0};

	fprintf(out, "#[Logged by toll]\n#[Histogram log format version 1.3]\n");
	if (export_start_ns(doc))
		fprintf(out, "#[StartTime: %.3f (seconds since epoch), %s]\n", (double)export_start_ns(doc) / 1e9,
			text_string(doc, "date"));
	fprintf(out, "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n");
	int rc = export_each_set(doc, set_put, &l);
	if (rc)
		return rc;
	return l.lines ? export_end(out) : -ENODATA;
}
