// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "base/units.h"
#include "gateway/hoard.h"

#define BYTES_MAX ((uint64_t)1 << 30)
#define EVERY_MAX 1000000

struct kind_row {
	const char *name; /* with what follows the "=" where that is a word */
	enum hoard_kind kind;
	bool sized;
};
static const struct kind_row kinds[] = {
	{"leak", HOARD_LEAK, true},
	{"mmap", HOARD_MMAP, true},
	{"fd", HOARD_FD, false},
	{"closed_socket", HOARD_CLOSED, false},
	{"close_wait", HOARD_CLOSE_WAIT, false},
	{"thread", HOARD_THREAD, false},
	{"cache=plateau", HOARD_CACHE, false},
	{"cache=slow", HOARD_SLOW_CACHE, false},
	{"fragment", HOARD_FRAGMENT, true},
	{"warmup", HOARD_WARM_UP, true},
	{"sawtooth", HOARD_SAWTOOTH, true},
	{"inflight", HOARD_IN_FLIGHT, true},
};

static const char *const when_names[] = {"any", "chat", "stream", "embeddings", "models", "connection", "error", "disconnect"};

static int bad(struct err *err, const char *word, const char *why)
{
	return err_set(
		err, -EINVAL,
		"--plant \"%s\": %s; possible: leak=BYTES, mmap=BYTES, fd, closed_socket, close_wait, thread, cache=plateau, "
		"cache=slow, fragment=BYTES, warmup=BYTES, sawtooth=BYTES, inflight=BYTES, each with @any, @chat, @stream, "
		"@embeddings, @models, @connection, @error or @disconnect, and /N behind it for one in N",
		word, why);
}

static const struct kind_row *row_of(const char *word, size_t bytes)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strlen(kinds[i].name) == bytes && !memcmp(kinds[i].name, word, bytes))
			return &kinds[i];
	return NULL;
}

/* Up to the "@", and of that up to the "=" where a size follows. */
static const struct kind_row *row_find(const char *word, size_t *name_bytes)
{
	size_t whole = strcspn(word, "@"), name = strcspn(word, "=@");
	const struct kind_row *row = row_of(word, whole);

	*name_bytes = row ? whole : name;
	return row ? row : row_of(word, name);
}

bool hoard_is_plant(const char *word)
{
	size_t bytes;

	return row_find(word, &bytes) != NULL || !strncmp(word, "cache=", 6);
}

static int when_parse(const char *text, size_t bytes, enum hoard_when *out)
{
	for (size_t i = 0; i < sizeof(when_names) / sizeof(when_names[0]); i++) {
		if (strlen(when_names[i]) == bytes && !memcmp(when_names[i], text, bytes)) {
			*out = (enum hoard_when)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int size_parse(const char *word, const char *from, const char *to, struct hoard_plant *out, struct err *err)
{
	char text[32];
	size_t bytes = (size_t)(to - from);

	if (*from != '=' || bytes > sizeof(text))
		return bad(err, word, "it wants a size, such as 64B or 1KiB");
	memcpy(text, from + 1, bytes - 1);
	text[bytes - 1] = '\0';
	if (units_parse_bytes(text, &out->bytes) || !out->bytes || out->bytes > BYTES_MAX)
		return bad(err, word, "its size is none with a unit from 1B to 1GiB");
	if (out->kind == HOARD_LEAK && out->bytes < 32)
		return bad(err, word, "the smallest piece of glibc's heap is 32 bytes");
	return 0;
}

int hoard_plant_parse(const char *word, struct hoard_plant *out, struct err *err)
{
	size_t name_bytes;
	const struct kind_row *row = row_find(word, &name_bytes);
	const char *at = strchr(word, '@'), *slash = at ? strchr(at, '/') : NULL;
	uint64_t every = 1;

	if (!row)
		return bad(err, word, "no such plant");
	*out = (struct hoard_plant){.kind = row->kind, .every = 1};
	if (!at)
		return bad(err, word, "it has no @WHEN");
	if (row->sized && size_parse(word, word + name_bytes, at, out, err))
		return -EINVAL;
	if (!row->sized && word + name_bytes != at)
		return bad(err, word, "it takes no size");
	if (when_parse(at + 1, slash ? (size_t)(slash - at - 1) : strlen(at + 1), &out->when))
		return bad(err, word, "no such @WHEN");
	if (slash && (units_parse_u64(slash + 1, &every) || !every || every > EVERY_MAX))
		return bad(err, word, "the N of /N is a whole number from 1 to 1000000");
	out->every = (uint32_t)every;
	return 0;
}
