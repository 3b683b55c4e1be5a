// SPDX-License-Identifier: GPL-2.0-only
#include <math.h>
#include <string.h>

#include "compare/compare.h"
#include "report/report.h"

static const char *const figure_verdicts[] = {
	[FIGURE_CANNOT_TELL] = "cannot_tell",
	[FIGURE_NO_DIFFERENCE] = "no_difference",
	[FIGURE_WORSE] = "worse",
	[FIGURE_BETTER] = "better",
};
static const char *const gate_verdicts[] = {
	[GATE_PASSED] = "passed", [GATE_FAILED] = "failed", [GATE_CANNOT_TELL] = "cannot_tell"};
static const char *const units[] = {
	[FIGURE_NS] = "ns", [FIGURE_PER_S] = "per_s", [FIGURE_SHARE] = "ratio", [FIGURE_BYTES] = "bytes"};

/* NULL where there is no number: json_object_set_new() then leaves the key out. */
static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : NULL;
}

static json_t *figure_json(const struct figure *f)
{
	json_t *row = json_object();

	json_object_set_new(row, "name", report_text(f->name));
	json_object_set_new(row, "unit", json_string(units[f->unit]));
	json_object_set_new(row, "base", number(f->base));
	json_object_set_new(row, "new", number(f->new_));
	json_object_set_new(row, f->is_absolute ? "difference" : "change", number(f->change));
	if (f->has_interval) {
		json_t *interval = json_array();
		json_array_append_new(interval, json_real(f->low));
		json_array_append_new(interval, json_real(f->high));
		json_object_set_new(row, "interval", interval);
	}
	if (f->lag_ns != 0)
		json_object_set_new(row, "taken_off_ns", json_real(f->lag_ns));
	json_object_set_new(row, "verdict", json_string(figure_verdicts[f->verdict]));
	json_object_set_new(row, "words", json_string(figure_verdict_word(f)));
	if (f->reason[0])
		json_object_set_new(row, "reason", report_text(f->reason));
	if (f->is_part)
		json_object_set_new(row, "in_toll", json_boolean(f->is_toll));
	return row;
}

static json_t *gate_json(const struct gate *g)
{
	json_t *row = json_object();

	json_object_set_new(row, "text", report_text(g->text));
	json_object_set_new(row, "verdict", json_string(gate_verdicts[g->verdict]));
	if (g->reason[0])
		json_object_set_new(row, "reason", report_text(g->reason));
	return row;
}

static json_t *method_json(const struct comparison *c)
{
	return json_pack("{s:s, s:f, s:i, s:I, s:f, s:f, s:f, s:[i, i], s:[I, I], s:[f, f]}", "bootstrap", "stationary",
			 "confidence", 0.95, "resamples", (int)c->options.resamples, "seed", (json_int_t)c->options.seed,
			 "run_noise", c->options.run_noise, "tolerance", c->options.tolerance, "factor", c->factor, "blocks",
			 (int)c->blocks[0], (int)c->blocks[1], "block_width_ns", (json_int_t)c->width_ns[0],
			 (json_int_t)c->width_ns[1], "mean_stretch_blocks", c->stretch[0], c->stretch[1]);
}

static json_t *texts(const struct comparison *c, unsigned from, unsigned to)
{
	json_t *array = json_array();

	for (unsigned i = from; i < to; i++)
		json_array_append_new(array, report_text(c->issue[i]));
	return array;
}

json_t *compare_to_json(const struct comparison *c)
{
	json_t *doc = json_object(), *figures = json_array(), *parts = json_array(), *gates = json_array();

	for (unsigned i = 0; i < c->figures; i++)
		json_array_append_new(c->figure[i].is_part ? parts : figures, figure_json(&c->figure[i]));
	for (unsigned i = 0; i < c->gates; i++)
		json_array_append_new(gates, gate_json(&c->gate[i]));
	json_object_set_new(doc, "schema", json_string("toll.compare/1"));
	json_object_set(doc, "base", c->head[0]);
	json_object_set(doc, "new", c->head[1]);
	json_object_set_new(doc, "refused_because", texts(c, 0, c->refusals));
	json_object_set_new(doc, "warnings", texts(c, c->refusals, c->issues));
	if (!c->refusals || c->options.anyway) {
		json_object_set_new(doc, "verdict", json_string(compare_verdict(c)));
		json_object_set_new(doc, "method", method_json(c));
		json_object_set(doc, "figures", figures);
		json_object_set(doc, "where", parts);
		json_object_set(doc, "gates", gates);
	}
	json_decref(figures);
	json_decref(parts);
	json_decref(gates);
	return doc;
}

/* clang-format off */
static const char schema_text[] =
	"{\n"
	"  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
	"  \"title\": \"toll.compare/1\",\n"
	"  \"description\": \"Two results against each other. Without verdict, method, figures, where and gates: the comparison was refused.\",\n"
	"  \"type\": \"object\",\n"
	"  \"required\": [\"schema\", \"base\", \"new\", \"refused_because\", \"warnings\"],\n"
	"  \"properties\": {\n"
	"    \"schema\": {\"const\": \"toll.compare/1\"},\n"
	"    \"base\": {\"type\": \"object\", \"additionalProperties\": true},\n"
	"    \"new\": {\"type\": \"object\", \"additionalProperties\": true},\n"
	"    \"refused_because\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}},\n"
	"    \"warnings\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}},\n"
	"    \"verdict\": {\n"
	"      \"description\": \"of the toll, or of latency where the toll was not measured\",\n"
	"      \"enum\": [\"slower\", \"faster\", \"mixed\", \"no_difference\", \"cannot_tell\"]\n"
	"    },\n"
	"    \"method\": {\"description\": \"how the intervals were made; they hold together\", \"type\": \"object\", \"additionalProperties\": true},\n"
	"    \"figures\": {\"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/figure\"}},\n"
	"    \"where\": {\"description\": \"phases and causes, mean per request\", \"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/figure\"}},\n"
	"    \"gates\": {\n"
	"      \"type\": \"array\",\n"
	"      \"items\": {\n"
	"        \"type\": \"object\",\n"
	"        \"required\": [\"text\", \"verdict\"],\n"
	"        \"properties\": {\n"
	"          \"text\": {\"type\": \"string\"},\n"
	"          \"verdict\": {\"enum\": [\"passed\", \"failed\", \"cannot_tell\"]},\n"
	"          \"reason\": {\"type\": \"string\"}\n"
	"        }\n"
	"      }\n"
	"    }\n"
	"  },\n"
	"  \"$defs\": {\n"
	"    \"figure\": {\n"
	"      \"type\": \"object\",\n"
	"      \"required\": [\"name\", \"unit\", \"verdict\", \"words\"],\n"
	"      \"properties\": {\n"
	"        \"name\": {\"type\": \"string\"},\n"
	"        \"unit\": {\"enum\": [\"ns\", \"per_s\", \"ratio\", \"bytes\"]},\n"
	"        \"base\": {\"type\": \"number\"},\n"
	"        \"new\": {\"type\": \"number\"},\n"
	"        \"change\": {\"description\": \"relative to base, less what taken_off_ns explains\", \"type\": \"number\"},\n"
	"        \"difference\": {\"description\": \"new less base, in the unit\", \"type\": \"number\"},\n"
	"        \"interval\": {\"description\": \"of the change or the difference; absent: one figure a run, or too few blocks\", \"type\": \"array\", \"items\": {\"type\": \"number\"}},\n"
	"        \"taken_off_ns\": {\"description\": \"what the driver's own lag grew by between the two runs, for each wake-up that the figure holds\", \"type\": \"number\"},\n"
	"        \"verdict\": {\"enum\": [\"worse\", \"better\", \"no_difference\", \"cannot_tell\"]},\n"
	"        \"words\": {\"type\": \"string\"},\n"
	"        \"reason\": {\"type\": \"string\"},\n"
	"        \"in_toll\": {\"type\": \"boolean\"}\n"
	"      }\n"
	"    }\n"
	"  }\n"
	"}\n";
/* clang-format on */

const char *compare_schema(void)
{
	return schema_text;
}
