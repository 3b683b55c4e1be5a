/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of the result's schema that holds planted costs and what was measured of them: pieces of one string literal. */
#ifndef TOLL_REPORT_SCHEMA_PLANTED_H
#define TOLL_REPORT_SCHEMA_PLANTED_H

/* clang-format off */
#define SCHEMA_PLANTED \
	"    \"planted\": {\n" \
	"      \"description\": \"by side: what the phase took more where it carries the plants\",\n" \
	"      \"type\": \"array\",\n" \
	"      \"items\": {\"$ref\": \"#/$defs/plant\"}\n" \
	"    },\n" \
	"    \"planted_causes\": {\n" \
	"      \"description\": \"each plant: what its cause took more in its phase\",\n" \
	"      \"type\": \"array\",\n" \
	"      \"items\": {\"$ref\": \"#/$defs/plant\"}\n" \
	"    },\n"

#define SCHEMA_PLANT_DEF \
	"    \"plant\": {\n" \
	"      \"type\": \"object\",\n" \
	"      \"required\": [\"text\", \"phase\", \"truth_p50_ns\", \"measured_p50_ns\"],\n" \
	"      \"properties\": {\n" \
	"        \"text\": {\"type\": \"string\"},\n" \
	"        \"phase\": {\"type\": \"string\"},\n" \
	"        \"cause\": {\"type\": \"string\"},\n" \
	"        \"truth_p50_ns\": {\"description\": \"by the gateway's own clocks\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"measured_p50_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"difference_ns\": {\"type\": \"integer\"},\n" \
	"        \"difference_share\": {\"type\": \"number\"}\n" \
	"      }\n" \
	"    },\n"
/* clang-format on */

#endif
