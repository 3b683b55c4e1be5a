// rooms: base scenario session/recipe session/recipe_schema session/recipe_template session/recipe_prepare session/recipe_start session/child session/scratch
// SPDX-License-Identifier: GPL-2.0-only
/* Any bytes as a recipe: it names itself and its start, or an error names the file; and any bytes as a template. Nothing is started. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "session/recipe_parts.h"

#define NAME "fuzzed.yaml"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
	if (!holds)
		abort();
}

/* Without a line break: what is put into a file or an argument comes from the template and the values alone. */
static void as_template(const char *text)
{
	struct template_vars vars = {0};
	struct buf out = {0};
	char problem[160] = "";

	template_set(&vars, "listen_port", "8080");
	template_set(&vars, "cache", "");
	if (template_expand(&vars, text, &out, problem, sizeof(problem)))
		require(problem[0] != '\0');
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct recipe *recipe = NULL;
	struct err err = {0};
	char *text = malloc(size + 1);

	require(text != NULL);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (recipe_parse(NAME, text, size, &recipe, &err))
		require(strstr(err.text, NAME) && !strpbrk(err.text, "\n\r\x1b"));
	else
		require(recipe_name(recipe)[0] != '\0');
	recipe_free(recipe);
	as_template(text);
	free(text);
	return 0;
}
