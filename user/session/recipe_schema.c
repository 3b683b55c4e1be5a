// SPDX-License-Identifier: GPL-2.0-only
#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "scenario/document.h"
#include "session/recipe_parts.h"

#define STRING(key, flags, type, member) CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), struct type, member, 0, 65536)
/* a text that may not be empty */
#define NAME(key, type, member) CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, struct type, member, 1, 65536)
#define WORDS(key, flags, type, member, count, min)                                                                              \
	CYAML_FIELD_SEQUENCE_COUNT(key, CYAML_FLAG_POINTER | (flags), struct type, member, count, &word_value, min, 64)
#define LIST(key, type, member, count, entry)                                                                                    \
	CYAML_FIELD_SEQUENCE_COUNT(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct type, member, count, entry, 0, 32)
#define OPTIONAL CYAML_FLAG_OPTIONAL

static const cyaml_schema_value_t word_value = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, 4096)};

static const cyaml_schema_field_t file_fields[] = {
	NAME("path", recipe_file, path),
	STRING("text", OPTIONAL, recipe_file, text),
	STRING("copy", OPTIONAL, recipe_file, copy),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t file_value = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct recipe_file, file_fields)};

static const cyaml_schema_field_t need_fields[] = {
	NAME("program", recipe_need, program),
	STRING("package", OPTIONAL, recipe_need, package),
	CYAML_FIELD_UINT("version", OPTIONAL, struct recipe_need, version),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t need_value = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct recipe_need, need_fields)};

static const cyaml_schema_field_t parameter_fields[] = {
	NAME("name", recipe_parameter, name),
	STRING("default", 0, recipe_parameter, value),
	WORDS("one_of", OPTIONAL, recipe_parameter, one_of, one_ofs, 1),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t parameter_value = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct recipe_parameter, parameter_fields)};

static const cyaml_schema_field_t prepare_fields[] = {
	STRING("directory", 0, recipe_prepare, directory),       LIST("needs", recipe_prepare, need, needs, &need_value),
	LIST("files", recipe_prepare, file, files, &file_value), WORDS("run", 0, recipe_prepare, run.word, run.words, 1),
	STRING("timeout", OPTIONAL, recipe_prepare, timeout),    CYAML_FIELD_END,
};

static const cyaml_schema_field_t ready_fields[] = {
	STRING("path", OPTIONAL, recipe_ready, path),
	STRING("timeout", OPTIONAL, recipe_ready, timeout),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t end_fields[] = {
	STRING("signal", OPTIONAL, recipe_end, signal),
	STRING("grace", OPTIONAL, recipe_end, grace),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t recipe_fields[] = {
	NAME("name", recipe_content, name),
	NAME("title", recipe_content, title),
	NAME("url", recipe_content, url),
	WORDS("start", 0, recipe_content, start.word, start.words, 1),
	LIST("needs", recipe_content, need, needs, &need_value),
	LIST("parameters", recipe_content, parameter, parameters, &parameter_value),
	CYAML_FIELD_MAPPING_PTR("prepare", CYAML_FLAG_POINTER | OPTIONAL, struct recipe_content, prepare, prepare_fields),
	LIST("files", recipe_content, file, files, &file_value),
	WORDS("environment", OPTIONAL, recipe_content, environment.word, environment.words, 0),
	WORDS("headers", OPTIONAL, recipe_content, headers.word, headers.words, 0),
	CYAML_FIELD_MAPPING_PTR("ready", CYAML_FLAG_POINTER | OPTIONAL, struct recipe_content, ready, ready_fields),
	CYAML_FIELD_MAPPING_PTR("end", CYAML_FLAG_POINTER | OPTIONAL, struct recipe_content, end, end_fields),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t recipe_value = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct recipe_content, recipe_fields)};

/*
 * libcyaml (1.3.1) tells defects through its log only: one "Load: what is wrong", then from the innermost place outwards
 * "Load:   in mapping field 'KEY' (line: L, column: C)" or "in sequence entry 'N' (...)"; libyaml's own as "... at line: L,
 * column: C".
 */
struct complaint {
	char what[160];
	char key[160];
	unsigned line;
};

static void key_prepend(struct complaint *c, const char *part)
{
	char whole[sizeof(c->key)];

	snprintf(whole, sizeof(whole), "%.60s%s%.90s", part, c->key[0] && c->key[0] != '[' ? "." : "", c->key);
	memcpy(c->key, whole, sizeof(whole));
}

static void note_place(struct complaint *c, const char *text)
{
	char part[64];
	unsigned entry, line;

	if (sscanf(text, " in mapping field '%63[^']' (line: %u", part, &line) == 2)
		key_prepend(c, part);
	else if (sscanf(text, " in sequence entry '%u' (line: %u", &entry, &line) == 2) {
		snprintf(part, sizeof(part), "[%u]", entry - 1); /* counts from 1 */
		key_prepend(c, part);
	} else if (sscanf(text, " in mapping (line: %u", &line) != 1)
		return;
	if (!c->line)
		c->line = line;
}

__attribute__((format(printf, 3, 0))) static void complain(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
	struct complaint *c = ctx;
	char text[256];

	if (level < CYAML_LOG_ERROR)
		return;
	int n = vsnprintf(text, sizeof(text), fmt, args);
	if (n > 0 && (size_t)n < sizeof(text) && text[n - 1] == '\n')
		text[n - 1] = '\0';
	const char *body = strncmp(text, "Load:", 5) ? text : text + 5;
	const char *at = strstr(body, "line: ");
	if (strstr(body, "Backtrace"))
		return;
	if (c->what[0])
		note_place(c, body);
	else
		snprintf(c->what, sizeof(c->what), "%.150s", body + strspn(body, " "));
	if (!c->line && at && sscanf(at, "line: %u", &c->line) != 1)
		c->line = 0;
}

/* For a key that it does not know libcyaml tells the place of the entry before: the key stands there or below. */
static void find_unexpected_key(struct complaint *c, const char *text)
{
	char key[64];
	unsigned line = 1;
	const char *from = text;

	if (sscanf(c->what, "Unexpected key: %63s", key) != 1)
		return;
	for (; *from && line < c->line; from++)
		line += *from == '\n';
	const char *found = strstr(from, key);
	if (!found)
		return;
	for (; from < found; from++)
		line += *from == '\n';
	c->line = line;
}

int recipe_schema_load(const char *path, const char *text, unsigned long bytes, struct recipe_content **out, struct err *err)
{
	struct complaint c = {.line = 0};
	const cyaml_config_t config = {
		.log_fn = complain, .log_ctx = &c, .mem_fn = cyaml_mem, .log_level = CYAML_LOG_ERROR, .flags = CYAML_CFG_DEFAULT};
	cyaml_data_t *data = NULL;

	int ret = document_check_depth(path, text, bytes, err);
	if (ret)
		return ret;
	cyaml_err_t failed = cyaml_load_data((const uint8_t *)text, bytes, &config, &recipe_value, &data, NULL);
	if (!failed && !data)
		return err_set(err, -EINVAL, "%s:1: the file is empty; expected a recipe (name, title, url, start)", path);
	if (!failed) {
		*out = (struct recipe_content *)data;
		return 0;
	}
	find_unexpected_key(&c, text);
	if (failed == CYAML_ERR_OOM)
		return err_set(err, -ENOMEM, "%s: out of memory while reading it", path);
	return err_set(err, -EINVAL, "%s:%u: %s%s%s", path, c.line, c.key, c.key[0] ? ": " : "",
		       c.what[0] ? c.what : cyaml_strerror(failed));
}

void recipe_schema_free(struct recipe_content *content)
{
	const cyaml_config_t config = {.mem_fn = cyaml_mem, .log_level = CYAML_LOG_ERROR};

	if (content)
		cyaml_free(&config, &recipe_value, content, 0);
}
