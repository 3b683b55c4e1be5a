// rooms: base leak record scenario/criteria scenario/fault scenario/metrics timeline attribution report compare tests/support/report_input
// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as a result.json, and as changes to a whole one: values go missing, become others of another type or size, move. What the reader
 * takes can be shown in every form, redacted, merged with itself and compared with the whole one.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compare/compare.h"
#include "report/formats.h"
#include "report/merge.h"
#include "report/report.h"
#include "tests/support/report_input.h"

#define NODES_MAX 20000
#define BYTES_EACH 4 /* of a change */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
	if (!holds)
		abort();
}

static json_t *whole(void)
{
	static struct report_fixture f;
	static json_t *doc;

	if (!doc) {
		report_fixture_init_threads(&f, 60);
		doc = report_build(&f.in);
		require(doc != NULL);
		report_fixture_stacks(doc);
	}
	return json_deep_copy(doc);
}

struct node {
	json_t *in;
	const char *key; /* NULL: an array */
	size_t index;
};

static void nodes_collect(json_t *in, struct node *node, size_t *nodes)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_object(in)) {
		json_object_foreach (in, key, value) {
			if (*nodes < NODES_MAX)
				node[(*nodes)++] = (struct node){.in = in, .key = key};
			nodes_collect(value, node, nodes);
		}
	} else {
		json_array_foreach (in, i, value) {
			if (*nodes < NODES_MAX)
				node[(*nodes)++] = (struct node){.in = in, .index = i};
			nodes_collect(value, node, nodes);
		}
	}
}

static json_t *another(json_t *doc, uint8_t what)
{
	static const json_int_t integers[] = {0, 1, -1, INT64_MAX, INT64_MIN, 1000000000};
	static const double reals[] = {0.0, -0.5, 1e300, -1e300, 1e-300};

	switch (what % 16) {
	case 0 ... 5:
		return json_integer(integers[what % 16]);
	case 6 ... 10:
		return json_real(reals[what % 16 - 6]);
	case 11:
		return json_string("");
	case 12:
		return json_string("a\x1b[31m<script>\" ; ../../../../etc/passwd");
	case 13:
		return json_array();
	case 14:
		return json_object();
	default:
		return json_deep_copy(json_object_get(doc, "latency"));
	}
}

static void change(json_t *doc, struct node *node, const uint8_t change[BYTES_EACH])
{
	size_t nodes = 0;

	nodes_collect(doc, node, &nodes);
	const struct node *n = &node[(change[0] | (unsigned)change[1] << 8) % nodes];
	if (change[2] == 255 && n->key)
		json_object_del(n->in, n->key);
	else if (n->key)
		json_object_set_new(n->in, n->key, another(doc, change[2]));
	else
		json_array_set_new(n->in, n->index, another(doc, change[2]));
}

static char *changed(const uint8_t *data, size_t size, size_t *bytes)
{
	static struct node node[NODES_MAX];
	json_t *doc = whole();
	char *text;

	for (size_t at = 0; at + BYTES_EACH <= size && at < 8 * BYTES_EACH; at += BYTES_EACH)
		change(doc, node, data + at);
	text = json_dumps(doc, JSON_COMPACT);
	require(text != NULL);
	*bytes = strlen(text);
	json_decref(doc);
	return text;
}

static unsigned formats(void)
{
	unsigned n = 0;

	while (report_formats[n].name)
		n++;
	return n;
}

static void compared(const json_t *doc, FILE *null)
{
	static const char *const gate[] = {"toll.p50 +10%"};
	struct compare_options options = COMPARE_OPTIONS_DEFAULT;
	struct comparison *c = calloc(1, sizeof(*c));
	json_t *base = whole();
	struct err err = {0};

	require(c != NULL);
	options.resamples = 100;
	options.gate = gate;
	options.gates = 1;
	if (compare_documents(base, doc, &options, c, &err)) {
		require(err.text[0] && !strpbrk(err.text, "\n\r\x1b"));
	} else {
		compare_print_text(c, null, false);
		json_decref(compare_to_json(c));
	}
	compare_fini(c);
	free(c);
	json_decref(base);
}

static void merged(const json_t *doc, FILE *null)
{
	const json_t *both[] = {doc, doc};
	const char *const name[] = {"one", "two"};
	const struct merge_options options = {.one_after_another = false};
	struct err err = {0};
	json_t *merged = NULL;

	if (!report_merge(both, name, 2, &options, &merged, &err))
		report_print_text(merged, null, false);
	json_decref(merged);
}

/* One of them each time: each is many milliseconds. */
static void use(json_t *doc, unsigned which)
{
	FILE *null = fopen("/dev/null", "w");
	unsigned form = which % (formats() + 3);
	struct err err = {0};

	require(null != NULL);
	if (form < formats())
		report_format_print(&report_formats[form], doc, null, &err);
	else if (form == formats())
		merged(doc, null);
	else if (form == formats() + 1)
		compared(doc, null);
	else if (!report_redact(doc))
		report_print_text(doc, null, true);
	fclose(null);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64], *text = NULL;
	struct err err = {0};
	size_t bytes = size;
	json_t *doc = NULL;
	int fd = memfd_create("result", 0);

	require(fd >= 0);
	if (size && data[0] % 4)
		text = changed(data + 1, size - 1, &bytes);
	require(write(fd, text ? (const void *)text : (const void *)data, bytes) == (ssize_t)bytes);
	free(text);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (report_read_json(path, &doc, &err))
		require(err.text[0] && !strpbrk(err.text, "\n\r\x1b"));
	else
		use(doc, size ? data[0] / 4 : 0);
	json_decref(doc);
	close(fd);
	return 0;
}
