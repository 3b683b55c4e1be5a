// SPDX-License-Identifier: GPL-2.0-only
/* What of a result tells who and where, replaced by what only tells that there was something. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "report/merge.h"
#include "report/report.h"

#define GONE "redacted"
#define HOSTS_MAX 64
#define NUMBERS_MAX 256

/* Texts under these keys, wherever they stand, are gone as a whole. */
static const char *const gone[] = {"hostname", "url",      "exe",     "how",    "address",
				   "gateway",  "provider", "ca_file", "prompt", "cgroup"};
/* Lists and objects under these keys are emptied. */
static const char *const emptied[] = {"pids", "gateway_pids", "headers", "header", "env"};
/* Numbers of processes and threads: gone, and wherever a sentence names one in brackets. */
static const char *const numbers[] = {"pid", "tid"};
/* Our own words and names: they tell nothing, though some look like paths and addresses. Hosts that the document names go even there. */
static const char *const kept[] = {"schema", "scenario", "text", "command", "title", "name",  "phase",
				   "plant",  "recipe",   "unit", "verdict", "date",  "owner", "class"};
/* Whose texts name hosts that sentences may name too. */
static const char *const naming[] = {"hostname", "url", "address", "gateway", "provider"};
/* Rows whose "text" is a sentence about this gateway, and no word of ours. */
static const char *const told[] = {"findings"};
#define IS_IN(key, list) is_in(key, list, sizeof(list) / sizeof(*(list)))

struct redaction {
	char host[HOSTS_MAX][128];
	unsigned hosts;
	char number[NUMBERS_MAX][16];
	unsigned number_count;
	json_t *renamed; /* keys that were addresses -> what they are called now */
	json_t *ids; /* of requests -> a number in order of appearance: exports tell requests apart by them */
};

static bool is_in(const char *key, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(key, list[i]))
			return true;
	return false;
}

/* "http://user:key@gw.internal:8080/v1" -> "gw.internal" */
static void host_note(struct redaction *r, const char *text)
{
	const char *host = strstr(text, "://"), *user;

	host = host ? host + 3 : text;
	user = strchr(host, '@');
	host = user ? user + 1 : host;
	size_t n = strcspn(host, ":/");
	/* one letter would be found in every word */
	if (n < 3 || n >= sizeof(r->host[0]) || r->hosts == HOSTS_MAX)
		return;
	memcpy(r->host[r->hosts], host, n);
	r->host[r->hosts++][n] = '\0';
}

static void number_note(struct redaction *r, const json_t *value)
{
	if (json_is_integer(value) && r->number_count < NUMBERS_MAX)
		snprintf(r->number[r->number_count++], sizeof(r->number[0]), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
}

/* Hosts, and numbers of processes and threads, that the document tells: sentences may name them too. */
static void names_find(struct redaction *r, const char *parent, json_t *value)
{
	const char *key;
	json_t *child;
	size_t i;

	json_object_foreach (value, key, child) {
		if (json_is_string(child) && IS_IN(key, naming))
			host_note(r, json_string_value(child));
		if (IS_IN(key, numbers))
			number_note(r, child);
		names_find(r, key, child);
	}
	json_array_foreach (value, i, child) {
		if (IS_IN(parent, emptied))
			number_note(r, child);
		names_find(r, parent, child);
	}
}

/* An address, a URL, a path, a name with a port. */
static bool looks_like_a_place(const char *word)
{
	unsigned dots = 0, colons = 0, digits = 0, slashes = 0;
	size_t n = strlen(word);

	for (size_t i = 0; i < n; i++) {
		dots += word[i] == '.';
		colons += word[i] == ':';
		slashes += word[i] == '/';
		digits += word[i] >= '0' && word[i] <= '9';
	}
	if (strchr(word, '@') || strstr(word, "://") || slashes > 1 || ((*word == '/' || *word == '[') && n > 1))
		return true;
	return (dots >= 3 && digits >= 4) || (colons == 1 && digits && word[n - 1] != ':') || colons > 2;
}

static bool names_host(const struct redaction *r, const char *word)
{
	for (unsigned i = 0; i < r->hosts; i++)
		if (strstr(word, r->host[i]))
			return true;
	return false;
}

static bool tells_where(const struct redaction *r, const char *word)
{
	for (unsigned i = 0; i < r->number_count; i++)
		if (!strcmp(word, r->number[i]))
			return true;
	return names_host(r, word) || looks_like_a_place(word);
}

/* Word by word, without those that tell. */
static json_t *sentence_clean(const struct redaction *r, const char *text, bool (*tells)(const struct redaction *, const char *))
{
	static const char blanks[] = " \t\n(),;\"'=";
	char word[512];
	struct buf b = {0};
	int rc = 0;

	while (*text && !rc) {
		size_t n = strcspn(text, blanks);

		/* what is too long for a word is no word of ours */
		snprintf(word, sizeof(word), "%.*s", (int)(n < sizeof(word) ? n : sizeof(word) - 1), text);
		rc = buf_printf(&b, "%s", n >= sizeof(word) || (n && tells(r, word)) ? GONE : word);
		text += n;
		if (!rc && *text)
			rc = buf_printf(&b, "%c", *text++);
	}
	json_t *clean = rc ? NULL : report_text(b.data ? b.data : "");
	buf_fini(&b);
	return clean;
}

static json_t *id_renumbered(struct redaction *r, const char *id)
{
	char number[24];

	if (!json_object_get(r->ids, id)) {
		snprintf(number, sizeof(number), "%016zx", json_object_size(r->ids) + 1);
		json_object_set_new(r->ids, id, json_string(number));
	}
	return json_incref(json_object_get(r->ids, id));
}

/* parent: the key of the list that the text's row is in, or its own. */
static json_t *text_clean(struct redaction *r, const char *parent, const char *key, const char *text)
{
	bool ours = IS_IN(key, kept) && !IS_IN(parent, told);

	if (IS_IN(key, gone))
		return json_string(GONE);
	if (!strcmp(key, "id"))
		return id_renumbered(r, text);
	/* a histogram is numbers, and long */
	if (!strncmp(text, "toll.hist/", 10))
		return json_string(text);
	return sentence_clean(r, text, ours ? names_host : tells_where);
}

/* What a key that tells where is called from now on: the same in every section. */
static const char *key_renamed(struct redaction *r, const char *key)
{
	char name[48];

	if (!json_object_get(r->renamed, key)) {
		snprintf(name, sizeof(name), "upstream-%zu", json_object_size(r->renamed) + 1);
		json_object_set_new(r->renamed, key, json_string(name));
	}
	return json_string_value(json_object_get(r->renamed, key));
}

/* Upstreams go by their address, unless they are ours ("provider", "provider-2"). In order. */
static int keys_clean(struct redaction *r, const char *parent, json_t *object)
{
	bool upstreams = !strcmp(parent, "upstreams") || !strcmp(parent, "upstream");
	json_t *clean = json_object(), *value;
	const char *key;
	int rc = clean ? 0 : -1;

	json_object_foreach (object, key, value) {
		bool tells = tells_where(r, key) || (upstreams && (strchr(key, '(') || strchr(key, '.')));
		const char *name = tells ? key_renamed(r, key) : key;
		rc |= name ? json_object_set(clean, name, value) : -1;
	}
	rc |= json_object_clear(object);
	rc |= json_object_update(object, clean);
	json_decref(clean);
	return rc;
}

static int value_clean(struct redaction *r, const char *key, json_t *value)
{
	const char *name;
	json_t *child;
	void *next;
	size_t i;
	int rc = 0;

	if (IS_IN(key, emptied))
		return json_is_array(value) ? json_array_clear(value) : json_object_clear(value);
	json_object_foreach_safe(value, next, name, child)
	{
		if (json_is_string(child))
			rc |= json_object_set_new(value, name, text_clean(r, key, name, json_string_value(child)));
		else if (IS_IN(name, numbers))
			rc |= json_object_del(value, name);
		else
			rc |= value_clean(r, name, child);
	}
	if (json_is_object(value))
		rc |= keys_clean(r, key, value);
	json_array_foreach (value, i, child) {
		if (json_is_string(child))
			rc |= json_array_set_new(value, i, text_clean(r, key, key, json_string_value(child)));
		else
			rc |= value_clean(r, key, child);
	}
	return rc;
}

int report_redact(json_t *doc)
{
	struct redaction *r = calloc(1, sizeof(*r));
	int rc = -1;

	if (r) {
		r->renamed = json_object();
		r->ids = json_object();
	}
	if (r && r->renamed && r->ids) {
		names_find(r, "", doc);
		rc = value_clean(r, "", doc);
	}
	if (r) {
		json_decref(r->renamed);
		json_decref(r->ids);
	}
	free(r);
	return rc ? -ENOMEM : 0;
}
