/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of the schema that tells of leaks. */
#ifndef TOLL_REPORT_SCHEMA_LEAK_H
#define TOLL_REPORT_SCHEMA_LEAK_H

/* clang-format off */
#define SCHEMA_LEAK \
	"    \"leak\": {\n" \
	"      \"description\": \"what a soak found: growth of the gateway's gauges against requests, 99 % intervals\",\n" \
	"      \"type\": \"object\",\n" \
	"      \"required\": [\"verdict\", \"gauge\", \"gauges\", \"classes\"],\n" \
	"      \"properties\": {\n" \
	"        \"verdict\": {\"enum\": [\"leak\", \"no_leak\", \"inconclusive\"]},\n" \
	"        \"gauge\": {\"description\": \"which gauge the verdict is about\", \"type\": \"string\"},\n" \
	"        \"samples\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"duration_s\": {\"type\": \"number\"},\n" \
	"        \"bytes_per_request\": {\"type\": \"number\"},\n" \
	"        \"per_request_of\": {\"description\": \"the classes whose requests are counted; empty: all\", \"type\": \"array\", \"items\": {\"type\": \"string\"}},\n" \
	"        \"interval\": {\"$ref\": \"#/$defs/interval\"},\n" \
	"        \"smallest_visible_bytes_per_request\": {\"type\": \"number\"},\n" \
	"        \"gauges\": {\n" \
	"          \"type\": \"object\",\n" \
	"          \"additionalProperties\": {\n" \
	"            \"type\": \"object\",\n" \
	"            \"required\": [\"title\", \"unit\", \"verdict\", \"reason\"],\n" \
	"            \"properties\": {\n" \
	"              \"title\": {\"type\": \"string\"},\n" \
	"              \"unit\": {\"enum\": [\"bytes\", \"count\"]},\n" \
	"              \"judged\": {\"description\": \"false: evidence only\", \"type\": \"boolean\"},\n" \
	"              \"verdict\": {\"enum\": [\"leak\", \"no_leak\", \"inconclusive\"]},\n" \
	"              \"reason\": {\"enum\": [\"too_short\", \"too_noisy\", \"flat\", \"levels_off\", \"slows_down\", \"grows_on\", \"stepped\", \"no_new_high\", \"not_measured\"]},\n" \
	"              \"start\": {\"type\": \"number\"}, \"end\": {\"type\": \"number\"},\n" \
	"              \"judged_from_s\": {\"type\": \"number\"},\n" \
	"              \"per_second\": {\"type\": \"number\"}, \"per_second_interval\": {\"$ref\": \"#/$defs/interval\"},\n" \
	"              \"per_request\": {\"type\": \"number\"}, \"per_request_interval\": {\"$ref\": \"#/$defs/interval\"},\n" \
	"              \"smallest_visible_per_request\": {\"type\": \"number\"},\n" \
	"              \"persistence\": {\"description\": \"slope of the second half over that of the first: 1 for a leak, near 0 for a cache\", \"type\": \"number\"},\n" \
	"              \"needs_s\": {\"type\": \"number\"}\n" \
	"            }\n" \
	"          }\n" \
	"        },\n" \
	"        \"classes\": {\n" \
	"          \"type\": \"object\",\n" \
	"          \"additionalProperties\": {\n" \
	"            \"type\": \"object\",\n" \
	"            \"properties\": {\n" \
	"              \"per_request\": {\"type\": \"number\"}, \"interval\": {\"$ref\": \"#/$defs/interval\"}, \"not_told\": {\"type\": \"string\"}\n" \
	"            }\n" \
	"          }\n" \
	"        },\n" \
	"        \"idle_per_second\": {\"type\": \"number\"}, \"idle_interval\": {\"$ref\": \"#/$defs/interval\"},\n" \
	"        \"limit_bytes\": {\"type\": \"number\"}, \"limit_in_s\": {\"type\": \"number\"}, \"limit_in_at_least_s\": {\"type\": \"number\"}\n" \
	"      }\n" \
	"    },\n"
/* clang-format on */

#endif
