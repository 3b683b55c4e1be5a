/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of the result's schema that holds allocator calls: a piece of one string literal. */
#ifndef TOLL_REPORT_SCHEMA_ALLOCATOR_H
#define TOLL_REPORT_SCHEMA_ALLOCATOR_H

/* clang-format off */
#define SCHEMA_ALLOCATOR \
	"    \"allocator\": {\n" \
	"      \"description\": \"calls of the gateway's allocator functions while their probes were on\",\n" \
	"      \"type\": \"object\",\n" \
	"      \"properties\": {\n" \
	"        \"link\": {\"type\": \"string\"},\n" \
	"        \"on_share\": {\"description\": \"of the measured time\", \"type\": \"number\"},\n" \
	"        \"frees_on_share\": {\"description\": \"the same of functions that give back, where that was less: their figures a request are of the requests that ended meanwhile\", \"type\": \"number\"},\n" \
	"        \"requests\": {\"description\": \"that ended while they were on\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"latency_noise_ns\": {\"description\": \"a latency is too long by at most this, in eight of ten calls\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"calls_per_request\": {\"type\": \"number\"},\n" \
	"        \"bytes_per_request\": {\"type\": \"number\"},\n" \
	"        \"time_per_request_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"functions\": {\n" \
	"          \"type\": \"array\",\n" \
	"          \"items\": {\n" \
	"            \"type\": \"object\",\n" \
	"            \"properties\": {\n" \
	"              \"name\": {\"type\": \"string\"},\n" \
	"              \"file\": {\"type\": \"string\"},\n" \
	"              \"allocator\": {\"type\": \"string\"},\n" \
	"              \"probed_instruction\": {\"enum\": [\"stepped\", \"push\", \"nop\", \"jcc\", \"jmp\", \"call\"]},\n" \
	"              \"calls\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"bytes\": {\"description\": \"asked for\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"calls_per_request\": {\"type\": \"number\"},\n" \
	"              \"bytes_per_request\": {\"type\": \"number\"},\n" \
	"              \"returns_seen\": {\"description\": \"the base of failed, time and latency\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"failed\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"unfinished\": {\"description\": \"never returned\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"time_per_request_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"latency\": {\"$ref\": \"#/$defs/dist\"}\n" \
	"            }\n" \
	"          }\n" \
	"        },\n" \
	"        \"notes\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}}\n" \
	"      }\n" \
	"    },\n"

#define SCHEMA_PROBES \
	"    \"probes\": {\n" \
	"      \"description\": \"what the probes took of the gateway's CPU\",\n" \
	"      \"type\": \"object\",\n" \
	"      \"properties\": {\n" \
	"        \"budget\": {\"description\": \"--budget, of the gateway's CPU; absent: no limit\", \"type\": \"number\"},\n" \
	"        \"budget_least_of_a_cpu\": {\"description\": \"so much may be taken even where it is more\", \"type\": \"number\"},\n" \
	"        \"groups\": {\n" \
	"          \"type\": \"object\",\n" \
	"          \"additionalProperties\": {\n" \
	"            \"type\": \"object\",\n" \
	"            \"properties\": {\n" \
	"              \"mode\": {\"enum\": [\"full\", \"sampled\", \"windows\", \"left_out\", \"frees_in_windows\"]},\n" \
	"              \"on_share\": {\"description\": \"of the measured time\", \"type\": \"number\"},\n" \
	"              \"requests\": {\"description\": \"that ended while it was on\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"cpu_share\": {\"description\": \"of the gateway's CPU\", \"type\": \"number\"},\n" \
	"              \"limited_from_s\": {\"description\": \"since when the budget holds it back\", \"type\": \"number\"}\n" \
	"            }\n" \
	"          }\n" \
	"        },\n" \
	"        \"ab\": {\n" \
	"          \"description\": \"gateway CPU per request in windows with and without these groups\",\n" \
	"          \"type\": \"object\",\n" \
	"          \"properties\": {\n" \
	"            \"groups\": {\"type\": \"string\"},\n" \
	"            \"pairs\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"            \"with_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"            \"without_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"            \"difference_ns\": {\"type\": \"number\"},\n" \
	"            \"difference_share\": {\"type\": \"number\"},\n" \
	"            \"interval_share\": {\"description\": \"95 % confidence\", \"type\": \"array\", \"items\": {\"type\": \"number\"}}\n" \
	"          }\n" \
	"        }\n" \
	"      }\n" \
	"    },\n"
/* clang-format on */

#endif
