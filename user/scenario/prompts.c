/* SPDX-License-Identifier: GPL-2.0-only */
#include "scenario/prompts.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_text.h"
#include "scenario/data_file.h"

#define TOKENS_MAX 1000000

static int text_put(struct prompts *p, const json_t *text)
{
	return json_text_escape(&p->text, json_string_value(text), json_string_length(text));
}

/* A text, or the texts of a list of parts (images and the like are left out). */
static int content_put(struct prompts *p, const json_t *content)
{
	const json_t *part;
	size_t i;
	int r = 0;

	if (json_is_string(content))
		return text_put(p, content);
	if (!json_is_array(content))
		return -EINVAL;
	json_array_foreach (content, i, part) {
		const json_t *text = json_object_get(part, "text");

		if (json_is_string(text) && !r)
			r = text_put(p, text);
	}
	return r;
}

static struct prompt_turn *turn_add(struct prompts *p)
{
	struct prompt_turn *grown = data_grow(p->turn, p->turns, sizeof(*p->turn));

	if (!grown)
		return NULL;
	p->turn = grown;
	p->turn[p->turns] = (struct prompt_turn){.before_at = (uint32_t)p->text.used};
	return &p->turn[p->turns++];
}

/* A message of somebody else's, as it will be sent. */
static int other_put(struct prompts *p, const json_t *message, const char *role, const char *content)
{
	char *whole = content ? NULL : json_dumps(message, JSON_COMPACT);
	int r = whole || content ? 0 : -ENOMEM;

	if (!r && whole)
		r = buf_append(&p->text, whole, strlen(whole));
	if (!r && content) {
		r = buf_printf(&p->text, "{\"role\":\"%s\",\"content\":\"", role);
		if (!r)
			r = json_text_escape(&p->text, content, strlen(content));
		if (!r)
			r = buf_append(&p->text, "\"}", 2);
	}
	free(whole);
	return r ? r : buf_append(&p->text, ",", 1);
}

static int user_put(struct prompts *p, const json_t *content, size_t before_at)
{
	struct prompt_turn *turn = turn_add(p);
	int r;

	if (!turn)
		return -ENOMEM;
	turn->before_at = (uint32_t)before_at;
	turn->text_at = (uint32_t)p->text.used;
	turn->before_bytes = turn->text_at - turn->before_at;
	r = content_put(p, content);
	turn->text_bytes = (uint32_t)(p->text.used - turn->text_at);
	p->text_bytes += turn->before_bytes + turn->text_bytes;
	return r;
}

static const char *share_gpt_role(const char *from)
{
	if (strcmp(from, "system") == 0)
		return "system";
	return strcmp(from, "human") == 0 || strcmp(from, "user") == 0 ? "user" : "assistant";
}

/* Those behind the user's last message are left out: the answer to it is the gateway's. */
static int messages_put(struct prompts *p, const json_t *list, bool share_gpt)
{
	size_t before_at = p->text.used, i;
	const json_t *message;
	int r = 0;

	json_array_foreach (list, i, message) {
		const char *role = json_string_value(json_object_get(message, share_gpt ? "from" : "role"));
		const json_t *content = json_object_get(message, share_gpt ? "value" : "content");

		if (!role || (share_gpt && !json_is_string(content)))
			return -EINVAL;
		role = share_gpt ? share_gpt_role(role) : role;
		if (strcmp(role, "user") == 0) {
			r = user_put(p, content, before_at);
			before_at = p->text.used;
		} else {
			r = other_put(p, message, role, share_gpt ? json_string_value(content) : NULL);
		}
		if (r)
			return r;
	}
	p->text.used = before_at;
	return 0;
}

static int row_put(struct prompts *p, const json_t *json)
{
	const json_t *prompt = json_object_get(json, "prompt"), *messages = json_object_get(json, "messages");
	const json_t *conversations = json_object_get(json, "conversations"), *tokens = json_object_get(json, "max_tokens");
	struct prompt_row *grown = data_grow(p->row, p->rows, sizeof(*p->row));
	struct prompt_row row = {.first_turn = p->turns};
	json_int_t n;
	int r = -EINVAL;

	if (!grown)
		return -ENOMEM;
	p->row = grown;
	if (json_is_string(prompt))
		r = user_put(p, prompt, p->text.used);
	else if (json_is_array(messages) || json_is_array(conversations))
		r = messages_put(p, json_is_array(messages) ? messages : conversations, !json_is_array(messages));
	row.turns = p->turns - row.first_turn;
	if (r || !row.turns)
		return r ? r : -EINVAL;
	n = json_integer_value(tokens ? tokens : json_object_get(json, "output_length"));
	row.max_tokens = n > 0 && n <= TOKENS_MAX ? (uint32_t)n : 0;
	p->row[p->rows++] = row;
	return 0;
}

static int line_put(void *ctx, const char *line, size_t bytes, unsigned number, const char *path, struct err *err)
{
	struct prompts *p = ctx;
	json_error_t why;
	json_t *json;
	int r;

	(void)number;
	if (p->rows == PROMPTS_ROWS_MAX)
		return data_error(err, path, number, "more than %u rows; expected fewer", PROMPTS_ROWS_MAX);
	json = json_loadb(line, bytes, 0, &why);
	if (!json)
		return data_error(err, path, number, "no JSON object (%.100s); expected one object a line", why.text);
	r = row_put(p, json);
	json_decref(json);
	if (r == -EINVAL)
		return data_error(
			err, path, number,
			"no prompt; expected \"prompt\": TEXT, or \"messages\" or \"conversations\" with one of the user's");
	return r ? err_set(err, r, "%s: out of memory while reading it", path) : 0;
}

int prompts_read(struct prompts **out, const char *path, struct err *err)
{
	struct prompts *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_set(err, -ENOMEM, "%s: out of memory while reading it", path);
	p->text.max = UINT32_MAX;
	r = data_lines(path, PROMPTS_BYTES_MAX, line_put, p, err);
	if (!r && !p->rows)
		r = err_set(err, -EINVAL, "%s: no prompt in it; expected one JSON object a line", path);
	if (r) {
		prompts_free(p);
		return r;
	}
	*out = p;
	return 0;
}

void prompts_free(struct prompts *p)
{
	if (!p)
		return;
	buf_fini(&p->text);
	free(p->turn);
	free(p->row);
	free(p);
}
