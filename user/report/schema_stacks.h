/* SPDX-License-Identifier: GPL-2.0-only */
/* Private to user/report: the schema's part on stacks. */
#ifndef TOLL_REPORT_SCHEMA_STACKS_H
#define TOLL_REPORT_SCHEMA_STACKS_H

/* clang-format off */
#define SCHEMA_STACKS_COUNT(name) \
	"        \"" name "\": {\"type\": \"integer\", \"minimum\": 0},\n"

#define SCHEMA_STACKS_TOP(name, how) \
	"        \"" name "\": {\n" \
	"          \"description\": \"functions by " how ": self is innermost, total is anywhere in the stack; cpu_ is of all samples, toll_ of the phases of the toll\",\n" \
	"          \"type\": \"array\",\n" \
	"          \"items\": {\n" \
	"            \"type\": \"object\",\n" \
	"            \"required\": [\"frame\", \"cpu_self_ns\", \"cpu_total_ns\", \"toll_self_ns\", \"toll_total_ns\"],\n" \
	"            \"properties\": {\n" \
	"              \"frame\": {\"type\": \"string\"},\n" \
	"              \"cpu_self_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"cpu_total_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"toll_self_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"toll_total_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"phases\": {\"description\": \"total by phase\", \"type\": \"object\", \"additionalProperties\": {\"type\": \"integer\", \"minimum\": 0}}\n" \
	"            }\n" \
	"          }\n" \
	"        },\n"

#define SCHEMA_STACKS \
	"    \"stacks\": {\n" \
	"      \"description\": \"where in the gateway's code its time went: a CPU sample stands for its period, a wait for what of it lay in a phase\",\n" \
	"      \"type\": \"object\",\n" \
	"      \"required\": [\"samples\", \"cpu_ns\", \"stacks\", \"top_self\", \"top_total\", \"folded\"],\n" \
	"      \"properties\": {\n" \
	SCHEMA_STACKS_COUNT("samples") \
	SCHEMA_STACKS_COUNT("samples_without_stack") \
	SCHEMA_STACKS_COUNT("samples_in_requests") \
	SCHEMA_STACKS_COUNT("samples_outside_requests") \
	SCHEMA_STACKS_COUNT("cpu_ns") \
	SCHEMA_STACKS_COUNT("toll_ns") \
	SCHEMA_STACKS_COUNT("waits_ns") \
	SCHEMA_STACKS_COUNT("waits_without_stack_ns") \
	SCHEMA_STACKS_COUNT("stacks") \
	SCHEMA_STACKS_COUNT("unwound") \
	SCHEMA_STACKS_COUNT("cut") \
	SCHEMA_STACKS_COUNT("copied") \
	SCHEMA_STACKS_COUNT("lost") \
	SCHEMA_STACKS_COUNT("dropped") \
	SCHEMA_STACKS_COUNT("frames") \
	SCHEMA_STACKS_COUNT("frames_unnamed") \
	SCHEMA_STACKS_TOP("top_self", "self") \
	SCHEMA_STACKS_TOP("top_total", "total; what is in every stack is left out") \
	"        \"folded\": {\n" \
	"          \"description\": \"the heaviest stacks, outermost frame first; without a phase: all CPU samples of the gateway, within requests or not\",\n" \
	"          \"type\": \"array\",\n" \
	"          \"items\": {\n" \
	"            \"type\": \"object\",\n" \
	"            \"required\": [\"frames\", \"ns\"],\n" \
	"            \"properties\": {\n" \
	"              \"phase\": {\"type\": \"string\"},\n" \
	"              \"cause\": {\"type\": \"string\"},\n" \
	"              \"class\": {\"type\": \"string\"},\n" \
	"              \"frames\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}},\n" \
	"              \"ns\": {\"type\": \"integer\", \"minimum\": 0}\n" \
	"            }\n" \
	"          }\n" \
	"        },\n" \
	"        \"folded_rest_ns\": {\"description\": \"weight of the stacks that are not in the list\", \"type\": \"integer\", \"minimum\": 0}\n" \
	"      }\n" \
	"    },\n"
/* clang-format on */

#endif
