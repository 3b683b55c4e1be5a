/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A YAML document with the line of every node, and places in it that can name themselves in an error.
 *
 * Why libyaml's document and not libcyaml's schemas: classes are a mapping keyed by names of the user's (a libcyaml mapping has a
 * fixed set of fields), quick: overlays any top-level key, and values with units are text to libcyaml, so their line is gone when
 * their unit turns out to be wrong. The rows of scenario/fields.h are the one schema instead.
 */
#ifndef TOLL_SCENARIO_DOCUMENT_H
#define TOLL_SCENARIO_DOCUMENT_H

#include <errno.h>
#include <stdbool.h>
#include <yaml.h>

#include "base/err.h"

#define DOCUMENT_BYTES_MAX (1u << 20)
#define DOCUMENT_DEPTH_MAX 32

struct document;

/* name: what errors call it (a path, "standard input"). -EINVAL with file and line when the text is not one YAML document. */
int document_parse(struct document **out, const char *name, const char *text, size_t bytes, struct err *err);
/* path "-": standard input. */
int document_read(struct document **out, const char *path, struct err *err);
/* -EINVAL with file and line when lists and mappings lie deeper in each other than that; for whoever reads YAML by other means. */
int document_check_depth(const char *name, const char *text, size_t bytes, struct err *err);
void document_free(struct document *doc);

/* As the errors have it. */
const char *document_name(const struct document *doc);

/* Words that follow every further error, such as " (with quick: applied)"; a static string. */
void document_note(struct document *doc, const char *note);

/* A node and the way to it: "stages[2].for". Lives on the caller's stack, like the places above it. */
struct place {
	struct document *doc;
	const struct place *up;
	const char *key; /* NULL: item `index` of a sequence, or the root */
	unsigned index;
	yaml_node_t *node;
};

void document_root(struct document *doc, struct place *out);
/* "FILE:LINE: KEY: text" into the err that the document was read with. */
__attribute__((format(printf, 2, 3))) void place_fill(const struct place *at, const char *fmt, ...);

/* place_fill, and the value is -EINVAL: a macro for the same reason as err_set. */
#define place_error(at, ...)                                                                                                     \
	__extension__({                                                                                                          \
		place_fill((at), __VA_ARGS__);                                                                                   \
		-EINVAL;                                                                                                         \
	})

/* The scalar's text, or NULL for a mapping or sequence. */
const char *place_text(const struct place *at);
/* Members of a mapping and items of a sequence: false past the end. A key that is not a plain text gets "". */
bool place_member(const struct place *mapping, unsigned index, struct place *out);
bool place_item(const struct place *sequence, unsigned index, struct place *out);
unsigned place_items(const struct place *sequence);

#endif
