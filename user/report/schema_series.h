/* SPDX-License-Identifier: GPL-2.0-only */
/* Private to user/report: the schema's parts on what goes over time. */
#ifndef TOLL_REPORT_SCHEMA_SERIES_H
#define TOLL_REPORT_SCHEMA_SERIES_H

/* clang-format off */
#define SCHEMA_COLUMN \
	"    \"column\": {\"type\": \"array\", \"items\": {\"type\": [\"number\", \"null\"]}},\n"

#define SCHEMA_SERIES \
	"    \"series\": {\n" \
	"      \"description\": \"how the run went over time: value i of each column is of the time from i to i+1 steps after the load's start; requests count where they ended; null: not measured there\",\n" \
	"      \"type\": \"object\",\n" \
	"      \"required\": [\"step_s\", \"points\", \"bands\"],\n" \
	"      \"properties\": {\n" \
	"        \"step_s\": {\"type\": \"number\"},\n" \
	"        \"points\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"sent_per_s\": {\"$ref\": \"#/$defs/column\"},\n" \
	"        \"ended_per_s\": {\"$ref\": \"#/$defs/column\"},\n" \
	"        \"errors_per_s\": {\"$ref\": \"#/$defs/column\"},\n" \
	"        \"joined_per_s\": {\"$ref\": \"#/$defs/column\"},\n" \
	"        \"in_flight\": {\"$ref\": \"#/$defs/column\"},\n" \
	"        \"latency_p50_ns\": {\"$ref\": \"#/$defs/column\"},\n" \
	"        \"latency_p99_ns\": {\"$ref\": \"#/$defs/column\"},\n" \
	"        \"toll_p50_ns\": {\"$ref\": \"#/$defs/column\"},\n" \
	"        \"toll_p99_ns\": {\"$ref\": \"#/$defs/column\"},\n" \
	"        \"driver_lag_p99_ns\": {\"$ref\": \"#/$defs/column\"},\n" \
	"        \"gateway_cpu_cores\": {\"$ref\": \"#/$defs/column\"},\n" \
	"        \"gateway_rss_bytes\": {\"$ref\": \"#/$defs/column\"},\n" \
	"        \"gateway_swap_bytes\": {\"$ref\": \"#/$defs/column\"},\n" \
	"        \"gateway_threads\": {\"$ref\": \"#/$defs/column\"},\n" \
	"        \"gateway_fds\": {\"$ref\": \"#/$defs/column\"},\n" \
	"        \"gateway_processes\": {\"$ref\": \"#/$defs/column\"},\n" \
	"        \"gateway_unread_bytes\": {\"$ref\": \"#/$defs/column\"},\n" \
	"        \"gateway_accept_queue\": {\"$ref\": \"#/$defs/column\"},\n" \
	"        \"bands\": {\n" \
	"          \"type\": \"array\",\n" \
	"          \"items\": {\n" \
	"            \"type\": \"object\",\n" \
	"            \"required\": [\"kind\", \"name\", \"from_s\", \"to_s\"],\n" \
	"            \"properties\": {\n" \
	"              \"kind\": {\"enum\": [\"warmup\", \"stage\", \"fault\"]},\n" \
	"              \"name\": {\"type\": \"string\"},\n" \
	"              \"from_s\": {\"type\": \"number\"},\n" \
	"              \"to_s\": {\"type\": \"number\"}\n" \
	"            }\n" \
	"          }\n" \
	"        }\n" \
	"      }\n" \
	"    },\n"

#define SCHEMA_TRACES \
	"    \"traces\": {\n" \
	"      \"description\": \"a sample of the joined requests, each with the same chance to be in it\",\n" \
	"      \"type\": \"array\",\n" \
	"      \"items\": {\"$ref\": \"#/$defs/exemplar\"}\n" \
	"    },\n"

#define SCHEMA_SPANS \
	"        \"at_s\": {\"description\": \"when it was due, since the load's start\", \"type\": \"number\", \"minimum\": 0},\n" \
	"        \"spans\": {\n" \
	"          \"description\": \"the phases as stretches of time since the request was due, in order, without gaps\",\n" \
	"          \"type\": \"array\",\n" \
	"          \"items\": {\n" \
	"            \"type\": \"object\",\n" \
	"            \"required\": [\"phase\", \"from_ns\", \"to_ns\"],\n" \
	"            \"properties\": {\n" \
	"              \"phase\": {\"type\": \"string\"},\n" \
	"              \"from_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"to_ns\": {\"type\": \"integer\", \"minimum\": 0}\n" \
	"            }\n" \
	"          }\n" \
	"        },\n"
/* clang-format on */

#endif
