/* SPDX-License-Identifier: GPL-2.0-only */
#include "scenario/document.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

struct document {
	yaml_document_t yaml;
	bool loaded;
	char name[256];
	const char *note;
	struct err *err;
};

/* Bytes that are no UTF-8 are reported by libyaml as an offset, without a line. */
static size_t line_at_offset(const char *text, size_t bytes, size_t offset)
{
	size_t line = 1;

	for (size_t i = 0; i < bytes && i < offset; i++)
		line += text[i] == '\n';
	return line;
}

static int parser_error(const yaml_parser_t *parser, const char *name, const char *text, size_t bytes, struct err *err)
{
	const char *problem = parser->problem ? parser->problem : "cannot be read";
	size_t line = parser->problem_mark.line + 1;

	if (parser->error == YAML_MEMORY_ERROR)
		return err_set(err, -ENOMEM, "%s: out of memory while reading it", name);
	if (parser->error == YAML_READER_ERROR)
		line = line_at_offset(text, bytes, parser->problem_offset);
	return err_set(err, -EINVAL, "%s:%zu: not valid YAML: %s%s%s", name, line, problem, parser->context ? ", " : "",
		       parser->context ? parser->context : "");
}

/*
 * libyaml looks at every open bracket again for each word that it reads: a few hundred kB of them would take it minutes. Word by word it
 * can be stopped in time. What else is wrong with the text is found by who reads it next.
 */
int document_check_depth(const char *name, const char *text, size_t bytes, struct err *err)
{
	yaml_parser_t parser;
	yaml_event_t event = {0};
	unsigned depth = 0;
	bool goes_on = true;
	size_t line = 0;

	if (!yaml_parser_initialize(&parser))
		return err_set(err, -ENOMEM, "%s: out of memory while reading it", name);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
	while (goes_on && yaml_parser_parse(&parser, &event)) {
		depth += event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT;
		depth -= event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT;
		goes_on = event.type != YAML_STREAM_END_EVENT && depth <= DOCUMENT_DEPTH_MAX;
		line = event.start_mark.line + 1;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	if (depth <= DOCUMENT_DEPTH_MAX)
		return 0;
	return err_set(err, -EINVAL, "%s:%zu: lists and mappings lie more than %d deep; nothing in such a file does", name, line,
		       DOCUMENT_DEPTH_MAX);
}

static int check_alone(yaml_parser_t *parser, const char *name, struct err *err)
{
	yaml_document_t second;
	size_t line;
	bool more;

	if (!yaml_parser_load(parser, &second))
		return err_set(err, -EINVAL, "%s:%zu: not valid YAML after the end of the scenario", name, parser->mark.line + 1);
	more = yaml_document_get_root_node(&second) != NULL;
	line = second.start_mark.line + 1;
	yaml_document_delete(&second);
	if (more)
		return err_set(err, -EINVAL, "%s:%zu: a second document begins here; a scenario is one document", name, line);
	return 0;
}

static int load(struct document *doc, const char *text, size_t bytes)
{
	yaml_parser_t parser;
	int ret = document_check_depth(doc->name, text, bytes, doc->err);

	if (ret)
		return ret;
	if (!yaml_parser_initialize(&parser))
		return err_set(doc->err, -ENOMEM, "%s: out of memory while reading it", doc->name);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
	if (!yaml_parser_load(&parser, &doc->yaml)) {
		ret = parser_error(&parser, doc->name, text, bytes, doc->err);
		goto out;
	}
	doc->loaded = true;
	if (!yaml_document_get_root_node(&doc->yaml))
		ret = err_set(doc->err, -EINVAL,
			      "%s:1: the file is empty; expected a scenario (a mapping with name, classes, stages)", doc->name);
	else
		ret = check_alone(&parser, doc->name, doc->err);
out:
	yaml_parser_delete(&parser);
	return ret;
}

int document_parse(struct document **out, const char *name, const char *text, size_t bytes, struct err *err)
{
	struct document *doc;
	int ret;

	if (bytes > DOCUMENT_BYTES_MAX)
		return err_set(err, -EFBIG, "%s: larger than 1 MiB; a scenario is a small text file", name);
	doc = calloc(1, sizeof(*doc));
	if (!doc)
		return err_set(err, -ENOMEM, "%s: out of memory while reading it", name);
	snprintf(doc->name, sizeof(doc->name), "%s", name);
	doc->note = "";
	doc->err = err;
	ret = load(doc, text, bytes);
	if (ret) {
		document_free(doc);
		return ret;
	}
	*out = doc;
	return 0;
}

static int read_standard_input(struct buf *b)
{
	ssize_t n;

	do {
		int ret = buf_reserve(b, 65536);

		if (ret)
			return ret == -EMSGSIZE ? -EFBIG : ret;
		n = read(STDIN_FILENO, b->data + b->used, 65536);
		if (n > 0)
			b->used += (size_t)n;
		else if (n < 0 && errno != EINTR)
			return -errno;
	} while (n != 0);
	return 0;
}

int document_read(struct document **out, const char *path, struct err *err)
{
	bool standard_input = strcmp(path, "-") == 0;
	const char *name = standard_input ? "standard input" : path;
	struct buf b = {.max = DOCUMENT_BYTES_MAX + 2 * 65536};
	int ret = standard_input ? read_standard_input(&b) : buf_read_file(&b, path, DOCUMENT_BYTES_MAX);

	if (ret == -EFBIG)
		err_set(err, ret, "%s: larger than 1 MiB; a scenario is a small text file", name);
	else if (ret)
		err_set(err, ret, "%s: cannot read the scenario: %s", name, strerror(-ret));
	else
		ret = document_parse(out, name, b.data ? b.data : "", b.used, err);
	buf_fini(&b);
	return ret;
}

void document_free(struct document *doc)
{
	if (!doc)
		return;
	if (doc->loaded)
		yaml_document_delete(&doc->yaml);
	free(doc);
}

const char *document_name(const struct document *doc)
{
	return doc->name;
}

void document_note(struct document *doc, const char *note)
{
	doc->note = note;
}

void document_root(struct document *doc, struct place *out)
{
	*out = (struct place){.doc = doc, .node = yaml_document_get_root_node(&doc->yaml)};
}

/* Appends the way to `at`, outermost first. */
static void place_path(const struct place *at, char *buf, size_t size)
{
	size_t used;

	if (!at->up)
		return;
	place_path(at->up, buf, size);
	used = strlen(buf);
	if (at->key)
		snprintf(buf + used, size - used, "%s%s", used ? "." : "", at->key);
	else
		snprintf(buf + used, size - used, "[%u]", at->index);
}

/* Keys and values come from the file: nothing in them may break the line or drive the terminal. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

void place_fill(const struct place *at, const char *fmt, ...)
{
	char path[128] = "", text[400];
	va_list ap;

	place_path(at, path, sizeof(path));
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	make_printable(path);
	make_printable(text);
	err_fill(at->doc->err, -EINVAL, "%s:%zu: %s%s%s%s", at->doc->name, at->node->start_mark.line + 1, path,
		 path[0] ? ": " : "", text, at->doc->note);
}

static const char *node_text(const yaml_node_t *node)
{
	const char *text;

	if (node->type != YAML_SCALAR_NODE)
		return NULL;
	text = (const char *)node->data.scalar.value;
	/* "a\0b" in double quotes: would be read as "a" */
	return strlen(text) == node->data.scalar.length ? text : NULL;
}

const char *place_text(const struct place *at)
{
	return node_text(at->node);
}

bool place_member(const struct place *mapping, unsigned index, struct place *out)
{
	yaml_node_pair_t *pair = mapping->node->data.mapping.pairs.start + index;
	const char *key;

	if (pair >= mapping->node->data.mapping.pairs.top)
		return false;
	key = node_text(yaml_document_get_node(&mapping->doc->yaml, pair->key));
	*out = (struct place){.doc = mapping->doc,
			      .up = mapping,
			      .key = key ? key : "",
			      .index = index,
			      .node = yaml_document_get_node(&mapping->doc->yaml, pair->value)};
	return true;
}

bool place_item(const struct place *sequence, unsigned index, struct place *out)
{
	yaml_node_item_t *item = sequence->node->data.sequence.items.start + index;

	if (item >= sequence->node->data.sequence.items.top)
		return false;
	*out = (struct place){.doc = sequence->doc,
			      .up = sequence,
			      .index = index,
			      .node = yaml_document_get_node(&sequence->doc->yaml, *item)};
	return true;
}

unsigned place_items(const struct place *sequence)
{
	return (unsigned)(sequence->node->data.sequence.items.top - sequence->node->data.sequence.items.start);
}
