/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the result's schema that hold planted costs, and what the gateway says itself, beside what was measured: pieces of one string literal. */
#ifndef TOLL_REPORT_SCHEMA_PLANTED_H
#define TOLL_REPORT_SCHEMA_PLANTED_H

/* clang-format off */
#define SCHEMA_PLANTED \
	"    \"overhead_headers\": {\n" \
	"      \"description\": \"by header: what the gateway says that it took, and the toll of the same requests\",\n" \
	"      \"type\": \"object\",\n" \
	"      \"additionalProperties\": {\n" \
	"        \"type\": \"object\",\n" \
	"        \"properties\": {\n" \
	"          \"requests\": {\"description\": \"whose answers had it\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"          \"above\": {\"description\": \"of them those that were told more than the toll\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"          \"told\": {\"$ref\": \"#/$defs/dist\"},\n" \
	"          \"toll\": {\"$ref\": \"#/$defs/dist\"},\n" \
	"          \"beyond\": {\"description\": \"toll less what was told, request by request; 0 where that was more\", \"$ref\": \"#/$defs/dist\"}\n" \
	"        }\n" \
	"      }\n" \
	"    },\n" \
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
