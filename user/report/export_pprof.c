// SPDX-License-Identifier: GPL-2.0-only
/*
 * pprof's profile.proto (github.com/google/pprof/proto), gzip'd: a sample for each stack, weighed in ns of CPU or of waiting. Two value
 * types: "cpu" and "wait", both inside the toll; without those, the gateway's whole CPU.
 */
#include "report/export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/buf.h"
#include "report/protobuf.h"
#include "report/stacks.h"
#include "report/text.h"

/* Field numbers of the messages. */
enum {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE = 2,
	PROFILE_LOCATION = 4,
	PROFILE_FUNCTION = 5,
	PROFILE_STRINGS = 6,
	PROFILE_TIME = 9,
	PROFILE_DURATION = 10
};
enum {
	VALUE_TYPE = 1,
	VALUE_UNIT = 2,
	SAMPLE_LOCATION = 1,
	SAMPLE_VALUE = 2,
	LOCATION_ID = 1,
	LOCATION_LINE = 4,
	LINE_FUNCTION = 1
};
enum { FUNCTION_ID = 1, FUNCTION_NAME = 2 };

struct profile {
	struct buf out, strings;
	json_t *by_name; /* name -> its index in the strings, which is its function's and location's id too */
	unsigned names;
	int rc;
};

static void varint(struct profile *p, struct buf *b, uint64_t value)
{
	p->rc |= protobuf_varint(b, value);
}

static void number(struct profile *p, struct buf *b, unsigned field, uint64_t value)
{
	p->rc |= protobuf_number(b, field, value);
}

static void bytes(struct profile *p, struct buf *b, unsigned field, const void *data, size_t n)
{
	p->rc |= protobuf_bytes(b, field, data, n);
}

static void message(struct profile *p, struct buf *b, unsigned field, struct buf *content)
{
	bytes(p, b, field, content->data, content->used);
	content->used = 0;
}

static unsigned string_index(struct profile *p, const char *s)
{
	const json_t *known = json_object_get(p->by_name, s);

	if (known)
		return (unsigned)json_integer_value(known);
	bytes(p, &p->strings, PROFILE_STRINGS, s, strlen(s));
	p->rc |= json_object_set_new(p->by_name, s, json_integer(p->names)) ? -ENOMEM : 0;
	return p->names++;
}

static void value_type(struct profile *p, const char *type)
{
	struct buf b = {0};

	number(p, &b, VALUE_TYPE, string_index(p, type));
	number(p, &b, VALUE_UNIT, string_index(p, "nanoseconds"));
	message(p, &p->out, PROFILE_SAMPLE_TYPE, &b);
	buf_fini(&b);
}

/* The name's function and its one location, when it is new. */
static unsigned location(struct profile *p, const char *name)
{
	struct buf line = {0}, b = {0};
	unsigned before = p->names, id = string_index(p, name);

	if (id == before) {
		number(p, &b, FUNCTION_ID, id);
		number(p, &b, FUNCTION_NAME, id);
		message(p, &p->out, PROFILE_FUNCTION, &b);
		number(p, &line, LINE_FUNCTION, id);
		number(p, &b, LOCATION_ID, id);
		message(p, &b, LOCATION_LINE, &line);
		message(p, &p->out, PROFILE_LOCATION, &b);
	}
	buf_fini(&line);
	buf_fini(&b);
	return id;
}

/* Innermost first. */
static void sample(struct profile *p, const struct stack_tree *t, uint32_t i)
{
	struct buf b = {0}, list = {0};

	for (uint32_t at = i; at; at = t->node[at].parent)
		varint(p, &list, location(p, t->node[at].name));
	message(p, &b, SAMPLE_LOCATION, &list);
	varint(p, &list, t->node[i].waits ? t->node[i].self_ns : 0);
	varint(p, &list, t->node[i].waits ? 0 : t->node[i].self_ns);
	message(p, &b, SAMPLE_VALUE, &list);
	message(p, &p->out, PROFILE_SAMPLE, &b);
	buf_fini(&b);
	buf_fini(&list);
}

static void profile_make(struct profile *p, const struct stack_tree *t, const json_t *doc)
{
	string_index(p, ""); /* index 0 must be it */
	value_type(p, "wait");
	value_type(p, "cpu"); /* the last is what readers show first */
	for (uint32_t i = 1; i < t->nodes; i++)
		if (t->node[i].self_ns)
			sample(p, t, i);
	p->rc |= buf_append(&p->out, p->strings.data, p->strings.used);
	number(p, &p->out, PROFILE_TIME, export_start_ns(doc));
	number(p, &p->out, PROFILE_DURATION, (uint64_t)(text_number(doc, "duration_s") * 1e9));
}

static int gzip_put(const struct buf *b, FILE *out)
{
	z_stream z = {0};

	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	uLong bound = deflateBound(&z, b->used);
	unsigned char *packed = malloc(bound);
	z.next_in = (unsigned char *)b->data;
	z.avail_in = (uInt)b->used;
	z.next_out = packed;
	z.avail_out = (uInt)bound;
	int r = packed && deflate(&z, Z_FINISH) == Z_STREAM_END ? 0 : -ENOMEM;
	if (!r)
		fwrite(packed, 1, z.total_out, out);
	deflateEnd(&z);
	free(packed);
	return r;
}

int export_pprof(const json_t *doc, FILE *out)
{
	struct profile p = {.by_name = json_object()};
	struct stack_tree t;
	int r = stacks_read(&t, doc, STACKS_OF_TOLL);

	if (r == -ENOENT) {
		stacks_fini(&t);
		r = stacks_read(&t, doc, STACKS_OF_CPU);
	}
	if (!r) {
		profile_make(&p, &t, doc);
		r = p.rc ? -ENOMEM : gzip_put(&p.out, out);
	}
	stacks_fini(&t);
	buf_fini(&p.out);
	buf_fini(&p.strings);
	json_decref(p.by_name);
	if (r)
		return r == -ENOENT ? -ENODATA : r;
	return export_end(out);
}
