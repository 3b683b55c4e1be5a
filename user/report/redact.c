// SPDX-License-Identifier: GPL-2.0-only
/* What of a result tells who and where, replaced by what only tells that there was something. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "report/merge.h"
#include "report/report.h"

#define GONE "redacted"
#define HOSTS_MAX 64

/* Texts under these keys, wherever they stand, are gone as a whole. */
static const char *const gone[] = {"hostname", "url",     "exe", "how",    "address", "gateway",
				   "provider", "ca_file", "id",  "prompt", "cgroup"};
/* Lists and objects under these keys are emptied. */
static const char *const emptied[] = {"pids", "gateway_pids", "headers", "header", "env"};
/* Our own words and names: they tell nothing, though some look like paths and addresses. */
static const char *const kept[] = {"schema", "scenario", "text", "command", "title", "name",  "phase",
				   "plant",  "recipe",   "unit", "verdict", "date",  "owner", "class"};
/* Whose texts name hosts that sentences may name too. */
static const char *const naming[] = {"hostname", "url", "address", "gateway", "provider"};
#define IS_IN(key, list) is_in(key, list, sizeof(list) / sizeof(*(list)))

struct redaction {
	char host[HOSTS_MAX][128];
	unsigned hosts;
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

static void hosts_find(struct redaction *r, json_t *value)
{
	const char *key;
	json_t *child;
	size_t i;

	json_object_foreach (value, key, child) {
		if (json_is_string(child) && IS_IN(key, naming))
			host_note(r, json_string_value(child));
		hosts_find(r, child);
	}
	json_array_foreach (value, i, child) {
		hosts_find(r, child);
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

static bool tells_where(const struct redaction *r, const char *word)
{
	for (unsigned i = 0; i < r->hosts; i++)
		if (strstr(word, r->host[i]))
			return true;
	return looks_like_a_place(word);
}

static json_t *sentence_clean(const struct redaction *r, const char *text)
{
	static const char blanks[] = " \t\n(),;\"'=";
	char word[512];
	struct buf b = {0};
	int rc = 0;

	while (*text && !rc) {
		size_t n = strcspn(text, blanks);

		/* what is too long for a word is no word of ours */
		snprintf(word, sizeof(word), "%.*s", (int)(n < sizeof(word) ? n : sizeof(word) - 1), text);
		rc = buf_printf(&b, "%s", n >= sizeof(word) || (n && tells_where(r, word)) ? GONE : word);
		text += n;
		if (!rc && *text)
			rc = buf_printf(&b, "%c", *text++);
	}
	json_t *clean = rc ? NULL : report_text(b.data ? b.data : "");
	buf_fini(&b);
	return clean;
}

static json_t *text_clean(const struct redaction *r, const char *key, const char *text)
{
	if (IS_IN(key, gone))
		return json_string(GONE);
	/* a histogram is numbers, and long */
	if (IS_IN(key, kept) || !strncmp(text, "toll.hist/", 10))
		return json_string(text);
	return sentence_clean(r, text);
}

static int value_clean(const struct redaction *r, const char *key, json_t *value)
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
			rc |= json_object_set_new(value, name, text_clean(r, name, json_string_value(child)));
		else
			rc |= value_clean(r, name, child);
	}
	json_array_foreach (value, i, child) {
		if (json_is_string(child))
			rc |= json_array_set_new(value, i, text_clean(r, key, json_string_value(child)));
		else
			rc |= value_clean(r, key, child);
	}
	return rc;
}

/* Upstreams go by their address. */
static int upstreams_clean(json_t *upstreams)
{
	json_t *clean = json_object(), *value;
	unsigned others = 0;
	const char *key;
	char name[48];
	int rc = clean ? 0 : -1;

	json_object_foreach (upstreams, key, value) {
		snprintf(name, sizeof(name), "upstream-%u", ++others);
		/* "provider", "provider-2": names of ours */
		rc |= json_object_set(clean, looks_like_a_place(key) || strchr(key, '(') || strchr(key, '.') ? name : key, value);
	}
	rc |= json_object_clear(upstreams);
	rc |= json_object_update(upstreams, clean);
	json_decref(clean);
	return rc;
}

int report_redact(json_t *doc)
{
	struct redaction r = {.hosts = 0};
	json_t *upstreams = json_object_get(doc, "upstreams");
	int rc;

	hosts_find(&r, doc);
	rc = value_clean(&r, "", doc);
	if (upstreams)
		rc |= upstreams_clean(upstreams);
	return rc ? -ENOMEM : 0;
}
