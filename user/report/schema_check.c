// SPDX-License-Identifier: GPL-2.0-only
#include "report/build.h"

#include <errno.h>
#include <string.h>

/* Where the check is in the document; names are borrowed from it. */
struct place {
	const struct place *parent;
	const char *key; /* NULL: index */
	size_t index;
};

struct check {
	const json_t *root;
	bool strict;
	struct err *err;
};

static void place_text(const struct place *p, char *out, size_t size)
{
	if (!p->parent) {
		out[0] = 0;
		return;
	}
	place_text(p->parent, out, size);
	size_t used = strlen(out);
	if (p->key)
		snprintf(out + used, size - used, "%s%.60s", used ? "." : "", p->key);
	else
		snprintf(out + used, size - used, "[%zu]", p->index);
}

__attribute__((format(printf, 3, 4))) static int reject(const struct check *c, const struct place *p, const char *fmt, ...)
{
	char where[256], what[160];
	va_list ap;

	place_text(p, where, sizeof(where));
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_set(c->err, -EINVAL, "%s: %s", where[0] ? where : "document", what);
}

static bool is_of_type(const json_t *value, const char *type)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return !strcmp(type, "object");
	case JSON_ARRAY:
		return !strcmp(type, "array");
	case JSON_STRING:
		return !strcmp(type, "string");
	case JSON_INTEGER:
		return !strcmp(type, "integer") || !strcmp(type, "number");
	case JSON_REAL:
		return !strcmp(type, "number");
	case JSON_TRUE:
	case JSON_FALSE:
		return !strcmp(type, "boolean");
	default:
		return false;
	}
}

/* "#/$defs/NAME" is the only kind of reference that our schema uses. */
static const json_t *resolve(const struct check *c, const json_t *schema)
{
	const char *ref = json_string_value(json_object_get(schema, "$ref"));

	if (!ref)
		return schema;
	return json_object_get(json_object_get(c->root, "$defs"), strrchr(ref, '/') + 1);
}

static int check_value(const struct check *c, const json_t *schema, const json_t *value, const struct place *p);

static int check_object(const struct check *c, const json_t *schema, const json_t *value, const struct place *p)
{
	const json_t *properties = json_object_get(schema, "properties"),
		     *other = json_object_get(schema, "additionalProperties");
	json_t *name, *child;
	const char *key;
	size_t i;

	json_array_foreach (json_object_get(schema, "required"), i, name) {
		if (!json_object_get(value, json_string_value(name)))
			return reject(c, p, "the field \"%s\" is missing", json_string_value(name));
	}
	for (void *it = json_object_iter((json_t *)value); it; it = json_object_iter_next((json_t *)value, it)) {
		key = json_object_iter_key(it);
		child = json_object_iter_value(it);
		struct place here = {.parent = p, .key = key};
		const json_t *rule = json_object_get(properties, key);
		if (!rule)
			rule = other;
		if (!rule && c->strict)
			return reject(c, &here, "the schema does not know this field");
		int r = rule ? check_value(c, rule, child, &here) : 0;
		if (r)
			return r;
	}
	return 0;
}

static int check_enum(const struct check *c, const json_t *allowed, const json_t *value, const struct place *p)
{
	json_t *one;
	size_t i;

	json_array_foreach (allowed, i, one) {
		if (json_equal(one, value))
			return 0;
	}
	if (!allowed)
		return 0;
	return reject(c, p, "\"%.60s\" is none of the values that are possible here",
		      json_is_string(value) ? json_string_value(value) : "this value");
}

static int check_value(const struct check *c, const json_t *schema, const json_t *value, const struct place *p)
{
	json_t *child;
	size_t i;

	schema = resolve(c, schema);
	if (json_is_true(schema)) /* anything goes */
		return 0;
	const char *type = json_string_value(json_object_get(schema, "type"));
	if (type && !is_of_type(value, type))
		return reject(c, p, "this must be of type %s", type);
	const json_t *fixed = json_object_get(schema, "const");
	if (fixed && !json_equal(fixed, value))
		return reject(c, p, "this must be \"%s\"", json_string_value(fixed));
	int r = check_enum(c, json_object_get(schema, "enum"), value, p);
	if (r)
		return r;
	const json_t *minimum = json_object_get(schema, "minimum");
	if (minimum && json_number_value(value) < json_number_value(minimum))
		return reject(c, p, "this must not be below %g", json_number_value(minimum));
	if (json_is_object(value))
		return check_object(c, schema, value, p);
	const json_t *items = json_object_get(schema, "items");
	if (!items)
		return 0;
	json_array_foreach (value, i, child) {
		struct place here = {.parent = p, .index = i};
		r = check_value(c, items, child, &here);
		if (r)
			return r;
	}
	return 0;
}

int schema_check(const json_t *schema, const json_t *doc, bool strict, struct err *err)
{
	struct check c = {.root = schema, .strict = strict, .err = err};
	struct place top = {0};

	return check_value(&c, schema, doc, &top);
}
